"""More elements around an array, or fewer: one value, or elements of its own.

A line of the last padded dimension is a run of the source with an edge on either side. Which line of the source each
line of the result comes from is listed once for the dimensions before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS, Value
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine
from .copy import ELEMENTS, in_order
from .vector_loop import copy, fill

LISTED = 1 << 14
"""Lines up to which the list of them is kept for the next call."""

Pads = tuple[tuple[int, int], ...]


class Numbers(NamedTuple):
    """Of the last padded dimension, in elements of `inner`, those that lie behind it.

    Attributes:
        size: Elements of the source.
        inner: How many lie behind each.
        before, after: Elements of the edges.
        start, middle: Where the run begins that is copied, and how long it is.
    """

    size: int
    inner: int
    before: int
    after: int
    start: int
    middle: int


def padded(x: Any, pads: Pads, places: Callable[[int, int, int], Any] | None, value: Any) -> Any:
    """x with so many more elements before and after each dimension; negative amounts cut off.

    Args:
        places: Which elements a dimension has then, by its size and the two amounts; None: `value` is around it.

    Returns: NotImplemented for what this is not made for.
    """
    element = ELEMENTS.get(x.itemsize)
    if element is None or x.__class__ is not np.ndarray or x.dtype.hasobject:
        return NotImplemented
    made = memory.empty(tuple([n + a + b for n, (a, b) in zip(x.shape, pads)]), x.dtype)
    if made.size:
        x = in_order(x)
        given = np.empty((), x.dtype)
        given.fill(value)
        lines, edges, numbers = _told(x.shape or (1,), pads or ((0, 0),), places)
        _kernel(element, places is None)(x, made, lines, edges, given, *numbers)
    return made


@lru_cache(256)
def _told(shape: tuple[int, ...], pads: Pads, places: Any) -> tuple[Any, Any, tuple[int, ...]]:
    """The lines, the places of the edges' elements, and the numbers."""
    last = max((i for i, pair in enumerate(pads) if pair != (0, 0)), default=len(shape) - 1)
    n, (a, b) = shape[last], pads[last]
    inner = math.prod(shape[last + 1 :])
    before, after, middle = max(a, 0), max(b, 0), n + min(a, 0) + min(b, 0)
    own = np.arange(-a, n + b) if places is None else np.asarray(places(n, a, b), np.int64)
    edges = np.concatenate([own[:before], own[before + middle :], own[:1]])  # never empty
    count = math.prod([m + sum(pair) for m, pair in zip(shape[:last], pads)])
    find = _lines if count <= LISTED else _lines.__wrapped__
    numbers = Numbers(
        size=n, inner=inner, before=before, after=after, start=max(-a, 0), middle=middle
    )
    length = (n + a + b) * inner
    job = Job(rows=count, length=length, weight=count * length, divisible=False)
    return find(shape[:last], pads[:last], places), edges, (*job, *numbers)


@lru_cache(64)
def _lines(shape: tuple[int, ...], pads: Pads, places: Any) -> Any:
    """Which line of the source each line of the result is; -1 where it is none."""
    found = np.zeros(1, np.int64)
    for n, (a, b) in zip(shape, pads):
        if places is None:
            own = np.arange(-a, n + b)
            own[(own < 0) | (own >= n)] = -1
        else:
            own = np.asarray(places(n, a, b), np.int64)
        whole = found[:, None] * n + own
        found = np.where((found[:, None] < 0) | (own < 0), -1, whole).reshape(-1)
    return found


@cache
def _kernel(element: str, around: bool) -> Callable[..., int]:
    """`around`: a value is; the edges are elements of the line otherwise."""

    def write(code: Body) -> None:
        n = code.n
        value = code.get(code.p["value"], element, code.zero)
        with code.rows() as row:
            line = code.get(code.p["lines"], "i64", row)
            y = code.at(code.p["y"], element, row * n.length)
            with code.either(line < 0) as (outside, inside):
                with outside:
                    fill(code, y, value, code.zero, n.length)
                with inside:
                    x = code.at(code.p["x"], element, line * n.size * n.inner)
                    _edge(code, x, y, value, code.zero, n.before, code.zero)
                    middle = code.at(y, element, n.before * n.inner)
                    source = code.at(x, element, n.start * n.inner)
                    copy(code, middle, source, element, code.zero, n.middle * n.inner)
                    _edge(code, x, y, value, n.before, n.after, n.before + n.middle)

    def _edge(
        code: Body, x: Value, y: Value, value: Value, first: Value, count: Value, at: Value
    ) -> None:
        """`count` elements from `at` on, whose places are listed from `first` on."""
        inner = code.n.inner
        if around:
            fill(code, y, value, at * inner, (at + count) * inner)
            return
        with code.loop(code.zero, count) as i:
            place = code.get(code.p["edges"], "i64", first + i) * inner
            with code.loop(code.zero, inner) as k:
                code.put(code.get(x, element, place + k), y, (at + i) * inner + k)

    return kernel(
        "pad", ("x", "y", "lines", "edges", "value"), Numbers, write,
        machine().bits // BITS[element], makes=True,
    )  # fmt: skip
