"""Where the largest or smallest element along a dimension stands."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import driver
from . import scan_kernel
from .copy import in_order
from .launch import THREADS
from .scan import monoid, shape_of, totals


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
    how, shape = monoid("argmax" if largest else "argmin", x), shape_of(x.shape, dim)
    found, states = [in_order(x)], shape.chunks > 1
    if states:
        found, shape = totals(how, found[0], shape), shape.over
    kernel = scan_kernel.total(how, shape.wide, states, True)
    kernel(shape.grid, THREADS, *found, made, *shape.arguments)
    return made


__all__ = ["place"]
