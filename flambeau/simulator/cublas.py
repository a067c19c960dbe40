"""The part of `cupy.cuda.cublas` that products of matrices use, by NumPy.

Matrices are stored column by column and named by the address of their first element, as cuBLAS has it. The half types are
multiplied in float32 and rounded once; TF32 rounds factors to 11 bits first. What lies outside of live allocations is
refused.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from . import memory
from .capture import run
from .cuda import runtime
from .cuda.device import get_cublas_handle
from .cusolver import cgetrfBatched, dgetrfBatched, sgetrfBatched, zgetrfBatched
from .ptx.fault import Fault

CUBLAS_OP_N, CUBLAS_OP_T, CUBLAS_OP_C = 0, 1, 2
CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_64F, CUBLAS_COMPUTE_32F_FAST_TF32 = 68, 70, 77
CUBLAS_GEMM_DEFAULT = -1
SUCCESS, INVALID_VALUE, NOT_SUPPORTED = 0, 7, 15
_NAMES = {
    INVALID_VALUE: "CUBLAS_STATUS_INVALID_VALUE",
    NOT_SUPPORTED: "CUBLAS_STATUS_NOT_SUPPORTED",
}
TYPES = {0: "f4", 1: "f8", 2: "f2", 4: "c8", 5: "c16", 14: "bfloat16"}
"""NumPy's types by cudaDataType."""
SCALES = {
    CUBLAS_COMPUTE_32F: ("float32", "complex64"),
    CUBLAS_COMPUTE_32F_FAST_TF32: ("float32", "complex64"),
    CUBLAS_COMPUTE_64F: ("float64", "complex128"),
}
"""The types of a compute type's numbers, real and complex."""


class CUBLASError(RuntimeError):
    """A call that cuBLAS refuses."""

    def __init__(self, status: int):
        self.status = status
        super().__init__(_NAMES[status])


def _type(code: int) -> np.dtype[Any]:
    name = TYPES.get(code)
    if name is None:
        raise CUBLASError(NOT_SUPPORTED)
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def _matrices(
    address: int, code: int, rows: int, columns: int, step: int, apart: int, count: int
) -> Any:
    """Matrices in device memory, (count, rows, columns)."""
    dtype = _type(code)
    if step < max(1, rows):
        raise CUBLASError(INVALID_VALUE)
    last = apart * (count - 1) + step * (columns - 1) + rows
    start, stop = _arena().holding(address)
    if not start or address + last * dtype.itemsize > stop:
        raise Fault(
            f"cuBLAS: {last} elements of {dtype} at {address:#x} reach outside of live memory"
        )
    item, arena = dtype.itemsize, _arena()
    strides = (apart * item, item, step * item)
    place = address - arena.base
    return np.ndarray((count, rows, columns), dtype, arena.bytes, place, strides)


def _arena() -> memory.Memory:
    return memory.device(runtime.getDevice())


def _scale(address: int, compute: int, is_complex: bool) -> Any:
    """A number in host memory."""
    dtype = np.dtype(SCALES[compute][is_complex])
    return np.frombuffer(ctypes.string_at(address, dtype.itemsize), dtype)[0]


def _factor(x: Any, turned: int, compute: int) -> Any:
    """A factor as cuBLAS multiplies it."""
    is_complex = x.dtype.kind == "c"
    wide = x.astype(SCALES[compute][is_complex])
    if compute == CUBLAS_COMPUTE_32F_FAST_TF32:
        bits = wide.view(np.uint32)
        wide = ((bits + 0x1000) & np.uint32(0xFFFFE000)).view(wide.dtype)
    if turned != CUBLAS_OP_N:
        wide = wide.swapaxes(1, 2)
    return wide.conj() if turned == CUBLAS_OP_C else wide


def gemmEx(
    handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int, A: int, Atype: int,
    lda: int, B: int, Btype: int, ldb: int, beta: int, C: int, Ctype: int, ldc: int,
    computeType: int, algo: int,
) -> None:  # fmt: skip
    """C = alpha op(A) op(B) + beta C, of an (m, k) and a (k, n) matrix."""
    gemmStridedBatchedEx(
        handle, transa, transb, m, n, k, alpha, A, Atype, lda, 0, B, Btype, ldb, 0, beta, C, Ctype,
        ldc, 0, 1, computeType, algo,
    )  # fmt: skip


def gemmStridedBatchedEx(
    handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int, A: int, Atype: int,
    lda: int, strideA: int, B: int, Btype: int, ldb: int, strideB: int, beta: int, C: int,
    Ctype: int, ldc: int, strideC: int, batchCount: int, computeType: int, algo: int,
) -> None:  # fmt: skip
    """The same of matrices that lie so many elements apart.

    Raises:
        CUBLASError: Types or sizes that cuBLAS refuses.
    """
    if computeType not in SCALES or Atype != Btype or handle != get_cublas_handle():
        raise CUBLASError(NOT_SUPPORTED)
    shape_a, shape_b = ((k, m) if transa else (m, k)), ((n, k) if transb else (k, n))
    a = _matrices(A, Atype, *shape_a, lda, strideA, batchCount)
    b = _matrices(B, Btype, *shape_b, ldb, strideB, batchCount)
    c = _matrices(C, Ctype, m, n, ldc, strideC, batchCount)
    is_complex = a.dtype.kind == "c"
    by, keep = (_scale(x, computeType, is_complex) for x in (alpha, beta))

    def multiply() -> None:
        with np.errstate(all="ignore"):
            made = by * np.matmul(_factor(a, transa, computeType), _factor(b, transb, computeType))
            if keep:
                made += keep * c.astype(made.dtype)
            c[...] = made.astype(c.dtype)

    run(multiply)


__all__ = [
    "CUBLAS_COMPUTE_32F", "CUBLAS_COMPUTE_32F_FAST_TF32", "CUBLAS_COMPUTE_64F", "CUBLAS_GEMM_DEFAULT",
    "CUBLAS_OP_C", "CUBLAS_OP_N", "CUBLAS_OP_T", "CUBLASError", "cgetrfBatched",
    "dgetrfBatched", "gemmEx", "gemmStridedBatchedEx", "sgetrfBatched", "zgetrfBatched",
]  # fmt: skip
