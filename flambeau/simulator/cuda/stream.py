"""Streams and events, as `cupy.cuda.stream`. All work is done when its call returns, unless the stream is captured."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from . import runtime
from .graph import Graph, Work, perform

_local = threading.local()
_numbers = itertools.count(0x5000_0000, 0x100)


class _BaseStream:
    """A queue of work on one GPU.

    Attributes:
        ptr, device_id: Its handle, and its GPU; -1 for those that every GPU has.
    """

    ptr = 0
    device_id = -1
    is_non_blocking = False
    priority = 0

    def __init__(self) -> None:
        self.works: list[Work] | None = None
        self._before: list[_BaseStream] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BaseStream) and self.ptr == other.ptr

    def __hash__(self) -> int:
        return hash(self.ptr)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.ptr} (device {self.device_id})>"

    def __enter__(self) -> Any:
        self._before.append(get_current_stream(self.device_id))
        return self.use()

    def __exit__(self, *args: Any) -> None:
        self._before.pop()._use(self.device_id)

    def use(self) -> Any:
        """Make it the current stream of this thread, on its GPU, which is the current one.

        Raises:
            RuntimeError: The current device is another one.
        """
        device = runtime.getDevice()
        if self.device_id not in (-1, device):
            raise RuntimeError(
                f"The device that the stream is created on ({self.device_id}) does not match with the current device "
                f"({device})"
            )
        self._use(self.device_id)
        return self

    def _use(self, device_id: int) -> None:
        _streams()[runtime.getDevice() if device_id < 0 else device_id] = self

    @property
    def done(self) -> bool:
        return True

    def synchronize(self) -> None:
        """Wait for its work.

        Raises:
            CUDARuntimeError: It is being captured.
        """
        if self.works is not None:
            runtime.refuse_capture()

    def add_callback(self, callback: Callable, arg: Any) -> None:
        callback(self, 0, arg)

    def launch_host_func(self, callback: Callable, arg: Any) -> None:
        perform(lambda: callback(arg), self.works)

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Do later work only when the event has happened."""

    def begin_capture(self, mode: int | None = None) -> None:
        """Write down from now on what it is given, instead of doing it.

        Raises:
            RuntimeError: It is the default stream, or it is being captured.
        """
        if self.ptr in (0, runtime.streamLegacy):
            raise RuntimeError("cannot capture on the default (legacy) stream")
        if self.works is not None:
            raise RuntimeError("the stream is already capturing")
        self.works = []

    def end_capture(self) -> Graph:
        """What was written down."""
        if self.works is None:
            raise RuntimeError("the stream is not capturing")
        works, self.works = self.works, None
        return Graph(works)

    def is_capturing(self) -> bool:
        return self.works is not None


class Stream(_BaseStream):
    """A stream of the current device.

    Args:
        null: The default stream. ptds: The default one of this thread.
        non_blocking: It does not wait for the default stream.
        priority: Lower numbers come first.
    """

    null: Stream
    ptds: Stream

    def __init__(
        self,
        null: bool = False,
        non_blocking: bool = False,
        ptds: bool = False,
        priority: int | None = None,
    ):
        super().__init__()
        if null or ptds:
            self.ptr = 0 if null else runtime.streamPerThread
        else:
            self.ptr = next(_numbers)
            self.device_id = runtime.getDevice()
            self.is_non_blocking = non_blocking
            self.priority = priority or 0
            _made[self.ptr] = self

    @classmethod
    def from_external(cls, obj: Any) -> Any:
        """The stream of another library, which shows CUDA's protocol of streams."""
        if not hasattr(obj, "__cuda_stream__"):
            raise TypeError(f"{type(obj).__name__} has no __cuda_stream__")
        ptr = obj.__cuda_stream__()[1]
        known = _made.get(ptr)
        return ExternalStream(ptr, runtime.getDevice()) if known is None else known


_made: WeakValueDictionary[int, Stream] = WeakValueDictionary()
"""Streams by their handles."""


class ExternalStream(_BaseStream):
    """A stream that somebody else made, by its handle."""

    def __init__(self, ptr: int, device_id: int = -1):
        super().__init__()
        self.ptr, self.device_id = ptr, device_id


Stream.null = Stream(null=True)
Stream.ptds = Stream(ptds=True)


class Event:
    """A point in a stream's work.

    Args:
        block, disable_timing, interprocess: As CuPy's.
    """

    def __init__(
        self, block: bool = False, disable_timing: bool = False, interprocess: bool = False
    ):
        if interprocess and not disable_timing:
            raise ValueError("Timing must be disabled for interprocess events")
        self.ptr = next(_numbers)
        self._timed = not disable_timing
        self._time: float | None = None

    @property
    def done(self) -> bool:
        return True

    def record(self, stream: _BaseStream | None = None) -> None:
        self._time = time.perf_counter()

    def synchronize(self) -> None:
        """Wait until it has happened."""


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Milliseconds between two events.

    Raises:
        CUDARuntimeError: One was not recorded, or measures no time.
    """
    first, last = start_event._time, end_event._time
    if first is None or last is None or not (start_event._timed and end_event._timed):
        raise runtime.CUDARuntimeError(400)
    return (last - first) * 1e3


def _streams() -> dict[int, _BaseStream]:
    found: dict[int, _BaseStream] | None = getattr(_local, "streams", None)
    if found is None:
        found = _local.streams = {}
    return found


def get_current_stream(device_id: int = -1) -> _BaseStream:
    """The current stream of this thread on a device."""
    found = getattr(_local, "streams", None)
    if not found:
        return Stream.null
    return found.get(runtime.getDevice() if device_id < 0 else device_id, Stream.null)


__all__ = [
    "Event",
    "ExternalStream",
    "Stream",
    "get_current_stream",
    "get_elapsed_time",
]
