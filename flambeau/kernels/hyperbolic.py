"""Hyperbolic functions and their inverses but for tanh."""

from __future__ import annotations

from .code import Value, choose
from .function import DOUBLE, SINGLE, exp, exp2, expm1, format_of, log1p, short_exp, through_double

LN2 = 0.6931471805599453


def sinh(x: Value) -> Value:
    """Of expm1, which overflows too early: above 20 half of exp."""
    size = x.abs()
    e = expm1(choose(size > 20.0, x.like(20.0), size))
    near = 0.5 * (e + e / (e + 1.0))
    value = choose(size > 20.0, exp(size, halvings=1), near)
    value = choose(size < (1e-4 if format_of(x) is SINGLE else 1e-9), size, value)
    return choose(x.is_nan(), x, x.code.intrinsic("copysign", value, x))


@through_double
def cosh(x: Value, short: bool) -> Value:
    size = x.abs()
    e = short_exp(size) * 0.5 if short else exp(size, halvings=1)
    return e + 0.25 / e


@through_double
def asinh(x: Value, short: bool) -> Value:
    size = x.abs()
    large = size > 2.0**28
    a = choose(large, x.like(1.0), size)
    root = x.code.intrinsic("sqrt", a.fma(a, 1.0))
    value = log1p(choose(large, size - 1.0, a + a * (a / (root + 1.0))))
    value = choose(large, value + LN2, value)
    return x.code.intrinsic("copysign", choose(x.is_nan(), x, value), x)


@through_double
def acosh(x: Value, short: bool) -> Value:
    large = x > 2.0**28
    t = choose(large, x.like(1.0), x) - 1.0
    root = x.code.intrinsic("sqrt", t.fma(t, t + t))
    value = log1p(choose(large, x - 1.0, t + root))
    return choose(x < 1.0, x.like(float("nan")), choose(large, value + LN2, value))


@through_double
def atanh(x: Value, short: bool) -> Value:
    size = x.abs()
    twice = size + size
    value = 0.5 * log1p(twice + twice * size / (1.0 - size))
    value = choose(size.equals(1.0), x.like(float("inf")), value)
    value = choose(size > 1.0, x.like(float("nan")), value)
    value = choose(size < DOUBLE.tiny, size, value)
    return choose(x.is_nan(), x, x.code.intrinsic("copysign", value, x))


def logaddexp(x: Value, y: Value) -> Value:
    larger, lost = _larger_and_distance(x, y)
    return larger + log1p(exp(lost))


def logaddexp2(x: Value, y: Value) -> Value:
    larger, lost = _larger_and_distance(x, y)
    return larger + log1p(exp2(lost)) * (1 / LN2)


def _larger_and_distance(x: Value, y: Value) -> tuple[Value, Value]:
    """The larger, and how far below it the other is; 0 for equal ones, infinite ones too."""
    above = choose(x > y, x, y)
    larger = choose(x.is_nan(), x, above)
    return larger, choose(x.equals(y), x.like(0.0), -(x - y).abs())


@through_double
def hypot(x: Value, y: Value, short: bool) -> Value:
    a, b = x.abs(), y.abs()
    infinite = a.equals(float("inf")) | b.equals(float("inf"))
    if short:
        value = x.code.intrinsic("sqrt", a.fma(a, b * b))
    else:
        larger = choose(a > b, a, b)
        up, down = larger < 2.0**-450, larger > 2.0**500
        scale = choose(up, x.like(2.0**600), choose(down, x.like(2.0**-600), x.like(1.0)))
        back = choose(up, x.like(2.0**-600), choose(down, x.like(2.0**600), x.like(1.0)))
        a, b = a * scale, b * scale
        large, small = choose(a > b, a, b), choose(a > b, b, a)
        root = x.code.intrinsic("sqrt", large.fma(large, small * small))
        value = choose(a.is_nan() | b.is_nan(), a + b, root) * back
    return choose(infinite, x.like(float("inf")), value)
