"""Memory of CUDA devices: none is there, so none is in use.

The memory that results on the CPU take is in `torch.cpu`.

Source: torch.cuda.memory
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from .._absent import classes, functions, zeros
from . import MemPool, _not_compiled  # type: ignore[attr-defined]

globals().update(
    zeros(
        __name__,
        "max_memory_allocated max_memory_cached max_memory_reserved memory_allocated memory_cached memory_reserved",
        "there is no CUDA device whose memory could be in use",
    )
)
globals().update(
    functions(
        __name__,
        "caching_allocator_alloc caching_allocator_delete caching_allocator_enable change_current_allocator "
        "get_allocator_backend get_per_process_memory_fraction mem_get_info set_per_process_memory_fraction "
        "use_mem_pool _record_memory_history _dump_snapshot _snapshot",
        _not_compiled,
    )
)
globals().update(classes(__name__, "CUDAPluggableAllocator"))


def empty_cache() -> None:
    """Give memory that waits to be reused back to CUDA: there is none.

    Source: torch.cuda.empty_cache
    """


def _reset(name: str) -> Any:
    def reset(device: Any = None) -> None:
        return None

    reset.__name__ = reset.__qualname__ = name
    reset.__doc__ = (
        f"Let a figure begin again; without a device it stays 0.\n\n    Source: torch.cuda.{name}"
    )
    return reset


reset_accumulated_memory_stats = _reset("reset_accumulated_memory_stats")
reset_max_memory_allocated = _reset("reset_max_memory_allocated")
reset_max_memory_cached = _reset("reset_max_memory_cached")
reset_peak_memory_stats = _reset("reset_peak_memory_stats")


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    """What the allocator has done: nothing.

    Source: torch.cuda.memory_stats
    """
    return OrderedDict()


memory_stats_as_nested_dict = host_memory_stats = memory_stats


def memory_snapshot(mempool_id: Any = None) -> list[Any]:
    """The segments of the allocator: none.

    Source: torch.cuda.memory_snapshot
    """
    return []


def memory_summary(device: Any = None, abbreviated: bool = False) -> str:
    """A table of the allocator's figures: without a device, a line that says so.

    Source: torch.cuda.memory_summary
    """
    return "There is no CUDA device, so no memory of one is in use."


def list_gpu_processes(device: Any = None) -> str:
    """The processes that use a device: none.

    Source: torch.cuda.list_gpu_processes
    """
    return "no processes are running"


__all__ = ["MemPool", "empty_cache", "memory_snapshot", "memory_stats", "memory_summary"]
