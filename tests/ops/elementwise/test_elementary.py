"""Elementary functions: values, aliases and gradients (recorded from PyTorch)."""

import math

import numpy as np
import pytest

import flambeau as torch
from flambeau.core.tensor import wrap_numpy


@pytest.mark.parametrize(
    ("name", "at", "value", "slope"),
    [
        ("exp", 0.5, 1.6487212707001282, 1.6487212707001282),
        ("sqrt", 4.0, 2.0, 0.25),
        ("rsqrt", 4.0, 0.5, -0.0625),
        ("sigmoid", 0.0, 0.5, 0.25),
        ("sinc", 0.0, 1.0, 0.0),
        ("log2", 8.0, 3.0, 1 / (8 * math.log(2))),
        ("arcsin", 0.5, math.pi / 6, 1 / math.sqrt(0.75)),
        ("rad2deg", math.pi, 180.0, 180 / math.pi),
        ("logit", 0.5, 0.0, 4.0),
        ("erf", 0.0, 0.0, 2 / math.sqrt(math.pi)),
        ("lgamma", 1.0, 0.0, -0.5772156649015329),
    ],
)
def test_value_and_slope(name, at, value, slope):
    x = wrap_numpy(np.array([at])).requires_grad_()
    y = getattr(torch, name)(x)
    y.backward(wrap_numpy(np.ones(1)))
    assert y.item() == pytest.approx(value, abs=1e-14)
    assert x.grad.item() == pytest.approx(slope, rel=1e-14, abs=1e-14)


def test_xlogy_is_zero_at_zero_even_where_the_logarithm_is_not():
    x, y = wrap_numpy(np.array([0.0, 0.0])), wrap_numpy(np.array([0.0, math.nan]))
    np.testing.assert_array_equal(torch.xlogy(x, y).tolist(), [0.0, math.nan])


def test_integers_become_floats():
    assert torch.exp(wrap_numpy(np.array([1]))).dtype == torch.float32


def test_the_old_name_of_reflected_division():
    assert torch.tensor([2.0, 4.0]).__rdiv__(1).tolist() == [0.5, 0.25]
