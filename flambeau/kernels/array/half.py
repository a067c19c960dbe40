"""The half types, where kernels compute in float32 and round once."""

from __future__ import annotations

from typing import Any

from ..elementary.half import FLOAT32, HALF, as_type


def widened(*arrays: Any) -> list[Any] | None:
    """Arrays of a half type (or None in their places) as float32; None if the first is of another type."""
    dtype = arrays[0].dtype
    if dtype.itemsize != 2 or dtype.name not in HALF:
        return None
    return [None if a is None else as_type(a, FLOAT32) for a in arrays]


__all__ = ["FLOAT32", "HALF", "as_type", "widened"]
