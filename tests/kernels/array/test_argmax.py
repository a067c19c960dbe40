"""Where extremes stand, against NumPy: dtypes, ties, nan, dimensions, layouts."""

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.array import argmax

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.fixture(autouse=True)
def _any_size(monkeypatch, guard):
    monkeypatch.setattr(argmax, "SMALL", 0)
    guard(argmax)


@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "i1", "i2", "u2", "i4", "u4", "i8", "f2"])
@pytest.mark.parametrize("largest", [True, False])
def test_places(dtype, largest):
    rng = np.random.default_rng(0)
    for shape in ((5, 1), (3, 4), (2, 9, 3), (70, 130), (3, 40, 65), (1, 300), (300, 1)):
        for high in (3, 120):
            x = rng.integers(0, high, shape).astype(dtype)
            if dtype in ("u1", "u2", "u4"):
                x = x + np.asarray(np.iinfo(dtype).max - 120).astype(dtype)
            cases = [x]
            if dtype.startswith("f"):
                cases.append(np.where(rng.random(shape) < 0.1, np.nan, x - 60).astype(dtype))
                cases.append(np.where(rng.random(shape) < 0.5, -np.inf, np.inf).astype(dtype))
            for case in cases:
                for y in (case, np.asfortranarray(case), np.repeat(case, 2, 0)[::-2]):
                    for dim in range(x.ndim):
                        expected = (np.argmax if largest else np.argmin)(y, dim)
                        made = argmax.place(y, dim, largest)
                        assert made.dtype == np.int64
                        assert np.array_equal(made, expected), (shape, dim)


def test_on_any_number_of_threads(each_number_of_threads):
    x = np.random.default_rng(1).integers(0, 99, (40, 50, 60)).astype("f4")
    for _ in each_number_of_threads:
        for dim in (0, 1):
            assert np.array_equal(argmax.place(x, dim, True), x.argmax(dim))
