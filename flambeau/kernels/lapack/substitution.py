"""Triangular systems of a few rows and many right-hand sides: vectors lie along the right-hand sides.

A strip of the solution stays in the first cache while its rows are found one after the other: each is what is given less
the rows before it, times the elements of the matrix, which are spread over vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS, Value, quotient, smaller
from ..matmul.microkernel import within
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine

ELEMENTS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
WIDE, NARROW = 8, 4
"""Vectors of a strip, and of what is left at the end: as many sums do not wait for each other."""


class Numbers(NamedTuple):
    """n, k: Rows and right-hand sides. strips: Of each matrix. Then the elements from one matrix, row and column to the
    next; is the diagonal one of ones?"""

    n: int
    k: int
    strips: int
    a_matrix: int
    a_row: int
    a_column: int
    x_matrix: int
    x_row: int
    unitriangular: int


@cache
def substituting(element: str, bits: int) -> Callable[..., int]:
    """``f(a, x, *job, *Numbers)``: solve a y = x into x with the lower triangles of a."""
    lanes = bits // BITS[element]

    def write(code: Body) -> None:
        n = code.n
        with code.rows() as row:
            item = quotient(row, n.strips)
            first = (row - item * n.strips) * (WIDE * lanes)
            last = smaller(first + WIDE * lanes, n.k)
            a = code.at(code.p["a"], element, item * n.a_matrix)
            x = code.at(code.p["x"], element, item * n.x_matrix)
            whole = (last - first).equals(WIDE * lanes)
            with code.when(whole):
                _strip(code, element, a, code.at(x, element, first), WIDE, None)
            with code.unless(whole), code.loop(first, last, NARROW * lanes) as j:
                masks = [within(code, last - j - v * lanes) for v in range(NARROW)]
                _strip(code, element, a, code.at(x, element, j), NARROW, masks)

    return kernel("substitution", ("a", "x"), Numbers, write, lanes)


def _strip(
    code: Body, element: str, a: Value, x: Value, vectors: int, masks: list[Value] | None
) -> None:
    """All rows of some columns of the solution."""
    n, type = code.n, code.vector(element)
    sums = [code.slot(type) for _ in range(vectors)]

    def places(row: Value) -> list[Value]:
        start = code.at(x, element, row * n.x_row)
        return [code.at(start, element, row.like(v * code.lanes)) for v in range(vectors)]

    def load(at: Value, v: int) -> Value:
        return code.load(at, type) if masks is None else code.masked_load(at, type, masks[v])

    with code.loop(code.zero, n.n) as i:
        row, here = code.at(a, element, i * n.a_row), places(i)
        for v, (at, total) in enumerate(zip(here, sums)):
            code.store(-load(at, v), total)
        with code.loop(code.zero, i) as j:
            factor = code.splat(code.get(row, element, j * n.a_column))
            for v, (at, total) in enumerate(zip(places(j), sums)):
                code.store(factor.multiply_add(load(at, v), code.load(total, type)), total)
        scale = code.variable(code.constant(-1.0, element), element)
        with code.when(n.unitriangular.equals(0)):
            scale.value = scale.value / code.get(row, element, i * n.a_column)
        turned = code.splat(scale.value)
        for v, (at, total) in enumerate(zip(here, sums)):
            value = code.load(total, type) * turned
            if masks is None:
                code.store(value, at)
            else:
                code.masked_store(value, at, masks[v])


def substitute(a: Any, x: Any, upper: bool, unitriangular: bool) -> None:
    """Solve triangular systems a y = x into x, stacks of matrices whose rows are side by side."""
    if upper:  # the last row is the first that is known
        a, x = a[:, ::-1, ::-1], x[:, ::-1]
    told = _told(x.dtype, x.shape, a.strides, x.strides[:2], unitriangular)
    substituting(ELEMENTS[x.dtype], machine().bits)(a, x, *told)


@lru_cache(1024)
def _told(
    dtype: Any, shape: tuple[int, int, int], a: tuple[int, ...], x: tuple[int, ...], unitriangular: bool
) -> tuple[int, ...]:  # fmt: skip
    count, n, k = shape
    lanes = machine().bits // 8 // dtype.itemsize
    strips = -(-k // (WIDE * lanes))
    weight = count * n * n * -(-k // lanes) // 2
    job = Job(rows=count * strips, length=1, weight=weight, divisible=False)
    steps = [step // dtype.itemsize for step in (*a, *x)]
    return *job, *Numbers._make((n, k, strips, *steps, int(unitriangular)))
