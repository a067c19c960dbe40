"""Triangular systems by cuBLAS: what NumPy solves, of one triangle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flambeau.kernels.cuda.lapack.solving import triangle


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("upper", [False, True])
def test_one_triangle_is_read(xp: Any, upper: bool, unit: bool, dtype: str) -> None:
    draws = np.random.default_rng(1)
    a = (draws.standard_normal((3, 1, 4, 4)) + 4 * np.eye(4)).astype(dtype)
    b = draws.standard_normal((2, 4, 5)).astype(dtype)
    read = np.triu(a) if upper else np.tril(a)
    if unit:
        read[..., range(4), range(4)] = 1
    got = triangle(xp.asarray(a), xp.asarray(b), upper, unit)
    assert got.shape == (3, 2, 4, 5)
    assert got.dtype == dtype
    tolerance = 1e-4 if dtype in ("float32", "complex64") else 1e-12
    np.testing.assert_allclose(
        read @ got.get(), np.broadcast_to(b, got.shape), rtol=tolerance, atol=tolerance
    )


def test_zeros_on_the_diagonal_and_nothing(xp: Any) -> None:
    zero = triangle(xp.zeros((2, 2)), xp.ones((2, 1)), True, False)
    assert not np.isfinite(zero.get()).any()
    assert triangle(xp.ones((0, 0)), xp.ones((0, 3)), True, False).shape == (0, 3)
    assert triangle(xp.ones((5, 2, 2)), xp.ones((2, 0)), True, False).shape == (5, 2, 0)
