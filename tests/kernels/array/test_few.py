"""Walks of a few elements, against NumPy."""

import numpy as np
import pytest

from flambeau.kernels.array import few

SHAPES = [(3, 5), (7,), (2, 3, 4), (1, 1), (8, 32), (3, 1, 4), (1000,)]
DTYPES = ["float32", "float64", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]


def arrays(dtype, shape):
    x = (np.random.default_rng(0).standard_normal(shape) * 3).astype(dtype)
    if x.dtype.kind == "f":
        flat = x.reshape(-1)
        flat[::4], flat[1::5], flat[2::9], flat[3::9] = np.nan, np.inf, 0.0, -0.0
    wide = np.repeat(x[..., None], 2, -1)[..., 1]
    return x, x.T, x[::-1], np.broadcast_to(x[:1], x.shape), wide


def order(x, dim, descending):
    if not descending:
        return np.argsort(x, dim, kind="stable")
    back = np.flip(np.argsort(np.flip(x, dim), dim, kind="stable"), dim)
    return x.shape[dim] - 1 - back


def cases(dtypes=DTYPES):
    for dtype in dtypes:
        for shape in SHAPES:
            for x in arrays(dtype, shape):
                for dim in range(x.ndim):
                    yield x, dim


def equal(found, expected):
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


@pytest.mark.parametrize("descending", [False, True])
def test_order(descending):
    for x, dim in cases():
        n = x.shape[dim]
        made = few.ordered(x, dim, 0, n, descending)
        if n > few.SHORT:
            assert made is NotImplemented
            continue
        index = order(x, dim, descending)
        equal(made[0], np.take_along_axis(x, index, dim))
        equal(made[1], index)
        one = few.ordered(x, dim - x.ndim, n // 2, 1, descending, True)
        equal(one[1], index.take(n // 2, dim))
        several = few.ordered(x, dim, n - 1, 1, descending)
        equal(several[0], np.take_along_axis(x, index, dim).take([n - 1], dim))


@pytest.mark.parametrize("largest", [False, True])
def test_extremes(largest):
    for x, dim in cases():
        index = x.argmax(dim) if largest else x.argmin(dim)
        equal(few.place(x, dim, largest, True), index)
        kept = np.expand_dims(index, dim)
        values, places = few.extreme(x, dim, largest, False)
        equal(values, np.take_along_axis(x, kept, dim))
        equal(places, kept)
        values, places = few.running_extreme(x, dim, largest)
        wide = x.astype(np.int16) if x.dtype == bool else x
        best = (np.maximum if largest else np.minimum).accumulate(wide, dim)
        np.testing.assert_array_equal(values, best.astype(x.dtype))
        here = (wide == best) | (np.isnan(best.astype(float)) & np.isnan(wide.astype(float)))
        steps = np.arange(x.shape[dim]).reshape([-1 if d == dim else 1 for d in range(x.ndim)])
        equal(places, np.maximum.accumulate(np.where(here, steps, 0), dim))


@pytest.mark.parametrize("narrow", [False, True])
def test_running_sums(narrow):
    for x, dim in cases([d for d in DTYPES if d != "float16"]):
        if narrow and x.dtype == bool:
            continue
        result = x.dtype if narrow or x.dtype.kind == "f" else np.dtype(np.int64)
        wide = np.float64 if x.dtype.kind == "f" else np.int64
        with np.errstate(all="ignore"):
            for run, ufunc in ((few.running_sum, np.add), (few.running_product, np.multiply)):
                expected = ufunc.accumulate(x, dim, wide).astype(result)
                made = run(x, dim, narrow)
                equal(made, expected)


def test_median_and_mode():
    nan = np.nan
    x = np.array([[3.0, 1.0, 2.0, 4.0], [nan, 5.0, nan, 1.0], [nan, nan, nan, nan]])
    values, index = few.median(x, 1, False, True)
    np.testing.assert_array_equal(values, [2.0, nan, nan])
    assert index.tolist() == [2, 0, 0]
    values, index = few.median(x, 1, True, False)
    np.testing.assert_array_equal(values, [[2.0], [1.0], [nan]])
    assert index.tolist() == [[2], [3], [0]]
    x = np.array([[2, 1, 2, 1, 3], [5, 4, 3, 2, 1], [7, 7, 7, 0, 0]])
    values, index = few.mode(x, 1, True)
    assert (values.tolist(), index.tolist()) == ([1, 1, 7], [3, 4, 2])


def test_what_it_is_not_made_for():
    assert few.place(np.zeros((0, 3)), 0, True, True) is NotImplemented
    assert few.place(np.zeros(3), 1, True, True) is NotImplemented
    assert few.place(np.zeros(few.MOST + 1), 0, True, True) is NotImplemented
    assert few.place(np.zeros(3, complex), 0, True, True) is NotImplemented
    assert few.place(np.zeros(3, ">f4"), 0, True, True) is NotImplemented
    apart = np.zeros(25, np.uint8)[1:].view(np.float64)
    assert few.place(apart, 0, True, True) is NotImplemented
    with pytest.raises(TypeError):
        few.place(np.zeros(3), True)


@pytest.mark.parametrize("adds", [False, True])
def test_elements_at_their_places(adds):
    random = np.random.default_rng(1)
    for x, dim in cases([d for d in DTYPES if not (adds and d in ("float16", "bool"))]):
        for count in (1, 3, 2 * x.shape[dim]):
            places = random.integers(0, count, x.shape)
            if not adds:  # where several meet, NumPy does not say which one is last
                count = x.shape[dim] + 1
                places = np.indices(x.shape)[dim] + random.integers(0, 2)
            expected = np.zeros((*x.shape[:dim], count, *x.shape[dim + 1 :]), x.dtype)
            at = list(np.indices(x.shape))
            at[dim] = places
            (np.add.at if adds else np.ndarray.__setitem__)(expected, tuple(at), x)
            made = (few.add_back if adds else few.put_back)(x, dim, count, places)
            if expected.size > few.MOST:
                assert made is NotImplemented
                continue
            equal(made, expected)


def test_places_that_are_not_there():
    x = np.ones((2, 3), np.float32)
    for bad in (-1, 4):
        places = np.zeros((2, 3), np.int64)
        places[1, 2] = bad
        assert few.put_back(x, 1, 4, places) is NotImplemented
    places = np.zeros((2, 3), np.int64)
    for wrong in (places[:, :2], places.astype(np.int32), places.T, places[0], [[0, 0, 0]]):
        assert few.put_back(x, 1, 4, wrong) is NotImplemented
    assert few.put_back(x, 1, -1, places) is NotImplemented
