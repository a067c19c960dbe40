"""Counting: histograms, and how often each integer occurs. None of these has a gradient."""

from __future__ import annotations

import math
from builtins import range as builtin_range
from typing import Any

import numpy as np

from ..core.result import named_result
from ..core.tensor import Tensor, wrap_numpy
from .linear.check import exported, title

Histogram = named_result("histogram", "hist bin_edges")
Histogramdd = named_result("histogramdd", "hist bin_edges")


def _floating(kernel: str, x: Tensor) -> None:
    if x.dtype.name not in ("float32", "float64"):
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{title(x)}'")


@exported("histc", method=True, tensors="input")
def histc(input: Tensor, bins: int = 100, min: float = 0, max: float = 0) -> Tensor:
    """How many elements fall into each of `bins` equal bins between min and max.

    Args:
        input: The elements; those outside are not counted.
        bins: How many bins.
        min: The lower end; if it equals max, the smallest and largest element are the ends.
        max: The upper end.

    Raises:
        RuntimeError: There are no bins, or the ends are not finite or in the wrong order.

    Source: torch.histc

    Example:
        >>> import flambeau as torch
        >>> torch.histc(torch.tensor([1., 2., 1.]), bins=4, min=0, max=3)
        tensor([0., 2., 1., 0.])
    """
    _floating("histogram_cpu", input)
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    values = input._array.reshape(-1)
    low, high = float(min), float(max)
    if low == high and values.size:
        low, high = float(values.min()), float(values.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise RuntimeError("torch.histc: max must be larger than min")
    if low == high:
        low, high = low - 1, high + 1
    counts = np.histogram(values, bins, (low, high))[0]
    return wrap_numpy(counts.astype(values.dtype))


def _ends(values: np.ndarray, given: Any, dims: int) -> list[tuple[float, float]]:
    """The lowest and highest edge for each dimension."""
    if given is not None:
        pairs = [(float(given[2 * i]), float(given[2 * i + 1])) for i in range(dims)]
    elif values.shape[0]:
        pairs = [(float(values[:, i].min()), float(values[:, i].max())) for i in range(dims)]
    else:
        pairs = [(0.0, 1.0)] * dims
    fixed = []
    for i, (low, high) in enumerate(pairs):
        if not (math.isfinite(low) and math.isfinite(high)):
            raise RuntimeError(
                f"torch.histogramdd: dimension {i}'s range [{low:g}, {high:g}] is not finite"
            )
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for "
                f"dimension {i}"
            )
        fixed.append((low - 0.5, high + 0.5) if low == high else (low, high))
    return fixed


def _edges(values: np.ndarray, bins: Any, given: Any, dims: int) -> list[np.ndarray]:
    if isinstance(bins[0], Tensor):
        for i, edges in enumerate(bins):
            if edges.ndim != 1 or edges.numel() < 2:
                raise RuntimeError(
                    "torch.histogramdd(): bins tensor should have 1 dimension with at least two edges, "
                    f"but dimension {i} has a tensor of shape {list(edges.shape)}"
                )
        return [edges._array.astype(values.dtype) for edges in bins]
    for i, count in enumerate(bins):
        if count <= 0:
            raise RuntimeError(
                f"torch.histogram(): bins must be > 0, but got {count} for dimension {i}"
            )
    ends = _ends(values, given, dims)
    return [np.linspace(a, b, n + 1).astype(values.dtype) for (a, b), n in zip(ends, bins)]


def _counted(
    input: Tensor, bins: list[Any], range: Any, weight: Tensor | None, density: bool
) -> tuple[Tensor, list[Tensor]]:
    dims = len(bins)
    values = input._array.reshape(-1, dims)
    if weight is not None and tuple(weight.shape) != tuple(input.shape[:-1]):
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input "
            f"tensor excluding its innermost dimension, but got input with shape {list(input.shape)} and "
            f"weight with shape {list(weight.shape)}"
        )
    edges = _edges(values, bins, range, dims)
    weights = None if weight is None else weight._array.reshape(-1)
    shape = tuple(len(e) - 1 for e in edges)
    places, inside = _places(values, edges)
    at = np.ravel_multi_index(tuple(p[inside] for p in places), shape)
    chosen = None if weights is None else weights[inside]
    hist = np.bincount(at, chosen, math.prod(shape)).astype(values.dtype).reshape(shape)
    if density:
        hist /= hist.sum()
        for i, e in enumerate(edges):
            hist /= np.diff(e).reshape([-1 if i == j else 1 for j in builtin_range(dims)])
    return wrap_numpy(hist), [wrap_numpy(e) for e in edges]


def _places(values: np.ndarray, edges: list[np.ndarray]) -> tuple[list[np.ndarray], np.ndarray]:
    """The bin of each point along each dimension, and which points are in any bin."""
    inside = np.ones(len(values), bool)
    places = []
    for i, e in enumerate(edges):
        v = values[:, i]
        inside &= (v >= e[0]) & (v <= e[-1])
        places.append(np.minimum(_upper_bound(e, v) - 1, len(e) - 2))
    return places, inside


def _upper_bound(edges: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Where the first edge above each value is, by bisection: also of edges that are not in order,
    of which NumPy's search makes something else."""
    first = np.zeros(v.shape, np.int64)
    count = np.full(v.shape, len(edges))
    while (count > 0).any():
        step = count // 2
        beyond = (count > 0) & (v >= edges[np.minimum(first + step, len(edges) - 1)])
        first = np.where(beyond, first + step + 1, first)
        count = np.where(beyond, count - step - 1, step)
    return first


@exported("histogram", method=True, tensors="input")
def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogram:  # type: ignore[valid-type]
    """How many elements fall into each bin, and the bins' edges.

    Args:
        input: The elements.
        bins: How many equal bins, or their edges.
        range: The lowest and highest edge. Default: the smallest and largest element.
        weight: What each element counts.
        density: Divide by the total and by the bins' widths.

    Source: torch.histogram

    Example:
        >>> import flambeau as torch
        >>> torch.histogram(torch.tensor([1., 2., 1.]), bins=2, range=(0., 4.)).hist
        tensor([2., 1.])
    """
    _floating("histogram_cpu", input)
    if weight is not None and weight.shape != input.shape:
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input, "
            f"got {list(weight.shape)} and {list(input.shape)}"
        )
    flat_weight = None if weight is None else weight.reshape(-1)
    hist, edges = _counted(input.reshape(-1, 1), [bins], range, flat_weight, density)
    return Histogram((hist, edges[0]))


@exported("histogramdd", tensors="input")
def histogramdd(
    input: Tensor,
    bins: Any,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Histogramdd:  # type: ignore[valid-type]
    """How many points fall into each bin of a grid, and the edges along each dimension.

    Args:
        input: Points: the last dimension holds their coordinates.
        bins: How many bins for each coordinate (one number: for all), or edges for each.
        range: Lowest and highest edge of each coordinate, one after the other.
        weight: What each point counts.
        density: Divide by the total and by the bins' volumes.

    Source: torch.histogramdd
    """
    _floating("histogram_cpu", input)
    if input.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    dims = input.shape[-1]
    chosen = [bins] * dims if isinstance(bins, int) else list(bins)
    if len(chosen) != dims:
        raise RuntimeError(
            f"torch.histogramdd: expected {dims} sequences of bin edges or counts for a {dims}-dimensional "
            f"histogram but got {len(chosen)}"
        )
    if range is not None and len(range) != 2 * dims:
        raise RuntimeError(
            f"torch.histogramdd: for a {dims}-dimensional histogram range should have {2 * dims} elements, "
            f"but got {len(range)}"
        )
    hist, edges = _counted(input, chosen, range, weight, density)
    return Histogramdd((hist, tuple(edges)))


@exported("bincount", method=True, tensors="input")
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each non-negative integer occurs, or the sum of the weights where it does.

    Args:
        input: A vector of non-negative integers.
        weights: What each element counts.
        minlength: The least length of the result.

    Raises:
        RuntimeError: The input is no vector, or has a negative element.

    Source: torch.bincount

    Example:
        >>> import flambeau as torch
        >>> torch.bincount(torch.tensor([0, 2, 2]))
        tensor([1, 0, 2])
    """
    if input.dtype.category != 1:
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{title(input)}'")
    if input.ndim != 1 or (input.numel() and int(input._array.min()) < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if minlength < 0:
        raise RuntimeError(f"minlength should be >= 0, got {minlength}")
    if weights is None:
        return wrap_numpy(np.bincount(input._array, minlength=minlength).astype(np.int64))
    if weights.shape != input.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    counts = np.bincount(input._array, weights._array, minlength)
    narrow = weights.dtype.name == "float32"
    return wrap_numpy(counts.astype(np.float32 if narrow else np.float64))
