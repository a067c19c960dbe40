"""Devices, streams and memory of simulated GPUs, as `cupy.cuda`."""

from __future__ import annotations

from . import device, memory, memory_hook, runtime
from .device import Device, get_device_id
from .memory import (
    BaseMemory,
    Memory,
    MemoryPointer,
    MemoryPool,
    UnownedMemory,
    alloc,
    get_allocator,
    set_allocator,
    using_allocator,
)
from .memory_hook import MemoryHook
