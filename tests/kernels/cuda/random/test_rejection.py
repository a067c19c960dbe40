"""Poisson, binomial and gamma numbers have their distributions: chi-square and Kolmogorov-Smirnov tests at 0.1 %."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from flambeau.kernels.cuda.random import rejection
from tests.kernels.cuda.random.reference import Source

COUNT = 4000


def assert_probabilities(found: np.ndarray, density: np.ndarray) -> None:
    """The frequencies of 0, 1, 2 ... are these, as Pearson's test has it."""
    seen = np.bincount(found.astype(int), minlength=density.size)[: density.size]
    wanted = density * found.size
    large = wanted >= 5
    seen = np.append(seen[large], found.size - seen[large].sum())
    wanted = np.append(wanted[large], max(found.size - wanted[large].sum(), 1e-9))
    keep = wanted >= 1
    freedom = keep.sum() - 1
    chi = ((seen - wanted)[keep] ** 2 / wanted[keep]).sum()
    assert chi < freedom + 3.1 * math.sqrt(2 * freedom) + 7


def poisson_density(rate: float, top: int) -> np.ndarray:
    return np.array([math.exp(k * math.log(rate) - rate - math.lgamma(k + 1)) for k in range(top)])


@pytest.mark.parametrize("rate", [0.3, 4.0, 9.9, 10.1, 200.0])
def test_poisson(cupy: Any, rate: float) -> None:
    found = rejection.poisson(cupy.full(COUNT, rate, np.float32), Source(7)).get()
    assert_probabilities(found, poisson_density(rate, int(rate + 12 * math.sqrt(rate) + 12)))


def test_poisson_at_ends(cupy: Any) -> None:
    rates = np.array([0.0, np.nan, -1.0])
    assert np.array_equal(
        rejection.poisson(cupy.asarray(rates), Source(7)).get(), [0, np.nan, np.nan], equal_nan=True
    )


def binomial_density(count: int, p: float) -> np.ndarray:
    def log_choose(k: int) -> float:
        return math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1)

    return np.array(
        [
            math.exp(log_choose(k) + k * math.log(p) + (count - k) * math.log1p(-p))
            for k in range(count + 1)
        ]
    )


@pytest.mark.parametrize(("count", "p"), [(7, 0.4), (50, 0.1), (60, 0.5), (300, 0.2), (40, 0.9)])
def test_binomial(cupy: Any, count: int, p: float) -> None:
    counts, probs = (cupy.full(COUNT, value, np.float32) for value in (count, p))
    found = rejection.binomial(counts, probs, Source(7)).get()
    assert_probabilities(found, binomial_density(count, p))


def test_binomial_at_ends(cupy: Any) -> None:
    counts = cupy.asarray(np.array([5.0, 5.0, 0.0, 5.0, 100.0]))
    probs = cupy.asarray(np.array([0.0, 1.0, 0.5, np.nan, 1.0]))
    found = rejection.binomial(counts, probs, Source(7)).get()
    assert np.array_equal(found, [0, 5, 0, np.nan, 100], equal_nan=True)


def lower_gamma(alpha: float, x: np.ndarray) -> np.ndarray:
    """The gamma distribution function, by its series."""
    term = total = np.ones_like(x) / alpha
    for k in range(1, 200):
        term = term * x / (alpha + k)
        total = total + term
    return total * np.exp(alpha * np.log(x) - x - math.lgamma(alpha))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("alpha", [0.2, 1.0, 2.5, 20.0])
def test_gamma(cupy: Any, alpha: float, dtype: Any) -> None:
    found = rejection.standard_gamma(cupy.full(COUNT, alpha, dtype), Source(7)).get()
    ranks = np.arange(1, COUNT + 1) / COUNT
    distance = abs(lower_gamma(alpha, np.sort(found.astype(np.float64))) - ranks).max()
    assert distance < 1.95 / math.sqrt(COUNT)


def test_gamma_at_ends(cupy: Any) -> None:
    found = rejection.standard_gamma(cupy.asarray(np.array([0.0, -1.0, 1e-3])), Source(7)).get()
    assert found[0] == np.finfo(np.float64).tiny
    assert np.isnan(found[1])
    assert found[2] > 0


def test_the_same_numbers_each_time(cupy: Any) -> None:
    rate = cupy.full((3, 5), 4.0, np.float64)
    first, second = (rejection.poisson(rate, Source(7)).get() for _ in range(2))
    assert first.shape == (3, 5)
    assert np.array_equal(first, second)
