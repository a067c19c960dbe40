"""The elements where a mask is true: ``x[mask]``.

Threads count what each block of the mask holds; then each block knows where its elements go in the result.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS, Value, choose
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


def places(x: Any) -> Any:
    """Where elements are not zero, a row of indices for each: the transpose of a memory that has a line a dimension.

    Returns: NotImplemented for what this is not made for.
    """
    if x.size <= SMALL or x.__class__ is not np.ndarray or x.dtype.hasobject or not x.ndim:
        return NotImplemented
    here = in_order(x.view(bool) if x.itemsize == 1 else np.not_equal(x, 0))
    count, _ = _given(x.size)
    counts = memory.empty((-(-x.size // BLOCK),), memory.INT64)
    _counter()(here, counts, *count)
    ends = counts.cumsum()
    made = memory.empty((x.ndim, int(ends[-1])), memory.INT64)
    job = Job(rows=len(counts), length=1, weight=x.size, divisible=False)
    sizes = np.array(x.shape, np.int64)
    numbers = Places(size=x.size, ndim=x.ndim, count=made.shape[1])
    _placer()(here, ends - counts, counts, sizes, made, *job, *numbers)
    return made.T


class Places(NamedTuple):
    """size: elements of the mask; ndim: its dimensions; count: how many are not zero."""

    size: int
    ndim: int
    count: int


@cache
def _placer() -> Callable[..., int]:
    """The places of a block are put on the stack; then each dimension's indices are split off them in turn."""

    def write(code: Body) -> None:
        n = code.n
        own = code.slot(f"[{BLOCK + 1} x i64]")
        with code.rows() as block:
            found = code.variable(0)
            start = block * BLOCK
            with code.loop(start, code.smaller(start + BLOCK, n.size)) as i:
                code.put(i, own, found.value)
                here = code.get(code.p["mask"], "i8", i).differs(0)
                found.value = found.value + here.widen("i64")
            first = code.get(code.p["starts"], "i64", block)
            # No more than was counted, should somebody write to the mask meanwhile.
            count = code.smaller(found.value, code.get(code.p["counts"], "i64", block))
            with code.loop(code.zero, n.ndim) as d:
                at = n.ndim - 1 - d
                size = code.get(code.p["sizes"], "i64", at)
                target = code.at(code.p["made"], "i64", at * n.count + first)
                _split(code, own, target, size, count)

    return kernel(
        "places", ("mask", "starts", "counts", "sizes", "made"), Places, write,
        machine().bits // 64, makes=True,
    )  # fmt: skip


def _split(code: Body, places: Value, target: Value, size: Value, count: Value) -> None:
    """Places modulo the size, and what remains of them divided by it, in their own memory.

    A product with the reciprocal is off by one at most, for a division takes as long as all the rest.
    """
    inverse = code.constant(1.0, "double") / size.convert("double")
    whole = count & -code.lanes
    for first, last, many in ((code.zero, whole, True), (whole, count, False)):
        own, by = (code.splat(size), code.splat(inverse)) if many else (size, inverse)
        type = code.vector("i64") if many else "i64"
        with code.loop(first, last, code.lanes if many else 1) as i:
            place = code.load(code.at(places, "i64", i), type)
            above = (place.convert("double") * by).convert("i64")
            rest = place - above * own
            for wrong, step in ((rest < 0, -1), (rest >= own, 1)):
                above = choose(wrong, above + step, above)
                rest = choose(wrong, rest - own * step, rest)
            code.store(rest, code.at(target, "i64", i))
            code.store(above, code.at(places, "i64", i))


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
