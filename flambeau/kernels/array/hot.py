"""Vectors with a one at the place that an index says."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from ..llvm import BITS
from ..runtime import memory
from ..runtime.entry import Body, NoNumbers, kernel
from ..runtime.process import machine
from .vector_loop import fill


def vectors(index: Any, count: int) -> Any:
    """(..., count) of int64 for an array in order of int64; None if an index is not from 0 to below `count`."""
    made = memory.empty((*index.shape, count), index.dtype)
    size = index.size
    return None if _vectors()(index, made, size, count, size * count, 0) else made


@cache
def _vectors() -> Callable[..., int]:
    def write(code: Body) -> None:
        length, made = code.n.length, code.p["made"]
        fill(code, made, code.zero, code.row_begin * length, code.row_end * length)
        wrong = code.variable(0)
        with code.rows() as row:
            place = code.get(code.p["index"], "i64", row)
            fits = place.below(length)
            wrong.value = wrong.value | (fits ^ 1).widen("i64")
            with code.when(fits):
                code.put(code.number(1), made, row * length + place)
        code.report(wrong.value)

    return kernel("one_hot", ("index", "made"), NoNumbers, write, machine().bits // BITS["i64"])
