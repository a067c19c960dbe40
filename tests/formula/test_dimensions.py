"""What NumPy does with up to 32 dimensions, beside NumPy; beyond that, beside the same in few dimensions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flambeau.formula.dimensions import (
    along,
    broadcast_arrays,
    broadcast_shapes,
    select,
    ufunc_at,
)

SHAPES = st.lists(st.lists(st.integers(0, 3), max_size=4).map(tuple), max_size=4)


@given(SHAPES)
def test_broadcast_shapes_is_numpys(shapes: list[tuple[int, ...]]) -> None:
    try:
        want = np.broadcast_shapes(*shapes)
    except ValueError:
        with pytest.raises(ValueError, match="do not broadcast"):
            broadcast_shapes(*shapes)
    else:
        assert broadcast_shapes(*shapes) == want


def test_broadcast_shapes_of_many_dimensions() -> None:
    assert broadcast_shapes((1,) * 50 + (3,), (2,) + (1,) * 50) == (2, *(1,) * 49, 3)


def test_broadcast_arrays() -> None:
    x, y = np.zeros((1,) * 40 + (3,)), np.zeros((2,) + (1,) * 40)
    assert [a.shape for a in broadcast_arrays(x, y)] == [(2, *(1,) * 39, 3)] * 2


def test_select() -> None:
    x = np.arange(6.0).reshape(2, *(1,) * 40, 3)
    found = select([x < 1, x < 3], [-1.0, x], x * 10)
    assert found.reshape(-1).tolist() == [-1, 1, 2, 30, 40, 50]


@pytest.mark.parametrize("axis", [0, 20, -1])
@pytest.mark.parametrize("size", [0, 5])
def test_along_an_axis(axis: int, size: int) -> None:
    shape = [1] * 40
    shape[0], shape[20], shape[-1] = 2, size, 3
    x = np.random.default_rng(0).random(shape)
    want = np.sort(x.reshape(2, size, 3), {0: 0, 20: 1, -1: 2}[axis])
    np.testing.assert_array_equal(along(np.sort, x, axis).reshape(2, size, 3), want)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("ufunc", [np.add, np.maximum])
def test_ufunc_at(deep: bool, ufunc: np.ufunc) -> None:
    """NumPy's own ends the process at 33 dimensions."""
    more = (1,) * 40 if deep else ()
    x, values = np.zeros((3, *more, 2)), np.arange(6.0).reshape(3, *more, 2)
    index = np.array([0, 2, 0])
    ufunc_at(ufunc, x, (index,), values)
    want = np.zeros((3, 2))
    ufunc.at(want, (index,), values.reshape(3, 2))
    np.testing.assert_array_equal(x.reshape(3, 2), want)


def test_ufunc_at_of_an_array_that_has_no_flat_view() -> None:
    x = np.zeros((3, *(1,) * 40, 2)).swapaxes(0, -1)
    ufunc_at(np.add, x, (np.array([1, 1]),), 1.0)
    assert x.reshape(2, 3).tolist() == [[0, 0, 0], [2, 2, 2]]
