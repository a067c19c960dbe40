"""Where elements are not zero, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.array import compress

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.mark.parametrize("shape", [(5000,), (70, 90), (3, 1, 50, 41), (5000, 1), (1, 4100)])
@pytest.mark.parametrize("dtype", ["?", "f4", "f8", "i8", "u1"])
def test_places(shape: tuple[int, ...], dtype: str, each_number_of_threads) -> None:
    rng = np.random.default_rng(len(shape))
    x = np.where(rng.random(shape) < 0.4, rng.integers(1, 9, shape), 0).astype(dtype)
    if dtype[0] == "f":
        x.reshape(-1)[:3] = np.nan, -0.0, np.inf
    for _ in each_number_of_threads:
        for own in (x, np.asfortranarray(x), np.zeros_like(x), np.ones_like(x)):
            assert np.array_equal(compress.places(own), np.argwhere(own))
