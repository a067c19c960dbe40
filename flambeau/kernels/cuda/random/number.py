"""From a counter's four words to numbers, as curand makes them: uniform ones from (0, 1], normal ones in pairs.

Float32 functions are those of a GPU's special units where curand and PyTorch take them (`sin.approx`, `lg2.approx`), so
that a seed gives the numbers it gives there. They are good to about 2e-6, and have a GPU's bits on a GPU alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...elementary.exponential import exp, log
from ...elementary.trigonometry import flipped, sine_and_cosine
from ...llvm import Value, choose
from .philox import joined

_LN2, _LOG2_E = float(np.float32(math.log(2))), float(np.float32(1 / math.log(2)))
_PI, _PI_LOW = math.pi, 1.2246467991473532e-16
_WORD = float(np.float32(2.0**-32))
_ANGLE = float(np.float32(2.0**-32) * np.float32(2 * math.pi))


def special(name: str, x: Value) -> Value:
    """A function of the GPU's special units, of a float32: "sin", "cos", "lg2", "ex2"."""
    made = x.code.declare("float", f"llvm.nvvm.{name}.approx.f", "float")
    return x.code.emit(f"call float @{made}(float {x.name})", "float")


def logarithm(x: Value) -> Value:
    """log(x); of float32 by the special units."""
    return log(x) if x.type == "double" else special("lg2", x) * _LN2


def exponential(x: Value) -> Value:
    """exp(x); of float32 by the special units."""
    return exp(x) if x.type == "double" else special("ex2", x * _LOG2_E)


def tangent(u: Value) -> Value:
    """tan(pi (u - 1/2)), of 0 < u <= 1; of float32 by the special units."""
    if u.type == "double":
        sine, cosine = _of_half_turns(u)
        return -cosine / sine
    angle = (u - 0.5) * math.pi
    return special("sin", angle) / special("cos", angle)


def root(x: Value) -> Value:
    return x.code.intrinsic("sqrt", x)


def _from_unsigned(x: Value, type: str) -> Value:
    return x.code.emit(f"uitofp {x.type} {x.name} to {type}", type)


# ---- uniform ---------------------------------------------------------------------------------


def uniform(words: list[Value], type: str) -> list[Value]:
    """Four float32 or two float64 from (0, 1]."""
    if type == "double":
        return [_from_unsigned(x, type).fma(2.0**-53, 2.0**-54) for x in _long_words(words)]
    return [_from_unsigned(x, type).fma(_WORD, _WORD / 2) for x in words]


def _long_words(words: list[Value]) -> list[Value]:
    """Two integers of 53 bits."""
    pairs = zip(words[::2], words[1::2])
    return [low.widen("i64") ^ (high.widen("i64") << (53 - 32)) for low, high in pairs]


# ---- normal ----------------------------------------------------------------------------------


def normal(words: list[Value], type: str) -> list[Value]:
    """Four float32 or two float64, of mean 0 and deviation 1 (Box and Muller, 1958)."""
    if type == "double":
        return _normal_pair(*_long_words(words))
    return [
        value
        for u, v in zip(words[::2], words[1::2])
        for value in _short_normal_pair(_from_unsigned(u, type), _from_unsigned(v, type))
    ]


def _short_normal_pair(u: Value, v: Value) -> list[Value]:
    radius = root(log(u.fma(_WORD, _WORD / 2)) * -2.0)
    angle = v.fma(_ANGLE, _ANGLE / 2)
    return [special("sin", angle) * radius, special("cos", angle) * radius]


def _normal_pair(u: Value, v: Value) -> list[Value]:
    radius = root(log(_from_unsigned(u, "double").fma(2.0**-53, 2.0**-54)) * -2.0)
    sine, cosine = _of_half_turns(_from_unsigned(v, "double").fma(2.0**-52, 2.0**-53))
    return [sine * radius, cosine * radius]


def _of_half_turns(x: Value) -> tuple[Value, Value]:
    """sin(pi x) and cos(pi x), of 0 <= x <= 2."""
    quarters = x.fma(2.0, 0.5).convert("i64")
    rest = quarters.convert("double").fma(-0.5, x)  # exact
    angle = rest * _PI
    low = rest.fma(_PI, -angle) + rest * _PI_LOW
    sine, _, cosine, _ = sine_and_cosine(angle, low)
    even = (quarters & 1).equals(0)
    return (
        flipped(choose(even, sine, cosine), quarters),
        flipped(choose(even, cosine, sine), quarters + 1),
    )


# ---- integers --------------------------------------------------------------------------------


def words(words: list[Value], type: str) -> list[Value]:
    """The words themselves, or two of 64 bits with their upper half first."""
    if type == "i64":
        return [joined(low, high) for high, low in zip(words[::2], words[1::2])]
    return words


Numbers = Callable[[list[Value], str], list[Value]]
"""Numbers of one type from a counter's four words."""

__all__ = [
    "Numbers",
    "exponential",
    "logarithm",
    "normal",
    "root",
    "special",
    "tangent",
    "uniform",
    "words",
]
