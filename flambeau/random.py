"""Random numbers under torch.random's names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .core.device import device
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
    """Put the default generator's state back at the end of a ``with`` block.

    Args:
        devices: Accelerators whose state is to be put back too; theirs is the CPU's generator.
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
    for index in devices or ():
        device(
            index if device_type is None or isinstance(index, device) else f"{device_type}:{index}"
        )
    if not enabled:
        yield
        return
    before = default_generator.raw_state()
    try:
        yield
    finally:
        default_generator.restore(before)
