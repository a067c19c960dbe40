"""Bessel and Airy functions as expressions of the arithmetic primitives."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ..declaration import derivative, expanded
from ..differentiate import by_expansion
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

SHIFT = 10.0
"""Beyond 8, I is computed as exp(x - SHIFT) times a series whose coefficients know of it: exp(x) ends before I does."""


def _grown(coefficients: Sequence[float]) -> list[float]:
    return [coefficient * math.exp(SHIFT) for coefficient in coefficients]


I0_GROWN, I1_GROWN = _grown(c.I0_LARGE), _grown(c.I1_LARGE)


def _bessel_i(x: Expression, large: Sequence[float], near: Callable) -> Expression:
    """exp(-|x|) I(|x|): `near` up to 8 and a series in 1 / x beyond."""
    size = absolute(x)
    big = where(size < 8, 8.0, size)
    far = chebyshev(16.0 / big - 1, large) / sqrt(big)
    return where(size <= 8, near(size, between(size, 0.0, 8.0)), far)


def _near_0(x: Expression, t: Expression) -> Expression:
    return chebyshev(t, c.I0_SMALL)


def _near_1_over(x: Expression, t: Expression) -> Expression:
    # What the series is divided by keeps it from falling to a thirtieth, with the same rounding errors.
    return chebyshev(t, c.I1_SMALL) / (1 + x * (1 + x * 0.125))


def _near_1(x: Expression, t: Expression) -> Expression:
    return chebyshev(t, c.I1_SMALL) * (x / (1 + x * (1 + x * 0.125)))


def _over_x(x: Expression, large: Sequence[float]) -> Expression:
    """exp(-|x|) I1(x) / x, which is 1/2 at 0."""
    size = absolute(x)
    big = where(size < 8, 8.0, size)
    far = chebyshev(16.0 / big - 1, large) / (sqrt(big) * big)
    return where(size <= 8, _near_1_over(size, between(size, 0.0, 8.0)), far)


def _unscaled(x: Expression, scaled: Expression) -> Expression:
    """The function whose scaled one this is, with its coefficients grown."""
    size = absolute(x)
    return exp(size - where(size <= 8, 0.0, SHIFT)) * scaled


@expanded(many_steps=True)
def i0e(x: Expression) -> Expression:
    return _bessel_i(x, c.I0_LARGE, _near_0)


@expanded(many_steps=True)
def i1e(x: Expression) -> Expression:
    value = _bessel_i(x, c.I1_LARGE, _near_1)
    return where(x < 0, -value, value)


@expanded(many_steps=True)
def i0(x: Expression) -> Expression:
    return _unscaled(x, _bessel_i(x, I0_GROWN, _near_0))


@expanded(many_steps=True)
def i1(x: Expression) -> Expression:
    value = _unscaled(x, _bessel_i(x, I1_GROWN, _near_1))
    return where(x < 0, -value, value)


@expanded(many_steps=True, derivative=by_expansion)
def i1_slope(x: Expression) -> Expression:
    """I0(x) - I1(x) / x, where neither may be a number any more."""
    return _unscaled(x, _bessel_i(x, I0_GROWN, _near_0) - _over_x(x, I1_GROWN))


@expanded(many_steps=True, derivative=by_expansion)
def i1e_slope(x: Expression) -> Expression:
    return i0e(x) - _over_x(x, c.I1_LARGE) - sign(x) * i1e(x)


derivative(i0)(lambda g, out, x: (g * i1(x),))
derivative(i0e)(lambda g, out, x: (g * (i1e(x) - sign(x) * out),))
derivative(i1)(lambda g, out, x: (g * i1_slope(x),))
derivative(i1e)(lambda g, out, x: (g * i1e_slope(x),))


# --------------------------------------------------------------------------- Bessel functions

_composed = expanded(many_steps=True, derivative=by_expansion)


def _oscillating(x: Expression, order: int, second: bool) -> Expression:
    """J (or Y, the second kind) of order 0 or 1 for x >= 8, from its modulus and phase.

    The phase is x less an odd multiple of pi / 4; of that sum's rounding error a large x has much, so sine and
    cosine are those of x.
    """
    inverse = 8.0 / x
    t = square(inverse) * 2 - 1
    even, odd = ((c.P0, c.Q0), (c.P1, c.Q1))[order]
    even, odd = chebyshev(t, even), inverse * chebyshev(t, odd)
    plus, minus = sin(x) + cos(x), sin(x) - cos(x)
    cosine, sine = (minus, -plus) if order else (plus, minus)
    wave = even * sine + odd * cosine if second else even * cosine - odd * sine
    return wave * sqrt(inverse * (1 / (8 * math.pi)))


def _bessel_j(x: Expression, order: int) -> Expression:
    """J of order 0 or 1."""
    size = absolute(x)
    near = chebyshev(between(square(size), 0.0, 64.0), (c.J0_SMALL, c.J1_SMALL)[order])
    far = _oscillating(where(size < 8, 8.0, size), order, False)
    return where(size < 8, near * x, far * sign(x)) if order else where(size < 8, near, far)


def _bessel_y(x: Expression, order: int) -> Expression:
    """Y of order 0 or 1: -inf at 0 and nan below."""
    small = where(x < 8, x, 8.0)
    series = chebyshev(between(square(small), 0.0, 64.0), (c.Y0_SMALL, c.Y1_SMALL)[order])
    singular = log(small) * _bessel_j(small, order)
    near = (
        series * small + (singular - reciprocal(small)) * (2 / math.pi)
        if order
        else (series + singular * (2 / math.pi))
    )
    far = _oscillating(where(x < 8, 8.0, x), order, True)
    return where(equal(x, 0), -math.inf, where(x < 0, math.nan, where(x < 8, near, far)))


def _bessel_k(x: Expression, order: int, scaled: bool) -> Expression:
    """K of order 0 or 1, times exp(x) if `scaled`: inf at 0 and nan below."""
    small, big = where(x < 2, x, 2.0), where(x < 2, 2.0, x)
    series = chebyshev(between(square(small), 0.0, 4.0), (c.K0_SMALL, c.K1_SMALL)[order])
    singular = log(small) - math.log(2)
    near = (
        series * small + singular * i1(small) + reciprocal(small)
        if order
        else series - singular * i0(small)
    )
    near = near * exp(small) if scaled else near
    far = chebyshev(4.0 / big - 1, (c.K0_LARGE, c.K1_LARGE)[order]) / sqrt(big)
    far = far if scaled else far * exp(-big)
    return where(equal(x, 0), math.inf, where(x < 0, math.nan, where(x <= 2, near, far)))


@_composed
def bessel_j0(x: Expression) -> Expression:
    return _bessel_j(x, 0)


@_composed
def bessel_j1(x: Expression) -> Expression:
    return _bessel_j(x, 1)


@_composed
def bessel_y0(x: Expression) -> Expression:
    return _bessel_y(x, 0)


@_composed
def bessel_y1(x: Expression) -> Expression:
    return _bessel_y(x, 1)


@_composed
def bessel_k0(x: Expression) -> Expression:
    return _bessel_k(x, 0, False)


@_composed
def bessel_k1(x: Expression) -> Expression:
    return _bessel_k(x, 1, False)


@_composed
def bessel_k0e(x: Expression) -> Expression:
    return _bessel_k(x, 0, True)


@_composed
def bessel_k1e(x: Expression) -> Expression:
    return _bessel_k(x, 1, True)


@_composed
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
