"""Operations that pick elements along a dimension: the values, and where they stood."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import BY_NUMPY
from ...core.tensor import Tensor
from ...core.twin import of_arrays
from ...dispatch.rule.rule_operation import Operation, operation
from ..index.advanced import along


@operation(operands="x index", label="Gather")
def take_along(x: Any, index: Any, dim: int) -> Any:
    """The elements of x at the indices along a dimension, of which each is taken at most once."""
    return kernels.gather.indexed.take(x, along(index, dim))


@take_along.gradient
def _(g: Tensor, index: Tensor, dim: int, shape_x: tuple[int, ...]) -> tuple:
    return put_along(g, index, dim, shape_x), None


@operation(operands="g index", label="Scatter")
def put_along(g: Any, index: Any, dim: int, shape: tuple[int, ...]) -> Any:
    """Zeros with `g` at the indices along a dimension, which both may lack."""
    if index.ndim < len(shape):
        kept = (*shape[:dim], 1, *shape[dim + 1 :])
        g, index = g.reshape(kept), index.reshape(kept)
    return put_back(g, dim, shape[dim], index)


@put_along.gradient
def _(g: Tensor, index: Tensor, dim: int) -> tuple:
    return _taken(g, index, dim)


def _put(g: Any, dim: int, count: int, index: Any) -> Any:
    whole = kernels.array.zeros.zeros((*g.shape[:dim], count, *g.shape[dim + 1 :]), g.dtype)
    kernels.gather.indexed.put_at(whole, along(index, dim), g)
    return whole


put_back = kernels.Native("array.few", "put_back", _put)
"""Zeros, so many along a dimension, with elements at their places there."""


def selection(label: str) -> Callable[[Callable], Operation]:
    """Decorator: an operation of a function ``f(x, dim, ...)`` that gives values of a row and their places.

    The dimension may vanish from both, where one element of each row is picked.
    """

    def make(compute: Callable) -> Operation:
        made = operation(compute, outputs="values index", differentiable=(0,), label=label)
        made.gradient(_put_back)
        made.tangent(_taken)
        return made  # type: ignore[no-any-return]

    return make


def _put_back(g_values: Tensor, index: Tensor, dim: int, shape_x: tuple[int, ...]) -> Tensor:
    return put_along(g_values, index, dim, shape_x)  # type: ignore[no-any-return]


def _taken(t_x: Tensor, index: Tensor, dim: int) -> tuple:
    if index._array.ndim == t_x._array.ndim:
        return take_along(t_x, index, dim), None
    return take_along(t_x, index.unsqueeze(dim), dim).squeeze(dim), None  # type: ignore[attr-defined]


def sortable(array: Any) -> Any:
    """An array that NumPy sorts with nan at the end."""
    return array.astype(np.float32) if BY_NUMPY[array.dtype].is_extension else array


@of_arrays
def nan_count(array: Any, dim: int) -> Any:
    """How many nan there are along a dimension (which stays, with size 1)."""
    if array.dtype.kind in "iub":
        return np.zeros((*array.shape[:dim], 1, *array.shape[dim + 1 :]), np.int64)
    return np.count_nonzero(array != array, dim, keepdims=True)


# --------------------------------------------------------- what the kernel for few elements leaves


def _picked(x: Any, dim: int, index: Any, drop: bool) -> tuple[Any, Any]:
    index = np.ascontiguousarray(index, np.int64)
    values = kernels.gather.indexed.take(x, along(index, dim))
    return (values.squeeze(dim), index.squeeze(dim)) if drop else (values, index)


def _in_order(
    x: Any, dim: int, first: int, count: int, descending: bool, drop: bool = False
) -> tuple[Any, Any]:
    after = first + count
    if after < x.shape[dim]:
        index = kernels.array.sort.first(x, after, dim, descending)
    else:
        index = kernels.array.sort.order(x, dim, descending)
    if first:
        index = index[(*(slice(None),) * dim, slice(first, after))]
    return _picked(x, dim, index, drop)


def _middle(x: Any, dim: int, ignore: bool, drop: bool) -> tuple[Any, Any]:
    ranks, lost = kernels.array.sort.order(x, dim, False), nan_count(x, dim)
    count = x.shape[dim]
    middle = (count - lost - 1) // 2
    # The first nan stands behind all numbers.
    place = (
        np.where(lost == count, 0, middle) if ignore else np.where(lost > 0, count - lost, middle)
    )
    return _picked(x, dim, np.take_along_axis(ranks, place, dim), drop)


def _most_frequent(x: Any, dim: int, drop: bool) -> tuple[Any, Any]:
    ranks = kernels.array.sort.order(x, dim, False)
    rows = np.moveaxis(np.take_along_axis(sortable(x), ranks, dim), dim, -1)
    places = np.arange(rows.shape[-1])
    before, after = rows[..., :-1], rows[..., 1:]
    differs = (after != before) & ((after == after) | (before == before))  # two nan do not
    begins = np.concatenate([np.ones((*rows.shape[:-1], 1), bool), differs], -1)
    length = places - np.maximum.accumulate(np.where(begins, places, 0), -1)
    best = np.moveaxis(np.argmax(length, -1, keepdims=True), -1, dim)
    return _picked(x, dim, np.take_along_axis(ranks, best, dim), drop)


def _largest(x: Any, dim: int, largest: bool, drop: bool) -> tuple[Any, Any]:
    index = kernels.array.argmax.place(
        x.astype(np.uint8) if x.dtype.kind == "b" else x, dim, largest
    )
    return _picked(x, dim, np.expand_dims(index, dim), drop)


in_order = kernels.Native("array.few", "ordered", _in_order)
"""(values, places) of so many elements from a place on of each row's order."""
middle = kernels.Native("array.few", "median", _middle)
most_frequent = kernels.Native("array.few", "mode", _most_frequent)
extreme = kernels.Native("array.few", "extreme", _largest)
