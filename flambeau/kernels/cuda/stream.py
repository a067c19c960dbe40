"""Streams and events of GPUs: CuPy's, in the form that `flambeau.core.stream` asks of every type of device."""

from __future__ import annotations

from typing import Any

from . import driver


class Event:
    """A point in a stream's work, made on the GPU of the stream that it is first recorded on."""

    __slots__ = ("_blocking", "_event", "_interprocess", "_timed", "index")

    def __init__(self, timed: bool, blocking: bool, interprocess: bool):
        self._timed, self._blocking, self._interprocess = timed, blocking, interprocess
        self.index: int | None = None
        self._event: Any = None

    @property
    def identity(self) -> int:
        return 0 if self._event is None else self._event.ptr

    def record(self, stream: Stream) -> None:
        """Let it happen when a stream has done what it was told so far.

        Raises:
            RuntimeError: It was recorded on another GPU before.
        """
        cuda = driver.cupy().cuda
        if self._event is None:
            with cuda.Device(stream.index):
                self._event = cuda.Event(self._blocking, not self._timed, self._interprocess)
            self.index = stream.index
        if self.index != stream.index:
            raise RuntimeError(
                f"Event device {self.index} does not match recording stream's device {stream.index}."
            )
        with cuda.Device(stream.index):
            stream.of_cupy.record(self._event)

    def query(self) -> bool:
        """Has it happened? An event that was not recorded has."""
        return self._event is None or bool(self._event.done)

    def synchronize(self) -> None:
        """Wait for it."""
        if self._event is not None:
            self._event.synchronize()

    def elapsed(self, end: Event) -> float:
        """Milliseconds until another event; both are recorded, and have happened.

        Raises:
            RuntimeError: One keeps no time, was not recorded, or has not happened.
        """
        if not (self._timed and end._timed):
            raise RuntimeError("Both events must be created with argument 'enable_timing=True'.")
        if self._event is None or end._event is None:
            raise RuntimeError("Both events must be recorded before calculating elapsed time.")
        if not (self.query() and end.query()):
            raise RuntimeError(
                "Both events must be completed before calculating elapsed time: call synchronize() first."
            )
        return float(driver.cupy().cuda.get_elapsed_time(self._event, end._event))


class Stream:
    """An order of work on a GPU.

    Attributes:
        of_cupy: CuPy's stream.
        index: The GPU.
    """

    __slots__ = ("index", "of_cupy")

    def __init__(self, of_cupy: Any, index: int):
        self.of_cupy, self.index = of_cupy, index

    @property
    def identity(self) -> int:
        """The address of CUDA's stream; 0 for the default one."""
        return int(self.of_cupy.ptr)

    @property
    def priority(self) -> int:
        return int(self.of_cupy.priority)

    def query(self) -> bool:
        """Is everything done?"""
        return bool(self.of_cupy.done)

    def synchronize(self) -> None:
        """Wait until everything is done."""
        self.of_cupy.synchronize()

    def wait(self, event: Event) -> None:
        """Let later work wait for an event; one that was not recorded has happened."""
        if event._event is not None:
            self.of_cupy.wait_event(event._event)

    def is_capturing(self) -> bool:
        """Is its work recorded into a graph?"""
        return bool(self.of_cupy.is_capturing())


class Streams:
    """The streams of all GPUs."""

    def current(self, index: int | None = None) -> Stream:
        """The stream that this thread's work on a GPU goes to."""
        cuda = driver.cupy().cuda
        index = cuda.runtime.getDevice() if index is None else index
        return Stream(cuda.get_current_stream(index), index)

    def default(self, index: int | None = None) -> Stream:
        """The stream of a GPU where nobody chose one."""
        cuda = driver.cupy().cuda
        return Stream(cuda.Stream.null, cuda.runtime.getDevice() if index is None else index)

    def new(self, index: int | None = None, priority: int = 0) -> Stream:
        """A stream that runs beside all others, also beside the default one."""
        cuda = driver.cupy().cuda
        index = cuda.runtime.getDevice() if index is None else index
        with cuda.Device(index):
            return Stream(cuda.Stream(non_blocking=True, priority=priority), index)

    def external(self, address: int, index: int | None = None) -> Stream:
        """The stream of another library, which keeps it alive."""
        cuda = driver.cupy().cuda
        index = cuda.runtime.getDevice() if index is None else index
        with cuda.Device(index):
            return Stream(cuda.Stream.from_external(_External(address)), index)

    def use(self, stream: Stream) -> None:
        """Let this thread's work go to a stream, whose GPU becomes the current one."""
        driver.cupy().cuda.runtime.setDevice(stream.index)
        stream.of_cupy.use()

    def event(
        self, timed: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> Event:
        """An event; its GPU is that of the stream that it is first recorded on."""
        return Event(timed, blocking, interprocess)


class _External:
    """An address, as CUDA's protocol of streams shows it."""

    def __init__(self, address: int):
        self.address = address

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.address


__all__ = ["Event", "Stream", "Streams"]
