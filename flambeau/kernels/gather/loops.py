"""The loops of a gather or scatter (`plan.py`): elements or runs are read, written or added at places that indices give.

Indices of single elements are compared with the bounds a vector at a time, right before they are looked up: so
the processor fetches the coming ones meanwhile. An index of a run is compared before the run is touched.
"""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ..array.vector_loop import add, copy, fetch, fill, inside
from ..llvm import BITS, Value, any_lane, choose
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine
from .plan import Plan


class Loops:
    """The loops over S of one plan.

    Attributes:
        dims: For each loop: how often, the step in x, the step of each index array. Dimensions that lie in all of
            them like one are one.
        checks: Can indices be checked while they are used?
    """

    def __init__(self, plan: Plan, how: str, start: str):
        steps = plan.index_steps()
        dims = [[n, plan.affine[i], *(s[i] for s in steps)] for i, n in enumerate(plan.space)]
        kept = 1 if start else 0
        self.dims = dims[:kept] + (_merged(dims[kept:]) or [[1, 0, *(1 for _ in steps)]])
        self.plan, self.how, self.start = plan, how, start
        self.runs = plan.length > 1
        self.dense = bool(steps) and all(step == 1 for step in self.dims[-1][2:])
        self.checks = self.runs or self.dense

    def run(self, element: str, x: Any, other: Any, signs: bool, checks: bool, *old: Any) -> int:
        """Not 0 where an index was out of range."""
        plan, dims = self.plan, self.dims
        inner, outer = dims[-1][0], math.prod([d[0] for d in dims[:-1]])
        rows, each, length, divisible, by_run = self.share(x, inner, outer)
        known = None
        if self.dense and not self.runs and dims[-1][1] in (0, 1):
            known = dims[-1][1], 1 if plan.steps == [1] else None
        function = _looper(
            self.how, element, len(plan.indices), signs, self.runs, by_run, known, checks, self.start
        )  # fmt: skip
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
    indices: int,
    signs: bool,
    runs: bool,
    by_run: bool,
    known: tuple[int, int | None] | None,
    checks: bool,
    start: str,
) -> Callable[..., int]:
    old = ("old",) if start == "copy" else ()
    arrays = ("x", "other", *old, "dims", *(f"index{k}" for k in range(indices)))
    lanes = machine().bits // BITS[element]
    return kernel(
        f"{how}_at", arrays, numbers_of(indices),
        lambda code: LoopWriter(
            code, how, element, indices, signs, runs, by_run, known, checks, start
        ).write(),
        lanes if runs else min(lanes, 16),
    )  # fmt: skip


class LoopWriter:
    """Writes the loops of one piece.

    `signs`: indices may be negative. `known` are facts of the innermost dimension, where each index array is in
    order, that spare multiplications: its step in x, and 1 where that is the step of the one index, too.
    `start`: what a new array begins with, "zero" or a "copy"; then a row is a part of it and all that is written there.
    """

    def __init__(
        self, code: Body, how: str, element: str, indices: int, signs: bool, runs: bool,
        by_run: bool, known: tuple[int, int | None] | None, checks: bool, start: str,
    ):  # fmt: skip
        self.code, self.how, self.element, self.indices = code, how, element, indices
        self.signs, self.runs, self.by_run, self.known = signs, runs, by_run, known
        self.checks, self.start = checks, start

    def write(self) -> None:
        code, n = self.code, self.code.n
        self.inner = [self.fact(1 + k) for k in range(1 + self.indices)]
        self.by = [getattr(n, f"step{k}") for k in range(self.indices)]
        if self.known is not None:
            self.inner = [code.number(self.known[0]), *[code.number(1)] * self.indices]
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

    # -------------------------------------------------------------------------------- elements

    def outside(self, k: int, index: Value) -> Value:
        """Is it out of range?"""
        size = getattr(self.code.n, f"size{k}")
        count = size + size if self.signs else size
        if index.type.startswith("<"):
            size, count = self.code.splat(size), self.code.splat(count)
        return (index + size if self.signs else index).below(count) ^ 1

    def elements(
        self, row: Value, begin: Value, end: Value, place: Value, starts: list[Value]
    ) -> None:
        code = self.code
        whole = begin + ((end - begin) & -code.lanes)
        for first, stop, count in ((begin, whole, code.lanes), (whole, end, 1)):
            with code.loop(first, stop, count) as i, self.checked(starts, i, count):
                other = row * code.n.inner + i
                step = count if self.how == "take" else min(count, 4)
                for begun in range(0, count, step):
                    at = [self.place(i + begun + u, place, starts) for u in range(step)]
                    (self.take if self.how == "take" else self.put)(at, other + begun)

    @contextmanager
    def checked(self, starts: list[Value], i: Value, count: int) -> Iterator[None]:
        """Where none of some neighbouring elements' indices is out of range; elsewhere it is reported."""
        code = self.code
        if not self.checks:
            yield
            return
        wrong = None
        type = "i64" if count == 1 else code.vector("i64")
        for k, start in enumerate(starts):
            index = code.at(code.p[f"index{k}"], "i64", start)
            found = self.outside(k, fetch(code, index, i, type))
            wrong = found if wrong is None else wrong | found
        assert wrong is not None
        with inside(code, wrong if count == 1 else any_lane(wrong)):
            yield

    def place(self, i: Value, place: Value, starts: list[Value]) -> Value:
        """The place in x of element i of a row."""
        at = place + i * self.inner[0]
        for k, start in enumerate(starts):
            value = self.code.get(self.code.p[f"index{k}"], "i64", start + i * self.inner[1 + k])
            at = at + self.counted(k, value) * self.by[k]
        return at

    def counted(self, k: int, index: Value) -> Value:
        """An index, counted from the front."""
        if not self.signs:
            return index
        return index + choose(index < 0, getattr(self.code.n, f"size{k}"), 0)

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
        code = self.code
        if not self.checks:
            self.whole_run(row, i, place, starts)
            return
        wrong = Value(code, "false", "i1")
        for k, start in enumerate(starts):
            index = code.get(code.p[f"index{k}"], "i64", start + i * self.inner[1 + k])
            wrong = wrong | self.outside(k, index)
        with inside(code, wrong):
            self.whole_run(row, i, place, starts)

    def whole_run(self, row: Value, i: Value, place: Value, starts: list[Value]) -> None:
        code, run = self.code, self.code.n.run
        begin, end = (code.begin, code.end) if self.by_run else (code.zero, run)
        x = code.at(code.p["x"], self.element, self.place(i, place, starts))
        other = code.at(code.p["other"], self.element, (row * code.n.inner + i) * run)
        if self.how == "take":
            copy(code, other, x, self.element, begin, end)
        elif self.how == "put":
            copy(code, x, other, self.element, begin, end)
        else:
            add(code, x, other, self.element, begin, end)
