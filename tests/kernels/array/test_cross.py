"""Cross products, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.array import cross

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
@pytest.mark.parametrize(
    ("x", "y", "dim"),
    [
        ((5, 3), (5, 3), 1), ((3, 50), (3, 50), 0), ((4, 3, 33), (4, 3, 33), 1), ((5, 3), (1, 3), 1),
        ((1, 3, 70), (4, 3, 70), 1), ((4, 3, 7), (4, 3, 1), 1), ((3, 1), (3, 9), 0), ((3,), (3,), 0),
        ((40, 300, 3), (1, 300, 3), 2), ((3, 90000), (3, 90000), 0),
    ],
)  # fmt: skip
def test_products(dtype: str, x: tuple, y: tuple, dim: int, each_number_of_threads) -> None:
    rng = np.random.default_rng(len(x))
    a, b = (rng.integers(-9, 9, shape).astype(dtype) for shape in (x, y))
    expected = np.cross(*np.broadcast_arrays(a, b), axis=dim)
    for _ in each_number_of_threads:
        assert np.array_equal(cross.crossed(a, b, dim), expected)
    turned = np.asfortranarray(a)
    assert np.array_equal(cross.crossed(turned, b, dim), expected)
