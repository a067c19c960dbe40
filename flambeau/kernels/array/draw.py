"""Numbers of a few random words, written where they belong: one call for what NumPy does in several.

Each function turns words of `core/random/generator.py` into what PyTorch's scalar kernels make of them, in float64 and with
the C library's functions, and rounds once to the elements of `made`, an array in order (16 bits by way of float32).
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..elementary import half
from ..llvm import Value, choose, external, remainder
from ..runtime.entry import Body, kernel
from ..runtime.process import machine

ELEMENTS = {
    np.dtype(name): element
    for name, element in {
        "float32": "float", "float64": "double", "float16": "float16", "int64": "i64", "int32": "i32", "int16": "i16",
        "int8": "i8", "uint8": "i8", "bool": "i8",
    }.items()
}  # fmt: skip
"""What can be drawn."""
FLOATS = frozenset(("float", "double", *half.HALF))


def element_of(dtype: Any) -> str | None:
    """What is written for numbers of this dtype; None for those that no kernel writes."""
    element = ELEMENTS.get(dtype)
    if element is None and dtype.name == "bfloat16":
        return "bfloat16"
    return None if element == "float16" and not machine().has_half else element


def straight(
    name: str, dtype: Any, given: tuple[Any, ...]
) -> tuple[Callable[..., int], int, int, int] | None:
    """Of a distribution with its parameters: a kernel, how many words it takes for a number, and two words of parameters.

    The kernel's arguments are words, the array, ``1, size, size, 0``, the word to begin with, and the parameters. None
    where there is none.
    """
    element = element_of(dtype)
    if element not in FLOATS and not (name == "below" and element is not None):
        return None
    first, second = (*given, 0, 0)[:2]
    if name == "uniform":
        if given == (0, 1) and element in ("float", "double"):
            return _uniform(element), 1 if element == "float" else 2, 0, 0
        return _between(element), 2 if element == "double" else 1, _bits(first), _bits(second)
    if name == "below":
        return _below(element), 2, first, 0
    make = {"exponential": _exponential, "cauchy": _cauchy, "geometric": _geometric}[name]
    return make(element), 2, _bits(first), _bits(second)


def straight_integers(
    dtype: Any, low: int, count: int, words: int
) -> tuple[Callable[..., int], int, int, int] | None:
    """The same of so many integers from `low` on, each of one word or of two."""
    element = element_of(dtype)
    if element is None:
        return None
    make = _integers if words == 1 else _integers64
    return make(element), words, low, count - (1 << 64) if count >> 63 else count


@lru_cache(64)
def _bits(x: float) -> int:
    (found,) = struct.unpack("q", struct.pack("d", x))
    return int(found)


def _draw(make: Callable[..., Any], words: Any, made: Any, first: int = 0, second: int = 0) -> None:
    size = made.size
    make(element_of(made.dtype))(words, made, 1, size, size, 0, 0, first, second)


def uniform(words: Any, made: Any) -> None:
    """[0, 1): of the low 24 bits of a word for float32, of the low 53 of two for float64."""
    _draw(_uniform, words, made)


def normals(dtype: Any) -> Callable[..., int] | None:
    """The kernel of pairs of normal numbers, of four words each, behind the one that waits.

    Its arguments are words, the array, one element of float64 for what waits and then for what is left over, ``1, pairs,
    size, 0``, the word to begin with, the bits of the mean and the deviation, the size, and whether one waits.
    """
    element = element_of(dtype)
    return _normal(element, False) if element in FLOATS else None


def log_normals(dtype: Any) -> Callable[..., int] | None:
    """The kernel of numbers whose logarithms are normal."""
    element = element_of(dtype)
    return _normal(element, True) if element in FLOATS else None


def parameters(first: float, second: float) -> tuple[int, int]:
    """Two numbers as kernels take them."""
    return _bits(first), _bits(second)


def normal(words: Any, made: Any, mean: float, std: float, waiting: float | None) -> float | None:
    """Two normal numbers of each four words, behind the one that waits; gives the one that is left over."""
    size, pairs, left = made.size, len(words) // 4, np.empty(1)
    waits = int(waiting is not None)
    if waits:
        left[0] = waiting
    _normal(element_of(made.dtype), False)(
        words, made, left, 1, pairs, size, 0, 0, _bits(mean), _bits(std), size, waits
    )
    return left.item() if 2 * pairs + waits > size else None


def exponential(words: Any, made: Any, rate: float) -> None:
    """Exponential numbers of two words each."""
    _draw(_exponential, words, made, _bits(-1.0 / rate))


def cauchy(words: Any, made: Any, median: float, sigma: float) -> None:
    """Cauchy numbers of two words each."""
    _draw(_cauchy, words, made, _bits(median), _bits(sigma))


def geometric(words: Any, made: Any, log_failure: float) -> None:
    """Numbers of trials, of two words each; the logarithm is that of the probability to fail."""
    _draw(_geometric, words, made, _bits(log_failure))


def below(words: Any, made: Any, threshold: int) -> None:
    """1 where the low 53 bits of two words, the high one first, are less than a number, else 0."""
    _draw(_below, words, made, threshold)


def are_probabilities(p: Any) -> bool:
    """Are all floats of an array in order between 0 and 1?"""
    size = p.size
    return not _below_each(element_of(p.dtype))(p, p, p, 1, size, size, 0, 0, 0, 0)


def below_each(words: Any, made: Any, p: Any) -> None:
    """1 where a uniform number is less than p, of the dtype of `made`: one of a word, for float64 of two."""
    size = made.size
    _below_each(element_of(made.dtype))(words, made, p, 1, size, size, 0, 0, 1, 0)


def below_each_of(dtype: Any) -> Callable[..., int] | None:
    """The kernel of `below_each`, and of `are_probabilities`, for this dtype."""
    element = element_of(dtype)
    return _below_each(element) if element in FLOATS else None


def integers(words: Any, made: Any, low: int, count: int) -> None:
    """low + a word modulo count."""
    _draw(_integers, words, made, low, count)


def integers64(words: Any, made: Any, low: int, count: int) -> None:
    """low + the number of two words, the high one first, modulo count."""
    _draw(_integers64, words, made, low, count - (1 << 64) if count >> 63 else count)


def permutation(words: Any, made: Any, start: int = 0) -> None:
    """0 .. n-1 after swapping position i with i + word i modulo (n - i), for i = 0 .. n-2 in turn."""
    size = made.size - 1
    _permutation()(words, made, 1, size, size, 0, start, 0, 0)


# -------------------------------------------------------------------------------------- kernels

_LOG1P, _COS, _SIN, _TAN, _LOG, _EXP = (
    external(f"double @{name}(double)") for name in ("log1p", "cos", "sin", "tan", "log", "exp")
)


class Given(NamedTuple):
    """The word to begin with, and two parameters: integers, or the bits of floats."""

    start: int
    first: int
    second: int


class Normal(NamedTuple):
    """The same, how many numbers are wanted, and whether one waits."""

    start: int
    first: int
    second: int
    wanted: int
    waiting: int


def _bits53(code: Body, i: Value) -> Value:
    """The low 53 bits of a pair of words."""
    high, low = (code.get(code.p["words"], "i32", i * 2 + k).widen("i64") for k in (0, 1))
    return (high << 32 | low) & (1 << 53) - 1


def _unit64(code: Body, i: Value) -> Value:
    return _bits53(code, i).convert("double") * 2.0**-53


def _unit32(code: Body, i: Value) -> Value:
    return (code.get(code.p["words"], "i32", i) & 0xFF_FFFF).convert("float") * 2.0**-24


def _floats(code: Body) -> tuple[Value, Value]:
    """The parameters as floats."""
    return code.n.first.cast_bits("double"), code.n.second.cast_bits("double")


def _store(code: Body, value: Value, element: str, name: str, at: Value) -> None:
    """Round a number to an element of an array."""
    if element in half.HALF:
        code.put(half.rounded(value.convert("float"), element), code.p[name], at)
    else:
        code.put(value.convert(element), code.p[name], at)


def _begin(code: Body) -> None:
    """Let `words` be those from the first on that belongs to this draw."""
    code.p["words"] = code.at(code.p["words"], "i32", code.n.start)


def _each(name: str, element: str, value: Callable) -> Callable[..., int]:
    """A kernel that makes each element of its index."""

    def write(code: Body) -> None:
        _begin(code)
        with code.loop(code.begin, code.end) as i:
            _store(code, value(code, i), element, "made", i)

    return kernel(name, ("words", "made"), Given, write, 1)


@cache
def _uniform(element: str) -> Callable[..., int]:
    return _each("uniform", element, _unit32 if element == "float" else _unit64)


@cache
def _between(element: str) -> Callable[..., int]:
    """From a number up to another, which rounding may reach, but which is never drawn."""

    def rounded(value: Value) -> Value:
        if element in half.HALF:
            return half.widened(half.rounded(value.convert("float"), element), element)
        return value.convert(element)

    def value(code: Body, i: Value) -> Value:
        low, high = _floats(code)
        if element == "double":
            drawn = _unit64(code, i).fma(high - low, low)
        else:
            start, stop = low.convert("float"), high.convert("float")
            drawn = _unit32(code, i).convert("double") * (stop - start).convert("double")
            drawn = (drawn + start.convert("double")).convert("float")
        drawn = rounded(drawn)
        return choose(drawn.equals(rounded(high)), rounded(low), drawn)

    return _each("between", element, value)


@cache
def _exponential(element: str) -> Callable[..., int]:
    def value(code: Body, i: Value) -> Value:
        return _floats(code)[0] * code.run(_LOG1P, -_unit64(code, i))

    return _each("exponential", element, value)


@cache
def _cauchy(element: str) -> Callable[..., int]:
    def value(code: Body, i: Value) -> Value:
        tangent = code.run(_TAN, (_unit64(code, i) - 0.5) * np.pi)
        median, sigma = _floats(code)
        return tangent.fma(sigma, median)

    return _each("cauchy", element, value)


@cache
def _geometric(element: str) -> Callable[..., int]:
    def value(code: Body, i: Value) -> Value:
        trials = code.run(_LOG, _unit64(code, i)) / _floats(code)[0]
        return code.intrinsic("ceil", trials)

    return _each("geometric", element, value)


@cache
def _below(element: str) -> Callable[..., int]:
    def value(code: Body, i: Value) -> Value:
        return (_bits53(code, i) < code.n.first).widen("i64")

    return _each("below", element, value)


@cache
def _integers(element: str) -> Callable[..., int]:
    def value(code: Body, i: Value) -> Value:
        word = code.get(code.p["words"], "i32", i).widen("i64")
        return remainder(word, code.n.second) + code.n.first

    return _each("integers", element, value)


@cache
def _integers64(element: str) -> Callable[..., int]:
    def value(code: Body, i: Value) -> Value:
        high, low = (code.get(code.p["words"], "i32", i * 2 + k).widen("i64") for k in (0, 1))
        return remainder(high << 32 | low, code.n.second) + code.n.first

    return _each("integers64", element, value)


@cache
def _below_each(element: str) -> Callable[..., int]:
    unit = _unit64 if element == "double" else _unit32
    stored = "i16" if element in half.HALF else element

    def probability(code: Body, i: Value) -> Value:
        p = code.get(code.p["p"], stored, i)
        return half.widened(p, element) if element in half.HALF else p

    def write(code: Body) -> None:
        _begin(code)
        with code.either(code.n.first.differs(0)) as (drawn, checked):
            with drawn, code.loop(code.begin, code.end) as i:
                less = unit(code, i) < probability(code, i)
                _store(code, less.widen("i64"), element, "made", i)
            with checked:
                wrong = code.variable(0)
                with code.loop(code.begin, code.end) as i:
                    p = probability(code, i)
                    wrong.value = wrong.value | ((p >= 0.0) & (p <= 1.0) ^ 1).widen("i64")
                code.report(wrong.value)

    return kernel("below_each", ("words", "made", "p"), Given, write, 1)


@cache
def _normal(element: str, exponential: bool) -> Callable[..., int]:
    def write(code: Body) -> None:
        _begin(code)
        n, left = code.n, code.p["left"]
        mean, std = _floats(code)

        def place(value: Value, at: Value) -> None:
            with code.either(at < n.wanted) as (wanted, over):
                with wanted:
                    made = value.fma(std, mean)
                    made = code.run(_EXP, made) if exponential else made
                    _store(code, made, element, "made", at)
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
        _begin(code)
        made, count = code.p["made"], code.n.length
        with code.loop(code.zero, count + 1) as i:
            code.put(i, made, i)
        with code.loop(code.zero, count) as i:
            word = code.get(code.p["words"], "i32", i).widen("i64")
            j = i + remainder(word, count + 1 - i)
            here, there = code.get(made, "i64", i), code.get(made, "i64", j)
            code.put(there, made, i)
            code.put(here, made, j)

    return kernel("permutation", ("words", "made"), Given, write, 1)
