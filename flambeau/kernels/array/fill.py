"""One value everywhere in an array in order."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..llvm import BITS
from ..runtime.entry import Body, NoNumbers, kernel
from ..runtime.process import enabled, machine
from .copy import ELEMENTS
from .vector_loop import fill as fill_loop

SMALL = 1 << 11
"""Elements up to which NumPy takes less time."""


def write(array: Any, value: Any) -> None:
    """``array.fill(value)``, for any array and number."""
    if array.size <= SMALL or not array.flags.c_contiguous or not array.flags.writeable:
        array.fill(value)
    else:
        given = np.empty((), array.dtype)
        given.fill(value)
        fill(array, given)


def fill(array: Any, value: Any) -> None:
    """``array[...] = value``; threads share the work.

    Args:
        array: A NumPy array in the order of C.
        value: An array of the same dtype without dimensions.
    """
    kernel = filling(array.dtype) if array.flags.aligned else None
    if kernel is None:
        np.copyto(array, value)
    else:
        kernel(array, value, 1, array.size, array.size, 1)


def filling(dtype: Any) -> Callable[..., int] | None:
    """The kernel, of an array in order, a value, and ``1, size, size, 1``; None for a dtype that it does not write."""
    element = ELEMENTS.get(dtype.itemsize)
    return None if element is None or not enabled() or dtype.hasobject else _filler(element)


@cache
def _filler(element: str) -> Callable[..., int]:
    def write(code: Body) -> None:
        value = code.get(code.p["value"], element, code.zero)
        fill_loop(code, code.p["array"], value, code.begin, code.end)

    return kernel("fill", ("array", "value"), NoNumbers, write, machine().bits // BITS[element])
