"""The half types, where kernels compute in float32 and round once."""

from __future__ import annotations

from typing import Any

import numpy as np

from .copy import converted

HALF = ("float16", "bfloat16")
FLOAT32 = np.dtype(np.float32)


def widened(*arrays: Any) -> list[Any] | None:
    """Arrays of a half type (or None in their places) as float32; None if the first is of another type."""
    dtype = arrays[0].dtype
    if dtype.itemsize != 2 or dtype.name not in HALF:
        return None
    return [None if a is None else converted(a, FLOAT32) for a in arrays]


__all__ = ["FLOAT32", "HALF", "widened"]
