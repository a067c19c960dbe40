"""Division with a remainder, shifts and neighbours, exactly as NumPy and Python do it."""

import math

import numpy as np
import pytest

from flambeau import kernels
from tests.kernels.accuracy import assert_same, edges, native

pytestmark = pytest.mark.skipif(not kernels.enabled(), reason="kernels are off")
TYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
INTEGERS = pytest.mark.parametrize("dtype", [np.int32, np.int64])


def pairs(dtype: type) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(9)
    top = 37 if dtype is np.float32 else 300
    x, y = rng.standard_normal((2, 600)) * 10.0 ** rng.uniform(-top, top, (2, 600))
    x[:200], y[:200] = rng.standard_normal(200) * 10, rng.standard_normal(200)
    a, b = (v.ravel() for v in np.meshgrid(edges(dtype), edges(dtype)))
    return np.concatenate([x.astype(dtype), a]), np.concatenate([y.astype(dtype), b])


@TYPES
@pytest.mark.parametrize("name", ["fmod", "remainder", "floor_divide", "nextafter", "heaviside"])
def test_floats_are_numpys_to_the_bit(name: str, dtype: type) -> None:
    x, y = pairs(dtype)
    with np.errstate(all="ignore"):
        want = getattr(np, name)(x, y)
    assert_same(native(name, dtype, 2)(x, y), want)


def test_the_longest_division_is_exact() -> None:
    x = np.array([1.7976931348623157e308, -1e308, 1e308, 5e-324])
    y = np.array([5e-324, 3e-310, 3.0, 1e308])
    want = [math.fmod(a, b) for a, b in zip(x.tolist(), y.tolist())]
    assert_same(native("fmod", np.float64, 2)(x, y), np.array(want))


def whole_numbers(dtype: type) -> tuple[np.ndarray, np.ndarray]:
    ends = np.iinfo(dtype)
    some = [0, 1, -1, 2, -2, 3, -7, 31, 32, 33, 64, 65, 123456, ends.max, ends.min, ends.max - 1]
    some = [*some, *np.random.default_rng(10).integers(ends.min, ends.max, 40).tolist()]
    x, y = np.meshgrid(np.array(some, dtype), np.array(some, dtype))
    return x.ravel().copy(), y.ravel().copy()


def wrapped(value: int, dtype: type) -> int:
    bits = 8 * np.dtype(dtype).itemsize
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


@INTEGERS
def test_integer_quotients_are_pythons(dtype: type) -> None:
    x, y = whole_numbers(dtype)
    known = [(int(a), int(b)) for a, b in zip(x, y)]
    floor = [wrapped(a // b, dtype) if b else 0 for a, b in known]
    rest = [a % b if b else 0 for a, b in known]
    signed = [abs(a) % abs(b) * (-1 if a < 0 else 1) if b else 0 for a, b in known]
    np.testing.assert_array_equal(native("floor_divide", dtype, 2)(x, y), floor)
    np.testing.assert_array_equal(native("remainder", dtype, 2)(x, y), rest)
    np.testing.assert_array_equal(native("fmod", dtype, 2)(x, y), signed)


@INTEGERS
@pytest.mark.parametrize("name", ["left_shift", "right_shift"])
def test_shifts_are_numpys(name: str, dtype: type) -> None:
    x, y = whole_numbers(dtype)
    np.testing.assert_array_equal(native(name, dtype, 2)(x, y), getattr(np, name)(x, y))


@INTEGERS
def test_heaviside_of_integers(dtype: type) -> None:
    x, y = np.array([-3, 0, 5], dtype), np.array([7, 7, 7], dtype)
    assert native("heaviside", dtype, 2)(x, y).tolist() == [0, 7, 1]
