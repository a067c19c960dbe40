"""Random numbers under torch.random's names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .core.device import device
from .core.random.default import default_of, kept
from .core.random.generator import default_generator
from .ops.create.rand import get_rng_state, initial_seed, manual_seed, seed, set_rng_state

__all__ = [
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


@contextmanager
def fork_rng(
    devices: Iterable[Any] | None = None, enabled: bool = True, device_type: str | None = None
) -> Iterator[None]:
    """Put the default generators' states back at the end of a ``with`` block.

    Args:
        devices: Accelerators whose generators are meant besides the CPU's; all that are drawn on, if None.
        enabled: False does nothing.
        device_type: The type of those devices.

    Raises:
        RuntimeError: There is no such device.

    Source: torch.random.fork_rng

    Example:
        >>> import flambeau as torch
        >>> before = torch.get_rng_state()
        >>> with torch.random.fork_rng():
        ...     _ = torch.rand(10)
        >>> torch.equal(before, torch.get_rng_state())
        True
    """
    named = [_place(index, device_type) for index in devices or ()]
    if not enabled:
        yield
        return
    chosen = None if devices is None else [default_generator, *map(default_of, named)]
    with kept(chosen):
        yield


def _place(index: Any, device_type: str | None) -> device:
    named = device_type is not None and not isinstance(index, device)
    return device(f"{device_type}:{index}" if named else index)
