"""Sparse maps of a dimension of device arrays, against the plain forms."""

import numpy as np
import pytest

from flambeau.kernels.cuda.nn import resample
from flambeau.ops.nn import taps
from flambeau.ops.nn.interpolate import cubic_taps, linear_taps
from flambeau.ops.nn.pooling_adaptive import mean_taps

RANDOM = np.random.default_rng(0)
MAPS = {
    "linear": lambda size: linear_taps(size, 9, None, False),
    "cubic": lambda size: cubic_taps(size, 11, None, False),
    "parts": lambda size: mean_taps(size, 3),
}


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("name", MAPS)
def test_mixed(xp, name, dim, dtype):
    x = RANDOM.normal(size=(4, 5, 7)).astype(dtype)
    for own in (MAPS[name](x.shape[dim]), MAPS[name](x.shape[dim]).transposed):
        given = x if own.size == x.shape[dim] else np.repeat(x, 3, dim).take(range(own.size), dim)
        made = resample.mixed(xp.asarray(given), dim, own)
        np.testing.assert_allclose(made.get(), taps._mixed(given, dim, own), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["i1", "f2", "f4", "c8"])
def test_chosen(xp, dtype):
    x = RANDOM.normal(size=(4, 5, 7)).astype("f8").astype(dtype)
    own = taps.Taps(5, 8, np.arange(8), np.arange(8) // 2, np.ones(8))
    made = resample.chosen(xp.asarray(x), 1, own)
    np.testing.assert_array_equal(made.get(), x.take(np.arange(8) // 2, 1))


def test_empty(xp):
    own = mean_taps(5, 3)
    assert resample.mixed(xp.ones((0, 5), np.float32), 1, own).shape == (0, 3)
    nothing = taps.Taps(5, 2, *np.zeros((3, 0), np.int64))
    assert (resample.mixed(xp.ones((2, 5), np.float32), 1, nothing).get() == np.zeros((2, 2))).all()
    twice = taps.Taps(5, 8, np.arange(8), np.arange(8) // 2, np.ones(8))
    assert resample.chosen(xp.ones((0, 5), np.float32), 1, twice).shape == (0, 8)


def test_what_it_is_not_made_for(xp):
    own = mean_taps(5, 3)
    assert resample.mixed(xp.ones((2, 5), np.int32), 1, own) is NotImplemented
    assert resample.chosen(xp.ones((2, 5), np.complex128), 1, own) is NotImplemented
