"""Powers against mpmath, Python's integers and C's special cases."""

import mpmath
import numpy as np
import pytest

from flambeau import kernels
from tests.kernels.accuracy import assert_same, edges, native, ulps

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def operands(dtype: type) -> tuple[np.ndarray, np.ndarray]:
    """Bases of every size, with exponents up to where the power overflows."""
    rng = np.random.default_rng(8)
    top = 37 if dtype is np.float32 else 300
    x = np.concatenate([10.0 ** rng.uniform(-top, top, 600), 1 + 10.0 ** rng.uniform(-6, 0, 600)])
    y = rng.uniform(-1, 1, x.size) * np.log(np.finfo(dtype).max) / np.log(x)
    return x.astype(dtype), y.astype(dtype)


@TYPES
def test_error_is_within_its_limit(dtype: type) -> None:
    x, y = operands(dtype)
    exact = [mpmath.power(mpmath.mpf(a), mpmath.mpf(b)) for a, b in zip(x.tolist(), y.tolist())]
    assert ulps(native("power", dtype, 2)(x, y), exact) <= (0.6 if dtype is np.float32 else 1.5)


@TYPES
def test_special_cases_are_cs(dtype: type) -> None:
    x, y = (v.ravel().copy() for v in np.meshgrid(edges(dtype), edges(dtype)))
    with np.errstate(all="ignore"):
        assert_same(native("power", dtype, 2)(x, y), np.power(x, y), 1)


@TYPES
def test_integer_exponents_have_exact_signs_and_small_powers_are_exact(dtype: type) -> None:
    x, y = (v.ravel().astype(dtype) for v in np.meshgrid(np.arange(-9, 10), np.arange(0, 7)))
    want = [float(int(a) ** int(b)) for a, b in zip(x, y)]
    np.testing.assert_array_equal(native("power", dtype, 2)(x, y), np.array(want, dtype))


@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_integers_wrap_around(dtype: type) -> None:
    base, exponent = np.meshgrid([0, 1, -1, 2, -2, 3, -7, 10, 46341], [0, 1, 2, 3, 5, 31, 64, 101])
    x, y = base.ravel().astype(dtype), exponent.ravel().astype(dtype)
    bits = 8 * np.dtype(dtype).itemsize
    half = 1 << (bits - 1)
    want = [((int(a) ** int(b) + half) % (1 << bits)) - half for a, b in zip(x, y)]
    np.testing.assert_array_equal(native("integer_power", dtype, 2)(x, y), want)


def test_negative_exponents_of_integers_give_rounded_reciprocals() -> None:
    x = np.array([1, 1, -1, -1, 2, -3, 7, 0], np.int64)
    y = np.array([-1, -2, -1, -2, -1, -1, -3, -1], np.int64)
    got = native("integer_power", np.int64, 2)(x, y)
    assert got.tolist() == [1, 1, -1, 1, 0, 0, 0, 0]
