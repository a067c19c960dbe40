"""Rows that belong together because they follow one another."""

from __future__ import annotations

from typing import Any

import numpy as np


def largest(x: Any, starts: Any) -> Any:
    """For each segment of rows and each column, the row with the largest element, the first of equal ones.

    Args:
        x: (rows, columns)
        starts: Where each segment starts and the last one ends.

    Returns: (segments, columns), of int64; 0 for a segment without rows. A nan is larger than all else.
    """
    found = np.zeros((len(starts) - 1, x.shape[1]), np.int64)
    for i, (start, end) in enumerate(zip(starts[:-1].tolist(), starts[1:].tolist())):
        if start < end:
            found[i] = start + x[start:end].argmax(0)
    return found


__all__ = ["largest"]
