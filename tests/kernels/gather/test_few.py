"""A few slices or elements written at once, against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.gather import few

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
        assert few._element(how, np.dtype(dtype)) is None
        return
    rng, dim = np.random.default_rng(1), shape.index(9)
    x = rng.integers(0, 9, shape).astype(dtype)
    for index in (np.array([3, 0, 3, 8]), np.array([5])):
        values = rng.integers(0, 9, (*shape[:dim], index.size, *shape[dim + 1 :])).astype(dtype)
        key = (*(slice(None),) * dim, index)
        made = x.copy()
        assert few.write(how, False, made, dim, index, values)
        assert np.array_equal(made, reference(how, x, key, values))
        assert few.write(how, False, made, dim - len(shape), index, values)
        if how == "put":
            assert few.write(
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
        assert few.write(how, True, made, dim, index, given)
        assert np.array_equal(made, reference(how, x, tuple(key), given))


def test_indices_into_all_elements() -> None:
    x = np.arange(12.0).reshape(3, 4)
    assert few.write_flat("add", x, np.array([[1, 1], [11, 0]]), np.ones((2, 2)))
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
        (x, 0, i, np.asfortranarray(v)),
        (x, 0, i, x[4:6]),
        (frozen, 0, i, v),
        (x[0, 0], 0, i, v),
    ):
        assert not few.write("put", False, np.asarray(target), dim, index, values)
    assert not x.any()
    many = np.zeros(few.MOST + 1, np.int64)
    assert not few.write("put", False, x, 0, many, np.ones((many.size, 4), np.float32))
