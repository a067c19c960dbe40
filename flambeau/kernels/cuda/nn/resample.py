"""Sparse linear maps of one dimension of a device array: resizing, and means of parts."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ...llvm import quotient, remainder
from .. import driver
from ..array.copy import in_order
from ..array.launch import THREADS, blocks
from ..driver import Kernel
from ..floats import ELEMENTS
from ..thread import Thread
from ..upload import uploaded

WORDS = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}
"""What is copied of elements that are not computed with, by their bytes."""
LIMIT = 1 << 31


def mixed(x: Any, dim: int, taps: Any) -> Any:
    """Sums of weighted elements along a dimension; NotImplemented for what it is not made for.

    Args:
        taps: `flambeau.ops.nn.taps.Taps`.
    """
    element = ELEMENTS.get(x.dtype.name)
    if element is None or len(taps.places) >= LIMIT:
        return NotImplemented
    if not x.size or not taps.longest:
        return driver.cupy().zeros(_shape(x, dim, taps.count), x.dtype)
    starts, places, weights = _listed(driver.device(), taps, x.dtype)
    return _launched(lines(element), x, dim, taps.count, starts, places, weights)


def chosen(x: Any, dim: int, taps: Any) -> Any:
    """The one element along a dimension that each result is; NotImplemented for what it is not made for."""
    if x.itemsize not in WORDS or len(taps.places) >= LIMIT:
        return NotImplemented
    _, places, _ = _listed(driver.device(), taps, np.float32)
    return _launched(single(WORDS[x.itemsize]), x, dim, len(taps.places), places)


def _launched(kernel: Kernel, x: Any, dim: int, count: int, *tables: Any) -> Any:
    xp = driver.cupy()
    y = xp.empty(_shape(x, dim, count), x.dtype)
    if y.size:
        numbers = y.size, x.shape[dim], count, math.prod(x.shape[dim + 1 :])
        kernel(blocks(y.size), THREADS, in_order(x), y, *tables, *numbers)
    return y


def _shape(x: Any, dim: int, count: int) -> tuple[int, ...]:
    """The array's with another number of elements along a dimension."""
    return (*x.shape[:dim], count, *x.shape[dim + 1 :])


@lru_cache(256)
def _listed(device: int, taps: Any, dtype: Any) -> tuple[Any, ...]:
    """Starts, places and weights on a device."""
    given = (taps.starts, np.int32), (taps.places, np.int32), (taps.weights, dtype)
    return tuple(uploaded(values, kind) for values, kind in given)


@cache
def lines(element: str) -> Kernel:
    """``f(x, y, starts, places, weights, total, size, count, inner)``: a thread for each result."""
    code = Thread()
    x, y, starts, places, weights, total, size, count, inner = code.takes(
        "ptr x readonly", "ptr y", "ptr starts readonly", "ptr places readonly",
        "ptr weights readonly", "i64 total", "i64 size", "i64 count", "i64 inner",
    )  # fmt: skip
    result = code.variable(code.constant(0.0, element))
    with code.loop(code.first("i64"), total, code.threads("i64")) as i:
        line = quotient(i, inner)
        outer, which = quotient(line, count), remainder(line, count)
        plane = code.at(x, element, outer * size * inner + (i - line * inner))
        first = code.at(starts, "i32", which)
        begin, end = code.load(first, "i32"), code.load(code.at(first, "i32", which.like(1)), "i32")
        result.value = code.constant(0.0, element)
        with code.loop(begin, end) as k:
            place = code.load(code.at(places, "i32", k), "i32").widen("i64") * inner
            value = code.load(code.at(plane, element, place), element)
            weight = code.load(code.at(weights, element, k), element)
            result.value = code.intrinsic("fma", value, weight, result.value)
        code.store(result.value, code.at(y, element, i))
    return Kernel("resample", code.kernel("resample"))


@cache
def single(element: str) -> Kernel:
    """``f(x, y, places, total, size, count, inner)``: a thread for each result."""
    code = Thread()
    x, y, places, total, size, count, inner = code.takes(
        "ptr x readonly", "ptr y", "ptr places readonly", "i64 total", "i64 size", "i64 count",
        "i64 inner",
    )  # fmt: skip
    with code.loop(code.first("i64"), total, code.threads("i64")) as i:
        line = quotient(i, inner)
        outer, which = quotient(line, count), remainder(line, count)
        place = code.load(code.at(places, "i32", which), "i32").widen("i64")
        source = (outer * size + place) * inner + (i - line * inner)
        code.store(code.load(code.at(x, element, source), element), code.at(y, element, i))
    return Kernel("resample_single", code.kernel("resample_single"))


__all__ = ["chosen", "mixed"]
