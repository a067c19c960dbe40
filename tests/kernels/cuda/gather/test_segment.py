"""The largest rows of segments, against the CPU's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flambeau.kernels.cuda.gather import segment as on_cuda
from flambeau.kernels.gather import segment


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.int64, np.int8, np.bool_])
def test_largest(xp: Any, dtype: Any) -> None:
    x = np.random.default_rng(0).integers(0, 4, (40, 23)).astype(dtype)
    if np.dtype(dtype).kind == "f":
        x[::7, ::5] = np.nan
    starts = np.array([0, 3, 3, 4, 30, 40, 40])
    found = on_cuda.largest(xp.asarray(x), xp.asarray(starts)).get()
    assert np.array_equal(found, segment.largest(x, starts))


def test_turned_and_empty(xp: Any) -> None:
    x = np.random.default_rng(0).random((5, 12)).astype(np.float32)
    starts = np.array([0, 7, 12])
    found = on_cuda.largest(xp.asarray(x).T, xp.asarray(starts)).get()
    assert np.array_equal(found, segment.largest(x.T, starts))
    assert on_cuda.largest(xp.zeros((0, 3)), xp.zeros(1, np.int64)).shape == (0, 3)
    assert not on_cuda.largest(xp.zeros((0, 3)), xp.zeros(3, np.int64)).get().any()
