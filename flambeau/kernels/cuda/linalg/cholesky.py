"""Triangular systems by cuBLAS's trsm."""

from __future__ import annotations

from typing import Any

from ....formula.dimensions import broadcast_shapes
from .. import driver


def solve_triangle(a: Any, b: Any, upper: bool, unitriangular: bool) -> Any:
    """x of triangular systems a x = b; the other triangle of a (and a unit diagonal) is not read."""
    cupy = driver.cupy()
    lead = broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = cupy.broadcast_to(a, (*lead, *a.shape[-2:]))
    b = cupy.broadcast_to(b, (*lead, *b.shape[-2:]))
    if not b.size:
        return cupy.empty(b.shape, b.dtype)
    solve = driver.cupyx("scipy.linalg").solve_triangular
    return solve(a, b, lower=not upper, unit_diagonal=unitriangular)


__all__ = ["solve_triangle"]
