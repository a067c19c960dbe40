"""The accelerator of this machine, whichever kind it is."""

from __future__ import annotations

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
