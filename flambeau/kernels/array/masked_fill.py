"""One value in the places of a mask."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..llvm import BITS, choose
from ..runtime import memory
from ..runtime.entry import Body, NoNumbers, kernel
from ..runtime.process import enabled, machine
from .copy import ELEMENTS, in_order

SMALL = 1024
"""Elements up to which NumPy takes less time."""


def filled(x: Any, mask: Any, value: Any) -> Any:
    """``np.where(mask, value, x)`` for one value of x's dtype and a bool mask that broadcasts with x."""
    if x.size <= SMALL or not _native(x, mask):
        return np.where(mask, value, x)
    made = memory.empty(x.shape, x.dtype)
    _run(x, mask, value, made)
    return made


def fill(x: Any, mask: Any, value: Any) -> None:
    """``x[mask] = value`` for one value and a mask that broadcasts to x's shape.

    Raises:
        ValueError: It does not, or x must not be written to.
    """
    if np.may_share_memory(x, mask):
        mask = mask.copy()
    if x.size > SMALL and x.flags.writeable and _native(x, mask):
        _run(x, mask, value, x)
    else:
        np.copyto(x, value, where=mask)


def _run(x: Any, mask: Any, value: Any, made: Any) -> None:
    length = _shared(x.shape, mask.shape)
    if not length:
        mask, length = np.broadcast_to(mask, x.shape), x.size
    rows = x.size // length
    given = np.asarray(value, x.dtype).reshape(1)
    _filler(ELEMENTS[x.itemsize])(
        x, in_order(mask), given, made, rows, length, x.size, int(rows == 1)
    )


def _native(x: Any, mask: Any) -> bool:
    return (
        x.__class__ is np.ndarray
        and mask.__class__ is np.ndarray
        and x.itemsize in ELEMENTS
        and x.flags.c_contiguous
        and x.flags.aligned
        and not x.dtype.hasobject
        and mask.ndim <= x.ndim
        and all(n in (1, m) for n, m in zip(mask.shape[::-1], x.shape[::-1]))
        and enabled()
    )


def _shared(shape: tuple[int, ...], mask: tuple[int, ...]) -> int:
    """The length of the rows of which each has the whole mask; 0 where it is broadcast otherwise."""
    while mask and mask[0] == 1:
        mask = mask[1:]
    return math.prod(mask) if mask and shape[-len(mask) :] == mask else 0


@cache
def _filler(element: str) -> Callable[..., int]:
    def write(code: Body) -> None:
        type, bits = code.vector(element), code.vector("i8")
        value = code.splat(code.get(code.p["value"], element, code.zero))
        whole = code.begin + ((code.end - code.begin) & -code.lanes)
        with code.rows() as row:
            start = row * code.n.length
            with code.loop(code.begin, whole, code.lanes) as i:
                here = code.load(code.at(code.p["mask"], "i8", i), bits).differs(0)
                x = code.load(code.at(code.p["x"], element, start + i), type)
                made = choose(here, value, x)
                code.store(made, code.at(code.p["made"], element, start + i))
            with code.loop(whole, code.end) as i:
                here = code.get(code.p["mask"], "i8", i).differs(0)
                x = code.get(code.p["x"], element, start + i)
                code.put(choose(here, value.lane(), x), code.p["made"], start + i)

    lanes = machine().bits // BITS[element]
    return kernel("filled", ("x", "mask", "value", "made"), NoNumbers, write, lanes)
