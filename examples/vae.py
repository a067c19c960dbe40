"""A variational autoencoder of random stripes, 8 x 8 pixels."""

from __future__ import annotations

import flambeau as torch
from flambeau import nn
from flambeau.distributions import Normal, kl_divergence
from flambeau.nn import functional as F


class VAE(nn.Module):
    """64 pixels to 4 numbers and back."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8))
        self.decoder = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64))

    def forward(self, x):
        mean, log_std = self.encoder(x).chunk(2, dim=-1)
        posterior = Normal(mean, log_std.exp())
        return self.decoder(posterior.rsample()), posterior


def stripes(n: int) -> torch.Tensor:
    """Images of stripes: rows or columns, each on or off."""
    rows = (torch.rand(n, 8, 1) < 0.5).float().expand(n, 8, 8)
    return torch.where(torch.rand(n, 1, 1) < 0.5, rows, rows.mT).flatten(1)


def main(steps: int = 200) -> list[float]:
    """Train; return the losses."""
    torch.manual_seed(0)
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(steps):
        x = stripes(64)
        scores, posterior = model(x)
        error = F.binary_cross_entropy_with_logits(scores, x, reduction="sum")
        loss = (error + kl_divergence(posterior, Normal(0.0, 1.0)).sum()) / len(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(f"negative ELBO {losses[0]:.2f} -> {losses[-1]:.2f}")
    return losses


if __name__ == "__main__":
    main()
