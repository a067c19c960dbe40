"""Random numbers of CUDA devices.

Without a device nothing needs seeding; a seed that is given before CUDA begins is that of the generators which come then.

Source: torch.cuda.random
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from ..core.device import device as Device
from ..core.random.default import default_of, seed_others
from ..core.random.generator import Generator
from ..core.tensor import Tensor
from ..kernels.cuda import driver
from .current import api, current_device, index_of


def _generator(device: Any = "cuda") -> Generator:
    """The default generator of a device."""
    api()
    return default_of(Device("cuda", index_of(device)))


def _all() -> list[Generator]:
    return [_generator(i) for i in range(driver.count())]


def get_rng_state(device: Any = "cuda") -> Tensor:
    """The state of a device's default generator: 16 bytes, its seed and its offset.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.get_rng_state
    """
    return _generator(device).get_state()


def get_rng_state_all() -> list[Tensor]:
    """The states of all devices' default generators.

    Source: torch.cuda.get_rng_state_all
    """
    return [made.get_state() for made in _all()]


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    """Let a device's default generator go on from a state that `get_rng_state` gave; nothing without a device.

    Source: torch.cuda.set_rng_state
    """
    if not driver.why_not():
        _generator(device).set_state(new_state)


def set_rng_state_all(new_states: Iterable[Tensor]) -> None:
    """`set_rng_state` of each device in turn.

    Source: torch.cuda.set_rng_state_all
    """
    for index, state in enumerate(new_states):
        set_rng_state(state, index)


def manual_seed(seed: int) -> None:
    """Seed the current device's default generator; before CUDA has begun, those that come with it.

    Source: torch.cuda.manual_seed
    """
    if driver.is_loaded():
        _generator(current_device()).manual_seed(int(seed))
    else:
        manual_seed_all(seed)


def manual_seed_all(seed: int) -> None:
    """Seed the default generators of all devices, now or when they are first used.

    Source: torch.cuda.manual_seed_all
    """
    seed_others(int(seed), "cuda")


def seed() -> None:
    """Seed the current device's default generator by chance.

    Source: torch.cuda.seed
    """
    manual_seed(_chance())


def seed_all() -> None:
    """Seed the default generators of all devices by chance, with one seed.

    Source: torch.cuda.seed_all
    """
    manual_seed_all(_chance())


def _chance() -> int:
    return int.from_bytes(os.urandom(8), "little")


def initial_seed() -> int:
    """The seed of the current device's default generator.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.initial_seed
    """
    return _generator(current_device()).initial_seed()


def __getattr__(name: str) -> Any:
    if name == "default_generators":  # known only when CUDA has begun
        return tuple(_all()) if not driver.why_not() else ()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "get_rng_state",
    "get_rng_state_all",
    "initial_seed",
    "manual_seed",
    "manual_seed_all",
    "seed",
    "seed_all",
    "set_rng_state",
    "set_rng_state_all",
]
