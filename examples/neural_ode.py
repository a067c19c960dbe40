"""A neural differential equation: a network is the derivative, Runge-Kutta the forward pass."""

from __future__ import annotations

import flambeau as torch
from flambeau import nn


def rk4(f, y: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
    """The states at `times`, by the classical method of fourth order."""
    states = [y]
    for h in times.diff():
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        states.append(y)
    return torch.stack(states)


def main(steps: int = 150) -> list[float]:
    """Learn a spiral from its path; return the losses."""
    torch.manual_seed(0)
    matrix = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
    start, times = torch.tensor([[2.0, 0.0]]), torch.linspace(0, 1.5, 16)
    path = rk4(lambda y: y @ matrix, start, times)
    field = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 2))
    optimizer = torch.optim.Adam(field.parameters(), lr=1e-2)
    losses = []
    for _ in range(steps):
        loss = (rk4(field, start, times) - path).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"mean error {losses[0]:.3f} -> {losses[-1]:.3f}")
    return losses


if __name__ == "__main__":
    main()
