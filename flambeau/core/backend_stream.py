"""Streams and events, as every type of device has them; those of the CPU, where all is done when a call returns."""

from __future__ import annotations

import time
from typing import Any, Protocol


class BackendEvent(Protocol):
    """A point in the work of a stream."""

    @property
    def index(self) -> int | None:
        """The device that it was recorded on, None before and for a device without a number."""

    @property
    def identity(self) -> int:
        """A number that tells it from others, 0 before it was recorded."""

    def record(self, stream: Any) -> None:
        """Let it happen when a stream has done what it was told so far."""

    def query(self) -> bool:
        """Has it happened, or was it never recorded?"""

    def synchronize(self) -> None:
        """Wait for it."""

    def elapsed(self, end: Any) -> float:
        """Milliseconds until another event happened."""


class BackendStream(Protocol):
    """An order in which a device works off what it is told."""

    @property
    def index(self) -> int | None:
        """Its device."""

    @property
    def identity(self) -> int:
        """A number that tells it from others of its device, 0 for the default one."""

    @property
    def priority(self) -> int:
        """Of its work; lower goes first."""

    def query(self) -> bool:
        """Is everything done?"""

    def synchronize(self) -> None:
        """Wait until everything is done."""

    def wait(self, event: Any) -> None:
        """Let later work wait for an event."""

    def is_capturing(self) -> bool:
        """Is its work recorded, to be done later?"""


class Streams(Protocol):
    """The streams of all devices of a type; no index means the current device."""

    def current(self, index: int | None = None) -> BackendStream:
        """The one that this thread's work goes to."""

    def default(self, index: int | None = None) -> BackendStream:
        """The one that work goes to where nobody chose."""

    def new(self, index: int | None = None, priority: int = 0) -> BackendStream:
        """One that runs beside the others."""

    def external(self, address: int, index: int | None = None) -> BackendStream:
        """The one that the device's own library knows by an address."""

    def use(self, stream: Any) -> None:
        """Let this thread's work go to it; its device becomes the current one."""

    def event(self, timed: bool, blocking: bool, interprocess: bool) -> BackendEvent:
        """An event.

        Args:
            timed: It keeps the time.
            blocking: Who waits for it sleeps.
            interprocess: Other processes may wait for it.
        """


class HostEvent:
    """An event of the CPU: it has happened when it is recorded."""

    index: int | None = None
    identity = 0

    def __init__(self, timed: bool):
        self._timed = timed
        self._time: float | None = None

    def record(self, stream: HostStream) -> None:
        self._time = time.perf_counter() if self._timed else None

    def query(self) -> bool:
        return True

    def synchronize(self) -> None:
        pass

    def elapsed(self, end: HostEvent) -> float:
        if self._time is None or end._time is None:
            raise RuntimeError(
                "Both events must be recorded and made with enable_timing=True before their time is asked for"
            )
        return 1e3 * (end._time - self._time)


class HostStream:
    """The order of the program."""

    index: int | None = None
    identity = priority = 0

    def query(self) -> bool:
        return True

    def synchronize(self) -> None:
        pass

    def wait(self, event: HostEvent) -> None:
        pass

    def is_capturing(self) -> bool:
        return False


class HostStreams:
    """The CPU's streams: there is one, whichever is asked for."""

    def current(self, index: int | None = None) -> HostStream:
        return HostStream()

    default = current

    def new(self, index: int | None = None, priority: int = 0) -> HostStream:
        return HostStream()

    def external(self, address: int, index: int | None = None) -> HostStream:
        return HostStream()

    def use(self, stream: HostStream) -> None:
        pass

    def event(self, timed: bool, blocking: bool, interprocess: bool) -> HostEvent:
        return HostEvent(timed)


__all__ = ["BackendEvent", "BackendStream", "HostStreams", "Streams"]
