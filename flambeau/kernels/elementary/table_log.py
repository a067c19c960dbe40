"""Logarithms without a division: by the reciprocal of the segment that a number lies in.

After Tang (1990). The numbers between 0.7 and 1.4 make sixteen segments, each with a number c near the reciprocals in it:
log(x) = e log(2) - log(c) + log(1 + r) for x = 2^e m and r = m c - 1, which is small and, as c has few digits, exact. Around
1 c is 1, so that nothing cancels. AVX-512 picks c and its logarithm, in two parts, from registers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache

from ..llvm import Code, Function, Value, any_lane, choose, polynomial
from .table import SEGMENTS, picked

_BEGIN = 0.69921875
"""Where the first segment begins."""
_DEGREE = {"float": 5, "double": 11}
"""Of the series of log(1 + r)."""
_STEP = {"float": 2.0**-15, "double": 2.0**-40}
"""Multiples of this, up to the largest exponent times log(2), have few enough digits to be added exactly."""


@dataclass(frozen=True)
class Base:
    """1 / ln(base) and log(2) to that base, each as a sum of two numbers of one type."""

    inverse: tuple[float, float]
    unit: tuple[float, float]


def logarithm(x: Value, base: Base, name: str, otherwise: Callable[[Value], Value]) -> Value:
    """The logarithm of a vector for which `has_tables` holds.

    Args:
        name: Of the function that serves vectors with numbers that are not normal, written once a module.
        otherwise: Writes it: from a vector to the logarithms.
    """
    if x.type == "<16 x double>":
        return _everywhere(x, base)
    tiny, end = (x.like(value).bits() for value in (_tiny(x.element), math.inf))
    strange = (x.bits() - tiny).at_least(end - tiny)
    return apart(x, _usual(x, base), strange, name, otherwise)


def apart(
    x: Value, usual: Value, strange: Value, name: str, otherwise: Callable[[Value], Value]
) -> Value:
    """Usual values, or if any lane of x is strange, what a function of that name, written once a module, makes of x."""
    code = x.code
    place = code.slot(x.type, usual)
    with code.when(any_lane(strange)):
        function = Function("void", f"{name}_of_{x.element}", ("ptr", "ptr"))
        code.declarations.add(_apart_text(function, code, x.type, otherwise))
        code.run(function, code.slot(x.type, x), place)
    return code.load(place, x.type)


def _everywhere(x: Value, base: Base) -> Value:
    """Without a branch, beside which long formulas in float64 would not keep their values in registers."""
    small = x < _tiny(x.element)
    value = _usual(choose(small, x * 2.0**54, x), base)
    value = choose(small, value - 54.0 * base.unit[0], value)
    infinity = math.inf
    value = choose(x.equals(0.0), x.like(-infinity), value)
    value = choose(x.equals(infinity), x, value)
    return choose((x < 0.0) | x.is_nan(), x.like(math.nan), value)


def _tiny(element: str) -> float:
    return 2.0**-126 if element == "float" else 2.0**-1022


def _apart_text(function: Function, outer: Code, type: str, make: Callable[[Value], Value]) -> str:
    code = Code(outer.lanes, outer.declarations)
    source, target = (Value(code, name, "ptr") for name in ("%source", "%target"))
    code.store(make(code.load(source, type)), target)
    code.line("ret void")
    signature = f"@{function.name}(ptr %source, ptr %target)"
    return code.function(signature, "internal void", "noinline")


def _usual(x: Value, base: Base) -> Value:
    """Of positive normal numbers."""
    element = x.element
    mantissa = 23 if element == "float" else 52
    word = x.bits()
    place = word - x.like(_BEGIN).bits()
    exponent = place >> mantissa
    m = (word - (exponent << mantissa)).cast_bits(element)
    index = place >> (mantissa - 4)  # of which the lowest four bits count
    inverse, high, low = (picked(x, row, index) for row in _segments(element, base))
    e = exponent.convert(element)
    r = m.fma(inverse, -1.0)
    whole = e.fma(base.unit[0], high)  # exact
    rest = e.fma(base.unit[1], low)
    first = r * base.inverse[0]
    if base.inverse != (1.0, 0.0):
        rest = rest + r.fma(base.inverse[1], r.fma(base.inverse[0], -first))
    terms = [-base.inverse[0] * (-1.0) ** n / n for n in range(2, _DEGREE[element] + 1)]
    total = whole + first
    lost = (whole - total) + first
    return total + (lost + (r * r).fma(polynomial(r, terms), rest))


@cache
def _segments(element: str, base: Base) -> tuple[tuple[float, ...], ...]:
    """For each segment its c, and -log(c) as a multiple of the step and what is left of it."""
    with localcontext() as context:
        context.prec = 50
        factor, step = sum(map(Decimal, base.inverse)), Decimal(_STEP[element])
        rows = []
        for i in range(SEGMENTS):
            begin, end = _edge(i), _edge(i + 1)
            c = 1.0 if begin < 1.0 < end else round(2.0 / (begin + end) * 64) / 64
            value = -Decimal(c).ln() * factor
            high = round(value / step) * step
            rows.append((c, float(high), float(value - high)))
    return tuple(zip(*rows))


def _edge(i: int) -> float:
    """Where segment i begins: the segments are of one length in each binade."""
    mantissa = (_BEGIN * 2 - 1) * SEGMENTS + i
    return (1 + mantissa / SEGMENTS) / 2 if mantissa < SEGMENTS else mantissa / SEGMENTS
