"""Loop nests of elementwise programs over arrays of any strides: lines of blocks (see `strided_frame`).

One function serves every layout. Where all operands lie in order the whole array is one line. An operand that moves
along a line by other steps than from element to element is copied, a block of lines at a time, to scratch memory that
stays in the first cache (`staging`), so each of its cache lines is read once; a result that lies so is computed there
and copied out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...formula.program import Program
from ..llvm import BITS, Code, Value, choose, quotient, smaller
from ..runtime.vectorcall import fact, table
from .nest import ANY, Nest
from .strided_frame import STAGED, STILL, Part, StridedFrame, Word, scratch
from .values import Unsupported


class StridedNest(Nest):
    """The loops: rows of the work, chunks of lines, lines, and the elements of a line."""

    def __init__(
        self, program: Program, inputs: Sequence[Any], compute: Any,
        results: Sequence[Any], bits: int, rows: bool,
    ):  # fmt: skip
        super().__init__(program, inputs, compute, results, bits, rows)
        if self.reductions or not all(x.full for x in program.inputs):
            raise Unsupported("a program of rows")
        counts = len(self.results), len(self.inputs), len(program.parameters)
        self.layout = StridedFrame(*counts)
        self.scratch = scratch(self.layout.operands)
        self.memory = [*self.results, *self.inputs]

    @property
    def sizes(self) -> list[int]:
        """Bytes of an element of each operand, results first."""
        return [BITS[element] // 8 for element in self.memory]

    def begin(self, code: Code) -> None:
        """Read the frame."""
        self.code = code
        frame = self.facts = Value(code, "%frame", "ptr")
        self.length, self.chunk, self.across, self.lines, self.blocks, self.outer = (
            self.word(frame, word)
            for word in (
                Word.LENGTH, Word.CHUNK, Word.ACROSS, Word.LINES, Word.BLOCKS, Word.OUTER,
            )
        )  # fmt: skip
        operands = range(self.layout.operands)
        self.kinds = [self.word(frame, self.layout.operand(k, Part.KIND)) for k in operands]
        self.across_steps = [self.word(frame, self.layout.operand(k, Part.Q)) for k in operands]
        self.still_vectors = [code.slot(code.vector(element)) for element in self.inputs]
        self.splats = [*self.still_vectors]
        self.rooms = [code.slot(f"[{self.scratch} x i8]") for _ in operands]
        self.numbers = {
            name: code.splat(self.word(frame, self.layout.parameter + i, "double"))
            for i, name in enumerate(self.program.parameters)
        }

    def one_row(self, row: Value) -> None:
        code = self.code
        begin, end = Value(code, "%begin", "i64"), Value(code, "%end", "i64")
        outer = quotient(row, self.blocks)
        first = (row - outer * self.blocks) * self.lines
        count = smaller(self.lines, self.across - first)
        places = self.places(outer, first)
        with code.loop(begin, end, self.chunk) as p:
            self.block(places, p, smaller(self.chunk, end - p), count)

    def block(self, places: list[Value], p: Value, n: Value, count: Value) -> None:
        """`count` lines of `n` elements, from element p of the lines on."""
        code, outputs = self.code, self.layout.outputs
        zero = code.constant(0, "i64")
        sources, steps = [], []
        for k, (place, size) in enumerate(zip(places, self.sizes)):
            there = code.at(place, "i8", p * self.word(self.facts, self.layout.operand(k, Part.P)))
            staged = self.kinds[k].equals(STAGED)
            line = self.chunk * size
            if k >= outputs:
                with code.when(staged):
                    self.stage("stage", k, there, n, count, line)
            sources.append(self.select(staged, self.rooms[k], there))
            steps.append(choose(staged, line, self.across_steps[k]))
        with code.loop(zero, count) as q:
            lines = [code.at(source, "i8", q * step) for source, step in zip(sources, steps)]
            self.one_line(lines, n)
        for k in range(outputs):
            with code.when(self.kinds[k].equals(STAGED)):
                there = code.at(
                    places[k], "i8", p * self.word(self.facts, self.layout.operand(k, Part.P))
                )
                self.stage("unstage", k, there, n, count, self.chunk * self.sizes[k])

    def stage(self, way: str, k: int, place: Value, n: Value, count: Value, line: Value) -> None:
        """Copy the block of operand k to its scratch memory, or back."""
        code = self.code
        operand = self.facts.word(self.layout.operand(k, Part(0)))
        log = code.constant(self.sizes[k].bit_length() - 1, "i64")
        function = fact(table(code), f"{way}_strided")
        code.call(function, "void", operand, place, self.rooms[k], n, count, line, log)

    def one_line(self, lines: list[Value], n: Value) -> None:
        """A line: where each operand is, and how many elements it has."""
        code, outputs = self.code, self.layout.outputs
        self.forget()
        self.moving: dict[int, Value] = {}
        self.bases: dict[int, Value] = {}
        self.still: dict[int, Value] = {}
        for i, element in enumerate(self.inputs):
            source, kind = lines[outputs + i], self.kinds[outputs + i]
            if self.single:
                self.bases[i] = source
                self.moving[i] = kind.equals(kind)
                continue
            self.moving[i] = kind.differs(STILL)
            with code.unless(self.moving[i]):
                code.store(code.splat(code.load(source, element)), self.still_vectors[i])
            self.bases[i] = self.select(self.moving[i], source, self.still_vectors[i])
        self.style = ANY
        roots = range(len(self.roots))
        self.prepare(self.roots)
        self.write_elements(list(roots), lines[:outputs], code.constant(0, "i64"), n)

    def places(self, outer: Value, first: Value) -> list[Value]:
        """Where each operand's part for this place of the outer dimensions and from this line on begins."""
        code, layout = self.code, self.layout
        bases = [
            code.variable(self.word(self.facts, layout.operand(k, Part.POINTER)) + first * step)
            for k, step in enumerate(self.across_steps)
        ]
        rest = code.variable(outer)
        with code.loop(code.constant(0, "i64"), self.outer) as j:
            i = self.outer - 1 - j
            size = code.load(self.facts.word(i + int(Word.SIZES)), "i64")
            above = quotient(rest.value, size)
            place = rest.value - above * size
            rest.value = above
            for k, base in enumerate(bases):
                at = self.facts.word(i + layout.operand(k, Part.OUTER))
                base.value += place * code.load(at, "i64")
        return [base.value.as_pointer() for base in bases]
