"""A physics-informed network: Burgers' equation u_t + u u_x = nu u_xx, by its residual."""

from __future__ import annotations

import flambeau as torch
from flambeau import nn

VISCOSITY = 0.01 / torch.pi


def slope(u: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """du/dx, itself differentiable."""
    return torch.autograd.grad(u, x, torch.ones_like(u), create_graph=True)[0]


def main(steps: int = 150) -> list[float]:
    """Train; return the losses."""
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Linear(2, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 1))
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    begin = torch.linspace(-1, 1, 32)[:, None]
    losses = []
    for _ in range(steps):
        x = torch.empty(64, 1).uniform_(-1, 1).requires_grad_()
        t = torch.rand(64, 1, requires_grad=True)
        u = net(torch.cat([x, t], 1))
        u_x = slope(u, x)
        residual = slope(u, t) + u * u_x - VISCOSITY * slope(u_x, x)
        at_begin = net(torch.cat([begin, torch.zeros_like(begin)], 1))
        loss = residual.square().mean() + (at_begin + torch.sin(torch.pi * begin)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    return losses


if __name__ == "__main__":
    main()
