"""Edges, equal bins and counts, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.kernels.array import bins

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i4", "i2", "i1"])
@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 100])
@pytest.mark.parametrize("right", [False, True])
def test_searching(dtype: str, count: int, right: bool) -> None:
    rng = np.random.default_rng(count)
    side = "right" if right else "left"
    for size in (1, 7, 8, 9, 1000):
        edges = np.sort(rng.integers(-50, 50, (3, count)), -1).astype(dtype)
        values = rng.integers(-60, 60, (3, size)).astype(dtype)
        if dtype[0] == "f":
            values[:, ::5] = (np.inf,)
            edges[:, -1] = np.inf
        found = bins.searched(edges[0], values, right)
        assert np.array_equal(found, np.searchsorted(edges[0], values, side))
        found = bins.searched(edges, values, right)
        assert np.array_equal(found, [np.searchsorted(e, v, side) for e, v in zip(edges, values)])


def test_many_are_shared_among_threads(each_number_of_threads) -> None:
    rng = np.random.default_rng(0)
    edges, values = np.sort(rng.random(1000)), rng.random((300, 400))
    expected = np.searchsorted(edges, values)
    x = rng.standard_normal(300_001).astype(np.float32)
    weights = rng.random(x.size)
    index = rng.integers(0, 50, x.size)
    first = bins.counted(index, 60, weights).tobytes()
    for _ in each_number_of_threads:
        assert np.array_equal(bins.searched(edges, values, False), expected)
        assert bins.counted(index, 60, weights).tobytes() == first
        assert np.array_equal(bins.counted(index, 60), np.bincount(index, minlength=60))


def test_nan_lies_behind_all_edges() -> None:
    x = torch.tensor([float("nan"), 1.0])
    assert torch.bucketize(x, torch.tensor([0.0, 2.0])).tolist() == [2, 1]
    assert torch.bucketize(x, torch.tensor([0.0, 2.0]), right=True).tolist() == [2, 1]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("count", [1, 2, 10, 50, 1000])
@pytest.mark.parametrize("size", [1, 15, 1000, 200_000])
def test_equal_bins(dtype: str, count: int, size: int) -> None:
    rng = np.random.default_rng(size)
    x = (rng.standard_normal(size) * 2).astype(dtype)
    x[::3] = np.round(x[::3], 1)
    edges = np.linspace(-3, 3, count + 1).astype(dtype)
    x[: min(size, count + 1)] = edges[: min(size, count + 1)]
    if size > 1000:
        x[-4:] = np.nan, np.inf, -np.inf, 3
    found = bins.binned(x, edges)
    place = np.searchsorted(edges, x, "right") - 1
    place[x == edges[-1]] = count - 1
    inside = (x >= edges[0]) & (x <= edges[-1])
    assert np.array_equal(found, np.bincount(place[inside], minlength=count))


def test_edges_that_the_dtype_cannot_tell_apart() -> None:
    edges = np.linspace(1e6, 1e6 + 1, 1001).astype(np.float32)
    assert bins.binned(np.full(9, 1e6, np.float32), edges) is NotImplemented
    x = torch.full((9,), 1e6)
    assert torch.histc(x, 1000, 1e6, 1e6 + 1).sum().item() == 9


def test_counting() -> None:
    rng = np.random.default_rng(3)
    for size, count in ((65, 1), (70, 9), (1000, 30000), (200_000, 7)):
        index, weights = rng.integers(0, count, size), rng.random(size)
        assert np.array_equal(bins.counted(index, count), np.bincount(index, minlength=count))
        found = bins.counted(index, count, weights)
        assert np.allclose(found, np.bincount(index, weights, count), rtol=1e-12, atol=0)
    with pytest.raises(IndexError):
        bins.counted(np.append(np.zeros(100, np.int64), 5), 5)
    assert bins.counted(np.zeros(bins.FEW_NUMBERS, np.int64), 5) is NotImplemented
