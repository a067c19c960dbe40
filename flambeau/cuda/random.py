"""Random numbers of CUDA devices: each has a generator; seeds that are set before a device is used are its first.

Source: torch.cuda.random
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..core.device import device as Device
from ..core.random.default import default_of, seed_others
from ..core.random.generator import Generator
from ..core.tensor import Tensor
from ..kernels.cuda import driver
from .current import index_of


def __getattr__(name: str) -> Any:
    if name == "default_generators":
        return tuple(_generator(i) for i in range(driver.count()))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _generator(device: Any = None) -> Generator:
    """The default generator of a device.

    Raises:
        AssertionError: No device can be used.
    """
    return default_of(Device("cuda", index_of(device)))


def manual_seed(seed: int) -> None:
    """Seed the generator of the current device; without a device nothing happens.

    Source: torch.cuda.manual_seed

    Example:
        >>> import flambeau as torch
        >>> torch.cuda.manual_seed(0)
    """
    if not driver.why_not():
        _generator().manual_seed(int(seed))


def manual_seed_all(seed: int) -> None:
    """Seed the generators of all devices; without a device nothing happens.

    Source: torch.cuda.manual_seed_all
    """
    if not driver.why_not():
        seed_others(int(seed), "cuda")


def seed() -> None:
    """Seed the generator of the current device by chance; without a device nothing happens.

    Source: torch.cuda.seed
    """
    if not driver.why_not():
        _generator().seed()


def seed_all() -> None:
    """Seed the generators of all devices by one chance; without a device nothing happens.

    Source: torch.cuda.seed_all
    """
    if not driver.why_not():
        seed_others(_generator(0).seed(), "cuda")


def initial_seed() -> int:
    """The seed of the current device's generator.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.initial_seed
    """
    return _generator().initial_seed()


def get_rng_state(device: Any = "cuda") -> Tensor:
    """The state of a device's generator: its seed and how far it has drawn, 16 bytes.

    Raises:
        AssertionError: No device can be used.

    Source: torch.cuda.get_rng_state
    """
    return _generator(device).get_state()


def get_rng_state_all() -> list[Tensor]:
    """The states of all devices' generators.

    Source: torch.cuda.get_rng_state_all
    """
    return [_generator(i).get_state() for i in range(driver.count())]


def set_rng_state(new_state: Tensor, device: Any = "cuda") -> None:
    """Let a device's generator go on from a state; without a device nothing happens.

    Source: torch.cuda.set_rng_state
    """
    if not driver.why_not():
        _generator(device).set_state(new_state)


def set_rng_state_all(new_states: Iterable[Tensor]) -> None:
    """Let all devices' generators go on from states.

    Source: torch.cuda.set_rng_state_all
    """
    for i, state in enumerate(new_states):
        set_rng_state(state, i)


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
