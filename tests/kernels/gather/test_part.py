"""Half types added at index arrays, against NumPy in float32 rounded once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flambeau.core.dtype import bfloat16, float16
from flambeau.kernels.gather import indexed
from flambeau.kernels.gather.part import Touched, Whole, part_of
from flambeau.kernels.gather.plan import Along, Unsigned

FULL = slice(None)
ROWS, J = np.array([7, 7, -2, 7]), np.array([[1], [0]])
KEYS: dict[str, tuple] = {
    "rows": (ROWS,),
    "columns": (FULL, FULL, ROWS),
    "two": (ROWS, J),
    "two behind": (FULL, J, ROWS),
    "apart": (ROWS, FULL, ROWS),
    "apart behind": (FULL, np.array([1, 1, 0, 1]), FULL, np.array([0, 1, 1, 0])),
    "one number": (np.array(3),),
}


def added(x: Any, key: tuple, values: Any) -> Any:
    wide = x.astype(np.float32)
    np.add.at(wide, key, values.astype(np.float32))
    return wide.astype(x.dtype)


@pytest.mark.parametrize("kind", [float16, bfloat16], ids=str)
@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("layout", ["in order", "transposed", "strided"])
def test_adding(layout: str, name: str, kind: Any) -> None:
    rng, key = np.random.default_rng(3), KEYS[name]
    x = rng.integers(0, 50, (40, 2, 30, 2)).astype(np.float32).astype(kind.numpy)
    if layout == "transposed":
        x = np.ascontiguousarray(x.T).T
    elif layout == "strided":
        x = np.repeat(x, 2, 0)[::2]
    for shape in (x[key].shape, x[key].shape[-1:], ()):
        values = (rng.integers(0, 999, shape) / 8).astype(kind.numpy)
        expected, made = added(x, key, values), x.copy(order="K")
        indexed.add_at(made, key, values)
        assert np.array_equal(made, expected)
        assert np.array_equal(indexed.placed(x, key, values, True), expected)
    values = rng.integers(0, 9, x[key].shape).astype(kind.numpy)
    expected = added(np.zeros(x.shape, kind.numpy), key, values)
    assert np.array_equal(indexed.spread(x.shape, key, values), expected)


def test_only_what_is_named_is_widened() -> None:
    x, wide = np.zeros((1000, 4), np.float16), np.dtype(np.float32)
    part = part_of(x, (np.array([5, 7, 5]),), wide)
    assert isinstance(part, Touched)
    assert part.array.shape == (2, 4)
    assert isinstance(part_of(x, (np.arange(500),), wide), Whole)
    assert isinstance(part_of(x, (x[:, 0] > 0,), wide), Whole)


def test_an_index_out_of_range_changes_nothing() -> None:
    x = np.zeros((1000, 4), np.float16)
    for key in (
        (np.array([5, 1000]),),
        (np.array([-1001, 5]),),
        Unsigned((np.array([5, -1]),)),
        Along(np.array([[5], [-1]]), 0),
        Along(np.array([[5], [1000]]), 0),
    ):
        with pytest.raises(IndexError):
            indexed.add_at(x, key, np.float16(1).reshape(()))
        assert not x.any()
