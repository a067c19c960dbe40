"""Where masks are true."""

import numpy as np
import pytest

from flambeau.kernels.cuda.array import compress


@pytest.mark.parametrize("size", [0, 1, 31, 256, 2048, 2049, 10_000])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 1.0])
def test_places(xp, size, share):
    mask = np.random.default_rng(size).random(size) < share
    made = compress.places(xp.asarray(mask))
    assert made.dtype == np.int64
    np.testing.assert_array_equal(made.get(), np.flatnonzero(mask))


def test_places_of_a_view(xp):
    mask = np.random.default_rng(0).random((40, 30)) < 0.5
    made = compress.places(xp.asarray(mask).T)
    np.testing.assert_array_equal(made.get(), np.flatnonzero(mask.T))


@pytest.mark.parametrize("shape", [(7,), (3, 5), (1, 4, 1, 6), (2, 3, 4, 5)])
def test_unravelled(xp, shape):
    numbers = np.random.default_rng(0).integers(0, np.prod(shape), 300)
    made = compress.unravelled(xp.asarray(numbers), shape)
    for found, expected in zip(made, np.unravel_index(numbers, shape)):
        np.testing.assert_array_equal(found.get(), expected)
