"""Elementary functions: values, aliases and gradients (recorded from PyTorch)."""

import math

import mpmath
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


def slopes(function, *values, dtype=torch.float64):
    """What each operand receives of the sum."""
    operands = [torch.tensor(v, dtype=dtype, requires_grad=True) for v in values]
    function(*operands).sum().backward()
    return [x.grad.tolist() for x in operands]


INFINITY = math.inf
SHARES = {
    (1e8, 1e8): (0.5, 0.5),
    (-1e5, -1e5): (0.5, 0.5),
    (30000.0, 30001.0): (0.2689414213699951, 0.7310585786300049),
    (INFINITY, 1.0): (1.0, 0.0),
    (1.0, -INFINITY): (1.0, 0.0),
    (INFINITY, INFINITY): (0.5, 0.5),
    (-INFINITY, -INFINITY): (0.5, 0.5),
    (-80.0, 0.0): (1.8048513878454153e-35, 1.0),
}
"""The gradient of logaddexp: the softmax of its operands."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("at", "wanted"), SHARES.items())
def test_logaddexp_shares_by_the_difference(at, wanted, dtype):
    got = slopes(torch.logaddexp, *([v] for v in at), dtype=dtype)
    np.testing.assert_allclose(np.ravel(got), wanted, rtol=1e-6)
    both = [v * 2**20 for v in at] if 1e5 in map(abs, at) else at
    scaled = slopes(torch.logaddexp2, *([v] for v in both), dtype=dtype)
    if at[0] == at[1] or INFINITY in map(abs, at):
        np.testing.assert_allclose(np.ravel(scaled), wanted)


def test_the_second_derivatives_of_logaddexp():
    x = torch.tensor([0.0, 1e9, 3.0, INFINITY], dtype=torch.float64, requires_grad=True)
    y = torch.tensor([0.0, 1e9, 1.0, INFINITY], dtype=torch.float64)
    (g,) = torch.autograd.grad(torch.logaddexp(x, y).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(g.sum(), x)
    np.testing.assert_allclose(second, [0.25, 0.25, 0.10499358540350652, 0.0], rtol=1e-12)


def test_logaddexp_carries_tangents_at_large_values():
    x = torch.tensor([1e8])
    _, tangent = torch.func.jvp(torch.logaddexp, (x, x), (torch.ones(1), torch.zeros(1)))
    assert tangent.item() == 0.5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_angle_and_the_length_have_a_gradient_everywhere(dtype):
    far = 1e25
    x, y = [0.0, 1.0, 1e-30, INFINITY, 1.0, far], [0.0, 2.0, 0.0, 1.0, INFINITY, far]
    angle = slopes(torch.atan2, x, y, dtype=dtype)
    by_x = [0.0, 0.4, 0.0, 0.0, 0.0, 0.5 / far]
    by_y = [0.0, -0.2, -1e30, 0.0, 0.0, -0.5 / far]
    np.testing.assert_allclose(angle, [by_x, by_y], rtol=1e-6)
    length = slopes(torch.hypot, x, y, dtype=dtype)
    root = math.sqrt(0.5)
    np.testing.assert_allclose(
        length,
        [[0, math.sqrt(0.2), 1, 1, 0, root], [0, 2 * math.sqrt(0.2), 0, 0, 1, root]],
        rtol=1e-6,
    )


@pytest.mark.parametrize(
    ("function", "at", "dtype", "wanted"),
    [
        (torch.exp2, 1024.0, torch.float64, 1.246065927941784e308),
        (torch.exp2, 128.0, torch.float32, 2.3586566e38),
        (lambda x: 2.0**x, 1024.0, torch.float64, 1.246065927941784e308),
        (lambda x: torch.tensor(2.0) ** x, 128.0, torch.float32, 2.3586566e38),
        (torch.expm1, -20.0, torch.float32, 2.0611537e-09),
        (torch.asinh, 1e30, torch.float32, 1e-30),
        (torch.acosh, 1e30, torch.float32, 1e-30),
        (torch.log10, 2e38, torch.float32, 2.1714724e-39),
        (lambda x: x**-2, 0.0, torch.float32, -INFINITY),
        (lambda x: x**-2, INFINITY, torch.float32, 0.0),
    ],
)
def test_slopes_up_to_the_last_number(function, at, dtype, wanted):
    assert slopes(function, [at], dtype=dtype)[0][0] == pytest.approx(wanted, rel=1e-6)


def sinc_slope(x):
    """In 150 digits, of which the difference takes up to 90."""
    with mpmath.workdps(150):
        q = mpmath.pi * mpmath.mpf(x)
        return float((mpmath.cos(q) - mpmath.sin(q) / q) / q * mpmath.pi) if x else 0.0


@pytest.mark.parametrize(("dtype", "rough"), [(torch.float32, 2e-6), (torch.float64, 1e-14)])
def test_the_slope_of_sinc_near_zero(dtype, rough):
    x = torch.tensor([0.0, 1e-30, 1e-20, 1e-5, 1e-3, 0.1, 0.7, -0.01], dtype=dtype)
    want = [sinc_slope(v) for v in x.tolist()]
    np.testing.assert_allclose(slopes(torch.sinc, x.tolist(), dtype=dtype)[0], want, rtol=rough)
    (tiny,) = slopes(torch.sinc, [1e-45], dtype=dtype)
    assert abs(tiny[0]) < 1e-44
    second = torch.func.hessian(lambda x: torch.sinc(x).sum())(x[:1])
    np.testing.assert_allclose(second, [[-(math.pi**2) / 3]], rtol=rough)


@pytest.mark.parametrize(("name", "at"), [("erf", 3e38), ("erfc", -INFINITY), ("erf", INFINITY)])
def test_the_second_derivative_of_a_flat_end(name, at):
    x = torch.tensor([at], requires_grad=True)
    (g,) = torch.autograd.grad(getattr(torch, name)(x), x, create_graph=True)
    assert torch.autograd.grad(g, x)[0].item() == 0.0


def test_lgamma_at_its_poles_and_of_tiny_numbers():
    x = torch.tensor([0.0, -3.0, -1e300, 5e-324, -1e-310, -INFINITY], dtype=torch.float64)
    want = [INFINITY] * 3 + [744.4400719213812, 713.801378828154, INFINITY]
    np.testing.assert_allclose(torch.lgamma(x), want, rtol=1e-13)
