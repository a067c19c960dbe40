"""Row gather and scatter, whole runs at one index array: ``x[index]``, ``x[index] = values``, an embedding and its gradient.

A range of x's rows is written by one thread: it looks through all indices for those of its range, in their order. So
a row has one writer, whose cache holds it, and the same bits on any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..array.copy import in_order
from ..array.vector_loop import LINE, add, copy, fetch, fill, foresee, inside
from ..llvm import BITS, Value, choose
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine
from .plan import Plan

MOST = 64
"""Ranges at most. Each looks through all indices, which pays where runs are long."""


AHEAD = 8
"""How many runs ahead memory is asked for the next."""
FORESEEN = 1024
"""Bytes of a run that are asked for; the processor itself sees what follows."""


def reads(x: Any, index: Any) -> bool:
    """Is it runs of an array in order, at int64 indices in order?"""
    return (
        index.__class__ is np.ndarray
        and index.dtype == np.int64
        and x.ndim > 1
        and x.flags.c_contiguous
        and x.flags.aligned
        and index.flags.c_contiguous
        and not x.dtype.hasobject
    )


def take(element: str, x: Any, index: Any, made: Any, signs: bool) -> int:
    """``made[...] = x[index]``; not 0 where an index was out of range. `signs`: they may be negative."""
    function, given = _take_plan(element, signs, x.shape[0], index.size, made.size)
    return function(x, made, index, *given)


class TakeNumbers(NamedTuple):
    """run: elements of a run; size: how many x has."""

    run: int
    size: int


@lru_cache(1024)
def _take_plan(
    element: str, signs: bool, size: int, count: int, elements: int
) -> tuple[Callable[..., int], tuple[int, ...]]:
    """The function, and what it is told."""
    job = Job(rows=count, length=1, weight=elements, divisible=False)
    numbers = TakeNumbers(run=elements // max(count, 1), size=size)
    return _taker(element, signs), (*job, *numbers)


@cache
def _taker(element: str, signs: bool) -> Callable[..., int]:
    size = BITS[element] // 8

    def write(code: Body) -> None:
        n, run = code.n, code.n.run
        reach = code.smaller(run * size, code.number(FORESEEN))
        with code.rows() as row:
            soon = code.get(code.p["index"], "i64", code.smaller(row + AHEAD, n.rows - 1))
            foresee(code, code.at(code.p["x"], element, soon * run), reach)
            index = code.load_once(code.at(code.p["index"], "i64", row), "i64")
            index = index + choose(index < 0, n.size, 0) if signs else index
            with inside(code, index.below(n.size) ^ 1):
                x = code.at(code.p["x"], element, index * run)
                made = code.at(code.p["made"], element, row * run)
                copy(code, made, x, element, code.zero, run)

    return kernel(
        "take_rows", ("x", "made", "index"), TakeNumbers, write,
        machine().bits // BITS[element], makes=True,
    )  # fmt: skip


def fits(plan: Plan, x: Any) -> bool:
    """Is it runs at one index array of x's first dimension, whose rows lie one after the other?"""
    return (
        plan.length > 1
        and len(plan.indices) == 1
        and not any(plan.affine)
        and plan.start == 0
        and x.ndim > 0
        and plan.sizes[0] == x.shape[0]
        and plan.steps[0] == plan.length
    )


def write(
    plan: Plan, how: str, element: str, x: Any, values: Any, signs: bool, start: str, *old: Any
) -> None:
    """Write at indices; one that is not in range belongs to nobody's rows.

    Args:
        start: What x begins with: "zero", a "copy" of the array behind, or "" for what it holds.
    """
    index = plan.indices[0]
    values = np.broadcast_to(values, plan.shape)
    same = not any(values.strides[: index.ndim])  # every run is the same one
    if same and index.size:
        values = values[(0,) * index.ndim]
    size, length = plan.sizes[0], plan.length
    integers = _write_plan(size, index.size, length, same, x.itemsize, x.size if start else 0)
    _writer(how, element, signs, start)(x, in_order(values), index, *old, *integers)


@lru_cache(1024)
def _write_plan(
    size: int, count: int, length: int, same: bool, item: int, begun: int
) -> tuple[int, ...]:
    """What the pool and the kernel are told. `begun`: elements that are given a first value."""
    lines = max(length * item // LINE, 1)
    job = Job(
        rows=min(2 * lines, MOST, max(size, 1)), length=1, weight=count * length + begun,
        divisible=False,
    )  # fmt: skip
    return *job, *WriteNumbers(size=size, count=count, run=length, step=0 if same else length)


class WriteNumbers(NamedTuple):
    """What the kernel is told.

    Attributes:
        size: How many rows x has.
        count: How many indices there are.
        run: Elements of a row.
        step: From one row of values to the next.
    """

    size: int
    count: int
    run: int
    step: int


@cache
def _writer(how: str, element: str, signs: bool, start: str) -> Callable[..., int]:
    arrays = ("x", "values", "index", *(("old",) if start == "copy" else ()))
    return kernel(
        f"{how}_rows", arrays, WriteNumbers,
        lambda code: Writer(code, how, element, signs, start).write(),
        machine().bits // BITS[element], makes=bool(start),
    )  # fmt: skip


class Writer:
    """Writes the loops: a row of the kernel's work is a range of rows of x."""

    def __init__(self, code: Body, how: str, element: str, signs: bool, start: str):
        self.code, self.how, self.element = code, how, element
        self.signs, self.start = signs, start

    def write(self) -> None:
        code, n = self.code, self.code.n
        with code.rows() as row:
            first, last = (
                code.emit(f"udiv i64 {(r * n.size).name}, {n.rows.name}", "i64")
                for r in (row, row + 1)
            )
            self.begin(first, last)
            whole = n.count & -code.lanes
            with code.loop(code.zero, whole, code.lanes) as i:
                self.some(i, first, last, None)
            with code.when(whole < n.count):
                inside = code.iota() + code.splat(whole) < code.splat(n.count)
                self.some(whole, first, last, inside)

    def begin(self, first: Value, last: Value) -> None:
        """A range of a new array, as it is before anything is written."""
        code, run = self.code, self.code.n.run
        if self.start == "zero":
            zero = code.constant(0, self.element)
            fill(code, code.p["x"], zero, first * run, last * run)
        elif self.start == "copy":
            copy(code, code.p["x"], code.p["old"], self.element, first * run, last * run)

    def some(self, start: Value, first: Value, last: Value, mask: Value | None) -> None:
        """Those of a vector's indices that are in the range: a bit for each, which are taken one by one.

        They are read once, into a block of the thread's own: others may write to them meanwhile.
        """
        code, type = self.code, self.code.vector("i64")
        if mask is None:
            index = code.load_once(code.at(code.p["index"], "i64", start), type)
        else:
            index = fetch(code, code.p["index"], start, type, mask)
        index, own = self.counted(index), code.slot(type)
        wanted = (index - code.splat(first)).below(code.splat(last - first))
        bits = (wanted if mask is None else wanted & mask).cast_to(f"i{code.lanes}")
        left = code.slot("i64", bits.widen("i64"))
        head, body, done = code.name("head"), code.name("body"), code.name("done")
        found = code.name("found")
        code.branch(bits.differs(0), found, done)
        code.label(found)
        code.store(index, own)
        code.jump(head)
        code.label(head)
        now = code.load(left, "i64")
        code.branch(now.differs(0), body, done)
        code.label(body)
        name = code.declare("i64", "llvm.cttz.i64", "i64", "i1")
        lane = code.emit(f"call i64 @{name}(i64 {now.name}, i1 true)", "i64")
        code.store(now & (now - 1), left)
        self.place(code.get(own, "i64", lane), start + lane)
        code.jump(head)
        code.label(done)

    def counted(self, index: Value) -> Value:
        """Indices, counted from the front."""
        if not self.signs:
            return index
        return index + choose(index < 0, self.code.splat(self.code.n.size), 0)

    def place(self, index: Value, i: Value) -> None:
        code, n = self.code, self.code.n
        x = code.at(code.p["x"], self.element, index * n.run)
        values = code.at(code.p["values"], self.element, i * n.step)
        (add if self.how == "add" else copy)(code, x, values, self.element, code.zero, n.run)
