"""Which accelerators there are, by their numbers."""

from __future__ import annotations

from typing import Any

from .device import backends
from .device import device as Device


def _get_available_device_type() -> str | None:
    """The type of accelerator that is there, or None."""
    backend = backends.find("cuda")
    return "cuda" if backend is not None and backend.is_available() else None


def _get_all_device_indices() -> list[int]:
    """The numbers of all accelerators."""
    if _get_available_device_type() is None:
        return []
    return list(range(backends.find("cuda").device_count()))  # type: ignore[union-attr]


def _get_device_index(device: Any, optional: bool = False, allow_cpu: bool = False) -> int:
    """The number of a device.

    Args:
        device: A number, a device or its name; None for the first one, where `optional`.
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
    return 0
