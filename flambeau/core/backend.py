"""What can be done on a type of device, and the CPU, which is the plainest one."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Protocol

import numpy as np

from .backend_stream import HostStreams, Streams


class Backend(Protocol):
    """What a type of device offers; its arrays have NumPy's interface."""

    name: str
    """The type of device: "cpu", "cuda"."""
    xp: ModuleType
    """The module whose functions work on its arrays: NumPy, CuPy."""
    is_accelerator: bool
    """Whether `device(1)` may mean a device of this type."""
    streams: Streams
    """The order of work on its devices."""

    def is_available(self) -> bool:
        """Whether arrays can be made now."""

    def device_count(self) -> int:
        """How many devices of the type there are."""

    def canonical_index(self, index: int | None) -> int | None:
        """The index that a tensor made on device `index` reports; None for a device without number.

        `None` asks for the current device. Raises RuntimeError where there is no such device.
        """

    def to(self, array: Any, index: int | None, non_blocking: bool = False) -> Any:
        """A NumPy array, or one of its own, on device `index`; itself if it is there."""

    def to_host(self, array: Any) -> np.ndarray[Any, Any]:
        """One of its own arrays as a NumPy array, sharing memory where it can."""

    def synchronize(self, index: int | None) -> None:
        """Wait until all that was started on device `index` is done."""


class HostBackend:
    """The CPU: NumPy, one device, which has no number."""

    name: str = "cpu"
    xp: ModuleType = np
    is_accelerator: bool = False
    streams: Streams = HostStreams()

    def is_available(self) -> bool:
        return True

    def device_count(self) -> int:
        return 1

    def canonical_index(self, index: int | None) -> int | None:
        return None

    def to(self, array: Any, index: int | None, non_blocking: bool = False) -> Any:
        return array

    def to_host(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return array

    def synchronize(self, index: int | None) -> None:
        pass
