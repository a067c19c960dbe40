"""Reading, writing and adding at index arrays: ``x[key]``, ``x[key] = values``, ``np.add.at(x, key, values)``.

A key of index arrays and whole dimensions is a walk over S, the dimensions that the arrays broadcast to with
the whole ones before them. Each step of the walk is a place in x: a multiple of the step along each
dimension of S (for whole dimensions, and for arrays that only count) plus, for every other array, its index
times the step of x. Behind that place lies a run of elements, where x has whole dimensions at its end.

Additions to one place happen in the order of the key on any number of threads: they share the work only where
different parts of it belong to different places.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from . import enabled
from .call import Body, kernel
from .code import BITS, Value, choose
from .copying import in_order

SMALL = 1024
"""Elements, of the largest index array or of the values to add, up to which NumPy takes less time."""
MOST = 3
"""Index arrays that a walk may have."""
_FULL = slice(None)
_SIZES = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}
_ADDED = {
    "f4": "float", "f8": "double", "i1": "i8", "u1": "i8", "i2": "i16", "i4": "i32", "i8": "i64",
}  # fmt: skip


def take(x: Any, key: tuple) -> Any:
    """``x[key]`` as an array in order.

    Raises:
        IndexError: An index is out of range.
    """
    walk = _walk(x, key) if _is_large(key) and x.itemsize in _SIZES else None
    if walk is None:
        found = x[key]
        return found if found.flags.c_contiguous else found.copy(order="C")
    walk.check()
    made = np.empty(walk.shape, x.dtype)
    walk.run("take", _SIZES[x.itemsize], x, made)
    return made


def add_at(x: Any, key: tuple, values: Any) -> None:
    """``np.add.at(x, key, values)``: repeated indices add again; nothing is written where one is out of range.

    Raises:
        IndexError: An index is out of range.
    """
    element = _ADDED.get(f"{x.dtype.kind}{x.dtype.itemsize}")
    fits = element and (values.size > SMALL or _is_large(key)) and values.dtype == x.dtype
    walk = _walk(x, key) if fits else None
    if walk is None or not _write(walk, "add", str(element), x, values):
        _add_by_numpy(x, key, values)


def put_at(x: Any, key: tuple, values: Any) -> None:
    """``x[key] = values``; of repeated indices the last counts.

    Raises:
        IndexError: An index is out of range.
    """
    fits = _is_large(key) and values.dtype == x.dtype and x.itemsize in _SIZES
    walk = _walk(x, key) if fits else None
    if walk is None or not _write(walk, "put", _SIZES[x.itemsize], x, values):
        x[key] = values


def _is_large(key: tuple) -> bool:
    for item in key:  # noqa: SIM110 - any() of a generator takes five times longer
        if item.__class__ is np.ndarray and item.size > SMALL:
            return True
    return False


def _add_by_numpy(x: Any, key: tuple, values: Any) -> None:
    if len(key) == 1 and x.ndim == 1:
        np.add.at(x, key[0], values)
    elif values.size > 300 and values.size * 4 > x.size and x.flags.c_contiguous:
        # NumPy adds several times faster by positions in one dimension.
        places = np.arange(x.size).reshape(x.shape)[key]
        np.add.at(
            x.reshape(-1), places.reshape(-1), np.broadcast_to(values, places.shape).reshape(-1)
        )
    else:
        np.add.at(x, key, values)


def _write(walk: Walk, how: str, element: str, x: Any, values: Any) -> bool:
    if not x.flags.writeable or np.may_share_memory(x, values):
        return False
    walk.check()
    walk.run(how, element, x, in_order(np.broadcast_to(values, walk.shape)))
    return True


def within(index: Any, low: int, high: int) -> bool:
    """Are all elements of an int64 array in order at least `low` and less than `high`?"""
    if index.size <= 16 or not enabled():
        return not index.size or bool(low <= index.min() and index.max() < high)
    outside = _range()
    return not outside(index, 1, index.size, index.size, 1, low, high - low)


# ------------------------------------------------------------------------------- what a key means


class Walk:
    """The plan of one use of a key: see the head of this file.

    Attributes:
        shape: The result's shape: S, and the whole dimensions behind.
        dims: For each dimension of S: its size, the step in x, the step of each index array.
        indices, sizes, steps: The index arrays, and the size and step of the dimension of x that each is for.
        start: The place in x where counting arrays begin.
        length: Elements of a run.
        wraps: Are there negative indices, which count from the end?
    """

    def __init__(self, space: tuple[int, ...], rest: tuple[int, ...]):
        self.space, self.shape = space, space + rest
        self.affine = [0] * len(space)
        self.indices: list[Any] = []
        self.sizes: list[int] = []
        self.steps: list[int] = []
        self.start = 0
        self.length = math.prod(rest)
        self.wraps = False

    def add(self, array: Any, size: int, step: int) -> None:
        """An index array for a dimension of x of this size and step."""
        found = _counts(array, size, self.space)
        if found is None:
            self.indices.append(np.ascontiguousarray(array, np.int64))
            self.sizes.append(size)
            self.steps.append(step)
        else:
            at, first, by = found
            self.start += first * step
            if at is not None:
                self.affine[at] += by * step

    def check(self) -> None:
        """Raises IndexError where an index is out of range."""
        for array, size in zip(self.indices, self.sizes):
            if not within(array, 0, size):
                self.wraps = True
                if not within(array, -size, size):
                    raise IndexError(f"an index is out of range for a dimension of size {size}")

    def run(self, how: str, element: str, x: Any, other: Any) -> int:
        space = self.space or (1,)
        affine = self.affine or [0]
        steps = [_steps(array, space) for array in self.indices]
        dims = [[n, affine[i], *(s[i] for s in steps)] for i, n in enumerate(space)]
        table = np.array([*dims[:-1], dims[-1]], np.int64)
        inner, outer = space[-1], math.prod(space[:-1])
        rows, each, length, divisible, by_run = self.share(how, inner, outer)
        known = None
        if all(s[-1] == 1 for s in steps) and affine[-1] in (0, 1) and self.indices:
            known = affine[-1], 1 if self.steps == [1] else None
        function = _walker(
            how, element, len(self.indices), self.wraps, self.length > 1, by_run, known
        )
        facts = [*self.sizes, *self.steps]
        return function(
            x, other, table, *self.indices, rows, length, other.size, divisible,
            each, inner, self.length, len(space) - 1, self.start, *facts,
        )  # fmt: skip

    def share(self, how: str, inner: int, outer: int) -> tuple[int, int, int, int, bool]:
        """What threads divide: rows (with how many walks each), the innermost dimension, or the runs."""
        distinct = self.affine or [0]
        if how == "take" and outer > 1:
            return outer, 1, inner, 0, False
        if how != "take" and len(distinct) > 1 and distinct[0]:
            return self.space[0], outer // max(self.space[0], 1), inner, 0, False
        if how == "take" or distinct[-1]:
            return 1, outer, inner, 1, False
        if self.length > 1:
            return 1, outer, self.length, 1, True
        return 1, outer, inner, 0, False


def _walk(x: Any, key: tuple) -> Walk | None:
    """The plan for a key; None where it is for NumPy."""
    if x.__class__ is not np.ndarray:
        return None
    before = 0
    while _is_full(key, before):
        before += 1
    behind = before
    while behind < len(key) and key[behind].__class__ is np.ndarray:
        behind += 1
    arrays = key[before:behind]
    if not arrays or any(not _is_full(key, i) for i in range(behind, len(key))):
        return None
    if any(a.dtype != np.int64 and a.dtype != np.int32 for a in arrays):
        return None
    common = (
        arrays[0].shape if len(arrays) == 1 else np.broadcast_shapes(*(a.shape for a in arrays))
    )
    rest = x.shape[behind:]
    if not enabled() or not x.flags.aligned or x.dtype.hasobject:
        return None
    item = x.itemsize
    if any(step % item for step in x.strides) or not _dense(rest, x.strides[behind:], item):
        return None
    walk = Walk(x.shape[:before] + common, rest)
    for i in range(before):
        walk.affine[i] = x.strides[i] // item
    for i, array in enumerate(arrays, before):
        walk.add(array, x.shape[i], x.strides[i] // item)
    return walk if len(walk.indices) <= MOST else None


def _is_full(key: tuple, i: int) -> bool:
    return i < len(key) and key[i].__class__ is slice and key[i] == _FULL


def _dense(shape: tuple[int, ...], strides: tuple[int, ...], step: int) -> bool:
    for n, found in zip(shape[::-1], strides[::-1]):
        if n != 1 and found != step:
            return False
        step *= n
    return True


def _counts(array: Any, size: int, space: tuple[int, ...]) -> tuple[int | None, int, int] | None:
    """Does an index array only count along one dimension of S? Then which, from where, and by what."""
    long = [i for i, n in enumerate(array.shape) if n != 1]
    if len(long) > 1 or array.size == 0 or 4 * array.size > math.prod(space):
        return None
    flat = array.reshape(-1)
    first = int(flat[0])
    last = int(flat[-1])
    if not (0 <= first < size and 0 <= last < size):
        return None
    if not long:
        return None, first, 0
    by = int(flat[1]) - first
    if by == 0 or (flat[1:] - flat[:-1] != by).any():
        return None
    return len(space) - array.ndim + long[0], first, by


def _steps(array: Any, space: tuple[int, ...]) -> list[int]:
    """An index array's steps along the dimensions of S, in elements."""
    own = [0 if n == 1 else s // 8 for n, s in zip(array.shape, array.strides)]
    return [0] * (len(space) - len(own)) + own


# -------------------------------------------------------------------------------------- kernels


@cache
def _range() -> Callable[..., int]:
    """Reports 1 where an element less `low`, as an unsigned number, is not below `count`."""
    from .machine import machine

    def write(code: Body) -> None:
        lanes = code.lanes
        low, count = code.splat(code.n["low"]), code.splat(code.n["count"])
        found = code.slot(code.vector("i1"), code.constant(0, code.vector("i1")))
        index, whole = code.p["index"], code.begin + ((code.end - code.begin) & -lanes)

        def look(value: Value) -> None:
            outside = (value - low).below(count) ^ 1
            code.store(code.load(found, code.vector("i1")) | outside, found)

        with code.loop(code.begin, whole, lanes) as i:
            look(code.load(code.at(index, "i64", i), code.vector("i64")))
        with code.loop(whole, code.end) as i:
            look(code.splat(code.get(index, "i64", i)))
        bits = code.load(found, code.vector("i1")).cast_to(f"i{lanes}")
        code.report(bits.differs(0).widen("i64"))

    return kernel("within", ("index",), ("low", "count"), write, machine().bits // 64)


@cache
def _walker(
    how: str,
    element: str,
    indices: int,
    wraps: bool,
    runs: bool,
    by_run: bool,
    known: tuple[int, int | None] | None,
) -> Callable[..., int]:
    from .machine import machine

    arrays = ("x", "other", "dims", *(f"index{k}" for k in range(indices)))
    numbers = (
        "each", "inner", "run", "outer", "start",
        *(f"size{k}" for k in range(indices)), *(f"step{k}" for k in range(indices)),
    )  # fmt: skip
    lanes = max(1, machine().bits // BITS[element])
    return kernel(
        f"{how}_at", arrays, numbers,
        lambda code: Walker(code, how, element, indices, wraps, runs, by_run, known).write(),
        lanes,
    )  # fmt: skip


class Walker:
    """Writes the walk of one piece.

    `known` are facts of the innermost dimension that spare multiplications: its step in x, with each
    index array in order, and 1 where that is the step of the one index, too.
    """

    def __init__(
        self, code: Body, how: str, element: str, indices: int, wraps: bool, runs: bool,
        by_run: bool, known: tuple[int, int | None] | None,
    ):  # fmt: skip
        self.code, self.how, self.element, self.indices = code, how, element, indices
        self.wraps, self.runs, self.by_run, self.known = wraps, runs, by_run, known

    def write(self) -> None:
        code, n = self.code, self.code.n
        first, last = code.row_begin * n["each"], code.row_end * n["each"]
        inner = [self.inner(1 + k) for k in range(1 + self.indices)]
        self.by = [n[f"step{k}"] for k in range(self.indices)]
        if self.known is not None:
            inner = [code.number(self.known[0]), *[code.number(1)] * self.indices]
            self.by = self.by if self.known[1] is None else [code.number(1)]
        with code.loop(first, last) as row:
            place, starts = self.row_places(row)
            begin, end = (code.zero, n["inner"]) if self.by_run else (code.begin, code.end)
            unroll = 1 if self.runs else 4
            whole = begin + ((end - begin) & -unroll)
            for first_place, stop, step in ((begin, whole, unroll), (whole, end, 1)):
                with code.loop(first_place, stop, step) as i:
                    for u in range(step):
                        self.place(row, i + u, place, starts, inner)

    def place(self, row: Value, i: Value, place: Value, starts: list[Value], inner: list) -> None:
        """One step of the walk: element i of a row."""
        at = place + i * inner[0]
        for k, start in enumerate(starts):
            at = at + self.index(k, start + i * inner[1 + k]) * self.by[k]
        other = row * self.code.n["inner"] + i
        self.step(at, other * self.code.n["run"] if self.runs else other)

    def inner(self, which: int) -> Value:
        """A fact of the innermost dimension."""
        code = self.code
        return code.get(code.p["dims"], "i64", code.n["outer"] * (2 + self.indices) + which)

    def row_places(self, row: Value) -> tuple[Value, list[Value]]:
        """Where in x, and in each index array, a row of the walk begins."""
        code, width = self.code, 2 + self.indices
        rest = code.slot("i64", row)
        places = [code.slot("i64", code.n["start"])]
        places += [code.slot("i64", code.zero) for _ in range(self.indices)]
        with code.loop(code.zero, code.n["outer"]) as i:
            at = (code.n["outer"] - 1 - i) * width
            now, size = code.load(rest, "i64"), code.get(code.p["dims"], "i64", at)
            above = code.emit(f"sdiv i64 {now.name}, {size.name}", "i64")
            own = now - above * size
            code.store(above, rest)
            for k, place in enumerate(places):
                by = code.get(code.p["dims"], "i64", at + (1 + k))
                code.store(code.load(place, "i64") + own * by, place)
        found = [code.load(place, "i64") for place in places]
        return found[0], found[1:]

    def index(self, k: int, at: Value) -> Value:
        """An index, counted from the front; all were found to be in range."""
        value = self.code.get(self.code.p[f"index{k}"], "i64", at)
        return value + choose(value < 0, self.code.n[f"size{k}"], 0) if self.wraps else value

    def step(self, at: Value, other: Value) -> None:
        code = self.code
        if not self.runs:
            return self.one(at, other)
        begin, end = (code.begin, code.end) if self.by_run else (code.zero, code.n["run"])
        whole = begin + ((end - begin) & -code.lanes)
        with code.loop(begin, whole, code.lanes) as r:
            self.one(at + r, other + r, code.vector(self.element))
        with code.loop(whole, end) as r:
            self.one(at + r, other + r)

    def one(self, at: Value, other: Value, kind: str = "") -> None:
        """An element, or a vector of neighbours."""
        code, element = self.code, self.element
        here = code.at(code.p["x"], element, at)
        there = code.at(code.p["other"], element, other)
        if self.how == "take":
            code.store(code.load(here, kind or element), there)
            return
        value = code.load(there, kind or element)
        if self.how == "add":
            value = code.load(here, kind or element) + value
        code.store(value, here)
