"""Triangular systems, as `cupyx.scipy.linalg`: cuBLAS's in CuPy, NumPy's LAPACK here."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...array import computed, ndarray, operand


def solve_triangular(
    a: ndarray,
    b: ndarray,
    trans: Any = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = False,
) -> ndarray:
    """The solution of a x = b, of matrices or stacks of as many; the other triangle of a is not read.

    Raises:
        ValueError: Shapes that CuPy refuses.
    """
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(
            "expected square matrix" if a.ndim == 2 else "expected a batch of square matrices"
        )
    if a.shape[:-2] != b.shape[: a.ndim - 2]:
        raise ValueError("incompatible batch count")
    if b.ndim < a.ndim - 1 or a.shape[-2] != b.shape[a.ndim - 2]:
        raise ValueError("incompatible dimensions")
    x, y = operand(a), operand(b)
    return computed(lambda: _solved(x, y, trans, lower, unit_diagonal))


def _solved(x: Any, y: Any, trans: Any, lower: bool, unit: bool) -> Any:
    x = np.tril(x) if lower else np.triu(x)
    n = x.shape[-1]
    if unit:
        x[..., np.arange(n), np.arange(n)] = 1
    if trans in (1, 2, "T", "C"):
        x, lower = x.swapaxes(-1, -2), not lower
        x = x.conj() if trans in (2, "C") else x
    vector = y.ndim < x.ndim
    result = np.array(y[..., None] if vector else y, dtype=np.result_type(x, y))
    for i in range(n) if lower else range(n - 1, -1, -1):  # zeros on the diagonal give inf and nan
        before = slice(0, i) if lower else slice(i + 1, n)
        result[..., i, :] -= (x[..., i : i + 1, before] @ result[..., before, :])[..., 0, :]
        result[..., i, :] /= x[..., i, i, None]
    return result[..., 0] if vector else result


__all__ = ["solve_triangular"]
