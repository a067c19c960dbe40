"""Uniform, normal, exponential and other continuous numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...llvm import Value, choose
from . import number
from .distribution import Distribution, draw, stored
from .philox import Take


def real_type(out: Any) -> str:
    """LLVM's type of the floats that an array's elements are made of."""
    return "double" if out.dtype == np.float64 else "float"


def _uniform(u: Value, low: Value, high: Value, span: Value, *, dtype: str) -> Value:
    """From [low, high): what is rounded to its end is its beginning."""
    value = u.fma(span, low)
    return choose(stored(value, dtype).equals(stored(high, dtype)), low, value)


UNIFORM = Distribution("uniform", number.uniform, _uniform, ("real", "real", "real"))


def uniform_(out: Any, take: Take, low: float, high: float) -> None:
    """Uniform numbers from [low, high), of a floating dtype."""
    low, high = out.dtype.type(low), out.dtype.type(high)
    span = out.dtype.type(high - low)
    draw(out, take, UNIFORM, real_type(out), float(low), float(high), float(span))


def _normal(x: Value, mean: Value, std: Value, *, dtype: str) -> Value:
    return x.fma(std, mean)


NORMAL = Distribution("normal", number.normal, _normal, ("real", "real"))


def normal_(out: Any, take: Take, mean: float, std: float) -> None:
    """Normal numbers, of a floating dtype."""
    draw(out, take, NORMAL, real_type(out), mean, std)


def _log_normal(x: Value, mean: Value, std: Value, *, dtype: str) -> Value:
    return number.exponential(x.fma(std, mean))


LOG_NORMAL = Distribution("log_normal", number.normal, _log_normal, ("real", "real"))


def log_normal_(out: Any, take: Take, mean: float, std: float) -> None:
    """Numbers whose logarithm is normal, of a floating dtype."""
    draw(out, take, LOG_NORMAL, real_type(out), mean, std)


def _exponential(u: Value, scale: Value, *, dtype: str) -> Value:
    """-log(u) / lambda, and never 0, although u may be 1."""
    half = 2.0**-53 if u.type == "double" else 2.0**-24
    return choose(u >= 1 - half, u.like(-half), number.logarithm(u)) * scale


EXPONENTIAL = Distribution("exponential", number.uniform, _exponential, ("real",))


def exponential_(out: Any, take: Take, lambd: float) -> None:
    """Exponential numbers of a rate, of a floating dtype."""
    type = real_type(out)
    scale = -1.0 / lambd if type == "double" else np.float32(-1.0) / np.float32(lambd)
    draw(out, take, EXPONENTIAL, type, float(scale))


def _cauchy(u: Value, median: Value, sigma: Value, *, dtype: str) -> Value:
    if u.type == "float":  # whose tangent has no pole at the ends
        u = choose(u > 1 - 2.0**-23, u.like(1 - 2.0**-23), u)
        u = choose(u < 2.0**-23, u.like(2.0**-23), u)
    return sigma.fma(number.tangent(u), median)


CAUCHY = Distribution("cauchy", number.uniform, _cauchy, ("real", "real"))


def cauchy_(out: Any, take: Take, median: float, sigma: float) -> None:
    """Cauchy numbers around the median, of a floating dtype."""
    draw(out, take, CAUCHY, real_type(out), median, sigma)


__all__ = ["cauchy_", "exponential_", "log_normal_", "normal_", "real_type", "uniform_"]
