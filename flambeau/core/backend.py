"""What can be done on a type of device, and the CPU, which is the plainest one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .. import kernels
from ..formula.program import Program

if TYPE_CHECKING:
    from .backend_stream import BackendStream, Streams


class Backend(Protocol):
    """What a type of device offers; its arrays have NumPy's interface."""

    name: str
    """The type of device: "cpu", "cuda"."""
    is_accelerator: bool
    """Whether `device(1)` may mean a device of this type."""
    has_elements: bool
    """Are there numbers in its arrays? Not on the device meta."""

    @property
    def streams(self) -> Streams:
        """The order of work on its devices."""

    def is_available(self) -> bool:
        """Whether arrays can be made now."""

    def holds(self, dtype: Any) -> bool:
        """Has it arrays of this array dtype?"""

    def device_count(self) -> int:
        """How many devices of the type there are."""

    def canonical_index(self, index: int | None) -> int | None:
        """The index that a tensor made on device `index` reports; None for a device without number.

        `None` asks for the current device. Raises RuntimeError where there is no such device.
        """

    def module(self, index: int | None) -> Any:
        """The module whose functions work on the arrays of device `index`, and make such: NumPy, or like it."""

    def build(
        self,
        index: int | None,
        program: Program,
        inputs: Sequence[Any],
        compute: Any,
        results: Sequence[Any],
        name: str,
        rows: bool,
        interpreter: Callable,
        drop: bool = False,
        into: bool = False,
    ) -> Callable | None:
        """A formula's program as a kernel for device `index`; None where it has none (see `kernels.build`)."""

    def foreach(
        self, index: int | None, program: Program, dtype: Any, name: str, interpreter: Callable
    ) -> Callable | None:
        """A program over many groups of arrays at once (see `kernels.loops.foreach.build`); None where it has no kernel."""

    def norms(self, index: int | None, arrays: Sequence[Any], order: float) -> Any:
        """The norms of many arrays as one; NotImplemented where each is better taken by itself."""

    def number(self, index: int | None, value: Any, dtype: Any) -> Any:
        """A number, or an array of one element on the host, as an operand of kernels.

        Raises:
            OverflowError: The dtype cannot hold an int.
        """

    def on(self, index: int | None) -> AbstractContextManager[Any]:
        """A block within which device `index` is the current one."""

    def to(self, array: Any, index: int | None, non_blocking: bool = False) -> Any:
        """A NumPy array, or one of its own, on device `index`; itself if it is there."""

    def to_host(self, array: Any, non_blocking: bool = False) -> np.ndarray[Any, Any]:
        """One of its own arrays as a NumPy array, sharing memory where it can."""

    def can_look(self) -> bool:
        """May the host look at values now? Checks of them are left out while work is recorded for later."""

    def synchronize(self, index: int | None) -> None:
        """Wait until all that was started on device `index` is done."""

    def pinned(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A copy of a NumPy array in memory of the host that the devices read by themselves."""

    def is_pinned(self, array: np.ndarray[Any, Any]) -> bool:
        """Does a NumPy array lie in such memory?"""

    def record(self, array: Any, stream: BackendStream) -> None:
        """Let an array's memory be reused only when a stream has done what it was told until the array is gone."""


_HERE = nullcontext()


class HostBackend:
    """The CPU: NumPy, one device, which has no number."""

    name: str = "cpu"
    is_accelerator: bool = False
    has_elements: bool = True

    def is_available(self) -> bool:
        return True

    def holds(self, dtype: Any) -> bool:
        return True

    @cached_property
    def streams(self) -> Streams:
        from .backend_stream import HostStreams  # loaded where streams are asked for

        return HostStreams()

    def device_count(self) -> int:
        return 1

    def canonical_index(self, index: int | None) -> int | None:
        return None

    def module(self, index: int | None) -> Any:
        return np

    def build(self, index: int | None, *facts: Any, **options: Any) -> Callable | None:
        return kernels.build(*facts, **options)

    def foreach(
        self, index: int | None, program: Program, dtype: Any, name: str, interpreter: Callable
    ) -> Callable | None:
        if not kernels.enabled():
            return None
        return kernels.loops.foreach.build(program, dtype, name, interpreter)

    def norms(self, index: int | None, arrays: Sequence[Any], order: float) -> Any:
        return NotImplemented

    def number(self, index: int | None, value: Any, dtype: Any) -> Any:
        return np.asarray(value, dtype)

    def on(self, index: int | None) -> AbstractContextManager[Any]:
        return _HERE

    def to(self, array: Any, index: int | None, non_blocking: bool = False) -> Any:
        return array

    def to_host(self, array: Any, non_blocking: bool = False) -> np.ndarray[Any, Any]:
        return array

    def can_look(self) -> bool:
        return True

    def synchronize(self, index: int | None) -> None:
        pass

    def pinned(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return array

    def is_pinned(self, array: np.ndarray[Any, Any]) -> bool:
        return False

    def record(self, array: Any, stream: BackendStream) -> None:
        pass
