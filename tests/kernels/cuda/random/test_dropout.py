"""Dropout in one pass."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from flambeau.kernels.cuda.random import dropout as module
from tests.kernels.cuda.random import reference as r
from tests.kernels.cuda.random.reference import BLOCK, SMALL, Source


def neighbours(seed: int, size: int, each: int) -> np.ndarray:
    """The numbers of elements, of which a thread takes so many side by side."""
    step = min(2, -(-size // BLOCK)) * BLOCK
    index = np.arange(size) // each
    four = r.words(seed, index % step, index // step).astype(np.float32)
    chosen = np.take_along_axis(four, (np.arange(size) % each)[:, None], 1)[:, 0]
    return chosen * np.float32(2.0**-32) + np.float32(2.0**-33)


def check(cupy: Any, x: np.ndarray, u: np.ndarray, keep: float = 0.7) -> Source:
    source, wide = Source(7), np.float64 if x.dtype == np.float64 else np.float32
    y, mask = module.dropout(cupy.asarray(x), keep, source)
    kept = (u.astype(wide) < wide(keep)).reshape(x.shape)
    assert np.array_equal(mask.get(), kept)
    expected = (x.astype(wide) * kept * wide(1 / wide(keep))).astype(x.dtype)
    assert np.array_equal(y.get().astype(np.float64), expected.astype(np.float64))
    return source


@pytest.mark.parametrize("size", [4, 1020, 2048, 2052, 4500])
def test_four_neighbours(cupy: Any, size: int) -> None:
    x = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    source = check(cupy, x, neighbours(7, size, 4))
    assert source.offset == r.used(size, SMALL, 4)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_types(cupy: Any, dtype: Any) -> None:
    x = np.random.default_rng(0).standard_normal((8, 130)).astype(dtype)
    check(cupy, x, neighbours(7, x.size, 4))


@pytest.mark.parametrize("size", [2, 1000, 2600])
def test_two_neighbours_of_float64(cupy: Any, size: int) -> None:
    source = check(cupy, np.random.default_rng(0).standard_normal(size), neighbours(7, size, 2))
    assert source.offset >= 4 * -(-size // (2 * 512))  # no word is used twice


@pytest.mark.parametrize("size", [1, 3, 513, 2501])
def test_sizes_that_are_odd(cupy: Any, size: int) -> None:
    """Elements far apart share a counter, as in other draws."""
    x = np.random.default_rng(0).standard_normal(size).astype(np.float32)
    check(cupy, x, r.uniform(7, size, SMALL))


def test_what_is_dropped_is_multiplied_with_zero(cupy: Any) -> None:
    x = np.full(400, np.inf, np.float32)
    y, mask = module.dropout(cupy.asarray(x), 0.5, Source(7))
    assert np.array_equal(np.isnan(y.get()), ~mask.get())


def test_results_lie_in_memory_as_the_input_does(cupy: Any) -> None:
    x = np.random.default_rng(0).standard_normal((2, 4, 5, 8)).astype(np.float32)
    last = cupy.asarray(x).transpose(0, 3, 1, 2)
    y, mask = module.dropout(last, 0.7, Source(7))
    assert y.strides == last.strides
    assert mask.strides == tuple(step // 4 for step in last.strides)
    kept = (neighbours(7, x.size, 4) < np.float32(0.7)).reshape(x.shape).transpose(0, 3, 1, 2)
    assert np.array_equal(mask.get(), kept)
    scaled = x.transpose(0, 3, 1, 2) * np.float32(1 / np.float32(0.7))
    assert np.allclose(y.get(), kept * scaled, rtol=1e-6)


def test_gaps(cupy: Any) -> None:
    x = np.random.default_rng(0).standard_normal((6, 20)).astype(np.float32)
    y, mask = module.dropout(cupy.asarray(x)[:, ::2], 0.7, Source(7))
    assert np.array_equal(mask.get().ravel(), neighbours(7, 60, 4) < np.float32(0.7))
    assert np.array_equal(y.get() != 0, mask.get())
