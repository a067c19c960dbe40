"""Permutations: sorted keys, and the shuffling of those that are equal."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from flambeau.kernels.cuda.random import permutation
from tests.kernels.cuda.random import reference as r
from tests.kernels.cuda.random.reference import SMALL, Source


def expected(seed: int, count: int) -> np.ndarray:
    """PyTorch's permutation, one element after the other."""
    bits = permutation.bits_for(count)
    words = r.of_long_words(seed, count, SMALL) % np.uint64(2**32 - 1)
    keys = (words + np.uint64(2**31)) & np.uint64((1 << bits) - 1)
    order = np.argsort(keys, kind="stable")
    offset, keys = r.used(count, SMALL, 2), keys[order]
    starts = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), count]
    for start, end in itertools.pairwise(starts):
        drawn = r.words(seed, start, offset // 4 + np.arange(end - start)).reshape(-1).tolist()
        island = order[start:end].tolist()
        for last, word in zip(range(end - start - 1, 0, -1), drawn):
            other = word % (last + 1)
            island[last], island[other] = island[other], island[last]
        order[start:end] = island
    return order


@pytest.mark.parametrize("count", [1, 2, 10, 300, 1100])
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.float32])
def test_a_permutation_of_pytorch(cupy: Any, count: int, dtype: Any) -> None:
    source = Source(7)
    found = permutation.randperm(count, np.dtype(dtype), source).get()
    assert found.dtype == dtype
    assert np.array_equal(found, expected(7, count))
    assert source.offset == r.used(count, SMALL, 2) + count + -count % 4


def test_how_many_bits_keys_have() -> None:
    """So many that with probability 0.9 none of n are equal: exp(-n^2 / 2^(bits + 1)) >= 0.9."""
    for count in (10, 1000, 10**6, 10**9):
        bits = permutation.bits_for(count)
        assert (
            np.exp(-(count**2) / 2.0 ** (bits + 1)) >= 0.9 > np.exp(-(count**2) / 2.0 ** (bits - 1))
        )


def test_equal_keys_are_shuffled(cupy: Any) -> None:
    """Six islands, of which the longest needs two counters; the order of every one is drawn."""
    keys = np.repeat(np.arange(6, dtype=np.int32), [1, 2, 3, 1, 7, 4])
    seen = set()
    for seed in range(6):
        made = cupy.asarray(np.arange(18))
        permutation._shuffle_equal(made, cupy.asarray(keys), Source(seed))
        found = made.get()
        assert np.array_equal(keys[np.sort(found)], keys)
        assert np.array_equal(keys[found], keys)
        seen.add(tuple(found.tolist()))
    assert len(seen) == 6


def test_nothing(cupy: Any) -> None:
    assert permutation.randperm(0, np.dtype(np.int64), Source(7)).shape == (0,)


def test_every_order_comes_equally_often(cupy: Any) -> None:
    counts: dict[tuple, int] = {}
    source = Source(11)
    for _ in range(240):
        order = tuple(permutation.randperm(3, np.dtype(np.int64), source).get().tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert sum((n - 40) ** 2 / 40 for n in counts.values()) < 20.5  # chi square, 5 degrees, 0.1 %
