"""Division with a remainder, shifts, and steps between neighbouring numbers, as NumPy defines them."""

from __future__ import annotations

from ...formula import primitive as p
from ..llvm import BITS, Value, any_lane, choose
from .exponential import through_double
from .lowering import lowers

CHUNK = 50
"""Bits of the quotient that one step of `fmod` takes: fewer than a float64 has, so that it is exact."""
INFINITY = float("inf")


def _exponent(x: Value) -> Value:
    """The exponent of a positive float64, of subnormal ones too."""
    small = x < 2.0**-1022
    word = choose(small, x * 2.0**54, x).bits()
    return (word >> 52) - choose(small, word.like(1023 + 54), word.like(1023))


def _scaled(x: Value, by: Value) -> Value:
    """x 2^by for a positive `by`, in three steps: 2^by itself may be too large."""
    half, quarter = by >> 1, by >> 2
    power = lambda n: ((n + 1023) << 52).cast_bits("double")  # noqa: E731
    return x * power(half) * power(quarter) * power(by - half - quarter)


def _long_division(x: Value, y: Value) -> Value:
    """x modulo y for finite x, y > 0, as in school, with digits of 50 bits; each step is exact."""
    code = x.code
    rest = code.slot(x.type, x)
    head, body, done = code.name("head"), code.name("body"), code.name("done")
    divisor = _exponent(y)
    code.jump(head)
    code.label(head)
    value = code.load(rest, x.type)
    code.branch(any_lane(value >= y), body, done)
    code.label(body)
    apart = _exponent(choose(value > 0.0, value, y)) - divisor - CHUNK
    step = _scaled(y, choose(apart > 0, apart, apart.like(0)))
    quotient = code.intrinsic("trunc", value / step)
    left = (-quotient).fma(step, value)
    # A quotient that was rounded up is one too large.
    left = choose(left < 0.0, left + step, left)
    code.store(choose(value >= y, left, value), rest)
    code.jump(head)
    code.label(done)
    return code.load(rest, x.type)


def _float_fmod(x: Value, y: Value) -> Value:
    size, divisor = x.abs(), y.abs()
    usual = (size < INFINITY) & (divisor > 0.0) & (divisor < INFINITY)
    one = x.like(1.0)
    rest = _long_division(choose(usual, size, one), choose(usual, divisor, one))
    value = choose(usual, rest, size)  # of an infinite divisor
    value = x.code.intrinsic("copysign", value, x)
    wrong = (size >= INFINITY) | divisor.equals(0.0)
    value = choose(wrong, x.like(float("nan")), value)
    return choose(x.is_nan() | y.is_nan(), x + y, value)


def _divisor(x: Value, y: Value) -> tuple[Value, Value]:
    """(by, usual): a divisor that the processor takes, and whether it is y itself, neither 0 nor -1."""
    usual = y.differs(0) & y.differs(-1)
    return choose(usual, y, y.like(1)), usual


def _integer_rest(x: Value, y: Value) -> Value:
    """The rest of integers with x's sign; 0 for a divisor of 0."""
    by, _ = _divisor(x, y)
    return x - _quotient(x, by) * by


def _quotient(x: Value, y: Value) -> Value:
    """x / y towards zero; vectors of 32 bits by way of float64, which is exact and has vectors."""
    if BITS[x.element] > 32:
        return x / y
    return (x.convert("double") / y.convert("double")).convert(x.element)


@through_double
def _fmod(x: Value, y: Value, short: bool) -> Value:
    return _float_fmod(x, y)


@lowers(p.fmod, integers=True)
def fmod(x: Value, y: Value) -> Value:
    return _fmod(x, y) if x.is_float else _integer_rest(x, y)


@through_double
def _remainder(x: Value, y: Value, short: bool) -> Value:
    rest = _float_fmod(x, y)
    signs_differ = (y < 0.0) ^ (rest < 0.0)
    value = choose(rest.differs(0.0) & signs_differ, rest + y, rest)
    return choose(rest.equals(0.0), x.code.intrinsic("copysign", rest, y), value)


@lowers(p.remainder, integers=True)
def remainder(x: Value, y: Value) -> Value:
    """With the divisor's sign."""
    if x.is_float:
        return _remainder(x, y)
    rest = _integer_rest(x, y)
    return choose(rest.differs(0) & ((rest ^ y) < 0), rest + y, rest)


def _float_floor_divide(x: Value, y: Value) -> Value:
    """Of the remainder, as Python's ``divmod``: the quotient's own rounding does not reach it."""
    code = x.code
    rest = fmod(x, y)
    quotient = (x - rest) / y
    signs_differ = (y < 0.0) ^ (rest < 0.0)
    quotient = choose(rest.differs(0.0) & signs_differ, quotient - 1.0, quotient)
    floor = code.intrinsic("floor", quotient)
    floor = choose(quotient - floor > 0.5, floor + 1.0, floor)
    zero = code.intrinsic("copysign", x.like(0.0), x / y)
    value = choose(quotient.equals(0.0), zero, floor)
    return choose(y.equals(0.0), x / y, value)


@lowers(p.floor_divide, integers=True)
def floor_divide(x: Value, y: Value) -> Value:
    """The quotient towards minus infinity; 0 for an integer divisor of 0."""
    if x.is_float:
        return _float_floor_divide(x, y)
    by, usual = _divisor(x, y)
    quotient = _quotient(x, by)
    rest = x - quotient * by
    down = rest.differs(0) & ((rest ^ by) < 0)
    value = choose(down, quotient - 1, quotient)
    return choose(usual, value, choose(y.equals(0), x.like(0), -x))


@lowers(p.left_shift, integers=True)
def left_shift(x: Value, y: Value) -> Value:
    # For GPUs, LLVM makes a choice by `y` of a shift by `y` one shift by the lower half of `y`.
    bits = BITS[x.element]
    return choose(y.below(bits), x << (y & (bits - 1)), x.like(0))


@lowers(p.right_shift, integers=True)
def right_shift(x: Value, y: Value) -> Value:
    last = BITS[x.element] - 1
    return x >> choose(y.below(last + 1), y, y.like(last))


@lowers(p.heaviside, integers=True)
def heaviside(x: Value, y: Value) -> Value:
    value = choose(x.equals(0), y, choose(x < 0, x.like(0), x.like(1)))
    return choose(x.is_nan(), x, value) if x.is_float else value


@lowers(p.nextafter)
def nextafter(x: Value, y: Value) -> Value:
    """The number after x on the way to y."""
    bits = x.bits()
    away = (y > x) ^ (x < 0.0)
    moved = choose(away, bits + 1, bits - 1).cast_bits(x.element)
    smallest = bits.like(1).cast_bits(x.element)
    moved = choose(x.equals(0.0), x.code.intrinsic("copysign", smallest, y), moved)
    moved = choose(x.equals(y), y, moved)
    return choose(x.is_nan() | y.is_nan(), x + y, moved)
