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
from . import blocked, small, substitution
from .routine import A, B, C, Space, call, integer

TYPES = (np.dtype(np.float32), np.dtype(np.float64))

SOLVED, INVERTED, DETERMINED = 24, 24, 128
"""Rows of a matrix below which NumPy's functions take less time for one call than two routines do."""
TURNED = 128
"""Rows below which LAPACK's own routine inverts faster than two triangular systems are solved."""


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
    pivots, info = np.empty((len(lu), min(m, n)), integer()), codes(len(lu))
    if not factored(lu, pivots, info):
        return NotImplemented
    return back(lu, lead), pivots.astype(np.int32).reshape(*lead, min(m, n)), told(info, lead)


def factored(lu: np.ndarray, pivots: np.ndarray, info: np.ndarray) -> bool:
    """Put L and U into a stack column by column; False where there is no routine."""
    n, m = lu.shape[1:]
    if min(m, n) < blocked.FACTORED or not blocked.has("getrf", lu):
        return call("getrf", (lu, pivots, info), (m, n, A, m, B, C), m * n * min(m, n))
    for matrix, swaps, code in zip(lu, pivots, info):
        code[0] = blocked.factor(matrix.T, swaps)
    return True


def swapped(x: np.ndarray, pivots: np.ndarray) -> np.ndarray:
    """A stack row by row, its rows swapped."""
    count, n, _ = x.shape
    rows = np.tile(np.arange(n, dtype=np.float64), (count, 1))
    call("laswp", (rows, pivots), (1, A, n, 1, pivots.shape[1], B, 1), 4 * n)
    order = rows.astype(np.intp)
    return x[0][order[0]][None] if count == 1 else np.take_along_axis(x, order[..., None], 1)


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
    lu = by_columns(a, lead)
    found = _of_factors(lu, np.broadcast_to(b, (*lead, n, k)).reshape(-1, n, k))
    return found if found is NotImplemented else (back(found[0], lead), told(found[1], lead))


def _regular_factors(lu: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Factor a stack of square matrices by columns; the identity's factors stand for those of a singular one."""
    n = lu.shape[1]
    pivots, info = np.empty((len(lu), n), integer()), codes(len(lu))
    if not factored(lu, pivots, info):
        return None
    if info.any():
        singular = np.flatnonzero(info)
        lu[singular], pivots[singular] = np.eye(n, dtype=lu.dtype), np.arange(1, n + 1)
    return pivots, info


def _inverted(made: np.ndarray) -> Any:
    """getri: inverses in place, and codes."""
    found = _regular_factors(made)
    if found is None:
        return NotImplemented
    n, size = made.shape[1], 64 * made.shape[1]
    given = (n, A, n, B, Space(size), size, Space(1))
    call("getri", (made, found[0]), given, 2 * n * n * n)
    return made, found[1]


def _of_factors(lu: np.ndarray, b: np.ndarray) -> Any:
    """Solutions of systems by columns, and codes; `lu` has the matrices by columns and gets the factors. Where one is
    singular, the solution means nothing."""
    found = _regular_factors(lu)
    if found is None:
        return NotImplemented
    pivots, info = found
    x, lead = swapped(b, pivots), lu.shape[:1]
    matrices = lu.swapaxes(1, 2)
    substituted(matrices, x, lead, False, True)
    substituted(matrices, x, lead, True, False)
    return np.ascontiguousarray(x.swapaxes(1, 2)), info


def inverse(a: Any) -> Any:
    """Inverses, and the first zero pivot of each matrix; that of a singular one means nothing."""
    if small.fits(a):
        return _regular(small.eliminated(a, k=a.shape[-1]))
    if not fits(a) or a.shape[-1] < INVERTED:
        return NotImplemented
    n, lead, made = a.shape[-1], a.shape[:-2], by_columns(a)
    eye = np.broadcast_to(np.eye(n, dtype=a.dtype), made.shape)
    found = _inverted(made) if n < TURNED else _of_factors(made, eye)
    return found if found is NotImplemented else (back(found[0], lead), told(found[1], lead))


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
    if k >= blocked.FEW:
        a = a.swapaxes(1, 2) if by_column else a
        if n <= blocked.LEAST:
            substitution.substitute(a, x, upper, unitriangular)
        else:
            for matrix, solution in zip(a, x):
                blocked.substitute(matrix, solution, upper, unitriangular)
        return True
    uplo = "U" if upper == by_column else "L"
    given = (
        "R", uplo, "T" if by_column else "N", "U" if unitriangular else "N", k, n, 1.0, A, n, B, k,
    )  # fmt: skip
    return call("trsm", (a, x), given, n * n * k)


def cholesky(a: Any) -> Any:
    """Lower factors, and codes (0: success); NotImplemented also where a matrix has none."""
    if small.fits(a):
        return small.cholesky(a)
    if not fits(a) or a.shape[-1] < blocked.FACTORED or not blocked.has("potrf", a):
        return NotImplemented
    made, lead = stacked(a), a.shape[:-2]
    if any(blocked.cholesky(matrix) for matrix in made):
        return NotImplemented
    blocked.clear(made)
    return back(made, lead, False), np.zeros(lead, np.int32)


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
