"""Host memory that a GPU reads and writes by itself: page-locked, so copies run beside the program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any
from weakref import finalize

import numpy as np

from . import driver
from .ledger import Ledger


@cache
def figures() -> Ledger:
    """What was page-locked: a segment is memory of the system, a block what an array has."""
    return Ledger()


@cache
def _pool() -> Any:
    """Memory that was page-locked serves the next arrays: locking takes as long as many copies."""
    cuda, ledger = driver.cupy().cuda, figures()

    class Segment(driver.cupy().cuda.PinnedMemory):  # type: ignore[misc]
        """Page-locked memory of the system."""

        def __del__(self) -> None:
            if self.ptr:  # 0 where the system had none
                ledger.segments.fall(1)
                ledger.segment_bytes.fall(self.size)
            super().__del__()

    def segment(size: int) -> Any:
        memory = Segment(size, cuda.runtime.hostAllocPortable)
        ledger.segments.rise(1)
        ledger.segment_bytes.rise(size)
        return cuda.PinnedMemoryPointer(memory, 0)

    return cuda.PinnedMemoryPool(segment)


def empty(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """An array in page-locked memory, its elements as they come."""
    dtype, shape = np.dtype(dtype), tuple(shape)
    size = math.prod(shape) * dtype.itemsize
    whole = np.frombuffer(_pool().malloc(max(1, size)), np.uint8)
    figures().take(size, size)
    finalize(whole, figures().give, size, size)
    return whole[:size].view(dtype).reshape(shape)


def pinned(array: np.ndarray) -> np.ndarray:
    """A copy of an array in page-locked memory, its dimensions in the same order in memory."""
    order = sorted(range(array.ndim), key=lambda dim: -abs(array.strides[dim]))
    copy = empty([array.shape[dim] for dim in order], array.dtype).transpose(np.argsort(order))
    copy[...] = array
    return copy


def is_pinned(array: np.ndarray) -> bool:
    """Does an array lie in page-locked memory of ours?"""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, memoryview):
        base = base.obj
    return isinstance(base, driver.cupy().cuda.PinnedMemoryPointer)


def hold(array: np.ndarray) -> None:
    """Keep an array until the current stream has done what it was told so far; what a graph reads, the program keeps."""
    cuda = driver.cupy().cuda
    stream = cuda.get_current_stream()
    if stream.is_capturing():
        return
    _held.append((stream.record(cuda.Event(disable_timing=True)), array))
    while _held and _held[0][0].done:
        del _held[0]


_held: list[tuple[Any, np.ndarray]] = []


def release() -> None:
    """Give page-locked memory that waits to be reused back to the system."""
    _pool().free_all_blocks()


__all__ = ["empty", "hold", "is_pinned", "pinned", "release"]
