"""Apple's graphics processors: flambeau has none.

Source: torch.mps
"""

from __future__ import annotations

from ._absent import functions


def _without(name: str) -> RuntimeError:
    return RuntimeError(f"Cannot execute {name}() without MPS backend.")


globals().update(
    functions(
        __name__,
        "Event compile_shader current_allocated_memory driver_allocated_memory empty_cache get_rng_state "
        "recommended_max_memory seed set_per_process_memory_fraction set_rng_state synchronize",
        _without,
    )
)


def is_available() -> bool:
    """Can tensors live on such a processor? No.

    Source: torch.mps.is_available
    """
    return False


def device_count() -> int:
    """How many there are: none.

    Source: torch.mps.device_count
    """
    return 0


def manual_seed(seed: int) -> None:
    """Seed the device's generator; without a device nothing needs seeding.

    Source: torch.mps.manual_seed
    """
