"""The elements where a mask is true: ``x[mask]``.

Threads count what each block of the mask holds; then each block knows where its elements go in the result.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from . import memory
from .call import Body, kernel
from .code import BITS
from .copying import ELEMENTS, in_order
from .process import enabled, machine
from .stretch import copy

SMALL = 4096
"""Elements up to which NumPy takes less time."""
BLOCK = 2048
"""Elements of a block."""


def selected(x: Any, mask: Any) -> Any:
    """``x[mask]`` for a mask of x's shape."""
    if (
        x.size <= SMALL
        or x.__class__ is not np.ndarray
        or x.shape != mask.shape
        or x.itemsize not in ELEMENTS
        or not x.flags.aligned
        or x.dtype.hasobject
        or not enabled()
    ):
        found = x[mask]
        return found if found.flags.c_contiguous else found.copy(order="C")
    x, mask = in_order(x), in_order(mask)
    blocks = -(-x.size // BLOCK)
    counts = memory.empty((blocks,), np.dtype(np.int64))
    _counter()(mask, counts, blocks, 1, x.size // 4, 0, x.size)
    ends = counts.cumsum()
    made = memory.empty((int(ends[-1]),), x.dtype)
    _packer(ELEMENTS[x.itemsize])(
        x, mask, ends - counts, counts, made, blocks, 1, x.size, 0, x.size
    )
    return made


@cache
def _counter() -> Callable[..., int]:
    def write(code: Body) -> None:
        lanes = code.lanes
        with code.rows() as block:
            total = code.slot("i64")
            code.store(code.zero, total)
            start = block * BLOCK
            end = code.smaller(start + BLOCK, code.n["size"])
            whole = start + ((end - start) & -lanes)
            with code.loop(start, whole, lanes) as i:
                here = code.load(code.at(code.p["mask"], "i8", i), code.vector("i8")).differs(0)
                bits = code.intrinsic("ctpop", here.cast_to(f"i{lanes}"))
                code.store(code.load(total, "i64") + bits.widen("i64"), total)
            with code.loop(whole, end) as i:
                here = code.get(code.p["mask"], "i8", i).differs(0)
                code.store(code.load(total, "i64") + here.widen("i64"), total)
            code.put(code.load(total, "i64"), code.p["counts"], block)

    return kernel("count_true", ("mask", "counts"), ("size",), write, machine().bits // 8)


@cache
def _packer(element: str) -> Callable[..., int]:
    """Each element is stored behind the last one taken, and the place moves on if it counts: no branch. That
    may touch one element too many, so it happens on the stack."""

    def write(code: Body) -> None:
        packed = code.slot(f"[{BLOCK + 1} x {element}]")
        with code.rows() as block:
            place = code.slot("i64")
            code.store(code.zero, place)
            start = block * BLOCK
            with code.loop(start, code.smaller(start + BLOCK, code.n["size"])) as i:
                now = code.load(place, "i64")
                code.put(code.get(code.p["x"], element, i), packed, now)
                here = code.get(code.p["mask"], "i8", i).differs(0)
                code.store(now + here.widen("i64"), place)
            first = code.get(code.p["starts"], "i64", block)
            target = code.at(code.p["made"], element, first)
            # No more than was counted, should somebody write to the mask meanwhile.
            count = code.smaller(code.load(place, "i64"), code.get(code.p["counts"], "i64", block))
            copy(code, target, packed, element, code.zero, count)

    return kernel(
        "select", ("x", "mask", "starts", "counts", "made"), ("size",), write, machine().bits // BITS[element]
    )  # fmt: skip
