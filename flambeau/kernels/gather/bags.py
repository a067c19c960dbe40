"""Sums and means of the rows that bags of indices name: no row is copied first."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..array.copy import in_order
from ..array.vector_loop import add, combine, copy, fill, inside
from ..llvm import BITS
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine

ELEMENTS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}


class Numbers(NamedTuple):
    """size: rows of the table; indices: how many there are."""

    size: int
    indices: int


def summed(table: Any, index: Any, starts: Any, mean: bool) -> Any:
    """For each bag the sum, or the mean, of the table's rows at its indices; zeros for an empty one.

    Args:
        table: (rows, size)
        index: int64, in one dimension.
        starts: int64: where each bag starts, in order, and the last one ends.

    Returns: NotImplemented for what this is not made for.

    Raises:
        IndexError: An index is out of range.
    """
    element = ELEMENTS.get(table.dtype) if table.__class__ is np.ndarray else None
    if element is None or index.dtype != np.int64 or starts.dtype != np.int64 or not table.size:
        return NotImplemented
    bags = len(starts) - 1
    made = memory.empty((bags, table.shape[1]), table.dtype)
    given = _told(bags, table.shape[1], table.shape[0], len(index))
    arrays = in_order(table), in_order(index), in_order(starts), made
    if made.size and _kernel(element, mean)(*arrays, *given):
        raise IndexError("an index is out of range")
    return made


@lru_cache(1024)
def _told(bags: int, length: int, size: int, indices: int) -> tuple[int, ...]:
    job = Job(rows=bags, length=length, weight=(bags + indices) * length, divisible=bags == 1)
    return *job, *Numbers(size=size, indices=indices)


@cache
def _kernel(element: str, mean: bool) -> Callable[..., int]:
    def write(code: Body) -> None:
        n, p = code.n, code.p
        with code.rows() as bag:
            first, last = (code.get(p["starts"], "i64", bag + k) for k in (0, 1))
            made = code.at(p["made"], element, bag * n.length)
            with code.when(last <= first):
                fill(code, made, code.constant(0, element), code.begin, code.end)
            with inside(code, (first < 0) | (last > n.indices)), code.loop(first, last) as i:
                index = code.load_once(code.at(p["index"], "i64", i), "i64")
                with inside(code, index.below(n.size) ^ 1):
                    row = code.at(p["table"], element, index * n.length)
                    with code.either(i.equals(first)) as (begins, goes_on):
                        with begins:
                            copy(code, made, row, element, code.begin, code.end)
                        with goes_on:
                            add(code, made, row, element, code.begin, code.end)
            if mean:
                with code.when(last > first + 1):
                    count = code.slot(element, (last - first).convert(element))
                    combine(
                        code, made, count, element, code.begin, code.end, lambda x, y: x / y, True
                    )

    return kernel(
        "bags", ("table", "index", "starts", "made"), Numbers, write,
        machine().bits // BITS[element], makes=True,
    )  # fmt: skip
