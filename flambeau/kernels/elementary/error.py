"""The error function and its inverse in float64, by segments whose coefficients lie in registers.

Processors without such tables use the formulas of `formula.special`.
"""

from __future__ import annotations

from collections.abc import Callable

from ..llvm import Value, choose
from .error_table import ERF, ERF_LOST, ERFINV
from .exponential import log
from .piecewise import polynomial_of
from .table import picked
from .table_log import apart

ERF_WIDTH, ERF_END = 0.375, 5.9921875
"""A segment's length, and from where on erf is 1."""
ERFINV_WIDTH = 0.390625


def _place(x: Value, width: float) -> tuple[Value, Value]:
    """The segment that x lies in, and its distance to the middle of that, which is exact."""
    segment = x.code.intrinsic("floor", x * (1 / width))
    return segment.convert("i64"), segment.fma(-width, x) - width / 2


def erf(x: Value) -> Value:
    size = x.abs()
    inside = choose(size < ERF_END, size, x.like(ERF_END))
    segment, distance = _place(inside, ERF_WIDTH)
    middle, *rows = ERF
    head = picked(x, middle, segment)
    product = inside * head
    rest = polynomial_of(distance, segment, (ERF_LOST, *rows))
    value = product + inside.fma(rest, inside.fma(head, -product))
    value = choose((value > 1.0) | (size >= ERF_END), x.like(1.0), value)
    return choose(x.is_nan(), x, x.code.intrinsic("copysign", value, x))


def erfinv(x: Value, formula: Callable[[Value], Value]) -> Value:
    """x times a polynomial of -log(1 - x^2).

    Args:
        formula: Serves vectors that reach beyond 0.999.
    """
    size = x.abs()
    rest = (1.0 - size) * (1.0 + size)
    usual = rest > 0.0019305
    w = -log(choose(usual, rest, x.like(1.0)))
    segment, distance = _place(w, ERFINV_WIDTH)
    value = x * polynomial_of(distance, segment, ERFINV)
    return apart(x, value, ~usual, "erfinv_far", formula)
