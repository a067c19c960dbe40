"""Memory of the accelerator, which its own module counts: torch.accelerator.memory_allocated is torch.cuda's.

Source: torch.accelerator.memory
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..core.accelerator import accelerator
from . import _index

_ROOT = __name__.partition(".")[0]


def _module() -> Any:
    """`torch.cuda`, or what is the module of the accelerator's type of device.

    Raises:
        RuntimeError: There is no accelerator.
    """
    return import_module(f"{_ROOT}.{accelerator().name}")


def empty_cache() -> None:
    """Give memory that waits to be reused back to the driver.

    Raises:
        RuntimeError: There is no accelerator.

    Source: torch.accelerator.empty_cache
    """
    _module().empty_cache()


def empty_host_cache() -> None:
    """Give page-locked memory of the host that waits to be reused back to the system.

    Raises:
        RuntimeError: There is no accelerator.

    Source: torch.accelerator.empty_host_cache
    """
    _module().memory._empty_host_cache()


def _figure(name: str, what: str) -> Any:
    def figure(device_index: Any = None, /) -> Any:
        return getattr(_module(), name)(_index(device_index))

    figure.__name__ = figure.__qualname__ = name
    figure.__doc__ = (
        f"{what}\n\n    Raises:\n        RuntimeError: There is no accelerator.\n\n"
        f"    Source: torch.accelerator.{name}\n    "
    )
    return figure


memory_allocated = _figure("memory_allocated", "Bytes that tensors on an accelerator have.")
max_memory_allocated = _figure("max_memory_allocated", "The most bytes that tensors had.")
memory_reserved = _figure("memory_reserved", "Bytes that the driver gave.")
max_memory_reserved = _figure("max_memory_reserved", "The most bytes that the driver gave.")
memory_stats = _figure("memory_stats", "What the allocator has done.")
reset_accumulated_memory_stats = _figure(
    "reset_accumulated_memory_stats", "Let what was taken and given back begin again at 0."
)
reset_peak_memory_stats = _figure(
    "reset_peak_memory_stats", "Let the highest figures begin again at what is in use."
)


def get_memory_info(device_index: Any = None, /) -> tuple[int, int]:
    """Bytes that are free on an accelerator, and all bytes.

    Raises:
        RuntimeError: There is no accelerator.

    Source: torch.accelerator.get_memory_info
    """
    free, total = _module().mem_get_info(_index(device_index))
    return free, total


__all__ = [
    "empty_cache",
    "empty_host_cache",
    "get_memory_info",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
]
