"""Autocast switched on and off without a block, and its dtypes by the names of devices."""

from __future__ import annotations

from typing import Any

from ..core.dtype import dtype as DType
from ..core.handler import casters
from .autocast_mode import _innermost, autocast, set_autocast_dtype

_lasting: list[Any] = []
"""The contexts that were switched on here."""
_nesting = 0


def set_autocast_enabled(device_type: str | bool, enabled: bool | None = None) -> None:
    """Switch `autocast` on or off here, until it is switched again or a block around ends.

    Args:
        device_type: "cpu"; "cuda" warns where there is no such device. A bool alone means "cuda".
        enabled: Shall it work?

    Source: torch.set_autocast_enabled

    Example:
        >>> import flambeau as torch
        >>> torch.set_autocast_enabled("cpu", True)
        >>> (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.bfloat16
        >>> torch.set_autocast_enabled("cpu", False)
    """
    if isinstance(device_type, bool):
        device_type, enabled = "cuda", device_type
    context = autocast(device_type) if enabled else None  # which warns where there is no device
    inside = _innermost(device_type)
    if inside in _lasting:
        _lasting.remove(inside)
        casters.remove(inside)
    elif inside is None and context is None:
        return
    context = (context or autocast(device_type, enabled=False)).__enter__()
    if context.context is not None:
        _lasting.append(context.context)


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """Switch `autocast` on or off for the CPU.

    Source: torch.set_autocast_cpu_enabled
    """
    set_autocast_enabled("cpu", enabled)


def set_autocast_cpu_dtype(dtype: DType) -> None:
    """The 16-bit type that `autocast` uses on the CPU.

    Source: torch.set_autocast_cpu_dtype
    """
    set_autocast_dtype("cpu", dtype)


def set_autocast_gpu_dtype(dtype: DType) -> None:
    """The 16-bit type that `autocast` would use on CUDA.

    Source: torch.set_autocast_gpu_dtype
    """
    set_autocast_dtype("cuda", dtype)


def autocast_increment_nesting() -> int:
    """Count one more block that is entered by hand; gives how many there are.

    Source: torch.autocast_increment_nesting
    """
    global _nesting
    _nesting += 1
    return _nesting


def autocast_decrement_nesting() -> int:
    """Count one less; gives how many there are.

    Source: torch.autocast_decrement_nesting
    """
    global _nesting
    _nesting -= 1
    return _nesting
