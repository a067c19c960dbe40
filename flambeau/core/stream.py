"""Streams and events of the CPU, where everything is done when a call returns.

Source: torch.Stream, torch.Event
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from .device import CPU, resolve
from .device import device as Device


def _on_cpu(what: str, given: Any) -> None:
    """Raises RuntimeError unless a stream or event is asked for on the CPU."""
    if given is None:
        return
    asked = given if isinstance(given, Device) else Device(given)
    if asked.type != "cpu":
        raise RuntimeError(
            f"flambeau is not linked with support for {asked.type} devices: a {what} exists on 'cpu'"
        )
    resolve(asked)


class Stream:
    """An order in which a device works off what it is told; on a CPU, that of the program.

    Args:
        device: Only the CPU.
        priority: Of its work; there is none that waits.

    Raises:
        RuntimeError: Another device is asked for.

    Source: torch.Stream

    Example:
        >>> import flambeau as torch
        >>> with torch.Stream() as stream:
        ...     stream.query()
        True
    """

    def __init__(self, device: Any = None, *, priority: int = 0, **place: Any) -> None:
        _on_cpu("Stream", device)
        self.device, self.device_index, self.stream_id = CPU, -1, 0

    def query(self) -> bool:
        """Is everything done? Always."""
        return True

    def synchronize(self) -> None:
        """Wait until everything is done, as it is."""

    def wait_event(self, event: Event) -> None:
        """Let later work wait for an event, which has happened."""

    def wait_stream(self, stream: Stream) -> None:
        """Let later work wait for another stream's, which is done."""

    def record_event(self, event: Event | None = None) -> Event:
        """An event that happens when what was told so far is done: now."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to restore."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.device is self.device

    def __hash__(self) -> int:
        return hash((Stream, self.device))

    def __repr__(self) -> str:
        return "torch.Stream device_type=cpu, device_index=-1, stream_id=0"


class Event:
    """A point in a stream's work.

    Args:
        device: Only the CPU.
        enable_timing: Keep the time, for `elapsed_time`.
        blocking, interprocess: How others wait for it; nobody has to.

    Raises:
        RuntimeError: Another device is asked for.

    Source: torch.Event
    """

    def __init__(
        self,
        device: Any = None,
        *,
        enable_timing: bool = False,
        blocking: bool = False,
        interprocess: bool = False,
    ) -> None:
        _on_cpu("Event", device)
        self.device, self.event_id = CPU, 0
        self._timed = enable_timing
        self._time: float | None = None

    def record(self, stream: Stream | None = None) -> None:
        """Let it happen when what was told so far is done: now."""
        self._time = time.perf_counter() if self._timed else None

    def wait(self, stream: Stream | None = None) -> None:
        """Let later work wait for it; it has happened."""

    def query(self) -> bool:
        """Has it happened? Always."""
        return True

    def synchronize(self) -> None:
        """Wait for it; it has happened."""

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this event to another.

        Raises:
            RuntimeError: One of them keeps no time, or was not recorded.
        """
        if self._time is None or end_event._time is None:
            raise RuntimeError(
                "Both events must be recorded and made with enable_timing=True before their time is asked for"
            )
        return 1e3 * (end_event._time - self._time)

    def __repr__(self) -> str:
        return "torch.Event device_type=cpu, device_index=-1, event_flag=0, event_id=0"


class StreamContext:
    """A block whose work goes to a stream.

    Args:
        stream: Which; None changes nothing.

    Source: torch.cpu.StreamContext
    """

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        """Nothing to change: there is one stream."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to restore."""
