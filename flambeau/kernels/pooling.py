"""Pooling of arrays: where the largest element of each window is, means of windows, and their
transposes.

Windows are as in `convolution`. Each function gives NotImplemented for arrays that it is not
made for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from . import pooling_kernel
from .convolution import ordered, three
from .machine import machine
from .product import ELEMENTS

LARGEST = 1 << 31
"""Elements of a plane: places within it are counted with 32 bits."""


def _element(x: Any) -> str | None:
    return ELEMENTS.get(x.dtype) if type(x) is np.ndarray and x.size else None


def _fits(sizes: Sequence[int], counts: Sequence[int]) -> bool:
    return 0 < math.prod(sizes) < LARGEST and 0 < math.prod(counts) < LARGEST


@lru_cache(1024)
def _window_words(sizes: Sequence[int], counts: Sequence[int], window: Any) -> list[int]:
    size, stride, dilation, before, _ = window
    facts = (sizes, 1), (counts, 1), (size, 1), (stride, 1), (dilation, 1), (before, 0)
    return [number for values, missing in facts for number in three(values, missing)]


def places_of_maxima(x: Any, window: Any, counts: tuple[int, ...]) -> Any:
    """Where the maximum of each window is, in the flattened spatial dimensions; of several nan,
    the last one."""
    element, n = _element(x), len(counts)
    sizes = x.shape[x.ndim - n :]
    if element is None or not _fits(sizes, counts):
        return NotImplemented
    x = ordered(x)
    places = np.empty((*x.shape[: x.ndim - n], *counts), np.int64)
    planes = x.size // math.prod(sizes)
    words = [id(x), id(places), *_window_words(tuple(sizes), counts, window)]
    work = places.size * math.prod(window[0])
    pooling_kernel.maxima(element, machine().bits)(words, planes, work)
    return places


def taken(x: Any, places: Any) -> Any:
    """The elements of rows at places that count from 0; NotImplemented if one lies outside."""
    element = _element(x)
    if element is None or not _same_rows(x, places):
        return NotImplemented
    x, places = ordered(x), ordered(places)
    result = np.empty(places.shape, x.dtype)
    rows = x.size // x.shape[-1]
    words = [id(x), id(places), id(result), x.shape[-1], places.shape[-1]]
    outside = pooling_kernel.taken(element)(words, rows, places.size)
    return NotImplemented if outside else result


def spread(g: Any, places: Any, size: int) -> Any:
    """Rows of the given size with the elements of g added at the places, in their order."""
    element = _element(g)
    if element is None or not _same_rows(g, places) or g.shape != places.shape:
        return NotImplemented
    g, places = ordered(g), ordered(places)
    result = np.empty((*g.shape[:-1], size), g.dtype)
    rows = g.size // g.shape[-1]
    words = [id(g), id(places), id(result), size, g.shape[-1]]
    outside = pooling_kernel.spread(element)(words, rows, g.size + result.size // 8)
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
    element, n = _element(x), len(counts)
    sizes = x.shape[x.ndim - n :]
    if element is None or not _fits(sizes, counts):
        return NotImplemented
    x = ordered(x)
    y = np.empty((*x.shape[: x.ndim - n], *counts), x.dtype)
    divisors = _divisors(divisor, counts, x.dtype)
    words = [id(x), id(y), id(divisors), *_window_words(tuple(sizes), counts, window)]
    work = y.size * math.prod(window[0])
    pooling_kernel.means(element, machine().bits)(words, x.size // math.prod(sizes), work)
    return y


def shared(g: Any, window: Any, counts: tuple[int, ...], divisor: Any, sizes: Any) -> Any:
    """Each window's value, divided, added to what it saw: the transpose of `averaged`."""
    element, n = _element(g), len(counts)
    if element is None or not _fits(sizes, counts):
        return NotImplemented
    g = ordered(g)
    x = np.empty((*g.shape[: g.ndim - n], *sizes), g.dtype)
    divisors = _divisors(divisor, counts, g.dtype)
    words = [id(x), id(g), id(divisors), *_window_words(tuple(sizes), counts, window)]
    work = g.size * math.prod(window[0]) + x.size // 8
    pooling_kernel.shares(element, machine().bits)(words, x.size // math.prod(sizes), work)
    return x


def _divisors(divisor: Any, counts: tuple[int, ...], dtype: Any) -> Any:
    return np.ascontiguousarray(np.broadcast_to(divisor, counts), dtype)
