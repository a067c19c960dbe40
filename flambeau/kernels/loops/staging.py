"""Blocks of an operand whose lines do not lie in order, copied to where they do, and back.

A block has some lines of some elements. It lies dense along its lines where a kernel reads it; where it came from, along
the lines (backwards, or every second element), across them (a transposed array), or in neither direction.
"""

from __future__ import annotations

from ..array.copy import transposed
from ..llvm import BITS, Function, Module, Value, larger, smaller
from ..runtime.process import machine
from .strided_frame import Part

ELEMENTS = ("i8", "i16", "i32", "i64")
EVERY = (2, 3, 4)
"""Steps, in elements, of which vectors are loaded whole: of numbers in pairs, channels of images."""
SEVERAL = 8
"""Elements that are loaded before they are stored, where they go one by one."""


def lanes_of(element: str) -> int:
    """Elements of a vector: at most sixteen, because a block has as many vectors as lanes."""
    return min(16, machine().bits // BITS[element])


def define_staging(module: Module) -> None:
    """The functions `stage_SYMBOL` and `unstage_SYMBOL`: an operand's part of a frame, the block's place, where the other
    is, how many elements and lines, the bytes of a line there, and the 2-logarithm of an element's bytes."""
    moves = [Mover(module, element).handle for element in ELEMENTS]
    for name, back in (("stage", False), ("unstage", True)):
        code = module.define(
            f"void @{name}_SYMBOL(ptr %operand, ptr %place, ptr %scratch, i64 %n, i64 %lines, "
            "i64 %line, i64 %size)"
        )
        operand, place, scratch, n, lines, line, size = code.parameters
        p, q = (code.load(operand.word(part), "i64") for part in (Part.P, Part.Q))
        for log, move in enumerate(moves):
            with code.when(size.equals(log)):
                own = code.integer(1 << log)
                if back:
                    code.run(move, place, scratch, n, lines, p, q, own, line, 0)
                else:
                    code.run(move, scratch, place, n, lines, own, line, p, q, 1)
                code.give()
        code.give()


class Mover:
    """Writes ``move``: n elements of some lines between two places with steps along and across the lines.

    room: May lines be written behind the last one, as many as make whole vectors?
    """

    def __init__(self, module: Module, element: str):
        self.element, self.size = element, BITS[element] // 8
        code = self.code = module.define(
            f"internal void @move_{element}(ptr %to, ptr %from, i64 %n, i64 %lines, i64 %to_step, "
            "i64 %to_line, i64 %from_step, i64 %from_line, i64 %room)",
            lanes_of(element),
        )
        self.lanes, self.zero = code.lanes, code.integer(0)
        (self.to, self.source, self.n, self.lines, self.to_step, self.to_line, self.from_step,
         self.from_line, self.room) = code.parameters  # fmt: skip
        self.write()
        self.handle: Function = code.handle

    def write(self) -> None:
        code, size, lanes = self.code, self.size, self.lanes
        with code.when(self.to_step.equals(size)):
            for step, put in ((0, self.fills), (-size, self.backwards)):
                with code.when(self.from_step.equals(step)):
                    put()
                    code.give()
            for k in EVERY:
                with code.when(self.from_step.equals(k * size)):
                    self.every(k)
                    code.give()
            with code.when(
                self.from_line.equals(size)
                & (self.n >= lanes)
                & ((self.lines >= lanes) | self.room.differs(0))
            ):
                self.tiles()
                code.give()
        across = self.to_line.equals(size) & self.from_step.equals(size)
        with code.when(across & self.to_step.differs(size) & (self.lines >= lanes)):
            code.run(
                code.handle, self.to, self.source, self.lines, self.n, self.to_line, self.to_step,
                self.from_line, self.from_step, 0,
            )  # fmt: skip
            code.give()
        self.one_by_one(self.zero)
        code.give()

    def at(self, place: Value, line: Value, step: Value) -> Value:
        return self.code.at(place, "i8", line * step)

    def vector(self) -> str:
        return self.code.vector(self.element)

    def one_by_one(self, first: Value) -> None:
        """The lines from `first` on; short lines that lie dense across are read across."""
        code, step = self.code, self.from_step
        short = self.from_line.equals(self.size) & (self.n < self.lanes)
        with code.either(short) as (across, along):
            with across, code.loop(self.zero, self.n) as p:
                to, source = self.at(self.to, p, self.to_step), self.at(self.source, p, step)
                self.elements(to, source, first, self.lines, self.to_line, self.from_line)
            with along, code.loop(first, self.lines) as q:
                to = self.at(self.to, q, self.to_line)
                source = self.at(self.source, q, self.from_line)
                self.elements(to, source, self.zero, self.n, self.to_step, step)

    def elements(
        self, to: Value, source: Value, begin: Value, end: Value, to_step: Value, step: Value
    ) -> None:
        """Some elements, several at a time, so that their loads do not wait for each other's addresses."""
        code = self.code
        whole = begin + ((end - begin) & -SEVERAL)
        with code.loop(begin, whole, SEVERAL) as p:
            there, here = self.at(source, p, step), self.at(to, p, to_step)
            values = [
                code.load(code.at(there, "i8", step * i), self.element) for i in range(SEVERAL)
            ]
            for i, value in enumerate(values):
                code.store(value, code.at(here, "i8", to_step * i))
        with code.loop(whole, end) as p:
            value = code.load(self.at(source, p, step), self.element)
            code.store(value, self.at(to, p, to_step))

    def rest(self, to: Value, source: Value, whole: Value) -> None:
        code = self.code
        with code.loop(whole, self.n) as p:
            value = code.load(self.at(source, p, self.from_step), self.element)
            code.store(value, code.at(to, self.element, p))

    def fills(self) -> None:
        code, lanes = self.code, self.lanes
        with code.loop(self.zero, self.lines) as q:
            to, source = self.at(self.to, q, self.to_line), self.at(self.source, q, self.from_line)
            many, whole = code.splat(code.load(source, self.element)), self.n & -lanes
            with code.loop(self.zero, whole, lanes) as p:
                code.store(many, code.at(to, self.element, p))
            self.rest(to, source, whole)

    def backwards(self) -> None:
        code, lanes = self.code, self.lanes
        order = range(lanes - 1, -1, -1)
        with code.loop(self.zero, self.lines) as q:
            to, source = self.at(self.to, q, self.to_line), self.at(self.source, q, self.from_line)
            whole = self.n & -lanes
            with code.loop(self.zero, whole, lanes) as p:
                value = code.load(code.at(source, self.element, -p - (lanes - 1)), self.vector())
                code.store(value.shuffled(value, order), code.at(to, self.element, p))
            self.rest(to, source, whole)

    def every(self, k: int) -> None:
        """k vectors hold the elements of one; what lies behind the last element is not read."""
        code, lanes = self.code, self.lanes
        with code.loop(self.zero, self.lines) as q:
            to, source = self.at(self.to, q, self.to_line), self.at(self.source, q, self.from_line)
            whole = larger(self.n - 1, 0) & -lanes
            with code.loop(self.zero, whole, lanes) as p:
                found, *others = (
                    code.load(code.at(source, self.element, p * k + j * lanes), self.vector())
                    for j in range(k)
                )
                for j, other in enumerate(others, 1):
                    found = found.shuffled(other, self.picked(k, j))
                code.store(found, code.at(to, self.element, p))
            self.rest(to, source, whole)

    def picked(self, k: int, j: int) -> list[int]:
        """The lanes of what was picked of the vectors before vector j, and, counted on, of that."""
        places = []
        for i in range(self.lanes):
            vector, lane = divmod(i * k, self.lanes)
            before = lane if j == 1 else i
            places.append(self.lanes + lane if vector == j else before if vector < j else 0)
        return places

    def tiles(self) -> None:
        """Squares, transposed in registers; the last along the lines overlaps the one before."""
        code, lanes, n = self.code, self.lanes, self.n
        whole = self.lines & -lanes
        with code.loop(self.zero, n, lanes) as p:
            at = smaller(p, n - lanes)
            with code.loop(self.zero, whole, lanes) as q:
                self.tile(at, q, None)
        with code.when(whole < self.lines):
            with code.when(self.room.differs(0)):
                mask = code.iota() < code.splat(self.lines - whole)
                with code.loop(self.zero, n, lanes) as p:
                    self.tile(smaller(p, n - lanes), whole, mask)
                code.give()
            self.one_by_one(whole)

    def tile(self, p: Value, q: Value, mask: Value | None) -> None:
        code, lanes = self.code, self.lanes
        source = code.at(self.source, "i8", p * self.from_step + q * self.size)
        rows = []
        for i in range(lanes):
            there = code.at(source, "i8", self.from_step * i)
            rows.append(
                code.load(there, self.vector())
                if mask is None
                else code.masked_load(there, self.vector(), mask)
            )
        to = code.at(self.to, "i8", q * self.to_line + p * self.size)
        for i, row in enumerate(transposed(rows)):
            code.store(row, code.at(to, "i8", self.to_line * i))
