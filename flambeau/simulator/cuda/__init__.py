"""Devices, streams and memory of simulated GPUs, as `cupy.cuda`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from . import (
    device,
    function,
    graph,
    memory,
    memory_hook,
    nvtx,
    pinned_memory,
    profiler,
    runtime,
    stream,
)
from .device import Device, get_cublas_handle, get_device_id
from .function import Function, Module
from .graph import Graph
from .memory import (
    BaseMemory,
    Memory,
    MemoryAsyncPool,
    MemoryPointer,
    MemoryPool,
    UnownedMemory,
    alloc,
    get_allocator,
    set_allocator,
    using_allocator,
)
from .memory_hook import MemoryHook
from .pinned_memory import (
    PinnedMemory,
    PinnedMemoryPointer,
    PinnedMemoryPool,
    alloc_pinned_memory,
    set_pinned_memory_allocator,
)
from .stream import Event, ExternalStream, Stream, get_current_stream, get_elapsed_time


def __getattr__(name: str) -> Any:
    """Libraries load when they are first asked for, as CuPy's."""
    if name == "nccl":
        return import_module(f"{__name__}.nccl")
    if name not in ("cublas", "cusolver"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f"{__name__.rpartition('.')[0]}.{name}")


def is_available() -> bool:
    return runtime.getDeviceCount() > 0


def get_local_runtime_version() -> int:
    return runtime.runtimeGetVersion()


__all__ = [
    "BaseMemory",
    "Device",
    "Event",
    "ExternalStream",
    "Function",
    "Graph",
    "Memory",
    "MemoryAsyncPool",
    "MemoryHook",
    "MemoryPointer",
    "MemoryPool",
    "Module",
    "PinnedMemory",
    "PinnedMemoryPointer",
    "PinnedMemoryPool",
    "Stream",
    "UnownedMemory",
    "alloc",
    "alloc_pinned_memory",
    "device",
    "function",
    "get_allocator",
    "get_cublas_handle",
    "get_current_stream",
    "get_device_id",
    "get_elapsed_time",
    "get_local_runtime_version",
    "graph",
    "is_available",
    "memory",
    "memory_hook",
    "nvtx",
    "pinned_memory",
    "profiler",
    "runtime",
    "set_allocator",
    "set_pinned_memory_allocator",
    "stream",
    "using_allocator",
]
