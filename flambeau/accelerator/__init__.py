"""The accelerator of this machine, whichever kind it is."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .._caller import warn
from .._lazy import attach as _attach
from ..core.accelerator import _get_device_index
from ..core.accelerator import accelerator as _accelerator
from ..core.device import backends, device
from ..core.stream import Stream

_MEMORY = (
    "empty_cache empty_host_cache get_memory_info max_memory_allocated max_memory_reserved memory_allocated "
    "memory_reserved memory_stats reset_accumulated_memory_stats reset_peak_memory_stats"
)
__getattr__, __dir__ = _attach(
    __name__,
    ("graphs", "memory", "random"),
    {**dict.fromkeys(_MEMORY.split(), "memory"), "Graph": "graphs"},
    "torch.accelerator",
)


def current_accelerator(check_available: bool = False) -> device | None:
    """The accelerator's device, or None.

    Args:
        check_available: It has to be usable now, too; one that is not is not named here in any case.

    Source: torch.accelerator.current_accelerator

    Example:
        >>> import flambeau as torch
        >>> torch.accelerator.current_accelerator() is None or torch.accelerator.is_available()
        True
    """
    backend = backends.accelerator()
    return None if backend is None else device(backend.name)


def is_available() -> bool:
    """Is there an accelerator?

    Source: torch.accelerator.is_available
    """
    return backends.accelerator() is not None


def device_count() -> int:
    """How many accelerators there are.

    Source: torch.accelerator.device_count
    """
    backend = backends.accelerator()
    return 0 if backend is None else backend.device_count()


def _index(given: Any) -> int:
    """The number of the accelerator that is meant; None means the current one.

    Raises:
        RuntimeError: There is none.
        ValueError: It is a device of another type.
    """
    backend = _accelerator()
    asked = device(given) if isinstance(given, str) else given
    if isinstance(asked, device) and asked.type != backend.name:
        raise ValueError(
            f"{asked.type} doesn't match the current accelerator {device(backend.name)}."
        )
    index = backend.canonical_index(_get_device_index(asked, optional=True))
    return 0 if index is None else index


def current_device_index() -> int:
    """The number of this thread's current accelerator.

    Raises:
        RuntimeError: There is none.

    Source: torch.accelerator.current_device_index
    """
    return _index(None)


def current_device_idx() -> int:
    """The old name of `current_device_index`, which warns.

    Source: torch.accelerator.current_device_idx
    """
    warn("Use `current_device_index` instead.", FutureWarning)
    return current_device_index()


def set_device_index(device: Any, /) -> None:
    """Choose this thread's current accelerator; a number below zero chooses none.

    Raises:
        RuntimeError: There is none, or none of this number.

    Source: torch.accelerator.set_device_index
    """
    if isinstance(device, int) and device < 0:
        return
    streams = _accelerator().streams
    streams.use(streams.current(_index(device)))


def set_device_idx(device: Any, /) -> None:
    """The old name of `set_device_index`, which warns.

    Source: torch.accelerator.set_device_idx
    """
    warn("Use `set_device_index` instead.", FutureWarning)
    set_device_index(device)


def current_stream(device: Any = None, /) -> Stream:
    """The stream that this thread's work on an accelerator goes to.

    Raises:
        RuntimeError: There is none.

    Source: torch.accelerator.current_stream
    """
    backend = _accelerator()
    found: Stream = Stream._of(backend.name, backend.streams.current(_index(device)))
    return found


def set_stream(stream: Stream) -> None:
    """Let this thread's work go to a stream, whose accelerator becomes the current one.

    Raises:
        RuntimeError: There is none.

    Source: torch.accelerator.set_stream
    """
    _accelerator().streams.use(stream._handle)


def synchronize(device: Any = None, /) -> None:
    """Wait until all streams of an accelerator have done what they were told.

    Raises:
        RuntimeError: There is none.

    Source: torch.accelerator.synchronize
    """
    _accelerator().synchronize(_index(device))


def get_device_capability(device: Any = None, /) -> dict[str, Any]:
    """What an accelerator can do: ``supported_dtypes``, those that its tensors can have.

    Raises:
        RuntimeError: There is none.

    Source: torch.accelerator.get_device_capability
    """
    from ..core.dtype import DTYPES

    _index(device)
    return {"supported_dtypes": set(DTYPES.values())}


class device_index:
    """A block in which another accelerator is the current one; None changes nothing.

    Raises:
        RuntimeError: On entering; there is none.

    Source: torch.accelerator.device_index

    Example:
        >>> import flambeau as torch
        >>> with torch.accelerator.device_index(None):
        ...     pass
    """

    def __init__(self, device: int | None, /) -> None:
        self.idx = device
        self.prev_idx = -1

    def __enter__(self) -> None:
        if self.idx is not None:
            self.prev_idx = current_device_index()
            set_device_index(self.idx)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.idx is not None:
            set_device_index(self.prev_idx)
