"""Draws of many numbers have the bits of those one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from flambeau import kernels
from flambeau.core.random import draws_discrete as discrete
from flambeau.core.random import draws_gamma
from flambeau.core.random.generator import Generator
from flambeau.kernels.array import libm, multinomial

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


def test_poisson_numbers_are_those_of_single_draws() -> None:
    rates = np.random.default_rng(0).random(3000) * 40
    rates[::7], rates[1::7] = 0, 2.5
    one, many = Generator(), Generator()
    one.manual_seed(3), many.manual_seed(3)
    expected = discrete._each(lambda x, uniform: discrete._poisson(x[0], uniform), (rates,), one)
    assert discrete.poisson(rates, many).tolist() == expected
    assert np.array_equal(one.take(5), many.take(5))  # both have used as many words


def test_binomial_numbers_are_those_of_single_draws() -> None:
    rng = np.random.default_rng(1)
    count, prob = np.floor(rng.random(3000) * 300), rng.random(3000)
    count[::7], count[1::7], prob[2::7], prob[3::7], prob[4::7] = 0, 3, 0, 1, np.nan
    one, many = Generator(), Generator()
    one.manual_seed(3), many.manual_seed(3)
    p = np.where(prob > 0.5, 1 - prob, prob)
    draw = lambda x, uniform: discrete._binomial(*x, uniform)  # noqa: E731
    expected = discrete._each(draw, (count, prob, p, count * p), one)
    np.testing.assert_array_equal(discrete.binomial(count, prob, many), expected)
    assert np.array_equal(one.take(5), many.take(5))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("size", [1, 15, 4000])
def test_gamma_numbers_are_those_of_single_draws(dtype: str, size: int) -> None:
    shapes = (np.random.default_rng(2).random(size) * 4).astype(dtype)
    shapes[1::7], shapes[2::7] = 0, 100
    one, many = Generator(), Generator()
    one.manual_seed(3), many.manual_seed(3)
    stream = draws_gamma._Stream(one)
    first = [stream.normal(), draws_gamma._Stream(many).normal()]  # each leaves one waiting
    assert first[0] == first[1]
    expected = np.array([draws_gamma._gamma(a, stream) for a in shapes])
    expected = np.maximum(expected, np.finfo(dtype).tiny).astype(dtype)
    assert draws_gamma.standard_gamma(shapes, many).tolist() == expected.tolist()
    assert one.next_normal == many.next_normal
    assert np.array_equal(one.take(5), many.take(5))


def test_rates_that_use_fewer_words_than_those_before() -> None:
    """More words were taken at once than are used, which are there for the next draw."""
    rates = np.zeros(100_000)
    rates[:20_000] = 5
    one, many = Generator(), Generator()
    one.manual_seed(3), many.manual_seed(3)
    expected = discrete.poisson(rates[:20_000], one)
    assert np.array_equal(discrete.poisson(rates, many)[:20_000], expected)
    assert np.array_equal(one.take(5), many.take(5))


@pytest.mark.parametrize("name", libm.NAMES)
def test_functions_of_the_c_library(name: str, each_number_of_threads) -> None:
    x = np.random.default_rng(1).random(70_000) * 5
    expected = [getattr(math, name)(v) for v in x.tolist()]
    for _ in each_number_of_threads:
        assert libm.each(name, x).tolist() == expected
        assert libm.cos_sin(x)[0].tolist() == [math.cos(v) for v in x.tolist()]


def test_a_product_and_a_sum_with_one_rounding() -> None:
    x = np.full(100, 1 + 2.0**-30)
    assert (libm.fused(x, 1 + 2.0**-30, -1 - 2.0**-29) == 2.0**-60).all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (9, 100), (300, 900)])
def test_categories(dtype: str, size: tuple[int, int], each_number_of_threads) -> None:
    rng = np.random.default_rng(size[1])
    weights = (rng.random(size) * (rng.random(size) < 0.7)).astype(dtype)
    weights[:, 0] = 1
    uniform = rng.random((size[0], 7))
    uniform[:, 0], uniform[:, 1] = 5e-324, np.nextafter(1, 0)
    steps = np.cumsum(weights, 1, dtype=weights.dtype)
    steps /= steps[:, -1:].copy()
    steps[:, -1] = 1
    expected = [np.searchsorted(a.astype(float), b) for a, b in zip(steps, uniform)]
    for _ in each_number_of_threads:
        assert np.array_equal(multinomial.drawn(weights, uniform), expected)
