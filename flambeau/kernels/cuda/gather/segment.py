"""Rows that belong together because they follow one another: a thread a segment and column."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...llvm import Value, choose, quotient, remainder
from ...loops.element import MEMORY, unpacked
from .. import driver
from ..thread import Thread

_BLOCK = 256


def largest(x: Any, starts: Any) -> Any:
    """For each segment of rows and each column, the row with the largest element, the first of equal ones.

    Args:
        x: (rows, columns)
        starts: Where each segment starts and the last one ends.
    """
    if str(x.dtype.name) not in MEMORY:
        raise NotImplementedError(f"the largest rows of elements of {x.dtype}")
    cupy = driver.cupy()
    segments, columns = len(starts) - 1, x.shape[1]
    found = cupy.empty((segments, columns), np.int64)
    if found.size:
        x, starts = cupy.ascontiguousarray(x), cupy.ascontiguousarray(starts, np.int64)
        grid = -(-found.size // _BLOCK)
        _kernel(str(x.dtype.name))(
            grid, _BLOCK, found, x, starts, np.int64(found.size), np.int64(columns)
        )
    return found


@cache
def _kernel(dtype: str) -> driver.Kernel:
    code, element = Thread(), MEMORY[dtype]
    found, x, starts, count, columns = code.takes(
        "ptr found alone", "ptr x readonly", "ptr starts readonly", "i64 count", "i64 columns"
    )
    thread = code.first("i64")
    with code.when(thread < count):
        segment, column = quotient(thread, columns), remainder(thread, columns)

        def read(row: Value) -> Value:
            place = code.at(x, element, row * columns + column)
            return unpacked(code.load(place, element), dtype)

        start, end = (code.load(code.at(starts, "i64", segment + i), "i64") for i in range(2))
        at = code.variable(choose(start < end, start, start.like(0)))
        with code.when(start < end):
            first = read(start)
            best = code.variable(first, first.type)
            with code.loop(start + 1, end) as row:
                value = read(row)
                with code.when(_above(value, best.value)):
                    best.value, at.value = value, row
        code.store(at.value, code.at(found, "i64", thread))
    name = f"largest_row_{dtype}"
    return driver.Kernel(name, code.kernel(name))


def _above(value: Value, best: Value) -> Value:
    """Is a value larger, or the first nan?"""
    if not value.is_float:
        return value.above(best) if value.type == "i1" else value > best
    return (value > best) | (value.is_nan() & ~best.is_nan())


__all__ = ["largest"]
