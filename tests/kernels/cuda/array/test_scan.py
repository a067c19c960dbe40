"""Walks along rows, against NumPy's: by blocks and by threads, whole and in chunks."""

import ml_dtypes
import numpy as np
import pytest

from flambeau.kernels.cuda import driver
from flambeau.kernels.cuda.array import argmax, scan, xor

SHAPES = {
    "rows": ((5, 300), 1),
    "short rows": ((70, 9), 1),
    "rows of a warp": ((6, 100), 1),
    "rows of two warps": ((3, 2, 290), 2),
    "columns": ((3, 40, 7), 1),
    "one long row": ((40_000,), 0),
    "few long columns": ((900, 3), 0),
    "one": ((1,), 0),
}
DTYPES = [
    np.float32,
    np.float64,
    np.float16,
    ml_dtypes.bfloat16,
    np.int8,
    np.uint8,
    np.int32,
    np.uint32,
    bool,
]


@pytest.fixture(autouse=True)
def _a_large_gpu(xp, monkeypatch):
    """Of so many multiprocessors that few rows do not keep it busy."""
    monkeypatch.setattr(driver, "processors", lambda device: 132)


def numbers(shape, dtype, seed=0):
    x = np.random.default_rng(seed).integers(-4, 5, shape)
    return (x % 5 if np.dtype(dtype).kind == "u" else x).astype(dtype)


@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_running_sum(xp, dtype, case):
    shape, dim = SHAPES[case]
    x = numbers(shape, dtype)
    made = scan.running_sum(xp.asarray(x), dim).get()
    if np.dtype(dtype).kind in "biu":
        assert made.dtype == np.int64
        np.testing.assert_array_equal(made, x.cumsum(dim, dtype=np.int64))
    else:
        assert made.dtype == dtype
        np.testing.assert_array_equal(made, x.astype(np.float64).cumsum(dim).astype(dtype))


def test_narrow(xp):
    x = np.full((3, 300), 100, np.int8)
    made = scan.running_sum(xp.asarray(x), 1, True).get()
    np.testing.assert_array_equal(made, x.cumsum(1, dtype=np.int8))


@pytest.mark.parametrize("case", SHAPES)
def test_running_product(xp, case):
    shape, dim = SHAPES[case]
    x = 1 + numbers(shape, np.float64) * 1e-3
    made = scan.running_product(xp.asarray(x), dim).get()
    np.testing.assert_allclose(made, x.cumprod(dim), 1e-10)


def test_complex(xp):
    x = numbers((3, 5), np.float32) + 1j * numbers((3, 5), np.float32, 1)
    made = scan.running_sum(xp.asarray(x.astype(np.complex64)), 1).get()
    np.testing.assert_allclose(made, x.cumsum(1))


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int8, np.uint8, np.int64, np.uint64])
def test_running_extreme(xp, dtype, case, largest):
    shape, dim = SHAPES[case]
    x = numbers(shape, dtype)
    if x.dtype.kind == "f" and x.size > 10:
        x.reshape(-1)[x.size // 2] = np.nan
    values, index = (a.get() for a in scan.running_extreme(xp.asarray(x), dim, largest))
    best = (np.maximum if largest else np.minimum).accumulate(x, dim)
    np.testing.assert_array_equal(values, best)
    here = (x == best) | (x != x)
    places = np.arange(x.shape[dim]).reshape([-1 if i == dim else 1 for i in range(x.ndim)])
    expected = np.maximum.accumulate(np.where(here, places, 0), dim)
    np.testing.assert_array_equal(index, expected)


@pytest.mark.parametrize("case", SHAPES)
def test_running_logsumexp(xp, case):
    shape, dim = SHAPES[case]
    x = numbers(shape, np.float64) * 3
    x.reshape(-1)[:1] = -np.inf
    made = scan.running_logsumexp(xp.asarray(x), dim).get()
    np.testing.assert_allclose(made, np.logaddexp.accumulate(x, dim), 1e-12)


@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("case", SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16, np.int8, np.uint64, bool])
def test_argmax(xp, dtype, case, largest):
    shape, dim = SHAPES[case]
    x = numbers(shape, dtype)
    made = argmax.place(xp.asarray(x), dim, largest).get()
    wide = x.astype(np.float32) if x.dtype.kind == "V" else x
    expected = wide.argmax(dim) if largest else wide.argmin(dim)
    np.testing.assert_array_equal(made, expected)


def test_argmax_of_nan_is_the_first(xp):
    x = np.array([[1, np.nan, 3, np.nan], [np.inf, 2, np.inf, 0], [-np.inf] * 4], np.float32)
    assert argmax.place(xp.asarray(x), 1, True).get().tolist() == [1, 0, 0]
    assert argmax.place(xp.asarray(x), 1, False).get().tolist() == [1, 3, 0]


def test_nothing(xp):
    x = xp.zeros((0, 3), np.float32)
    assert scan.running_sum(x, 0).shape == (0, 3)
    assert argmax.place(x, 1, True).shape == (0,)
    with pytest.raises(ValueError, match="empty"):
        argmax.place(x, 0, True)


def test_the_same_bits_again(xp):
    x = xp.asarray(np.random.default_rng(0).normal(size=50_000))
    first, again = scan.running_sum(x, 0).get(), scan.running_sum(x, 0).get()
    assert first.tobytes() == again.tobytes()


@pytest.mark.parametrize("dims", [(0,), (1,), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("keepdims", [False, True])
def test_xor(xp, dims, keepdims):
    x = np.random.default_rng(0).integers(0, 1 << 63, (5, 60, 70)).astype(np.uint64) * 2 + 1
    made = xor.reduce(xp.asarray(x), dims, keepdims)
    assert made.dtype == np.uint64
    np.testing.assert_array_equal(made.get(), np.bitwise_xor.reduce(x, dims, keepdims=keepdims))
