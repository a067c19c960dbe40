"""The accelerator of this machine, whichever kind it is."""

from __future__ import annotations

from types import TracebackType

from .._absent import functions as _functions
from .._lazy import attach as _attach
from ..core.device import backends, device

__getattr__, __dir__ = _attach(__name__, ("random",), {}, "torch.accelerator")


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
    return device("cuda") if is_available() else None


def is_available() -> bool:
    """Is there an accelerator?

    Source: torch.accelerator.is_available
    """
    backend = backends.find("cuda")
    return backend is not None and backend.is_available()


def device_count() -> int:
    """How many accelerators there are.

    Source: torch.accelerator.device_count
    """
    backend = backends.find("cuda")
    return 0 if backend is None else backend.device_count()


def _none(name: str = "") -> RuntimeError:
    return RuntimeError("Cannot access accelerator device when none is available.")


globals().update(
    _functions(
        __name__,
        "current_device_index current_device_idx current_stream empty_cache get_device_capability get_memory_info "
        "max_memory_allocated max_memory_reserved memory_allocated memory_reserved memory_stats "
        "reset_accumulated_memory_stats reset_peak_memory_stats set_device_idx set_device_index set_stream synchronize",
        _none,
    )
)


class device_index:
    """A block in which another accelerator is the current one; None changes nothing.

    Source: torch.accelerator.device_index
    """

    def __init__(self, device: int | None) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            raise _none()
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing to restore."""
