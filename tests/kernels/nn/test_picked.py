"""Results that are single elements of their input, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.nn import resample
from flambeau.ops.nn.taps import Taps

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


def taps(size: int, count: int, rng) -> Taps:
    places = np.sort(rng.integers(0, size, count))
    return Taps(size, count, np.arange(count), places, np.ones(count))


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "u1"])
@pytest.mark.parametrize(
    ("shape", "counts"),
    [((2, 3, 7), (20,)), ((2, 3, 5, 7), (11, 30)), ((2, 2, 3, 4, 5), (2, 9, 3)), ((3, 2, 90, 80), (200, 131))],
)  # fmt: skip
def test_elements(dtype: str, shape: tuple, counts: tuple, each_number_of_threads) -> None:
    rng = np.random.default_rng(len(shape))
    x = rng.integers(0, 99, shape).astype(dtype)
    maps = tuple(taps(n, m, rng) for n, m in zip(shape[2:], counts))
    expected = x
    for i, each in enumerate(maps):
        expected = expected.take(each.places, 2 + i)
    for _ in each_number_of_threads:
        assert np.array_equal(resample.picked(x, maps), expected)
    turned = np.asfortranarray(x)
    assert np.array_equal(resample.picked(turned, maps), expected)
