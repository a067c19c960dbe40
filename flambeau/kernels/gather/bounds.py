"""Are indices in range?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

from ..llvm import Value
from ..runtime.entry import Body, kernel
from ..runtime.memory import INT64
from ..runtime.process import enabled, machine

_LARGEST = (1 << 63) - 1
_FEW = 16
"""Indices that are looked at sooner in Python."""


def within(index: Any, low: int, high: int) -> bool:
    """Are all elements of an int64 array in order at least `low` and less than `high`?"""
    if index.size <= _FEW or not enabled():
        return not index.size or bool(low <= index.min() and index.max() < high)
    return not _range()(index, 1, index.size, index.size, 1, *_bounds(low, high - low))


def natural(index: Any) -> bool:
    """Is no index negative?"""
    if index.size <= _FEW:
        return min(index.ravel().tolist(), default=0) >= 0
    if index.dtype is INT64 and index.flags.c_contiguous and index.flags.aligned and enabled():
        return not _range()(index, 1, index.size, index.size, 1, *_bounds(0, _LARGEST))
    return not index.size or bool(index.min() >= 0)


def outside(sizes: Sequence[int]) -> IndexError:
    several = " and ".join(str(size) for size in sizes)
    return IndexError(f"an index is out of bounds for a dimension of size {several}")


class Bounds(NamedTuple):
    """What indices are compared with: they are from `low` on, and so many."""

    low: int
    count: int


@lru_cache(1024)
def _bounds(low: int, count: int) -> Bounds:
    return Bounds(low=low, count=count)


@cache
def _range() -> Callable[..., int]:
    """Reports 1 where an element less `low`, as an unsigned number, is not below `count`."""

    def write(code: Body) -> None:
        lanes = code.lanes
        low, count = code.splat(code.n.low), code.splat(code.n.count)
        found = code.slot(code.vector("i1"), code.constant(0, code.vector("i1")))
        index, whole = code.p["index"], code.begin + ((code.end - code.begin) & -lanes)

        def look(value: Value) -> None:
            outside = (value - low).below(count) ^ 1
            code.store(code.load(found, code.vector("i1")) | outside, found)

        with code.loop(code.begin, whole, lanes) as i:
            look(code.load(code.at(index, "i64", i), code.vector("i64")))
        with code.loop(whole, code.end) as i:
            look(code.splat(code.get(index, "i64", i)))
        bits = code.load(found, code.vector("i1")).cast_to(f"i{lanes}")
        code.report(bits.differs(0).widen("i64"))

    return kernel("within", ("index",), Bounds, write, machine().bits // 64)
