"""Square roots by steps are rounded as the instruction rounds them."""

from __future__ import annotations

import numpy as np
import pytest

import flambeau as torch


def _roots(x: np.ndarray) -> np.ndarray:
    return torch.sqrt(torch.from_numpy(x)).numpy()


def test_every_float32_of_two_binades():
    x = np.arange(0x3F800000, 0x40800000, 7, dtype=np.uint32).view(np.float32)
    for scale in (1.0, 2.0**-98, 2.0**-120, 2.0**120):
        y = x * np.float32(scale)
        np.testing.assert_array_equal(_roots(y), np.sqrt(y))


def test_float64_near_squares_and_everywhere():
    rng = np.random.default_rng(0)
    root = 1 + rng.random(300_000)
    for x in (root, root * root, np.nextafter(root * root, 0), np.nextafter(root * root, 9)):
        for scale in (1.0, 2.0**-800, 2.0**1000):
            np.testing.assert_array_equal(_roots(x * scale), np.sqrt(x * scale))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 33, 70])
def test_ends_beside_usual_numbers(dtype, n):
    x = np.resize([4.0, 0.0, -0.0, np.inf, -1.0, np.nan, 9.0], n).astype(dtype)
    x[n // 2] = np.finfo(dtype).smallest_subnormal
    with np.errstate(invalid="ignore"):
        want = np.sqrt(x)
    given = _roots(x)
    np.testing.assert_array_equal(given, want)
    np.testing.assert_array_equal(np.signbit(given[want == 0]), np.signbit(want[want == 0]))
