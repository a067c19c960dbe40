"""Polynomials to degrees of each element, held against NumPy's walk of the recurrence and against closed forms."""

import math

import numpy as np
import pytest

import flambeau as torch

NAMES = [
    *(f"{shifted}chebyshev_polynomial_{kind}" for shifted in ("", "shifted_") for kind in "tuvw"),
    "hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p",
]  # fmt: skip
CLOSED = {
    "chebyshev_polynomial_t": lambda x: 16 * x**5 - 20 * x**3 + 5 * x,
    "chebyshev_polynomial_u": lambda x: 32 * x**5 - 32 * x**3 + 6 * x,
    "hermite_polynomial_h": lambda x: 32 * x**5 - 160 * x**3 + 120 * x,
    "hermite_polynomial_he": lambda x: x**5 - 10 * x**3 + 15 * x,
    "laguerre_polynomial_l": lambda x: (
        (-(x**5) + 25 * x**4 - 200 * x**3 + 600 * x**2 - 600 * x + 120) / 120
    ),
    "legendre_polynomial_p": lambda x: (63 * x**5 - 70 * x**3 + 15 * x) / 8,
}


@pytest.mark.parametrize("name", sorted(CLOSED))
def test_degree_five(name):
    x = np.linspace(-1.5, 1.5, 41)
    found = getattr(torch.special, name)(torch.tensor(x), 5).numpy()
    np.testing.assert_allclose(found, CLOSED[name](x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(0,), (3, 5), (33,), (3, 40_001)])
def test_each_element_has_its_degree(name, dtype, shape):
    """One degree after the other gives the same bits; threads change nothing."""
    rng = np.random.default_rng(0)
    x, n = rng.normal(size=shape).astype(dtype), rng.integers(0, 7, shape).astype(dtype)
    f = getattr(torch.special, name)
    want = np.zeros_like(x)
    for degree in range(7):
        want = np.where(n == degree, f(torch.tensor(x), degree).numpy(), want)
    threads = torch.get_num_threads()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            np.testing.assert_array_equal(f(torch.tensor(x), torch.tensor(n)).numpy(), want)
    finally:
        torch.set_num_threads(threads)


def test_degrees_that_are_no_whole_numbers_of_this_size():
    x = torch.full((7,), 0.5)
    n = torch.tensor([math.nan, math.inf, -math.inf, -1.0, 2.9, 3000.0, 2048.0])
    found = torch.special.legendre_polynomial_p(x, n).tolist()
    assert found[:4] == [0, 0, 0, 0]
    assert found[4] == pytest.approx(-0.125)  # of degree 2
    assert math.isnan(found[5])
    assert abs(found[6]) < 0.05


def test_layouts_dtypes_and_numbers():
    f = torch.special.hermite_polynomial_he
    x = torch.arange(12.0).view(3, 4)
    want = (x * x - 1).tolist()
    assert f(x, 2).tolist() == want
    assert f(x.t(), 2).t().tolist() == want
    assert f(x, torch.full((4,), 2.0)).tolist() == want
    assert f(x, torch.tensor(2)).tolist() == want
    assert f(x.long(), 2).tolist() == want
    assert f(x.bfloat16(), 2).dtype is torch.bfloat16
    assert f(torch.tensor(3.0), 2).tolist() == 8.0
    assert f(3, torch.tensor([0.0, 1.0, 2.0])).tolist() == [1, 3, 8]
    out = torch.zeros(3, 4)
    assert f(x, 2, out=out) is out
    assert out.tolist() == want
    special = torch.tensor([math.nan, math.inf, -0.0])
    assert str(f(special, 1).tolist()) == "[nan, inf, -0.0]"
