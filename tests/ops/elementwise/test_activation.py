"""Activations: values and gradients (recorded from PyTorch), large inputs, errors."""

import math

import numpy as np
import pytest

import flambeau as torch
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


AT_INFINITY = {
    "gelu": (F.gelu, [math.inf, -0.0], [1.0, 0.0]),
    "gelu by tanh": (lambda x: F.gelu(x, approximate="tanh"), [math.inf, -0.0], [1.0, 0.0]),
    "silu": (F.silu, [math.inf, -0.0], [1.0, 0.0]),
    "mish": (F.mish, [math.inf, -0.0], [1.0, 0.0]),
    "hardswish": (F.hardswish, [math.inf, -0.0], [1.0, 0.0]),
    "softsign": (F.softsign, [1.0, -1.0], [0.0, 0.0]),
    "selu": (F.selu, [math.inf, -1.7580993408473766], [1.0507009873554805, 0.0]),
    "elu": (F.elu, [math.inf, -1.0], [1.0, 0.0]),
    "celu": (F.celu, [math.inf, -1.0], [1.0, 0.0]),
    "softplus": (F.softplus, [math.inf, 0.0], [1.0, 0.0]),
    "logsigmoid": (F.logsigmoid, [0.0, -math.inf], [0.0, 1.0]),
    "tanhshrink": (F.tanhshrink, [math.inf, -math.inf], [1.0, 1.0]),
    "hardsigmoid": (F.hardsigmoid, [1.0, 0.0], [0.0, 0.0]),
}
"""Values at inf and -inf, and slopes: the limits."""


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", AT_INFINITY)
def test_values_and_slopes_at_infinity(name, dtype):
    function, values, slopes = AT_INFINITY[name]
    x = torch.tensor([math.inf, -math.inf], dtype=getattr(torch, dtype), requires_grad=True)
    y = function(x)
    (g,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(y.tolist(), values, rtol=0.01)
    np.testing.assert_allclose(g.tolist(), slopes, rtol=0.01)
    np.testing.assert_array_equal(second.tolist(), [0.0, 0.0])


def test_activations_of_the_largest_numbers():
    x = torch.tensor([3e38, -3e38])
    for function in (F.gelu, F.silu, F.mish, F.hardswish):
        np.testing.assert_array_equal(function(x), [np.float32(3e38), -0.0])


def test_the_slope_of_softsign_far_out():
    x = torch.tensor([710.0, 1e6], requires_grad=True)
    F.softsign(x).sum().backward()
    np.testing.assert_allclose(x.grad, [1 / 711**2, 1 / 1000001.0**2], rtol=3e-7)
