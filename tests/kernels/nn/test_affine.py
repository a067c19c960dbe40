"""Regular grids sent through affine maps, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.ops.nn.grid_sample import _axis, _mapped

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
SIZES = [(2, 3, 5, 7), (1, 1, 1, 1), (2, 1, 3, 4, 5), (3, 2, 60, 80)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("aligned", [False, True])
def test_points(size: tuple[int, ...], aligned: bool) -> None:
    n = len(size) - 2
    theta = torch.tensor(np.random.default_rng(n).standard_normal((size[0], n, n + 1)))
    found = torch.nn.functional.affine_grid(theta, size, align_corners=aligned)
    axes = [_axis(m, aligned) for m in size[:1:-1]]
    assert np.allclose(found.numpy(), _mapped(theta.numpy(), axes), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("size", SIZES[:3])
def test_derivatives_of_both_orders(size: tuple[int, ...]) -> None:
    n = len(size) - 2
    theta = torch.randn(size[0], n, n + 1, dtype=torch.float64, requires_grad=True)

    def function(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.affine_grid(x, size, align_corners=False) ** 2

    assert torch.autograd.gradcheck(function, (theta,))
    assert torch.autograd.gradgradcheck(function, (theta,))
