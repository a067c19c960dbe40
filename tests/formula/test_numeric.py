"""Array functions that NumPy lacks: sums that stay accurate along every axis, signs, integer powers."""

from __future__ import annotations

import numpy as np
import pytest

from flambeau.formula.numeric import integer_power, row_sum, sign


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((100_000, 8), 0),
        ((100_000, 8), (0,)),
        ((300, 300, 4), (0, 1)),
        ((7, 5000, 9), 1),
        ((7, 5000, 9), (-2,)),
        ((1000, 1000), None),
        ((10, 1000, 100), (0, 2)),
        ((33, 129, 65), (0, 1, 2)),
    ],
)
@pytest.mark.parametrize("layout", ["rows", "columns", "reversed", "every other"])
def test_float32_sums_are_accurate_along_every_axis(shape, axes, layout) -> None:
    """NumPy's own sum of 1e5 float32 rows is wrong in the sixth digit."""
    x = np.random.default_rng(0).random(shape, dtype=np.float32)
    x = {
        "rows": x,
        "columns": np.asfortranarray(x),
        "reversed": x[::-1],
        "every other": np.repeat(x, 2, -1)[..., ::2],
    }[layout]
    exact = x.astype(np.float64).sum(axes)
    for keep in (False, True):
        got = row_sum(x, axes, None, None, keep)
        assert got.dtype == np.float32
        assert got.shape == x.sum(axes, keepdims=keep).shape
        np.testing.assert_allclose(got.reshape(exact.shape), exact, rtol=4e-7)


def test_small_and_integer_sums_are_numpys() -> None:
    x = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(row_sum(x, (0,), np.int64, None, True), [[12, 15, 18, 21]])
    assert row_sum(np.ones((100, 100), bool), None, np.int64) == 10_000
    assert row_sum(np.zeros((0, 3)), (0,)).tolist() == [0, 0, 0]


def test_the_sign_of_nan_is_zero() -> None:
    x = np.array([-2.0, -0.0, 0.0, 3.0, np.nan, np.inf])
    np.testing.assert_array_equal(sign(x), [-1, 0, 0, 1, 0, 1])
    out = np.empty(6)
    assert sign(x, out=out) is out
    assert sign(np.array(np.nan)) == 0
    assert sign(np.array([-3, 0, 5])).tolist() == [-1, 0, 1]


def test_integer_powers() -> None:
    """Recorded from PyTorch: negative exponents give the reciprocal, rounded towards zero."""
    x, y = np.array([1, -1, 2, -1, 0, 3]), np.array([-1, -3, -1, -2, -1, 4])
    assert integer_power(x, y).tolist() == [1, -1, 0, 1, 0, 81]
    out = np.empty(6, np.int64)
    assert integer_power(x, y, out=out) is out
    assert integer_power(np.array([2, 3], np.uint8), np.uint8(2)).dtype == np.uint8
