"""Poisson numbers: by products of uniform ones for small rates, by transformed rejection for large ones.

Source: Hörmann, Insurance: Mathematics and Economics 12 (1993), PTRS; Knuth
"""

from __future__ import annotations

import math

from ...elementary.exponential import exp, log
from ...llvm import Value, choose
from ..thread import Thread
from . import number
from .philox import Stream

_HALF_LOG_TWO_PI = 0.9189385332046727
# The error of Stirling's series for log(k!), k = 0 .. 9.
_TAIL = (
    *(0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509),
    *(0.0166446911898211, 0.0138761288230707, 0.0118967099458917, 0.0104112652619720),
    *(0.00925546218271273, 0.00833056343336287),
)


def poisson(code: Thread, stream: Stream, rate: Value) -> Value:
    """A number of this rate, a float64; nan of what is none."""
    made = code.variable(choose(rate >= 0.0, rate.like(0.0), rate.like(math.nan)), "double")
    with code.when(rate > 0.0), code.either(rate < 10.0) as (few, many):
        with few:
            made.value = _by_products(code, stream, rate)
        with many:
            made.value = _by_rejection(code, stream, rate)
    return made.value


def _by_products(code: Thread, stream: Stream, rate: Value) -> Value:
    """How many uniform numbers can be multiplied before the product is below exp(-rate)."""
    limit = exp(-rate)
    product = code.variable(code.constant(1.0, "double"))
    count = code.variable(code.constant(0.0, "double"))
    with code.repeat() as more:
        for u in number.uniform(stream.four(), "double"):
            product.value = product.value * u
            more.stop_unless(product.value > limit)
            count.value = count.value + 1.0
    return count.value


def _by_rejection(code: Thread, stream: Stream, rate: Value) -> Value:
    b = number.root(rate) * 2.53 + 0.931
    a = b * 0.02483 - 0.059
    inverse_alpha = 1.1328 / (b - 3.4) + 1.1239
    accepted = 0.9277 - 3.6224 / (b - 2.0)
    k = code.variable(code.constant(0.0, "double"))
    with code.repeat() as trial:
        u, v = number.uniform(stream.four(), "double")
        u = u - 0.5
        us = 0.5 - u.abs()
        k.value = code.intrinsic("floor", (a * 2.0 / us + b) * u + rate + 0.43)
        trial.stop_when((us >= 0.07) & (v <= accepted))
        with code.unless((k.value < 0.0) | ((us < 0.013) & (v > us))):
            left = log(v * inverse_alpha / (a / (us * us) + b))
            trial.stop_when(left <= k.value * log(rate) - rate - log_factorial(k.value))
    return k.value


def log_factorial(k: Value) -> Value:
    """log(k!) of a whole float64."""
    return (k + 0.5) * log(k + 1.0) - (k + 1.0) + _HALF_LOG_TWO_PI + stirling_tail(k)


def stirling_tail(k: Value) -> Value:
    """What Stirling's formula for log(k!) lacks."""
    square = (k + 1.0) * (k + 1.0)
    value = (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1.0)
    for i, known in enumerate(_TAIL):
        value = choose(k.equals(float(i)), k.like(known), value)
    return value


__all__ = ["log_factorial", "poisson", "stirling_tail"]
