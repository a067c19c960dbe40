"""Products of matrices and of stacks of them by cuBLAS, as functions of device arrays.

cuBLAS reads matrices column by column. A row-major one is its transpose there, so x @ y is asked for as y^T @ x^T,
and nothing is copied but what has no side along which its elements are neighbours. The half types are
multiplied on tensor cores, summed in float32 and rounded once. A bias is laid into the result before, and the product is
added to it (CuPy binds cuBLAS, not cuBLASLt with its epilogues).
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ....formula.dimensions import broadcast_shapes
from .. import driver
from ..array.copy import contiguous, copy_into
from .precision import precision

LIMIT = 1 << 31
"""cuBLAS counts rows, columns and steps with 32 bits."""


class Type(NamedTuple):
    """How cuBLAS is told of a dtype.

    Attributes:
        data: Its cudaDataType.
        scale: The dtype of the factors of the product and of what it is added to.
        compute: The name of the type that it computes with.
    """

    data: int
    scale: str
    compute: str


TYPES = {
    "float16": Type(2, "float32", "CUBLAS_COMPUTE_32F"),
    "bfloat16": Type(14, "float32", "CUBLAS_COMPUTE_32F"),
    "float32": Type(0, "float32", "CUBLAS_COMPUTE_32F"),
    "float64": Type(1, "float64", "CUBLAS_COMPUTE_64F"),
    "complex64": Type(4, "complex64", "CUBLAS_COMPUTE_32F"),
    "complex128": Type(5, "complex128", "CUBLAS_COMPUTE_64F"),
}
FAST = {"float32": "CUBLAS_COMPUTE_32F_FAST_TF32", "complex64": "CUBLAS_COMPUTE_32F_FAST_TF32"}


def product(x: Any, y: Any, bias: Any = None) -> Any:
    """x @ y, plus a bias for the columns, for matrices or stacks of them whose leading dimensions broadcast.

    NotImplemented for what cuBLAS does not multiply: integers, bool, factors of two dtypes.
    """
    if not _fits(x, y):
        return NotImplemented
    if bias is not None and (bias.dtype != x.dtype or bias.shape != y.shape[-1:]):
        return NotImplemented
    return _multiplied(x, y, bias)


def added(x: Any, y: Any, start: Any) -> Any:
    """x @ y plus an array that is broadcast to it; NotImplemented as `product`."""
    if not _fits(x, y) or start.dtype != x.dtype:
        return NotImplemented
    return _multiplied(x, y, start)


def _fits(x: Any, y: Any) -> bool:
    return (
        x.dtype == y.dtype
        and x.dtype.name in TYPES
        and min(x.ndim, y.ndim) > 1
        and x.shape[-1] == y.shape[-2]
        and max(x.shape[-2], *y.shape[-2:]) < LIMIT
    )


def _multiplied(x: Any, y: Any, start: Any) -> Any:
    lead = broadcast_shapes(x.shape[:-2], y.shape[:-2])
    result = driver.cupy().empty((*lead, x.shape[-2], y.shape[-1]), x.dtype)
    if not result.size:
        return result
    if start is not None or not x.shape[-1]:
        if start is None:
            result.fill(0)
        else:
            copy_into(result, start)
    if x.shape[-1]:
        multiply(x, y, result, start is not None)
    return result


def multiply(x: Any, y: Any, result: Any, add: bool = False) -> None:
    """Write x @ y into the result, or add it: C-contiguous or with rows apart, with all leading dimensions; no
    size is 0."""
    lead = result.shape[:-2]
    (a, left), (b, right) = (_operand(v, lead) for v in (x, y))
    out = layout(result.shape, result.strides, result.itemsize, lead)
    assert out is not None
    (m, k), n = x.shape[-2:], y.shape[-1]
    blas, (kind, one, zero) = driver.cupy().cuda.cublas, _numbers(x.dtype.name)
    name = x.dtype.name
    compute = FAST.get(name, kind.compute) if precision.allow_tf32 else kind.compute
    begin, factor = one.ctypes.data, (one if add else zero).ctypes.data
    handle = driver.cupy().cuda.device.get_cublas_handle()
    sides = (b.data.ptr, kind.data, right.step), (a.data.ptr, kind.data, left.step)
    last = (result.data.ptr, kind.data, out.step)
    how = getattr(blas, compute), blas.CUBLAS_GEMM_DEFAULT
    told = (handle, right.turned, left.turned, n, m, k, begin)
    count = math.prod(lead)
    if count == 1:
        blas.gemmEx(*told, *sides[0], *sides[1], factor, *last, *how)
    else:
        blas.gemmStridedBatchedEx(
            *told, *sides[0], right.apart, *sides[1], left.apart, factor, *last, out.apart, count,
            *how,
        )  # fmt: skip


@cache
def _numbers(name: str) -> tuple[Type, Any, Any]:
    """A dtype's type, and 1 and 0, which cuBLAS reads where they lie."""
    kind = TYPES[name]
    return kind, np.ones((), kind.scale), np.zeros((), kind.scale)


class Layout(NamedTuple):
    """How a stack of matrices lies in memory.

    Attributes:
        turned: Are columns, not rows, what lies side by side?
        step: Elements from one row (column) to the next.
        apart: Elements from one matrix to the next.
    """

    turned: int
    step: int
    apart: int


@lru_cache(4096)
def layout(
    shape: tuple[int, ...], strides: tuple[int, ...], item: int, lead: tuple[int, ...]
) -> Layout | None:
    """How cuBLAS may read a stack that is broadcast to leading dimensions; None where it must be copied first."""
    if any(stride % item for stride in strides):
        return None
    (rows, columns), (down, along) = shape[-2:], (stride // item for stride in strides[-2:])
    apart = _apart(shape[:-2], [stride // item for stride in strides[:-2]], lead)
    if apart is None:
        return None
    if (along == 1 or columns == 1) and (down >= columns or rows == 1):
        return Layout(0, max(down, columns) if rows > 1 else columns, apart)
    if (down == 1 or rows == 1) and (along >= rows or columns == 1):
        return Layout(1, max(along, rows) if columns > 1 else rows, apart)
    return None


def _apart(own: tuple[int, ...], steps: list[int], lead: tuple[int, ...]) -> int | None:
    """The one distance between the matrices of a stack, counted as one row of them; None if there is none."""
    missing = len(lead) - len(own)
    sizes = (1,) * missing + own
    steps = [0] * missing + steps
    found, inside = 0, 1
    for count, size, step in zip(reversed(lead), reversed(sizes), reversed(steps)):
        if count == 1:
            continue
        here = 0 if size == 1 else step
        if inside == 1:
            found = here
        elif here != found * inside:
            return None
        inside *= count
    return found if found >= 0 else None


def _operand(x: Any, lead: tuple[int, ...]) -> tuple[Any, Layout]:
    """A factor and its layout; a copy where it has none."""
    found = layout(x.shape, x.strides, x.itemsize, lead)
    if found is not None and found.step < LIMIT:
        return x, found
    x = contiguous(x)
    found = layout(x.shape, x.strides, x.itemsize, lead)
    if found is None:  # its leading dimensions are broadcast in more than one step
        x = contiguous(driver.cupy().broadcast_to(x, (*lead, *x.shape[-2:])))
        found = layout(x.shape, x.strides, x.itemsize, lead)
    assert found is not None
    return x, found


__all__ = ["added", "layout", "multiply", "product"]
