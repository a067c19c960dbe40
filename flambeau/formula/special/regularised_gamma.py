"""The incomplete gamma functions as expressions, for kernels: what `incomplete_gamma` says of arrays.

For float64 alone, in which kernels compute them whatever the dtype.
"""

from __future__ import annotations

import math

from ..declaration import derivative, primitive
from ..expression import Expression, constant
from ..primitive import (
    absolute,
    equal,
    exp,
    expm1,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    no_derivative,
    sign,
    sqrt,
    square,
    where,
)
from . import coefficient as c
from . import incomplete_gamma
from .special import _log_gamma_right, chebyshev, erfc, estrin

gamma_series = primitive("gamma_series", incomplete_gamma.series)
gamma_fraction = primitive("gamma_fraction", incomplete_gamma.fraction)
derivative(gamma_series, gamma_fraction)(
    lambda g, out, a, x: (no_derivative(out.primitive.name),) * 2
)


def lower(a: Expression, x: Expression) -> Expression:
    """The regularised lower incomplete gamma function."""
    return _regularised(a, x, False)


def upper(a: Expression, x: Expression) -> Expression:
    """1 - lower, exact for large x."""
    return _regularised(a, x, True)


def _regularised(a: Expression, x: Expression, above: bool) -> Expression:
    finite = logical_and(a < math.inf, x < math.inf)
    usual = logical_and(logical_and(a > 0, x > 0), finite)
    large = logical_and(usual, a >= incomplete_gamma.LARGE)
    counted = logical_and(usual, logical_not(large))
    # Elsewhere numbers with which the loops end at once.
    b, y = where(counted, a, 1.0), where(counted, x, 1e-3)
    is_near = y <= b + 1
    near = gamma_series(where(is_near, b, 1.0), where(is_near, y, 1e-3))
    far = gamma_fraction(where(is_near, 1.0, b), where(is_near, 3.0, y)) * b
    part = where(is_near, near, far) * _scale(b, y)
    if above:
        part = where(is_near, 1 - part, part)
        small = logical_and(logical_and(is_near, y <= 1), b < 0.5)
        part = where(small, _rest(where(small, b, 0.25), where(small, y, 0.5)), part)
    else:
        part = where(is_near, part, 1 - part)
    value = where(large, _about(where(large, a, 1e8), where(large, x, 1e8), above), part)
    return where(usual, value, _at_ends(a, x, above))


def _at_ends(a: Expression, x: Expression, above: bool) -> Expression:
    """Where one of them is 0, infinite, negative or not a number, as PyTorch has it."""
    none, all_ = (1.0, 0.0) if above else (0.0, 1.0)
    a_ends, x_ends = equal(a, math.inf), equal(x, math.inf)
    value = where(a_ends, none, where(x_ends, all_, math.nan))
    value = where(equal(x, 0), none, where(equal(a, 0), all_, value))
    wrong = logical_or(logical_or(x < 0, a < 0), logical_and(a_ends, x_ends))
    wrong = logical_or(wrong, logical_and(equal(a, 0), logical_not(x > 0)))
    return where(wrong, math.nan, value)


def _about(a: Expression, x: Expression, above: bool) -> Expression:
    """The normal distribution's tail, with the first two terms of the difference."""
    u = (x - a) / a
    distance = _distance(u)
    eta = sign(u) * sqrt(2 * distance)
    small = absolute(u) < 1e-3
    safe, far = where(small, 1.0, u), where(small, 1.0, eta)
    first = where(small, eta / 12 - 1 / 3 - square(eta) * (2 / 135), 1 / safe - 1 / far)
    second = 1 / (square(far) * far) - 1 / (square(safe) * safe)
    second = where(small, -1 / 540, second - 1 / square(safe) - 1 / (12 * safe))
    rest = exp(-a * distance) / sqrt(2 * math.pi * a) * (first + second / a)
    root = eta * sqrt(a / 2)
    return 0.5 * erfc(root) + rest if above else 0.5 * erfc(-root) - rest


def _rest(a: Expression, x: Expression) -> Expression:
    """1 - lower for a small a, of which next to nothing is left: 1 - x^a / gamma(a + 1), less a series."""
    power = a * log(x) - chebyshev(2 * a - 1, c.LGAMMA) * a * (a - 1)
    term, total = constant(1.0), constant(0.0)
    for k in range(1, 25):
        term = term * x * (-1 / k)
        total = total + term / (a + k)
    return -expm1(power) - a * exp(power) * total


def _scale(a: Expression, x: Expression) -> Expression:
    """x^a exp(-x) / gamma(a + 1)."""
    is_large = a > 10
    big = where(is_large, a, 10.0)
    distance = _distance(where(is_large, (x - a) / a, 0.0))
    stirling = estrin(1 / square(big), c.STIRLING) / big
    large = exp(-big * distance - stirling) / sqrt(2 * math.pi * big)
    low, at = where(is_large, 1.0, a), where(is_large, 1.0, x)
    return where(is_large, large, exp(low * log(at) - at - _log_gamma_right(low + 1)))


def _distance(u: Expression) -> Expression:
    """u - log(1 + u), whose difference would cancel."""
    small = absolute(u) < 0.1
    near = where(small, u, 0.0)
    series = estrin(near, [(-1.0) ** k / k for k in range(2, 21)])
    return where(small, series * square(near), u - log1p(u))
