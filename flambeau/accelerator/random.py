"""Random numbers of the accelerator: torch.accelerator.random.

Generators draw on the CPU, for tensors on every device; so an accelerator's state is that of the default one.
"""

from __future__ import annotations

from typing import Any

from ..core.random.generator import default_generator
from ..core.tensor import Tensor
from . import device_count, is_available

__all__ = ["get_rng_state", "get_rng_state_all", "initial_seed"]


def _check() -> None:
    if not is_available():
        raise RuntimeError(
            "torch.accelerator: there is no accelerator on this machine; torch.random has the CPU's generator"
        )


def get_rng_state(device: Any = None) -> Tensor:
    """The state of the generator of an accelerator.

    Raises:
        RuntimeError: There is none.

    Source: torch.accelerator.random.get_rng_state
    """
    _check()
    return default_generator.get_state()


def get_rng_state_all() -> list[Tensor]:
    """The state of each accelerator's generator: none, where there are no accelerators.

    Source: torch.accelerator.random.get_rng_state_all

    Example:
        >>> import flambeau as torch
        >>> len(torch.accelerator.random.get_rng_state_all()) == torch.accelerator.device_count()
        True
    """
    return [default_generator.get_state() for _ in range(device_count())]


def initial_seed() -> int:
    """The seed of the accelerator's generator.

    Raises:
        RuntimeError: There is none.

    Source: torch.accelerator.random.initial_seed
    """
    _check()
    return default_generator.initial_seed()
