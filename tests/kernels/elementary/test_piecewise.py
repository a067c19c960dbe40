"""gelu's factor from a table of polynomials, held against the complementary error function."""

import math

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.kernels.elementary import piecewise

F = torch.nn.functional


def exact(x: np.ndarray) -> np.ndarray:
    return np.array([0.5 * math.erfc(-v * math.sqrt(0.5)) for v in x.astype(np.float64)])


def test_gelu_is_right_to_a_few_units_and_keeps_its_tail():
    x = np.linspace(-5.9, 12, 60_001, dtype=np.float32)
    wanted = x.astype(np.float64) * exact(x)
    found = F.gelu(torch.from_numpy(x)).numpy()
    errors = np.abs(found - wanted) / np.spacing(np.abs(wanted).astype(np.float32))
    assert errors[x > -3].max() < 20
    assert errors.max() < 400  # of PyTorch's result at -5 no digit is right


def test_gelu_far_out():
    x = torch.tensor([-math.inf, -1e30, -7.0, -6.0, 6.0, 1e30, math.inf, math.nan, 0.0, -0.0])
    y = F.gelu(x)
    assert (y[1:4].abs() < 1e-8).all()
    assert (y[4:7] == x[4:7]).all()
    assert y[7].isnan()
    assert (y[8:] == 0).all()


def test_its_gradient():
    x = np.linspace(-7, 7, 5001, dtype=np.float32)
    t = torch.from_numpy(x).requires_grad_()
    F.gelu(t).sum().backward()
    wide = x.astype(np.float64)
    wanted = exact(x) + wide * np.exp(-wide * wide / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(t.grad.numpy(), wanted, atol=4e-7)


@pytest.mark.parametrize("degree", [3, 6])
def test_the_polynomials_meet_their_function(degree):
    """Between the points where they were fitted; a wrong segment or order of powers shows."""
    table = piecewise.coefficients(math.cos, 8.0, degree)
    assert len(table) == degree + 1
    bound = 2e-7 if degree == 6 else 2e-4
    for x in np.linspace(0, 7.999, 1001):
        at = x / 8 * piecewise.SEGMENTS
        row, t = int(at), at - int(at)
        value = sum(powers[row] * t**k for k, powers in enumerate(table))
        assert abs(value - math.cos(x)) < bound


@pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
def test_other_vectors_use_the_distribution_function():
    """Both forms give the same, but for rounding."""
    x = torch.linspace(-5, 5, 4001)
    np.testing.assert_allclose(
        F.gelu(x).numpy(), (x * torch.special.ndtr(x)).numpy(), rtol=2e-5, atol=1e-7
    )
