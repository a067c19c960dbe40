"""The part of `cupy.cuda.cusolver` that factors matrices, by NumPy; and cuBLAS's for stacks of them.

Matrices are stored column by column, and are named by the addresses of their first elements.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import memory
from .capture import run
from .cuda import runtime
from .ptx.fault import Fault

LETTERS = {"s": "f4", "d": "f8", "c": "c8", "z": "c16"}
"""NumPy's types by the first letters of LAPACK's names."""


def at(address: int, dtype: str, *shape: int) -> np.ndarray:
    """An array in device memory, its first dimension the nearest.

    Raises:
        Fault: It would reach outside of what lives at the address.
    """
    arena = memory.device(runtime.getDevice())
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    start, stop = arena.holding(address)
    if size and (not start or address + size > stop):
        raise Fault(f"{size} bytes at {address:#x} reach outside of live memory")
    return arena.view(address, size).view(dtype).reshape(shape, order="F")


def eliminate(a: np.ndarray, pivots: np.ndarray, info: np.ndarray) -> None:
    """LAPACK's getrf of one matrix in place: pivots from 1, and the first that is zero."""
    info[0] = 0
    for j in range(len(pivots)):
        column = a[j:, j]
        pivots[j] = 1 + (at := j + int((np.abs(column.real) + np.abs(column.imag)).argmax()))
        a[[j, at]] = a[[at, j]]
        if a[j, j] == 0:
            info[0] = info[0] or j + 1
            continue
        a[j + 1 :, j] /= a[j, j]
        a[j + 1 :, j + 1 :] -= np.outer(a[j + 1 :, j], a[j, j + 1 :])


def _size(letter: str) -> Callable:
    def getrf_bufferSize(handle: int, m: int, n: int, A: int, lda: int) -> int:
        return max(1, n)

    return getrf_bufferSize


def _getrf(letter: str) -> Callable:
    def getrf(
        handle: int, m: int, n: int, A: int, lda: int, work: int, devIpiv: int, devInfo: int
    ) -> None:
        a = at(A, LETTERS[letter], lda, n)[:m]
        pivots, info = at(devIpiv, "i4", min(m, n)), at(devInfo, "i4", 1)
        at(work, LETTERS[letter], max(1, n))
        run(lambda: eliminate(a, pivots, info))

    return getrf


def _batched(letter: str) -> Callable:
    def getrfBatched(
        handle: int, n: int, Aarray: int, lda: int, PivotArray: int, infoArray: int, batchSize: int
    ) -> None:
        addresses = at(Aarray, "u8", batchSize)
        pivots, info = at(PivotArray, "i4", n, batchSize), at(infoArray, "i4", batchSize)

        def work() -> None:
            for i, address in enumerate(addresses):
                a = at(int(address), LETTERS[letter], lda, n)[:n]
                eliminate(a, pivots[:, i], info[i : i + 1])

        run(work)

    return getrfBatched


sgetrf, dgetrf, cgetrf, zgetrf = map(_getrf, LETTERS)
sgetrf_bufferSize, dgetrf_bufferSize, cgetrf_bufferSize, zgetrf_bufferSize = map(_size, LETTERS)
sgetrfBatched, dgetrfBatched, cgetrfBatched, zgetrfBatched = map(_batched, LETTERS)

__all__ = [f"{letter}{name}" for letter in LETTERS for name in ("getrf", "getrf_bufferSize")]
