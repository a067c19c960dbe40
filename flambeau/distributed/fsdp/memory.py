"""Memory that can be emptied and filled again at its place.

What a recorded operation saved of a gathered parameter is an array; when the parameter is let go, its pages go back to the
system while the array stays, and before backward the values are gathered into it again.
"""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np


class Pages:
    """Pages of memory of a number of bytes."""

    def __init__(self, size: int) -> None:
        self.map: Any = mmap.mmap(-1, max(size, 1))

    def array(self, offset: int, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """Part of it as an array; it lives as long as the array."""
        return np.ndarray(shape, dtype, self.map, offset)

    def release(self) -> None:
        """Give the pages back; what is read before it is written again is zero."""
        if hasattr(self.map, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
            self.map.madvise(mmap.MADV_DONTNEED)
