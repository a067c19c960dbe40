"""The machine code of recurrent layers: in each step a product of tiles, and the cell's formula in vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple

from ...formula.program import Program
from ..elementary import lower
from ..llvm import Value, smaller
from ..matmul.microkernel import Shape, call_multiply, multiply, within
from ..runtime.entry import Body, kernel
from .rnn_cell import Cell


class ForwardArrays(NamedTuple):
    """Arrays of the forward kernel: what `rnn.forward` is given and makes, and the weight's packed panels."""

    x: Any
    panels: Any
    bias: Any
    states: Any
    cells: Any
    gates: Any
    offsets: Any


class ForwardNumbers(NamedTuple):
    """What the forward kernel is told.

    Attributes:
        turn: Rows from step to step of what is walked: the batch, or less than nothing to walk it from its end.
        width: Elements of a state.
        block: Rows of the batch that are a row of the job.
        x_time, x_batch: Elements of x from step to step, and from row to row.
        biased: Is there a bias?
    """

    time: int
    batch: int
    turn: int
    width: int
    block: int
    x_time: int
    x_batch: int
    biased: int


class BackwardArrays(NamedTuple):
    """Arrays of the backward kernel: `others` are the slopes of the input's gates, where those are apart."""

    given: Any
    panels: Any
    x: Any
    states: Any
    cells: Any
    gates: Any
    slopes: Any
    others: Any
    gh: Any
    gc: Any
    offsets: Any


class BackwardNumbers(NamedTuple):
    """What the backward kernel is told: as `ForwardNumbers`, and

    Attributes:
        given_time, given_batch: Elements of the states' slopes from step to step, and from row to row.
        arrives: Are there any?
    """

    time: int
    batch: int
    turn: int
    width: int
    block: int
    given_time: int
    given_batch: int
    x_time: int
    x_batch: int
    arrives: int


class Writer:
    """What both directions are made of."""

    def __init__(self, code: Body, cell: Cell, shape: Shape):
        self.code, self.cell, self.shape = code, cell, shape
        self.element, self.type = shape.element, code.vector(shape.element)
        n = code.n
        self.time, self.batch, self.width, self.block = n.time, n.batch, n.width, n.block
        self.wide = self.width * cell.gates

    def at(self, name: str, index: Value) -> Value:
        return self.code.at(self.code.p[name], self.element, index)

    def read(self, pointer: Value, index: Value, mask: Value | None) -> Value:
        at = self.code.at(pointer, self.element, index)
        if mask is None:
            return self.code.load(at, self.type)
        return self.code.masked_load(at, self.type, mask)

    def put(self, value: Value, pointer: Value, index: Value, mask: Value | None) -> None:
        at = self.code.at(pointer, self.element, index)
        if mask is None:
            self.code.store(value, at)
        else:
            self.code.masked_store(value, at, mask)

    def blocks(self) -> Any:
        """``for block in this piece``."""
        return self.code.rows()

    def extent(self, row: Value) -> tuple[Value, Value]:
        """The block's first row and how many it has."""
        top = row * self.block
        return top, smaller(self.batch - top, self.block)

    def product(
        self, left: tuple[Value, Value], target: tuple[Value, Value], sizes: tuple[Value, Value, Value],
        add: int, bias: Value | None = None,
    ) -> None:  # fmt: skip
        """Rows of the left operand times all panels."""
        code, shape = self.code, self.shape
        (a, a_step), (c, c_step) = left, target
        height, inner, columns = sizes
        with code.loop(code.zero, columns, shape.columns) as j:
            right = self.at("panels", j * inner)
            shift = None
            if bias is not None:
                here = code.at(bias, self.element, j)
                biased = code.n.biased.differs(0)
                shift = code.emit(f"select i1 {biased.name}, ptr {here.name}, ptr null", "ptr")
            with code.loop(code.zero, height, shape.rows) as i:
                place = code.at(c, self.element, i * c_step + j)
                counts = smaller(height - i, shape.rows), smaller(columns - j, shape.columns)
                call_multiply(
                    code,
                    (code.at(a, self.element, i * a_step), a_step, code.number(1)),
                    (right, code.p["offsets"]),
                    inner,
                    (place, c_step, *counts),
                    code.number(add),
                    shift,
                )

    def each_vector(
        self, height: Value, step: Callable[[Value, Value, Value | None], None]
    ) -> None:
        """``step(row, first element, mask)`` for the vectors of each row of a block."""
        code, lanes = self.code, self.shape.lanes
        whole = self.width & -lanes
        with code.loop(code.zero, height) as i:
            with code.loop(code.zero, whole, lanes) as j:
                step(i, j, None)
            with code.when(whole < self.width):
                step(i, whole, within(code, self.width - whole))

    def evaluated(self, program: Program, values: Sequence[Value]) -> list[Value]:
        """The program's roots, given its inputs."""
        return lower.evaluated(self.code, program, values, self.element)


@cache
def forward(cell: Cell, shape: Shape) -> Callable[..., int]:
    """``f(*ForwardArrays, *job, *ForwardNumbers)``."""

    def write(code: Body) -> None:
        code.functions = [multiply(shape, code.declarations, packed=False)]
        w = Writer(code, cell, shape)
        with w.blocks() as row:
            top, height = w.extent(row)
            with code.loop(code.zero, w.time) as t:
                first = t * code.n.turn + top
                gates = w.at("gates", first * w.wide)
                state = w.at("states", first * w.width)
                sizes = height, w.width, w.wide
                w.product((state, w.width), (gates, w.wide), sizes, 0, code.p["bias"])
                w.each_vector(height, _step(w, t, top, gates))

    return kernel(
        "recurrence", ForwardArrays._fields, ForwardNumbers, write, shape.lanes, makes=True
    )


def _step(w: Writer, t: Value, top: Value, gates: Value) -> Callable[..., None]:
    code, cell = w.code, w.cell

    def step(i: Value, j: Value, mask: Value | None) -> None:
        x = w.at("x", t * code.n.x_time + (top + i) * code.n.x_batch)
        own = code.at(gates, w.element, i * w.wide)
        places = [w.width * g + j for g in range(cell.gates)]
        given = [w.read(x, place, mask) for place in places]
        values = [w.read(own, place, mask) for place in places]
        if cell.apart:
            values = [*given, *values]
        else:
            values = [value + more for value, more in zip(values, given)]
            for value, place in zip(values, places):
                w.put(value, own, place, mask)
        now = (t * code.n.turn + top + i) * w.width + j
        then = now + code.n.turn * w.width
        for name, there in (("cells", cell.lasting), ("states", cell.apart)):
            if there:
                values.append(w.read(code.p[name], now, mask))
        for name, value in zip(("states", "cells"), w.evaluated(cell.program, values)):
            w.put(value, code.p[name], then, mask)

    return step


@cache
def backward(cell: Cell, shape: Shape) -> Callable[..., int]:
    """``f(*BackwardArrays, *job, *BackwardNumbers)``.

    gh and gc, the slopes of a state and of a cell, are carried from step to step.
    """

    def write(code: Body) -> None:
        code.functions = [multiply(shape, code.declarations, packed=False)]
        w = Writer(code, cell, shape)
        with w.blocks() as row:
            top, height = w.extent(row)
            carried = w.at("gh", top * w.width)
            with code.loop(code.zero, w.time) as passed:
                t = w.time - 1 - passed
                slopes = w.at("slopes", (t * code.n.turn + top) * w.wide)
                w.each_vector(height, _step_back(w, t, top))
                sizes = height, w.wide, w.width
                w.product((slopes, w.wide), (carried, w.width), sizes, int(cell.apart))

    return kernel(
        "recurrence_gradient",
        BackwardArrays._fields,
        BackwardNumbers,
        write,
        shape.lanes,
        makes=True,
    )


def _step_back(w: Writer, t: Value, top: Value) -> Callable[..., None]:
    code, cell = w.code, w.cell
    p, n = code.p, code.n

    def step(i: Value, j: Value, mask: Value | None) -> None:
        line = t * n.turn + top + i
        places = [line * w.wide + w.width * g + j for g in range(cell.gates)]
        here, now = (top + i) * w.width + j, line * w.width + j
        then = now + n.turn * w.width
        x = t * n.x_time + (top + i) * n.x_batch + j
        inputs = [(p["gates"], place) for place in places]
        if cell.apart:
            inputs = [*((p["x"], x + w.width * g) for g in range(cell.gates)), *inputs]
            inputs.append((p["states"], now))
        if cell.lasting:
            inputs.append((p["cells"], now))
        outputs = [(p["states"], then), (p["cells"], then)]
        arriving = code.slot(w.type, w.read(p["gh"], here, mask))
        with code.when(n.arrives.differs(0)):
            at = t * n.given_time + (top + i) * n.given_batch + j
            code.store(code.load(arriving, w.type) + w.read(p["given"], at, mask), arriving)
        values = [code.load(arriving, w.type)]
        if cell.lasting:
            values.append(w.read(p["gc"], here, mask))
        gradient = cell.gradient
        wanted = [inputs[k] for k in gradient.inputs] + [outputs[k] for k in gradient.outputs]
        values += [w.read(*place, mask) for place in wanted]
        targets = [(p["slopes"], place) for place in places]
        if cell.apart:
            targets = [*((p["others"], place) for place in places), *targets, (p["gh"], here)]
        if cell.lasting:
            targets.append((p["gc"], here))
        for value, target in zip(w.evaluated(gradient.program, values), targets):
            w.put(value, *target, mask)

    return step
