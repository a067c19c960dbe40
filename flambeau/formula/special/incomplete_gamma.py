"""The incomplete gamma functions: a series or a continued fraction whose length is data.

Computed in float64 whatever the dtype: the continued fraction collects rounding errors.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .coefficient import STIRLING

EPSILON = np.finfo(np.float64).eps
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
    a, x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    usual = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    near, far = usual & (x <= a + 1), usual & (x > a + 1)
    value = np.select(
        [(x < 0) | (a < 0), (a == 0) & (x == 0), np.isinf(a) & np.isinf(x), x == 0, a == 0],
        [np.nan, np.nan, np.nan, 0.0, 1.0],
        np.where(np.isinf(a), 0.0, np.where(np.isinf(x), 1.0, np.nan)),
    )
    value = np.asarray(1 - value if above else value)
    value[near] = _below(a[near], x[near], above)
    value[far] = _beyond(a[far], x[far], above)
    return value.astype(dtype)


def _below(a: Any, x: Any, above: bool) -> Any:
    """By the sum of x^k / ((a + 1) ... (a + k)), for x <= a + 1."""
    term = np.ones_like(a)
    total = term.copy()
    for k in range(1, LONGEST):
        term = term * (x / (a + k))
        total += term
        if not (term > EPSILON / 8 * total).any():
            break
    value = total * _scale(a, x)
    return 1 - value if above else value


def _beyond(a: Any, x: Any, above: bool) -> Any:
    """By Legendre's continued fraction, for x > a + 1."""
    b = x + 1 - a
    c, d = np.full_like(b, 1e300), 1 / b
    total = d.copy()
    for k in range(1, LONGEST):
        factor, b = k * (a - k), b + 2
        d, c = 1 / (factor * d + b), b + factor / c
        total *= d * c
        if not (np.abs(d * c - 1) > 2 * EPSILON).any():
            break
    value = total * a * _scale(a, x)
    return value if above else 1 - value


def _scale(a: Any, x: Any) -> Any:
    """x^a exp(-x) / gamma(a + 1)."""
    u = (x - a) / a
    small = np.abs(u) < 0.1
    near = np.where(small, u, 0.0)
    series = np.zeros_like(u)
    for k in range(20, 1, -1):  # u - log(1 + u), whose difference would cancel
        series = series * near + (1 / k if k % 2 == 0 else -1 / k)
    distance = np.where(small, series * near * near, u - np.log1p(u))
    big = np.where(a > 10, a, 10.0)
    stirling = np.zeros_like(a)
    for coefficient in reversed(STIRLING):
        stirling = stirling / (big * big) + coefficient
    large = np.exp(-a * distance - stirling / big) / np.sqrt(2 * math.pi * a)
    low, at = np.where(a > 10, 1.0, a), np.where(a > 10, 1.0, x)
    log_gamma = np.array([math.lgamma(v + 1) for v in low])
    return np.where(a > 10, large, np.exp(low * np.log(at) - at - log_gamma))
