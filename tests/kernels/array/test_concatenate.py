"""Joined arrays against NumPy's."""

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.array import concatenate

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.fixture(autouse=True)
def _any_size(monkeypatch, guard):
    monkeypatch.setattr(concatenate, "SMALL", 0)
    guard(concatenate)


def values(shape, dtype, rng):
    return rng.integers(0, 100, shape).astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "i1", "c16"])
def test_concatenation(dtype):
    rng = np.random.default_rng(5)
    for ndim in (1, 2, 3):
        for dim in range(-ndim, ndim):
            shape = list(rng.integers(1, 30, ndim))
            parts = []
            for n in (3, 1, 0, 40):
                shape[dim] = n
                parts.append(values(shape, dtype, rng))
            for given in (parts, parts[:1], [np.asfortranarray(p) for p in parts]):
                made, expected = concatenate.concatenate(given, dim), np.concatenate(given, dim)
                assert made.tobytes() == expected.tobytes()
                assert made.flags.c_contiguous
    for shape in ((4, 5), (1, 1), (4,), (1, 3, 4)):
        with pytest.raises(ValueError, match="dimension"):
            concatenate.concatenate([np.zeros((3, 4)), np.zeros(shape)], 0)
    with pytest.raises(ValueError, match="axis 2 is out of bounds"):
        concatenate.concatenate([np.zeros((3, 4))], 2)
    assert concatenate.concatenate([np.zeros(2, "f4"), np.zeros(2)], 0).dtype == np.float64


def test_on_any_number_of_threads(each_number_of_threads):
    parts = [np.random.default_rng(n).random((300, n, 9)) for n in (3, 50, 1)]
    for _ in each_number_of_threads:
        assert np.array_equal(concatenate.concatenate(parts, 1), np.concatenate(parts, 1))
        assert np.array_equal(
            concatenate.concatenate([parts[1]] * 3, 0), np.concatenate([parts[1]] * 3)
        )


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "?"])
def test_parts_whose_runs_lie_apart(dtype: str) -> None:
    x = np.arange(4 * 300 * 200).reshape(4, 300, 200).astype(dtype)
    for dim in range(3):
        parts = [x[:, :, :90], x[:, :, 90:110], x[:, :, 110:]] if dim == 2 else [x[:, :, 5:90]] * 2
        assert np.array_equal(concatenate.concatenate(parts, dim), np.concatenate(parts, dim))
        assert np.array_equal(
            concatenate.stack([x[:, 1::2]] * 3, dim), np.stack([x[:, 1::2]] * 3, dim)
        )
        flipped = [np.flip(x, 1), x[:0] if dim == 0 else np.flip(x, 0)]
        assert np.array_equal(concatenate.concatenate(flipped, dim), np.concatenate(flipped, dim))
