"""The LU factorisation and triangular systems, by cuSOLVER and cuBLAS."""

from __future__ import annotations

import math
from typing import Any

from ....formula.dimensions import broadcast_shapes
from .. import driver
from ..array.copy import contiguous

LETTERS = {"f": "s", "d": "d", "F": "c", "D": "z"}
"""The first letters of LAPACK's names by NumPy's letters of dtypes."""
SIDE = 256
"""Matrices up to this side, times the root of how many there are, are factored at once, by few threads each: CuPy's rule."""


def factor(a: Any) -> Any:
    """L and U in one array, the row that each row was swapped with (from 1), and the first zero pivot (0: there is none)."""
    letter = LETTERS[a.dtype.char]
    cupy = driver.cupy()
    *lead, m, n = a.shape
    count, k = math.prod(lead), min(m, n)
    columns = contiguous(a.swapaxes(-1, -2)).reshape(count, n, m)  # the libraries read them so
    pivots = cupy.zeros((count, k), "int32")
    info = cupy.zeros(count, "int32")
    if count and k:
        batched = m == n and count > 1 and n <= SIDE * count**0.5
        (_at_once if batched else _one_by_one)(letter, columns, pivots, info)
    return (
        columns.reshape(*lead, n, m).swapaxes(-1, -2),
        pivots.reshape(*lead, k),
        info.reshape(lead),
    )


def _at_once(letter: str, columns: Any, pivots: Any, info: Any) -> None:
    cupy = driver.cupy()
    count, n, _ = columns.shape
    start, step = columns.data.ptr, columns.strides[0]
    places = cupy.arange(start, start + step * count, step, dtype="uint64")
    handle = cupy.cuda.device.get_cublas_handle()
    function = getattr(cupy.cuda.cublas, f"{letter}getrfBatched")
    function(handle, n, places.data.ptr, n, pivots.data.ptr, info.data.ptr, count)


def _one_by_one(letter: str, columns: Any, pivots: Any, info: Any) -> None:
    cupy = driver.cupy()
    count, n, m = columns.shape
    handle = cupy.cuda.device.get_cusolver_handle()
    library = cupy.cuda.cusolver
    size = getattr(library, f"{letter}getrf_bufferSize")(handle, m, n, columns.data.ptr, m)
    work = cupy.empty(max(size, 1), columns.dtype)
    function = getattr(library, f"{letter}getrf")
    for i in range(count):
        function(
            handle, m, n, columns[i].data.ptr, m, work.data.ptr, pivots[i].data.ptr, info[i].data.ptr
        )  # fmt: skip


def triangle(a: Any, b: Any, upper: bool, unitriangular: bool) -> Any:
    """x of triangular systems a x = b; the other triangle of a (and a unit diagonal) is not read."""
    cupy = driver.cupy()
    lead = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = cupy.broadcast_to(a, (*lead, *a.shape[-2:]))
    b = cupy.broadcast_to(b, (*lead, *b.shape[-2:]))
    if not b.size:
        return cupy.empty(b.shape, b.dtype)
    solve = driver.cupyx("scipy.linalg").solve_triangular
    return solve(a, b, lower=not upper, unit_diagonal=unitriangular)


__all__ = ["factor", "triangle"]
