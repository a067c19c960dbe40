"""Pinned memory of the host, as `cupy.cuda.pinned_memory`: here memory like any other."""

from __future__ import annotations

import ctypes
from collections import defaultdict
from collections.abc import Callable
from functools import cache
from typing import Any
from weakref import ref

import numpy as np

from .. import memory as arena
from . import runtime

_UNIT = 512
"""Bytes that a pool rounds up to."""


class PinnedMemory:
    """Memory of the host that a GPU reads and writes itself.

    Attributes:
        ptr, size: Its address and bytes.
    """

    def __init__(self, size: int, flags: int = 0):
        self._bytes: Any
        if flags & runtime.hostAllocMapped:  # in the arena, where kernels find it
            place = arena.device(runtime.getDevice())
            self._bytes = place.view(place.allocate(size), size)
            self.ptr = self._bytes.ctypes.data
        else:
            self._bytes = (ctypes.c_char * max(size, 1))()
            self.ptr = ctypes.addressof(self._bytes)
        self.size = size

    def __del__(self) -> None:
        """The bytes go with it."""


class PooledPinnedMemory(PinnedMemory):
    """Pinned memory that goes back to a pool."""

    def __init__(self, mem: PinnedMemory, pool: Any):
        self.ptr, self.size = mem.ptr, mem.size
        self._whole, self._pool = mem, pool

    def free(self) -> None:
        """Give it back now."""
        pool = self._pool()
        if pool is not None and self.ptr:
            pool._take_back(self._whole)
        self.ptr = self.size = 0

    __del__ = free


class PinnedMemoryPointer:
    """A place in pinned memory. `numpy.frombuffer` takes it: it has Python's buffer interface.

    Attributes:
        mem, ptr: The memory, and the address in it.
    """

    def __new__(cls, mem: PinnedMemory, offset: int) -> PinnedMemoryPointer:
        made: PinnedMemoryPointer = _sized(mem.size - offset).from_address(mem.ptr + offset)
        return made

    def __init__(self, mem: PinnedMemory, offset: int):
        self.mem, self.ptr = mem, mem.ptr + offset

    def __int__(self) -> int:
        return self.ptr

    def __add__(self, offset: int) -> PinnedMemoryPointer:
        return PinnedMemoryPointer(self.mem, self.ptr - self.mem.ptr + offset)

    def size(self) -> int:
        """Bytes from here to its end."""
        return self.mem.size - (self.ptr - self.mem.ptr)


@cache
def _sized(size: int) -> Any:
    """Pointers to so many bytes: Python's own classes have no buffer interface, those of ctypes have."""
    return type("PinnedMemoryPointer", (PinnedMemoryPointer, ctypes.c_ubyte * size), {})


class PinnedMemoryPool:
    """Keeps pinned memory for later."""

    def __init__(self, allocator: Any = None):
        self._allocator = allocator or _malloc
        self._free: defaultdict[int, list[PinnedMemory]] = defaultdict(list)

    def malloc(self, size: int) -> PinnedMemoryPointer:
        if not size:
            return PinnedMemoryPointer(PinnedMemory(0), 0)
        room = -(-size // _UNIT) * _UNIT
        free = self._free[room]
        whole = free.pop() if free else self._allocator(room).mem
        return PinnedMemoryPointer(PooledPinnedMemory(whole, ref(self)), 0)

    def _take_back(self, whole: PinnedMemory) -> None:
        self._free[whole.size].append(whole)

    def free_all_blocks(self) -> None:
        self._free.clear()

    def n_free_blocks(self) -> int:
        return sum(map(len, self._free.values()))


def _malloc(size: int) -> PinnedMemoryPointer:
    return PinnedMemoryPointer(PinnedMemory(size), 0)


default_pool = PinnedMemoryPool()
_allocator: Callable[[int], PinnedMemoryPointer] = default_pool.malloc


def alloc_pinned_memory(size: int) -> PinnedMemoryPointer:
    return _allocator(size)


def set_pinned_memory_allocator(
    allocator: Callable[[int], PinnedMemoryPointer] | None = None,
) -> None:
    global _allocator
    _allocator = allocator or _malloc


def is_pinned(array: Any) -> bool:
    """Does an array lie in memory that one of these pointers gave?"""
    while isinstance(array, np.ndarray):
        array = array.base
    return isinstance(array.obj if isinstance(array, memoryview) else array, PinnedMemoryPointer)


__all__ = [
    "PinnedMemory",
    "PinnedMemoryPointer",
    "PinnedMemoryPool",
    "PooledPinnedMemory",
    "alloc_pinned_memory",
    "set_pinned_memory_allocator",
]
