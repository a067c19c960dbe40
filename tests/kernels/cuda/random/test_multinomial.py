"""Draws of categories with replacement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flambeau.kernels.cuda.random import multinomial
from tests.kernels.cuda.random import reference as r
from tests.kernels.cuda.random.reference import Source


def expected(weights: np.ndarray, samples: int, seed: int) -> np.ndarray:
    share = weights / weights.sum(1, keepdims=True, dtype=np.float64)
    share = share.astype(weights.dtype)
    sums = np.cumsum(share, 1, dtype=weights.dtype)
    width = -(-samples // 128) * 128
    thread = np.arange(len(weights))[:, None] * width + np.arange(samples)
    u = r.words(seed, thread, 0)[..., 0].astype(np.float32) * np.float32(2.0**-32)
    u += np.float32(2.0**-33)
    return np.stack([np.searchsorted(row, x.astype(row.dtype)) for row, x in zip(sums, u)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("rows", "samples"), [(1, 5), (3, 200), (2, 128), (5, 2)])
def test_as_pytorch_draws(cupy: Any, dtype: Any, rows: int, samples: int) -> None:
    weights = np.random.default_rng(0).random((rows, 40)).astype(dtype)
    source = Source(7)
    found = multinomial.with_replacement(cupy.asarray(weights), samples, source).get()
    assert np.array_equal(found, expected(weights, samples, 7))
    assert source.offset == 4


def test_weights_of_zero_are_never_drawn(cupy: Any) -> None:
    weights = np.zeros((2, 9), np.float32)
    weights[0, 3], weights[1, [0, 8]] = 2, 1
    found = multinomial.with_replacement(cupy.asarray(weights), 300, Source(7)).get()
    assert set(found[0].tolist()) == {3}
    assert set(found[1].tolist()) == {0, 8}
