"""Hyperbolic functions (but for tanh) and their inverses, and other sums of powers: logaddexp and hypot."""

from __future__ import annotations

from ...formula import primitive as p
from ..llvm import Value, choose, polynomial
from .exponential import exp, exp2, format_of, log1p, through_double
from .lowering import lowers

LN2 = 0.6931471805599453
LARGE = {"float": 2.0**13, "double": 2.0**28}
"""Above it x^2 + 1 is x^2."""


SINH = {
    "float": (
        0.16666666646762457, 0.008333339695044607, 0.00019838095593022195, 2.8063312541454603e-06,
    ),
    "double": (
        0.16666666666666666, 0.008333333333333299, 0.00019841269841324471, 2.7557319191250885e-06,
        2.5052117723953603e-08, 1.605767688270711e-10, 7.746278225805584e-13,
    ),
}  # fmt: skip
"""(sinh(x) / x - 1) / x^2 in terms of x^2, |x| <= 1."""


@lowers(p.sinh)
def sinh(x: Value) -> Value:
    z = x * x
    near = (x * z).multiply_add(polynomial(choose(z < 1.0, z, x.like(1.0)), SINH[x.element]), x)
    e = exp(x.abs(), halvings=1)
    far = x.code.intrinsic("copysign", e - 0.25 / e, x)
    tiny = 1e-4 if x.element == "float" else 1e-9
    return choose(x.abs() < tiny, x, choose(z < 1.0, near, far))


@lowers(p.cosh)
def cosh(x: Value) -> Value:
    e = exp(x.abs(), halvings=1)
    return e + 0.25 / e


@lowers(p.asinh)
def asinh(x: Value) -> Value:
    size = x.abs()
    large = size > LARGE[x.element]
    a = choose(large, x.like(1.0), size)
    root = x.code.intrinsic("sqrt", a.fma(a, 1.0))
    value = log1p(choose(large, size - 1.0, a + a * (a / (root + 1.0))))
    value = choose(large, value + LN2, value)
    return x.code.intrinsic("copysign", choose(x.is_nan(), x, value), x)


@lowers(p.acosh)
def acosh(x: Value) -> Value:
    large = x > LARGE[x.element]
    t = choose(large, x.like(1.0), x) - 1.0
    root = x.code.intrinsic("sqrt", t.fma(t, t + t))
    value = log1p(choose(large, x - 1.0, t + root))
    return choose(x < 1.0, x.like(float("nan")), choose(large, value + LN2, value))


@lowers(p.atanh)
def atanh(x: Value) -> Value:
    size = x.abs()
    twice = size + size
    value = 0.5 * log1p(twice + twice * size / (1.0 - size))
    value = choose(size.equals(1.0), x.like(float("inf")), value)
    value = choose(size > 1.0, x.like(float("nan")), value)
    value = choose(size < format_of(x).tiny, size, value)
    return choose(x.is_nan(), x, x.code.intrinsic("copysign", value, x))


@lowers(p.logaddexp)
def logaddexp(x: Value, y: Value) -> Value:
    larger, lost = _larger_and_distance(x, y)
    return larger + log1p(exp(lost))


@lowers(p.logaddexp2)
def logaddexp2(x: Value, y: Value) -> Value:
    larger, lost = _larger_and_distance(x, y)
    return larger + log1p(exp2(lost)) * (1 / LN2)


def _larger_and_distance(x: Value, y: Value) -> tuple[Value, Value]:
    """The larger, and how far below it the other is; 0 for equal ones, infinite ones too."""
    above = choose(x > y, x, y)
    larger = choose(x.is_nan(), x, above)
    return larger, choose(x.equals(y), x.like(0.0), -(x - y).abs())


@lowers(p.hypot)
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
