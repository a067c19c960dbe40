"""Bessel and Airy functions as expressions of the arithmetic primitives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..declaration import derivative, expanded
from ..expression import Expression
from ..primitive import (
    absolute,
    cos,
    equal,
    exp,
    isnan,
    log,
    reciprocal,
    sign,
    sin,
    sqrt,
    square,
    where,
)
from . import bessel_coefficient as c
from .special import ROOT_PI, between, chebyshev

# --------------------------------------------------------------------- modified Bessel functions


def _bessel_i(x: Expression, large: Sequence[float], near: Callable) -> Expression:
    """exp(-|x|) I(|x|): `near` up to 8 and a series in 1 / x beyond."""
    size = absolute(x)
    big = where(size < 8, 8.0, size)
    far = chebyshev(16.0 / big - 1, large) / sqrt(big)
    return where(size <= 8, near(size, between(size, 0.0, 8.0)), far)


@expanded(many_steps=True)
def i0e(x: Expression) -> Expression:
    return _bessel_i(x, c.I0_LARGE, lambda x, t: chebyshev(t, c.I0_SMALL))


@expanded(many_steps=True)
def i1e(x: Expression) -> Expression:
    # What the series is divided by keeps it from falling to a thirtieth, with the same rounding errors.
    near = lambda x, t: chebyshev(t, c.I1_SMALL) * (x / (1 + x * (1 + x * 0.125)))  # noqa: E731
    value = _bessel_i(x, c.I1_LARGE, near)
    return where(x < 0, -value, value)


@expanded(many_steps=True)
def i0(x: Expression) -> Expression:
    return exp(absolute(x)) * i0e(x)


@expanded(many_steps=True)
def i1(x: Expression) -> Expression:
    return exp(absolute(x)) * i1e(x)


def _over(value: Expression, x: Expression) -> Expression:
    """value / x for an odd function with slope 1/2 at 0."""
    near = absolute(x) < 1e-30
    return where(near, 0.5, value / where(near, 1.0, x))


derivative(i0)(lambda g, out, x: (g * i1(x),))
derivative(i0e)(lambda g, out, x: (g * (i1e(x) - sign(x) * out),))
derivative(i1)(lambda g, out, x: (g * (i0(x) - _over(out, x)),))
derivative(i1e)(lambda g, out, x: (g * (i0e(x) - _over(out, x) - sign(x) * out),))


# ------------------------------------------------- Bessel functions as plain compositions


def _oscillating(x: Expression, order: int, second: bool) -> Expression:
    """J (or Y, the second kind) of order 0 or 1 for x >= 8, from its modulus and phase."""
    inverse = 8.0 / x
    t = square(inverse) * 2 - 1
    even, odd = ((c.P0, c.Q0), (c.P1, c.Q1))[order]
    even, odd = chebyshev(t, even), inverse * chebyshev(t, odd)
    phase = x - (2 * order + 1) * math.pi / 4
    wave = even * sin(phase) + odd * cos(phase) if second else even * cos(phase) - odd * sin(phase)
    return wave * sqrt(inverse * (1 / (4 * math.pi)))


def bessel_j(x: Expression, order: int) -> Expression:
    """J of order 0 or 1."""
    size = absolute(x)
    near = chebyshev(between(square(size), 0.0, 64.0), (c.J0_SMALL, c.J1_SMALL)[order])
    far = _oscillating(where(size < 8, 8.0, size), order, False)
    return where(size < 8, near * x, far * sign(x)) if order else where(size < 8, near, far)


def bessel_y(x: Expression, order: int) -> Expression:
    """Y of order 0 or 1: -inf at 0 and nan below."""
    series = chebyshev(between(square(x), 0.0, 64.0), (c.Y0_SMALL, c.Y1_SMALL)[order])
    singular = log(x) * bessel_j(x, order)
    near = (
        series * x + (singular - reciprocal(x)) * (2 / math.pi)
        if order
        else (series + singular * (2 / math.pi))
    )
    far = _oscillating(where(x < 8, 8.0, x), order, True)
    return where(equal(x, 0), -math.inf, where(x < 0, math.nan, where(x < 8, near, far)))


def bessel_k(x: Expression, order: int, scaled: bool) -> Expression:
    """K of order 0 or 1, times exp(x) if `scaled`: inf at 0 and nan below."""
    series = chebyshev(between(square(x), 0.0, 4.0), (c.K0_SMALL, c.K1_SMALL)[order])
    singular = log(x * 0.5)
    near = series * x + singular * i1(x) + reciprocal(x) if order else series - singular * i0(x)
    near = near * exp(x) if scaled else near
    big = where(x < 2, 2.0, x)
    far = chebyshev(4.0 / big - 1, (c.K0_LARGE, c.K1_LARGE)[order]) / sqrt(big)
    far = far if scaled else far * exp(-big)
    return where(equal(x, 0), math.inf, where(x < 0, math.nan, where(x <= 2, near, far)))


def airy_ai(x: Expression) -> Expression:
    """The Airy function Ai."""
    middle = chebyshev(between(x, -5.0, 2.0), c.AIRY_MIDDLE)
    right = where(x > 2, x, 2.0)
    z = right * sqrt(right) * (2 / 3)
    far = exp(-z) / (2 * ROOT_PI * sqrt(sqrt(right)))
    far = far * chebyshev(_fraction(reciprocal(z), Z_OF_2), c.AIRY_RIGHT)
    left = where(x < -5, -x, 5.0)
    z = left * sqrt(left) * (2 / 3)
    t = _fraction(square(reciprocal(z)), Z_OF_5**2)
    even, odd = chebyshev(t, c.AIRY_P), chebyshev(t, c.AIRY_Q) / z
    turned = z + math.pi / 4
    wave = (even * sin(turned) - odd * cos(turned)) / (ROOT_PI * sqrt(sqrt(left)))
    value = where(x > 2, where(x > 103.892, 0.0, far), where(x < -5, wave, middle))
    return where(isnan(x), x, where(equal(x, -math.inf), math.nan, value))


Z_OF_2, Z_OF_5 = 2 / 3 * 2**1.5, 2 / 3 * 5**1.5


def _fraction(x: Expression, scale: float) -> Expression:
    """x in [0, 1 / scale] as t in [-1, 1]."""
    return x * (2 * scale) - 1
