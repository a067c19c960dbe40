"""One step of a recurrent layer, and back: a thread for each element of the state."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ....formula.program import Program
from ...elementary import lower
from ...llvm import Value, quotient, remainder
from ..driver import Kernel
from ..thread import Thread


class Numbers(NamedTuple):
    """What a kernel is told, all int64: the step; sizes; elements of x from step to step and from row to row, and the
    same of the slopes that arrive."""

    t: int
    batch: int
    width: int
    x_time: int
    x_batch: int
    given_time: int
    given_batch: int


class Step:
    """The code of a thread; places are counted from the arrays' beginnings."""

    def __init__(self, cell: Any, element: str, *pointers: str):
        self.cell, self.element, code = cell, element, Thread()
        self.code = code
        named = code.takes(*pointers, *(f"i64 {name}" for name in Numbers._fields))
        self.p = dict(zip((text.split()[1] for text in pointers), named))
        self.n: Any = Numbers(*named[len(pointers) :])  # type: ignore[arg-type]

    def begin(self, i: Value) -> None:
        """Where the thread's element is: in a state, in this step's and the next one's, in the gates and in x."""
        n = self.n
        self.here, row, j = i, quotient(i, n.width), remainder(i, n.width)
        line = n.t * n.batch + row
        self.column, self.now = j, line * n.width + j
        self.then = self.now + n.batch * n.width
        wide = n.width * self.cell.gates
        self.gates = [line * wide + n.width * g + j for g in range(self.cell.gates)]
        x = n.t * n.x_time + row * n.x_batch + j
        self.x = [x + n.width * g for g in range(self.cell.gates)]
        self.given = n.t * n.given_time + row * n.given_batch + j

    def read(self, name: str, index: Value) -> Value:
        return self.code.load(self.code.at(self.p[name], self.element, index), self.element)

    def put(self, value: Value, name: str, index: Value) -> None:
        self.code.store(value, self.code.at(self.p[name], self.element, index))

    def evaluated(self, program: Program, values: list[Value]) -> list[Value]:
        return lower.evaluated(self.code, program, values, self.element)


@cache
def forward(cell: Any, element: str, biased: bool) -> Kernel:
    """``f(x, bias, gates, states, cells, *Numbers)``: gates hold what the state gives to them, and then that with the
    bias, and with what the input gives unless it stays apart."""
    step = Step(
        cell, element, "ptr x readonly", "ptr bias readonly", "ptr gates", "ptr states", "ptr cells"
    )
    code, n = step.code, step.n
    with code.loop(code.first("i64"), n.batch * n.width, code.threads("i64")) as i:
        step.begin(i)
        given = [step.read("x", at) for at in step.x]
        values = [step.read("gates", at) for at in step.gates]
        if biased:
            more = (step.read("bias", n.width * g + step.column) for g in range(cell.gates))
            values = [value + bias for value, bias in zip(values, more)]
        if not cell.apart:
            values = [value + x for value, x in zip(values, given)]
        for value, at in zip(values, step.gates):
            step.put(value, "gates", at)
        operands = [*given, *values] if cell.apart else values
        for name, there in (("cells", cell.lasting), ("states", cell.apart)):
            if there:
                operands.append(step.read(name, step.now))
        for name, value in zip(("states", "cells"), step.evaluated(cell.program, operands)):
            step.put(value, name, step.then)
    return Kernel("recurrence", code.kernel("recurrence"))


@cache
def backward(cell: Any, element: str, arrives: bool) -> Kernel:
    """``f(given, gates, x, states, cells, slopes, others, gh, gc, *Numbers)``: gh and gc, the slopes of a state and of a
    cell, are carried from step to step."""
    read = "given", "gates", "x", "states", "cells"
    written = "slopes", "others", "gh", "gc"
    step = Step(cell, element, *(f"ptr {x} readonly" for x in read), *(f"ptr {x}" for x in written))
    code, n, gradient = step.code, step.n, cell.gradient
    with code.loop(code.first("i64"), n.batch * n.width, code.threads("i64")) as i:
        step.begin(i)
        inputs = [("gates", at) for at in step.gates]
        if cell.apart:
            inputs = [*(("x", at) for at in step.x), *inputs, ("states", step.now)]
        if cell.lasting:
            inputs.append(("cells", step.now))
        outputs = [("states", step.then), ("cells", step.then)]
        arriving = step.read("gh", step.here)
        if arrives:
            arriving = arriving + step.read("given", step.given)
        values = [arriving]
        if cell.lasting:
            values.append(step.read("gc", step.here))
        wanted = [inputs[k] for k in gradient.inputs] + [outputs[k] for k in gradient.outputs]
        values += [step.read(*place) for place in wanted]
        targets = [("slopes", at) for at in step.gates]
        if cell.apart:
            others = [("others", at) for at in step.gates]
            targets = [*others, *targets, ("gh", step.here)]
        if cell.lasting:
            targets.append(("gc", step.here))
        for value, target in zip(step.evaluated(gradient.program, values), targets):
            step.put(value, *target)
    return Kernel("recurrence_gradient", code.kernel("recurrence_gradient"))


__all__ = ["Numbers", "backward", "forward"]
