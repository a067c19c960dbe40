"""What the parameters of distributions must be, on every device.

Each raises RuntimeError for a parameter out of its range, NotImplementedError for a dtype that cannot be filled.
"""

from __future__ import annotations

import numpy as np

from ..dtype import is_complex
from .words import LARGEST, UNSIGNED, check_continuous, check_floating, name_of, not_implemented


def uniform(dtype: np.dtype, low: float, high: float) -> None:
    """Bounds that are in order and that the dtype can hold."""
    check_floating(dtype, "check_uniform_bounds")
    largest = LARGEST[name_of(dtype)]
    for name, value in (("from", low), ("to", high)):
        if not -largest <= value <= largest:
            raise RuntimeError(f"{name} is out of bounds for {name_of(dtype)}: {value}")
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}"
        )
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= {largest}, the largest {name_of(dtype)}, but found to={high} "
            f"and from={low} which result in to-from to exceed the limit"
        )


def normal(std: float) -> None:
    """A deviation that is not negative."""
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")


def log_normal(std: float) -> None:
    """A deviation above 0."""
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")


def exponential(dtype: np.dtype, lambd: float) -> None:
    """A rate above 0, and a floating dtype."""
    if not lambd > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    check_continuous(dtype, "Exponential")


def cauchy(dtype: np.dtype, sigma: float) -> None:
    """A half-width above 0, and a floating dtype."""
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    check_continuous(dtype, "Cauchy")


def geometric(dtype: np.dtype, p: float, kernel: str) -> None:
    """A probability other than 0 and 1, and a real dtype of numbers."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    if dtype.kind in "bcW" or name_of(dtype) in UNSIGNED:
        raise not_implemented(kernel, dtype)


def bernoulli(dtype: np.dtype, p: float | None, kernel: str) -> None:
    """A probability, if it is one for all, and a dtype that holds 0 and 1."""
    if is_complex(dtype) or name_of(dtype) in UNSIGNED:
        raise not_implemented(kernel, dtype)
    if p is not None and not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")


def probabilities(all_are: bool) -> None:
    """Were all elements probabilities?"""
    if not all_are:
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1: every probability must be in [0, 1]")


def rates(all_are: bool) -> None:
    """Were all elements rates of Poisson numbers?"""
    if not all_are:
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")


def shapes(function: str, all_are: bool) -> None:
    """Were all elements shape parameters of gamma numbers?"""
    if not all_are:
        raise RuntimeError(f"{function}: parameters must not be negative")


__all__ = [
    *("bernoulli", "cauchy", "exponential", "geometric", "log_normal", "normal", "probabilities"),
    *("rates", "shapes", "uniform"),
]
