"""Distances of rows, against float64 with NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.kernels.nn import distance

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
SIZES = [(1, 1, 1), (3, 5, 7), (4, 32, 33), (5, 33, 31), (40, 70, 130), (4, 31, 0)]


def reference(x, y, p: float):
    gap = np.abs(x.astype(float)[..., :, None, :] - y.astype(float)[..., None, :, :])
    if p == 0:
        return (gap != 0).sum(-1)
    return gap.max(-1) if p == math.inf else (gap**p).sum(-1) ** (1 / p)


@pytest.mark.parametrize("p", [0, 1, 2, math.inf])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("size", SIZES)
def test_distances(p: float, dtype: str, size: tuple[int, int, int]) -> None:
    m, n, k = size
    rng = np.random.default_rng(m)
    for lead in ((), (3,), (2, 2)):
        x, y = (rng.integers(-99, 99, (*lead, r, k)).astype(dtype) / 8 for r in (m, n))
        found = distance.between(x, y, p)
        if not k:
            assert found is NotImplemented
            continue
        assert np.allclose(found, reference(x, y, p), rtol=3e-7 if dtype == "f4" else 1e-15, atol=0)
    x = y
    if n > 1 and k:
        x = x.reshape(-1, k)[:n]
        expected = reference(x, x, p)[np.triu_indices(len(x), 1)]
        assert np.allclose(distance.among(x, p), expected, rtol=3e-7, atol=0)


def test_threads_change_no_bit(each_number_of_threads) -> None:
    x = np.random.default_rng(0).random((300, 50), np.float32)
    first = distance.between(x, x, 2).tobytes()
    for _ in each_number_of_threads:
        assert distance.between(x, x, 2).tobytes() == first


def test_squares_that_leave_their_range() -> None:
    for scale in (1e25, 1e-25):
        x = torch.tensor([[3.0, 0.0], [0.0, 0.0]]) * scale
        y = torch.tensor([[0.0, 4.0]]) * scale
        assert torch.cdist(x, y)[0, 0].item() == pytest.approx(5 * scale, rel=1e-6)
        assert torch.nn.functional.pdist(x).item() == pytest.approx(3 * scale, rel=1e-6)
    x = torch.tensor([[3.0, 0.0], [0.0, 0.0]])
    assert torch.cdist(x, x).tolist() == [[0, 3], [3, 0]]


def test_what_is_no_number() -> None:
    x = torch.tensor([[math.nan, 1.0], [math.inf, 1.0], [1.0, 1.0]])
    y = torch.zeros(1, 2)
    for p in (1.0, 2.0, math.inf):
        found = torch.cdist(x, y, p)[:, 0].tolist()
        assert math.isnan(found[0])
        assert found[1] == math.inf


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("offset", [0.0, 0.5, 30.0])
@pytest.mark.parametrize("shape", [(201, 203, 64), (3, 90, 130, 75)])
def test_by_products(dtype, offset, shape, each_number_of_threads) -> None:
    """Rows that lie close together are summed up again; where many do, all are."""
    from flambeau.kernels.nn import distance_by_product

    rng = np.random.default_rng(1)
    *lead, m, n, k = shape
    x = (rng.standard_normal((*lead, m, k)) + offset).astype(dtype)
    y = (rng.standard_normal((*lead, n, k)) + offset).astype(dtype)
    y[..., :3, :] = x[..., :3, :]
    y[..., 3, :] = x[..., 3, :] * (1 + 1e-4)
    differences = x.astype("f8")[..., :, None, :] - y.astype("f8")[..., None, :, :]
    expected = np.sqrt((differences**2).sum(-1))
    assert (distance_by_product.between(x, y) is None) == (offset == 30)
    for _ in each_number_of_threads:
        found = distance.between(x, y, 2)
        np.testing.assert_allclose(found, expected, rtol=3e-6 if dtype == "f4" else 1e-14)
    x[..., 0, 0] = np.inf if dtype == "f8" else 1e25
    assert distance_by_product.between(x, y) is None
