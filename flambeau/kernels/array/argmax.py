"""Where the largest or smallest element along a dimension stands."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ..llvm import Value
from ..runtime import memory
from ..runtime.entry import Body, kernel
from ..runtime.process import enabled, machine
from .copy import contiguous, converted, in_order
from .half import FLOAT32
from .scan import ELEMENTS, UNSIGNED, WIDE, Numbers, Scan, State, given, is_half

SMALL = 1024
"""Elements up to which NumPy takes less time."""
SHORT = 24
"""Elements of a row up to which NumPy takes more time than its walk."""


def place(x: Any, dim: int, largest: bool) -> Any:
    """``np.argmax(x, dim)``, or argmin: the first nan, or else the first of the extreme elements."""
    if is_half(x):
        x = converted(x, FLOAT32)
    code = f"{x.dtype.kind}{x.dtype.itemsize}"
    # Along long rows NumPy is as fast as memory; short ones are turned into columns.
    along = dim == x.ndim - 1
    long = along and x.shape[dim] > SHORT
    if x.size <= SMALL or long or code not in ELEMENTS or not _native(x):
        return x.argmax(dim) if largest else x.argmin(dim)
    if along:
        return place(contiguous(x.reshape(-1, x.shape[dim]).T), 0, largest).reshape(x.shape[:-1])
    made = memory.empty(x.shape[:dim] + x.shape[dim + 1 :], memory.INT64)
    function, told = _plan(code, x.shape, dim, largest)
    function(in_order(x), made, *told)
    return made


@lru_cache(1024)
def _plan(
    code: str, shape: tuple[int, ...], dim: int, largest: bool
) -> tuple[Callable[..., int], tuple[int, ...]]:
    """The function, and what it is told."""
    function, columns = _finder(ELEMENTS[code], code[0] in UNSIGNED, largest)
    return function, given(shape, dim, columns)


def _native(x: Any) -> bool:
    return x.__class__ is np.ndarray and x.dtype.isnative and enabled()


@cache
def _finder(element: str, unsigned: bool, largest: bool) -> tuple[Callable[..., int], int]:
    """The function, and how many columns are one row of its work."""
    lanes = machine().bits // 64
    how = "largest" if largest else "smallest"

    def write(code: Body) -> None:
        Finder(code, how, element, unsigned, WIDE).write(True)

    return kernel(how, ("x", "index"), Numbers, write, lanes, makes=True), WIDE * lanes


class Finder(Scan):
    """A walk of which only the last state is told."""

    def wins(self, x: Value, best: Value) -> Value:
        found = x > best if self.how == "largest" else x < best
        return found | (x.is_nan() & ~best.is_nan()) if x.is_float else found

    def columns(self, block: Value, column: Value, wide: int, mask: Value | None) -> None:
        code, n = self.code, self.code.n
        start = block * n.length * n.breadth + column
        groups = [self.first(self.load(start + u * self.lanes, mask)) for u in range(wide)]
        with code.loop(code.number(1), n.length) as r:
            for u, best in enumerate(groups):
                at = start + r * n.breadth + u * self.lanes
                x = self.taken(self.load(at, mask), code.splat(r))
                self.held(best, self.join(self.held(best), x))
        for u, best in enumerate(groups):
            self.save(self.held(best), block * n.breadth + column + u * self.lanes, mask)

    def save(self, state: State, at: Value, mask: Value | None = None) -> None:
        there = self.code.at(self.code.p["index"], "i64", at)
        if mask is None:
            self.code.store(state[1], there)
        else:
            self.code.masked_store(state[1], there, mask)
