"""What NumPy does with up to 32 dimensions, done with as many as an array can have (64).

NumPy 2 widened its arrays and left some of its older loops as they were: `np.broadcast_shapes` and sorting
refuse a 33rd dimension, and `np.add.at` ends the process at one (2.0 to 2.4).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

NARROW = 32
"""Dimensions that every function of NumPy takes."""


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The common shape.

    Raises:
        ValueError: There is none.
    """
    widest = max(shapes, key=len, default=())
    common, ndim = list(widest), len(widest)
    for shape in shapes:
        for i, n in enumerate(shape, ndim - len(shape)):
            if n != 1 and common[i] != n:
                if common[i] != 1:
                    raise ValueError(f"shapes {', '.join(map(str, shapes))} do not broadcast")
                common[i] = n
    return tuple(common)


def broadcast_arrays(*arrays: Any) -> list[Any]:
    """The arrays, each seen in the common shape.

    Raises:
        ValueError: There is none.
    """
    shape = broadcast_shapes(*(a.shape for a in arrays))
    return [a if a.shape == shape else np.broadcast_to(a, shape) for a in arrays]


def select(conditions: list[Any], choices: list[Any], default: Any) -> Any:
    """`np.select`: at each place the choice of the first condition that holds, or the default."""
    chosen = default
    for condition, choice in zip(conditions[::-1], choices[::-1]):
        chosen = np.where(condition, choice, chosen)
    return chosen


def along(function: Callable, x: Any, axis: int) -> Any:
    """`function` of (array, axis) that rearranges rows along an axis."""
    if x.ndim <= NARROW:
        return function(x, axis)
    moved = np.moveaxis(x, axis, -1)
    rows = function(moved.reshape(math.prod(moved.shape[:-1]), moved.shape[-1]), 1)
    return np.moveaxis(rows.reshape(moved.shape), -1, axis)


def ufunc_at(ufunc: Any, x: Any, key: Any, values: Any) -> None:
    """`ufunc.at`: each value is combined with the element at its index, repeated ones one after the other."""
    if x.ndim <= NARROW:
        ufunc.at(x, key, values)
        return
    flat = x.reshape(-1)
    places = np.arange(x.size).reshape(x.shape)[key]
    ufunc.at(flat, places.reshape(-1), np.broadcast_to(values, places.shape).reshape(-1))
    if not np.may_share_memory(flat, x):
        x[...] = flat.reshape(x.shape)
