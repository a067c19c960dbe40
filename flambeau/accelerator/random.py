"""Random numbers of the accelerator: torch.accelerator.random."""

from __future__ import annotations

from typing import Any

from ..core.device import device as Device
from ..core.random.default import default_of
from ..core.random.generator import Generator
from ..core.tensor import Tensor
from . import current_accelerator, device_count

__all__ = ["get_rng_state", "get_rng_state_all", "initial_seed"]


def _generator(device: Any = None) -> Generator:
    """The default generator of an accelerator: the current one, or one that a device or a number names."""
    current = current_accelerator()
    if current is None:
        raise RuntimeError(
            "torch.accelerator: there is no accelerator on this machine; torch.random has the CPU's generator"
        )
    return default_of(Device(current.type) if device is None else Device(device))


def get_rng_state(device: Any = None) -> Tensor:
    """The state of the generator of an accelerator.

    Args:
        device: The accelerator, or its number; the current one if None.

    Raises:
        RuntimeError: There is none.

    Source: torch.accelerator.random.get_rng_state
    """
    return _generator(device).get_state()


def get_rng_state_all() -> list[Tensor]:
    """The state of each accelerator's generator: none, where there are no accelerators.

    Source: torch.accelerator.random.get_rng_state_all

    Example:
        >>> import flambeau as torch
        >>> len(torch.accelerator.random.get_rng_state_all()) == torch.accelerator.device_count()
        True
    """
    return [_generator(index).get_state() for index in range(device_count())]


def initial_seed() -> int:
    """The seed of the current accelerator's generator.

    Raises:
        RuntimeError: There is none.

    Source: torch.accelerator.random.initial_seed
    """
    return _generator().initial_seed()
