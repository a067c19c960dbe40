"""Random numbers under torch.random's names, and the generator that users see."""

from __future__ import annotations

from typing import Any

from .core import generator as _core
from .core.generator import default_generator
from .core.tensor import Tensor, wrap_numpy
from .ops.randomness import get_rng_state, initial_seed, manual_seed, seed, set_rng_state


class Generator(_core.Generator):
    """A stream of random numbers of its own.

    Source: torch.Generator

    Example:
        >>> import flambeau as torch
        >>> torch.rand(1, generator=torch.Generator().manual_seed(0))
        tensor([0.4963])
    """

    def get_state(self) -> Any:
        """The state as a uint8 tensor."""
        return wrap_numpy(super().get_state())

    def set_state(self, new_state: Any) -> Any:
        """Put back a state that `get_state` gave."""
        return super().set_state(new_state._array if isinstance(new_state, Tensor) else new_state)


__all__ = [
    "Generator",
    "default_generator",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]
