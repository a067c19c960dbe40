"""Pools of memory of one's own, and memory from a program's own functions.

Source: torch.cuda.memory
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from . import current
from .current import Device, api, index_of
from .current import device as _on


class CUDAPluggableAllocator:
    """Memory from a library's functions, for `change_current_allocator` and `MemPool`.

    Args:
        path_to_so_file: The library.
        alloc_fn_name: Its function ``void* alloc(ssize_t size, int device, cudaStream_t stream)``.
        free_fn_name: Its function ``void free(void* ptr, ssize_t size, int device, cudaStream_t stream)``.

    Raises:
        OSError, AttributeError: There is no such library or function.

    Source: torch.cuda.CUDAPluggableAllocator
    """

    def __init__(self, path_to_so_file: str, alloc_fn_name: str, free_fn_name: str) -> None:
        library = ctypes.CDLL(path_to_so_file)
        self.alloc, self.free = getattr(library, alloc_fn_name), getattr(library, free_fn_name)
        self.alloc.argtypes = (ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p)
        self.alloc.restype = ctypes.c_void_p
        self.free.argtypes = (ctypes.c_void_p, ctypes.c_ssize_t, ctypes.c_int, ctypes.c_void_p)
        self.free.restype = None

    def allocator(self) -> CUDAPluggableAllocator:
        """What `MemPool` takes."""
        return self

    def malloc(self, size: int) -> Any:
        """Memory of a size, on the current device and stream, which goes back with its last user."""
        from ..kernels.cuda.allocator import foreign

        cuda = api()
        device, stream = cuda.runtime.getDevice(), cuda.get_current_stream().ptr
        address = self.alloc(size, device, stream)
        if not address:
            raise cuda.memory.OutOfMemoryError(size, -1)
        return foreign(address, size, device, lambda: self.free(address, size, device, stream))


def change_current_allocator(allocator: CUDAPluggableAllocator) -> None:
    """Let the memory of all tensors come from a program's own functions.

    Raises:
        AssertionError: No device can be used.
        RuntimeError: There are tensors on a device already.

    Source: torch.cuda.change_current_allocator
    """
    current.allocator().change(allocator.malloc)


def _get_current_allocator() -> Any:
    """The pool that tensors take memory of."""
    return current.allocator().default


class MemPool:
    """A pool of memory: what is freed there serves only those who use it.

    Args:
        allocator: Where it takes memory; None for the driver's.
        use_on_oom: Only False: tensors outside of it take their memory elsewhere.
        no_split: Only False: CuPy's pools cut up what they keep.

    Raises:
        RuntimeError: No device can be used.
        NotImplementedError: An argument is True.

    Source: torch.cuda.MemPool
    """

    def __init__(
        self,
        allocator: CUDAPluggableAllocator | None = None,
        use_on_oom: bool = False,
        no_split: bool = False,
    ) -> None:
        if use_on_oom or no_split:
            raise NotImplementedError(
                "MemPool: use_on_oom and no_split are not supported: CuPy's pools do not have them; leave them out"
            )
        found = current.allocator()
        self._allocator = allocator
        self._pool = found.pool(
            found.new_identity(), None if allocator is None else allocator.malloc
        )

    @property
    def id(self) -> tuple[int, int]:
        """What it is named by."""
        return self._pool.identity

    @property
    def allocator(self) -> CUDAPluggableAllocator | None:
        """Where it takes memory."""
        return self._allocator

    def use_count(self) -> int:
        """How many use it: this object, and those graphs that were captured with it."""
        return 1 + self._pool.graphs

    def snapshot(self, include_traces: bool = True) -> list[dict[str, Any]]:
        """Its memory, as `memory_snapshot` says it."""
        from .memory_statistic import memory_snapshot

        return memory_snapshot(self.id)


@contextmanager
def use_mem_pool(pool: MemPool, device: Device = None) -> Iterator[None]:
    """A block in which this thread's tensors take their memory in a pool.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.use_mem_pool
    """
    with _on(index_of(device)), pool._pool.used():
        yield


__all__ = ["CUDAPluggableAllocator", "MemPool", "change_current_allocator", "use_mem_pool"]
