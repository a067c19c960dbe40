"""The incomplete gamma functions' kernels beside mpmath and beside the functions of NumPy's arithmetic."""

import math

import mpmath
import numpy as np
import pytest

import flambeau as torch
from flambeau.formula.special import incomplete_gamma

INF, NAN = math.inf, math.nan
FUNCTIONS = {False: (torch.special.gammainc, incomplete_gamma.lower),
             True: (torch.special.gammaincc, incomplete_gamma.upper)}  # fmt: skip


def pairs() -> np.ndarray:
    """Both sides of x = a + 1, of a = 10 and of the expansion for large a."""
    near = [
        (a, a * r)
        for a in (0.01, 0.3, 0.5, 2.0, 9.9, 10.1, 300.0, 9e6)
        for r in (0.2, 0.97, 1.02, 3)
    ]
    return np.array([*near, (1e8, 1.0001e8), (2e7, 1.9999e7), (1e-3, 1e-9), (40.0, 100.0)])


@pytest.mark.parametrize("above", [False, True])
def test_values_are_those_of_mpmath(above):
    a, x = pairs()[[*range(28), -2, -1]].T
    got = FUNCTIONS[above][0](torch.from_numpy(a), torch.from_numpy(x)).numpy()
    with mpmath.workdps(30):
        ends = (lambda v: (v, mpmath.inf)) if above else (lambda v: (0, v))
        want = [float(mpmath.gammainc(p, *ends(q), regularized=True)) for p, q in zip(a, x)]
    np.testing.assert_allclose(got, want, rtol=2e-12, atol=1e-300)


@pytest.mark.parametrize("above", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_agree_with_numpys_arithmetic(above, dtype):
    a, x = pairs().astype(dtype).T
    function, plain = FUNCTIONS[above]
    got = function(torch.from_numpy(a), torch.from_numpy(x)).numpy()
    assert got.dtype == dtype
    np.testing.assert_allclose(got, plain(a, x), rtol=2e-7 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("above", [False, True])
def test_ends(above):
    ends = np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 1e8, 1e-300, 5.0])
    a, x = (grid.ravel() for grid in np.meshgrid(ends, ends))
    function, plain = FUNCTIONS[above]
    with np.errstate(all="ignore"):
        want = plain(a, x)
    np.testing.assert_allclose(
        function(torch.from_numpy(a), torch.from_numpy(x)).numpy(), want, rtol=1e-13
    )


def test_each_element_is_alone():
    """A loop goes on for as long as a lane needs it, and leaves the others' results as they were."""
    a, x = pairs().T
    function = torch.special.gammainc
    whole = function(torch.from_numpy(a), torch.from_numpy(x)).numpy()
    each = [function(torch.tensor([p]), torch.tensor([q])).item() for p, q in zip(a, x)]
    np.testing.assert_array_equal(whole, each)
