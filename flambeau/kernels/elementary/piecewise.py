"""Functions of float32 as polynomials, one for each of sixteen segments: their coefficients fit into registers.

AVX-512 picks from sixteen numbers by an index in one instruction, so a function costs two instructions for each
power and no exponential. Processors without it use the forms of `function`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from ...formula.special import special as s
from ..llvm import Value, choose, polynomial
from . import exponential
from .lowering import lowers
from .table import SEGMENTS, has_tables, picked

END = 6.0
"""Where the table of the normal distribution ends: below -6 it is less than 1e-9."""
DEGREE = 6


@lowers(s.gate)
def gate(x: Value) -> Value:
    """The normal distribution function, 0 below -6; above, within 1e-7 of its own size or 1e-14."""
    if x.element != "float" or not has_tables(x):
        return exponential.ndtr(x)
    size = x.abs()
    inside = choose(size > END, x.like(END), size) * (SEGMENTS / END)
    segment = inside.code.intrinsic("floor", inside)
    index = segment.convert("i32")  # 16 at the end itself, which reads the first segment
    tail = polynomial_of(inside - segment, index, coefficients(_normal_tail, END, DEGREE))
    tail = choose(size < END, tail, choose(x.is_nan(), x, 0.0))
    return choose(x < 0.0, tail, 1.0 - tail)


def _normal_tail(x: float) -> float:
    return 0.5 * math.erfc(x * math.sqrt(0.5))


TAIL_WIDTH, TAIL_DEGREE = 0.65625, 8
"""A segment's length has few digits, so that the place in it is exact. From 10.5 on erfc is less than any float32."""


@lowers(s.erfc)
def erfc(x: Value) -> Value:
    """2^n (c + (rest + T p)) on the right, where exp(x^2) erfc(x) = T = c + rest and exp(-x^2) = 2^n (1 + p)."""
    if x.element != "float" or not has_tables(x):
        return exponential.erfc(x)
    size = x.abs()
    end = choose(size > 10.5, x.like(10.5), size)
    square = end * end
    shifted, r = exponential.reduced(-square, exponential.SINGLE)
    r = r - end.fma(end, -square)
    p = (r * r).multiply_add(polynomial(r, exponential.SINGLE.exp_tail), r)
    segment = x.code.intrinsic("floor", end * (1 / TAIL_WIDTH))
    index, t = segment.convert("i32"), segment.fma(-TAIL_WIDTH, end) - TAIL_WIDTH / 2
    constant, *rows = _tail_coefficients()
    first = tuple(float(np.float32(c)) for c in constant)
    lost = tuple(c - head for c, head in zip(constant, first))
    rest = polynomial_of(t, index, (lost, *rows))
    head = picked(t, first, index)
    tail = exponential.scaled(head + (head + rest).fma(p, rest), shifted, exponential.SINGLE)
    return choose(x.is_nan(), x, choose(x < 0.0, 2.0 - tail, tail))


@cache
def _tail_coefficients() -> list[tuple[float, ...]]:
    """A row for each power of the distance to a segment's middle."""
    table = coefficients(_scaled_tail, SEGMENTS * TAIL_WIDTH, TAIL_DEGREE, 0.5)
    return [tuple(x / TAIL_WIDTH**j for x in row) for j, row in enumerate(table)]


def _scaled_tail(x: float) -> float:
    return math.exp(x * x) * math.erfc(x)


def polynomial_of(t: Value, index: Value, table: tuple[tuple[float, ...], ...]) -> Value:
    """The polynomial of each lane's segment at t, by Horner's rule in fused steps."""
    value = picked(t, table[-1], index)
    for row in reversed(table[:-1]):
        value = value.fma(t, picked(t, row, index))
    return value


@cache
def coefficients(
    f: Callable[[float], float], end: float, degree: int, centre: float = 0.0
) -> tuple[tuple[float, ...], ...]:
    """A row for each power of t - centre, where t, 0 <= t < 1, is the place within a segment of [0, end].

    The polynomials meet the function at Chebyshev's points.
    """
    points = [(1 - math.cos(math.pi * (k + 0.5) / (degree + 1))) / 2 for k in range(degree + 1)]
    powers = np.array([[(t - centre) ** j for j in range(degree + 1)] for t in points])
    width = end / SEGMENTS
    values = np.array([[f((i + t) * width) for i in range(SEGMENTS)] for t in points])
    found = np.linalg.solve(powers, values)
    return tuple(tuple(map(float, row)) for row in found)
