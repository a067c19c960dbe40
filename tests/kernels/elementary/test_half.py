"""Whole arrays of half types as float32 and back, against NumPy's conversions."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.kernels.elementary.half import BLOCK, FLOAT32, as_type

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
HALVES = [torch.bfloat16, torch.float16]
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1e-7, -6e-8, 1e-40, 65519.9, 3.39e38, 1.0]


def same(x, y):
    assert x.dtype == y.dtype
    assert x.strides == y.strides
    x, y = x.astype(np.float64), y.astype(np.float64)
    np.testing.assert_array_equal(x, y)
    np.testing.assert_array_equal(np.signbit(x[x == 0]), np.signbit(y[y == 0]))


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("size", [1, 63, 64, 65, 1000, BLOCK - 1, BLOCK + 17])
def test_values(dtype, size):
    with np.errstate(over="ignore"):
        wide = np.resize(np.array(SPECIAL, np.float32), size) * np.float32(1.0009765)
        short = torch.zeros(1, dtype=dtype)._array.dtype
        same(as_type(wide, short), wide.astype(short))
        same(as_type(wide.astype(short), FLOAT32), wide.astype(short).astype(np.float32))


@pytest.mark.parametrize("dtype", HALVES)
def test_layouts_are_kept(dtype):
    x = torch.randn(5, 40, 7).to(dtype)._array
    for view in (x, x.T, x.transpose(1, 0, 2), x[::2], x[..., 1:], x[:, ::-1]):
        same(as_type(view, FLOAT32), view.astype(np.float32))
