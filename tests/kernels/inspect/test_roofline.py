"""The machine's limits."""

import numpy as np
import pytest

from flambeau import kernels

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")


@pytest.mark.parametrize("shared", [True, False])
def test_rates_are_those_of_a_machine(shared):
    assert 1e7 < kernels.inspect.roofline.copy_rate(1 << 20, shared) < 1e14
    assert 1e7 < kernels.inspect.roofline.arithmetic_rate("double", shared) < 1e15


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (1, 37), (3, 16), (40, 4096)])
def test_the_copy_copies(rows, length):
    from flambeau.kernels.inspect.roofline import _copy

    x = np.arange(rows * length, dtype=np.float32)
    y = np.zeros(x.size + 1, np.float32)
    _copy(16)(x, y, rows, length, x.size, 1)
    np.testing.assert_array_equal(y[:-1], x)
    assert y[-1] == 0
