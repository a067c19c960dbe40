"""Sparse linear maps of single dimensions: what resizing and adaptive pooling are made of.

A dense matrix would multiply by 0 what a result does not look at, and 0 times NaN or infinity is NaN.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import BY_NUMPY
from ...core.tensor import Tensor
from ...core.twin import host
from ...dispatch.rule.rule_operation import operation


class Taps:
    """Which elements of a dimension each result is a sum of, and how much each counts.

    Args:
        size, count: Elements of the dimension, and results.
        rows, places, weights: For each tap the result, the element and how much it counts. Those of one result
            at one element are added up, and what counts nothing is left out.

    Attributes:
        starts: Where the taps of each result begin in `places` and `weights`, and where the last ones end.
    """

    def __init__(self, size: int, count: int, rows: Any, places: Any, weights: Any):
        self.size, self.count = size, count
        tap, which = np.unique(rows * max(size, 1) + places, return_inverse=True)
        total = np.bincount(which.ravel(), weights, len(tap))
        tap, self.weights = tap[total != 0], total[total != 0]
        self.rows, self.places = np.divmod(tap, max(size, 1))
        self.starts = np.searchsorted(self.rows, np.arange(count + 1))

    @cached_property
    def transposed(self) -> Taps:
        """From results to elements: the map of gradients."""
        made = Taps(self.count, self.size, self.places, self.rows, self.weights)
        made.transposed = self
        return made

    @cached_property
    def longest(self) -> int:
        """The most taps that a result has."""
        return int(np.diff(self.starts).max(initial=0))

    @cached_property
    def layers(self) -> tuple[Any, Any]:
        """The places of all first taps, of all second ones and so on, -1 where there is none; and weights."""
        places = np.full((self.longest, self.count), -1, np.int32)
        weights = np.zeros(places.shape)
        layer = np.arange(len(self.rows)) - self.starts[self.rows]
        places[layer, self.rows], weights[layer, self.rows] = self.places, self.weights
        return places, weights


@host
def stretches(start: Any, end: Any) -> tuple[Any, Any]:
    """Rows and places of taps on all elements from `start` to `end` of each row."""
    lengths = np.maximum(end - start, 0)
    rows = np.repeat(np.arange(len(lengths)), lengths)
    within = np.arange(len(rows)) - (np.cumsum(lengths) - lengths)[rows]
    return rows, start[rows] + within


def _mixed(x: Any, dim: int, taps: Taps) -> Any:
    """The map of one dimension with NumPy."""
    lead, after = x.shape[:dim], x.shape[dim + 1 :]
    y = np.zeros((*lead, taps.count, *after), x.dtype)
    filled = np.flatnonzero(np.diff(taps.starts))
    if filled.size:
        weights = taps.weights.astype(x.dtype).reshape(-1, *(1,) * len(after))
        parts = np.take(x, taps.places, dim) * weights
        y[(slice(None),) * dim + (filled,)] = np.add.reduceat(parts, taps.starts[filled], dim)
    return y


def _chosen(x: Any, dim: int, taps: Taps) -> Any:
    """The one element that each result is, with NumPy."""
    return x.take(np.asarray(taps.places), dim)


_mix = kernels.Native("nn.resample", "mixed", _mixed)
_choose = kernels.Native("nn.resample", "chosen", _chosen)


def _in_turn(sizes: Sequence[int], maps: Sequence[Taps]) -> list[int]:
    """The order of dimensions that leaves least to do: first those that shrink; those that grow at the end,
    the last one, in which neighbours are no vectors, before the others."""
    if len(maps) == 1:
        return [0]
    shrink = [i for i, taps in enumerate(maps) if taps.count <= sizes[i]]
    return shrink + [i for i in reversed(range(len(maps))) if i not in shrink]


def mapped(x: Any, maps: tuple[Taps, ...]) -> Any:
    """The maps of the last dimensions of an array, one after the other; the half types are rounded once."""
    first, y, wide = x.ndim - len(maps), x, BY_NUMPY[x.dtype].compute
    if wide != x.dtype:
        y = x.astype(wide)
    for i in _in_turn(x.shape[first:], maps):
        y = _mix(y, first + i, maps[i])
    return kernels.array.copy.in_order(y if y.dtype is x.dtype else y.astype(x.dtype))


resampled = operation(mapped, label="Upsample")


@resampled.gradient
def _(g: Tensor, maps: tuple[Taps, ...]) -> Tensor:
    return resampled(g, tuple(taps.transposed for taps in maps))


def _picked(x: Any, maps: tuple[Taps, ...]) -> Any:
    """The one element that each result is, one dimension after the other."""
    first = x.ndim - len(maps)
    for i in _in_turn(x.shape[first:], maps):
        x = _choose(x, first + i, maps[i])
    return x


_pick = kernels.Native("nn.resample", "picked", _picked)


@operation(label="UpsampleNearest")
def chosen(x: Any, maps: tuple[Taps, ...]) -> Any:
    """The same where each result is one element, as it is."""
    return _pick(x, maps)


@chosen.gradient
def _(g: Tensor, maps: tuple[Taps, ...]) -> Tensor:
    return resampled(g, tuple(taps.transposed for taps in maps))
