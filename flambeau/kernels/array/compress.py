"""The elements where a mask is true: ``x[mask]``.

Threads count what each block of the mask holds; then each block knows where its elements go in the result.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import enabled, machine
from .copy import ELEMENTS, in_order
from .vector_loop import copy

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
        found = x[mask.copy()]  # others may write to it, which NumPy does not expect
        return found if found.flags.c_contiguous else found.copy(order="C")
    x, mask = in_order(x), in_order(mask)
    count, pack = _given(x.size)
    counts = memory.empty((-(-x.size // BLOCK),), memory.INT64)
    _counter()(mask, counts, *count)
    ends = counts.cumsum()
    made = memory.empty((int(ends[-1]),), x.dtype)
    _packer(ELEMENTS[x.itemsize])(x, mask, ends - counts, counts, made, *pack)
    return made


class Numbers(NamedTuple):
    """size: elements of the mask."""

    size: int


@lru_cache(1024)
def _given(size: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What both kernels are told."""
    numbers, blocks = Numbers(size=size), -(-size // BLOCK)
    count = Job(rows=blocks, length=1, weight=size // 4, divisible=False)
    return (*count, *numbers), (*count._replace(weight=size), *numbers)


@cache
def _counter() -> Callable[..., int]:
    def write(code: Body) -> None:
        lanes = code.lanes
        with code.rows() as block:
            total = code.slot("i64")
            code.store(code.zero, total)
            start = block * BLOCK
            end = code.smaller(start + BLOCK, code.n.size)
            whole = start + ((end - start) & -lanes)
            with code.loop(start, whole, lanes) as i:
                here = code.load(code.at(code.p["mask"], "i8", i), code.vector("i8")).differs(0)
                bits = code.intrinsic("ctpop", here.cast_to(f"i{lanes}"))
                code.store(code.load(total, "i64") + bits.widen("i64"), total)
            with code.loop(whole, end) as i:
                here = code.get(code.p["mask"], "i8", i).differs(0)
                code.store(code.load(total, "i64") + here.widen("i64"), total)
            code.put(code.load(total, "i64"), code.p["counts"], block)

    return kernel("count_true", ("mask", "counts"), Numbers, write, machine().bits // 8, makes=True)


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
            with code.loop(start, code.smaller(start + BLOCK, code.n.size)) as i:
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
        "select", ("x", "mask", "starts", "counts", "made"), Numbers, write, machine().bits // BITS[element],
        makes=True,
    )  # fmt: skip
