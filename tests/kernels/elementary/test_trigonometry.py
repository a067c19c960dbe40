"""Sine, cosine, tangent and their inverses, against mpmath; huge arguments against many digits of pi."""

import mpmath
import numpy as np
import pytest

from flambeau import kernels
from tests.kernels.accuracy import assert_same, edges, native, ulps

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
LIMITS = {  # the worst error seen, rounded up: (float32, float64)
    "sin": (1.5, 1.0),
    "cos": (1.5, 1.0),
    "tan": (2.0, 2.0),
    "asin": (1.5, 1.5),
    "acos": (1.5, 1.0),
    "atan": (2.0, 2.0),
}
# Where a float64 comes closest to a multiple of pi / 2, and where digits of 2 / pi run out first.
CLOSEST = [6381956970095103.0 * 2.0**797, 2.0**1023, 1.0e22, 2.0**30, 2.0**30 + 1, 1.5 * 2.0**31]


def arguments(name: str, dtype: type) -> np.ndarray:
    rng = np.random.default_rng(3)
    top = 37 if dtype is np.float32 else 300
    if name in ("asin", "acos"):
        near = 1 - 10.0 ** rng.uniform(-7, 0, 200)
        values = [rng.uniform(-1, 1, 600), near, -near, 10.0 ** rng.uniform(-top, 0, 100)]
    else:
        values = [rng.standard_normal(200) * s for s in (1e-30, 1e-8, 1e-3, 0.3, 1, 10, 1e3, 1e8)]
        values += [10.0 ** rng.uniform(-top, top, 500), np.linspace(-3, 3, 201)]
        values += [np.arange(-40, 41) * np.pi / 4]
    return np.concatenate(values).astype(dtype)


@TYPES
@pytest.mark.parametrize("name", LIMITS)
def test_error_is_within_its_limit(name: str, dtype: type) -> None:
    x = arguments(name, dtype)
    with mpmath.workdps(400):
        exact = [getattr(mpmath, name)(mpmath.mpf(v)) for v in x.tolist()]
    assert ulps(native(name, dtype)(x), exact) <= LIMITS[name][dtype is np.float64]


@TYPES
@pytest.mark.parametrize("name", LIMITS)
def test_edges_are_numpys(name: str, dtype: type) -> None:
    x = edges(dtype)
    ufunc = {"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan}.get(name)
    with np.errstate(all="ignore"):
        assert_same(native(name, dtype)(x), (ufunc or getattr(np, name))(x), 4)


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_float32_near_multiples_of_half_pi(name: str) -> None:
    n = np.unique(np.geomspace(1, 2**22, 2000).astype(np.int64))
    x = (n * (np.pi / 2)).astype(np.float32)
    x = np.concatenate([x, np.nextafter(x, np.float32(0)), -x])
    with mpmath.workdps(60):
        exact = [getattr(mpmath, name)(mpmath.mpf(v)) for v in x.tolist()]
    assert ulps(native(name, np.float32)(x), exact) <= LIMITS[name][0]


@pytest.mark.parametrize("name", ["sin", "cos", "tan"])
def test_huge_arguments(name: str) -> None:
    x = np.array([*CLOSEST, *(-v for v in CLOSEST)])
    with mpmath.workdps(700):
        exact = [getattr(mpmath, name)(mpmath.mpf(v)) for v in x.tolist()]
    assert ulps(native(name, np.float64)(x), exact) <= LIMITS[name][1]


def test_a_huge_lane_leaves_its_neighbours_alone() -> None:
    sin = native("sin", np.float64)
    x = np.linspace(-9, 9, 37)
    alone = sin(x)
    x[5::7] = 1e300
    beside = sin(x)
    kept = x != 1e300
    np.testing.assert_array_equal(beside[kept], alone[kept])
    np.testing.assert_allclose(beside[~kept], -0.8178819121159085, rtol=1e-15)


@TYPES
def test_atan2(dtype: type) -> None:
    rng = np.random.default_rng(4)
    y, x = rng.standard_normal((2, 600)) * 10.0 ** rng.uniform(-30, 30, (2, 600))
    x[:300] = y[:300] * rng.uniform(-3, 3, 300)
    y, x = y.astype(dtype), x.astype(dtype)
    exact = [mpmath.atan2(mpmath.mpf(a), mpmath.mpf(b)) for a, b in zip(y.tolist(), x.tolist())]
    assert ulps(native("atan2", dtype, 2)(y, x), exact) <= 2.0
    y, x = (v.ravel().copy() for v in np.meshgrid(edges(dtype), edges(dtype)))
    assert_same(native("atan2", dtype, 2)(y, x), np.arctan2(y, x), 4)
