"""Numbers at equal distances, and the indices of triangles: what is counted and not read."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS, Value, choose
from ..runtime import memory
from ..runtime.entry import Body, NoNumbers, kernel
from ..runtime.process import machine
from .vector_loop import fill, vector_loop

ELEMENTS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}


class Half(NamedTuple):
    """How many are counted from the start; the others from the end."""

    half: int


def between(start: float, end: float, step: float, count: int, half: int, dtype: Any) -> Any:
    """start + i step for the first `half` of `count` numbers, end - (count - 1 - i) step for the others.

    They are made in float64, for that with one rounding, and rounded to the dtype.
    """
    made, facts = memory.empty((count,), dtype), np.array([start, end, step])
    if count:
        _between(ELEMENTS[dtype])(made, facts, 1, count, count, 1, half)
    return made


@cache
def _between(element: str) -> Callable[..., int]:
    def write(code: Body) -> None:
        start, end, step = (code.get(code.p["facts"], "double", code.number(k)) for k in range(3))
        last = code.n.length - 1

        def value(i: Value, many: bool) -> Value:
            first, final, by, half, back = (
                code.splat(x) if many else x for x in (start, end, step, code.n.half, last)
            )
            lower = i < half
            place = choose(lower, i, back - i).convert("double")
            base, signed = choose(lower, first, final), choose(lower, by, -by)
            found = place.fma(signed, base) if element == "double" else place * signed + base
            return found.convert(element)

        whole = code.begin + ((code.end - code.begin) & -code.lanes)
        with code.loop(code.begin, whole, code.lanes) as i:
            made = value(code.splat(i) + code.iota(), True)
            code.store(made, code.at(code.p["made"], element, i))
        with code.loop(whole, code.end) as i:
            code.put(value(i, False), code.p["made"], i)

    return kernel("between", ("made", "facts"), Half, write, machine().bits // 64, makes=True)


def triangle(first: Any, last: Any) -> Any:
    """Row and column indices, (2, any) of int64, of the columns from `first` to below `last` of each row."""
    counts = np.maximum(last - first, 0)
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    made = memory.empty((2, total), memory.INT64)
    if total:
        starts = ends - counts
        _triangle()(made, starts, counts, first, len(counts), total, total, 0)
    return made


@cache
def _triangle() -> Callable[..., int]:
    def write(code: Body) -> None:
        with code.rows() as row:
            start, count, first = (
                code.get(code.p[name], "i64", row) for name in ("starts", "counts", "first")
            )
            rows = code.at(code.p["made"], "i64", start)
            columns = code.at(code.p["made"], "i64", code.n.length + start)
            fill(code, rows, row, code.zero, count)

            def step(places: Any, type: str, mask: Value | None) -> None:
                for at in places:
                    if type == "i64":
                        code.put(first + at, columns, at)
                        continue
                    value, there = code.splat(first + at) + code.iota(), code.at(columns, "i64", at)
                    if mask is None:
                        code.store(value, there)
                    else:
                        code.masked_store(value, there, mask)

            vector_loop(code, "i64", code.zero, count, step)

    return kernel(
        "triangle", ("made", "starts", "counts", "first"), NoNumbers, write,
        machine().bits // BITS["i64"], makes=True,
    )  # fmt: skip
