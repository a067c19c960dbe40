"""k-means, and principal components by a singular value decomposition."""

from __future__ import annotations

import flambeau as torch


def k_means(x: torch.Tensor, k: int, rounds: int):
    """The centres, and the mean distance to them, round by round."""
    centres = x[torch.randperm(len(x))[:k]]
    distances = []
    for _ in range(rounds):
        nearest = torch.cdist(x, centres).min(dim=1)
        distances.append(nearest.values.mean().item())
        index = nearest.indices[:, None].expand_as(x)
        centres = centres.scatter_reduce(0, index, x, "mean", include_self=False)
    return centres, distances


def main(steps: int = 10) -> list[float]:
    """Find three clouds in 5 dimensions; return the mean distances."""
    torch.manual_seed(0)
    x = torch.cat([torch.randn(100, 5) + 6 * torch.randn(5) for _ in range(3)])
    _, singular, directions = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    share = singular**2 / singular.square().sum()
    flat = x @ directions[:2].mT
    centres, distances = k_means(flat, 3, steps)
    print(f"two directions hold {share[:2].sum():.1%} of the variance; centres:\n{centres}")
    return distances


if __name__ == "__main__":
    main()
