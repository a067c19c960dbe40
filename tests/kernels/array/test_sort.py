"""The order of rows against NumPy's stable sort: dtypes, nan, zeros, ties, dimensions, layouts."""

import ml_dtypes
import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.array import sort

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
FLOATS = ["f2", "f4", "f8", ml_dtypes.bfloat16]
DTYPES = [*FLOATS, "?", "u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8"]
SHAPES = [
    (1,),
    (2,),
    (15,),
    (64,),
    (65,),
    (200,),
    (1000,),
    (3, 7),
    (7, 130),
    (4, 1),
    (130, 3),
    (3, 70, 5),
]


@pytest.fixture(autouse=True)
def _any_size(monkeypatch, guard):
    monkeypatch.setattr(sort, "SMALL", 0)
    guard(sort)


def values(shape, dtype, rng):
    """Many equal elements, extremes, and of floats the special ones."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        x = rng.integers(info.min, info.max, shape, dtype, endpoint=True)
        return np.where(rng.random(shape) < 0.3, dtype.type(3), x)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    x = rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 4, shape)
    special = rng.choice([0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1.0, -1.0], shape)
    with np.errstate(all="ignore"):
        return np.where(rng.random(shape) < 0.4, special, x).astype(dtype)


def reference(x, dim, descending):
    """By NumPy, in the dtype itself or one that holds its values."""
    x = x.astype(np.float32) if x.dtype.kind in "fV" and x.dtype.itemsize == 2 else x
    if not descending:
        return np.argsort(x, dim, kind="stable")
    back = np.flip(np.argsort(np.flip(x, dim), dim, kind="stable"), dim)
    return x.shape[dim] - 1 - back


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_orders(dtype, descending):
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        x = values(shape, dtype, rng)
        for y in (x, np.asfortranarray(x), np.repeat(x, 2, -1)[..., ::-2]):
            for dim in range(x.ndim):
                index = sort.order(y, dim, descending)
                assert index.dtype == np.int64
                assert index.flags.c_contiguous
                assert np.array_equal(index, reference(y, dim, descending)), (shape, dim)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_first_few(dtype, descending):
    rng = np.random.default_rng(1)
    for shape in SHAPES:
        x = values(shape, dtype, rng)
        for dim in range(x.ndim):
            whole = reference(x, dim, descending)
            n = x.shape[dim]
            for k in {0, 1, min(n, 3), n // 5, n // 2, n}:
                made = sort.first(x, k, dim, descending)
                assert made.flags.c_contiguous
                assert np.array_equal(made, np.take(whole, np.arange(k), dim)), (shape, dim, k)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8"])
def test_rows_that_are_sorted_already(dtype):
    for n in (50, 300):
        for x in (np.arange(n), np.arange(n)[::-1], np.zeros(n), np.arange(n) % 7):
            x = x.astype(dtype)
            for descending in (False, True):
                expected = reference(x, 0, descending)
                assert np.array_equal(sort.order(x, 0, descending), expected)
                assert np.array_equal(sort.first(x, 9, 0, descending), expected[:9])


def test_same_order_on_any_number_of_threads(each_number_of_threads):
    x = np.random.default_rng(2).integers(0, 50, (300, 400)).astype(np.float32)
    for _ in each_number_of_threads:
        for dim in (0, 1):
            assert np.array_equal(sort.order(x, dim), reference(x, dim, False))
            expected = np.take(reference(x, dim, True), np.arange(7), dim)
            assert np.array_equal(sort.first(x, 7, dim, True), expected)


def test_empty_and_foreign_arrays():
    for shape in ((0,), (0, 3), (3, 0)):
        for dim in range(len(shape)):
            assert sort.order(np.zeros(shape), dim).shape == shape
    x = np.array([3.0, 1.0, 2.0], ">f4")
    assert sort.order(x, 0).tolist() == [1, 2, 0]
    assert sort.first(x, 2, 0, True).tolist() == [0, 2]
