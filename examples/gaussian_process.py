"""Gaussian-process regression: hyperparameters by gradient descent through a Cholesky factor."""

from __future__ import annotations

import flambeau as torch


def kernel(a: torch.Tensor, b: torch.Tensor, length: torch.Tensor, scale: torch.Tensor):
    """The squared-exponential kernel."""
    return scale**2 * torch.exp(-0.5 * torch.cdist(a / length, b / length) ** 2)


def main(steps: int = 100) -> list[float]:
    """Fit a noisy sine; return the negative log-likelihoods."""
    torch.manual_seed(0)
    x = torch.linspace(0, 6, 25, dtype=torch.float64)[:, None]
    y = torch.sin(x) + 0.1 * torch.randn(25, 1, dtype=torch.float64)
    logs = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([logs], lr=0.1)
    losses = []
    for _ in range(steps):
        length, scale, noise = logs.exp()
        factor = torch.linalg.cholesky(kernel(x, x, length, scale) + noise**2 * torch.eye(25))
        weights = torch.cholesky_solve(y, factor)
        loss = 0.5 * (y * weights).sum() + factor.diagonal().log().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    at = torch.tensor([[1.5]], dtype=torch.float64)
    with torch.no_grad():
        mean = kernel(at, x, length, scale) @ weights
    print(f"noise {noise.item():.3f}; at 1.5: {mean.item():.3f}, sin is {torch.sin(at).item():.3f}")
    return losses


if __name__ == "__main__":
    main()
