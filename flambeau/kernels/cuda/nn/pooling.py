"""Pooling of device arrays: the largest element of each window and where it is, means of windows, and their transposes; over
windows that slide, and over the parts that an image is cut into.

Each function gives NotImplemented for arrays that it is not made for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ...convolution.plan import axes, three
from .. import driver
from ..array.copy import contiguous, in_order
from ..array.launch import THREADS, blocks
from ..floats import SUMS
from ..upload import uploaded
from . import pooling_kernel
from .pooling_kernel import Numbers

LIMIT = 1 << 31
"""Elements of a plane: places within it are counted with 32 bits."""


def _fits(x: Any, sizes: Sequence[int], counts: Sequence[int]) -> bool:
    every = [*sizes, *counts]
    products = (m * (k + 1) for m, k in zip(sizes, counts))
    return (
        x.dtype.name in SUMS
        and x.size > 0
        and min(every) > 0
        and max(math.prod(sizes), math.prod(counts), *products) < LIMIT
    )


@lru_cache(1024)
def _numbers(planes: int, sizes: Sequence[int], counts: Sequence[int], window: Any) -> Numbers:
    """What a kernel is told; window: None for parts."""
    if window is None:
        ones = (1,) * len(sizes)
        window = ones, ones, ones, (0,) * len(sizes)
    size, stride, dilation, before = window[:4]
    return Numbers(
        planes=planes, **axes("x", three(sizes, 1)), **axes("u", three(counts, 1)),
        **axes("n", three(size, 1)), **axes("s", three(stride, 1)), **axes("d", three(dilation, 1)),
        **axes("p", three(before, 0)),
    )  # fmt: skip


def _run(kernel: Any, count: int, *arrays: Any, numbers: Sequence[int]) -> None:
    kernel(blocks(count), THREADS, *arrays, *numbers)


def largest(x: Any, window: Any, counts: tuple[int, ...]) -> Any:
    """The maximum of each window, and where it is in the flattened spatial dimensions; of several nan, the last one."""
    return _largest(x, window, counts)


def largest_of_parts(x: Any, counts: tuple[int, ...]) -> Any:
    """The maximum of each part, and where it is in the flattened spatial dimensions."""
    return _largest(x, None, counts)


def _largest(x: Any, window: Any, counts: tuple[int, ...]) -> Any:
    lead, sizes = x.shape[: x.ndim - len(counts)], x.shape[x.ndim - len(counts) :]
    if not _fits(x, sizes, counts):
        return NotImplemented
    xp = driver.cupy()
    y, places = xp.empty((*lead, *counts), x.dtype), xp.empty((*lead, *counts), np.int64)
    numbers = _numbers(math.prod(lead), sizes, tuple(counts), window)
    kernel = pooling_kernel.maxima(x.dtype.name, window is None)
    _run(kernel, y.size, in_order(x), y, places, numbers=numbers)
    return y, places


def averaged(x: Any, window: Any, counts: tuple[int, ...], divisor: Any) -> Any:
    """Sums over the windows, divided by a number or by one for each place."""
    return _averaged(x, window, counts, divisor)


def averaged_of_parts(x: Any, counts: tuple[int, ...]) -> Any:
    """The means of the parts."""
    return _averaged(x, None, counts, None)


def _averaged(x: Any, window: Any, counts: tuple[int, ...], divisor: Any) -> Any:
    lead, sizes = x.shape[: x.ndim - len(counts)], x.shape[x.ndim - len(counts) :]
    if not _fits(x, sizes, counts):
        return NotImplemented
    xp = driver.cupy()
    y = xp.empty((*lead, *counts), x.dtype)
    divisors = x if window is None else _divisors(divisor, counts, x.dtype)
    numbers = _numbers(math.prod(lead), sizes, tuple(counts), window)
    kernel = pooling_kernel.means(x.dtype.name, window is None)
    _run(kernel, y.size, in_order(x), y, divisors, numbers=numbers)
    return y


def shared(g: Any, window: Any, counts: tuple[int, ...], divisor: Any, sizes: Any) -> Any:
    """Each window's value, divided, added to what it saw: the transpose of `averaged`."""
    if set(window[2]) != {1}:
        return NotImplemented
    return _shared(g, window, counts, tuple(sizes), divisor)


def shared_of_parts(g: Any, counts: tuple[int, ...], sizes: Any) -> Any:
    """Each part's value, divided, added to what it saw: the transpose of `averaged_of_parts`."""
    sizes = tuple(sizes)
    if not _fits(g, sizes, counts):
        return NotImplemented
    return _shared(g, None, counts, sizes, part_sizes(sizes, tuple(counts)))


@lru_cache(1024)
def part_sizes(sizes: tuple[int, ...], counts: tuple[int, ...]) -> Any:
    """How many elements each part has."""
    found: Any = np.ones((), np.int64)
    for size, count in zip(sizes, counts):
        i = np.arange(count)
        found = found[..., None] * (-(-(i + 1) * size // count) - i * size // count)
    return found


def _shared(
    g: Any, window: Any, counts: tuple[int, ...], sizes: tuple[int, ...], divisor: Any
) -> Any:
    if not _fits(g, sizes, counts):
        return NotImplemented
    xp, lead = driver.cupy(), g.shape[: g.ndim - len(counts)]
    x = xp.empty((*lead, *sizes), g.dtype)
    numbers = _numbers(math.prod(lead), sizes, tuple(counts), window)
    kernel = pooling_kernel.shares(g.dtype.name, window is None)
    divisors = _divisors(divisor, counts, g.dtype)
    _run(kernel, x.size, in_order(g), x, divisors, numbers=numbers)
    return x


def _divisors(divisor: Any, counts: tuple[int, ...], dtype: Any) -> Any:
    """One for each place, on the device, of the type of sums."""
    kind = SUMS[dtype.name]
    if type(divisor) is np.ndarray:
        return _kept(
            driver.device(), divisor.shape, divisor.astype(kind).tobytes(), tuple(counts), kind
        )
    xp = driver.cupy()
    return contiguous(xp.broadcast_to(divisor.astype(kind), counts))


@lru_cache(256)
def _kept(
    device: int, shape: tuple[int, ...], data: bytes, counts: tuple[int, ...], kind: str
) -> Any:
    divisor = np.frombuffer(data, kind).reshape(shape)
    return uploaded(np.broadcast_to(divisor, counts))


def taken(x: Any, places: Any) -> Any:
    """The elements of rows at places that count from 0; nan at one that lies outside."""
    rows = x.shape[:-1]
    fits = x.dtype.name in SUMS and x.size and places.size and places.dtype == np.int64
    if not fits or places.shape[:-1] != rows:
        return NotImplemented
    xp = driver.cupy()
    y = xp.empty(places.shape, x.dtype)
    numbers = math.prod(rows), x.shape[-1], places.shape[-1]
    arrays = in_order(x), in_order(places), y
    _run(pooling_kernel.taken(x.dtype.name), y.size, *arrays, numbers=numbers)
    return y


def spread(g: Any, places: Any, sizes: Sequence[int], window: Any = None) -> Any:
    """Arrays of the given last sizes with the elements of g added, in their order, at places of these sizes' elements
    counted as one row.

    Args:
        window: What the places are maxima of: a window, () for parts, or None if not known. Where it is known each element
            looks for its own maxima; else each row is one thread's work.
    """
    counts, sizes = g.shape[g.ndim - len(sizes) :], tuple(sizes)
    if not _fits(g, sizes, counts) or places.shape != g.shape or places.dtype != np.int64:
        return NotImplemented
    xp, lead = driver.cupy(), g.shape[: g.ndim - len(sizes)]
    rows, dtype = math.prod(lead), g.dtype
    g, places = in_order(g), in_order(places)
    if window is not None:
        x = xp.empty((*lead, *sizes), dtype)
        numbers = _numbers(rows, sizes, tuple(counts), window or None)
        _run(pooling_kernel.chosen(dtype.name, not window), x.size, g, places, x, numbers=numbers)
        return x
    x = xp.zeros((*lead, *sizes), SUMS[dtype.name])
    numbers = rows, math.prod(sizes), g.size // rows
    _run(pooling_kernel.spread(dtype.name), rows, g, places, x, numbers=numbers)
    return x.astype(dtype, copy=False)


__all__ = [
    "averaged", "averaged_of_parts", "largest", "largest_of_parts", "shared", "shared_of_parts", "spread",
    "taken",
]  # fmt: skip
