"""Rows that belong together because they follow one another."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..array.copy import in_order
from ..llvm import BITS, Value, choose
from ..runtime import memory
from ..runtime.entry import Body, Job, NoNumbers, kernel
from ..runtime.process import enabled, machine

_ELEMENTS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
_MOST = 1 << 31
"""Rows are counted with 32 bits."""


def largest(x: Any, starts: Any) -> Any:
    """For each segment of rows and each column, the row with the largest element, the first of equal ones.

    Args:
        x: (rows, columns)
        starts: Where each segment starts and the last one ends.

    Returns: (segments, columns), of int64; 0 for a segment without rows. A nan is larger than all else.
    """
    element, segments, columns = _ELEMENTS.get(x.dtype), len(starts) - 1, x.shape[1]
    if element is not None and x.size > 0 and len(x) < _MOST and segments and enabled():
        starts = np.ascontiguousarray(starts, np.int64)
        if starts[0] >= 0 and starts[-1] <= len(x) and (starts[1:] >= starts[:-1]).all():
            made = memory.empty((segments, columns), memory.INT64)
            job = Job(rows=segments, length=columns, weight=x.size, divisible=False)
            _kernel(element)(in_order(x), starts, made, *job)
            return made
    found = np.zeros((segments, columns), np.int64)
    for i, (start, end) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist())):
        if start < end:
            found[i] = start + x[start:end].argmax(0)
    return found


@cache
def _kernel(element: str) -> Callable[..., int]:
    lanes = machine().bits // BITS[element]

    def write(code: Body) -> None:
        columns, type, index = code.n.length, code.vector(element), code.vector("i32")
        best, found = code.slot(type), code.slot(index)
        with code.rows() as segment:
            start, end = (code.get(code.p["starts"], "i64", segment + k) for k in (0, 1))
            first = choose(start < end, start, 0)
            with code.loop(code.zero, columns, lanes) as at:
                rest = _first_lanes(code, columns - at)
                code.store(code.constant(float("-inf"), type), best)
                code.store(code.splat(first.convert("i32")), found)
                with code.loop(start, end) as row:
                    place = code.at(code.p["x"], element, row * columns + at)
                    value, old = code.masked_load(place, type, rest), code.load(best, type)
                    wins = (value > old) | (value.is_nan() & (old.is_nan() ^ 1))
                    code.store(choose(wins, value, old), best)
                    here = code.splat(row.convert("i32"))
                    code.store(choose(wins, here, code.load(found, index)), found)
                target = code.at(code.p["found"], "i64", segment * columns + at)
                code.masked_store(code.load(found, index).convert("i64"), target, rest)

    return kernel("largest", ("x", "starts", "found"), NoNumbers, write, lanes, makes=True)


def _first_lanes(code: Body, count: Value) -> Value:
    few = code.smaller(count, code.number(code.lanes)).convert("i32")
    return code.iota("i32") < code.splat(few)


__all__ = ["largest"]
