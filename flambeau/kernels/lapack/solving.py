"""Factorisations and solutions of systems, as functions of float32 and float64 arrays.

LAPACK's matrices lie column by column. A row-major one is the transpose of that, so where a routine may as well work
on the transpose nothing is turned; results that do lie by columns are given as views, as PyTorch has them.
Each function gives NotImplemented for other arrays, and where the library has no such routine.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...formula.dimensions import broadcast_shapes
from . import small
from .routine import A, B, C, Space, call, integer

TYPES = (np.dtype(np.float32), np.dtype(np.float64))

SOLVED, INVERTED, DETERMINED = 256, 24, 128
"""Rows of a matrix below which NumPy's functions take less time for one call than two routines do."""


def fits(*arrays: Any) -> bool:
    """Are these arrays of one of the two dtypes, with elements?"""
    dtype = arrays[0].dtype
    return dtype in TYPES and all(
        type(x) is np.ndarray and x.dtype == dtype and x.size and x.ndim > 1 for x in arrays
    )


def stacked(x: Any, lead: tuple[int, ...] | None = None) -> np.ndarray:
    """A copy as a stack of matrices row by row, of these leading dimensions."""
    if lead is not None and x.shape[:-2] != lead:
        x = np.broadcast_to(x, (*lead, *x.shape[-2:]))
    made = np.array(x, order="C", subok=False)
    return made.reshape(math.prod(made.shape[:-2]), *made.shape[-2:])


def by_columns(x: Any, lead: tuple[int, ...] | None = None) -> np.ndarray:
    """The same column by column: a stack of the transposes."""
    return stacked(x.swapaxes(-1, -2), lead)


def back(x: np.ndarray, lead: tuple[int, ...], turned: bool = True) -> np.ndarray:
    """A stack with its leading dimensions, turned back."""
    x = x.reshape(*lead, *x.shape[1:]) if lead else x[0]
    return x.swapaxes(-1, -2) if turned else x


def codes(count: int) -> np.ndarray:
    """Room for what routines say of each matrix."""
    return np.zeros((count, 1), integer())


def told(info: np.ndarray, lead: tuple[int, ...]) -> np.ndarray:
    return info.reshape(lead).astype(np.int32)


def factor(a: Any) -> Any:
    """getrf: L and U in one array, the row that each was swapped with (from 1), and the first zero pivot."""
    if not fits(a):
        return NotImplemented
    m, n = a.shape[-2:]
    lead, lu = a.shape[:-2], by_columns(a)
    count, k = len(lu), min(m, n)
    pivots, info = np.empty((count, k), integer()), codes(count)
    if not call("getrf", (lu, pivots, info), (m, n, A, m, B, C), m * n * k):
        return NotImplemented
    return back(lu, lead), pivots.astype(np.int32).reshape(*lead, k), told(info, lead)


def det(a: Any) -> Any:
    """Determinants."""
    if small.fits(a):
        return small.eliminated(a).products
    found = slogdet(a)
    if found is NotImplemented:
        return NotImplemented
    sign, log_of = found
    return sign * np.exp(log_of)


def slogdet(a: Any) -> Any:
    """Signs of determinants, and logarithms of what they are without them."""
    n = a.shape[-1]
    if small.fits(a):
        pivots = small.eliminated(a).pivots
        return np.sign(pivots).prod(-1), np.log(np.abs(pivots)).sum(-1)
    if n < DETERMINED:
        return NotImplemented
    found = factor(a)
    if found is NotImplemented:
        return NotImplemented
    lu, pivots, _ = found
    diagonal = np.diagonal(lu, 0, -2, -1)
    odd = (pivots != np.arange(1, n + 1)).sum(-1) % 2
    sign = np.sign(diagonal).prod(-1) * (1 - 2 * odd)
    return sign.astype(a.dtype), np.log(np.abs(diagonal)).sum(-1)


def _regular(found: small.Eliminated) -> Any:
    """Solutions and codes, unless a matrix is singular: LAPACK has the last word about that."""
    return NotImplemented if found.failed else (found.x, found.info)


def solve(a: Any, b: Any) -> Any:
    """x of a x = b, and the first zero pivot of each matrix."""
    n, k = a.shape[-1], b.shape[-1]
    if not fits(a, b):
        return NotImplemented
    lead = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if lead != a.shape[:-2]:
        return NotImplemented
    if small.fits(a):
        return _regular(small.eliminated(a, b))
    if n < SOLVED:
        return NotImplemented
    lu, x = by_columns(a, lead), by_columns(b, lead)
    pivots, info = np.empty((len(lu), n), integer()), codes(len(lu))
    if not call("getrf", (lu, pivots, info), (n, n, A, n, B, C), n * n * n):
        return NotImplemented
    if info.any():
        singular = np.flatnonzero(info)
        lu[singular], pivots[singular] = np.eye(n, dtype=a.dtype), np.arange(1, n + 1)
    given = ("N", n, k, A, n, B, C, n, Space(1))
    call("getrs", (lu, pivots, x), given, n * n * k)
    return back(x, lead), told(info, lead)


def lu_solve(lu: Any, pivots: Any, b: Any, adjoint: bool) -> Any:
    """getrs: x of a x = b, of what `factor` gives for a; with `adjoint`, of the transposes."""
    n, k = lu.shape[-1], b.shape[-1]
    if not fits(lu, b) or not are_rows(pivots, n):
        return NotImplemented
    lead = broadcast_shapes(lu.shape[:-2], b.shape[:-2])
    factors, x = by_columns(lu, lead), by_columns(b, lead)
    swaps = np.broadcast_to(pivots, (*lead, n)).reshape(-1, n).astype(integer())
    given = ("T" if adjoint else "N", n, k, A, n, B, C, n, Space(1))
    done = call("getrs", (factors, swaps, x), given, n * n * k)
    return back(x, lead) if done else NotImplemented


def are_rows(pivots: Any, n: int) -> bool:
    """Are these numbers of rows from 1, or of rows of blocks of two, less than 0?"""
    rows = np.abs(pivots) if pivots.__class__ is np.ndarray else np.zeros(1)
    return bool(rows.size) and int(rows.min()) >= 1 and int(rows.max()) <= n


def symmetric_factor(a: Any) -> Any:
    """sytrf: L and D in one array, pivots, and codes (0: success), of the lower triangles."""
    if not fits(a):
        return NotImplemented
    n, lead, made = a.shape[-1], a.shape[:-2], by_columns(a)
    pivots, info, size = np.empty((len(made), n), integer()), codes(len(made)), 64 * n
    given = ("L", n, A, n, B, Space(size), size, C)
    if not call("sytrf", (made, pivots, info), given, n * n * n):
        return NotImplemented
    ld = np.tril(back(made, lead))
    return ld, pivots.astype(np.int32).reshape(*lead, n), told(info, lead)


def symmetric_solve(ld: Any, pivots: Any, b: Any) -> Any:
    """sytrs: x of a x = b, of what `symmetric_factor` gives for a."""
    n, k = ld.shape[-1], b.shape[-1]
    if not fits(ld, b) or not are_rows(pivots, n):
        return NotImplemented
    lead = broadcast_shapes(ld.shape[:-2], b.shape[:-2])
    factors, x = by_columns(ld, lead), by_columns(b, lead)
    swaps = np.broadcast_to(pivots, (*lead, n)).reshape(-1, n).astype(integer())
    done = call("sytrs", (factors, swaps, x), ("L", n, k, A, n, B, C, n, Space(1)), n * n * k)
    return back(x, lead) if done else NotImplemented


def inverse(a: Any) -> Any:
    """Inverses, and the first zero pivot of each matrix; that of a singular one means nothing."""
    if small.fits(a):
        return _regular(small.eliminated(a, k=a.shape[-1]))
    if not fits(a) or a.shape[-1] < INVERTED:
        return NotImplemented
    n, lead, made = a.shape[-1], a.shape[:-2], by_columns(a)
    pivots, info = np.empty((len(made), n), integer()), codes(len(made))
    if not call("getrf", (made, pivots, info), (n, n, A, n, B, C), n * n * n):
        return NotImplemented
    if info.any():
        singular = np.flatnonzero(info)
        made[singular], pivots[singular] = np.eye(n, dtype=a.dtype), np.arange(1, n + 1)
    size = 64 * n
    call("getri", (made, pivots), (n, A, n, B, Space(size), size, Space(1)), 2 * n * n * n)
    return back(made, lead), told(info, lead)


def triangle(a: Any, b: Any, upper: bool, unitriangular: bool) -> Any:
    """x of triangular systems a x = b; zeros on a diagonal give inf and nan."""
    if not fits(a, b):
        return NotImplemented
    lead = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = stacked(b, lead)
    done = substituted(a, x, lead, upper, unitriangular)
    return back(x, lead, False) if done else NotImplemented


def substituted(
    a: Any, x: np.ndarray, lead: tuple[int, ...], upper: bool, unitriangular: bool
) -> bool:
    """Solve into x, a stack of right-hand sides row by row. In the library's eyes x is the transpose and a stands
    on its right."""
    n, k = x.shape[1:]
    turned = a.swapaxes(-1, -2)
    by_column = turned.flags.c_contiguous and not a.flags.c_contiguous
    if by_column:
        a = turned
    if a.shape[:-2] != lead:
        a = np.broadcast_to(a, (*lead, n, n))
    a = np.ascontiguousarray(a).reshape(-1, n, n)
    uplo = "U" if upper == by_column else "L"
    given = (
        "R", uplo, "T" if by_column else "N", "U" if unitriangular else "N", k, n, 1.0, A, n, B, k,
    )  # fmt: skip
    return call("trsm", (a, x), given, n * n * k)


def cholesky_solve(b: Any, factor: Any, upper: bool) -> Any:
    """x of a x = b, of the Cholesky factors of a."""
    if not fits(b, factor):
        return NotImplemented
    lead = broadcast_shapes(factor.shape[:-2], b.shape[:-2])
    x, turned = stacked(b, lead), factor.swapaxes(-1, -2)
    first, second = (turned, factor) if upper else (factor, turned)
    done = substituted(first, x, lead, False, False) and substituted(second, x, lead, True, False)
    return back(x, lead, False) if done else NotImplemented


def cholesky_inverse(factor: Any, upper: bool) -> Any:
    """The inverses of matrices, of their Cholesky factors."""
    if not fits(factor):
        return NotImplemented
    n, lead = factor.shape[-1], factor.shape[:-2]
    made, info = stacked(factor), codes(1)
    given = ("L" if upper else "U", n, A, n, Space(1))
    if not call("potri", (made, info), given, n * n * n):
        return NotImplemented
    low = np.tril(made.swapaxes(-1, -2) if upper else made)
    made = low + low.swapaxes(-1, -2)
    places = np.arange(n)
    made[:, places, places] = low[:, places, places]
    return back(made, lead, False)
