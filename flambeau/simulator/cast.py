"""Floats as integers, where they are none: a GPU takes the nearest integer that there is, and 0 for NaN."""

from __future__ import annotations

from typing import Any

import numpy as np


def _fits(host: np.ndarray, dtype: np.dtype) -> bool:
    """Are there only floats that every processor converts alike, or no floats, or no integers to be?"""
    if dtype.kind not in "iu" or host.dtype.kind not in "fV" or not host.size:
        return True
    low, high = host.min(), host.max()
    return bool((0 if dtype.kind == "u" else -(2**31)) <= low and high < 2**31)


def converted(host: np.ndarray, dtype: np.dtype, order: Any = "K") -> np.ndarray:
    """An array as another dtype. Short integers are the last bits of those of 32 bits."""
    if _fits(host, dtype):
        return host.astype(dtype, order)
    wide = np.dtype(f"{dtype.kind}{max(dtype.itemsize, 4)}")
    limits = np.iinfo(wide)
    x = host.astype(np.float64, order)
    above, below = x >= float(limits.max), x <= float(limits.min)
    made = np.where(above | below | np.isnan(x), 0, x).astype(wide, order)
    np.copyto(made, limits.max, where=above)
    np.copyto(made, limits.min, where=below)
    return made.astype(dtype, order, copy=False)


def as_written(value: Any, dtype: np.dtype) -> Any:
    """What NumPy may be given to write into an array of this dtype."""
    if value.__class__ is not np.ndarray or value.dtype == dtype or _fits(value, dtype):
        return value
    return converted(value, dtype)


__all__ = ["as_written", "converted"]
