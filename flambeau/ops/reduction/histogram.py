"""Histograms: how many numbers fall into each of some bins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ... import kernels
from ...core.device import device_of
from ...core.dtype import BY_NUMPY, FLOAT
from ...core.result import named_result
from ...core.tensor import Tensor, wrap
from ...dispatch.out import write_results
from ...dispatch.registry import public
from ...dispatch.write import write_out
from ..create.arange import linspace


def _floating(name: str, input: Tensor, halves: bool = False) -> None:
    if input.dtype.category != FLOAT or (input.dtype.is_reduced and not halves):
        raise NotImplementedError(f'"{name}" not implemented for {input.dtype.legacy!r}')


def _edges(column: Any, count: int, span: Sequence[float] | None, dim: int, kind: Any) -> Any:
    """The `count` + 1 edges of equal bins over `span`, or over all values.

    Raises:
        RuntimeError: There are no bins, or the span is not right.
    """
    if count <= 0:
        raise RuntimeError(
            f"torch.histogram(): bins must be > 0, but got {count} for dimension {dim}"
        )
    if span is not None:
        low, high = (float(n) for n in span)
    elif column.size:
        low, high = float(column.min()), float(column.max())
    else:
        low, high = 0.0, 1.0
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(
            f"torch.histogramdd: dimension {dim}'s range [{low}, {high}] is not finite"
        )
    if low > high:
        raise RuntimeError(
            f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for "
            f"dimension {dim}"
        )
    if low == high:
        low, high = low - 0.5, high + 0.5
    return linspace(low, high, count + 1, dtype=kind.dtype, device=kind.device)._array


def _binned(columns: list[Any], edges: list[Any], weight: Any, density: bool, dtype: Any) -> Any:
    """How much falls into each bin of a grid; the last one holds its upper edge."""
    shape = tuple(len(e) - 1 for e in edges)
    inside = np.ones(columns[0].shape, bool)
    places = []
    for column, e in zip(columns, edges):
        place = np.searchsorted(e, column, "right") - 1
        place = np.where(column == e[-1], len(e) - 2, place)
        inside &= (column >= e[0]) & (column <= e[-1])
        places.append(place)
    flat = np.ravel_multi_index(tuple(p[inside] for p in places), shape)
    share = None if weight is None else weight[inside].astype(np.float64)
    total = np.bincount(flat, share, math.prod(shape)).astype(np.float64).reshape(shape)
    total = total.astype(dtype)
    if density:
        total = total / total.sum()
        for i, e in enumerate(edges):
            total /= np.diff(e).reshape([-1 if j == i else 1 for j in range(len(edges))])
    return total


def _equally(column: Any, edges: Any) -> Any:
    """How many numbers lie in each of equal bins, with NumPy."""
    return _binned([column], [edges], None, False, np.int64)


_bin_equally = kernels.Native("array.bins", "binned", _equally)


@public(method=True)
def histc(
    input: Tensor, bins: int = 100, min: float = 0, max: float = 0, *, out: Tensor | None = None
) -> Tensor:
    """How many elements fall into each of equal bins between min and max (of all, if both are 0).

    Raises:
        RuntimeError: The range is empty or not finite.

    Source: torch.histc

    Example:
        >>> import flambeau as torch
        >>> torch.histc(torch.tensor([1., 2., 1.]), 2, 0, 2)
        tensor([0., 3.])
    """
    _floating("histogram_cpu", input, True)
    flat, low, high = input._array.astype(input._kind.compute).reshape(-1), float(min), float(max)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if low == high and flat.size:
        low, high = float(flat.min()), float(flat.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError("torch.histc: max must be larger than min")
    edges = linspace(low, high, bins + 1, dtype=BY_NUMPY[flat.dtype], device=device_of(flat))._array
    result = wrap(_bin_equally(flat, edges).astype(input._kind.numpy), input._kind)
    return result if out is None else write_out(out, result, "histc")


_Histogram: Any = named_result("histogram", "hist bin_edges")
_HistogramDD: Any = named_result("histogramdd", "hist bin_edges")


def _given_edges(bins: Tensor, dim: int) -> Any:
    if bins._array.ndim != 1:
        raise RuntimeError(
            "torch.histogramdd: bins tensor should have one dimension, but got "
            f"{bins._array.ndim} dimensions in the bins tensor for dimension {dim}"
        )
    return bins._array


@public(method=True)
def histogram(
    input: Tensor,
    bins: Any = 100,
    *,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
    out: Any = None,
) -> Any:
    """How much falls into each bin, and the edges of the bins.

    Args:
        input: A float32 or float64 tensor.
        bins: How many equal bins, or their edges as a sorted vector.
        range: From where to where equal bins reach; over all values without it.
        weight: How much each element counts.
        density: Divide so that the integral is 1?
        out: Where to write (hist, bin_edges).

    Raises:
        RuntimeError: Bins or range are not right.

    Source: torch.histogram

    Example:
        >>> import flambeau as torch
        >>> torch.histogram(torch.tensor([1., 2., 1.]), 2, range=(0., 2.)).hist
        tensor([0., 3.])
    """
    _floating("histogramdd", input)
    flat, kind = input._array.reshape(-1), input._kind
    edges = (
        _given_edges(bins, 0) if isinstance(bins, Tensor) else _edges(flat, bins, range, 0, kind)
    )
    share = None if weight is None else weight._array.reshape(-1)
    if share is None and not density and not isinstance(bins, Tensor):
        hist = _bin_equally(flat, edges).astype(kind.numpy)
    else:
        hist = _binned([flat], [edges], share, density, kind.numpy)
    result = _Histogram((wrap(hist, kind), wrap(edges, kind)))
    return result if out is None else write_results(out, result, "histogram")


@public()
def histogramdd(
    input: Tensor,
    bins: Any,
    range: Sequence[float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """`histogram` of points: how many fall into each cell of a grid, and the edges a dimension.

    Args:
        input: Points, in the last dimension.
        bins: How many bins a dimension (one number, or several), or the edges, a vector each.
        range: From where to where, two numbers a dimension.
        weight: How much each point counts.
        density: Divide so that the integral is 1?

    Raises:
        RuntimeError: Bins or range are not right.

    Source: torch.histogramdd
    """
    _floating("histogramdd", input)
    if input._array.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    points, kind = input._array.reshape(-1, input._array.shape[-1]), input._kind
    n = points.shape[1]
    each = list(bins) if isinstance(bins, (list, tuple)) else [bins] * n
    if len(each) != n:
        raise RuntimeError(
            f"torch.histogramdd: expected {n} bins for a {n}-dimensional histogram, got {len(each)}"
        )
    columns = list(points.T)
    edges = []
    for i, (column, bin_) in enumerate(zip(columns, each)):
        span = None if range is None else range[2 * i : 2 * i + 2]
        edges.append(
            _given_edges(bin_, i)
            if isinstance(bin_, Tensor)
            else _edges(column, bin_, span, i, kind)
        )
    share = None if weight is None else weight._array.reshape(-1)
    hist = wrap(_binned(columns, edges, share, density, kind.numpy), kind)
    return _HistogramDD((hist, tuple(wrap(e, kind) for e in edges)))
