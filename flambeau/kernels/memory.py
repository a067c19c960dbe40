"""The memory of results: kept for the next ones instead of being returned to the system.

A page that comes fresh from the system costs more than the arithmetic on it, and vectors that cross a cache line
cost twice. So arrays that kernels make take their memory here: at multiples of 64 bytes, from lists of free blocks,
one list for each of some 300 sizes. At most `LIMIT` bytes wait in the lists; beyond that, those of sizes that nobody
asked for lately go back to the system first. All of it runs under the interpreter lock. The machine code is in
`allocator`, which loads with the first kernel.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from . import enabled

LIMIT = 256 << 20
"""Bytes of free memory that are kept at most, unless `set_limit` says otherwise."""
_WORDS = ("limit", "kept", "live", "peak", "taken", "reused", "fetched", "returned", "blocks")
_memory: list[Any] = []
INT64, UINT32, FLOAT32 = map(np.dtype, ("int64", "uint32", "float32"))


def start(machine: Any) -> None:
    """Let kernels take memory here from now on, where the system has what it needs."""
    if os.name == "posix":
        from .allocator import Allocator

        _memory.append(Allocator(machine, LIMIT))


def _current() -> Any:
    if not _memory and enabled():
        from .machine import machine

        machine()
    return _memory[0] if _memory else None


def stats() -> dict[str, int]:
    """What the allocator did and holds: bytes and numbers of blocks by name; all zero without kernels."""
    memory = _current()
    words = memory.words if memory else [0] * len(_WORDS)
    return dict(zip(_WORDS, words))


def reset_peak() -> None:
    """Let the peak begin again at what is in use."""
    memory = _current()
    if memory:
        memory.words[3] = memory.words[2]


def set_limit(limit: int) -> None:
    """Keep at most so many bytes of free memory; 0 returns everything to the system at once.

    Raises:
        ValueError: It is negative.
    """
    if limit < 0:
        raise ValueError(f"expected a number of bytes, got {limit}")
    memory = _current()
    if memory:
        memory.words[0] = limit
        if memory.words[1] > limit:
            memory.release()


def release() -> None:
    """Give what is free back to the system now."""
    memory = _current()
    if memory:
        memory.release()


def _make_empty() -> Callable[..., Any]:
    memory = _current()
    if memory is None:
        return np.empty
    from .runtime import builtin

    return builtin("empty", memory.address, np.empty)


def empty(shape: Any, dtype: Any) -> Any:
    """`np.empty` in this memory. The first call replaces this function by a native one."""
    made = globals()["empty"] = _make_empty()
    return made(shape, dtype)


ALIGNED = 1 << 14
"""Bytes from which arrays that no kernel makes are put here as well."""


_FEW = 4096
"""Elements below which zeros are NumPy's. Asking NumPy first would clear large arrays twice."""


def fresh(shape: Any, dtype: Any) -> Any:
    """`np.empty`, in this memory where the array is large; small ones do not load the compiler."""
    if math.prod(shape) * dtype.itemsize < ALIGNED:
        return np.empty(shape, dtype)
    return empty(tuple(shape), dtype)


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
        from . import filling

        filling.fill(array, np.array(value, dtype))
    return array
