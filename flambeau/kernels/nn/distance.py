"""Distances between the rows of matrices, from their differences; Euclidean ones of long rows from a product.

A few rows of one matrix meet two vectors of rows of the other, which is packed with its rows across the lanes, so that
nothing is added up across lanes. Sums of 32 terms are added to others, as in all sums. A sum of squares that leaves
the range of squares is reported, and all is computed again in a wider type.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..array.copy import contiguous, in_order
from ..llvm import BITS, Value, any_lane, choose, quotient, remainder
from ..matmul.matmul import ELEMENTS
from ..matmul.microkernel import within
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine
from . import distance_by_product
from .distance_by_product import RANGE

ROWS, VECTORS = 4, 2
"""Of a tile."""
TERMS = 32
"""Terms of a sum that are added up one after the other."""


class Numbers(NamedTuple):
    """Rows of both matrices (of one pair of them), how many elements each has, tiles, and the packed width."""

    m: int
    n: int
    k: int
    tiles: int
    width: int


def between(x: Any, y: Any, p: float) -> Any:
    """(..., m, n) of matrices (..., m, k) and (..., n, k) of one dtype, for p of 0, 1, 2 and inf.

    Returns: NotImplemented for what this is not made for, and where squares leave their range.
    """
    element = _element(x, p)
    if element is None or x.shape[:-2] != y.shape[:-2] or not x.size * y.size:
        return NotImplemented
    if p == 2 and (found := distance_by_product.between(x, y)) is not None:
        return found
    lanes = machine().bits // BITS[element]
    given = _told(x.shape, y.shape[-2], lanes)
    made = memory.empty((*x.shape[:-1], y.shape[-2]), x.dtype)
    packed = _packed(y, given[-1])
    return NotImplemented if _kernel(element, p, False)(in_order(x), packed, made, *given) else made


def among(x: Any, p: float) -> Any:
    """The distances of each row of a matrix from all later ones, one after the other."""
    element = _element(x, p)
    if element is None or x.shape[0] < 2 or not x.size:
        return NotImplemented
    lanes, n = machine().bits // BITS[element], x.shape[0]
    given = _told(x.shape, n, lanes)
    made = memory.empty((n * (n - 1) // 2,), x.dtype)
    packed = _packed(x, given[-1])
    return NotImplemented if _kernel(element, p, True)(in_order(x), packed, made, *given) else made


def _element(x: Any, p: float) -> str | None:
    if x.__class__ is not np.ndarray or p not in (0, 1, 2, math.inf):
        return None
    return ELEMENTS.get(x.dtype)


def _packed(y: Any, width: int) -> Any:
    """The matrices with their rows across, and zeros up to a whole number of vectors."""
    turned = y.swapaxes(-1, -2)
    if turned.shape[-1] == width:
        return contiguous(turned)
    made = np.zeros((*turned.shape[:-1], width), y.dtype)
    made[..., : turned.shape[-1]] = turned
    return made


@lru_cache(1024)
def _told(shape: tuple[int, ...], n: int, lanes: int) -> tuple[int, ...]:
    pairs, m, k = math.prod(shape[:-2]), *shape[-2:]
    tiles, width = -(-m // ROWS), -(-n // (lanes * VECTORS)) * lanes * VECTORS
    job = Job(rows=pairs * tiles, length=1, weight=pairs * m * n * k // 4, divisible=False)
    return *job, *Numbers(m=m, n=n, k=k, tiles=tiles, width=width)


@cache
def _kernel(element: str, p: float, later: bool) -> Callable[..., int]:
    """`later`: only pairs of a row and a later one, one after the other."""
    lanes = machine().bits // BITS[element]
    return kernel(
        "distances", ("x", "y", "made"), Numbers,
        lambda code: Writer(code, element, p, later).write(), lanes, makes=True,
    )  # fmt: skip


class Writer:
    """Writes the loops."""

    def __init__(self, code: Body, element: str, p: float, later: bool):
        self.code, self.element, self.p, self.later = code, element, p, later
        self.type = code.vector(element)

    def write(self) -> None:
        code, n = self.code, self.code.n
        step = VECTORS * code.lanes
        with code.rows() as row:
            pair, first = quotient(row, n.tiles), remainder(row, n.tiles) * ROWS
            rows = [code.smaller(first + r, n.m - 1) for r in range(ROWS)]
            y = code.at(code.p["y"], self.element, pair * n.k * n.width)
            begin = (first & -step) if self.later else code.zero
            with code.loop(begin, n.n, step) as j:
                self.tile(pair, rows, y, j)

    def tile(self, pair: Value, rows: list[Value], y: Value, j: Value) -> None:
        code, n = self.code, self.code.n
        x = [code.at(code.p["x"], self.element, (pair * n.m + row) * n.k) for row in rows]
        zero = code.constant(0.0, self.type)
        totals = [[code.slot(self.type, zero) for _ in range(VECTORS)] for _ in rows]
        sums = [[code.slot(self.type) for _ in range(VECTORS)] for _ in rows]
        with code.loop(code.zero, n.k, TERMS) as start:
            for own in sums:
                for place in own:
                    code.store(zero, place)
            with code.loop(start, code.smaller(start + TERMS, n.k)) as k:
                self.terms(x, y, j, k, sums)
            for own, whole in zip(sums, totals):
                for place, total in zip(own, whole):
                    code.store(
                        self.joined(code.load(total, self.type), code.load(place, self.type)), total
                    )
        for row, own, base in zip(rows, totals, x):
            for v, place in enumerate(own):
                self.keep(pair, row, base, y, j + v * code.lanes, code.load(place, self.type))

    def terms(self, x: list[Value], y: Value, j: Value, k: Value, sums: list) -> None:
        code = self.code
        at = k * code.n.width + j
        others = [
            code.load(code.at(y, self.element, at + v * code.lanes), self.type)
            for v in range(VECTORS)
        ]
        for base, own in zip(x, sums):
            value = code.splat(code.get(base, self.element, k))
            for other, place in zip(others, own):
                gap, total = value - other, code.load(place, self.type)
                if self.p == 2:
                    code.store(gap.multiply_add(gap, total), place)
                else:
                    code.store(self.joined(total, self.term(gap)), place)

    def term(self, gap: Value) -> Value:
        if self.p == 0:
            return choose(gap.differs(0.0), gap.like(1.0), 0.0)
        return gap.abs()

    def joined(self, x: Value, y: Value) -> Value:
        if self.p != math.inf:
            return x + y
        return choose((y > x) | y.is_nan(), y, x)

    def keep(self, pair: Value, row: Value, x: Value, y: Value, j: Value, total: Value) -> None:
        """A vector of distances, of those rows that there are."""
        code, n = self.code, self.code.n
        mask = within(code, n.n - j)
        if self.later:
            mask = mask & (code.splat(j) + code.iota() > code.splat(row))
            place = row * n.n - (row * (row + 1)).down(1) - row - 1 + j
        else:
            place = (pair * n.m + row) * n.n + j
        if self.p == 2:
            self.check(x, y, j, total, mask)
            total = code.intrinsic("sqrt", total)
        code.masked_store(total, code.at(code.p["made"], self.element, place), mask)

    def check(self, x: Value, y: Value, j: Value, total: Value, mask: Value) -> None:
        """Report a sum of squares that has left its range: it is large, or small and not of zeros."""
        code, n = self.code, self.code.n
        low, high = RANGE[self.element]
        with code.when(any_lane((total > high) & mask)):
            code.report(code.number(1))
        small = (total < low) & mask
        with code.when(any_lane(small)):
            most = code.slot(self.type, code.constant(0.0, self.type))
            with code.loop(code.zero, n.k) as k:
                other = code.load(code.at(y, self.element, k * n.width + j), self.type)
                gap = (code.splat(code.get(x, self.element, k)) - other).abs()
                old = code.load(most, self.type)
                code.store(choose(gap > old, gap, old), most)
            with code.when(any_lane((code.load(most, self.type) > 0.0) & small)):
                code.report(code.number(1))
