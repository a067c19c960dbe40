"""Where numbers fall: searchsorted, bucketize, histograms, bincount, unravel_index."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import float64, int32, int64
from ...core.kind import kind_of
from ...core.number import number_for
from ...core.promotion import promote_types
from ...core.tensor import Tensor, wrap
from ...dispatch.decided import decided
from ...dispatch.registry import public
from ...dispatch.rule.view_operation import sizes_of
from ...dispatch.write import write_out
from .selection import sortable


def _side(name: str, right: bool, side: str | None) -> str:
    if side not in (None, "left", "right"):
        raise RuntimeError(f"{name}: side can only be 'left' or 'right' but got {side}")
    if right and side == "left":
        raise RuntimeError(
            f"{name}: side and right can't be set to opposites, got side of left while right was True"
        )
    return "right" if right or side == "right" else "left"


def _sorter(edges: Any, sorter: Tensor) -> Any:
    name, array = "torch.searchsorted()", sorter._array.copy()  # others may write to it
    if array.shape != edges.shape:
        raise RuntimeError(
            f"{name}: boundary and sorter must have the same size, but got boundary tensor "
            f"{list(edges.shape)} and got sorter tensor {list(array.shape)}"
        )
    if array.dtype != np.int64:
        raise RuntimeError(
            f"{name}: sorter must be a tensor of long dtype but got dtype {sorter.dtype.legacy}"
        )
    if array.size and (array.min() < 0 or array.max() >= edges.shape[-1]):
        raise RuntimeError(f"{name}: sorter index out of range")
    return np.take_along_axis(edges, array, -1)


def _ordered(array: Any) -> bool:
    """Is there no nan, which is neither less nor more than a number?"""
    if array.__class__ is not np.ndarray:
        return True
    if array.dtype.kind not in "fc":
        return True
    return bool(array == array) if array.size == 1 else not np.isnan(array).any()


def _bisected(edges: Any, values: Any, side: str) -> Any:
    """By halves, as PyTorch does it: on behind what is not as large as the value, which no nan is."""
    values = np.asarray(values)
    low, high = np.zeros(values.shape, np.int64), np.full(values.shape, len(edges))
    reaches = np.greater if side == "right" else np.greater_equal
    while (low < high).any():
        middle = (low + high) // 2
        found = reaches(edges[np.minimum(middle, len(edges) - 1)], values)
        low = np.where((low < high) & ~found, middle + 1, low)
        high = np.where(found, middle, high)
    return low


def _searched(edges: Any, values: Any, right: bool) -> Any:
    """The places of values among edges, row by row if these have rows, with NumPy."""
    search = np.searchsorted if _ordered(edges) and _ordered(values) else _bisected
    side: Any = "right" if right else "left"
    if edges.ndim == 1:
        return search(edges, values, side)
    places = np.empty(values.shape, np.int64)
    for row in np.ndindex(edges.shape[:-1]):
        places[row] = search(edges[row], values[row], side)
    return places


_search = kernels.Native("array.bins", "searched", _searched)


def _found(edges: Any, values: Any, side: Any, small: bool, device: Any) -> Tensor:
    """The places of values among edges."""
    kind = kind_of(int64, device)
    if not kind.has_elements:
        places = kind.xp.empty(values.shape, np.int64)
    else:
        by = _search if _ordered(edges[..., -1:]) else _searched
        places = by(edges, values, side == "right")
    if small:
        return wrap(kind.xp.asarray(places, int32.numpy), kind.with_dtype(int32))
    return wrap(places, kind)


def _two(edges: Tensor, values: Any) -> tuple[Any, Any]:
    """Both arrays in one dtype; the values may be a number."""
    if not isinstance(values, Tensor):
        values = number_for(values, edges._kind)
    if edges._kind.dtype is not values._kind.dtype:
        common = promote_types(edges.dtype, values.dtype)
        edges, values = edges.to(common), values.to(common)
    return sortable(edges._array), sortable(values._array)


@public()
@decided("sorted_sequence input sorter out")
def searchsorted(
    sorted_sequence: Tensor,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
    out: Tensor | None = None,
) -> Any:
    """Where values would be put into a sorted last dimension to keep it sorted.

    Args:
        sorted_sequence: One sorted vector, or rows of them.
        input: The values: any shape for one vector, else rows that match; or a number.
        out_int32: An int32 result? Else int64.
        right: Behind equal elements? Else before them.
        side: The same by word: "left" or "right".
        sorter: Indices that sort the sequence, if it is not sorted.
        out: Where to write the result.

    Raises:
        RuntimeError: Shapes do not match, or options contradict each other.

    Source: torch.searchsorted

    Example:
        >>> import flambeau as torch
        >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 4]))
        tensor([1, 2])
    """
    name = "torch.searchsorted()"
    values = input if isinstance(input, Tensor) else number_for(input, sorted_sequence._kind)
    lies = _side(name, right, side)
    own, given = sorted_sequence._array.shape, values._array.shape
    if not own:
        raise RuntimeError(
            f"{name}: boundaries tensor should have positive dimension, but got 0 dimension"
        )
    if not given and len(own) != 1:
        raise RuntimeError(
            f"{name}: input value can be a scalar only when boundaries tensor dimension is 1, but "
            f"we got boundaries tensor dim({len(own)}) and input value's dim(0) numel(1)"
        )
    if len(own) != 1 and own[:-1] != given[:-1]:
        raise RuntimeError(
            f"{name}: boundaries tensor should be 1 dimension or the first N-1 dimensions of "
            "boundaries tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(own)} and input value tensor {list(given)}"
        )

    def run(sorted_sequence: Tensor, input: Any, sorter: Any, out: Tensor | None) -> Tensor:
        edges, wanted = _two(sorted_sequence, input)
        if sorter is not None:
            edges = _sorter(edges, sorter)
        result = _found(edges, wanted, lies, out_int32, sorted_sequence._kind.device)
        return result if out is None else write_out(out, result, "searchsorted")

    return run


@public()
@decided("input boundaries out")
def bucketize(
    input: Any,
    boundaries: Tensor,
    *,
    out_int32: bool = False,
    right: bool = False,
    out: Tensor | None = None,
) -> Any:
    """Between which boundaries values lie.

    Args:
        input: The values: a tensor or a number.
        boundaries: A sorted vector.
        out_int32: An int32 result? Else int64.
        right: Does a boundary belong to the bucket on its left?
        out: Where to write the result.

    Raises:
        RuntimeError: The boundaries are no vector.

    Source: torch.bucketize

    Example:
        >>> import flambeau as torch
        >>> torch.bucketize(torch.tensor([2., 5.]), torch.tensor([1., 3.]))
        tensor([1, 2])
    """
    if boundaries._array.ndim != 1:
        raise RuntimeError(
            f"boundaries tensor must be 1 dimension, but got dim({boundaries._array.ndim})"
        )
    lies = "right" if right else "left"

    def run(input: Any, boundaries: Tensor, out: Tensor | None) -> Tensor:
        edges, wanted = _two(boundaries, input)
        result = _found(edges, wanted, lies, out_int32, boundaries._kind.device)
        return result if out is None else write_out(out, result, "bucketize")

    return run


@public(method=True)
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each of 0, 1, 2 ... occurs, or the sum of its weights.

    Raises:
        RuntimeError: The input is not a vector of non-negative integers, or the weights do not match.

    Source: torch.bincount

    Example:
        >>> import flambeau as torch
        >>> torch.bincount(torch.tensor([0, 2, 2]))
        tensor([1, 0, 2])
    """
    input._kind.check_elements("bincount")
    array = input._array
    if array.dtype.kind not in "iu":
        raise NotImplementedError(f'"bincount_cpu" not implemented for {input.dtype.legacy!r}')
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    largest = _largest(array)
    if array.ndim != 1 or largest < -1:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    bins = max(largest + 1, minlength)
    if weights is None:
        return wrap(_count(array, bins, None), kind_of(int64, input.device))
    if weights._array.shape != array.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    kind = weights._kind if weights.dtype.name == "float32" else kind_of(float64, input.device)
    total = _count(array, bins, weights._array.astype(np.float64))
    return wrap(total.astype(kind.numpy), kind)


def _bincount(index: Any, bins: int, weights: Any) -> Any:
    return np.bincount(
        index.copy(), weights, bins
    )  # others may write to it, which NumPy does not expect


_count = kernels.Native("array.bins", "counted", _bincount)


def _largest(index: Any) -> int:
    """The largest of integers; -1 where there are none, -2 where one is negative."""
    if not index.size:
        return -1
    if index.dtype.kind == "u":
        return int(index.max())
    # Read as unsigned numbers negative ones are the largest: one pass finds both.
    found = int(index.view(f"u{index.itemsize}").max())
    return -2 if found >> (8 * index.itemsize - 1) else found


@public()
def unravel_index(indices: Tensor, shape: Any) -> tuple[Tensor, ...]:
    """The coordinates, a tensor each dimension, of indices into a flattened tensor of some shape.

    Raises:
        TypeError: The indices are not integers.
        ValueError: A size is negative.

    Source: torch.unravel_index

    Example:
        >>> import flambeau as torch
        >>> torch.unravel_index(torch.tensor([5]), (2, 3))
        (tensor([1]), tensor([2]))
    """
    if indices._array.dtype.kind not in "iu":
        raise TypeError(f"expected 'indices' to be integer dtype, but got {indices.dtype}")
    sizes = sizes_of((shape,))
    if min(sizes, default=0) < 0:
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    coordinates, rest = [], indices.to(int64)
    steps = [math.prod(sizes[i + 1 :]) for i, _ in enumerate(sizes)]
    for size, step in zip(sizes, steps):
        coordinates.append(rest.div(step, rounding_mode="floor") % size)
    return tuple(coordinates)
