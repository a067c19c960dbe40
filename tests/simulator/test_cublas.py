"""The stand-in for cuBLAS: what it computes, and what it refuses."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

GEMM = {
    "gemmEx": (
        "handle transa transb m n k alpha A Atype lda B Btype ldb beta C Ctype ldc computeType algo"
    ),
    "gemmStridedBatchedEx": (
        "handle transa transb m n k alpha A Atype lda strideA B Btype ldb strideB beta C Ctype ldc strideC "
        "batchCount computeType algo"
    ),
}
"""Parameters of CuPy 14.2's functions, as their docstrings have them."""


@pytest.mark.parametrize("name", GEMM)
def test_signatures_are_those_of_cupy(cupy, name):
    own = inspect.signature(getattr(cupy.cuda.cublas, name))
    assert list(own.parameters) == GEMM[name].split()


def call(cupy, x, y, z, sizes, compute=None, steps=None, **numbers):
    blas = cupy.cuda.cublas
    one, zero = (
        np.array(numbers.get(name, v), np.float32) for name, v in (("alpha", 1), ("beta", 0))
    )
    m, n, k = sizes
    a, b, c = steps or (m, k, m)
    blas.gemmEx(
        cupy.cuda.device.get_cublas_handle(), blas.CUBLAS_OP_N, blas.CUBLAS_OP_N, m, n, k,
        one.ctypes.data, x.data.ptr, 0, a, y.data.ptr, 0, b, zero.ctypes.data, z.data.ptr, 0, c,
        compute or blas.CUBLAS_COMPUTE_32F, blas.CUBLAS_GEMM_DEFAULT,
    )  # fmt: skip


def test_matrices_lie_column_by_column(cupy):
    x, y = np.arange(6, dtype="f4").reshape(3, 2), np.arange(12, dtype="f4").reshape(4, 3)
    z = cupy.ones((4, 2), "f4")
    call(cupy, cupy.asarray(x), cupy.asarray(y), z, (2, 4, 3), alpha=2, beta=3)
    np.testing.assert_array_equal(z.get(), 2 * (y @ x) + 3)


def test_what_lies_outside_of_memory_is_refused(cupy):
    x, y, z = (cupy.ones((4, 4), "f4") for _ in range(3))
    with pytest.raises(RuntimeError, match="reach outside of live memory"):
        call(cupy, x, y, z, (4, 4, 5), steps=(4, 5, 4))


@pytest.mark.parametrize(("compute", "steps", "status"), [(64, None, 15), (None, (3, 4, 4), 7)])
def test_what_cublas_refuses(cupy, compute, steps, status):
    x, y, z = (cupy.ones((4, 4), "f4") for _ in range(3))
    with pytest.raises(cupy.cuda.cublas.CUBLASError) as error:
        call(cupy, x, y, z, (4, 4, 4), compute, steps)
    assert error.value.status == status
