"""Integers and truth values: the kernels' PTX in the simulator, against PyTorch's scheme in NumPy."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

from flambeau.kernels.cuda.random import discrete
from tests.kernels.cuda.random import reference as r
from tests.kernels.cuda.random.reference import SMALL, Source

INTEGERS = [np.int8, np.uint8, np.int16, np.int32, np.int64, np.uint16, np.uint32, np.uint64]


@pytest.mark.parametrize("dtype", [*INTEGERS, np.bool_, np.float16, np.float32, np.float64])
def test_few_integers(cupy: Any, dtype: Any) -> None:
    out = cupy.empty(2500, dtype)
    discrete.integers_(out, Source(7), 3, 90)
    expected = (r.of_words(7, 2500, SMALL) % 90 + 3).astype(dtype)
    assert np.array_equal(out.get(), expected)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32, np.uint64])
def test_many_integers(cupy: Any, dtype: Any) -> None:
    low = 5 if dtype in (np.uint32, np.uint64) else -(2**30)
    out = cupy.empty(1100, dtype)
    discrete.integers_(out, Source(7), low, 2**31 - 9)
    words = r.of_long_words(7, 1100, SMALL) % np.uint64(2**31 - 9)
    assert np.array_equal(out.get(), (words.astype(np.int64) + low).astype(dtype))


def test_the_whole_range(cupy: Any) -> None:
    out = cupy.empty(1100, np.int64)
    discrete.integers_(out, Source(7), -(2**63), 2**64 - 1)
    words = r.of_long_words(7, 1100, SMALL) % np.uint64(2**64 - 1)
    assert np.array_equal(out.get(), (words ^ np.uint64(2**63)).view(np.int64))
    discrete.all_integers_(out, Source(7))
    assert np.array_equal(out.get(), r.of_long_words(7, 1100, SMALL).view(np.int64))


def test_the_offset_moves_as_in_pytorch(cupy: Any) -> None:
    for count, each in ((2**28 - 1, 4), (2**28, 2)):
        source = Source(7)
        discrete.integers_(cupy.empty(1025, np.int64), source, 0, count)
        assert source.offset == r.used(1025, SMALL, each)


@pytest.mark.parametrize("dtype", [np.float32, ml_dtypes.bfloat16, np.int64, np.uint8, np.bool_])
def test_bernoulli(cupy: Any, dtype: Any) -> None:
    out = cupy.empty(2500, dtype)
    discrete.bernoulli_(out, Source(7), 0.3)
    assert np.array_equal(out.get(), (r.uniform(7, 2500, SMALL) < np.float32(0.3)).astype(dtype))


def test_bernoulli_float64(cupy: Any) -> None:
    out = cupy.empty(1100, np.float64)
    discrete.bernoulli_(out, Source(7), 0.3)
    assert np.array_equal(out.get(), r.uniform64(7, 1100, SMALL) < 0.3)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 1500])
@pytest.mark.parametrize("dtype", [np.float32, np.bool_, np.float64])
def test_bernoulli_of_probabilities(cupy: Any, size: int, dtype: Any) -> None:
    """Thread t draws for elements 4 t to 4 t + 3."""
    p = np.linspace(0, 1, size).astype(np.float64 if dtype is np.float64 else np.float32)
    out, source = cupy.empty(size, dtype), Source(7)
    discrete.bernoulli_each_(out, source, cupy.asarray(p))
    words = r.words(7, np.arange(-(-size // 4)), 0).reshape(-1)[:size].astype(np.float32)
    u = words * np.float32(2.0**-32) + np.float32(2.0**-33)
    assert np.array_equal(out.get(), (u <= p).astype(dtype))
    assert source.offset == 12


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int8])
def test_geometric(cupy: Any, dtype: Any) -> None:
    """Special units may round a number of trials to the next one, at one draw of some thousands."""
    out = cupy.empty(2500, dtype)
    discrete.geometric_(out, Source(7), 0.25)
    u = r.uniform(7, 2500, SMALL).astype(np.float64)
    expected = np.ceil(np.log(u) / np.log1p(-0.25)).astype(dtype)
    assert (out.get() != expected).sum() <= 2
    assert (abs(out.get().astype(int) - expected.astype(int)) <= 1).all()
