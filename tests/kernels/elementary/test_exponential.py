"""The machine code's elementary functions against mpmath and float64, in units in the last place."""

import math

import mpmath
import numpy as np
import pytest

import flambeau as torch
from flambeau import kernels
from tests.kernels.accuracy import native, ulps

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")

LIMITS = {
    # function: (float32, float64), the worst error seen rounded up
    "exp": (1.0, 1.0),
    "exp2": (1.0, 1.0),
    "expm1": (1.5, 2.0),
    "log": (1.0, 1.0),
    "log1p": (1.5, 1.5),
    "log2": (2.0, 1.0),
    "log10": (2.0, 1.0),
    "tanh": (2.0, 2.5),
    "erf": (1.5, 8.0),
    "erfc": (4.0, 20.0),
}
EDGES = [0.0, -0.0, np.inf, -np.inf, np.nan]


def samples(name: str, dtype: np.dtype) -> np.ndarray:
    rng = np.random.default_rng(7)
    facts = np.finfo(dtype)
    scales = [1e-30, 1e-8, 1e-3, 0.3, 1.0, 10.0, 100.0, 1000.0]
    values = np.concatenate([rng.standard_normal(300) * scale for scale in scales])
    dense = np.linspace(-3, 3, 601)
    tiny = np.array(
        [facts.tiny, -facts.tiny, facts.smallest_subnormal, 7 * facts.smallest_subnormal]
    )
    values = np.concatenate([values, dense, tiny, [facts.max, -facts.max]])
    if name in ("log", "log2", "log10"):
        values = np.abs(values)
    elif name.startswith("erf"):
        values = values[np.abs(values) < 1000]
    elif name == "log1p":
        values = np.where(values < -1, -1 + np.exp(-np.abs(values)), values)
    return values.astype(dtype)


def reference(name: str, x: float) -> mpmath.mpf:
    others = {"exp2": lambda v: mpmath.power(2, v), "log2": lambda v: mpmath.log(v, 2)}
    function = others.get(name) or getattr(mpmath, name)
    return function(mpmath.mpf(x))


def worst(got: np.ndarray, name: str, x: np.ndarray) -> float:
    with mpmath.workdps(40):
        return ulps(got, [reference(name, v) for v in x.tolist()])


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_error_is_within_its_limit(name: str, dtype: type) -> None:
    x = samples(name, np.dtype(dtype))
    assert worst(native(name, dtype)(x), name, x) <= LIMITS[name][dtype is np.float64]


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_edges_are_numpys(name: str, dtype: type) -> None:
    x = np.array(EDGES, dtype)
    got = native(name, dtype)(x)
    with np.errstate(all="ignore"):
        want = (
            np.vectorize(getattr(math, name))(x)
            if name in ("erf", "erfc")
            else getattr(np, name)(x)
        )
    np.testing.assert_array_equal(got, want)
    assert np.array_equal(np.signbit(got[~np.isnan(got)]), np.signbit(want[~np.isnan(want)]))


def test_overflow_and_underflow_of_exp() -> None:
    exp = native("exp", np.float32)
    x = np.array([88.72, 88.73, 200, -87.4, -103.2, -104.5, -200], np.float32)
    with np.errstate(all="ignore"):
        want = np.exp(x.astype(np.float64)).astype(np.float32)
    got = exp(x)
    assert np.isinf(got[1:3]).all()
    assert got[-1] == 0
    np.testing.assert_allclose(got, want, rtol=2e-7, atol=1.5e-45)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logarithms_of_powers_are_exact(dtype: type) -> None:
    n = np.arange(-149 if dtype is np.float32 else -1074, 127)
    np.testing.assert_array_equal(native("log2", dtype)(np.ldexp(dtype(1), n)), n)
    n = np.arange(0, 11 if dtype is np.float32 else 23)
    np.testing.assert_array_equal(native("log10", dtype)(np.power(10.0, n).astype(dtype)), n)


def test_the_normal_distribution_keeps_its_tail() -> None:
    x = np.concatenate([np.linspace(-12.9, 6, 1501), [-1e-30, 1e-30, 0.0]]).astype(np.float32)
    with mpmath.workdps(40):
        exact = [mpmath.ncdf(mpmath.mpf(v)) for v in x.tolist()]
    ndtr = native("ndtr", np.float32)
    assert ulps(ndtr(x), exact) <= 4.0
    edges = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], np.float32)
    np.testing.assert_array_equal(ndtr(edges), np.array([0.5, 0.5, 1, 0, np.nan], np.float32))


def test_the_measure_sees_an_error_of_two_units() -> None:
    x = samples("exp", np.dtype(np.float32))
    good = native("exp", np.float32)(x)
    bad = np.nextafter(np.nextafter(good, np.float32(np.inf)), np.float32(np.inf))
    assert worst(bad, "exp", x) > LIMITS["exp"][0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logarithms_at_the_edges_of_segments(dtype):
    """Near each edge, near 1, and beside numbers that are not normal, in vectors of every length."""
    edges = np.array([0.69921875 + i / 32 for i in range(10)] + [1 + i / 64 for i in range(30)])
    near = np.concatenate([np.nextafter(edges.astype(dtype), d).astype(dtype) for d in (0, 2)])
    x = np.concatenate([near, edges.astype(dtype), near * dtype(2.0**-100), 1 / near])
    for ours, theirs in ((torch.log, np.log), (torch.log2, np.log2), (torch.log10, np.log10)):
        want = theirs(x.astype(np.longdouble)).astype(dtype)
        given = ours(torch.from_numpy(x)).numpy()
        assert (np.abs(given - want) <= np.spacing(np.abs(want))).all()
        ends = np.array(
            [0.0, -0.0, np.inf, -1.0, np.nan, np.finfo(dtype).smallest_subnormal], dtype
        )
        for n in (1, 5, 8, 17, 64):
            y = np.resize(np.concatenate([x[:3], ends]), n)
            with np.errstate(all="ignore"):
                want = theirs(y.astype(np.float64)).astype(dtype)
            np.testing.assert_allclose(ours(torch.from_numpy(y)).numpy(), want, rtol=4e-7)


def test_error_function_of_float64():
    x = np.linspace(-7, 7, 40_001)
    want = np.array([math.erf(v) for v in x])
    given = torch.erf(torch.from_numpy(x)).numpy()
    assert (np.abs(given - want) <= 2 * np.spacing(np.abs(want))).all()
    assert (np.abs(given) <= 1).all()
    ends = torch.erf(torch.tensor([0.0, -0.0, math.inf, -math.inf, math.nan], dtype=torch.float64))
    np.testing.assert_array_equal(ends.numpy(), [0.0, -0.0, 1.0, -1.0, math.nan])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_inverse_of_the_error_function_near_and_far(dtype):
    x = torch.linspace(-0.9999, 0.9999, 5001, dtype=torch.float64).to(dtype)
    back = torch.erf(torch.erfinv(x).double())
    torch.testing.assert_close(
        back, x.double(), rtol=2e-7 if dtype is torch.float32 else 1e-14, atol=0
    )
    ends = torch.erfinv(torch.tensor([1.0, -1.0, 1.5, math.nan, 0.0], dtype=dtype))
    np.testing.assert_array_equal(ends.numpy(), [math.inf, -math.inf, math.nan, math.nan, 0.0])
