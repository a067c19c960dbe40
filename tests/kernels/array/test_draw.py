"""Numbers made of a few random words, against the same formulas in Python."""

import math

import numpy as np
import pytest

from flambeau import kernels


@pytest.fixture
def draw():
    if not kernels.enabled():
        pytest.skip("kernels are off")
    return kernels.array.draw


@pytest.fixture
def words():
    return np.random.default_rng(0).integers(0, 1 << 32, 80, np.uint32)


def unit(words):
    """The low 53 bits of pairs, the high word first, as parts of 1."""
    pairs = words.reshape(-1, 2).tolist()
    return [((high << 32 | low) & (1 << 53) - 1) / (1 << 53) for high, low in pairs]


@pytest.mark.parametrize("size", [1, 7, 15, 40])
def test_uniform(draw, words, size):
    single, double = np.empty(size, np.float32), np.empty(size)
    draw.uniform(words[:size], single)
    draw.uniform(words[: 2 * size], double)
    assert single.tolist() == [(w & 0xFFFFFF) / (1 << 24) for w in words[:size].tolist()]
    assert double.tolist() == unit(words[: 2 * size])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("waiting", [None, 0.5])
@pytest.mark.parametrize("size", [1, 2, 5, 14])
def test_normal(draw, words, dtype, waiting, size):
    pairs = (size - (waiting is not None) + 1) // 2
    made = np.empty(size, dtype)
    left = draw.normal(words[: 4 * pairs], made, 1.0, 2.0, waiting)
    numbers = unit(words[: 4 * pairs])
    expected = [] if waiting is None else [waiting]
    for u, v in zip(numbers[::2], numbers[1::2]):
        radius, angle = math.sqrt(-2.0 * math.log1p(-v)), 2.0 * math.pi * u
        expected += [radius * math.cos(angle), radius * math.sin(angle)]
    assert np.allclose(made, [1 + 2 * x for x in expected[:size]], rtol=4e-7)
    assert (left is None) == (len(expected) == size)
    assert left is None or left == expected[size]


def test_exponential(draw, words):
    made = np.empty(40)
    draw.exponential(words, made, 2.0)
    assert made.tolist() == [-0.5 * math.log1p(-u) for u in unit(words)]


@pytest.mark.parametrize("dtype", [bool, np.int64, np.float32])
def test_below(draw, words, dtype):
    made, threshold = np.empty(40, dtype), 3 << 51
    draw.below(words, made, threshold)
    assert made.tolist() == [u < 0.75 for u in unit(words)]


def test_below_each(draw, words):
    p, made = np.linspace(0, 1, 80, dtype=np.float32), np.empty(80, np.float32)
    assert draw.are_probabilities(p)
    draw.below_each(words, made, p)
    assert np.array_equal(made, (words & 0xFFFFFF) * np.float32(2**-24) < p)
    for wrong in (-1e-9, 1.5, np.nan, np.inf):
        p[33] = wrong
        assert not draw.are_probabilities(p)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.float64])
def test_integers(draw, words, dtype):
    made = np.empty(80, dtype)
    draw.integers(words, made, -7, 1000)
    assert np.array_equal(made, words.astype(np.int64) % 1000 - 7)


def test_permutation(draw, words):
    made, items = np.empty(81, np.int64), list(range(81))
    draw.permutation(words, made)
    for i, word in enumerate(words.tolist()):
        j = i + word % (81 - i)
        items[i], items[j] = items[j], items[i]
    assert made.tolist() == items
