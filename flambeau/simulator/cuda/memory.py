"""Device memory as `cupy.cuda.memory` hands it out: memory, pointers into it, and a pool.

Every piece is a live allocation of the arena (`flambeau.simulator.memory`), also what a pool hands out again: so an access
outside of an array is found. What the pool keeps is only counted.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

from .. import memory as arena
from ..memory import OutOfMemoryError
from . import runtime
from .memory_hook import hooks
from .stream import get_current_stream

_UNIT = arena.ALIGNMENT


@cache
def _host(device_id: int) -> int:
    """How far the host's addresses of a GPU's memory are from the GPU's own."""
    place = arena.device(device_id)
    return place.bytes.ctypes.data - place.base


class BaseMemory:
    """Some device memory.

    Attributes:
        ptr, size, device_id: Its address, its bytes, its GPU.
    """

    ptr = 0
    size = 0
    device_id = 0

    @property
    def device(self) -> Any:
        from .device import Device

        return Device(self.device_id)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """How NumPy sees it: what was asked for, not what it is rounded up to; arrays of it keep it alive."""
        place = arena.device(self.device_id)
        start = self.ptr if self.size else place.base
        return {
            "data": (start + _host(self.device_id), False),
            "shape": (place.sizes.get(self.ptr, self.size) if self.size else 0,),
            "typestr": "|u1",
            "version": 3,
        }


def offset(memory: BaseMemory, host: np.ndarray) -> int:
    """How far inside memory a view of it begins."""
    if not memory.size:
        return 0
    start: int = host.__array_interface__["data"][0]
    return start - _host(memory.device_id) - memory.ptr


class Memory(BaseMemory):
    """Memory that is given back when nobody has it any more."""

    def __init__(self, size: int):
        self.device_id = runtime.getDevice()
        self.ptr = runtime.malloc(size) if size else 0
        self.size = size
        self._place = _Place(self.device_id, self.ptr)


class _Place:
    """Gives an allocation back, whatever classes that derive from `Memory` do in `__del__`."""

    def __init__(self, device_id: int, ptr: int):
        self.arena, self.ptr = arena.device(device_id), ptr

    def __del__(self, ends: Callable[[], bool] = sys.is_finalizing) -> None:
        if (
            self.ptr and not ends()
        ):  # at the end modules are empty, and the memory goes with the process
            self.free()

    def free(self) -> None:
        """Give it back now. There may be no arrays of it any more."""
        self.arena.free(self.ptr)
        self.ptr = 0


class UnownedMemory(BaseMemory):
    """Memory at an address that somebody else gives back."""

    def __init__(self, ptr: int, size: int, owner: Any, device_id: int = -1):
        self.ptr, self.size, self._owner = ptr, size, owner
        self.device_id = runtime.getDevice() if device_id < 0 else device_id


class PooledMemory(BaseMemory):
    """Memory that goes back to a pool: a whole piece of the driver's, of which only what was asked for may be used.

    A piece that was taken while a stream is captured stays in use, all of it, and serves only what is captured later: the
    graph writes to it again, whether or not somebody still has it.
    """

    def __init__(self, whole: BaseMemory, size: int, pool: _Pool):
        self.device_id, self.ptr, self.size = whole.device_id, whole.ptr, whole.size
        self.whole, self.pool, self.arena = whole, pool, arena.device(self.device_id)
        if get_current_stream().is_capturing():
            pool.captured.add(self.ptr)
        captured = self.ptr in pool.captured
        self.arena.narrow(self.ptr, whole.size if captured else size)

    def __del__(self, ends: Callable[[], bool] = sys.is_finalizing) -> None:
        if not ends():
            self.free()

    def free(self) -> None:
        """Give it back to the pool now. There may be no arrays of it any more."""
        if not self.ptr:
            return
        told = hooks()
        facts = self._facts() if told else {}
        for hook in told:
            hook.free_preprocess(**facts)
        if self.ptr not in self.pool.captured:
            self.arena.narrow(self.ptr, 0)
        self.ptr = 0
        self.pool.take_back(self.whole)
        for hook in told:
            hook.free_postprocess(**facts)

    def _facts(self) -> dict[str, int]:
        return {
            "device_id": self.device_id,
            "mem_size": self.size,
            "mem_ptr": self.ptr,
            "pmem_id": id(self),
        }


class MemoryPointer:
    """A place in device memory.

    Attributes:
        mem, ptr: The memory, and the address in it.
    """

    __slots__ = ("mem", "ptr")

    def __init__(self, mem: BaseMemory, offset: int):
        self.mem, self.ptr = mem, mem.ptr + offset

    @property
    def device_id(self) -> int:
        return self.mem.device_id

    @property
    def device(self) -> Any:
        return self.mem.device

    def __int__(self) -> int:
        return self.ptr

    def __repr__(self) -> str:
        return f"<MemoryPointer 0x{self.ptr:x} device={self.device_id} mem={self.mem!r}>"

    def __add__(self, offset: int) -> MemoryPointer:
        return MemoryPointer(self.mem, self.ptr - self.mem.ptr + offset)

    __radd__ = __add__

    def __sub__(self, offset: int) -> MemoryPointer:
        return self + -offset

    def copy_from(self, mem: Any, size: int) -> None:
        runtime.memcpy(self.ptr, getattr(mem, "ptr", None) or mem.value, size, 4)

    def copy_from_device(self, src: MemoryPointer, size: int) -> None:
        runtime.memcpy(self.ptr, src.ptr, size, 3)

    def copy_from_device_async(self, src: MemoryPointer, size: int, stream: Any = None) -> None:
        runtime.memcpy(self.ptr, src.ptr, size, 3)

    def copy_from_host(self, mem: Any, size: int) -> None:
        runtime.memcpy(self.ptr, int(getattr(mem, "value", mem)), size, 1)

    def copy_from_host_async(self, mem: Any, size: int, stream: Any = None) -> None:
        self.copy_from_host(mem, size)

    def copy_to_host(self, mem: Any, size: int) -> None:
        runtime.memcpy(int(getattr(mem, "value", mem)), self.ptr, size, 2)

    def copy_to_host_async(self, mem: Any, size: int, stream: Any = None) -> None:
        self.copy_to_host(mem, size)

    def memset(self, value: int, size: int) -> None:
        runtime.memset(self.ptr, value, size)

    def memset_async(self, value: int, size: int, stream: Any = None) -> None:
        runtime.memset(self.ptr, value, size)


def _rounded(size: int) -> int:
    return -(-size // _UNIT) * _UNIT


class _Pool:
    """What a pool has on one GPU. It does not cut up what it keeps: a piece serves those that ask for as much."""

    def __init__(self, device_id: int, allocator: Callable[[int], MemoryPointer]):
        self.device_id, self.allocator = device_id, allocator
        self.used = self.limit = 0
        self.captured: set[int] = set()
        self.kept: defaultdict[tuple[int, bool], list[BaseMemory]] = defaultdict(list)
        self.lock = threading.RLock()

    def total(self) -> int:
        return self.used + sum(size * len(kept) for (size, _), kept in self.kept.items())

    def malloc(self, size: int) -> PooledMemory:
        room = _rounded(size)
        told = hooks()
        facts = {"device_id": self.device_id, "size": size, "mem_size": room} if told else {}
        for hook in told:
            hook.malloc_preprocess(**facts)
        with self.lock:
            kept = self.kept[room, get_current_stream().is_capturing()]
            made = PooledMemory(kept.pop() if kept else self._fresh(room), size, self)
            self.used += room
        for hook in told:
            hook.malloc_postprocess(**facts, mem_ptr=made.ptr, pmem_id=id(made))
        return made

    def _fresh(self, room: int) -> BaseMemory:
        """Memory of the driver; the pool gives back what it keeps before there is too little."""
        for free in (self.kept.clear, self._collect):
            if self._above(room):
                free()
        if self._above(room):
            raise OutOfMemoryError(room, self.total(), self.limit)
        facts = {"device_id": self.device_id, "mem_size": room}
        for hook in hooks():
            hook.alloc_preprocess(**facts)
        made = self._asked(room)
        for hook in hooks():
            hook.alloc_postprocess(**facts, mem_ptr=made.ptr)
        return made

    def _above(self, room: int) -> bool:
        return bool(self.limit) and self.total() + room > self.limit

    def _collect(self) -> None:
        gc.collect()
        self.kept.clear()

    def _asked(self, room: int) -> BaseMemory:
        for free in (self.kept.clear, self._collect):
            try:
                return self.allocator(room).mem
            except runtime.CUDARuntimeError:
                free()
        try:
            return self.allocator(room).mem
        except runtime.CUDARuntimeError:
            raise OutOfMemoryError(room, self.total(), self.limit) from None

    def take_back(self, whole: BaseMemory) -> None:
        with self.lock:
            self.used -= whole.size
            self.kept[whole.size, whole.ptr in self.captured].append(whole)


class MemoryPool:
    """Memory of each GPU that is kept, when arrays die, for arrays to come."""

    def __init__(self, allocator: Any = None):
        self._allocator = allocator or _malloc
        self._pools: dict[int, _Pool] = {}

    def _pool(self) -> _Pool:
        device_id = runtime.getDevice()
        pool = self._pools.get(device_id)
        if pool is None:
            pool = self._pools[device_id] = _Pool(device_id, self._allocator)
        return pool

    def malloc(self, size: int) -> MemoryPointer:
        return MemoryPointer(self._pool().malloc(size) if size else Memory(0), 0)

    def free_all_blocks(self, stream: Any = None) -> None:
        pool = self._pool()
        for kept in pool.kept.values():
            pool.captured.difference_update(whole.ptr for whole in kept)
        pool.kept.clear()

    def n_free_blocks(self) -> int:
        return sum(map(len, self._pool().kept.values()))

    def used_bytes(self) -> int:
        return self._pool().used

    def free_bytes(self) -> int:
        pool = self._pool()
        return pool.total() - pool.used

    def total_bytes(self) -> int:
        return self._pool().total()

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        if fraction is not None:
            if size is not None:
                raise ValueError("size and fraction cannot be specified at one time")
            if not 0 <= fraction <= 1:
                raise ValueError("memory limit fraction out of range")
            size = int(fraction * runtime.memGetInfo()[1])
        if size is None:
            size = 0
        if size < 0:
            raise ValueError("memory limit size out of range")
        self._pool().limit = size

    def get_limit(self) -> int:
        return self._pool().limit


class MemoryAsyncPool(MemoryPool):
    """The driver's own pool; here one like the other."""

    def __init__(self, pool_handles: Any = "current"):
        super().__init__()


def _malloc(size: int) -> MemoryPointer:
    """The allocator without a pool."""
    return MemoryPointer(Memory(size), 0)


default_pool = MemoryPool()
_allocator: Callable[[int], MemoryPointer] = default_pool.malloc
_local = threading.local()


def alloc(size: int) -> MemoryPointer:
    """Memory from the current allocator, on the current device."""
    return get_allocator()(size)


def get_allocator() -> Callable[[int], MemoryPointer]:
    return getattr(_local, "allocator", None) or _allocator


def set_allocator(allocator: Callable[[int], MemoryPointer] | None = None) -> None:
    """Take memory from here from now on; None: without a pool."""
    global _allocator
    if getattr(_local, "allocator", None):
        raise ValueError(
            "Can't change the global allocator inside `using_allocator` context manager"
        )
    _allocator = allocator or _malloc


@contextmanager
def using_allocator(allocator: Callable[[int], MemoryPointer] | None = None) -> Iterator[None]:
    """Take memory from here in this thread, in the block."""
    before = getattr(_local, "allocator", None)
    _local.allocator = allocator or _malloc
    try:
        yield
    finally:
        _local.allocator = before


__all__ = [
    "BaseMemory",
    "Memory",
    "MemoryAsyncPool",
    "MemoryPointer",
    "MemoryPool",
    "OutOfMemoryError",
    "PooledMemory",
    "UnownedMemory",
    "alloc",
    "get_allocator",
    "set_allocator",
]
