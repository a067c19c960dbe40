"""Running sums, products, extremes and logarithms of sums along a dimension of an array.

Arrays are seen as A blocks of R rows of B columns, and the walk goes along R. Where B is 1 a row is taken
a vector at a time: the running sum within a vector in log2(lanes) steps, and what came before added to all
its lanes. Else the lanes are neighbouring columns. Sums and products of floats are made in double and
rounded once for each result (those of the half types to float32 first); the order
of additions depends on the machine's vectors and on nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...formula.quiet import quiet
from ..llvm import FLOATS, Value, choose
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import enabled, machine
from .copy import converted, in_order
from .half import FLOAT32, HALF

SMALL = 256
"""Elements up to which NumPy takes less time."""
PIECE = 1 << 16
"""Elements that NumPy makes wider at a time."""
WIDE = 8
"""Vectors of columns that walk together."""
ELEMENTS = {
    "f4": "float", "f8": "double", "b1": "i8", "u1": "i8", "i1": "i8", "i2": "i16", "u2": "i16",
    "i4": "i32", "u4": "i32", "i8": "i64",
}  # fmt: skip
UNSIGNED = frozenset("bu")


def running_sum(x: Any, dim: int, narrow: bool = False) -> Any:
    """Running sums: floats in their dtype, rounded once from double; int64 of integers and bools.

    narrow: Of integers in their own dtype, what does not fit cut off.
    """
    return _accumulated(x, dim, "sum", np.add, narrow)


def running_product(x: Any, dim: int, narrow: bool = False) -> Any:
    """Running products, in the dtypes of `running_sum`."""
    return _accumulated(x, dim, "product", np.multiply, narrow)


def running_extreme(x: Any, dim: int, largest: bool) -> tuple[Any, Any]:
    """The largest (or smallest) value so far, and the last place where it stood; nan wins."""
    if is_half(x):
        values, index = running_extreme(converted(x, FLOAT32), dim, largest)
        return converted(values, x.dtype), index
    if not _native(x):
        return _extreme_by_numpy(x, dim, largest)
    values, index = memory.empty(x.shape, x.dtype), memory.empty(x.shape, memory.INT64)
    _run("largest" if largest else "smallest", x, (values, index), dim)
    return values, index


def running_logsumexp(x: Any, dim: int) -> Any:
    """log of running sums of exp, without overflow."""
    if is_half(x):
        return converted(running_logsumexp(converted(x, FLOAT32), dim), x.dtype)
    if not _native(x) or x.dtype.kind != "f":
        return _logsumexp_by_numpy(x, dim)
    blocks, length, breadth = sizes_of(x.shape, dim)
    if breadth == 1 and blocks < 4:
        return _logsumexp_by_numpy(x, dim)
    if breadth == 1:
        # rows side by side: the chain of each is long, and they do not wait for one another
        turned = in_order(x.reshape(blocks, length).T)
        return in_order(running_logsumexp(turned, 0).T).reshape(x.shape)
    made = memory.empty(x.shape, x.dtype)
    _run("logsumexp", x, (made,), dim)
    return made


def is_half(x: Any) -> bool:
    """Is it one of the half types, of which kernels make float32?"""
    return x.size > SMALL and x.dtype.itemsize == 2 and x.dtype.name in HALF and enabled()


def _native(x: Any) -> bool:
    code = f"{x.dtype.kind}{x.dtype.itemsize}"
    known = x.__class__ is np.ndarray and code in ELEMENTS and x.dtype.isnative
    return x.size > SMALL and known and enabled()


def sizes_of(shape: tuple[int, ...], dim: int) -> tuple[int, int, int]:
    """The sizes A, R and B."""
    return math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])


def _accumulated(x: Any, dim: int, how: str, by: Any, narrow: bool) -> Any:
    if is_half(x):
        return converted(_accumulated(converted(x, FLOAT32), dim, how, by, narrow), x.dtype)
    result = x.dtype if narrow or x.dtype.kind in "fcVW" else np.dtype(np.int64)
    if not _native(x):
        wide = np.complex128 if x.dtype.kind in "cW" else np.float64
        return _by_numpy(x, dim, by, result if result.kind in "iu" else np.dtype(wide), result)
    made = memory.empty(x.shape, result)
    _run(how, x, (made,), dim, narrow)
    return made


def _by_numpy(x: Any, dim: int, by: Any, wide: Any, result: Any) -> Any:
    """In pieces, so that never much of it is there in the wider dtype."""
    if x.size <= PIECE:
        return np.ascontiguousarray(by.accumulate(x, dim, wide).astype(result, copy=False))
    made = np.empty(x.shape, result)
    rows, targets = np.moveaxis(x, dim, 0), np.moveaxis(made, dim, 0)
    step, last = max(1, PIECE * len(rows) // x.size), None
    for i in range(0, len(rows), step):
        piece = rows[i : i + step].astype(wide)
        if last is not None:
            by(last, piece[0], out=piece[0, ...])
        by.accumulate(piece, 0, None, piece)
        targets[i : i + step], last = piece, piece[-1].copy()
    return made


def _run(how: str, x: Any, made: tuple, dim: int, narrow: bool = False) -> None:
    function, given = _plan(how, x.dtype, x.shape, dim, narrow)
    function(in_order(x), *made, *given)


@lru_cache(1024)
def _plan(
    how: str, dtype: Any, shape: tuple[int, ...], dim: int, narrow: bool
) -> tuple[Callable[..., int], tuple[int, ...]]:
    """The function, and what it is told."""
    code, across = f"{dtype.kind}{dtype.itemsize}", math.prod(shape[dim + 1 :]) > 1
    function, columns = _scan(how, ELEMENTS[code], code[0] in UNSIGNED, across, narrow)
    return function, given(shape, dim, columns)


class Numbers(NamedTuple):
    """breadth: B; chunks: ranges of columns, each of which is a row of the job."""

    breadth: int
    chunks: int


def given(shape: tuple[int, ...], dim: int, columns: int) -> tuple[int, ...]:
    """What a kernel is told of a walk along a dimension, so many columns at a time."""
    blocks, length, breadth = sizes_of(shape, dim)
    chunks = -(-breadth // columns)
    job = Job(rows=blocks * chunks, length=length, weight=math.prod(shape), divisible=False)
    return *job, *Numbers(breadth=breadth, chunks=chunks)


def _extreme_by_numpy(x: Any, dim: int, largest: bool) -> tuple[Any, Any]:
    with quiet():
        best = (np.maximum if largest else np.minimum).accumulate(x, dim)
        here = (x == best) | ((x != x) & (best != best))
    shape = [1] * x.ndim
    shape[dim] = -1
    places = np.arange(x.shape[dim]).reshape(shape)
    index = np.ascontiguousarray(np.maximum.accumulate(np.where(here, places, 0), dim))
    return np.ascontiguousarray(np.take_along_axis(x, index, dim)), index


def _logsumexp_by_numpy(x: Any, dim: int) -> Any:
    wide = x if x.dtype.itemsize > 2 else x.astype(np.float32)
    with quiet():
        found = np.logaddexp.accumulate(wide, dim)
    return np.ascontiguousarray(found.astype(x.dtype, copy=False))


@cache
def _scan(
    how: str, element: str, unsigned: bool, across: bool, narrow: bool
) -> tuple[Callable[..., int], int]:
    """The function, and how many columns are one row of its work."""
    lanes = machine().bits // 64
    outputs = ("y", "index") if how in ("largest", "smallest") else ("y",)
    wide = 2 if how == "logsumexp" else WIDE

    def write(code: Body) -> None:
        Scan(code, how, element, unsigned, wide, narrow).write(across)

    function = kernel(f"running_{how}", ("x", *outputs), Numbers, write, lanes, makes=True)
    return function, wide * lanes


State = tuple[Value, ...]


class Scan:
    """Writes the loops."""

    def __init__(
        self, code: Body, how: str, element: str, unsigned: bool, wide: int, narrow: bool = False
    ):  # fmt: skip
        self.code, self.how, self.element, self.unsigned = code, how, element, unsigned
        self.wide, self.lanes = wide, code.lanes
        self.extreme = how in ("largest", "smallest")
        floating = element in FLOATS
        # An extreme is one of the elements; the others are made wider and rounded at the end.
        self.work = element if self.extreme and floating else "double" if floating else "i64"
        self.result = element if floating or self.extreme or narrow else "i64"

    def write(self, across: bool) -> None:
        code = self.code
        with code.rows() as row:
            if across:
                self.chunk(row)
            else:
                self.row(row * code.n.length)

    # A state is the value so far and, for an extreme, where it stood.

    def join(self, before: State, x: State) -> State:
        """The state after what `x` stands for, which comes later."""
        if self.extreme:
            won = self.wins(x[0], before[0])
            return choose(won, x[0], before[0]), choose(won, x[1], before[1])
        if self.how == "logsumexp":
            return (log_sum(before[0], x[0]),)
        return (before[0] * x[0] if self.how == "product" else before[0] + x[0],)

    def wins(self, x: Value, best: Value) -> Value:
        """Does x take the place of the best so far? Equal ones do, and nan for good."""
        found = x >= best if self.how == "largest" else x <= best
        return found | x.is_nan() if x.is_float else found

    def taken(self, value: Value, place: Value) -> State:
        """Elements as the type of the arithmetic."""
        if self.unsigned and not value.is_float:
            value = value.widen(self.work)
        return (value.convert(self.work), place) if self.extreme else (value.convert(self.work),)

    def first(self, value: Value) -> list[Value]:
        """Slots with the state before elements of which `value` are the first."""
        type = value.type.replace(self.element, self.work)
        if self.extreme:
            state = self.taken(value, value.convert("i64").like(0))
        else:
            nothing = {"sum": 0, "product": 1, "logsumexp": -math.inf}[self.how]
            state = (self.code.constant(nothing, type),)
        return [self.code.slot(x.type, x) for x in state]

    def held(self, slots: list[Value], state: State | None = None) -> State:
        """What the slots hold; or hold another state."""
        code = self.code
        if state is not None:
            for slot, x in zip(slots, state):
                code.store(x, slot)
            return state
        kinds = [self.work, "i64"]
        return tuple(code.load(slot, code.vector(k)) for slot, k in zip(slots, kinds))

    def save(self, state: State, at: Value, mask: Value | None = None) -> None:
        code = self.code
        for name, value in zip(("y", "index"), state):
            value = value.convert(self.result) if name == "y" else value
            there = code.at(code.p[name], value.element, at)
            if mask is None:
                code.store(value, there)
            else:
                code.masked_store(value, there, mask)

    # ------------------------------------------------------------------------- rows, by vectors

    def row(self, start: Value) -> None:
        code, lanes, length = self.code, self.lanes, self.code.n.length
        whole = length & -lanes
        head = code.get(code.p["x"], self.element, start)
        before = self.first(code.splat(head))
        with code.loop(code.zero, whole, lanes) as i:
            at = code.at(code.p["x"], self.element, start + i)
            x = code.load(at, code.vector(self.element))
            state = self.within(self.taken(x, code.splat(i) + code.iota()))
            so_far = self.held(before)
            self.save(self.join(so_far, state), start + i)
            last = tuple(part.shuffled(part, [lanes - 1] * lanes) for part in state)
            self.held(before, self.join(so_far, last))
        with code.loop(whole, length) as i:
            x = code.splat(code.get(code.p["x"], self.element, start + i))
            state = self.join(self.held(before), self.taken(x, code.splat(i)))
            self.held(before, state)
            self.save(tuple(part.lane() for part in state), start + i)

    def within(self, state: State) -> State:
        """The running result inside one vector: runs of 2, 4, 8 lanes are joined to the run before."""
        lanes, by = self.lanes, 1
        while by < lanes:
            ends = [(i // by) * by - 1 if i & by else i for i in range(lanes)]
            second = ", ".join("i1 true" if i & by else "i1 false" for i in range(lanes))
            mask = Value(self.code, f"<{second}>", self.code.vector("i1"))
            joined = self.join(tuple(x.shuffled(x, ends) for x in state), state)
            state = tuple(choose(mask, new, old) for new, old in zip(joined, state))
            by *= 2
        return state

    # --------------------------------------------------------------------- columns, side by side

    def chunk(self, row: Value) -> None:
        """Some neighbouring columns of a block."""
        code, n = self.code, self.code.n
        block = code.emit(f"sdiv i64 {row.name}, {n.chunks.name}", "i64")
        first = (row - block * n.chunks) * (self.wide * self.lanes)
        whole, part, done = code.name("whole"), code.name("part"), code.name("chunk")
        code.branch(first + self.wide * self.lanes <= n.breadth, whole, part)
        code.label(whole)
        self.columns(block, first, self.wide, None)
        code.jump(done)
        code.label(part)
        with code.loop(first, n.breadth, self.lanes) as column:
            mask = code.iota() < code.splat(n.breadth - column)
            self.columns(block, column, 1, mask)
        code.jump(done)
        code.label(done)

    def columns(self, block: Value, column: Value, wide: int, mask: Value | None) -> None:
        code = self.code
        start = block * code.n.length * code.n.breadth + column
        groups = [self.first(self.load(start + u * self.lanes, mask)) for u in range(wide)]
        with code.loop(code.zero, code.n.length) as r:
            for u, before in enumerate(groups):
                at = start + r * code.n.breadth + u * self.lanes
                x = self.taken(self.load(at, mask), code.splat(r))
                self.save(self.held(before, self.join(self.held(before), x)), at, mask)

    def load(self, at: Value, mask: Value | None) -> Value:
        code, type = self.code, self.code.vector(self.element)
        there = code.at(code.p["x"], self.element, at)
        return code.load(there, type) if mask is None else code.masked_load(there, type, mask)


def log_sum(x: Value, y: Value) -> Value:
    """log(exp(x) + exp(y)): the larger, and what the smaller adds to it."""
    from ..elementary.arithmetic import larger, smaller
    from ..elementary.exponential import exp, log1p

    high, low = larger(x, y), smaller(x, y)
    same = high.equals(low)  # both infinite too, where the difference would be nan
    distance = choose(same, low.like(0), low - high)
    return high + log1p(exp(distance))
