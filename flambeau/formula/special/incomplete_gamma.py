"""The incomplete gamma functions: a series or a continued fraction whose length is data, and for large first
arguments Temme's expansion (1979), which needs none.

Computed in float64 whatever the dtype: the continued fraction collects rounding errors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..dimensions import broadcast_arrays, select
from .coefficient import LGAMMA, STIRLING

EPSILON = np.finfo(np.float64).eps
LARGE = 1e7
"""From this first argument on the expansion is exact to the last digits."""
LONGEST = 100_000
"""Terms of series and fraction: about six times the root of the first argument."""


def lower(a: Any, x: Any, out: Any = None) -> Any:
    """The regularised lower incomplete gamma function."""
    return _regularised(a, x, False)


def upper(a: Any, x: Any, out: Any = None) -> Any:
    """1 - lower, exact for large x."""
    return _regularised(a, x, True)


def _regularised(a: Any, x: Any, above: bool) -> Any:
    dtype = np.result_type(a, x)
    a, x = broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    usual = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    large = usual & (a >= LARGE)
    near, far = usual & ~large & (x <= a + 1), usual & ~large & (x > a + 1)
    value = select(
        [(x < 0) | (a < 0), (a == 0) & ~(x > 0), np.isinf(a) & np.isinf(x), x == 0, a == 0],
        [np.nan, np.nan, np.nan, 0.0, 1.0],
        np.where(np.isinf(a), 0.0, np.where(np.isinf(x), 1.0, np.nan)),
    )
    value = np.asarray(1 - value if above else value)
    value[near] = _below(a[near], x[near], above)
    value[far] = _beyond(a[far], x[far], above)
    value[large] = _about(a[large], x[large], above)
    small = near & (x <= 1) & (a < 0.5)
    if above:
        value[small] = _rest(a[small], x[small])
    return value.astype(dtype)


def _about(a: Any, x: Any, above: bool) -> Any:
    """The normal distribution's tail, with the first two terms of the difference."""
    u = (x - a) / a
    distance = _distance(u)
    eta = np.copysign(np.sqrt(2 * distance), u)
    small = np.abs(u) < 1e-3
    safe, far = np.where(small, 1.0, u), np.where(small, 1.0, eta)
    first = np.where(small, -1 / 3 + eta / 12 - 2 * eta**2 / 135, 1 / safe - 1 / far)
    second = np.where(small, -1 / 540, 1 / far**3 - 1 / safe**3 - 1 / safe**2 - 1 / (12 * safe))
    rest = np.exp(-a * distance) / np.sqrt(2 * math.pi * a) * (first + second / a)
    root = eta * np.sqrt(a / 2)
    tail = np.array([math.erfc(v) for v in (root if above else -root)]).reshape(np.shape(a))
    return 0.5 * tail + (rest if above else -rest)


def _rest(a: Any, x: Any) -> Any:
    """1 - lower for a small a, of which next to nothing is left: 1 - x^a / gamma(a + 1), less a series."""
    log_gamma = np.polynomial.chebyshev.chebval(2 * a - 1, LGAMMA) * a * (a - 1)  # of a + 1
    power = a * np.log(x) - log_gamma
    term, total = np.ones_like(a), np.zeros_like(a)
    for k in range(1, 25):
        term = -term * x / k
        total = total + term / (a + k)
    return -np.expm1(power) - a * np.exp(power) * total


def _below(a: Any, x: Any, above: bool) -> Any:
    """For x <= a + 1."""
    value = series(a, x) * _scale(a, x)
    return 1 - value if above else value


def series(a: Any, x: Any, out: Any = None) -> Any:
    """The sum of x^k / ((a + 1) ... (a + k)) over k = 0, 1, ..."""
    term = np.ones_like(a)
    total = term.copy()
    for k in range(1, LONGEST):
        term = term * (x / (a + k))
        total += term
        if not (term > EPSILON / 8 * total).any():
            break
    return total


def _beyond(a: Any, x: Any, above: bool) -> Any:
    """For x > a + 1."""
    value = fraction(a, x) * a * _scale(a, x)
    return value if above else 1 - value


def fraction(a: Any, x: Any, out: Any = None) -> Any:
    """Legendre's continued fraction 1 / (x + 1 - a - ...)."""
    b = x + 1 - a
    c, d = np.full_like(b, 1e300), 1 / b
    total = d.copy()
    for k in range(1, LONGEST):
        factor, b = k * (a - k), b + 2
        d, c = 1 / (factor * d + b), b + factor / c
        total *= d * c
        if not (np.abs(d * c - 1) > 2 * EPSILON).any():
            break
    return total


def _scale(a: Any, x: Any) -> Any:
    """x^a exp(-x) / gamma(a + 1)."""
    distance = _distance((x - a) / a)
    big = np.where(a > 10, a, 10.0)
    stirling = np.zeros_like(a)
    for coefficient in reversed(STIRLING):
        stirling = stirling / (big * big) + coefficient
    large = np.exp(-a * distance - stirling / big) / np.sqrt(2 * math.pi * a)
    low, at = np.where(a > 10, 1.0, a), np.where(a > 10, 1.0, x)
    log_gamma = np.array([math.lgamma(v + 1) for v in low])
    return np.where(a > 10, large, np.exp(low * np.log(at) - at - log_gamma))


def _distance(u: Any) -> Any:
    """u - log(1 + u), whose difference would cancel."""
    small = np.abs(u) < 0.1
    near = np.where(small, u, 0.0)
    series = np.zeros_like(u)
    for k in range(20, 1, -1):
        series = series * near + (1 / k if k % 2 == 0 else -1 / k)
    return np.where(small, series * near * near, u - np.log1p(u))
