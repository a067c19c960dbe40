"""CUDA, as far as it goes today: there is no CUDA device yet, and the functions say so."""

from __future__ import annotations

from .core.device import backends


def is_available() -> bool:
    """Can tensors live on a CUDA device? Not yet.

    Source: torch.cuda.is_available
    """
    backend = backends.find("cuda")
    return backend is not None and backend.is_available()


def device_count() -> int:
    """How many CUDA devices there are.

    Source: torch.cuda.device_count
    """
    backend = backends.find("cuda")
    return 0 if backend is None else backend.device_count()


def manual_seed(seed: int) -> None:
    """Seed the device's generator; without a device nothing needs seeding.

    Source: torch.cuda.manual_seed
    """


manual_seed_all = manual_seed
