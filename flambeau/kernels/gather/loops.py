"""The loops of a gather or scatter (`plan.py`): elements or runs are read, written or added at places that indices give.

Indices of single elements are read and compared with the bounds a vector at a time, right before they are looked
up: so the processor fetches the coming ones meanwhile. An index of a run is compared before the run is touched.
"""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ..array.vector_loop import add, copy, fill, inside
from ..llvm import BITS, Value, any_lane, choose
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine
from .plan import Plan


class Loops:
    """The loops over S of one plan.

    Attributes:
        dims: For each loop: how often, the step in x, the step of each index array. Dimensions that lie in all of
            them like one are one.
        inner: The step of each index array in the innermost loop. The arrays lie in order, so it is 1, or 0.
    """

    def __init__(self, plan: Plan, how: str, start: str):
        steps = plan.index_steps()
        dims = [[n, plan.affine[i], *(s[i] for s in steps)] for i, n in enumerate(plan.space)]
        kept = 1 if start else 0
        self.dims = dims[:kept] + (_merged(dims[kept:]) or [[1, 0, *(1 for _ in steps)]])
        self.plan, self.how, self.start = plan, how, start
        self.runs = plan.length > 1
        self.inner = tuple(self.dims[-1][2:])

    def run(self, element: str, x: Any, other: Any, signs: bool, *old: Any) -> int:
        """Not 0 where an index was out of range. signs: Negative ones count from the end."""
        plan, dims = self.plan, self.dims
        inner, outer = dims[-1][0], math.prod([d[0] for d in dims[:-1]])
        rows, each, length, divisible, by_run = self.share(x, inner, outer)
        known = None
        if not self.runs and 0 not in self.inner and dims[-1][1] in (0, 1):
            known = dims[-1][1], 1 if plan.steps == [1] else None
        function = _looper(
            self.how, element, self.inner, signs, self.runs, by_run, known, self.start
        )
        integers = _integers(
            rows=rows, length=length, weight=other.size + (x.size if self.start else 0),
            divisible=divisible, each=each, inner=inner, run=plan.length, outer=len(dims) - 1,
            start=plan.start, part=x.size // max(x.shape[0], 1) if self.start else 0,
            walked=dims[0][0], sizes=tuple(plan.sizes), steps=tuple(plan.steps),
        )  # fmt: skip
        return function(x, other, *old, np.array(dims, np.int64), *plan.indices, *integers)

    def share(self, x: Any, inner: int, outer: int) -> tuple[int, int, int, bool, bool]:
        """What threads divide: rows (with how many passes through the innermost dimension each), that dimension,
        or the runs."""
        first = self.dims[0]
        if self.start:
            return x.shape[0], outer // max(first[0], 1), inner, False, False
        if self.how == "take" and outer > 1:
            return outer, 1, inner, False, False
        if self.how != "take" and len(self.dims) > 1 and first[1]:
            return first[0], outer // max(first[0], 1), inner, False, False
        if self.how == "take" or self.dims[-1][1]:
            return 1, outer, inner, True, False
        if self.runs:
            return 1, outer, self.plan.length, True, True
        return 1, outer, inner, False, False


def _merged(dims: list[list[int]]) -> list[list[int]]:
    """The same loops in as few dimensions as possible."""
    found: list[list[int]] = []
    for dim in dims:
        n, *steps = dim
        if n == 1:
            continue
        if found and found[-1][1:] == [n * step for step in steps]:
            found[-1] = [found[-1][0] * n, *steps]
        else:
            found.append(dim)
    return found


def by_parts(plan: Plan, made: Any) -> bool:
    """Does each index of the first dimension of S write within its own part of an array in order?"""
    if len(plan.space) < 2 or not made.size:
        return False
    part = made.size // made.shape[0]
    return plan.affine[0] == part and 0 <= plan.start < part


@lru_cache(4096)
def _integers(
    *, rows: int, length: int, weight: int, divisible: bool, sizes: tuple[int, ...],
    steps: tuple[int, ...], **numbers: int,
) -> tuple[int, ...]:  # fmt: skip
    """What the pool and a kernel are told. Made once for the same call: it would take microseconds."""
    job = Job(rows=rows, length=length, weight=weight, divisible=divisible)
    told = numbers_of(len(sizes))(
        **numbers,
        **{f"size{k}": size for k, size in enumerate(sizes)},
        **{f"step{k}": step for k, step in enumerate(steps)},
    )
    return *job, *told


@cache
def numbers_of(indices: int) -> Any:
    """The class of what a kernel for so many index arrays is told.

    each: Passes through the innermost dimension of a row of the job; inner: elements of that; run: elements of a
    run; outer: how many dimensions lie around; start: where x begins; part: elements of a row of a new array;
    walked: how many such rows are written to; size, step: of the dimension that an index array is for.
    """
    each = [f"{name}{k}" for name in ("size", "step") for k in range(indices)]
    return namedtuple(
        "Numbers", ["each", "inner", "run", "outer", "start", "part", "walked", *each]
    )


@cache
def _looper(
    how: str,
    element: str,
    steps: tuple[int, ...],
    signs: bool,
    runs: bool,
    by_run: bool,
    known: tuple[int, int | None] | None,
    start: str,
) -> Callable[..., int]:
    old = ("old",) if start == "copy" else ()
    arrays = ("x", "other", *old, "dims", *(f"index{k}" for k in range(len(steps))))
    lanes = machine().bits // BITS[element]
    return kernel(
        f"{how}_at", arrays, numbers_of(len(steps)),
        lambda code: LoopWriter(
            code, how, element, steps, signs, runs, by_run, known, start
        ).write(),
        lanes if runs else min(lanes, 16), makes=how == "take" or bool(start),
    )  # fmt: skip


class LoopWriter:
    """Writes the loops of one piece.

    `steps`: of the index arrays in the innermost dimension. `signs`: indices may be negative. `known` are facts of the
    innermost dimension, where each index array is in order, that spare multiplications: its step in x, and 1 where
    that is the step of the one index, too.
    `start`: what a new array begins with, "zero" or a "copy"; then a row is a part of it and all that is written there.

    An index is read once, for its check and for its use: others may write to it meanwhile.
    """

    def __init__(
        self, code: Body, how: str, element: str, steps: tuple[int, ...], signs: bool, runs: bool,
        by_run: bool, known: tuple[int, int | None] | None, start: str,
    ):  # fmt: skip
        self.code, self.how, self.element = code, how, element
        self.steps, self.indices = steps, len(steps)
        self.signs, self.runs, self.by_run, self.known = signs, runs, by_run, known
        self.start = start

    def write(self) -> None:
        code, n = self.code, self.code.n
        self.inner = self.fact(1)
        self.by = [getattr(n, f"step{k}") for k in range(self.indices)]
        if self.known is not None:
            self.inner = code.number(self.known[0])
            self.by = self.by if self.known[1] is None else [code.number(1)]
        if not self.start:
            self.passes(code.row_begin, code.row_end)
            return
        with code.rows() as row:
            self.begin(row)
            with code.when(row < n.walked):
                self.passes(row, row + 1)

    def begin(self, row: Value) -> None:
        """A part of a new array, as it is before anything is written."""
        code, part = self.code, self.code.n.part
        x = code.at(code.p["x"], self.element, row * part)
        if self.start == "zero":
            fill(code, x, code.constant(0, self.element), code.zero, part)
        else:
            old = code.at(code.p["old"], self.element, row * part)
            copy(code, x, old, self.element, code.zero, part)

    def passes(self, first: Value, last: Value) -> None:
        code, each = self.code, self.code.n.each
        with code.loop(first * each, last * each) as row:
            place, starts = self.row_places(row)
            begin, end = code.begin, code.end
            if self.by_run:
                begin, end = code.zero, code.n.inner
            if self.runs:
                with code.loop(begin, end) as i:
                    self.run(row, i, place, starts)
            else:
                self.elements(row, begin, end, place, starts)

    def fact(self, which: int) -> Value:
        """A fact of the innermost dimension."""
        code = self.code
        return code.get(code.p["dims"], "i64", code.n.outer * (2 + self.indices) + which)

    def row_places(self, row: Value) -> tuple[Value, list[Value]]:
        """Where in x, and in each index array, a pass begins."""
        code, width = self.code, 2 + self.indices
        rest = code.slot("i64", row)
        places = [code.slot("i64", code.n.start)]
        places += [code.slot("i64", code.zero) for _ in range(self.indices)]
        with code.loop(code.zero, code.n.outer) as i:
            at = (code.n.outer - 1 - i) * width
            now, size = code.load(rest, "i64"), code.get(code.p["dims"], "i64", at)
            above = code.emit(f"sdiv i64 {now.name}, {size.name}", "i64")
            own = now - above * size
            code.store(above, rest)
            for k, place in enumerate(places):
                by = code.get(code.p["dims"], "i64", at + (1 + k))
                code.store(code.load(place, "i64") + own * by, place)
        found = [code.load(place, "i64") for place in places]
        return found[0], found[1:]

    # -------------------------------------------------------------------------------- indices

    @contextmanager
    def looked_up(self, starts: list[Value], i: Value, count: int) -> Iterator[list[Value]]:
        """The indices of some neighbouring elements, counted from the front, where none is out of range.

        Elsewhere that is reported. An array gives a vector, or one index that serves for all.
        """
        code, found, wrong = self.code, [], None
        for k, (start, step) in enumerate(zip(starts, self.steps)):
            type = "i64" if count == 1 or step == 0 else code.vector("i64")
            at = code.at(code.p[f"index{k}"], "i64", start + i if step else start)
            index = code.load_once(at, type)
            outside = self.outside(k, index)
            outside = any_lane(outside) if type != "i64" else outside
            wrong = outside if wrong is None else wrong | outside
            found.append(self.counted(k, index))
        if wrong is None:
            yield found
            return
        with inside(code, wrong):
            yield found

    def size(self, k: int, index: Value) -> Value:
        """Of the dimension that an index array is for, in the shape of an index."""
        size = getattr(self.code.n, f"size{k}")
        return self.code.splat(size) if index.type.startswith("<") else size

    def outside(self, k: int, index: Value) -> Value:
        """Is it out of range?"""
        size = self.size(k, index)
        return (index + size).below(size + size) ^ 1 if self.signs else index.below(size) ^ 1

    def counted(self, k: int, index: Value) -> Value:
        """An index, counted from the front."""
        if not self.signs:
            return index
        return index + choose(index < 0, self.size(k, index), 0)

    def place(self, i: Value, place: Value, indices: list[Value], lane: int = 0) -> Value:
        """The place in x of element i of a row, whose indices are in a lane."""
        at = place + i * self.inner
        for by, index in zip(self.by, indices):
            at = at + (index.lane(lane) if index.type.startswith("<") else index) * by
        return at

    # -------------------------------------------------------------------------------- elements

    def elements(
        self, row: Value, begin: Value, end: Value, place: Value, starts: list[Value]
    ) -> None:
        code = self.code
        whole = begin + ((end - begin) & -code.lanes)
        for first, stop, count in ((begin, whole, code.lanes), (whole, end, 1)):
            with code.loop(first, stop, count) as i, self.looked_up(starts, i, count) as indices:
                other = row * code.n.inner + i
                step = count if self.how == "take" else min(count, 4)
                for begun in range(0, count, step):
                    lanes = range(begun, begun + step)
                    at = [self.place(i + u, place, indices, u) for u in lanes]
                    (self.take if self.how == "take" else self.put)(at, other + begun)

    def take(self, places: list[Value], other: Value) -> None:
        """Read elements into neighbouring ones, which are stored at once."""
        code, x = self.code, self.code.p["x"]
        if len(places) == 1:
            code.put(code.get(x, self.element, places[0]), code.p["other"], other)
            return
        type = f"<{len(places)} x {self.element}>"
        found = Value(code, "poison", type)
        for u, at in enumerate(places):
            value = code.get(x, self.element, at)
            text = f"insertelement {type} {found.name}, {self.element} {value.name}, i64 {u}"
            found = code.emit(text, type)
        code.store(found, code.at(code.p["other"], self.element, other))

    def put(self, places: list[Value], other: Value) -> None:
        """Write, or add, neighbouring elements in their order."""
        code, x = self.code, self.code.p["x"]
        values = [code.get(code.p["other"], self.element, other + u) for u in range(len(places))]
        for at, value in zip(places, values):
            if self.how == "add":
                value = code.get(x, self.element, at) + value
            code.put(value, x, at)

    # ------------------------------------------------------------------------------------ runs

    def run(self, row: Value, i: Value, place: Value, starts: list[Value]) -> None:
        """One run, or the report that its index is out of range."""
        code, run = self.code, self.code.n.run
        begin, end = (code.begin, code.end) if self.by_run else (code.zero, run)
        with self.looked_up(starts, i, 1) as indices:
            x = code.at(code.p["x"], self.element, self.place(i, place, indices))
            other = code.at(code.p["other"], self.element, (row * code.n.inner + i) * run)
            if self.how == "take":
                copy(code, other, x, self.element, begin, end)
            elif self.how == "put":
                copy(code, x, other, self.element, begin, end)
            else:
                add(code, x, other, self.element, begin, end)
