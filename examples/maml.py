"""MAML: first weights from which one gradient step fits any sine wave."""

from __future__ import annotations

import flambeau as torch
from flambeau import nn
from flambeau.func import functional_call
from flambeau.nn.functional import mse_loss


def wave():
    """Points of a sine of random amplitude and phase."""
    amplitude, phase = 0.1 + 4.9 * torch.rand(1), torch.pi * torch.rand(1)
    x = torch.empty(20, 1).uniform_(-5, 5)
    return x, amplitude * torch.sin(x + phase)


def main(steps: int = 150) -> list[float]:
    """Meta-train; return the losses after the inner step."""
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Linear(1, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 1))
    )
    weights = dict(model.named_parameters())
    optimizer = torch.optim.Adam(weights.values(), lr=3e-3)
    losses = []
    for _ in range(steps):
        total = torch.zeros(())
        for _ in range(5):
            x, y = wave()
            loss = mse_loss(functional_call(model, weights, (x[:10],)), y[:10])
            slopes = torch.autograd.grad(loss, weights.values(), create_graph=True)
            near = {k: w - 0.01 * g for (k, w), g in zip(weights.items(), slopes, strict=True)}
            total = total + mse_loss(functional_call(model, near, (x[10:],)), y[10:]) / 5
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        losses.append(total.item())
    print(f"loss after one step on a new wave: {losses[0]:.3f} -> {losses[-1]:.3f}")
    return losses


if __name__ == "__main__":
    main()
