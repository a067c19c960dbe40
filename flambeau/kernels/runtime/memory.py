"""The memory of results: kept for the next ones instead of being returned to the system.

A page that comes fresh from the system costs more than the arithmetic on it, and vectors that cross a cache line
cost twice. So arrays that kernels make take their memory here: at multiples of 64 bytes, from lists of free blocks,
one list for each of some 300 sizes. At most `process.LIMIT` bytes wait in the lists; beyond that, those of sizes that
nobody asked for lately go back to the system first. All of it runs under the interpreter lock. The machine code is in
`allocator_kernel`, which loads with the first kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .process import allocator

INT64, UINT32, FLOAT32 = map(np.dtype, ("int64", "uint32", "float32"))


def stats() -> dict[str, int]:
    """What the allocator did and holds: bytes and numbers of blocks by name; all zero without kernels."""
    from .allocator_state import STATISTICS  # making an enum would slow the import of flambeau

    memory = allocator()
    return {word.name.lower(): memory.words[word] if memory else 0 for word in STATISTICS}


def reset_peak() -> None:
    """Let the peak begin again at what is in use."""
    memory = allocator()
    if memory:
        memory.reset_peak()


def set_limit(limit: int) -> None:
    """Keep at most so many bytes of free memory; 0 returns everything to the system at once.

    Raises:
        ValueError: It is negative.
    """
    if limit < 0:
        raise ValueError(f"expected a number of bytes, got {limit}")
    memory = allocator()
    if memory:
        memory.set_limit(limit)


def release() -> None:
    """Give what is free back to the system now."""
    memory = allocator()
    if memory:
        memory.release()


def _make_empty() -> Callable[..., Any]:
    memory = allocator()
    if memory is None:
        return np.empty
    from .layout import builtin

    return builtin("empty", memory.address, np.empty)


def empty(shape: Any, dtype: Any) -> Any:
    """`np.empty` in this memory. The first call replaces this function by a native one."""
    made = globals()["empty"] = _make_empty()
    return made(shape, dtype)
