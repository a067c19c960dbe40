"""Words and numbers of machine code against NumPy's generator and the transform written with NumPy."""

import numpy as np
import pytest

from flambeau import kernels
from flambeau.core.random.box_muller import CONSTANTS, box_muller
from flambeau.core.random.generator import Generator
from flambeau.kernels.array import mt19937

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.fixture(autouse=True)
def _guards(guard):
    guard(mt19937)


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_words_are_numpys_and_the_state_goes_on(seed):
    reference = np.random.RandomState(seed)
    state = np.random.RandomState(seed).get_state()[1].copy()
    for blocks in (1, 2, 7, 30):
        expected = reference.randint(0, 1 << 32, blocks * 624, np.uint32)
        assert np.array_equal(mt19937.words(state, blocks), expected)
    assert np.array_equal(state, reference.get_state()[1])


def test_large_and_small_draws_of_a_generator_are_one_stream():
    reference = np.random.RandomState(7)
    generator = Generator().manual_seed(7)
    for count in (3, 5000, 1, 700, 624, 40_000, 10, 1248):
        expected = reference.randint(0, 1 << 32, count, np.uint32)
        assert np.array_equal(generator.take(count), expected)
    other = Generator()
    other.set_state(generator.get_state())
    assert np.array_equal(generator.take(9000), other.take(9000))
    assert np.array_equal(generator.take(9), other.take(9))


def units(words):
    return (words & 0xFFFFFF).astype(np.float32) * np.float32(2**-24)


def test_uniform():
    rng = np.random.default_rng(0)
    for size in (0, 1, 15, 16, 17, 1000, 100_003):
        words = rng.integers(0, 1 << 32, size, np.uint32)
        assert np.array_equal(mt19937.uniform(words), units(words))
    assert np.array_equal(mt19937.uniform(words[5:80]), units(words[5:80]))


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-0.3, 1.7), (1e3, 0.0)])
def test_normal(mean, std, each_number_of_threads):
    words = np.random.default_rng(1).integers(0, 1 << 32, 16 * 6000, np.uint32)
    words[:16] = 0
    words[16:32] = 0xFFFFFFFF
    words[32:48] = np.arange(16) << 20
    expected = box_muller(units(words), mean, std)
    for _ in each_number_of_threads:
        made = mt19937.normal(words, mean, std, CONSTANTS)
        assert made.tobytes() == expected.tobytes()


def test_swaps():
    rng = np.random.default_rng(2)
    for count in (0, 1, 2, 500, 4000):
        offset = rng.integers(0, np.arange(count + 1, 1, -1))
        expected = np.arange(count + 1)
        for i, step in enumerate(offset.tolist()):
            expected[[i, i + step]] = expected[[i + step, i]]
        assert np.array_equal(mt19937.swapped(offset), expected)
    for bad in (-1, 11, 1 << 62):
        offset = np.zeros(10, np.int64)
        offset[0] = bad
        with pytest.raises(IndexError):
            mt19937.swapped(offset)
