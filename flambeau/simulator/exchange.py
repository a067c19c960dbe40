"""Arrays of other libraries on the memory of simulated GPUs: DLPack, and the interface of CUDA's arrays.

In the simulator a DLPack capsule holds the host's address of the memory, so that NumPy can make and read it. Only who
also stands in for a GPU's library can have use for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import ndarray
from .cuda import memory
from .memory import FIRST

CUDA = 2
"""DLPack's number of a GPU's memory."""


class _OnHost:
    """An exporter whose capsules NumPy reads."""

    def __init__(self, array: Any):
        self.array = array

    def __dlpack_device__(self) -> tuple[int, int]:
        return 1, 0

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__()


def from_dlpack(array: Any, device: Any, copy: bool | None) -> ndarray:
    """An array of another library's memory on a simulated GPU."""
    kind, index = array.__dlpack_device__()
    if int(kind) != CUDA:
        raise BufferError("this array is not in the memory of a simulated GPU")
    if device is not None and tuple(device) != (CUDA, index):
        raise BufferError(f"the array is on GPU {index}, not on {device}")
    host = np.from_dlpack(_OnHost(array))
    start = host.__array_interface__["data"][0] - memory.host_address(index)
    made = _at(start, host.shape, host.dtype, host.strides, index, host)
    return made.copy() if copy else made


def of_interface(array: Any) -> ndarray:
    """An array of what has `__cuda_array_interface__`."""
    facts = array.__cuda_array_interface__
    dtype = np.dtype(facts["typestr"])
    start, shape, strides = facts["data"][0], tuple(facts["shape"]), facts.get("strides")
    index = start // FIRST - 1 if start else 0
    return _at(start, shape, dtype, strides, index, array)


def _at(
    start: int, shape: tuple[int, ...], dtype: np.dtype, strides: Any, index: int, owner: Any
) -> ndarray:
    if 0 in shape:
        return ndarray(shape, dtype)
    steps = strides or tuple(np.cumprod([dtype.itemsize, *shape[:0:-1]])[::-1].tolist())
    size = sum((n - 1) * step for n, step in zip(shape, steps)) + dtype.itemsize
    held = memory.UnownedMemory(start, size, owner, index)
    return ndarray(shape, dtype, memory.MemoryPointer(held, 0), tuple(steps))
