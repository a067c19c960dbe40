"""Memory of CUDA devices: what is in use, what waits to be reused, and how memory is asked for.

CuPy's pools keep freed memory for the next arrays; the figures are those of `flambeau.kernels.cuda.allocator`. They have
PyTorch's names. There is one pool for blocks of all sizes, so what PyTorch divides into a large and a small pool is told as
the large one. Without a device nothing is in use. The memory that results on the CPU take is in `torch.cpu`.

Source: torch.cuda.memory
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..core.device import backends
from ..kernels.cuda.allocator_setting import refuse
from .current import Device, allocator, api, index_of
from .current import device as _on
from .memory_pool import (
    CUDAPluggableAllocator,
    MemPool,
    change_current_allocator,
    use_mem_pool,
)
from .memory_statistic import (
    host_memory_stats,
    host_memory_stats_as_nested_dict,
    max_memory_allocated,
    max_memory_cached,
    max_memory_reserved,
    memory_allocated,
    memory_cached,
    memory_reserved,
    memory_snapshot,
    memory_stats,
    memory_stats_as_nested_dict,
    memory_summary,
    reset_accumulated_host_memory_stats,
    reset_accumulated_memory_stats,
    reset_max_memory_allocated,
    reset_max_memory_cached,
    reset_peak_host_memory_stats,
    reset_peak_memory_stats,
)
from .nvml import list_gpu_processes


def empty_cache() -> None:
    """Give memory that waits to be reused back to the driver, so that other programs can have it.

    Source: torch.cuda.empty_cache
    """
    if "cuda" not in backends:
        return
    found = allocator()
    found.collect()
    found.release()


def _empty_host_cache() -> None:
    """Give page-locked memory that waits to be reused back to the system."""
    if "cuda" in backends:
        from ..kernels.cuda import pinned

        pinned.release()


def mem_get_info(device: Device = None) -> tuple[int, int]:
    """Bytes that are free on a device, and all bytes, as the driver counts them.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.mem_get_info
    """
    with _on(index_of(device)):
        free, total = api().runtime.memGetInfo()
    return int(free), int(total)


def set_per_process_memory_fraction(fraction: float, device: Device = None) -> None:
    """Let this process have only a part of a device's memory; asking for more raises OutOfMemoryError.

    Raises:
        TypeError, ValueError: The fraction is no float from 0 to 1.
        AssertionError: No device can be used.

    Source: torch.cuda.set_per_process_memory_fraction
    """
    if not isinstance(fraction, float):
        raise TypeError("Invalid type for fraction argument, must be `float`")
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    index = index_of(device)
    allocator().limits[index] = int(fraction * mem_get_info(index)[1])


def get_per_process_memory_fraction(device: Device = None) -> float:
    """The part of a device's memory that this process may have.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.get_per_process_memory_fraction
    """
    index = index_of(device)
    limit = allocator().limits.get(index)
    return 1.0 if limit is None else limit / mem_get_info(index)[1]


def caching_allocator_alloc(size: int, device: Device = None, stream: Any = None) -> int:
    """The address of memory for other libraries, until `caching_allocator_delete`.

    Args:
        size: Bytes.
        device, stream: For whom; None for the current ones. A stream may be given by its address.

    Raises:
        TypeError: The stream is something else.
        AssertionError: No device can be used.

    Source: torch.cuda.caching_allocator_alloc
    """
    from .streams import ExternalStream, Stream
    from .streams import stream as entered

    index = index_of(device)
    if isinstance(stream, int):
        stream = ExternalStream(stream, index)
    if stream is not None and not isinstance(stream, Stream):
        raise TypeError(
            "Invalid type for stream argument, must be `torch.cuda.Stream` or `int` representing a pointer to an "
            "existing stream"
        )
    found = allocator()
    with _on(index), entered(stream):
        return int(found.raw(size))


def caching_allocator_delete(mem_ptr: int) -> None:
    """Let go of what `caching_allocator_alloc` gave.

    Raises:
        RuntimeError: It did not give it.

    Source: torch.cuda.caching_allocator_delete
    """
    allocator().free(mem_ptr)


def caching_allocator_enable(value: bool = True) -> None:
    """Keep freed memory for the next tensors, or let all memory come from the driver and go back at once.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.caching_allocator_enable
    """
    allocator().keep(bool(value))


@contextmanager
def caching_allocator_disabled() -> Iterator[None]:
    """A block in which all memory comes from the driver and goes back at once.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.memory.caching_allocator_disabled
    """
    caching_allocator_enable(False)
    try:
        yield
    finally:
        caching_allocator_enable(True)


def get_allocator_backend() -> str:
    """What gives memory: "native", or "cudaMallocAsync" where PYTORCH_CUDA_ALLOC_CONF chose the driver's pool.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.get_allocator_backend
    """
    return str(allocator().settings.backend)


def _set_allocator_settings(env: str) -> None:
    """Set what PYTORCH_CUDA_ALLOC_CONF sets, now.

    Args:
        env: ``name:value,name:value`` of backend, garbage_collection_threshold and roundup_power2_divisions.

    Raises:
        ValueError: There is no such setting or value, or CuPy's pools do not have it; the backend cannot change any more.

    Source: torch.cuda.memory._set_allocator_settings
    """
    settings = allocator().settings
    before = settings.backend
    settings.set(env, refuse)
    if settings.backend != before:
        settings.backend = before
        raise ValueError(
            f"the allocator is {before} already: set PYTORCH_CUDA_ALLOC_CONF=backend:... before the program starts"
        )


def _record_memory_history(enabled: Any = "all", *args: Any, **kwargs: Any) -> None:
    """Note where tensors are made.

    Raises:
        NotImplementedError: Always, unless it is switched off.
    """
    if enabled is not None and enabled is not False:
        raise NotImplementedError(
            "no history of CUDA's memory is kept; memory_snapshot() says what is in use now"
        )


def _snapshot(device: Device = None, **options: Any) -> dict[str, Any]:
    """`memory_snapshot`, in the form that is saved."""
    return {"segments": memory_snapshot(), "device_traces": [], "allocator_settings": {}}


def _dump_snapshot(filename: str = "dump_snapshot.pickle", **options: Any) -> None:
    """Save what `_snapshot` gives."""
    import pickle

    with open(filename, "wb") as file:
        pickle.dump(_snapshot(), file)


__all__ = [
    "CUDAPluggableAllocator",
    "MemPool",
    "caching_allocator_alloc",
    "caching_allocator_delete",
    "caching_allocator_disabled",
    "caching_allocator_enable",
    "change_current_allocator",
    "empty_cache",
    "get_allocator_backend",
    "get_per_process_memory_fraction",
    "host_memory_stats",
    "host_memory_stats_as_nested_dict",
    "list_gpu_processes",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_snapshot",
    "memory_stats",
    "memory_stats_as_nested_dict",
    "memory_summary",
    "reset_accumulated_host_memory_stats",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_host_memory_stats",
    "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
    "use_mem_pool",
]
