"""Hyperbolic functions, logarithms of sums, and hypot, against mpmath."""

import mpmath
import numpy as np
import pytest

from flambeau import kernels
from tests.kernels.accuracy import assert_same, edges, native, ulps

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LIMITS = {  # the worst error seen, rounded up: (float32, float64)
    "sinh": (2.0, 2.5),
    "cosh": (2.0, 1.5),
    "asinh": (2.0, 2.0),
    "acosh": (2.0, 2.5),
    "atanh": (2.0, 2.0),
}


def arguments(name: str, dtype: type) -> np.ndarray:
    rng = np.random.default_rng(5)
    top = 37 if dtype is np.float32 else 300
    x = [rng.standard_normal(300) * s for s in (1e-30, 1e-8, 1e-3, 0.3, 1, 10, 100)]
    x += [10.0 ** rng.uniform(-top, top, 400), np.linspace(-3, 3, 201)]
    if name == "acosh":
        return (1 + np.abs(np.concatenate(x))).astype(dtype)
    if name == "atanh":
        near = 1 - 10.0 ** rng.uniform(-6, 0, 300)
        x = [rng.uniform(-1, 1, 600), near, -near, rng.uniform(-1, 1, 200) * 1e-9]
    return np.concatenate(x).astype(dtype)


@TYPES
@pytest.mark.parametrize("name", LIMITS)
def test_error_is_within_its_limit(name: str, dtype: type) -> None:
    x = arguments(name, dtype)
    x = x[np.abs(x) < 1] if name == "atanh" else x
    with mpmath.workdps(60):
        exact = [getattr(mpmath, name)(mpmath.mpf(v)) for v in x.tolist()]
    assert ulps(native(name, dtype)(x), exact) <= LIMITS[name][dtype is np.float64]


@TYPES
@pytest.mark.parametrize("name", LIMITS)
def test_edges_are_numpys(name: str, dtype: type) -> None:
    x = edges(dtype)
    ufunc = {"asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh}.get(name)
    with np.errstate(all="ignore"):
        assert_same(native(name, dtype)(x), (ufunc or getattr(np, name))(x), 4)


@TYPES
def test_sinh_and_cosh_reach_the_largest_number(dtype: type) -> None:
    x = np.log(np.finfo(dtype).max).astype(dtype) + dtype(0.5)
    want = float(np.exp(np.longdouble(x)) / 2)
    for name in ("sinh", "cosh"):
        got = native(name, dtype)(np.array([x]))
        np.testing.assert_allclose(got, [want], rtol=1e-6 if dtype is np.float32 else 1e-14)


@TYPES
@pytest.mark.parametrize("name", ["logaddexp", "logaddexp2"])
def test_logarithm_of_a_sum(name: str, dtype: type) -> None:
    rng = np.random.default_rng(6)
    x, y = (np.abs(rng.standard_normal((2, 500))) * [[10], [30]]).astype(dtype)
    base = 2 if name == "logaddexp2" else mpmath.e
    exact = [
        mpmath.log(mpmath.power(base, a) + mpmath.power(base, b), base)
        for a, b in zip(x.tolist(), y.tolist())
    ]
    assert ulps(native(name, dtype, 2)(x, y), exact) <= 2.0
    x, y = np.meshgrid(np.array([0, 1, -1, 90, 1e30, -1e30, np.inf, -np.inf, np.nan], dtype), x[:9])
    x, y = x.ravel().copy(), y.ravel().copy()
    y[:18] = np.repeat(np.array([np.inf, -np.inf], dtype), 9)
    with np.errstate(all="ignore"):
        assert_same(native(name, dtype, 2)(x, y), getattr(np, name)(x, y), 4)


@TYPES
def test_hypot_neither_overflows_nor_underflows(dtype: type) -> None:
    rng = np.random.default_rng(7)
    top = 37 if dtype is np.float32 else 300
    x, y = rng.standard_normal((2, 500)) * 10.0 ** rng.uniform(-top, top, 500)
    x, y = x.astype(dtype), y.astype(dtype)
    exact = [mpmath.hypot(a, b) for a, b in zip(x.tolist(), y.tolist())]
    assert ulps(native("hypot", dtype, 2)(x, y), exact) <= 1.0
    x, y = (v.ravel().copy() for v in np.meshgrid(edges(dtype), edges(dtype)))
    with np.errstate(all="ignore"):
        assert_same(native("hypot", dtype, 2)(x, y), np.hypot(x, y), 1)
