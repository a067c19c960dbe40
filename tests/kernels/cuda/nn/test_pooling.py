"""Pooling of device arrays, against the plain forms."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest

from flambeau.kernels.convolution.window import Window
from flambeau.kernels.cuda.nn import pooling
from flambeau.ops.nn import pooling as plain
from flambeau.ops.nn import pooling_adaptive as adaptive

DTYPES = [np.dtype("f4"), np.dtype("f8"), np.dtype("f2"), np.dtype(ml_dtypes.bfloat16)]
TOLERANCE = {"float16": 2e-3, "bfloat16": 1e-2, "float32": 1e-6, "float64": 1e-14}
WINDOWS = {
    "one dimension": ((7,), (3,), (2,), (1,), (1,)),
    "dilated": ((7, 6), (3, 2), (2, 1), (1, 2), (1, 1)),
    "three dimensions": ((4, 5, 6), (2, 2, 2), (2, 2, 2), (1, 1, 1), (0, 0, 0)),
    "overlapping": ((6, 7), (3, 3), (1, 1), (1, 1), (1, 1)),
    "with gaps": ((8, 7), (2, 2), (3, 3), (1, 1), (0, 0)),
}
RANDOM = np.random.default_rng(0)


def normal(shape, dtype):
    return RANDOM.normal(size=shape).astype(dtype)


def setting(name):
    sizes, size, stride, dilation, pad = WINDOWS[name]
    window = Window(size, stride, dilation, pad, pad)
    return sizes, window, window.places(sizes)


def assert_near(got, want):
    tolerance = TOLERANCE[got.dtype.name] * np.abs(want).max()
    np.testing.assert_allclose(got.get().astype("f8"), want, rtol=0, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", WINDOWS)
def test_maxima(xp, name, dtype):
    sizes, window, counts = setting(name)
    x = RANDOM.integers(-3, 3, (2, 3, *sizes)).astype(dtype)  # many are equal
    x.flat[[5, 6]] = np.nan
    want, places = plain._largest(x, window, counts)
    y, found = pooling.largest(xp.asarray(x), window, counts)
    assert y.dtype == dtype
    np.testing.assert_array_equal(found.get(), places)
    np.testing.assert_array_equal(y.get().astype("f8"), want.astype("f8"))
    g = normal(want.shape, dtype)
    sums = plain._counted(g.astype("f8"), places, sizes)
    for known in (window, None):
        assert_near(pooling.spread(xp.asarray(g), found, sizes, known), sums)


def test_a_window_of_infinities_has_its_first_element(xp):
    """As PyTorch 2.13 has it."""
    _, window, _ = setting("dilated")
    x = xp.full((1, 7, 6), -np.inf, np.float32)
    y, places = pooling.largest(x, window, window.places((7, 6)))
    assert (y.get() == -np.inf).all()
    np.testing.assert_array_equal(places.get()[0, :2], [[1, 0, 1, 2, 3, 4], [7, 6, 7, 8, 9, 10]])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("name", [name for name in WINDOWS if name != "dilated"])
@pytest.mark.parametrize("include", [False, True])
def test_means(xp, name, dtype, include):
    sizes, window, counts = setting(name)
    divisor = plain._divisor(window, counts, sizes, window.before, include)
    x, g = normal((2, 3, *sizes), dtype), normal((2, 3, *counts), dtype)
    exact = x.astype("f8")
    for divided in (divisor, xp.asarray(divisor)):
        made = pooling.averaged(xp.asarray(x), window, counts, divided)
        assert_near(made, plain._averaged(exact, window, counts, divisor))
        made = pooling.shared(xp.asarray(g), window, counts, divided, sizes)
        assert_near(made, plain._shared(g.astype("f8"), window, counts, divisor, sizes))
    five = np.asarray(5)
    made = pooling.averaged(xp.asarray(x), window, counts, five)
    assert_near(made, plain._averaged(exact, window, counts, five))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("sizes", "counts"), [((7,), (3,)), ((5, 6), (3, 6)), ((4, 5, 3), (2, 7, 1)), ((2, 3), (5, 4))]
)
def test_parts(xp, sizes, counts, dtype):
    x, g = normal((2, 3, *sizes), dtype), normal((2, 3, *counts), dtype)
    want, places = adaptive._largest_of_parts(x, counts)
    y, found = pooling.largest_of_parts(xp.asarray(x), counts)
    np.testing.assert_array_equal(found.get(), places)
    np.testing.assert_array_equal(y.get().astype("f8"), want.astype("f8"))
    sums = plain._counted(g.astype("f8"), places, sizes)
    assert_near(pooling.spread(xp.asarray(g), found, sizes, ()), sums)
    made = pooling.averaged_of_parts(xp.asarray(x), counts)
    assert_near(made, adaptive._mean_of_parts(x.astype("f8"), counts))
    made = pooling.shared_of_parts(xp.asarray(g), counts, sizes)
    assert_near(made, adaptive._shared_of_parts(g.astype("f8"), counts, sizes))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_elements_at_places(xp, dtype):
    x, places = normal((4, 9), dtype), RANDOM.integers(0, 9, (4, 5))
    made = pooling.taken(xp.asarray(x), xp.asarray(places))
    np.testing.assert_array_equal(made.get(), np.take_along_axis(x, places, -1))
    places[0, 0] = 9
    assert math.isnan(pooling.taken(xp.asarray(x), xp.asarray(places)).get()[0, 0])


def test_views(xp):
    _, window, _ = setting("overlapping")
    x = normal((7, 6, 3, 2), np.dtype("f4"))
    y, places = pooling.largest(xp.asarray(x).T, window, (6, 7))
    want = plain._largest(np.ascontiguousarray(x.T), window, (6, 7))
    np.testing.assert_array_equal(y.get(), want[0])
    np.testing.assert_array_equal(places.get(), want[1])


def test_what_it_is_not_made_for(xp):
    _, window, counts = setting("overlapping")
    for x in (xp.ones((2, 6, 7), np.int32), xp.ones((0, 6, 7), np.float32)):
        assert pooling.largest(x, window, counts) is NotImplemented
        assert pooling.averaged(x, window, counts, np.asarray(1)) is NotImplemented
