"""The rows with the largest elements, against NumPy's argmax of each segment."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau.kernels.gather import segment


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
@pytest.mark.parametrize("columns", [1, 5, 16, 33, 300])
def test_rows_with_the_largest(dtype: str, columns: int, each_number_of_threads) -> None:
    rng = np.random.default_rng(columns)
    x = rng.integers(-3, 3, (60, columns)).astype(dtype)
    if dtype != "i8":
        x[7], x[40, 0], x[20:25] = np.nan, np.nan, -np.inf
    starts = np.array([0, 0, 1, 9, 20, 25, 25, 47, 60])
    expected = [
        a + x[a:b].argmax(0) if a < b else np.zeros(columns)
        for a, b in zip(starts.tolist(), starts[1:].tolist())
    ]
    for _ in each_number_of_threads:
        for given in (x, np.asfortranarray(x)):
            assert np.array_equal(segment.largest(given, starts), expected)
