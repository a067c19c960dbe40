"""QR, eigenvalues and least squares, as functions of float32 and float64 arrays (see `solving`)."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .routine import A, B, C, D, E, Space, call, integer
from .solving import back, by_columns, codes, fits, stacked, told


def qr(a: Any, mode: str) -> Any:
    """Q and R, "reduced" or "complete"."""
    if not fits(a):
        return NotImplemented
    (m, n), lead, made = a.shape[-2:], a.shape[:-2], by_columns(a)
    k = min(m, n)
    tau, size = np.empty((len(made), k), a.dtype), 64 * max(m, n)
    given = (m, n, A, m, B, Space(size), size, Space(1))
    if not call("geqrf", (made, tau), given, m * n * k):
        return NotImplemented
    wide = m if mode == "complete" else k
    r = lower(made[:, :, :wide])  # of R by columns
    q = made if wide == n else _of_rows(made, k, wide)
    given = (m, wide, k, A, m, B, Space(size), size, Space(1))
    call("orgqr", (q, tau), given, m * wide * k)
    return back(q, lead), back(r, lead)


def _of_rows(made: np.ndarray, k: int, wide: int) -> np.ndarray:
    """The first k rows of matrices and zeros, so many in all."""
    q = np.empty((len(made), wide, made.shape[2]), made.dtype)
    q[:, :k] = made[:, :k]
    if wide > k:
        q[:, k:] = 0
    return q


SMALL = 64
"""Up to so many rows a kept mask is the fastest way to a triangle."""


def lower(x: np.ndarray) -> np.ndarray:
    """A copy of the lower triangles of matrices."""
    m, n = x.shape[-2:]
    return np.where(_mask(m, n), x, x.dtype.type(0)) if m <= SMALL >= n else np.tril(x)


@lru_cache(64)
def _mask(m: int, n: int) -> np.ndarray:
    return np.arange(m)[:, None] >= np.arange(n)


def eigvalsh(a: Any, uplo: str) -> Any:
    """Eigenvalues of symmetric matrices, ascending, and codes (0: success)."""
    if not fits(a):
        return NotImplemented
    n, lead, made = a.shape[-1], a.shape[:-2], stacked(a)
    values, info = np.empty((len(made), n), a.dtype), codes(len(made))
    size = max(n * n, 64 * n) + 64
    given = (
        "N", "U" if uplo == "L" else "L", n, A, n, B, Space(size), size, Space(8 * n + 8),
        8 * n + 8, C,
    )  # fmt: skip
    if not call("syevd", (made, values, info), given, n * n * n):
        return NotImplemented
    return values.reshape(*lead, n), told(info, lead)


def eigvals(a: Any) -> Any:
    """Eigenvalues of square matrices, complex, and codes (0: success)."""
    if not fits(a):
        return NotImplemented
    n, lead, made = a.shape[-1], a.shape[:-2], stacked(a)
    real, imaginary = (np.empty((len(made), n), a.dtype) for _ in range(2))
    info, size = codes(len(made)), 64 * n
    given = ("N", "N", n, A, n, B, C, Space(1), 1, Space(1), 1, Space(size), size, D)
    if not call("geev", (made, real, imaginary, info), given, 10 * n * n * n):
        return NotImplemented
    values = np.empty((len(made), n), np.result_type(a.dtype, np.complex64))
    values.real, values.imag = real, imaginary
    return values.reshape(*lead, n), told(info, lead)


def lstsq(a: Any, b: Any, rtol: float) -> Any:
    """gelsy: the least-squares solutions of smallest norm, and ranks."""
    if not fits(a, b) or a.shape[:-2] != b.shape[:-2]:
        return NotImplemented
    (m, n), k, lead, made = a.shape[-2:], b.shape[-1], a.shape[:-2], by_columns(a)
    count, long = len(made), max(m, n)
    x = np.zeros((count, k, long), a.dtype)
    x[:, :, :m] = by_columns(b)
    rank, order = np.zeros((count, 1), integer()), np.zeros((count, n), integer())
    info, size = codes(count), 64 * (min(m, n) + n + k + 2)
    given = (m, n, k, A, m, B, long, C, rtol, D, Space(size), size, E)
    if not call("gelsy", (made, x, order, rank, info), given, 2 * m * n * min(m, n)):
        return NotImplemented
    return back(x[:, :, :n], lead), rank.astype(np.int64).reshape(lead or ())
