"""The machine code of products of half types by tiles: stacks of blocks of rows and columns.

Sums stay in four tiles, two by two, over the whole inner dimension; they are float32, and are rounded once. The left
operand is read where it lies, if its inner dimension lies side by side, and its last numbers from a block with zeros. The
right one is packed: by each block of columns, or, where several blocks of rows need it, once before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import NamedTuple

from ..llvm import Code, Value, quotient, remainder, smaller
from ..runtime.entry import Body, kernel
from . import amx
from .half_pack import BLOCKS, block_bytes, call_pack, line, pack
from .microkernel import transposed, within

LANES, STEP = 16, 32
"""Columns of a tile, and inner numbers of one."""
CONFIGURATION = 8
"""Words of the facts that come before the sizes."""


class Sizes(NamedTuple):
    """The numbers that follow the tiles' configuration in the facts.

    Then follow, for each of `count` products, where its left operand begins and where its right one does, in bytes.

    Attributes:
        m, n, k: Rows of the left operand, columns of the right one, and the inner size.
        height: Rows of a tile.
        block, blocks, col_block, col_blocks: Rows and columns of a block, and how many blocks there are.
        packs: Is the right operand packed here? right_row, right_inner: its steps then, in bytes.
        left_row: Bytes from row to row. left_step: from one block of inner numbers to the next; left_tile: from tile to
            tile of packed ones, else 0.
        steps: Whole blocks of inner numbers; tail: inner numbers after them that are not packed.
        turned: Is the right operand's column a row of the result?
        wide: Numbers in a row of the result; whole: of a result.
    """

    m: int
    n: int
    k: int
    height: int
    block: int
    blocks: int
    col_block: int
    col_blocks: int
    packs: int
    right_row: int
    right_inner: int
    left_row: int
    left_step: int
    left_tile: int
    steps: int
    tail: int
    turned: int
    wide: int
    whole: int
    count: int


class Numbers(NamedTuple):
    """started: Is there a start, to be added? start_row, start_item: its numbers from row to row, and from result to
    result."""

    started: int
    start_row: int
    start_item: int


@cache
def multiplying(element: str) -> Callable[..., int]:
    """``f(a, b, c, start, facts, *job, *Numbers)``: c = a b + start."""

    def write(code: Body) -> None:
        code.functions = [
            *(tiles(element, shape, code.declarations) for shape in SHAPES),
            delivering(element, code.declarations),
            pack(element, False, LANES, code.declarations),
        ]
        _Product(code, element).write()

    arrays = ("a", "b", "c", "start", "facts")
    return kernel("half_product", arrays, Numbers, write, LANES, makes=True)


SHAPES = ((2, 2), (2, 1), (1, 2), (1, 1))
"""Tiles down and across."""


def tiles(element: str, shape: tuple[int, int], declarations: set[str]) -> str:
    """``void @tiles_RC(left0, left1, row, step, steps, tail0, tail1, right0, right1, sums)``: the sums of a few tiles.

    Blocks of the left operand have rows `row` bytes apart, and lie `step` bytes apart; then follows one at `tail`, unless
    that is null. The right one's blocks follow each other.
    """
    code = Code(LANES, declarations)
    down, across = shape
    size = block_bytes(element, LANES)
    lefts, rights, tails = (
        [Value(code, f"%{name}{i}", "ptr") for i in range(2)] for name in ("left", "right", "tail")
    )
    row, step, steps = (Value(code, f"%{name}", "i64") for name in ("row", "step", "steps"))
    sums = Value(code, "%sums", "ptr")
    for i in range(down):
        for j in range(across):
            amx.clear(code, 2 * i + j)

    def multiply(left: list[Value], apart: Value, right: list[Value]) -> None:
        """One block; of numbers in two parts, all four products, each block loaded once but one."""
        parts = BLOCKS[element]
        order = ((0, 0), (0, 1), (1, 1), (1, 0)) if parts == 2 else ((0, 0),)
        before = (-1, -1)
        for pair in order:
            for i in range(down) if pair[0] != before[0] else ():
                amx.load(code, 4 + i, left[i].byte(pair[0] * amx.SIZE), apart)
            for j in range(across) if pair[1] != before[1] else ():
                amx.load(code, 6 + j, right[j].byte(pair[1] * amx.SIZE), amx.BYTES)
            for i in range(down):
                for j in range(across):
                    amx.multiply(code, "bf16ps", 2 * i + j, 4 + i, 6 + j)
            before = pair

    with code.loop(steps.like(0), steps) as s:
        multiply(
            [x.byte(s * step) for x in lefts[:down]],
            row,
            [x.byte(s * size) for x in rights[:across]],
        )
    with code.unless(tails[0].is_null()):
        multiply(
            tails[:down], code.integer(amx.BYTES), [x.byte(steps * size) for x in rights[:across]]
        )
    for i in range(down):
        for j in range(across):
            amx.store(code, 2 * i + j, sums.byte((2 * i + j) * amx.SIZE), amx.BYTES)
    code.give()
    return code.function(
        f"@tiles_{down}{across}(ptr %left0, ptr %left1, i64 %row, i64 %step, i64 %steps, ptr %tail0, "
        "ptr %tail1, ptr %right0, ptr %right1, ptr %sums)",
        "internal void",
        "noinline",
    )


def delivering(element: str, declarations: set[str]) -> str:
    """``void @deliver(sums, target, stride, rows, columns, start, start_row, turned)``: one tile, rounded, to its place.

    A start is added first, unless it is null. Strides count numbers. What is turned has the target's columns in its rows.
    """
    code = Code(LANES, declarations)
    sums, target, start = (Value(code, f"%{name}", "ptr") for name in ("sums", "target", "start"))
    names = ("stride", "rows", "columns", "start_row", "turned")
    stride, rows, columns, start_row, turned = (Value(code, f"%{name}", "i64") for name in names)
    float_type = code.vector("float")
    with code.when(turned.differs(0)):
        lines = [code.load(sums.byte(i * amx.BYTES), float_type) for i in range(LANES)]
        for i, value in enumerate(transposed(code, lines)):
            code.store(value, sums.byte(i * amx.BYTES))
    mask = within(code, columns)
    started = start.is_null() ^ 1
    with code.loop(rows.like(0), rows) as i:
        value = code.slot(float_type, code.load(sums.byte(i * amx.BYTES), float_type))
        with code.when(started):
            more = widened(code, line(code, start.byte(i * start_row * 2), LANES, columns), element)
            code.store(code.load(value, float_type) + more, value)
        made = rounded(code, code.load(value, float_type), element)
        code.masked_store(made, target.byte(i * stride * 2), mask)
    code.give()
    return code.function(
        "@deliver(ptr %sums, ptr %target, i64 %stride, i64 %rows, i64 %columns, ptr %start, "
        "i64 %start_row, i64 %turned)",
        "internal void",
        "noinline",
    )


def widened(code: Code, value: Value, element: str) -> Value:
    """Numbers of a half type as float32."""
    if element == "float16":
        return value.cast_bits("half").convert("float")
    return (value.widen("i32") << 16).cast_bits("float")


def rounded(code: Code, value: Value, element: str) -> Value:
    """Numbers of float32 as they are stored. Processors with tiles have an instruction for either type."""
    if element == "float16":
        return value.convert("half").cast_bits("i16")
    short = f"<{LANES} x bfloat>"
    name = code.declare(short, "llvm.x86.avx512bf16.cvtneps2bf16.512", value.type)
    made = code.emit(f"call {short} @{name}({value.type} {value.name})", short)
    return made.cast_to(code.vector("i16"))


class _Product:
    """Writes what a piece of the job does."""

    def __init__(self, code: Body, element: str):
        self.code, self.element, self.size = code, element, block_bytes(element, LANES)
        facts = code.p["facts"]
        words = [
            code.get(facts, "i64", code.number(CONFIGURATION + i))
            for i in range(len(Sizes._fields))
        ]
        self.f = SimpleNamespace(**dict(zip(Sizes._fields, words)))
        self.starts = facts.word(CONFIGURATION + len(words))
        self.panel = (self.f.steps + self.f.tail.differs(0).widen("i64")) * self.size
        self.sums = code.slot(f"[{4 * amx.SIZE} x i8]")

    def write(self) -> None:
        code, f = self.code, self.f
        amx.configure(code, code.p["facts"])
        tails = f.block * amx.BYTES
        memory = code.scratch(self.panel * 2 + tails + 64)
        memory_line = memory.byte(-memory.address() & 63)
        self.packed, self.tails = memory_line, memory_line.byte(self.panel * 2)
        with code.rows() as row:
            self.block(row)
        code.free(memory)
        amx.release(code)

    def block(self, row: Value) -> None:
        code, f = self.code, self.f
        single = f.blocks * f.col_blocks
        item, part = quotient(row, single), remainder(row, single)
        self.item = item
        self.top = quotient(part, f.col_blocks) * f.block
        self.bottom = smaller(self.top + f.block, f.m)
        begin = remainder(part, f.col_blocks) * f.col_block
        self.left = code.p["a"].byte(code.get(self.starts, "i64", item))
        right = code.p["b"].byte(code.get(self.starts, "i64", f.count + item))
        with code.when(f.tail.differs(0)):
            self.keep_tails()
        end = smaller(begin + f.col_block, f.n)
        with code.loop(begin, end, 2 * LANES) as j:
            panels = [code.slot("ptr") for _ in range(2)]
            for i, place in enumerate(panels):
                code.store(right.byte((quotient(j, LANES) + i) * self.panel), place)
            with code.when(f.packs.differs(0)):
                for i, place in enumerate(panels):
                    first = j + i * LANES
                    with code.when(first < f.n):
                        here = self.packed.byte(self.panel * i)
                        sizes = smaller(f.n - first, LANES), f.k
                        source = right.byte(first * f.right_row)
                        call_pack(code, here, source, sizes, (f.right_row, f.right_inner))
                        code.store(here, place)
            self.columns(j, [code.load(place, "ptr") for place in panels])

    def row_of(self, tile: Value) -> Value:
        """The first row of a tile: the last tile begins before the one before it ends, so that it is full."""
        return smaller(tile * LANES, self.f.m - self.f.height)

    def keep_tails(self) -> None:
        """The left operand's last inner numbers, fewer than a block, and zeros."""
        code, f = self.code, self.f
        source = self.left.byte(f.steps * amx.BYTES)
        first = quotient(self.top, LANES)
        with code.loop(first, quotient(self.bottom + (LANES - 1), LANES)) as tile:
            target = self.tails.byte((tile - first) * amx.SIZE)
            with code.loop(code.zero, f.height) as i:
                numbers = line(
                    code, source.byte((self.row_of(tile) + i) * f.left_row), STEP, f.tail
                )
                code.store(numbers, target.byte(i * amx.BYTES))

    def columns(self, j: Value, panels: list[Value]) -> None:
        """All rows of the block at the columns of two panels."""
        code, f = self.code, self.f
        both = f.n - j > LANES
        last = quotient(self.bottom + (LANES - 1), LANES)
        with code.loop(quotient(self.top, LANES), last, 2) as tile:
            pair = last - tile > 1
            with code.either(pair) as (two, one):
                for rows, down in ((two, 2), (one, 1)):
                    with rows, code.either(both) as (wide, narrow):
                        for columns, across in ((wide, 2), (narrow, 1)):
                            with columns:
                                self.multiply((down, across), tile, j, panels)

    def multiply(self, shape: tuple[int, int], tile: Value, j: Value, panels: list[Value]) -> None:
        code, f = self.code, self.f
        rows = [self.row_of(tile + i) for i in range(2)]
        packed = f.left_tile.differs(0)
        lefts = [
            self.left.byte(packed.select((tile + i) * f.left_tile, row * f.left_row))
            for i, row in enumerate(rows)
        ]
        first = tile - quotient(self.top, LANES)
        has_tail = f.tail.differs(0)
        tails = [
            Value(code, code.emit(
                f"select i1 {has_tail.name}, ptr {self.tails.byte((first + i) * amx.SIZE).name}, ptr null", "ptr"
            ).name, "ptr")
            for i in range(2)
        ]  # fmt: skip
        listed = ", ".join(
            f"{x.type} {x.name}"
            for x in (*lefts, f.left_row, f.left_step, f.steps, *tails, *panels, self.sums)
        )
        code.line(f"call void @tiles_{shape[0]}{shape[1]}({listed})")
        for down in range(shape[0]):
            for across in range(shape[1]):
                self.deliver(2 * down + across, rows[down], j + across * LANES)

    def deliver(self, number: int, i: Value, j: Value) -> None:
        """One tile of sums to its place in the result."""
        code, f, n = self.code, self.f, self.code.n
        turned = f.turned.differs(0)
        y, x = turned.select(j, i), turned.select(i, j)
        own = smaller(f.n - j, LANES)
        rows, columns = turned.select(own, f.height), turned.select(f.height, own)
        target = code.p["c"].byte((self.item * f.whole + y * f.wide + x) * 2)
        begin = code.p["start"].byte((self.item * n.start_item + y * n.start_row + x) * 2)
        start = n.started.differs(0).select(begin, code.null)
        listed = ", ".join(
            f"{v.type} {v.name}"
            for v in (
                self.sums.byte(number * amx.SIZE),
                target,
                f.wide,
                rows,
                columns,
                start,
                n.start_row,
                f.turned,
            )
        )
        code.line(f"call void @deliver({listed})")
