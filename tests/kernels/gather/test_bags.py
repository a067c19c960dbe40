"""Sums and means of bags, against NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.gather import bags

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("length", [1, 7, 64, 131])
def test_bags(dtype: str, length: int, each_number_of_threads) -> None:
    rng = np.random.default_rng(length)
    table = rng.integers(-9, 9, (50, length)).astype(dtype)
    for count in (1, 9, 700):
        index = rng.integers(0, 50, 5 * count)
        starts = np.sort(rng.integers(0, len(index), count + 1))
        starts[0], starts[-1] = 0, len(index)
        parts = [table[index[a:b]] for a, b in itertools.pairwise(starts)]
        sums = np.array([part.sum(0) for part in parts])
        sizes = np.maximum(np.diff(starts), 1)[:, None].astype(dtype)
        for _ in each_number_of_threads:
            assert np.array_equal(bags.summed(table, index, starts, False), sums)
            assert np.array_equal(bags.summed(table, index, starts, True), sums / sizes)


def test_what_is_out_of_range() -> None:
    table = np.zeros((4, 3))
    for index, starts in (([0, 4], [0, 2]), ([0, -1], [0, 2]), ([0, 1], [0, 3])):
        with pytest.raises(IndexError):
            bags.summed(table, np.array(index), np.array(starts), False)
