"""A matrix times a vector: a few rows at a time share what they read of the vector."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from .code import BITS, Code, Value
from .job import SIGNATURE, Frame, Job, smaller
from .machine import machine
from .product import ELEMENTS
from .tile import within

FRAME = Frame("a", "x", "y", "m", "k", "row")
ROWS, AT_ONCE = 64, 4
"""Rows of the matrix in a row of the job, and rows that are summed at once."""
LEAST = 1 << 15
"""Elements of the matrix from which on this is worth its call."""


@cache
def job(element: str, bits: int) -> Job:
    lanes = bits // BITS[element]
    code = Code(lanes)
    words = FRAME.load(code)
    first, last = Value(code, "%row_begin", "i64"), Value(code, "%row_end", "i64")
    top, end = first * ROWS, smaller(last * ROWS, words.m)
    with code.loop(top, end, AT_ONCE) as i:
        rows_at_once(code, words, element, i)
    code.line("ret void")
    return Job([code.function(SIGNATURE, "internal void")], code.declarations)


def rows_at_once(code: Code, words: Any, element: str, i: Value) -> None:
    """The sums of neighbouring rows; those after the last row are the last one's again."""
    lanes, kind = code.lanes, code.vector(element)
    a, x, y = (words.array(name) for name in ("a", "x", "y"))
    zero = code.constant(0.0, kind)
    copies = 2
    last = words.m - 1
    rows = [code.at(a, element, smaller(i + r, last) * words.row) for r in range(AT_ONCE)]
    sums = [[code.slot(kind, zero) for _ in range(copies)] for _ in rows]
    whole = words.k & -(lanes * copies)
    with code.loop(i.like(0), whole, lanes * copies) as j:
        for u in range(copies):
            value = code.load(code.at(x, element, j + u * lanes), kind)
            for row, total in zip(rows, sums):
                factor = code.load(code.at(row, element, j + u * lanes), kind)
                code.store(value.fma(factor, code.load(total[u], kind)), total[u])
    with code.loop(whole, words.k, lanes) as j:
        mask = within(code, words.k - j)
        value = code.masked_load(code.at(x, element, j), kind, mask)
        for row, total in zip(rows, sums):
            factor = code.masked_load(code.at(row, element, j), kind, mask)
            code.store(value.fma(factor, code.load(total[0], kind)), total[0])
    for r, total in enumerate(sums):
        value, by = code.load(total[0], kind) + code.load(total[1], kind), lanes // 2
        while by:
            value, by = value + value.rotated(by), by // 2
        code.store(value.lane(), code.at(y, element, smaller(i + r, last)))


def matrix_vector(a: Any, x: Any) -> Any:
    """a @ x for a matrix whose rows are side by side; NotImplemented for others, and where
    NumPy is faster."""
    if type(a) is not np.ndarray or type(x) is not np.ndarray or a.size < LEAST:
        return NotImplemented
    if a.dtype not in ELEMENTS or a.dtype is not x.dtype or a.shape[1] != x.shape[0]:
        return NotImplemented
    item = a.itemsize
    if a.strides[1] != item or a.strides[0] % item or not a.flags.aligned:
        return NotImplemented
    x = np.ascontiguousarray(x)
    return multiplied(a, x, np.empty(a.shape[0], a.dtype))


def multiplied(a: Any, x: Any, y: Any) -> Any:
    """Write the product into y."""
    m, k = a.shape
    words = [id(a), id(x), id(y), m, k, a.strides[0] // a.itemsize]
    job(ELEMENTS[a.dtype], machine().bits)(words, -(-m // ROWS), m * k)
    return y
