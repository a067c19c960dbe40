"""Streams and events of all types of devices; on a CPU everything is done when a call returns.

Source: torch.Stream, torch.Event
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .backend_stream import BackendEvent, BackendStream, Streams
from .device import DEVICE_TYPES, backends
from .device import device as Device

_PLAIN = ("cpu", "meta")
"""Devices whose number torch calls -1 here."""


def _place(what: str, given: Any) -> tuple[str, Streams, int | None]:
    """The type of device that is meant, its streams, and the number.

    Raises:
        RuntimeError: There is no such device.
    """
    if given is None:
        backend = backends.accelerator() or backends["cpu"]
        return backend.name, backend.streams, backend.canonical_index(None)
    asked = given if isinstance(given, Device) else Device(given)
    found = backends.find(asked.type)
    if found is None:
        raise RuntimeError(
            f"flambeau is not linked with support for {asked.type} devices: a {what} exists on "
            + ", ".join(repr(name) for name in backends)
        )
    return asked.type, found.streams, found.canonical_index(asked.index)


class Stream:
    """An order in which a device works off what it is told; on a CPU, that of the program.

    In a ``with`` block this thread's work goes to it, and its device is the current one.

    Args:
        device: Where; None for the accelerator, or the CPU where there is none.
        priority: Of its work: lower numbers go first.
        stream_id, device_index, device_type: A stream that is there already, by its three attributes.

    Raises:
        RuntimeError: There is no such device.

    Source: torch.Stream

    Example:
        >>> import flambeau as torch
        >>> with torch.Stream("cpu") as stream:
        ...     stream.query()
        True
    """

    _handle: BackendStream
    _streams: Streams
    _type: str

    def __init__(
        self,
        device: Any = None,
        *,
        priority: int = 0,
        stream_id: int | None = None,
        device_index: int | None = None,
        device_type: int | None = None,
    ) -> None:
        if device_type is not None:
            name = DEVICE_TYPES[device_type]
            device = Device(name) if name in _PLAIN else Device(name, device_index)
        self._type, self._streams, index = _place("Stream", device)
        if stream_id is None:
            self._handle = self._streams.new(index, priority)
        else:
            self._handle = known(self._streams, stream_id, index)
        self._before: list[tuple[BackendStream, BackendStream]] = []

    @classmethod
    def _of(cls, device_type: str, handle: BackendStream) -> Any:
        """The stream that a backend gave."""
        self = cls.__new__(cls)
        self._type, self._streams, self._handle = device_type, backends[device_type].streams, handle
        self._before = []
        return self

    @property
    def device(self) -> Any:
        """Its device."""
        index = self._handle.index
        return Device(self._type) if index is None else Device(self._type, index)

    @property
    def device_index(self) -> int:
        """The number of its device, -1 for a CPU."""
        return -1 if self._handle.index is None else self._handle.index

    @property
    def device_type(self) -> int:
        """The number of its type of device: 0 for a CPU, 1 for CUDA."""
        return DEVICE_TYPES.index(self._type)

    @property
    def stream_id(self) -> int:
        """What tells it from others; 0 for the default one."""
        return self._handle.identity

    @property
    def native_handle(self) -> int:
        """The address by which the device's own library knows it.

        Raises:
            RuntimeError: It has none, on a CPU.
        """
        if self._type in _PLAIN:
            raise RuntimeError("Backend doesn't support getting stream native handle.")
        return self._handle.identity

    def query(self) -> bool:
        """Is everything done? On a CPU, always."""
        return self._handle.query()

    def synchronize(self) -> None:
        """Wait until everything is done."""
        self._handle.synchronize()

    def is_capturing(self) -> bool:
        """Is its work recorded into a graph?"""
        return self._handle.is_capturing()

    def wait_event(self, event: Event) -> None:
        """Let later work wait for an event."""
        event.wait(self)

    def wait_stream(self, stream: Stream) -> None:
        """Let later work wait for what another stream was told so far."""
        self.wait_event(stream.record_event())

    def record_event(self, event: Event | None = None) -> Any:
        """An event that happens when what was told so far is done.

        Args:
            event: Which; None for a new one.
        """
        event = self._new_event() if event is None else event
        event.record(self)
        return event

    def _new_event(self) -> Event:
        return Event(self.device)

    def __enter__(self) -> Any:
        self._before.append(enter(self))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        leave(self._streams, self._before.pop())

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Stream)
            and other.device is self.device
            and other.stream_id == self.stream_id
        )

    def __hash__(self) -> int:
        return hash((Stream, self.device, self.stream_id))

    def __repr__(self) -> str:
        return (
            f"torch.Stream device_type={self._type}, device_index={self.device_index}, "
            f"stream_id={self.stream_id}"
        )


def known(streams: Streams, identity: int, index: int | None) -> BackendStream:
    """The stream of a device that has a number."""
    return streams.external(identity, index) if identity else streams.default(index)


def enter(stream: Stream) -> tuple[BackendStream, BackendStream]:
    """Let this thread's work go to a stream; what was current before, for `leave`."""
    streams = stream._streams
    before = streams.current(stream._handle.index), streams.current()
    streams.use(stream._handle)
    return before


def leave(streams: Streams, before: tuple[BackendStream, BackendStream]) -> None:
    """Undo `enter`: first on the stream's device, then on the device that was current."""
    for handle in before:
        streams.use(handle)


class Event:
    """A point in a stream's work.

    Args:
        device: Where; None for the accelerator, or the CPU where there is none.
        enable_timing: Keep the time, for `elapsed_time`.
        blocking: Who waits for it sleeps, and leaves the processor to others.
        interprocess: Other processes may wait for it.

    Raises:
        RuntimeError: There is no such device.

    Source: torch.Event

    Example:
        >>> import flambeau as torch
        >>> event = torch.Event("cpu")
        >>> event.record()
        >>> event.query()
        True
    """

    def __init__(
        self,
        device: Any = None,
        *,
        enable_timing: bool = False,
        blocking: bool = False,
        interprocess: bool = False,
    ) -> None:
        self._type, self._streams, self._index = _place("Event", device)
        self._handle: BackendEvent = self._streams.event(enable_timing, blocking, interprocess)

    @property
    def device(self) -> Any:
        """Its device."""
        index = self._index if self._handle.index is None else self._handle.index
        return Device(self._type) if index is None else Device(self._type, index)

    @property
    def event_id(self) -> int:
        """What tells it from others; 0 before it was recorded."""
        return self._handle.identity

    def _stream(self, given: Stream | None) -> BackendStream:
        return self._streams.current() if given is None else given._handle

    def record(self, stream: Stream | None = None) -> None:
        """Let it happen when what a stream was told so far is done.

        Args:
            stream: Which; None for the current one.
        """
        self._handle.record(self._stream(stream))

    def wait(self, stream: Stream | None = None) -> None:
        """Let a stream's later work wait for it.

        Args:
            stream: Which; None for the current one.
        """
        if stream is not None and stream._type != self._type:
            self.synchronize()  # another type of device cannot wait by itself
            return
        self._stream(stream).wait(self._handle)

    def query(self) -> bool:
        """Has it happened? On a CPU, always."""
        return self._handle.query()

    def synchronize(self) -> None:
        """Wait for it."""
        self._handle.synchronize()

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this event to another.

        Raises:
            RuntimeError: One of them keeps no time, was not recorded, or has not happened yet.
        """
        return self._handle.elapsed(end_event._handle)

    def ipc_handle(self) -> bytes:
        """What other processes find it by.

        Raises:
            NotImplementedError: Always; events stay in their process.
        """
        raise NotImplementedError(
            "events are not shared between processes: synchronize() here before another process "
            "uses what was computed"
        )

    @classmethod
    def from_ipc_handle(cls, device: Any, handle: bytes) -> Event:
        """The event of another process.

        Raises:
            NotImplementedError: Always; see `ipc_handle`.
        """
        raise NotImplementedError("events are not shared between processes: see ipc_handle")

    def __repr__(self) -> str:
        index = self.device.index
        return (
            f"torch.Event device_type={self._type}, device_index={-1 if index is None else index}, "
            f"event_flag=0, event_id={self.event_id}"
        )


class StreamContext:
    """A block whose work goes to a stream.

    Args:
        stream: Which; None changes nothing.

    Source: torch.cpu.StreamContext, torch.cuda.StreamContext
    """

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        if self.stream is not None:
            self.stream.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.stream is not None:
            self.stream.__exit__(kind, error, trace)


__all__ = ["Event", "Stream", "StreamContext"]
