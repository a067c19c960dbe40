"""A few slices or elements written at once, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.gather import along
from flambeau.kernels.gather.plan import Along, Unsigned

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
SHAPES = [(9,), (9, 5), (4, 9, 3), (4, 3, 9), (2, 9, 40)]


def reference(how: str, x: Any, key: tuple, values: Any) -> Any:
    made = x.copy()
    if how == "add":
        np.add.at(made, key, values)
    else:
        made[key] = values
    return made


@pytest.mark.parametrize("how", ["put", "add"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i1", "u1", "i2", "i4", "i8", "?", "c8", "f2"])
@pytest.mark.parametrize("shape", SHAPES)
def test_slices(shape: tuple[int, ...], dtype: str, how: str) -> None:
    if how == "add" and dtype in ("?", "c8", "f2"):
        assert along._element(how, np.dtype(dtype)) is None
        return
    rng, dim = np.random.default_rng(1), shape.index(9)
    x = rng.integers(0, 9, shape).astype(dtype)
    for index in (np.array([3, 0, 3, 8]), np.array([5])):
        values = rng.integers(0, 9, (*shape[:dim], index.size, *shape[dim + 1 :])).astype(dtype)
        key = (*(slice(None),) * dim, index)
        made = x.copy()
        assert along.write(how, False, made, dim, index, values)
        assert np.array_equal(made, reference(how, x, key, values))
        assert along.write(how, False, made, dim - len(shape), index, values)
        if how == "put":
            assert along.write(
                how, False, made, dim, index, values[..., :1].reshape(-1)[:1].reshape(())
            )
            assert (made[key] == values.reshape(-1)[0]).all()


@pytest.mark.parametrize("how", ["put", "add"])
@pytest.mark.parametrize("dtype", ["f4", "i8", "u1"])
@pytest.mark.parametrize("shape", [(9,), (9, 5), (2, 9, 3), (2, 3, 9)])
def test_elements(shape: tuple[int, ...], dtype: str, how: str) -> None:
    rng, dim = np.random.default_rng(2), shape.index(9)
    x = rng.integers(0, 9, shape).astype(dtype)
    sizes = *shape[:dim], 4, *shape[dim + 1 :]
    index, values = rng.integers(0, 9, sizes), rng.integers(0, 9, sizes).astype(dtype)
    key = list(np.ogrid[tuple(slice(n) for n in sizes)])
    key[dim] = index
    for given in (values, np.asarray(3, dtype)):
        made = x.copy()
        assert along.write(how, True, made, dim, index, given)
        assert np.array_equal(made, reference(how, x, tuple(key), given))


def test_indices_into_all_elements() -> None:
    x = np.arange(12.0).reshape(3, 4)
    assert along.write_flat("add", x, np.array([[1, 1], [11, 0]]), np.ones((2, 2)))
    assert x.ravel()[[0, 1, 11]].tolist() == [1, 3, 12]


def test_what_is_not_written() -> None:
    x, v = np.zeros((9, 4), np.float32), np.ones((2, 4), np.float32)
    i = np.array([1, 2])
    frozen = x.copy()
    frozen.flags.writeable = False
    for target, dim, index, values in (
        (x, 0, np.array([1, 9]), v),
        (x, 0, np.array([1, -1]), v),
        (x, 0, np.array([1, 1 << 62]), v),
        (x, 1, i, v),
        (x, 2, i, v),
        (x, 0, i, v[:1]),
        (x, 0, i[:, None], v),
        (x, 0, np.empty(0, np.int64), v[:0]),
        (x.T, 1, i, np.ascontiguousarray(v.T)),
        (x, 0, i, x[4:6]),
        (frozen, 0, i, v),
        (x[0, 0], 0, i, v),
    ):
        assert not along.write("put", False, np.asarray(target), dim, index, values)
    assert not x.any()


@pytest.fixture
def set_threads() -> Any:
    """Puts the number of threads back."""
    before = kernels.get_num_threads()
    yield
    kernels.set_num_threads(before)


HOW = ("put", "add", "multiply", "maximum", "minimum")
LARGE = [(5000, 7), (3, 40, 200), (300, 130), (2, 3, 5000), (20000,)]
"""Shapes above what one thread does by itself."""


@pytest.mark.parametrize("shape", [(9, 70), (5, 9, 131), (3, 9), *LARGE])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i2"])
def test_elements_of_any_size(shape: tuple[int, ...], dtype: str, set_threads: None) -> None:
    for dim, size in enumerate(shape):
        rng = np.random.default_rng(dim)
        x = rng.integers(1, 9, shape).astype(dtype)
        index = rng.integers(0, size, (*shape[:dim], size + 3, *shape[dim + 1 :]))
        values = rng.integers(1, 3, index.shape).astype(dtype)
        if dtype[0] == "f":
            values[rng.random(values.shape) < 0.05] = np.nan
        key = Along(index, dim)
        assert np.array_equal(along.taken(x, key), np.take_along_axis(x, index, dim))
        for how in HOW:
            if how == "multiply" and shape[0] > 99:
                continue
            expected = x.copy()
            if how == "put":
                expected[tuple(key)] = values
            else:
                with np.errstate(invalid="ignore"):
                    getattr(np, how).at(expected, tuple(key), values)
            for threads in (1, 3):
                kernels.set_num_threads(threads)
                made = x.copy()
                assert along.write(how, True, made, dim, index, values)
                assert np.array_equal(made, expected, equal_nan=dtype[0] == "f")
        for add in (False, True):
            fresh = along.made(x, shape, key, values, add)
            again = x.copy()
            assert along.write("add" if add else "put", True, again, dim, index, values)
            assert fresh.tobytes() == again.tobytes()
        zeros = np.zeros(shape, dtype)
        assert along.write("add", True, zeros, dim, index, values)
        assert along.made(None, shape, key, values, True).tobytes() == zeros.tobytes()


@pytest.mark.parametrize("shape", [(9, 70), (5, 9, 131), (3, 9), *LARGE])
@pytest.mark.parametrize("dtype", ["f4", "u1", "i4"])
def test_slices_of_any_size(shape: tuple[int, ...], dtype: str, set_threads: None) -> None:
    for dim, size in enumerate(shape):
        rng = np.random.default_rng(dim)
        x = rng.integers(1, 9, shape).astype(dtype)
        index = rng.integers(-size, size, size + 3)
        key = (*(slice(None),) * dim, index)
        found = along.taken(x, key)
        assert found is None or np.array_equal(found, x[key])
        found = along.taken(x, Unsigned((*key[:-1], index % size)))
        assert found is None or np.array_equal(found, x[key])
        values = rng.integers(1, 3, x[key].shape).astype(dtype)
        for how in HOW:
            if dtype == "u1" and how in ("maximum", "minimum"):
                assert not along.write(how, False, x.copy(), dim, index % size, values)
                continue
            for given in (values, np.asarray(2, dtype)):
                expected = x.copy()
                if how == "put":
                    expected[key] = given
                else:
                    getattr(np, how).at(expected, key, given)
                for threads in (1, 3):
                    kernels.set_num_threads(threads)
                    made = x.copy()
                    if along.write(how, False, made, dim, index % size, given):
                        assert np.array_equal(made, expected)


def test_a_vector_that_is_spread_names_slices() -> None:
    rng = np.random.default_rng(5)
    x, vector = rng.random((40, 90)), rng.integers(0, 40, 60)
    index = np.broadcast_to(vector[:, None], (60, 90))
    values = rng.random(index.shape)
    assert np.array_equal(along.taken(x, Along(index, 0)), x[vector])
    made, expected = x.copy(), x.copy()
    assert along.write("add", True, made, 0, index, values)
    np.add.at(expected, vector, values)
    assert np.array_equal(made, expected)


def test_a_wrong_index_writes_nothing() -> None:
    x = np.zeros((300, 200))
    index = np.zeros(x.shape, np.int64)
    for place, wrong in (((0, 0), 200), ((299, 199), -1), ((150, 3), 1 << 60)):
        index[place] = wrong
        assert not along.write("add", True, x, 1, index, np.ones(x.shape))
        assert not x.any()
        for of in (
            lambda: along.taken(x, Along(index, 1)),
            lambda: along.made(x, x.shape, Along(index, 1), np.ones(x.shape), False),
        ):
            with pytest.raises(IndexError, match="out of bounds"):
                of()
        index[place] = 0


def test_indices_in_the_memory_that_is_written() -> None:
    x = np.zeros((300, 200), np.int64)
    assert not along.write("put", True, x, 1, x, np.ones(x.shape, np.int64))
    assert not along.write("put", True, x, 1, np.zeros(x.shape, np.int64), x)
    assert not x.any()
