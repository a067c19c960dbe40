"""Householder reflections and L D L^T, as functions of float32 and float64 arrays (see `solving`)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .routine import A, B, C, Space, call, integer
from .solving import back, by_columns, codes, fits, told

BLOCK = 64
"""Reflections that the library applies at once, and columns that it eliminates, at most: what its workspace is for."""


def reflections(a: Any) -> Any:
    """geqrf: R with the reflections below it, and their factors."""
    if not fits(a):
        return NotImplemented
    (m, n), lead, made = a.shape[-2:], a.shape[:-2], by_columns(a)
    tau, size = np.empty((len(made), min(m, n)), a.dtype), BLOCK * n
    given = (m, n, A, m, B, Space(size), size, Space(1))
    if not call("geqrf", (made, tau), given, m * n * min(m, n)):
        return NotImplemented
    return back(made, lead), tau.reshape(*lead, min(m, n))


def _factors(a: Any, tau: Any) -> Any:
    """The factors of reflections as a stack; None where they are not one for each of `a`'s columns and matrices."""
    if tau.dtype != a.dtype or not tau.size or a.shape[:-2] != tau.shape[:-1]:
        return None
    return np.ascontiguousarray(tau).reshape(-1, tau.shape[-1])


def product(a: Any, tau: Any) -> Any:
    """orgqr: the first columns of a product of reflections."""
    if not fits(a) or (factors := _factors(a, tau)) is None:
        return NotImplemented
    (m, n), k, made = a.shape[-2:], tau.shape[-1], by_columns(a)
    size = BLOCK * n
    given = (m, n, k, A, m, B, Space(size), size, Space(1))
    if not call("orgqr", (made, factors), given, m * n * k):
        return NotImplemented
    return back(made, a.shape[:-2])


def reflected(a: Any, tau: Any, x: Any, forwards: bool) -> Any:
    """ormqr: x multiplied by the reflections, the last (or the first) one first."""
    if not fits(a, x) or a.shape[:-2] != x.shape[:-2] or (factors := _factors(a, tau)) is None:
        return NotImplemented
    (m, n), k = x.shape[-2:], tau.shape[-1]
    vectors, made = by_columns(a), by_columns(x)
    size = BLOCK * (n + BLOCK + 1)
    given = (
        "L", "T" if forwards else "N", m, n, k, A, m, B, C, m, Space(size), size, Space(1),
    )  # fmt: skip
    if not call("ormqr", (vectors, factors, made), given, 2 * m * n * k):
        return NotImplemented
    return back(made, x.shape[:-2])


def ldl(a: Any, hermitian: bool) -> Any:
    """sytrf: L and D of a lower triangle in one array, pivots, and codes (0: success)."""
    if not fits(a):
        return NotImplemented
    n, lead, made = a.shape[-1], a.shape[:-2], np.triu(by_columns(a))
    pivots, info, size = np.empty((len(made), n), integer()), codes(len(made)), BLOCK * n
    given = ("L", n, A, n, B, Space(size), size, C)
    if not call("sytrf", (made, pivots, info), given, n * n * n // 2):
        return NotImplemented
    return back(made, lead), pivots.astype(np.int32).reshape(*lead, n), told(info, lead)


def ldl_solve(ld: Any, pivots: Any, b: Any, hermitian: bool) -> Any:
    """sytrs: x of A x = b from the factors of A; it goes wherever pivots say, so these are checked before."""
    if not fits(ld, b) or ld.shape[:-2] != b.shape[:-2]:
        return NotImplemented
    (n, k), lead = b.shape[-2:], b.shape[:-2]
    x, swaps = by_columns(b), pivots.astype(integer()).reshape(-1, n)
    given = ("L", n, k, A, n, B, C, n, Space(1))
    if not call("sytrs", (by_columns(ld), swaps, x), given, n * n * k):
        return NotImplemented
    return back(x, lead)


def order(pivots: Any, m: int) -> Any:
    """laswp: in which order swaps leave the rows (as `ops.linalg.lu.order`), which were checked before."""
    if type(pivots) is not np.ndarray or not pivots.size:
        return NotImplemented
    lead, k = pivots.shape[:-1], pivots.shape[-1]
    swaps = pivots.astype(integer()).reshape(-1, k)
    rows = np.tile(np.arange(m, dtype=np.float64), (len(swaps), 1))
    if not call("laswp", (rows, swaps), (1, A, m, 1, k, B, 1), 4 * m):
        return NotImplemented
    return rows.astype(np.int64).reshape(*lead, m)
