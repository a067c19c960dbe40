"""A Wasserstein GAN with gradient penalty: learns points on a ring."""

from __future__ import annotations

import flambeau as torch
from flambeau import nn


def mlp(inputs: int, outputs: int) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(
        *(nn.Linear(inputs, 32), nn.LeakyReLU(0.2), nn.Linear(32, 32), nn.LeakyReLU(0.2)),
        nn.Linear(32, outputs),
    )


def ring(n: int) -> torch.Tensor:
    """Points near the unit circle."""
    angle = 2 * torch.pi * torch.rand(n)
    return torch.stack([angle.cos(), angle.sin()], 1) + 0.02 * torch.randn(n, 2)


def penalty(critic: nn.Module, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """How far the critic's slope between real and fake points is from 1."""
    mix = torch.rand(len(real), 1)
    between = (mix * real + (1 - mix) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((slope.norm(dim=1) - 1) ** 2).mean()


def main(steps: int = 300) -> list[float]:
    """Train; return how far the generated points' radius is from 1."""
    torch.manual_seed(0)
    generator, critic = mlp(4, 2), mlp(2, 1)
    for_generator = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.0, 0.9))
    for_critic = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.0, 0.9))
    errors = []
    for _ in range(steps):
        for _ in range(3):
            real, fake = ring(64), generator(torch.randn(64, 4)).detach()
            loss = critic(fake).mean() - critic(real).mean() + 10 * penalty(critic, real, fake)
            for_critic.zero_grad()
            loss.backward()
            for_critic.step()
        fake = generator(torch.randn(64, 4))
        for_generator.zero_grad()
        (-critic(fake).mean()).backward()
        for_generator.step()
        errors.append((fake.detach().norm(dim=1) - 1).abs().mean().item())
    print(f"mean distance from the ring {errors[0]:.3f} -> {errors[-1]:.3f}")
    return errors


if __name__ == "__main__":
    main()
