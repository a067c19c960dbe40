"""Arrays of other libraries on the memory of simulated GPUs, by the interface of CUDA's arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from .array import ndarray
from .cuda import memory
from .memory import FIRST


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
