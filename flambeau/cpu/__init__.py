"""The CPU as a device, and the memory that results on it take.

flambeau keeps freed memory for the next results (`flambeau.kernels.runtime.memory`), as PyTorch does on CUDA; the functions
about memory are named like those of `torch.cuda`. Without native kernels nothing is kept, and all figures are zero.
"""

from __future__ import annotations

from typing import Any

from .._lazy import attach as _attach
from ..core.stream import Stream, StreamContext

_STREAM = Stream()


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to: the only one.

    Source: torch.cpu.current_stream
    """
    return _STREAM


def stream(stream: Stream | None) -> StreamContext:
    """A block whose work goes to a stream.

    Source: torch.cpu.stream
    """
    return StreamContext(stream)


def is_available() -> bool:
    """There is always a CPU.

    Source: torch.cpu.is_available
    """
    return True


def is_initialized() -> bool:
    """It needs no preparation.

    Source: torch.cpu.is_initialized
    """
    return True


def device_count() -> int:
    """All processors together are one device.

    Source: torch.cpu.device_count
    """
    return 1


def current_device() -> str:
    """The only device of this kind.

    Source: torch.cpu.current_device
    """
    return "cpu"


def set_device(device: Any) -> None:
    """There is only one to choose.

    Source: torch.cpu.set_device
    """


def synchronize(device: Any = None) -> None:
    """Results are ready when a call returns, so there is nothing to wait for.

    Source: torch.cpu.synchronize
    """


def memory_stats() -> dict[str, int]:
    """What the allocator of results has done and holds.

    Returns:
        ``allocated_bytes`` in use and their ``peak_bytes``, ``kept_bytes`` that wait to be reused and
        ``limit_bytes``, how many there may be; ``blocks`` in use, and how many were ``taken`` so far, of those
        ``reused``, ``fetched`` from the system and ``returned`` to it.

    Source: torch.cuda.memory_stats

    Example:
        >>> import flambeau as torch
        >>> x = torch.ones(1000) * 2
        >>> stats = torch.cpu.memory_stats()
        >>> stats["kept_bytes"] <= stats["limit_bytes"]
        True
    """
    from ..kernels.runtime import memory

    names = {"live": "allocated_bytes", "peak": "peak_bytes", "kept": "kept_bytes", "limit": "limit_bytes"}  # fmt: skip
    return {names.get(name, name): value for name, value in memory.stats().items()}


def memory_allocated() -> int:
    """Bytes in use.

    Source: torch.cuda.memory_allocated
    """
    return memory_stats()["allocated_bytes"]


def max_memory_allocated() -> int:
    """The most bytes that were in use since the start or `reset_peak_memory_stats`.

    Source: torch.cuda.max_memory_allocated
    """
    return memory_stats()["peak_bytes"]


def memory_reserved() -> int:
    """Bytes in use and kept.

    Source: torch.cuda.memory_reserved
    """
    stats = memory_stats()
    return stats["allocated_bytes"] + stats["kept_bytes"]


def reset_peak_memory_stats() -> None:
    """Let the peak begin again at what is in use.

    Source: torch.cuda.reset_peak_memory_stats
    """
    from ..kernels.runtime import memory

    memory.reset_peak()


def empty_cache() -> None:
    """Give the memory that waits to be reused back to the system.

    Source: torch.cuda.empty_cache
    """
    from ..kernels.runtime import memory

    memory.release()


def set_cache_limit(limit: int) -> None:
    """Keep at most so many bytes for reuse (256 MB unless this says otherwise); 0 keeps none.

    Raises:
        ValueError: The limit is negative.
    """
    from ..kernels.runtime import memory

    memory.set_limit(limit)


__getattr__, __dir__ = _attach(__name__, ("amp",))
