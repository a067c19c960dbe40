"""Special functions as expressions of the arithmetic primitives, with derivatives of their own.

The series come from `coefficient`; the errors stay within a few units of 1e-16 of the value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

from ..declaration import derivative, expanded, primitive
from ..differentiate import by_expansion
from ..expression import Expression, constant
from ..primitive import (
    absolute,
    cos,
    equal,
    exp,
    floor,
    isnan,
    log,
    log1p,
    logical_and,
    logical_or,
    no_derivative,
    reciprocal,
    rint,
    sign,
    sin,
    sqrt,
    square,
    tan,
    where,
)
from . import coefficient as c
from . import incomplete_gamma

ROOT_PI, ROOT_2, ROOT_2PI = math.sqrt(math.pi), math.sqrt(2), math.sqrt(2 * math.pi)


@expanded
def fused(x: Expression, y: Expression, z: Expression) -> Expression:
    """x * y + z, rounded once where the processor can: the steps of series, which wait for each other."""
    return x * y + z


derivative(fused)(lambda g, out, x, y, z: (g * y, g * x, g))


def horner(x: Expression, coefficients: Sequence[float]) -> Expression:
    """The polynomial with these coefficients, the constant first."""
    value: object = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        value = fused(value, x, coefficient)
    return value  # type: ignore[return-value]


def estrin(x: Expression, coefficients: Sequence[float]) -> Expression:
    """`horner` by halves: few steps wait for each other. For an x whose powers stay finite."""
    values: list[Any] = list(coefficients)
    power: Any = x
    while len(values) > 1:
        pairs = [fused(power, b, a) for a, b in pairwise(values)][::2]
        values = [*pairs, *values[len(values) & ~1 :]]
        power = square(power)
    return values[0]


def chebyshev(t: Expression, coefficients: Sequence[float]) -> Expression:
    """The Chebyshev series at t in [-1, 1]: from powers of t where they do not cancel, else by Clenshaw's recurrence."""
    powers = _powers(tuple(coefficients))
    if sum(map(abs, powers)) < 1.5 * sum(map(abs, coefficients)):
        return fused(t, fused(t, estrin(t, powers[2:]), powers[1]), powers[0])
    after: Any = 0.0
    value: Any = coefficients[-1]
    double = t * 2
    for coefficient in reversed(coefficients[1:-1]):
        after, value = value, fused(double, value, coefficient - after)
    return fused(t, value, coefficients[0] - after)


@cache
def _powers(coefficients: tuple[float, ...]) -> tuple[float, ...]:
    """The Chebyshev series' coefficients of 1, t, t^2, ..., each rounded once."""
    total = [Fraction(0)] * len(coefficients)
    before, now = [0], [1]  # the polynomials T(n - 1) and T(n); T(-1) = T(1)
    for n, coefficient in enumerate(map(Fraction, coefficients)):
        for k, factor in enumerate(now):
            total[k] += factor * coefficient
        double = [0, *(factor * (2 if n else 1) for factor in now)]
        for k, factor in enumerate(before):
            double[k] -= factor
        before, now = now, double
    return tuple(map(float, total))


def between(x: Expression, low: float, high: float) -> Expression:
    """x in [low, high] as t in [-1, 1]; further out the ends, so that unused branches stay finite."""
    inside = where(x < low, low, where(x > high, high, x))
    return (inside - (low + high) / 2) * (2 / (high - low))


def _scaled_tail(x: Expression) -> Expression:
    """exp(x^2) erfc(x) for x >= 0: the series after Shepherd and Laframboise (1981)."""
    t = where(x > 1e30, 1.0, (x - 4) / (x + 4))
    return chebyshev(t, c.ERFCX) / (1 + x * 2)


def _split(x: Expression) -> tuple[Expression, Expression]:
    """(h, d): x = h + d, cut off at 40, where exp(-x^2) is 0; h^2 is exact."""
    x = where(x > 40, 40.0, where(x < -40, -40.0, x))
    head = rint(x * 16) / 16
    return head, x - head


@expanded(derivative=by_expansion)
def gauss(x: Expression) -> Expression:
    """exp(-x^2) with the rounding error of x^2 compensated."""
    head, rest = _split(x)
    return exp(-square(head)) * exp(-rest * (head + head + rest))


@expanded(derivative=by_expansion)
def half_gauss(x: Expression) -> Expression:
    """exp(-x^2 / 2) with the rounding error of x^2 compensated."""
    head, rest = _split(x)
    return exp(square(head) * -0.5) * exp(rest * (head + head + rest) * -0.5)


def _erf_near(x: Expression) -> Expression:
    """erf up to 1."""
    z = square(x)
    return fused(x, estrin(where(z > 1, 1.0, z), c.ERF_NEAR), x)


@expanded(costly=True)
def erf(x: Expression) -> Expression:
    size = absolute(x)
    beyond = where(size < 1, 1.0, where(size > 6, 6.0, size)) - 1
    far = sign(x) * (1 - exp(-estrin(beyond, c.ERF_FAR)))
    return where(size < 1, _erf_near(x), far)


@expanded(many_steps=True)
def erfc(x: Expression) -> Expression:
    size = absolute(x)
    tail = gauss(size) * _scaled_tail(size)
    return where(size < 0.5, 1 - _erf_near(x), where(x < 0, 2 - tail, tail))


@expanded(many_steps=True)
def erfcx(x: Expression) -> Expression:
    size = absolute(x)
    near = where(x < -30, -30.0, x)
    head = rint(near * 16) / 16
    inverse = exp(square(head)) * exp((near - head) * (near + head))
    return where(x < 0, 2 * inverse - _scaled_tail(size), _scaled_tail(size))


def _bell(x: Expression) -> Expression:
    """exp(-x^2), whose slopes are 0 where x^2 is infinite, and not infinity times 0."""
    return exp(-square(where(x > 40, 40.0, where(x < -40, -40.0, x))))


derivative(erf)(lambda g, out, x: (g * (2 / ROOT_PI) * _bell(x),))
derivative(erfc)(lambda g, out, x: (g * (-2 / ROOT_PI) * _bell(x),))
derivative(erfcx)(lambda g, out, x: (g * (2 * x * out - 2 / ROOT_PI),))


# ------------------------------------------------------------------ the normal distribution


@expanded
def ndtr(x: Expression) -> Expression:
    size, t = absolute(x), x * (1 / ROOT_2)
    tail = half_gauss(size) * _scaled_tail(size * (1 / ROOT_2)) * 0.5
    return where(size < 0.7, 0.5 + _erf_near(t) * 0.5, where(x < 0, tail, 1 - tail))


@expanded
def gate(x: Expression) -> Expression:
    """`ndtr` where it is a factor: what is less than 1e-9 does not count."""
    return ndtr(x)


@expanded(many_steps=True)
def log_ndtr(x: Expression) -> Expression:
    below = where(x < -1, x, -1.0)
    far = log(_scaled_tail(below * (-1 / ROOT_2)) / 2) - square(below) * 0.5
    return where(x < -1, far, log1p(-ndtr(-x)))


def _quantile(q: Expression, tail: Expression) -> Expression:
    """The normal quantile of 0.5 + q, where tail = 0.5 - |q|: algorithm AS 241 (Wichura, 1988)."""
    central = absolute(q) <= 0.425
    r = 0.180625 - square(where(central, q, 0.0))
    depth = sqrt(-log(where(tail > 0, where(tail > 0.1, 0.1, tail), 0.1)))
    near, far = where(depth > 5, 5.0, depth) - 1.6, where(depth < 5, 5.0, depth) - 5
    # Which quotient it is, is chosen before the one division.
    above = where(depth <= 5, estrin(near, c.QUANTILE_C), estrin(far, c.QUANTILE_E))
    below = where(depth <= 5, estrin(near, c.QUANTILE_D), estrin(far, c.QUANTILE_F))
    above = where(central, q * estrin(r, c.QUANTILE_A), above)
    value = above / where(central, estrin(r, c.QUANTILE_B), below)
    outer = where(equal(tail, 0), math.inf, where(tail < 0, math.nan, value))
    return where(isnan(q), q, where(central, value, sign(q) * outer))


@expanded(many_steps=True)
def ndtri(x: Expression) -> Expression:
    return _quantile(x - 0.5, where(x < 0.5, x, 1 - x))


@expanded(many_steps=True)
def erfinv(x: Expression) -> Expression:
    """Polynomials in w = -log(1 - x^2) and in its square root, after Giles (2010)."""
    size = absolute(x)
    rest = (1 - size) * (1 + size)
    w = -log(where(rest > 0, rest, 0.5))
    near = chebyshev(between(w, 0.0, 6.25), c.ERFINV_NEAR)
    far = chebyshev(between(sqrt(where(w < 6.25, 6.25, w)), 2.5, 6.1), c.ERFINV_FAR)
    value = x * where(w < 6.25, near, far)
    return where(rest > 0, value, where(equal(size, 1), x * math.inf, math.nan))


derivative(ndtr, gate)(lambda g, out, x: (g * _bell(x * (1 / ROOT_2)) * (1 / ROOT_2PI),))
derivative(log_ndtr)(lambda g, out, x: (g * (math.sqrt(2 / math.pi)) / erfcx(x * (-1 / ROOT_2)),))
derivative(ndtri)(lambda g, out, x: (g * ROOT_2PI * exp(square(out) * 0.5),))
derivative(erfinv)(lambda g, out, x: (g * (ROOT_PI / 2) * exp(square(out)),))


# -------------------------------------------------------------------------- the gamma function


def _sine_pi(x: Expression) -> Expression:
    """sin(pi x), up to sign, without the rounding error of pi x."""
    return sin((x - rint(x)) * math.pi)


def _cotangent_pi(x: Expression) -> Expression:
    """cot(pi x), exact near its zeros too."""
    turn = x - rint(x)
    size = absolute(turn)
    steep = size < 0.25
    near = 1 / tan(where(steep, turn, 0.25) * math.pi)
    return where(steep, near, sign(turn) * tan((0.5 - size) * math.pi))


def _log_gamma_right(x: Expression) -> Expression:
    """log gamma for x >= 0.5: down to [1, 2] by recurrence, Stirling's series from 8 on."""
    y = where(x < 8, x, 1.5)
    below = y < 1
    # What y is away from 1 and 2, where log gamma is zero: exact, which y + 1 is not.
    first, second = where(below, y, y - 1), where(below, y - 1, y - 2)
    product = where(below, y, 1.0)
    for _ in range(6):
        high = second > 0
        product = where(high, product * first, product)
        first, second = where(high, second, first), where(high, second - 1, second)
    small = chebyshev(first * 2 - 1, c.LGAMMA) * first * second + where(
        below, -log(product), log(product)
    )
    big = where(x < 8, 8.0, x)
    inverse = reciprocal(big)
    stirling = (
        (big - 0.5) * (log(big) - 1)
        + (0.5 * math.log(2 * math.pi) - 0.5)
        + inverse * estrin(square(inverse), c.STIRLING)
    )
    return where(x < 8, small, where(equal(x, math.inf), math.inf, stirling))


@expanded(many_steps=True)
def lgamma(x: Expression) -> Expression:
    left, size = x < 0.5, absolute(x)
    right = _log_gamma_right(where(left, 1 - x, x))
    sine = absolute(_sine_pi(x))
    reflected = math.log(math.pi) - log(sine) - right
    reflected = where(size < 1e-30, -log(size), reflected)  # a subnormal number times pi is rounded
    pole = logical_or(equal(size, math.inf), equal(sine, 0))
    return where(logical_and(left, pole), math.inf, where(left, reflected, right))


def _digamma_right(x: Expression) -> Expression:
    """digamma for x >= 0: near its zero from [1, 2], which recurrence comes down or up to; from 10 on a series."""
    low = x < 1
    y, total = where(low, x + 1, where(x < 10, x, 1.5)), where(low, -reciprocal(x), 0.0)
    for _ in range(8):
        high = y >= 2
        y = where(high, y - 1, y)
        total = where(high, total + reciprocal(y), total)
    root, rest = c.DIGAMMA_ROOT
    small = total + ((y - root) - rest) * chebyshev(y * 2 - 3, c.DIGAMMA_NEAR)
    big = where(x < 10, 10.0, x)
    inverse = reciprocal(square(big))
    series = log(big) - 0.5 / big - inverse * estrin(inverse, c.DIGAMMA)
    return where(x < 10, small, series)


@expanded(many_steps=True)
def digamma(x: Expression) -> Expression:
    left = x < 0
    right = _digamma_right(where(left, 1 - x, x))
    reflected = right - math.pi * _cotangent_pi(x)
    pole = logical_and(left, equal(x, floor(x)))
    return where(pole, math.nan, where(left, reflected, right))


def hurwitz(s: int, x: Expression, steps: int) -> Expression:
    """The sum of (x + k)^-s over k = 0, 1, ...: `steps` terms, then Euler and Maclaurin's formula."""
    total: Expression = constant(0.0)
    for k in range(steps):
        total = total + (x + float(k)) ** -s
    y = x + float(steps)
    tail = y ** (1 - s) / (s - 1) + y**-s * 0.5
    factor, term = float(s), y ** (-s - 1)
    for i, bernoulli in enumerate(c.BERNOULLI):
        tail = tail + term * (factor * bernoulli / math.factorial(2 * i + 2))
        factor *= (s + 2 * i + 1) * (s + 2 * i + 2)
        term = term / square(y)
    return total + tail


@expanded
def polygamma(n: Expression, x: Expression) -> Expression:
    """The derivative of order n of digamma, for a constant n."""
    order = int(n.value)  # type: ignore[call-overload]
    if order == 0:
        return digamma(x)
    if order == 1:
        left = x < 0.5
        right = hurwitz(2, where(left, 1 - x, x), 9)
        return where(left, (math.pi / _sine_pi(x)) * (math.pi / _sine_pi(x)) - right, right)
    left = x < 0.5
    right = hurwitz(order + 1, where(left, 1 - x, x), 9 + order)
    right = right * float((-1) ** (order + 1) * math.factorial(order))
    pole = _cotangent_slope(x, order)
    return where(left, (right if order % 2 == 0 else -right) - pole, right)


def _cotangent_slope(x: Expression, order: int) -> Expression:
    """The derivative of that order of pi cot(pi x), a polynomial in the cotangent."""
    polynomial = [0, 1]
    for _ in range(order):  # the cotangent's own derivative is -pi (1 + cot^2)
        slope = [k * a for k, a in enumerate(polynomial)][1:]
        polynomial = [-a for a in slope] + [0, 0]
        for k, a in enumerate(slope):
            polynomial[k + 2] -= a
    return horner(_cotangent_pi(x), [float(a) for a in polynomial]) * math.pi ** (order + 1)


derivative(lgamma)(lambda g, out, x: (g * digamma(x),))
derivative(digamma)(lambda g, out, x: (g * polygamma(1, x),))
derivative(polygamma)(lambda g, out, n, x: (None, g * polygamma(int(n.value) + 1, x)))


# ----------------------------------------------------------------------------- sin(x) / x


@expanded(slope=lambda out, x: sine_ratio_slope(x))
def sine_ratio(x: Expression) -> Expression:
    """sin(x) / x, and 1 at 0."""
    zero = equal(x, 0)
    return where(zero, 1.0, sin(x) / where(zero, 1.0, x))


@expanded(derivative=by_expansion)
def sine_ratio_slope(x: Expression) -> Expression:
    """(cos(x) - sin(x) / x) / x, near 0 by its series: the difference would cancel."""
    near = absolute(x) < 0.5
    z = square(where(near, x, 0.0))
    series = where(near, x, 0.0) * horner(z, SINE_RATIO_SLOPE)
    far = where(near, 1.0, x)
    return where(near, series, (cos(far) - sin(far) / far) / far)


SINE_RATIO_SLOPE = [(-1.0) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 9)]


# ------------------------------------------------------------------ incomplete gamma functions

igamma = primitive("igamma", incomplete_gamma.lower)
igammac = primitive("igammac", incomplete_gamma.upper)


def _density(a: Expression, x: Expression) -> Expression:
    return exp((a - 1) * log(x) - x - lgamma(a))


derivative(igamma)(lambda g, out, a, x: (no_derivative("igamma"), g * _density(a, x)))
derivative(igammac)(lambda g, out, a, x: (no_derivative("igammac"), -g * _density(a, x)))
