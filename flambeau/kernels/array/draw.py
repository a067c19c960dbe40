"""Numbers of a few random words, written where they belong: one call for what NumPy does in several.

Each function turns words of `core/random/generator.py` into what PyTorch's scalar kernels make of them, in float64 and with
the C library's functions, and rounds once to the elements of `made`, an array in order.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import Value, external, remainder
from ..runtime.entry import Body, NoNumbers, kernel

ELEMENTS = {
    np.dtype(name): element
    for name, element in {
        "float32": "float", "float64": "double", "int64": "i64", "int32": "i32", "bool": "i8",
    }.items()
}  # fmt: skip
"""What can be drawn."""
FLOATS = {dtype: e for dtype, e in ELEMENTS.items() if dtype.kind == "f"}


def straight(name: str, dtype: Any) -> tuple[Callable[..., int], int, tuple[int, ...]] | None:
    """Of a distribution with its usual parameters: a kernel, how many words it takes for a number, and what it is given
    behind words, the array and ``1, size, size, 0``. None where there is none."""
    element = FLOATS.get(dtype)
    if element is None:
        return None
    if name == "uniform":
        return _uniform(element), 1 if element == "float" else 2, ()
    if name == "exponential":
        return _exponential(element), 2, (_bits(-1.0),)
    return _below(element), 2, (1 << 52,)


@lru_cache(64)
def _bits(x: float) -> int:
    (found,) = struct.unpack("q", struct.pack("d", x))
    return int(found)


def uniform(words: Any, made: Any) -> None:
    """[0, 1): of the low 24 bits of a word for float32, of the low 53 of two for float64."""
    size = made.size
    _uniform(ELEMENTS[made.dtype])(words, made, 1, size, size, 0)


def normal(words: Any, made: Any, mean: float, std: float, waiting: float | None) -> float | None:
    """Two normal numbers of each four words, behind the one that waits; gives the one that is left over."""
    size, pairs, left = made.size, len(words) // 4, np.empty(1)
    if waiting is not None:
        left[0] = waiting
    _normal(ELEMENTS[made.dtype])(
        words, made, left, 1, pairs, size, 0, size, waiting is not None, _bits(mean), _bits(std)
    )
    return float(left[0]) if 2 * pairs + (waiting is not None) > size else None


def exponential(words: Any, made: Any, rate: float) -> None:
    """Exponential numbers of two words each."""
    size = made.size
    _exponential(ELEMENTS[made.dtype])(words, made, 1, size, size, 0, _bits(-1.0 / rate))


def cauchy(words: Any, made: Any, median: float, sigma: float) -> None:
    """Cauchy numbers of two words each."""
    size = made.size
    _cauchy(ELEMENTS[made.dtype])(words, made, 1, size, size, 0, _bits(median), _bits(sigma))


def geometric(words: Any, made: Any, log_failure: float) -> None:
    """Numbers of trials, of two words each; the logarithm is that of the probability to fail."""
    size = made.size
    _geometric(ELEMENTS[made.dtype])(words, made, 1, size, size, 0, _bits(log_failure))


def below(words: Any, made: Any, threshold: int) -> None:
    """1 where the low 53 bits of two words, the high one first, are less than a number, else 0."""
    size = made.size
    _below(ELEMENTS[made.dtype])(words, made, 1, size, size, 0, threshold)


def are_probabilities(p: Any) -> bool:
    """Are all float32 of an array in order between 0 and 1?"""
    return not _improbable()(p, 1, p.size, p.size, 0)


def below_each(words: Any, made: Any, p: Any) -> None:
    """1 where the low 24 bits of a word are a smaller part of 1 than p; both float32."""
    size = made.size
    _below_each()(words, made, p, 1, size, size, 0)


def integers(words: Any, made: Any, low: int, count: int) -> None:
    """low + a word modulo count."""
    size = made.size
    _integers(ELEMENTS[made.dtype])(words, made, 1, size, size, 0, low, count)


def permutation(words: Any, made: Any) -> None:
    """0 .. n-1 after swapping position i with i + word i modulo (n - i), for i = 0 .. n-2 in turn."""
    size = len(words)
    _permutation()(words, made, 1, size, size, 0)


# -------------------------------------------------------------------------------------- kernels

_LOG1P, _COS, _SIN, _TAN, _LOG = (
    external(f"double @{name}(double)") for name in ("log1p", "cos", "sin", "tan", "log")
)


class Normal(NamedTuple):
    """How many are wanted, whether one waits, and the bits of the mean and the standard deviation."""

    wanted: int
    waiting: int
    mean: int
    std: int


class Range(NamedTuple):
    """Integers from `low` on."""

    low: int
    count: int


class Scale(NamedTuple):
    """The bits of a factor."""

    scale: int


class Shape(NamedTuple):
    """The bits of a median and of a half-width."""

    median: int
    sigma: int


class Threshold(NamedTuple):
    """What a number of 53 bits is compared with."""

    threshold: int


def _bits53(code: Body, i: Value) -> Value:
    """The low 53 bits of a pair of words."""
    high, low = (code.get(code.p["words"], "i32", i * 2 + k).widen("i64") for k in (0, 1))
    return (high << 32 | low) & (1 << 53) - 1


def _unit64(code: Body, i: Value) -> Value:
    return _bits53(code, i).convert("double") * 2.0**-53


def _unit32(code: Body, i: Value) -> Value:
    return (code.get(code.p["words"], "i32", i) & 0xFF_FFFF).convert("float") * 2.0**-24


def _each(name: str, numbers: Any, element: str, value: Callable) -> Callable[..., int]:
    """A kernel that makes each element of its index."""

    def write(code: Body) -> None:
        with code.loop(code.begin, code.end) as i:
            code.put(value(code, i).convert(element), code.p["made"], i)

    return kernel(name, ("words", "made"), numbers, write, 1)


@cache
def _uniform(element: str) -> Callable[..., int]:
    return _each("uniform", NoNumbers, element, _unit32 if element == "float" else _unit64)


@cache
def _exponential(element: str) -> Callable[..., int]:
    def value(code: Body, i: Value) -> Value:
        return code.n.scale.cast_bits("double") * code.run(_LOG1P, -_unit64(code, i))

    return _each("exponential", Scale, element, value)


@cache
def _cauchy(element: str) -> Callable[..., int]:
    def value(code: Body, i: Value) -> Value:
        tangent = code.run(_TAN, (_unit64(code, i) - 0.5) * np.pi)
        median, sigma = (x.cast_bits("double") for x in (code.n.median, code.n.sigma))
        return tangent.fma(sigma, median)

    return _each("cauchy", Shape, element, value)


@cache
def _geometric(element: str) -> Callable[..., int]:
    def value(code: Body, i: Value) -> Value:
        trials = code.run(_LOG, _unit64(code, i)) / code.n.scale.cast_bits("double")
        return code.intrinsic("ceil", trials)

    return _each("geometric", Scale, element, value)


@cache
def _below(element: str) -> Callable[..., int]:
    def value(code: Body, i: Value) -> Value:
        return (_bits53(code, i) < code.n.threshold).widen("i64")

    return _each("below", Threshold, element, value)


@cache
def _integers(element: str) -> Callable[..., int]:
    def value(code: Body, i: Value) -> Value:
        word = code.get(code.p["words"], "i32", i).widen("i64")
        return remainder(word, code.n.count) + code.n.low

    return _each("integers", Range, element, value)


@cache
def _below_each() -> Callable[..., int]:
    def write(code: Body) -> None:
        with code.loop(code.begin, code.end) as i:
            less = _unit32(code, i) < code.get(code.p["p"], "float", i)
            code.put(less.widen("i64").convert("float"), code.p["made"], i)

    return kernel("below_each", ("words", "made", "p"), NoNumbers, write, 1)


@cache
def _improbable() -> Callable[..., int]:
    def write(code: Body) -> None:
        wrong = code.variable(0)
        with code.loop(code.begin, code.end) as i:
            p = code.get(code.p["p"], "float", i)
            wrong.value = wrong.value | ((p >= 0.0) & (p <= 1.0) ^ 1).widen("i64")
        code.report(wrong.value)

    return kernel("improbable", ("p",), NoNumbers, write, 1)


@cache
def _normal(element: str) -> Callable[..., int]:
    def write(code: Body) -> None:
        n, made, left = code.n, code.p["made"], code.p["left"]
        mean, std = (x.cast_bits("double") for x in (n.mean, n.std))

        def place(value: Value, at: Value) -> None:
            with code.either(at < n.wanted) as (wanted, over):
                with wanted:
                    code.put(value.fma(std, mean).convert(element), made, at)
                with over:
                    code.put(value, left, code.zero)

        with code.when(n.waiting.differs(0)):
            place(code.get(left, "double", code.zero), code.zero)
        with code.loop(code.begin, code.end) as i:
            angle = _unit64(code, i * 2) * (2 * np.pi)
            radius = code.intrinsic("sqrt", code.run(_LOG1P, -_unit64(code, i * 2 + 1)) * -2.0)
            place(radius * code.run(_COS, angle), i * 2 + n.waiting)
            place(radius * code.run(_SIN, angle), i * 2 + 1 + n.waiting)

    return kernel("normal", ("words", "made", "left"), Normal, write, 1)


@cache
def _permutation() -> Callable[..., int]:
    def write(code: Body) -> None:
        made, count = code.p["made"], code.n.length
        with code.loop(code.zero, count + 1) as i:
            code.put(i, made, i)
        with code.loop(code.zero, count) as i:
            word = code.get(code.p["words"], "i32", i).widen("i64")
            j = i + remainder(word, count + 1 - i)
            here, there = code.get(made, "i64", i), code.get(made, "i64", j)
            code.put(there, made, i)
            code.put(here, made, j)

    return kernel("permutation", ("words", "made"), NoNumbers, write, 1)
