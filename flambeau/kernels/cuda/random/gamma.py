"""Gamma numbers by the squeeze of a cubed normal number.

Source: Marsaglia and Tsang, ACM TOMS 26 (2000)
"""

from __future__ import annotations

import math

from ...elementary.exponential import exp, log
from ...llvm import Value, choose
from ..thread import Thread
from . import number
from .philox import Stream

_TINY = {"float": 2.0**-126, "double": 2.0**-1022}


def gamma(code: Thread, stream: Stream, alpha: Value) -> Value:
    """A number of this shape parameter and scale one, of its type; nan of a negative one."""
    made = code.variable(choose(alpha >= 0.0, alpha.like(0.0), alpha.like(math.nan)), alpha.type)
    with code.when(alpha > 0.0):
        small = alpha < 1.0
        value = _of_at_least_one(code, stream, choose(small, alpha + 1.0, alpha))
        u = number.uniform(stream.four(), alpha.type)[0]
        value = choose(small, value * exp(log(u) / alpha), value)
        made.value = value
    least = alpha.like(_TINY[alpha.type])
    return choose(made.value < least, least, made.value)


def _of_at_least_one(code: Thread, stream: Stream, alpha: Value) -> Value:
    d = alpha - 1 / 3
    c = 1.0 / number.root(d * 9.0)
    v = code.variable(code.constant(1.0, alpha.type))
    with code.repeat() as trial:
        x, u = _normal_and_uniform(stream, alpha.type)
        y = c * x + 1.0
        with code.when(y > 0.0):
            v.value = cube = y * y * y
            square = x * x
            trial.stop_when(u < 1.0 - square * square * 0.0331)
            trial.stop_when(log(u) < square * 0.5 + d * (1.0 - cube + log(cube)))
    return d * v.value


def _normal_and_uniform(stream: Stream, type: str) -> tuple[Value, Value]:
    words = stream.four()
    if type == "double":
        return number.normal(words, type)[0], number.uniform(stream.four(), type)[0]
    return number.normal(words, type)[0], number.uniform(words, type)[2]


__all__ = ["gamma"]
