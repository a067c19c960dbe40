"""Special functions against 40-digit values."""

import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from flambeau.formula.evaluate import compile_program
from flambeau.formula.expression import symbol
from flambeau.formula.program import Program
from flambeau.formula.special import bessel, incomplete_gamma, special

mp = pytest.importorskip("mpmath")

NEAR = np.concatenate([np.linspace(-6, 6, 31) + 0.013, [1e-8, 1e-3]])
RIGHT = np.linspace(0.05, 30, 31)
UNIT = np.linspace(-0.99, 0.99, 23)
FAR = np.array([-0.4, -3.3, -15.7, -16.3, -30.25, -100.6])


def compute(function, points):
    x = symbol("x")
    with np.errstate(all="ignore"):  # operations silence NumPy around their kernels
        return compile_program(Program((x,), (function(x),)), np, np.float64)(points)


@pytest.mark.parametrize(
    ("function", "reference", "points"),
    [
        (special.erf, mp.erf, NEAR),
        (special.erfc, mp.erfc, np.append(NEAR, [10.0, 20.0, 26.0])),
        (special.erfcx, lambda q: mp.exp(q * q) * mp.erfc(q), np.append(NEAR, [10.0, 20.0])),
        (special.ndtr, mp.ncdf, NEAR),
        (special.log_ndtr, lambda q: mp.log(mp.ncdf(q)), np.append(NEAR, [-20.0, -35.0])),
        (special.erfinv, mp.erfinv, np.append(UNIT, 1 - 1e-10)),
        (special.ndtri, lambda q: mp.sqrt(2) * mp.erfinv(2 * q - 1), np.append(UNIT[12:], 1e-10)),
        (special.lgamma, lambda q: mp.log(abs(mp.gamma(q))), np.append(RIGHT, 0.33 - RIGHT)),
        (special.digamma, mp.digamma, np.append(RIGHT, 0.33 - RIGHT)),
        (
            lambda x: special.polygamma(1, x),
            lambda q: mp.polygamma(1, q),
            np.append(RIGHT, 0.33 - RIGHT),
        ),
        (lambda x: special.polygamma(3, x), lambda q: mp.polygamma(3, q), RIGHT),
        (bessel.i0, lambda q: mp.besseli(0, q), RIGHT),
        (bessel.i1, lambda q: mp.besseli(1, q), RIGHT),
        (bessel.i1e, lambda q: mp.besseli(1, q) * mp.exp(-abs(q)), -RIGHT),
        (bessel.bessel_j0, lambda q: mp.besselj(0, q), RIGHT),
        (bessel.bessel_j1, lambda q: mp.besselj(1, q), -RIGHT),
        (bessel.bessel_y0, lambda q: mp.bessely(0, q), RIGHT),
        (bessel.bessel_y1, lambda q: mp.bessely(1, q), RIGHT),
        (bessel.bessel_k0, lambda q: mp.besselk(0, q), RIGHT),
        (bessel.bessel_k1, lambda q: mp.besselk(1, q), RIGHT),
        (bessel.airy_ai, mp.airyai, np.linspace(-20, 10, 31) + 0.01),
        (
            special.lgamma,
            lambda q: mp.log(abs(mp.gamma(q))),
            1 + np.array([-1e-3, 1e-9, 1e-3, 0.999]),
        ),
        (special.digamma, mp.digamma, FAR),
        *(
            (lambda x, n=n: special.polygamma(n, x), lambda q, n=n: mp.polygamma(n, q), FAR)
            for n in (1, 2, 3, 4)
        ),
    ],
)
def test_special_function_matches_high_precision(function, reference, points):
    with mp.workdps(40):
        expected = np.array([float(mp.re(reference(mp.mpf(float(q))))) for q in points])
    np.testing.assert_allclose(compute(function, points), expected, rtol=4e-14, atol=1e-14)


@pytest.mark.parametrize("p", [1e-300, 1e-100, 1e-30, 1e-15, 1e-11])
def test_the_tail_of_the_normal_quantile(p):
    (q,) = compute(special.ndtri, np.array([p]))
    with mp.workdps(40):
        below = mp.erfc(-mp.mpf(float(q)) / mp.sqrt(2)) / 2
        slope = abs(q)  # of the logarithm of the probability by q, in the far tail
        assert abs(mp.log(below / mp.mpf(p))) < 1e-14 * slope * abs(q)


@pytest.mark.parametrize("a", [0.1, 1.0, 2.5, 10.0, 100.0, 3000.0])
def test_incomplete_gamma_functions(a):
    x = a * np.array([0.3, 0.9, 1.0, 1.1, 2.0, 5.0])
    for function, arguments in (
        (incomplete_gamma.lower, lambda q: (0, q)),
        (incomplete_gamma.upper, lambda q: (q, mp.inf)),
    ):
        with mp.workdps(30):
            want = [float(mp.gammainc(a, *arguments(q), regularized=True)) for q in x]
        np.testing.assert_allclose(function(np.full(6, a), x), want, rtol=1e-12, atol=1e-200)
    narrow = incomplete_gamma.lower(np.full(6, a, np.float32), x.astype(np.float32))
    assert narrow.dtype == np.float32
    edges = incomplete_gamma.lower(
        np.array([0, 1, np.inf, 1, -1.0]), np.array([1, 0, 1, np.inf, 1.0])
    )
    np.testing.assert_array_equal(edges, [1, 0, 0, 1, np.nan])


@pytest.mark.parametrize(
    ("function", "reference", "at"),
    [
        ("i0", lambda q: mp.besseli(0, q), 713.9),
        ("i1", lambda q: mp.besseli(1, q), -713.9),
        ("i1", lambda q: mp.besseli(1, q), 91.9),
        ("modified_bessel_i0", lambda q: mp.besseli(0, q), 91.9),
        ("bessel_j0", lambda q: mp.besselj(0, q), 1e8),
        ("bessel_y1", lambda q: mp.bessely(1, q), 1e8),
        ("modified_bessel_k0", lambda q: mp.besselk(0, q), 1e-40),
        ("airy_ai", mp.airyai, -87.5),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_whole_range_of_bessel_functions(function, reference, at, dtype):
    x = torch.tensor([at], dtype=dtype)
    with mp.workdps(60):
        wanted = torch.tensor([float(reference(mp.mpf(x.item())))], dtype=torch.float64)
    rough = 1e-6 if dtype is torch.float32 and kernels.enabled() else 2e-3
    rough = 2e-12 if dtype is torch.float64 else rough
    got = getattr(torch.special, function)(x)
    np.testing.assert_allclose(got.double(), wanted.to(dtype).double(), rtol=rough)


@pytest.mark.parametrize("at", [713.0, -713.0, 20.0, 1e-10])
def test_the_slopes_of_i0_and_i1(at):
    """i1 and i0 - i1 / x, up to the last number."""
    x = torch.tensor([at], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(torch.special.i0(x), x, create_graph=True)
    (second,) = torch.autograd.grad(slope, x)
    (other,) = torch.autograd.grad(torch.special.i1(x), x)
    with mp.workdps(40):
        q = mp.mpf(at)
        wanted = float(mp.besseli(1, q)), float(mp.besseli(0, q) - mp.besseli(1, q) / q)
    np.testing.assert_allclose(
        [slope.item(), second.item(), other.item()], [*wanted, wanted[1]], 1e-13
    )


@pytest.mark.parametrize(
    ("a", "x", "lower", "upper"),
    [
        (1e20, 1e20, 0.5, 0.5),
        (1e12, 1e12 + 2e6, 0.9772498140608813, 0.0227501859391187),
        (1e30, 1.0, 0.0, 1.0),
        (1e-30, 0.5, 1.0, 5.597735947761608e-31),
        (0.1, 0.5, 0.9414024458901324, 0.05859755410986765),
        (0.0, np.nan, np.nan, np.nan),
    ],
)
def test_incomplete_gamma_functions_at_extremes(a, x, lower, upper):
    a, x = (np.array([v]) for v in (a, x))
    with np.errstate(all="ignore"):
        got = [f(a, x)[0] for f in (incomplete_gamma.lower, incomplete_gamma.upper)]
    np.testing.assert_allclose(got, [lower, upper], rtol=1e-9)


def test_the_expansion_for_large_arguments_continues_the_series():
    a = np.full(7, incomplete_gamma.LARGE)
    x = a + np.array([-9.0, -2, -0.1, 0, 0.1, 2, 9]) * np.sqrt(a)
    for above in (False, True):
        both = [incomplete_gamma._below(a, x, above), incomplete_gamma._beyond(a, x, above)]
        by_sum = np.where(x <= a + 1, *both)
        np.testing.assert_allclose(incomplete_gamma._about(a, x, above), by_sum, rtol=1e-10)
