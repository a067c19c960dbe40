"""Numbers at equal distances and triangles of indices, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.kernels.array import ramp

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 1001, 70_000])
def test_numbers_between(dtype: str, count: int, each_number_of_threads) -> None:
    start, end, step, half = -1.5, 3.25, 0.125, count // 2
    i = np.arange(count)
    exact = np.where(i < half, start + i * step, end - (count - 1 - i) * step)  # no rounding here
    for _ in each_number_of_threads:
        found = ramp.between(start, end, step, count, half, np.dtype(dtype))
        assert np.array_equal(found, exact.astype(dtype))


@pytest.mark.parametrize("size", [(40, 60), (60, 40), (1, 2000), (2000, 1), (300, 300)])
@pytest.mark.parametrize("offset", [-70, -3, 0, 1, 30, 70])
def test_triangles(size: tuple[int, int], offset: int) -> None:
    for name in ("tril", "triu"):
        found = getattr(torch, f"{name}_indices")(*size, offset).numpy()
        assert np.array_equal(found, getattr(np, f"{name}_indices")(size[0], offset, size[1]))


def test_whole_numbers() -> None:
    assert torch.arange(0.0, 1000.0).tolist() == list(range(1000))
    assert torch.arange(5.0, -1000.0, -3.0).tolist() == list(range(5, -1000, -3))
