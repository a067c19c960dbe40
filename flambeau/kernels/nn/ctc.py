"""Connectionist temporal classification: the paths that lead to each target, in logarithms and in double.

Threads share the sequences of a batch. A sequence's labels stand between blanks; the logarithms of sums over all
prefixes of paths are kept for its gradient, which walks back over the suffixes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import Value, choose
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from .classes import ELEMENTS


def losses(x: Any, targets: list[Any], lengths: tuple[int, ...], blank: int) -> Any:
    """Minus the log probability of each target.

    Args:
        x: (time, batch, classes), log probabilities.
        targets: The classes of each sequence.
        lengths: Its steps.
        blank: The class that stands for nothing.
    """
    return _run("losses", x, targets, lengths, blank, False, (x.shape[1],))


def shares(
    x: Any, targets: list[Any], lengths: tuple[int, ...], blank: int, zero_infinity: bool
) -> Any:
    """exp(x) less how much of all paths go through each class.

    Args:
        zero_infinity: Are there zeros where no path leads to the target? Else there is nan.
    """
    return _run("shares", x, targets, lengths, blank, zero_infinity, x.shape)


def _run(
    how: str, x: Any, targets: list[Any], steps_of: tuple[int, ...], blank: int,
    zero_infinity: bool, shape: tuple[int, ...],
) -> Any:  # fmt: skip
    if x.dtype.str[1:] not in ELEMENTS or not x.size or not x.flags.carray:
        return NotImplemented
    steps, batch, classes = x.shape
    labels, starts, lengths = _told(targets, steps_of)
    made = memory.empty(shape, x.dtype)
    numbers = Numbers(steps, batch, classes, blank, zero_infinity)
    work = int(lengths.sum()) * (2 * len(labels) // max(batch, 1) + classes) * 16
    job = Job(rows=batch, length=1, weight=work, divisible=False)
    _kernel(how, x.dtype.str[1:])(x, labels, starts, lengths, made, *job, *numbers)
    return made


class Numbers(NamedTuple):
    """The sizes of the scores, and the class that stands for nothing."""

    steps: int
    batch: int
    classes: int
    blank: int
    zero_infinity: int


@cache
def _kernel(how: str, code: str) -> Callable[..., int]:
    element = ELEMENTS[code][0]

    def write(body: Body) -> None:
        with body.rows() as n:
            (Losses if how == "losses" else Shares)(body, element, n).write()

    names = ("x", "labels", "starts", "lengths", "made")
    return kernel(f"ctc_{how}", names, Numbers, write, 1, makes=True)


class Losses:
    """Writes what is done for one sequence."""

    def __init__(self, code: Body, element: str, n: Value):
        self.code, self.element, self.n = code, element, n
        self.first = code.get(code.p["starts"], "i64", n)
        self.count = code.get(code.p["starts"], "i64", n + 1) - self.first
        self.places = self.count * 2 + 1
        self.steps = code.get(code.p["lengths"], "i64", n)
        self.nothing = code.constant(-math.inf, "double")

    # ---------------------------------------------------------------------------- what is where

    def label(self, i: Value) -> Value:
        """The class of a place: a blank at even ones."""
        code, found = self.code, self.code.variable(self.code.n.blank)
        with code.when((i & 1).differs(0)):
            found.value = code.get(code.p["labels"], "i64", self.first + i.down(1))
        return found.value

    def place(self, t: Value, c: Value) -> Value:
        """Where a class's score, or share, of a step is."""
        return (t * self.code.n.batch + self.n) * self.code.n.classes + c

    def score(self, t: Value, c: Value) -> Value:
        code = self.code
        return code.get(code.p["x"], self.element, self.place(t, c)).convert("double")

    def skips(self, i: Value) -> Value:
        """May a path come to a place from that two before, past a blank?"""
        code, found = self.code, self.code.variable(0, "i1")
        with code.when((i >= 2) & (i < self.places) & (i & 1).differs(0)):
            own = self.label(i)
            found.value = own.differs(code.n.blank) & own.differs(self.label(i - 2))
        return found.value

    def at(self, row: Value, i: Value, there: Value) -> Value:
        """A row's value at a place that may not be there."""
        code, found = self.code, self.code.variable(self.nothing, "double")
        with code.when(there):
            found.value = code.get(row, "double", i)
        return found.value

    def joined(self, *logs: Value) -> Value:
        """The logarithm of the sum of the exponentials."""
        from ..elementary.exponential import exp, log

        most = logs[0]
        for x in logs[1:]:
            most = choose(x > most, x, most)
        shift = choose(most.equals(-math.inf), most.like(0.0), most)
        total = exp(logs[0] - shift)
        for x in logs[1:]:
            total = total + exp(x - shift)
        return choose(most.equals(-math.inf), most, shift + log(total))

    # ---------------------------------------------------------------------------------- the walk

    def write(self) -> None:
        code, zero = self.code, self.code.zero
        with code.either(self.steps.equals(0)) as (none, some):
            with none:
                self.without_steps()
            with some:
                table = code.scratch(self.steps * self.places * 8)
                with code.loop(zero, self.steps) as t:
                    row = code.at(table, "double", t * self.places)
                    before = code.at(table, "double", (t - 1) * self.places)
                    with code.loop(zero, self.places) as i:
                        value = code.variable(self.nothing, "double")
                        with code.either(t.equals(0)) as (begin, onward):
                            with begin:
                                value.value = choose(
                                    i < 2, code.constant(0.0, "double"), self.nothing
                                )
                            with onward:
                                value.value = self.joined(
                                    code.get(before, "double", i),
                                    self.at(before, i - 1, i >= 1),
                                    self.at(before, i - 2, self.skips(i)),
                                )
                        code.put(value.value + self.score(t, self.label(i)), row, i)
                last = code.at(table, "double", (self.steps - 1) * self.places)
                end = self.places - 1
                total = self.joined(code.get(last, "double", end), self.at(last, end - 1, end >= 1))
                self.finish(table, total)
                code.free(table)

    def without_steps(self) -> None:
        loss = choose(self.count.equals(0), self.nothing.like(0.0), -self.nothing)
        self.code.put(loss.convert(self.element), self.code.p["made"], self.n)

    def finish(self, table: Value, total: Value) -> None:
        self.code.put((-total).convert(self.element), self.code.p["made"], self.n)


class Shares(Losses):
    """The gradient."""

    def without_steps(self) -> None:
        self.fill(self.code.zero, 0.0)

    def fill(self, first: Value, value: float) -> None:
        """The sequence's shares from a step on."""
        code = self.code
        with code.loop(first, code.n.steps) as t, code.loop(code.zero, code.n.classes) as c:
            code.put(code.constant(value, self.element), code.p["made"], self.place(t, c))

    def finish(self, table: Value, total: Value) -> None:
        code = self.code
        self.fill(self.steps, 0.0)
        with code.either(total.equals(-math.inf)) as (impossible, usual):
            with impossible, code.either(code.n.zero_infinity.differs(0)) as (zeros, lost):
                with zeros:
                    self.fill(code.zero, 0.0)
                with lost, code.loop(code.zero, self.steps) as t:
                    self.put_step(t, lambda c: code.constant(math.nan, "double"))
            with usual:
                self.walk_back(table, total)

    def put_step(self, t: Value, value: Callable[[Value], Value]) -> None:
        code = self.code
        with code.loop(code.zero, code.n.classes) as c:
            code.put(value(c).convert(self.element), code.p["made"], self.place(t, c))

    def walk_back(self, table: Value, total: Value) -> None:
        from ..elementary.exponential import exp

        code, zero, places = self.code, self.code.zero, self.places
        memory = code.scratch((places * 2 + code.n.classes) * 8)
        sums = code.at(memory, "double", places * 2)
        with code.loop(zero, self.steps) as back:
            t = self.steps - 1 - back
            row = code.at(memory, "double", (t & 1) * places)
            after = code.at(memory, "double", ((t + 1) & 1) * places)
            with code.loop(zero, code.n.classes) as c:
                code.put(code.constant(0.0, "double"), sums, c)
            with code.loop(zero, places) as i:
                value = code.variable(self.nothing, "double")
                with code.either(back.equals(0)) as (begin, onward):
                    with begin:
                        ends = i >= places - 2
                        value.value = choose(ends, code.constant(0.0, "double"), self.nothing)
                    with onward:
                        value.value = self.joined(
                            code.get(after, "double", i),
                            self.at(after, i + 1, i + 1 < places),
                            self.at(after, i + 2, self.skips(i + 2)),
                        )
                label = self.label(i)
                own = self.score(t, label)
                code.put(value.value + own, row, i)
                through = value.value + own + code.get(table, "double", t * places + i)
                with code.unless(through.equals(-math.inf)):
                    share = exp(through - own - total)
                    code.put(code.get(sums, "double", label) + share, sums, label)
            self.put_step(t, lambda c, t=t: exp(self.score(t, c)) - code.get(sums, "double", c))  # type: ignore[misc]
        code.free(memory)


def _told(parts: list[Any], lengths: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """All labels one after the other, where each sequence's begin and the last end, and the steps of each."""
    starts = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=starts[1:])
    labels = np.concatenate(parts) if parts else np.zeros(0)
    return np.ascontiguousarray(labels, np.int64), starts, np.asarray(lengths, np.int64)
