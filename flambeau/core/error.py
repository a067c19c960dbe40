"""Errors of devices, under torch's names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def two_devices(devices: Iterable[Any], name: str = "") -> RuntimeError:
    """The error of tensors that are on several devices; the CPU is named last, and the way is off it.

    Args:
        devices: What they are.
        name: What should compute with them.
    """
    first, second = sorted(map(str, devices), key="cpu".__eq__)[:2]
    place = f"in {name}; " if name else ""
    return RuntimeError(
        f"Expected all tensors to be on the same device, but found at least two devices, {first} and {second}! "
        f"({place}move one with .to({first!r}))"
    )


class OutOfMemoryError(RuntimeError):
    """An accelerator has no memory left. On a CPU that is Python's MemoryError.

    Source: torch.OutOfMemoryError
    """


class AcceleratorError(RuntimeError):
    """An accelerator has reported an error.

    Source: torch.AcceleratorError
    """
