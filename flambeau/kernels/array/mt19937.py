"""Random words and what is made of them: MT19937 in vectors, uniform and normal float32.

The bits are those of NumPy's generator and of `core.box_muller`, which say what is computed and why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..llvm import Value, choose
from ..runtime import memory
from ..runtime.entry import Body, NoNumbers, kernel
from ..runtime.process import machine

SIZE, MIDDLE = 624, 397
"""Words of the state, and how far the one lies ahead that a word is mixed with."""
PAIR = 8
"""Half a group of normals: radii, or angles."""


def words(state: Any, blocks: int) -> Any:
    """The next ``624 * blocks`` words of MT19937; `state`, its 624 words of uint32, is stepped in place."""
    made = memory.empty((blocks * SIZE,), memory.UINT32)
    _twister()(state, made, 1, blocks, 1, 0)
    return made


def uniform(given: Any) -> Any:
    """float32 in [0, 1) from the low 24 bits of words."""
    made = memory.empty(given.shape, memory.FLOAT32)
    _uniform()(given, made, 1, given.size, given.size, 1)
    return made


def normal(given: Any, mean: float, std: float, constants: tuple[tuple[str, Any], ...]) -> Any:
    """Normal float32 from words, both in groups of 16: 8 radii, then their angles.

    constants: The coefficients and their names, which are those of `core.box_muller`.
    """
    made = memory.empty(given.shape, memory.FLOAT32)
    facts = np.array([mean, std], np.float32)
    _normal(constants)(given, facts, made, given.size // (2 * PAIR), 2 * PAIR, given.size, 0)
    return made


def swapped(offset: Any) -> Any:
    """0 .. n-1 after swapping position i with position i + offset[i], for i = 0 .. n-2 in turn."""
    offset = np.ascontiguousarray(offset, np.int64)
    made = np.arange(offset.size + 1)
    if _swapper()(offset, made, 1, offset.size, offset.size, 0):
        raise IndexError("a position to swap with is out of range")
    return made


def _lanes() -> int:
    return machine().bits // 32


# -------------------------------------------------------------------------------------- MT19937


@cache
def _twister() -> Callable[..., int]:
    lanes = _lanes()
    return kernel("twist", ("state", "made"), NoNumbers, lambda code: Twister(code).write(), lanes)


class Twister:
    """Writes the steps of blocks: the state is mixed in place, its words are tempered as they are made."""

    def __init__(self, code: Body):
        self.code, self.state = code, code.p["state"]

    def write(self) -> None:
        code = self.code
        with code.loop(code.zero, code.n.length) as block:
            self.out = code.at(code.p["made"], "i32", block * SIZE)
            self.part(0, SIZE - MIDDLE, MIDDLE)
            self.part(SIZE - MIDDLE, SIZE - 1, MIDDLE - SIZE)
            last = code.number(SIZE - 1)
            after = code.get(self.state, "i32", code.zero)
            self.step(last, code.get(self.state, "i32", last), after, MIDDLE - SIZE, "i32")

    def part(self, start: int, stop: int, ahead: int) -> None:
        """Words whose successor and partner lie at the same distance; none of them was stepped too early."""
        code, lanes = self.code, self.code.lanes
        whole = start + (stop - start) // lanes * lanes
        for first, last, step in ((start, whole, lanes), (whole, stop, 1)):
            type = code.vector("i32") if step > 1 else "i32"
            with code.loop(code.number(first), code.number(last), step) as i:
                now = code.load(code.at(self.state, "i32", i), type)
                after = code.load(code.at(self.state, "i32", i + 1), type)
                self.step(i, now, after, ahead, type)

    def step(self, i: Value, now: Value, after: Value, ahead: int, type: str) -> None:
        code = self.code
        partner = code.load(code.at(self.state, "i32", i + ahead), type)
        mixed = (now & -(1 << 31)) | (after & 0x7FFF_FFFF)
        odd = -(mixed & 1) & 0x9908_B0DF
        value = partner ^ mixed.down(1) ^ odd
        code.store(value, code.at(self.state, "i32", i))
        value = value ^ value.down(11)
        value = value ^ ((value << 7) & 0x9D2C_5680)
        value = value ^ ((value << 15) & 0xEFC6_0000)
        code.store(value ^ value.down(18), code.at(self.out, "i32", i))


@cache
def _swapper() -> Callable[..., int]:
    def write(code: Body) -> None:
        made, count = code.p["made"], code.n.length
        bad = code.slot("i64", code.zero)
        with code.long_loop(count, lambda: None) as i:
            step = code.get(code.p["offset"], "i64", i)
            fits = step.below(count - i + 1)
            code.store(code.load(bad, "i64") | (fits ^ 1).widen("i64"), bad)
            j = i + choose(fits, step, 0)
            here, there = code.get(made, "i64", i), code.get(made, "i64", j)
            code.put(there, made, i)
            code.put(here, made, j)
        code.report(code.load(bad, "i64"))

    return kernel("swapped", ("offset", "made"), NoNumbers, write, 1, makes=True)


# ------------------------------------------------------------------------------------- uniform


def _unit(word: Value) -> Value:
    return (word & 0xFF_FFFF).convert("float") * 2.0**-24


@cache
def _uniform() -> Callable[..., int]:
    lanes = _lanes()

    def write(code: Body) -> None:
        given, made = code.p["words"], code.p["made"]
        whole = code.begin + ((code.end - code.begin) & -lanes)
        for first, last, step in ((code.begin, whole, lanes), (whole, code.end, 1)):
            type = code.vector("i32") if step > 1 else "i32"
            with code.loop(first, last, step) as i:
                word = code.load(code.at(given, "i32", i), type)
                code.store(_unit(word), code.at(made, "float", i))

    return kernel("uniform", ("words", "made"), NoNumbers, write, lanes, makes=True)


# -------------------------------------------------------------------------------------- normal


@cache
def _normal(constants: tuple) -> Callable[..., int]:
    lanes = min(PAIR, _lanes())
    return kernel(
        "normal", ("words", "facts", "made"), NoNumbers, lambda code: Normal(code, dict(constants)).write(),
        lanes, makes=True,
    )  # fmt: skip


class Normal:
    """Writes Box and Muller's transform of groups; each line is one of `core.box_muller`."""

    def __init__(self, code: Body, constants: dict[str, Any]):
        self.code, self.constants = code, constants

    def write(self) -> None:
        code, c = self.code, self.constants
        mean, std = (code.splat(code.get(code.p["facts"], "float", code.number(i))) for i in (0, 1))
        with code.rows() as group:
            for part in range(0, PAIR, code.lanes):
                at = group * (2 * PAIR) + part
                first, second = (
                    _unit(code.load(code.at(code.p["words"], "i32", at + k), code.vector("i32")))
                    for k in (0, PAIR)
                )
                radius = code.intrinsic("sqrt", self.log(1.0 - first) * -2.0)
                sine, cosine = self.sin_cos(second * c["TWO_PI"])
                for k, value in ((0, cosine), (PAIR, sine)):
                    made = (radius * value).fma(std, mean)
                    code.store(made, code.at(code.p["made"], "float", at + k))

    def log(self, x: Value) -> Value:
        c, bits = self.constants, x.bits()
        exponent = bits.down(23) - 126
        mantissa = ((bits & 0x7F_FFFF) | 0x3F00_0000).cast_bits("float")
        low = mantissa < c["SQRT_HALF"]
        power = (exponent - choose(low, exponent.like(1), 0)).convert("float")
        mantissa = mantissa + choose(low, mantissa, 0.0) - 1.0
        square = mantissa * mantissa
        tail = horner(mantissa, c["LOG"]) * mantissa
        tail = tail.fma(square, power * c["LN2_LOW"])
        tail = square.fma(-0.5, tail)
        return power.fma(c["LN2_HIGH"], mantissa + tail)

    def sin_cos(self, angle: Value) -> tuple[Value, Value]:
        c = self.constants
        octant = ((angle * c["FOUR_OVER_PI"]).convert("i32") + 1) & ~1
        multiple = octant.convert("float")
        for step in c["MINUS_PI_4"]:
            angle = multiple.fma(step, angle)
        square = angle * angle
        cosine = horner(square, c["COS"]) * square
        cosine = cosine.fma(square, square * -0.5) + 1.0
        sine = (horner(square, c["SIN"]) * square).fma(angle, angle)
        swapped = (octant & 2).differs(0)
        # Bit 2 of the octant is the sign: moved up to a float's.
        sine_sign, cosine_sign = ((octant + k & 4) << 29 for k in (0, 2))
        return (
            (choose(swapped, cosine, sine).bits() ^ sine_sign).cast_bits("float"),
            (choose(swapped, sine, cosine).bits() ^ cosine_sign).cast_bits("float"),
        )


def horner(x: Value, coefficients: Sequence[float]) -> Value:
    """A polynomial, the highest coefficient first."""
    value = x.like(coefficients[0])
    for coefficient in coefficients[1:]:
        value = value.fma(x, coefficient)
    return value
