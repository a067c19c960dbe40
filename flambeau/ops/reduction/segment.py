"""Reductions of segments: parts of a dimension that follow each other."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import FLOAT
from ...core.number import converted, number
from ...core.tensor import Tensor, wrap, wrap_dim
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...kernels.gather.part import WIDE, is_half
from ..index.advanced import add_advanced, index_advanced
from ..index.combine import product_shares

_START = {"sum": 0.0, "mean": math.nan, "max": -math.inf, "min": math.inf, "prod": 1.0}
"""For each reduction: what an empty segment gives."""
_COMBINE = {"max": "maximum", "min": "minimum", "prod": "multiply", "sum": "add", "mean": "add"}
"""For each reduction: what it does with each element, by NumPy's names."""


@operation(operands="x", label="SegmentReduce")
def segments(
    x: Any, key: tuple, lengths: Any, shape: tuple[int, ...], how: str, initial: float | None
) -> Any:
    """`shape`, in which the elements of x for each place of the key are reduced, and `initial`.

    lengths: How many there are for each place, in a shape that broadcasts to `shape`.
    """
    dtype = WIDE if is_half(x.dtype) else x.dtype
    start = (0.0 if how == "mean" else _START[how]) if initial is None else initial
    y, values = np.full(shape, start, dtype), x.astype(dtype, copy=False)
    kernels.gather.indexed.combine_at(_COMBINE[how], y, key, values)
    if how == "mean":
        empty = _START[how] if initial is None else start
        y = np.where(lengths, y / np.maximum(lengths, 1).astype(dtype), empty)
    return y.astype(x.dtype, copy=False)


@segments.gradient
def _(
    g: Tensor, x: Tensor, y: Tensor, key: tuple, lengths: Any, how: str, initial: float | None
) -> Tensor:
    if how == "mean":
        g = g / wrap(np.maximum(lengths, 1).astype(g._kind.numpy), g._kind)
    if how in ("sum", "mean"):
        return index_advanced(g, key)
    if how == "prod":
        start = y.new_full(y.shape, _START[how] if initial is None else initial)
        return product_shares(g, start, x, y, key, True)
    best = index_advanced(y, key)
    here = ((x == best) | (x.isnan() & best.isnan())).to(x.dtype)  # type: ignore[operator]
    count = add_advanced(here, key, y._array.shape).clamp(min=1)
    return index_advanced(g / count, key) * here


@public("segment_reduce", "_segment_reduce")
def segment_reduce(
    data: Tensor,
    reduce: str,
    *,
    lengths: Tensor | None = None,
    indices: Tensor | None = None,
    offsets: Tensor | None = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: float | None = None,
) -> Tensor:
    """One value for each segment of a dimension: parts of it that follow each other.

    Args:
        data: A floating-point tensor.
        reduce: "sum", "mean", "max", "min" or "prod".
        lengths: How many elements each segment has, the segments in the last dimension; those before are the
            dimensions of `data` before `axis`. Or
        offsets: where each segment begins, and the last one ends.
        indices: Not supported.
        axis: The dimension of `data` that is cut, which is the last one of `lengths`.
        unsafe: May the segments leave elements at the end out?
        initial: A number that is reduced with each segment. Without one an empty segment gives 0 ("sum"), 1
            ("prod"), nan ("mean"), or the infinity that no element exceeds ("min") or falls below ("max").

    Shape:
        (*, n, *) with lengths (*, segments) gives (*, segments, *).

    Raises:
        RuntimeError: There is no such reduction, or the lengths or offsets do not fit the data.
        NotImplementedError: The data is not floating-point.

    Source: torch.segment_reduce

    Example:
        >>> import flambeau as torch
        >>> torch.segment_reduce(torch.tensor([1., 2., 3.]), "max", lengths=torch.tensor([2, 1]))
        tensor([2., 3.])
    """
    _check(data, reduce, indices)
    starts, last = _starts(lengths, offsets)
    at = wrap_dim(axis, data._array.ndim)
    if at != starts.ndim - 1:
        raise RuntimeError(
            f"segment_reduce(): Expected axis to be the last dimension of lengths, {starts.ndim - 1}, but "
            f"got {at}"
        )
    whole = data._array.shape
    _check_starts(starts, whole, at, unsafe or lengths is None)
    key, rest = _places(starts, whole[at])
    sizes = np.diff(starts)
    counted = np.concatenate([sizes, np.zeros_like(sizes[..., :1])], -1) if rest else sizes
    shape = *counted.shape, *whole[at + 1 :]
    counted = counted.reshape(*counted.shape, *(1,) * (len(whole) - at - 1))
    if initial is not None:
        initial = converted(number(initial, "segment_reduce", "initial", 8), data.dtype)
    made = segments(data, key, counted, shape, reduce, initial)
    return made.narrow(at, 0, last) if rest else made


def _check(data: Tensor, reduce: str, indices: Tensor | None) -> None:
    if reduce not in _START:
        raise RuntimeError(
            f"segment_reduce(): reduce must be sum, mean, max, min or prod, got {reduce}"
        )
    if indices is not None:
        raise RuntimeError(
            "segment_reduce(): indices based reduction is not supported: give lengths, or use scatter_reduce"
        )
    if not data._array.ndim:
        raise RuntimeError("segment_reduce(): data must have at least one dimension")
    if data.dtype.category != FLOAT:
        raise NotImplementedError(
            f'"segment_reduce" not implemented for {data.dtype.legacy!r}: convert with .float() first'
        )


def _starts(lengths: Tensor | None, offsets: Tensor | None) -> tuple[Any, int]:
    """Where segments begin and the last one ends, as an array of our own, and how many segments there are."""
    given = lengths if offsets is None else offsets
    if given is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    array = np.array(given._array)
    if array.dtype not in (np.int64, np.int32):
        raise NotImplementedError(
            f"segment_reduce(): lengths and offsets are int32 or int64, not {given.dtype}"
        )
    if not array.ndim:
        raise RuntimeError("segment_reduce(): lengths or offsets must have at least one dimension")
    if offsets is None:
        if array.size and array.min() < 0:
            raise RuntimeError("lengths contains negative value!")
        ends = array.cumsum(-1, dtype=np.int64)
        array = np.concatenate([np.zeros((*ends.shape[:-1], 1), np.int64), ends], -1)
    elif not array.shape[-1]:
        raise RuntimeError(
            "segment_reduce(): offsets must say at least where the last segment ends"
        )
    return array.astype(np.int64), array.shape[-1] - 1


def _check_starts(starts: Any, shape: tuple[int, ...], at: int, unsafe: bool) -> None:
    """Raises RuntimeError where segments do not lie one after the other in the dimension."""
    if starts.shape[:-1] != shape[:at]:
        raise RuntimeError(
            f"segment_reduce(): the dimensions of lengths before the last one, {list(starts.shape[:-1])}, must "
            f"be those of data, {list(shape[:at])}"
        )
    if not starts.size:
        return
    if (np.diff(starts) < 0).any() or starts.min() < 0 or starts.max() > shape[at]:
        raise RuntimeError(
            f"segment_reduce(): Expected all rows of lengths along axis to sum to data.size(axis), {shape[at]}, "
            "and offsets to ascend from 0 to it"
        )
    if not unsafe and (starts[..., -1] != shape[at]).any():
        raise RuntimeError(
            f"segment_reduce(): Expected all rows of lengths along axis to sum to data.size(axis), {shape[at]}, "
            "when !unsafe."
        )


def _places(starts: Any, size: int) -> tuple[tuple, bool]:
    """The key of each element's segment; those of no segment are in one more, if there are any."""
    rows = starts.reshape(-1, starts.shape[-1])
    every, last = np.arange(size), rows.shape[1] - 1
    found = np.array([np.searchsorted(row, every, "right") - 1 for row in rows], np.int64)
    found = found.reshape(*starts.shape[:-1], size)
    found[found < 0] = last
    lead = starts.shape[:-1]
    grid = [
        np.arange(n).reshape((1,) * i + (n,) + (1,) * (len(lead) - i)) for i, n in enumerate(lead)
    ]
    return (*grid, found), bool((found == last).any())
