"""A matrix times a vector: a few rows at a time share what they read of the vector."""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS, Value, across_lanes, smaller
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine
from .matmul import ELEMENTS, product
from .microkernel import within

ROWS, AT_ONCE = 64, 4
"""Rows of the matrix in a row of the job, and rows that are summed at once."""
LEAST = 1 << 15
"""Elements of the matrix from which on this is worth its call."""


class Numbers(NamedTuple):
    """m, k: Rows and columns of the matrix; row: elements from row to row."""

    m: int
    k: int
    row: int


@cache
def multiplying(element: str, bits: int) -> Callable[..., int]:
    """``f(a, x, y, *job, *Numbers)``."""

    def write(code: Body) -> None:
        top, end = code.row_begin * ROWS, smaller(code.row_end * ROWS, code.n.m)
        with code.loop(top, end, AT_ONCE) as i:
            rows_at_once(code, element, i)

    return kernel(
        "matrix_vector", ("a", "x", "y"), Numbers, write, bits // BITS[element], makes=True
    )


def rows_at_once(code: Body, element: str, i: Value) -> None:
    """The sums of neighbouring rows; those after the last row are the last one's again."""
    lanes, type = code.lanes, code.vector(element)
    a, x, y = code.p["a"], code.p["x"], code.p["y"]
    m, k, step = code.n.m, code.n.k, code.n.row
    zero = code.constant(0.0, type)
    copies = 2
    last = m - 1
    rows = [code.at(a, element, smaller(i + r, last) * step) for r in range(AT_ONCE)]
    sums = [[code.slot(type, zero) for _ in range(copies)] for _ in rows]
    whole = k & -(lanes * copies)
    with code.loop(i.like(0), whole, lanes * copies) as j:
        for u in range(copies):
            value = code.load(code.at(x, element, j + u * lanes), type)
            for row, total in zip(rows, sums):
                factor = code.load(code.at(row, element, j + u * lanes), type)
                code.store(value.multiply_add(factor, code.load(total[u], type)), total[u])
    with code.loop(whole, k, lanes) as j:
        mask = within(code, k - j)
        value = code.masked_load(code.at(x, element, j), type, mask)
        for row, total in zip(rows, sums):
            factor = code.masked_load(code.at(row, element, j), type, mask)
            code.store(value.multiply_add(factor, code.load(total[0], type)), total[0])
    for r, total in enumerate(sums):
        value = across_lanes(code.load(total[0], type) + code.load(total[1], type), operator.add)
        code.store(value.lane(), code.at(y, element, smaller(i + r, last)))


def matrix_vector(a: Any, x: Any) -> Any:
    """a @ x; NotImplemented where NumPy is faster."""
    if type(a) is not np.ndarray or type(x) is not np.ndarray:
        return NotImplemented
    if a.itemsize == 2:
        made = product(a, x[:, None])
        return made if made is NotImplemented else made[:, 0]
    if a.size < LEAST:
        return NotImplemented
    if a.dtype not in ELEMENTS or a.dtype is not x.dtype or a.shape[1] != x.shape[0]:
        return NotImplemented
    item = a.itemsize
    if a.strides[0] == item:  # its columns are side by side
        made = product(x[None], a.T)
        return made if made is NotImplemented else made[0]
    if a.strides[1] != item or a.strides[0] % item or not a.flags.aligned:
        return NotImplemented
    x = np.ascontiguousarray(x)
    return multiplied(a, x, memory.empty(a.shape[0], a.dtype))


def multiplied(a: Any, x: Any, y: Any) -> Any:
    """Write the product into y."""
    function, given = _plan(a.dtype, a.shape, a.strides[0] // a.itemsize)
    function(a, x, y, *given)
    return y


@lru_cache(1024)
def _plan(
    dtype: Any, shape: tuple[int, int], row: int
) -> tuple[Callable[..., int], tuple[int, ...]]:
    """The kernel, and what it is told."""
    m, k = shape
    job = Job(rows=-(-m // ROWS), length=1, weight=m * k, divisible=False)
    run = multiplying(ELEMENTS[dtype], machine().bits)
    return run, (*job, *Numbers(m=m, k=k, row=row))
