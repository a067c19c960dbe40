"""Copies between arrays that lie in memory in different ways, such as ``x.T`` to an ordinary array.

The dimensions are put in the order of the target's memory and merged where both arrays allow it. Two of
them matter then: `p`, along which the target is dense, and `q`, along which the source is. A block of both
is read in whole vectors, transposed in registers and written in whole vectors, so that each cache line
is touched once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS, Value, quotient
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import enabled, machine

SMALL = 2048
"""Elements up to which NumPy's copy takes less time than the preparation here."""
SHARED = 1 << 20
"""Bytes of one run from which threads together are faster than memcpy."""
ELEMENTS = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}
LONG = 512
"""Bytes of a run from which memcpy is called for it."""
REACH = 64
"""Elements of q in a row of the kernel's work."""
FEW_TIMES = 16
"""How often an element is repeated at most where vectors hold several of them."""


def contiguous(array: Any) -> Any:
    """A copy of an array with its elements in order."""
    if array.size <= SMALL or array.__class__ is not np.ndarray or not enabled():
        return array.copy(order="C")
    made = memory.empty(array.shape, array.dtype)
    copy_into(made, array)
    return made


def in_order(array: Any) -> Any:
    """The array if its elements lie in order and aligned, else a copy that does; 0-d stays so."""
    flags = array.flags
    return array if flags.c_contiguous and flags.aligned else contiguous(array)


def converted(array: Any, dtype: Any) -> Any:
    """A copy in another dtype, in order."""
    made = memory.empty(array.shape, dtype)
    copy_into(made, array)
    return made


def copy_into(target: Any, source: Any) -> None:
    """np.copyto of any two NumPy arrays, converting: broadcast, overlapping or of any layout."""
    if target.size > SMALL and _repeats(source) and enabled() and _copied(target, source):
        return
    if target.__class__ is source.__class__ is np.ndarray and (
        target.dtype is not source.dtype or (target.size > SMALL and target.dtype.char in _NATIVE)
    ):
        _converting()(target, source)
    elif target.size <= SMALL or not enabled() or not _copied(target, source):
        np.copyto(target, source, casting="unsafe")


def _repeats(source: Any) -> bool:
    """Does each element stand a few times behind itself?"""
    return source.ndim > 1 and source.strides[-1] == 0 and 1 < source.shape[-1] <= FEW_TIMES


_NATIVE = frozenset("?bBhilefdE")
"""The dtypes that the kernels of conversions have, by NumPy's letters."""


def _by_numpy(target: Any, source: Any) -> None:
    np.copyto(target, source, casting="unsafe")


@cache
def _converting() -> Callable[[Any, Any], None]:
    """The copy by kernels of the wing `loops`, which is made of this one and loads with the first such copy."""
    loops = __package__.replace("array", "loops")
    return import_module(f"{loops}.convert").copy_into if enabled() else _by_numpy


def _copied(target: Any, source: Any) -> bool:
    """Copy by machine code; False for arrays that it is not made for."""
    if (
        target.dtype is not source.dtype
        or target.shape != source.shape
        or target.dtype.hasobject
        or not (target.flags.aligned and source.flags.aligned and target.flags.writeable)
        or np.may_share_memory(target, source)
    ):
        return False
    found = _plan(target.itemsize, target.shape, target.strides, source.strides)
    if found is None:
        return False
    function, outer, given = found
    function(target, source, outer, *given)
    return True


@lru_cache(1024)
def _plan(
    size: int, shape: tuple[int, ...], target: tuple[int, ...], source: tuple[int, ...]
) -> tuple[Callable[..., int], Any, tuple[int, ...]] | None:
    """The function for elements of so many bytes and for such strides, the outer dimensions, and what else it
    is told; None for what it is not made for."""
    extra, count = [], math.prod(shape)
    nbytes = count * size
    if size not in ELEMENTS:
        if size % 8:
            return None
        extra, size = [(size // 8, 8, 8)], 8
    dims = merged([*zip(shape, target, source), *extra])
    if not dims or dims[-1][1] != size or any(step <= 0 for _, step, _ in dims):
        return None
    if len(dims) == 1 and dims[0][2] == size and nbytes < SHARED:
        return None  # one run, which NumPy leaves to memcpy
    return _cut(dims, size, count)


def merged(dims: Sequence[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """(size, step in the target, step in the source), outermost in the target first."""
    found: list[tuple[int, int, int]] = []
    for n, a, b in sorted((d for d in dims if d[0] != 1), key=lambda d: -d[1]):
        if found and found[-1][1] == n * a and found[-1][2] == n * b:
            found[-1] = (found[-1][0] * n, a, b)
        else:
            found.append((n, a, b))
    return found


class Numbers(NamedTuple):
    """Steps in bytes.

    Attributes:
        step: Of the source along p.
        across: Elements along q.
        target_step, source_step: Along q.
        outer: How many outer dimensions there are.
    """

    step: int
    across: int
    target_step: int
    source_step: int
    outer: int


def _cut(
    dims: list[tuple[int, int, int]], size: int, count: int
) -> tuple[Callable[..., int], Any, tuple[int, ...]]:
    """The copy of merged dimensions."""
    if len(dims) == 1:
        dims = [(1, size, size), *dims]
    length, _, step = dims.pop()
    if step in (size, 0, -size):
        style = "runs" if step > 0 else "backwards" if step else "fills"
        at = len(dims) - 1
    else:
        dense = [i for i, d in enumerate(dims) if d[2] == size]
        at = max(dense, key=lambda i: dims[i][0]) if dense else _nearest(dims)
        lanes = _lanes(ELEMENTS[size])
        style = "tiles" if dense and dims[at][0] >= lanes <= length else "places"
    if style == "fills" and length <= FEW_TIMES and BITS[ELEMENTS[size]] >= 32:
        dense = [i for i, d in enumerate(dims) if d[1:] == (length * size, size)]
        style, at = ("repeats", dense[0]) if dense else (style, at)
    across, target_step, source_step = dims.pop(at)
    outer = np.array(dims, np.int64).reshape(-1, 3)
    job = Job(
        rows=-(-across // REACH) * int(outer[:, 0].prod()), length=length, weight=count,
        divisible=style not in ("tiles", "places", "repeats"),
    )  # fmt: skip
    numbers = Numbers(
        step=step, across=across, target_step=target_step, source_step=source_step,
        outer=len(dims),
    )  # fmt: skip
    return _copier(ELEMENTS[size], style), outer, (*job, *numbers)


def _nearest(dims: Sequence[tuple[int, int, int]]) -> int:
    return min(range(len(dims)), key=lambda i: abs(dims[i][2]))


def _lanes(element: str) -> int:
    """Elements of a vector: at most sixteen, because a block has as many vectors as lanes."""
    return min(16, machine().bits // BITS[element])


@cache
def _copier(element: str, style: str) -> Callable[..., int]:
    lanes = _lanes(element)
    return kernel(
        f"copy_{style}", ("target", "source", "dims"), Numbers,
        lambda code: Copier(code, element, style).write(), lanes,
    )  # fmt: skip


class Copier:
    """Writes the loops: a row is one index of the outer dimensions and REACH elements along q."""

    def __init__(self, code: Body, element: str, style: str):
        self.code, self.element, self.style = code, element, style
        self.lanes = code.lanes
        self.size = BITS[element] // 8

    def write(self) -> None:
        code, n = self.code, self.code.n
        blocks = code.emit(f"sdiv i64 {(n.across + REACH - 1).name}, {REACH}", "i64")
        with code.rows() as row:
            outer = code.emit(f"sdiv i64 {row.name}, {blocks.name}", "i64")
            first = (row - outer * blocks) * REACH
            target, source = self.outer_place(outer)
            last = code.smaller(first + REACH, n.across)
            getattr(self, self.style)(target, source, first, last)

    def outer_place(self, index: Value) -> tuple[Value, Value]:
        """Where both arrays' parts for this index of the outer dimensions begin."""
        code = self.code
        rest, a, b = (
            code.slot("i64", index),
            code.slot("i64", code.zero),
            code.slot("i64", code.zero),
        )
        count = code.n.outer
        with code.loop(code.zero, count) as i:
            at = (count - 1 - i) * 3
            size, target, source = (code.get(code.p["dims"], "i64", at + k) for k in range(3))
            now = code.load(rest, "i64")
            above = code.emit(f"sdiv i64 {now.name}, {size.name}", "i64")
            place = now - above * size
            code.store(above, rest)
            code.store(code.load(a, "i64") + place * target, a)
            code.store(code.load(b, "i64") + place * source, b)
        return (
            code.at(code.p["target"], "i8", code.load(a, "i64")),
            code.at(code.p["source"], "i8", code.load(b, "i64")),
        )

    def runs(self, target: Value, source: Value, first: Value, last: Value) -> None:
        """Both are dense along p: the C library knows best how to copy long ones."""
        code, n = self.code, self.code.n
        type = code.vector(self.element)
        size = (code.end - code.begin) * self.size
        with code.loop(first, last) as q:
            to = code.at(target, "i8", q * n.target_step)
            there = code.at(source, "i8", q * n.source_step)
            short = code.name("short")
            long, done = code.name("long"), code.name("copied")
            code.branch(size < LONG, short, long)
            code.label(long)
            begin, start = (code.at(x, self.element, code.begin) for x in (to, there))
            code.copy_bytes(begin, start, size)
            code.jump(done)
            code.label(short)
            with code.loop(code.begin, self.whole(), self.lanes) as p:
                value = code.load(code.at(there, self.element, p), type)
                code.store(value, code.at(to, self.element, p))
            with code.loop(self.whole(), code.end) as p:
                code.put(code.get(there, self.element, p), to, p)
            code.jump(done)
            code.label(done)

    def backwards(self, target: Value, source: Value, first: Value, last: Value) -> None:
        """The source is dense along p, from its end."""
        code, n, lanes = self.code, self.code.n, self.lanes
        type, order = code.vector(self.element), range(lanes - 1, -1, -1)
        with code.loop(first, last) as q:
            to = code.at(target, "i8", q * n.target_step)
            there = code.at(source, "i8", q * n.source_step)
            with code.loop(code.begin, self.whole(), lanes) as p:
                value = code.load(code.at(there, self.element, -p - (lanes - 1)), type)
                code.store(value.shuffled(value, order), code.at(to, self.element, p))
            with code.loop(self.whole(), code.end) as p:
                code.put(code.get(there, self.element, -p), to, p)

    def fills(self, target: Value, source: Value, first: Value, last: Value) -> None:
        """The source has one element for all of p."""
        code, n = self.code, self.code.n
        with code.loop(first, last) as q:
            to = code.at(target, "i8", q * n.target_step)
            value = code.load(code.at(source, "i8", q * n.source_step), self.element)
            many = code.splat(value)
            with code.loop(code.begin, self.whole(), self.lanes) as p:
                code.store(many, code.at(to, self.element, p))
            with code.loop(self.whole(), code.end) as p:
                code.put(value, to, p)

    def repeats(self, target: Value, source: Value, first: Value, last: Value) -> None:
        """The source is dense along q, and each of its elements stands a few times in the target, which is dense."""
        code, times, lanes = self.code, self.code.n.length, self.lanes
        begin, end = first * times, last * times
        whole = begin + ((end - begin) & -lanes)
        # a quotient of numbers below 2^12 by one of at most 16 is a product and a shift
        inverse = quotient(times.like(1 << 16) + times - 1, times).convert("i32")
        there = code.at(source, "i8", first * self.size)
        with code.loop(begin, whole, lanes) as i:
            at = code.splat((i - begin).convert("i32")) + code.iota("i32")
            place = (at * code.splat(inverse)).down(16)
            value = gathered(code, there, self.element, place)
            code.store(value, code.at(target, self.element, i))
        with code.loop(whole, end) as i:
            code.put(code.get(source, self.element, quotient(i, times)), target, i)

    def whole(self) -> Value:
        """Where the whole vectors of this piece of p end."""
        code = self.code
        return code.begin + ((code.end - code.begin) & -self.lanes)

    def places(self, target: Value, source: Value, first: Value, last: Value) -> None:
        """One by one."""
        code, n = self.code, self.code.n
        with code.loop(first, last) as q:
            to = code.at(target, "i8", q * n.target_step)
            there = code.at(source, "i8", q * n.source_step)
            whole = n.length & -4
            with code.loop(code.zero, whole, 4) as p:
                for i in range(4):
                    self.one(to, there, p + i)
            with code.loop(whole, n.length) as p:
                self.one(to, there, p)

    def one(self, target: Value, source: Value, p: Value) -> None:
        code = self.code
        value = code.load(code.at(source, "i8", p * code.n.step), self.element)
        code.put(value, target, p)

    def tiles(self, target: Value, source: Value, first: Value, last: Value) -> None:
        """Square blocks; the last along p overlaps the one before, what is left along q goes one by one."""
        code, lanes, length = self.code, self.lanes, self.code.n.length
        whole = first + ((last - first) & -lanes)
        with code.loop(code.zero, length, lanes) as p:
            at = code.smaller(p, length - lanes)
            with code.loop(first, whole, lanes) as q:
                self.tile(target, source, at, q)
        self.places(target, source, whole, last)

    def tile(self, target: Value, source: Value, p: Value, q: Value) -> None:
        code, n, lanes = self.code, self.code.n, self.lanes
        type = code.vector(self.element)
        there = code.at(source, "i8", p * n.step + q * self.size)
        rows = [code.load(code.at(there, "i8", n.step * i), type) for i in range(lanes)]
        to = code.at(target, "i8", q * n.target_step + p * self.size)
        for i, row in enumerate(transposed(rows)):
            code.store(row, code.at(to, "i8", n.target_step * i))


def gathered(code: Body, base: Value, element: str, index: Value) -> Value:
    """The integers at places that a vector of i32 counts."""
    type, many, all_ = code.vector(element), code.vector("ptr"), code.vector("i1")
    listed = f"getelementptr {element}, ptr {base.name}, {index.type} {index.name}"
    places, every = code.emit(listed, many), code.splat(code.constant(1, "i1"))
    name = f"llvm.masked.gather.v{code.lanes}{element}.v{code.lanes}p0"
    full = code.declare(type, name, many, "i32", all_, type)
    aligned = BITS[element] // 8
    return code.emit(
        f"call {type} @{full}({many} {places.name}, i32 {aligned}, {all_} {every.name}, {type} poison)",
        type,
    )


def transposed(rows: list[Value]) -> list[Value]:
    """The columns of a square of vectors: halves change places, then halves of halves, and so on."""
    lanes = len(rows)
    rows = list(rows)
    half = lanes // 2
    while half:
        low = [i if not i & half else lanes + i - half for i in range(lanes)]
        high = [i + half if not i & half else lanes + i for i in range(lanes)]
        for i in range(lanes):
            if not i & half:
                a, b = rows[i], rows[i + half]
                rows[i], rows[i + half] = a.shuffled(b, low), a.shuffled(b, high)
        half //= 2
    return rows
