"""Activations: values and gradients (recorded from PyTorch), large inputs, errors."""

import numpy as np
import pytest

from flambeau.core.tensor import wrap_numpy
from flambeau.nn import functional as F


@pytest.mark.parametrize("name", ["elu", "selu", "celu", "softplus", "mish", "silu", "gelu"])
def test_gradient_is_one_slope_for_large_inputs(name):
    x = wrap_numpy(np.array([1000.0])).requires_grad_()
    getattr(F, name)(x).backward(wrap_numpy(np.ones(1)))
    assert x.grad.item() == pytest.approx(1.0507009873554805 if name == "selu" else 1.0)


@pytest.mark.parametrize(
    ("name", "at", "slope"),
    [
        ("relu", 0.0, 0.0),
        ("relu6", 6.0, 0.0),
        ("hardtanh", 1.0, 0.0),
        ("hardsigmoid", 3.0, 0.0),
        ("hardswish", 3.0, 1.0),
        ("hardswish", -3.0, 0.0),
        ("softshrink", 0.5, 0.0),
    ],
)
def test_slope_at_the_kink(name, at, slope):
    x = wrap_numpy(np.array([at])).requires_grad_()
    getattr(F, name)(x).backward(wrap_numpy(np.ones(1)))
    assert x.grad.item() == slope


def test_bounds_of_integers_keep_the_dtype():
    y = F.hardtanh(wrap_numpy(np.array([-5, 0, 5], np.int32)))
    assert y.tolist() == [-1, 0, 1]
    assert y._array.dtype == np.int32


def test_wrong_options_say_so():
    x = wrap_numpy(np.zeros(3))
    with pytest.raises(RuntimeError, match="approximate argument must be either none or tanh"):
        F.gelu(x, approximate="erf")
    with pytest.raises(RuntimeError, match="lambda must be greater or equal to 0"):
        F.softshrink(x, -1.0)
    with pytest.raises(RuntimeError, match="Halving dimension must be even"):
        F.glu(x)
