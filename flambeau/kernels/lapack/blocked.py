"""Triangular systems and factorisations of large matrices, cut in halves until a routine of LAPACK takes what is left.

Nearly all of their arithmetic is products, which `matmul` multiplies faster than NumPy's library does (Toledo, "Locality of
reference in LU decomposition with partial pivoting", 1997). The cuts depend on sizes alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..matmul.matmul import multiplied
from . import substitution
from .routine import A, B, C, address, call, integer

LEAST, FACTORED = 128, 256
"""Rows from which on a triangle is cut, and a matrix that is to be factored."""
LEAF = 64
"""Rows that are not cut any more, at most, and what the first part of a cut matrix is a multiple of."""
FEW = 8
"""Right-hand sides below which LAPACK's own routine takes less time."""


def has(name: str, x: Any) -> bool:
    """Is there such a routine for arrays of this dtype?"""
    return bool(address(("s" if x.itemsize == 4 else "d") + name))


def half(n: int) -> int:
    """Rows of the first part."""
    return -(-n // (2 * LEAF)) * LEAF


def subtract(x: Any, y: Any, result: Any) -> None:
    """result -= x @ y, of matrices; the result's rows or its columns lie in memory."""
    if result.strides[1] != result.itemsize:
        x, y, result = y.T, x.T, result.T
    multiplied(-x, y, result, None, True)


def substitute(a: Any, x: Any, upper: bool, unitriangular: bool) -> None:
    """Solve a triangular system a y = x into x, whose rows lie in memory, as the rows or columns of `a` do."""
    n = len(a)
    if n <= LEAF:
        substitution.substitute(a[None], x[None], upper, unitriangular)
        return
    cut = half(n)
    first, last = slice(None, cut), slice(cut, None)
    one, other = (last, first) if upper else (first, last)
    substitute(a[one, one], x[one], upper, unitriangular)
    subtract(a[other, one], x[one], x[other])
    substitute(a[other, other], x[other], upper, unitriangular)


def cholesky(a: Any) -> int:
    """Put the factor into the lower triangle of a matrix row by row; the order of the first minor that is not positive,
    or 0."""
    n = len(a)
    if n <= LEAST:
        info = np.zeros((1, 1), integer())
        call("potrf", (a[None], info), ("U", n, A, a.strides[0] // a.itemsize, B), n * n * n)
        return int(info[0, 0])
    cut = half(n)
    code = cholesky(a[:cut, :cut])
    if code:
        return code
    below = a[cut:, :cut]
    turned = np.ascontiguousarray(below.T)
    substitute(a[:cut, :cut], turned, False, False)
    below[...] = turned.T
    subtract_triangle(below, a[cut:, cut:])
    code = cholesky(a[cut:, cut:])
    return code and cut + code


def clear(stack: Any) -> None:
    """Zeros above the diagonals of square matrices."""
    n = stack.shape[-1]
    above = np.triu(np.ones((LEAF, LEAF), bool), 1)
    for i in range(0, n, LEAF):
        end = min(i + LEAF, n)
        stack[:, i:end, end:] = 0
        stack[:, i:end, i:end][:, above[: end - i, : end - i]] = 0


def subtract_triangle(x: Any, result: Any) -> None:
    """result -= x @ x.T, of which little more than the lower triangle is computed."""
    n = len(x)
    if n <= LEAST:
        subtract(x, x.T, result)
        return
    cut = half(n)
    subtract_triangle(x[:cut], result[:cut, :cut])
    subtract(x[cut:], x[:cut].T, result[cut:, :cut])
    subtract_triangle(x[cut:], result[cut:, cut:])


def factor(a: Any, pivots: Any) -> int:
    """Put L and U into a matrix column by column, and the row that each row was swapped with (from 1) into `pivots`; the
    number of the first zero pivot, or 0."""
    m, n = a.shape
    step = a.strides[1] // a.itemsize
    if min(m, n) <= LEAF:
        info = np.zeros((1, 1), integer())
        given = (m, n, A, step, B, C)
        call("getrf", (a[None], pivots[None], info), given, m * n * min(m, n))
        return int(info[0, 0])
    cut = half(min(m, n))
    code = factor(a[:, :cut], pivots[:cut])
    right = a[:, cut:]
    swap(right, pivots[:cut])
    rows = np.ascontiguousarray(right[:cut])
    substitute(a[:cut, :cut], rows, False, True)
    right[:cut] = rows
    subtract(a[cut:, :cut], right[:cut], right[cut:])
    later = factor(right[cut:], pivots[cut:])
    swap(a[cut:, :cut], pivots[cut:])
    pivots[cut:] += cut
    return code or (later and cut + later)


def swap(a: Any, pivots: Any) -> None:
    """Swap rows of a matrix column by column."""
    given = (a.shape[1], A, a.strides[1] // a.itemsize, 1, len(pivots), B, 1)
    call("laswp", (a[None], pivots[None]), given, a.size)
