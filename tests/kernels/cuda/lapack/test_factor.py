"""LU factors by cuSOLVER and cuBLAS: what they multiply to, and the CPU's own pivots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from flambeau.kernels.cuda.lapack import solving
from flambeau.ops.linalg.lu import factor


def drawn(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    draws = np.random.default_rng(0)
    x = draws.standard_normal(shape)
    return (x + 1j * draws.standard_normal(shape) if dtype[0] == "c" else x).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(5, 5), (3, 6), (6, 3), (4, 5, 5), (2, 3, 4, 7), (2, 1, 1)])
def test_as_on_the_cpu(xp: Any, shape: tuple[int, ...], dtype: str) -> None:
    a = drawn(shape, dtype)
    expected = factor(a.copy())
    device = xp.asarray(a)
    got = solving.factor(device)
    np.testing.assert_array_equal(device.get(), a)  # the matrix itself is not written to
    assert got[0].swapaxes(-1, -2).flags.c_contiguous  # column by column
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(
            one.get(), other, rtol=2e-4 if dtype in ("float32", "complex64") else 1e-11, atol=1e-5
        )


@pytest.mark.parametrize("shape", [(0, 0), (3, 0), (0, 2, 2), (2, 0, 5)])
def test_nothing(xp: Any, shape: tuple[int, ...]) -> None:
    got = solving.factor(xp.zeros(shape, "float32"))
    for one, other in zip(got, factor(np.zeros(shape, np.float32)), strict=True):
        assert one.shape == other.shape


def test_zero_pivots_are_told(xp: Any) -> None:
    a = np.stack([np.eye(3), np.diag([1.0, 0, 0]), np.zeros((3, 3))])
    assert solving.factor(xp.asarray(a))[2].get().tolist() == [0, 2, 1]
    assert solving.factor(xp.asarray(a[1]))[2].item() == 2


def test_a_stack_is_factored_at_once_and_large_matrices_one_by_one(
    xp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = []
    for name in ("_at_once", "_one_by_one"):
        plain = getattr(solving, name)
        monkeypatch.setattr(
            solving,
            name,
            lambda *given, name=name, plain=plain: (called.append(name), plain(*given)),
        )
    for shape in ((2, 4, 4), (4, 4), (2, 4, 5), (2, 600, 600)):
        solving.factor(xp.zeros(shape, "float32"))
    assert called == ["_at_once", "_one_by_one", "_one_by_one", "_one_by_one"]
