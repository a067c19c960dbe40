"""Where the matrices of a stack lie."""

from __future__ import annotations

from typing import Any

import numpy as np


def starts(
    lead: tuple[int, ...], shape: tuple[int, ...], strides: tuple[int, ...], item: int
) -> Any:
    """Where each matrix of a stack begins, in elements, once it is broadcast to leading dimensions."""
    found = np.zeros(lead, np.int64)
    own = len(shape) - 2
    for axis in range(own):
        if shape[axis] > 1:
            place = len(lead) - own + axis
            steps = np.arange(lead[place], dtype=np.int64) * (strides[axis] // item)
            found += steps.reshape(-1, *(1,) * (len(lead) - place - 1))
    return found.reshape(-1)
