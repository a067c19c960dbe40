"""New arrays in the memory of results, for functions that are no kernels; small ones are NumPy's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..runtime import memory
from ..runtime.process import LIMIT

ALIGNED = 1 << 14
"""Bytes from which arrays that no kernel makes are put here as well."""


_FEW = 4096
"""Elements below which zeros are NumPy's. Asking NumPy first would clear large arrays twice."""


def fresh(shape: Any, dtype: Any) -> Any:
    """`np.empty`, in this memory where the array is large; small ones do not load the compiler."""
    if math.prod(shape) * dtype.itemsize < ALIGNED:
        return np.empty(shape, dtype)
    return memory.empty(tuple(shape), dtype)


def allocator() -> Callable[[Any, Any], Any]:
    """`np.empty`, in this memory for arrays of any size: for what has found kernels already."""
    memory.empty((0,), memory.UINT32)  # the first call makes the native function
    return memory.empty  # type: ignore[no-any-return]


def turning(dims: list[int]) -> Callable[[Any], Any]:
    """``x.transpose(dims)``, of which that of all dimensions turned about takes a fourth of the time as ``x.T``."""
    if dims == list(range(len(dims)))[::-1]:
        return _turned
    return lambda x: x.transpose(dims)


def _turned(x: Any) -> Any:
    return x.T


def zeros(shape: Any, dtype: Any) -> Any:
    """`np.zeros`, in this memory where the array is large but not so large that it is not kept."""
    count = math.prod(shape)
    if count < _FEW or count * dtype.itemsize > LIMIT:
        return np.zeros(shape, dtype)
    return full(shape, dtype, 0)


def full(shape: Any, dtype: Any, value: Any) -> Any:
    """`np.full` in this memory where the array is large; threads share the work."""
    array = fresh(shape, dtype)
    if array.nbytes < ALIGNED:
        array.fill(value)
    else:
        from . import fill

        fill.fill(array, np.array(value, dtype))
    return array
