"""Meta's accelerators: flambeau has none.

Source: torch.mtia
"""

from __future__ import annotations

from typing import Any

from ._absent import classes, functions, zeros


def _without(name: str) -> RuntimeError:
    return RuntimeError(f"Cannot execute {name}() without MTIA backend.")


globals().update(
    functions(
        __name__,
        "current_device current_stream default_stream empty_cache get_device_capability get_device_properties "
        "get_rng_state init set_device set_rng_state set_stream synchronize",
        _without,
    )
)
globals().update(classes(__name__, "Stream Event MTIAGraph"))
globals().update(
    zeros(__name__, "device_count max_memory_allocated memory_allocated", "there is no MTIA device")
)


def is_available() -> bool:
    """Can tensors live on such an accelerator? No.

    Source: torch.mtia.is_available
    """
    return False


def is_initialized() -> bool:
    """Has it begun to work in this process?

    Source: torch.mtia.is_initialized
    """
    return False


def manual_seed(seed: int) -> None:
    """Seed the device's generator; without a device nothing needs seeding.

    Source: torch.mtia.manual_seed
    """


manual_seed_all = manual_seed


def memory_stats(device: Any = None) -> dict[str, Any]:
    """What the allocator has done: nothing.

    Source: torch.mtia.memory_stats
    """
    return {}
