"""Pooling of arrays: the largest element of each window and where it is, means of windows, and their
transposes; over windows that slide, and over the parts that an image is cut into.

Windows are as in `convolution`. Each function gives NotImplemented for arrays that it is not
made for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from . import memory, pooling_kernel
from .convolution_plan import three
from .machine import machine
from .pooling_kernel import Parts, Windows
from .product import ELEMENTS

LARGEST = 1 << 31
"""Elements of a plane: places within it are counted with 32 bits."""


def ordered(x: Any) -> Any:
    """The array, or a copy that lies in order."""
    plain = x.flags.c_contiguous and x.flags.aligned
    return x if plain else np.array(x, order="C", subok=False)


def _element(x: Any) -> str | None:
    return ELEMENTS.get(x.dtype) if type(x) is np.ndarray and x.size else None


def _fits(sizes: Sequence[int], counts: Sequence[int]) -> bool:
    return 0 < math.prod(sizes) < LARGEST and 0 < math.prod(counts) < LARGEST


@lru_cache(1024)
def _window(shape: Sequence[int], counts: Sequence[int], window: Any) -> tuple[int, ...] | None:
    """What a kernel is told of windows over an array of that shape; None for what does not fit."""
    sizes = shape[len(shape) - len(counts) :]
    if not _fits(sizes, counts):
        return None
    size, stride, dilation, before, _ = window
    facts = (sizes, 1), (counts, 1), (size, 1), (stride, 1), (dilation, 1), (before, 0)
    numbers = [number for values, missing in facts for number in three(values, missing)]
    planes = math.prod(shape) // math.prod(sizes)
    work = planes * (math.prod(counts) * math.prod(size) + math.prod(sizes) // 8)
    return planes, 1, work, 0, *numbers


@lru_cache(1024)
def _parts(shape: Sequence[int], counts: Sequence[int]) -> tuple[Any, Any, tuple[int, ...]] | None:
    """The bounds of the parts, the elements of each, and what a kernel is told of them."""
    sizes = shape[len(shape) - len(counts) :]
    if not _fits(sizes, counts):
        return None
    three_sizes, three_counts = three(sizes, 1), three(counts, 1)
    cut = [bounds(m, k) for m, k in zip(three_sizes, three_counts)]
    every = np.concatenate([np.concatenate(pair) for pair in cut]).astype(np.int32)
    lengths = [high - low for low, high in cut]
    divisors = lengths[0][:, None, None] * lengths[1][:, None] * lengths[2]
    planes = math.prod(shape) // math.prod(sizes)
    work = planes * (int(divisors.sum()) + math.prod(sizes) // 8)
    numbers = planes, 1, work, 0, *three_sizes, *three_counts, int(lengths[2].max())
    return every, divisors, numbers


def bounds(size: int, count: int) -> tuple[Any, Any]:
    """Where the parts that a dimension is cut into begin and end; they overlap if sizes do not divide."""
    i = np.arange(count, dtype=np.int64)
    return i * size // count, -(-(i + 1) * size // count)


def largest(x: Any, window: Any, counts: tuple[int, ...]) -> Any:
    """The maximum of each window, and where it is in the flattened spatial dimensions; of several
    nan, the last one."""
    element, numbers = _element(x), _window(x.shape, counts, window)
    if element is None or numbers is None:
        return NotImplemented
    return _largest(x, counts, Windows, (), numbers)


def largest_of_parts(x: Any, counts: tuple[int, ...]) -> Any:
    """The maximum of each part, and where it is in the flattened spatial dimensions."""
    found = _parts(x.shape, counts)
    if _element(x) is None or found is None:
        return NotImplemented
    return _largest(x, counts, Parts, found[:1], found[2])


def _largest(x: Any, counts: tuple[int, ...], view: Any, more: tuple, numbers: Any) -> Any:
    shape = *x.shape[: x.ndim - len(counts)], *counts
    y, places = memory.empty(shape, x.dtype), memory.empty(shape, memory.INT64)
    kernel = pooling_kernel.maxima(ELEMENTS[x.dtype], machine().bits, view)
    kernel(ordered(x), y, places, *more, *numbers)
    return y, places


def taken(x: Any, places: Any) -> Any:
    """The elements of rows at places that count from 0; NotImplemented if one lies outside."""
    element = _element(x)
    if element is None or not _same_rows(x, places):
        return NotImplemented
    result = memory.empty(places.shape, x.dtype)
    outside = pooling_kernel.taken(element)(
        ordered(x), ordered(places), result, x.size // x.shape[-1], 1, places.size, 0,
        x.shape[-1], places.shape[-1],
    )  # fmt: skip
    return NotImplemented if outside else result


def spread(g: Any, places: Any, size: int) -> Any:
    """Rows of the given size with the elements of g added at the places, in their order."""
    element = _element(g)
    if element is None or not _same_rows(g, places) or g.shape != places.shape:
        return NotImplemented
    result = memory.empty((*g.shape[:-1], size), g.dtype)
    outside = pooling_kernel.spread(element)(
        ordered(g), ordered(places), result, g.size // g.shape[-1], 1,
        g.size + result.size // 8, 0, size, g.shape[-1],
    )  # fmt: skip
    return NotImplemented if outside else result


def _same_rows(x: Any, places: Any) -> bool:
    return (
        type(places) is np.ndarray
        and places.dtype == np.int64
        and places.size > 0
        and x.ndim == places.ndim
        and x.shape[:-1] == places.shape[:-1]
    )


def averaged(x: Any, window: Any, counts: tuple[int, ...], divisor: Any) -> Any:
    """Sums over the windows, divided by a number or by one for each place."""
    element, numbers = _element(x), _window(x.shape, counts, window)
    if element is None or numbers is None:
        return NotImplemented
    y = memory.empty((*x.shape[: x.ndim - len(counts)], *counts), x.dtype)
    kernel = pooling_kernel.means(element, machine().bits, Windows)
    kernel(ordered(x), y, _divisors(divisor, counts, x.dtype), *numbers)
    return y


def averaged_of_parts(x: Any, counts: tuple[int, ...]) -> Any:
    """The means of the parts."""
    element, found = _element(x), _parts(x.shape, counts)
    if element is None or found is None:
        return NotImplemented
    every, divisors, numbers = found
    y = memory.empty((*x.shape[: x.ndim - len(counts)], *counts), x.dtype)
    kernel = pooling_kernel.means(element, machine().bits, Parts)
    kernel(ordered(x), y, divisors.astype(x.dtype), every, *numbers)
    return y


def shared(g: Any, window: Any, counts: tuple[int, ...], divisor: Any, sizes: Any) -> Any:
    """Each window's value, divided, added to what it saw: the transpose of `averaged`."""
    shape = *g.shape[: g.ndim - len(counts)], *sizes
    element, numbers = _element(g), _window(shape, counts, window)
    if element is None or numbers is None:
        return NotImplemented
    x = memory.empty(shape, g.dtype)
    kernel = pooling_kernel.shares(element, Windows)
    kernel(x, ordered(g), _divisors(divisor, counts, g.dtype), *numbers)
    return x


def shared_of_parts(g: Any, counts: tuple[int, ...], sizes: Any) -> Any:
    """Each part's value, divided, added to what it saw: the transpose of `averaged_of_parts`."""
    shape = *g.shape[: g.ndim - len(counts)], *sizes
    element, found = _element(g), _parts(shape, counts)
    if element is None or found is None:
        return NotImplemented
    every, divisors, numbers = found
    x = memory.empty(shape, g.dtype)
    kernel = pooling_kernel.shares(element, Parts)
    kernel(x, ordered(g), divisors.astype(g.dtype), every, *numbers)
    return x


def _divisors(divisor: Any, counts: tuple[int, ...], dtype: Any) -> Any:
    if divisor.shape != counts:
        divisor = np.broadcast_to(divisor, counts)
    return np.ascontiguousarray(divisor, dtype)
