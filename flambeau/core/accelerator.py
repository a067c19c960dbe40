"""Which accelerators there are, by their numbers, and which one is current."""

from __future__ import annotations

from typing import Any

from .backend import Backend
from .device import backends
from .device import device as Device


def accelerator() -> Backend:
    """The accelerators of this machine.

    Raises:
        RuntimeError: There are none.
    """
    backend = backends.accelerator()
    if backend is None:
        raise RuntimeError("Cannot access accelerator device when none is available.")
    return backend


def _get_available_device_type() -> str | None:
    """The type of accelerator that is there, or None."""
    backend = backends.accelerator()
    return None if backend is None else backend.name


def _get_all_device_indices() -> list[int]:
    """The numbers of all accelerators."""
    backend = backends.accelerator()
    return [] if backend is None else list(range(backend.device_count()))


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """The number of a device.

    Args:
        device: A number, a device or its name; None for the current one, where `optional`.
        allow_cpu: -1 for the CPU.

    Raises:
        ValueError: It is a CPU, or nothing of these.
    """
    if isinstance(device, str):
        device = Device(device)
    index = None
    if isinstance(device, Device):
        if device.type == "cpu":
            if allow_cpu:
                return -1
            raise ValueError(f"Expected a non cpu device, but got: {device}")
        index = device.index
    elif isinstance(device, int):
        index = device
    if index is not None:
        return index
    if not optional:
        raise ValueError(
            f"Expected a torch.device with a specified index or an integer, but got:{device}"
        )
    backend = backends.accelerator()
    return 0 if backend is None else backend.canonical_index(None) or 0
