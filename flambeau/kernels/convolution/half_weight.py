"""The machine code that packs the weight of a convolution of a half type as right operands of tiles.

A weight's taps lie between its channels, so that neither its rows nor its channels are neighbours in memory: vectors are
gathered, along what lies nearer, and turned in registers where those are channels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ..llvm import Code, Value, quotient, remainder
from ..matmul import amx
from ..matmul.half_kernel import LANES, STEP
from ..matmul.half_pack import BLOCKS, block_bytes, noted, split
from ..matmul.microkernel import transposed
from ..runtime.entry import Body, kernel


class Numbers(NamedTuple):
    """What `packing` is told.

    Attributes:
        panels: Of a group; rows: output channels of one; channels: of one, in whole blocks of `STEP`.
        taps: How many are wanted. The facts say where they are, in bytes.
        group, row, channel: From one to the next, in bytes.
        size: Bytes of a panel.
    """

    panels: int
    rows: int
    channels: int
    taps: int
    group: int
    row: int
    channel: int
    size: int


@cache
def packing(element: str, along_rows: bool, watches: bool) -> Callable[..., int]:
    """``f(w, made, facts, *job, *Numbers)``: panels, whose blocks are those of the first tap's channels, then of the next's.

    A row of the job is a panel. Reports 1 where a number has no sum of two parts or, if it watches for that, is not finite.

    Args:
        along_rows: Are rows nearer each other than channels?
    """

    def write(code: Body) -> None:
        n = code.n
        pairs = code.vector("i32")
        bad = code.slot(pairs, code.constant(0, pairs))
        blocks = quotient(n.channels, STEP)
        size = block_bytes(element, LANES)
        with code.rows() as row:
            group, panel = quotient(row, n.panels), remainder(row, n.panels)
            begin = group * n.group + panel * (LANES * n.row)
            left = n.rows - panel * LANES
            made = code.p["made"].byte(row * n.size)
            with code.loop(code.zero, blocks) as b, code.loop(code.zero, n.taps) as t:
                tap = code.get(code.p["facts"], "i64", t)
                source = code.p["w"].byte(begin + b * (STEP * n.channel) + tap)
                writer = _Block(code, source, (n.row, n.channel), left)
                target = made.byte((t * blocks + b) * size)
                for i, line in enumerate(writer.by_row() if along_rows else writer.by_channel()):
                    for part, numbers in enumerate(split(line, element, bad, watches)):
                        code.store(numbers, target.byte(part * amx.SIZE + i * amx.BYTES))
        if watches or BLOCKS[element] == 2:
            told = noted(bad, pairs)
            with code.when(told.differs(0)):
                code.report(told.widen("i64"))

    return kernel("pack_taps", ("w", "made", "facts"), Numbers, write, LANES, makes=True)


class _Block:
    """The lines of a block: pairs of channels of sixteen rows, zeros after the last row."""

    def __init__(self, code: Code, source: Value, steps: tuple[Value, Value], left: Value):
        self.code, self.source, self.left = code, source, left
        self.row, self.channel = steps

    def by_row(self) -> list[Value]:
        there = self.code.iota() < self.code.splat(self.left)
        return [
            self.pair(self.source.byte(self.channel * (2 * i)), self.row, there)
            for i in range(LANES)
        ]

    def by_channel(self) -> list[Value]:
        code = self.code
        lines = []
        for i in range(LANES):
            there = code.splat((self.left > i).widen("i64")).differs(0)
            lines.append(self.pair(self.source.byte(self.row * i), self.channel * 2, there))
        return transposed(code, lines)

    def pair(self, place: Value, apart: Value, there: Value) -> Value:
        """Two neighbouring channels in each lane, lanes so many bytes apart.

        Each load takes four bytes: the wanted number and, of a first channel, what follows it, of a second one what is
        before it. Both belong to the weight.
        """
        low = self.gathered(place, apart, there)
        high = self.gathered(place.byte(self.channel - 2), apart, there)
        return (low & 0xFFFF) | (high & -65536)

    def gathered(self, place: Value, apart: Value, there: Value) -> Value:
        code, type = self.code, self.code.vector("i32")
        offsets = code.iota("i32") * code.splat(apart.convert("i32"))
        many = code.vector("ptr")
        places = code.emit(
            f"getelementptr i8, ptr {place.name}, {offsets.type} {offsets.name}", many
        )
        name = f"llvm.masked.gather.v{code.lanes}i32.v{code.lanes}p0"
        code.declare(type, name, many, "i32", there.type, type)
        return code.emit(
            f"call {type} @{name}({many} {places.name}, i32 2, {there.type} {there.name}, "
            f"{type} zeroinitializer)",
            type,
        )
