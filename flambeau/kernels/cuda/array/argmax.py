"""Where the largest or smallest element along a dimension stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import driver
from .copy import in_order
from .scan import last, monoid, shape_of


def place(x: Any, dim: int, largest: bool) -> Any:
    """``np.argmax(x, dim)``, or argmin: the first nan, or else the first of the extreme elements.

    Raises:
        ValueError: The dimension has no elements.
    """
    dim %= x.ndim
    made = driver.cupy().empty(x.shape[:dim] + x.shape[dim + 1 :], np.int64)
    if not x.shape[dim] and made.size:
        raise ValueError("attempt to get argmax of an empty sequence")
    if not made.size:
        return made
    how = monoid("argmax" if largest else "argmin", x)
    last(how, in_order(x), shape_of(x.shape, dim), made, True)
    return made


__all__ = ["place"]
