"""Operands of half types as panels for products of pairs: what tiles and instructions of pairs read.

A panel holds as many rows (or, of a right operand, columns) as a vector has lanes of 32 bits. Two neighbours along the
inner dimension are a pair, one lane. A block is a square of lanes by lanes: of a left operand a line is a row, its lanes
are pairs; of a right one a line is a pair, its lanes are columns. What lies the other way in memory is turned in
registers. Ends are zeros.

A float16 number is the exact sum of two of bfloat16, so its panels have two blocks in the place of one: the upper eight
digits, and the rest. What is not finite has no such sum, which is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ..llvm import Code, Value, larger, quotient, remainder, smaller
from ..runtime.entry import Body, kernel
from ..runtime.process import machine
from .microkernel import transposed

BLOCKS = {"bfloat16": 1, "float16": 2}
"""Blocks of a panel in the place of a block of numbers."""


class PackNumbers(NamedTuple):
    """rows, inner: Sizes of an operand; panels: how many one has; row_step, inner_step: bytes; size: bytes of a panel;
    last: where the last panel begins. It may begin before the one before it ends, so that it is full."""

    rows: int
    inner: int
    panels: int
    row_step: int
    inner_step: int
    size: int
    last: int


GROUP = 4
"""Panels of a row of the job: what lies side by side in memory is read together."""


@cache
def packing(element: str, left: bool, lanes: int, watches: bool = False) -> Callable[..., int]:
    """``f(source, made, starts, *job, *PackNumbers)``: operands, which begin at starts (in bytes), as panels.

    A row of the job is some panels. Reports 1 where a number has no sum of two parts or, if it watches for that, is not
    finite.
    """

    def write(code: Body) -> None:
        n = code.n
        code.functions = [pack(element, left, lanes, code.declarations, watches)]
        groups = quotient(n.panels + (GROUP - 1), GROUP)
        with code.rows() as row:
            item, first = quotient(row, groups), remainder(row, groups) * GROUP
            begin = code.get(code.p["starts"], "i64", item)
            call_pack(
                code, code.p["made"].byte((item * n.panels + first) * n.size),
                code.p["source"].byte(begin), (first, smaller(n.panels, first + GROUP)),
                (n.rows, n.inner, n.last), (n.row_step, n.inner_step, n.size),
            )  # fmt: skip

    arrays = ("source", "made", "starts")
    return kernel("pack_halves", arrays, PackNumbers, write, lanes, makes=True)


def block_bytes(element: str, lanes: int) -> int:
    """What a block of lanes by lanes pairs takes in a panel."""
    return 4 * lanes * lanes * BLOCKS[element]


def call_pack(
    code: Body, target: Value, source: Value, panels: tuple[Value, Value],
    sizes: tuple[Value, Value, Value], steps: tuple[Value, Value, Value],
) -> None:  # fmt: skip
    """Write some of an operand's panels.

    Args:
        panels: From which on, and up to which.
        sizes: Rows and inner numbers of the operand, and where its last panel begins.
        steps: From row to row, from inner number to inner number, and from panel to panel, in bytes.
    """
    listed = ", ".join(f"i64 {x.name}" for x in (*panels, *sizes, *steps))
    told = code.emit(f"call i64 @pack(ptr {target.name}, ptr {source.name}, {listed})", "i64")
    with code.when(told.differs(0)):
        code.report(told)


def pack(
    element: str, left: bool, lanes: int, declarations: set[str], watches: bool = False
) -> str:
    """``i64 @pack(target, source, first, end, rows, inner, last, row_step, inner_step, size)``: panels of an operand;
    is there what has no sum of two parts or, if it watches for that, is not finite?

    One of the steps is that of neighbours.
    """
    code = Code(lanes, declarations)
    writer = _Pack(code, element, watches)
    inner_step = Value(code, "%inner_step", "i64")
    with code.either(inner_step.equals(2)) as (near, far):
        with near:
            writer.blocks(writer.rows_of_pairs, left)
        with far:
            writer.blocks(writer.pairs_of_rows, not left)
    code.give(writer.finding())
    return code.function(
        "@pack(ptr noalias %target, ptr noalias %source, i64 %first, i64 %end, i64 %rows, "
        "i64 %inner, i64 %last, i64 %row_step, i64 %inner_step, i64 %size)",
        "internal i64",
        "noinline",
    )


class _Pack:
    """Writes the loops over a panel's blocks."""

    def __init__(self, code: Code, element: str, watches: bool):
        self.code, self.element, self.lanes = code, element, code.lanes
        self.target, self.source = Value(code, "%target", "ptr"), Value(code, "%source", "ptr")
        names = ("inner", "row_step", "inner_step", "first", "end")
        self.inner, self.row_step, self.inner_step, self.first, self.end = (
            Value(code, f"%{name}", "i64") for name in names
        )
        self.pairs = code.vector("i32")
        self.watches = watches
        self.bad = code.slot(self.pairs, code.constant(0, self.pairs))

    def blocks(self, lines: Callable[..., list[Value]], straight: bool) -> None:
        """All blocks of the panels, from lines that lie as they are wanted or have to be turned."""
        code, step = self.code, 2 * self.lanes
        size = block_bytes(self.element, self.lanes)
        rows, last, apart = (Value(code, f"%{name}", "i64") for name in ("rows", "last", "size"))
        with (
            code.loop(self.inner.like(0), self.inner, step) as k,
            code.loop(self.first, self.end) as panel,
        ):
            target = self.target.byte((panel - self.first) * apart + quotient(k, step) * size)
            top = smaller(panel * self.lanes, last)
            source, left = self.source.byte(top * self.row_step), rows - top
            full = (left >= self.lanes) & (self.inner - k >= step)
            with code.either(full) as (whole, edge):
                for block, height in ((whole, None), (edge, left)):
                    with block:
                        found = lines(source, k, height)
                        self.deliver(found if straight else transposed(code, found), target)

    def rows_of_pairs(self, source: Value, k: Value, height: Value | None) -> list[Value]:
        """Each row's pairs, where the inner dimension lies side by side; at an edge, of so many rows."""
        made = []
        for i in range(self.lanes):
            place = source.byte(self.row_step * i + k * 2)
            count = None if height is None else (height > i).select(self.inner - k, 0)
            made.append(line(self.code, place, 2 * self.lanes, count).cast_to(self.pairs))
        return made

    def pairs_of_rows(self, source: Value, k: Value, height: Value | None) -> list[Value]:
        """Each pair of all rows, where the rows lie side by side."""
        made = []
        for i in range(self.lanes):
            low, high = (self._numbers(source, k + j, height) for j in (2 * i, 2 * i + 1))
            made.append(low | (high << 16))
        return made

    def _numbers(self, source: Value, k: Value, height: Value | None) -> Value:
        """Inner number k of all rows."""
        count = None if height is None else (k < self.inner).select(height, 0)
        place = source.byte(self.inner_step * k)
        return line(self.code, place, self.lanes, count).widen("i32")

    def deliver(self, lines: list[Value], target: Value) -> None:
        """Store a block's lines, in their parts."""
        for i, value in enumerate(lines):
            for part, numbers in enumerate(split(value, self.element, self.bad, self.watches)):
                self.code.store(numbers, target.byte((part * self.lanes + i) * 4 * self.lanes))

    def finding(self) -> Value:
        """1 where a number was bad, else 0."""
        return noted(self.bad, self.pairs).widen("i64")


def split(pairs: Value, element: str, bad: Value, watches: bool) -> list[Value]:
    """The numbers of bfloat16 whose sum each of some pairs is. Lanes of what has none or, if it is watched for, is not
    finite, are noted."""
    code = pairs.code
    if element == "bfloat16":
        if watches:
            note(bad, *(not_finite(half) for half in (pairs, pairs.down(16))))
        return [pairs]
    halves = f"<{code.lanes} x i16>"
    highs, lows = [], []
    for half in (pairs, pairs.down(16)):
        short = code.emit(f"trunc {half.type} {half.name} to {halves}", halves)
        value = short.cast_bits("half").convert("float")
        high = value.bits() & -65536
        low = value - high.cast_bits("float")
        note(bad, low.is_nan())
        highs.append(high)
        lows.append(low.bits())
    return [even.down(16) | odd for even, odd in (highs, lows)]


def not_finite(numbers: Value) -> Value:
    """Which numbers of bfloat16, in the lower halves of lanes, have the largest exponent?"""
    return (numbers & 0x7F80).equals(0x7F80)


def note(place: Value, *conditions: Value) -> None:
    """Note the lanes in which a condition holds."""
    code = place.code
    type = code.vector("i32")
    for condition in conditions:
        lanes = code.emit(f"sext {condition.type} {condition.name} to {type}", type)
        code.store(code.load(place, type) | lanes, place)


def noted(place: Value, type: str) -> Value:
    """1 where a lane was noted, else 0."""
    code = place.code
    name = code.declare("i32", f"llvm.vector.reduce.or.v{code.lanes}i32", type)
    found = code.load(place, type)
    return code.emit(f"call i32 @{name}({found.type} {found.name})", "i32") & 1


def line(code: Code, place: Value, length: int, count: Value | None, bits: int = 16) -> Value:
    """So many numbers of 16 or 8 bits; if a count is given, zeros after it, and nothing after it is read."""
    type, size = f"<{length} x i{bits}>", bits // 8
    if count is None:
        return code.emit(f"load {type}, ptr {place.name}, align {size}", type)
    count = larger(smaller(count, length), 0)
    if machine().bits < 512:  # there are no masks for such numbers
        kept = code.slot(type)
        code.line(f"store {type} zeroinitializer, ptr {kept.name}, align 64")
        code.copy_bytes(kept, place, count * size)
        return code.emit(f"load {type}, ptr {kept.name}, align 64", type)
    mask = _first(code, count, length)
    name = code.declare(
        type, f"llvm.masked.load.v{length}i{bits}.p0", "ptr", "i32", mask.type, type
    )
    given = f"ptr {place.name}, i32 {size}, {mask.type} {mask.name}, {type} zeroinitializer"
    return code.emit(f"call {type} @{name}({given})", type)


def put_line(code: Code, numbers: Value, place: Value, count: Value) -> None:
    """Store the first of some numbers of 16 bits; with vectors of 512 bits."""
    type, length = numbers.type, int(numbers.type[1:].split()[0])
    mask = _first(code, smaller(count, length), length)
    name = code.declare("void", f"llvm.masked.store.v{length}i16.p0", type, "ptr", "i32", mask.type)
    given = f"{type} {numbers.name}, ptr {place.name}, i32 2, {mask.type} {mask.name}"
    code.line(f"call void @{name}({given})")


def _first(code: Code, count: Value, length: int) -> Value:
    """A mask of the first `count` lanes."""
    bits = (count.like(1) << count) - 1
    if length == 64:  # a shift by as many has no meaning
        word = (count >= length).select(count.like(-1), bits)
    else:
        word = code.emit(f"trunc i64 {bits.name} to i{length}", f"i{length}")
    return word.cast_to(f"<{length} x i1>")
