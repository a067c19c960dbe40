"""Keys of several index arrays, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau import kernels
from flambeau.kernels.gather import flat, indexed
from flambeau.kernels.gather.plan import Along, Unsigned

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (4, 5, 6), (2, 3, 4, 50)])
@pytest.mark.parametrize("count", [1, 9, 300, 40_000])
@pytest.mark.parametrize("arrays", [2, 3])
def test_reading_and_writing(shape: tuple[int, ...], count: int, arrays: int) -> None:
    if arrays > len(shape):
        return
    rng = np.random.default_rng(count)
    x = rng.integers(0, 99, shape).astype(np.float32)
    key = tuple(rng.integers(-n, n, count) for n in shape[:arrays])
    assert np.array_equal(indexed.take(x, key), x[key])
    values = rng.integers(0, 9, x[key].shape).astype(np.float32)
    for given in (values, np.asarray(3, np.float32), values[..., :1], values[:1]):
        if given.ndim != values.ndim and given.ndim:
            continue
        for how, write in (("put", indexed.put_at), ("add", indexed.add_at)):
            made, expected = x.copy(), x.copy()
            write(made, key, given)
            if how == "put":
                expected[key] = given
            else:
                np.add.at(expected, key, given)
            assert np.array_equal(made, expected)


def test_a_wrong_index_writes_nothing() -> None:
    x = np.zeros((5, 7))
    good = np.array([0, 1, 2])
    for bad in (np.array([0, 7, 0]), np.array([0, -8, 0])):
        assert not flat.write("put", x, (good, bad), np.ones(3))
        assert flat.flattened(x, (good, bad)) is None
        with pytest.raises(IndexError):
            indexed.put_at(x, (good, bad), np.ones(3))
    assert flat.flattened(x, Unsigned((good, np.array([0, -1, 0])))) is None
    assert not x.any()


def test_keys_of_gather_are_not_signed() -> None:
    x = np.arange(12.0).reshape(3, 4)
    key = Along(np.array([[0, -1]]), 0)
    assert flat.flattened(x, key) is None
    with pytest.raises(IndexError):
        indexed.take(x, key)
