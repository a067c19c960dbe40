"""Intel's graphics processors: flambeau has none.

Source: torch.xpu
"""

from __future__ import annotations

from typing import Any

from ._absent import classes, functions, zeros


def _not_compiled(name: str) -> AssertionError:
    return AssertionError("Torch not compiled with XPU enabled")


globals().update(
    functions(
        __name__,
        "current_device current_stream get_device_capability get_device_name get_device_properties get_rng_state init "
        "initial_seed mem_get_info set_device set_stream synchronize",
        _not_compiled,
    )
)
globals().update(classes(__name__, "Stream Event XPUGraph MemPool"))
globals().update(
    zeros(
        __name__,
        "max_memory_allocated max_memory_reserved memory_allocated memory_reserved device_count",
        "there is no XPU",
    )
)


def is_available() -> bool:
    """Can tensors live on an XPU? No.

    Source: torch.xpu.is_available
    """
    return False


def is_initialized() -> bool:
    """Has XPU begun to work in this process?

    Source: torch.xpu.is_initialized
    """
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Does an XPU compute in bfloat16? There is none.

    Source: torch.xpu.is_bf16_supported
    """
    return False


def is_current_stream_capturing() -> bool:
    """Is a graph being recorded? Never without a device.

    Source: torch.xpu.is_current_stream_capturing
    """
    return False


def set_rng_state(new_state: Any, device: Any = "xpu") -> None:
    """Set a generator's state, when XPU begins; it never does.

    Source: torch.xpu.set_rng_state
    """


def empty_cache() -> None:
    """Give memory that waits to be reused back: there is none.

    Source: torch.xpu.empty_cache
    """


def reset_peak_memory_stats(device: Any = None) -> None:
    """Let a figure begin again; it stays 0.

    Source: torch.xpu.reset_peak_memory_stats
    """


def memory_stats(device: Any = None) -> dict[str, Any]:
    """What the allocator has done: nothing.

    Source: torch.xpu.memory_stats
    """
    return {}


def manual_seed(seed: int) -> None:
    """Seed the device's generator; without a device nothing needs seeding.

    Source: torch.xpu.manual_seed
    """


manual_seed_all = manual_seed


def get_rng_state_all() -> list[Any]:
    """The states of all devices' generators: there are none.

    Source: torch.xpu.get_rng_state_all
    """
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Set the states of all devices' generators: there are none.

    Source: torch.xpu.set_rng_state_all
    """
