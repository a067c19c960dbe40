"""Who is told of allocations, as `cupy.cuda.memory_hook`."""

from __future__ import annotations

import threading
from typing import Any

_local = threading.local()


def get_memory_hooks() -> dict[str, MemoryHook]:
    """The hooks of this thread, by their names."""
    found: dict[str, MemoryHook] | None = getattr(_local, "hooks", None)
    if found is None:
        found = _local.hooks = {}
    return found


def hooks() -> tuple[MemoryHook, ...]:
    found = getattr(_local, "hooks", None)
    return tuple(found.values()) if found else ()


class MemoryHook:
    """Is told of allocations in its block: a subclass takes what it wants to know."""

    name = "MemoryHook"

    def __enter__(self) -> Any:
        known = get_memory_hooks()
        if self.name in known:
            raise KeyError(f"memory hook {self.name} already exists")
        known[self.name] = self
        return self

    def __exit__(self, *_: Any) -> None:
        del get_memory_hooks()[self.name]

    def alloc_preprocess(self, **kwargs: Any) -> None:
        """Before memory is taken from the GPU: device_id, mem_size."""

    def alloc_postprocess(self, **kwargs: Any) -> None:
        """After it: device_id, mem_size, mem_ptr."""

    def malloc_preprocess(self, **kwargs: Any) -> None:
        """Before memory is taken from the pool: device_id, size, mem_size."""

    def malloc_postprocess(self, **kwargs: Any) -> None:
        """After it: device_id, size, mem_size, mem_ptr, pmem_id."""

    def free_preprocess(self, **kwargs: Any) -> None:
        """Before memory goes back to the pool: device_id, mem_size, mem_ptr, pmem_id."""

    def free_postprocess(self, **kwargs: Any) -> None:
        """After it: the same."""


__all__ = ["MemoryHook", "get_memory_hooks"]
