"""Reductions of losses as numbers, which PyTorch's core takes.

Source: torch.nn._reduction
"""

from __future__ import annotations

from ..ops.loss.reduction import legacy

_NUMBERS = {"none": 0, "mean": 1, "elementwise_mean": 1, "sum": 2}


def get_enum(reduction: str) -> int:
    """The number of a reduction.

    Raises:
        ValueError: There is none of this name.
    """
    if reduction not in _NUMBERS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return _NUMBERS[reduction]


def legacy_get_string(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True
) -> str:
    """The reduction that the old arguments mean."""
    return legacy(size_average, reduce)


def legacy_get_enum(
    size_average: bool | None, reduce: bool | None, emit_warning: bool = True
) -> int:
    """Its number."""
    return get_enum(legacy_get_string(size_average, reduce, emit_warning))
