"""Random numbers of CUDA devices: without a device nothing needs seeding.

Source: torch.cuda.random
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._absent import functions
from .current import not_compiled as _not_compiled

default_generators: tuple = ()

globals().update(functions(__name__, "get_rng_state initial_seed", _not_compiled))


def manual_seed(seed: int) -> None:
    """Seed the device's generator; without a device nothing needs seeding.

    Source: torch.cuda.manual_seed
    """


manual_seed_all = manual_seed


def seed() -> None:
    """Seed the device's generator by chance; there is none.

    Source: torch.cuda.seed
    """


seed_all = seed


def get_rng_state_all() -> list[Any]:
    """The states of all devices' generators: there are none.

    Source: torch.cuda.get_rng_state_all
    """
    return []


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    """Set a generator's state, when CUDA begins; it never does.

    Source: torch.cuda.set_rng_state
    """


def set_rng_state_all(new_states: Iterable[Any]) -> None:
    """Set the states of all devices' generators.

    Source: torch.cuda.set_rng_state_all
    """


__all__ = [
    "get_rng_state_all",
    "manual_seed",
    "manual_seed_all",
    "seed",
    "seed_all",
    "set_rng_state",
    "set_rng_state_all",
]
