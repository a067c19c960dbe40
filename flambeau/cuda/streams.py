"""torch.cuda.streams: streams and events of CUDA devices.

Source: torch.cuda.streams
"""

from __future__ import annotations

import ctypes
from typing import Any

from ..core import stream as generic
from ..core.device import backends
from ..core.stream import StreamContext
from ..kernels.cuda import driver
from .current import Device, api, index_of

_EXTERNAL = (
    "external=True is not supported: CuPy records events without the flag that graphs of several streams need for it; "
    "leave external out"
)


class Stream(generic.Stream):
    """An order in which a CUDA device works off what it is told, beside other streams.

    What a tensor's stream computes must be waited for (`wait_stream`) before another stream reads it, and memory that
    another stream uses must be told of (`Tensor.record_stream`).

    Args:
        device: Where; None for the current device.
        priority: Of its work: lower numbers go first.
        stream_id, device_index, device_type, stream_ptr: A stream that is there already, by its address.

    Raises:
        RuntimeError: No device can be used.

    Source: torch.cuda.Stream
    """

    def __init__(
        self,
        device: Device = None,
        priority: int = 0,
        *,
        stream_id: int | None = None,
        device_index: int | None = None,
        device_type: int | None = None,
        stream_ptr: int | None = None,
    ) -> None:
        if driver.why_not():
            raise RuntimeError(f"torch.cuda.Stream requires CUDA support: {driver.why_not()}")
        if device is None and device_index is not None:
            device = device_index
        place = f"cuda:{index_of(None if device is None or device == -1 else device)}"
        known = stream_id if stream_ptr is None else stream_ptr
        super().__init__(place, priority=priority, stream_id=known)

    def _new_event(self) -> Event:
        return Event()

    @property
    def cuda_stream(self) -> int:
        """The address of CUDA's stream; 0 for the default one."""
        return self._handle.identity

    @property
    def priority(self) -> int:
        """Of its work: lower numbers go first."""
        return self._handle.priority

    @property
    def _as_parameter_(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.cuda_stream)

    def __cuda_stream__(self) -> tuple[int, int]:
        """CUDA's protocol of streams: its version, and the address."""
        return 0, self.cuda_stream

    def __repr__(self) -> str:
        return f"<torch.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class ExternalStream(Stream):
    """A stream of another library, which keeps it alive.

    Args:
        stream_ptr: Its address.
        device: Where it was made; None for the current device.

    Raises:
        RuntimeError: No device can be used.

    Source: torch.cuda.ExternalStream
    """

    def __init__(self, stream_ptr: int, device: Device = None) -> None:
        super().__init__(device, stream_ptr=stream_ptr)


class Event(generic.Event):
    """A point in the work of a CUDA stream.

    Args:
        enable_timing: Keep the time, for `elapsed_time`.
        blocking: Who waits for it sleeps, and leaves the processor to others.
        interprocess: Make it so that other processes could wait for it; see `ipc_handle`.
        external: Only False.

    Raises:
        RuntimeError: No device can be used.
        NotImplementedError: It shall be external.

    Source: torch.cuda.Event
    """

    def __init__(
        self,
        enable_timing: bool = False,
        blocking: bool = False,
        interprocess: bool = False,
        external: bool = False,
    ) -> None:
        if driver.why_not():
            raise RuntimeError(f"torch.cuda.Event requires CUDA support: {driver.why_not()}")
        if external:
            raise NotImplementedError(_EXTERNAL)
        super().__init__(
            "cuda", enable_timing=enable_timing, blocking=blocking, interprocess=interprocess
        )

    @property
    def cuda_event(self) -> int:
        """The address of CUDA's event, 0 before it was recorded."""
        return self.event_id

    @property
    def _as_parameter_(self) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.cuda_event)

    def __repr__(self) -> str:
        if not self.cuda_event:
            return "<torch.cuda.Event uninitialized>"
        return f"<torch.cuda.Event {self.cuda_event:#x}>"


def _streams() -> Any:
    api()
    return backends["cuda"].streams


def current_stream(device: Device = None) -> Stream:
    """The stream that this thread's work on a device goes to.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.current_stream
    """
    return Stream._of("cuda", _streams().current(index_of(device)))


def default_stream(device: Device = None) -> Stream:
    """The stream that work on a device goes to where nobody chose one.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.default_stream
    """
    return Stream._of("cuda", _streams().default(index_of(device)))


def get_stream_from_external(data_ptr: int, device: Device = None) -> Stream:
    """The stream of another library, by its address.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.get_stream_from_external
    """
    return Stream._of("cuda", generic.known(_streams(), data_ptr, index_of(device)))


def stream(stream: Stream | None) -> StreamContext:
    """A block whose work goes to a stream; None changes nothing.

    Source: torch.cuda.stream
    """
    return StreamContext(stream)


def set_stream(stream: Stream | None) -> None:
    """Let all later work of this thread go to a stream, whose device becomes the current one; None changes nothing.

    Source: torch.cuda.set_stream
    """
    if stream is not None:
        _streams().use(stream._handle)


def _set_stream_by_id(stream_id: int, device_index: int, device_type: int) -> None:
    """`set_stream` of what a stream's attributes say."""
    _streams().use(generic.known(_streams(), stream_id, device_index))


__all__ = ["Event", "ExternalStream", "Stream"]
