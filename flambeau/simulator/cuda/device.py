"""A GPU, as `cupy.cuda.Device`."""

from __future__ import annotations

import threading
from typing import Any

from . import runtime

_entered = threading.local()


class Device:
    """A GPU by its number; in a `with` block it is the current one.

    Args:
        device: Its number, another Device, or None for the current one.
    """

    def __init__(self, device: int | Device | None = None):
        self.id = runtime.getDevice() if device is None else int(device)

    def __int__(self) -> int:
        return self.id

    def __enter__(self) -> Device:
        stack = _entered.__dict__.setdefault("stack", [])
        stack.append(runtime.getDevice())
        runtime.setDevice(self.id)
        return self

    def __exit__(self, *_: Any) -> None:
        runtime.setDevice(_entered.stack.pop())

    def __eq__(self, other: object) -> bool:
        return self.id == int(other) if isinstance(other, Device | int) else NotImplemented

    __hash__ = None  # type: ignore[assignment]
    """CuPy's cannot be keys either."""

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def use(self) -> None:
        """Make it the current device."""
        runtime.setDevice(self.id)

    def synchronize(self) -> None:
        """Wait for all that was begun on it."""

    @property
    def compute_capability(self) -> str:
        facts = runtime.getDeviceProperties(self.id)
        return f"{facts['major']}{facts['minor']}"

    @property
    def attributes(self) -> dict[str, Any]:
        facts = runtime.getDeviceProperties(self.id)
        return {name[0].upper() + name[1:]: value for name, value in facts.items()}

    @property
    def mem_info(self) -> tuple[int, int]:
        """Bytes that are free, and all bytes."""
        with self:
            return runtime.memGetInfo()

    @property
    def pci_bus_id(self) -> str:
        return f"0000:{self.id:02X}:00.0"


def get_device_id() -> int:
    return runtime.getDevice()


def get_cublas_handle() -> int:
    """The current device's handle of cuBLAS."""
    return 0xB1A5 + runtime.getDevice()


def get_cusolver_handle() -> int:
    """The current device's handle of cuSOLVER."""
    return 0x501E + runtime.getDevice()


__all__ = ["Device", "get_cublas_handle", "get_cusolver_handle", "get_device_id"]
