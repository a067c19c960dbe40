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
from .half_pack import BLOCKS, block_bytes, call_pack, line, pack, put_line
from .microkernel import transposed

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
            *delivering(element, code.declarations),
            pack(element, False, LANES, code.declarations),
        ]
        _Product(code, element).write()

    arrays = ("a", "b", "c", "start", "facts")
    return kernel("half_product", arrays, Numbers, write, LANES, makes=True)


SHAPES = ((2, 2), (2, 1), (1, 2), (1, 1))
"""Tiles down and across."""


def tiles(element: str, shape: tuple[int, int], declarations: set[str]) -> str:
    """``void @tiles_RC(left0, left1, row, step, steps, tail0, tail1, right0, right1, sums, held, target, start, stride,
    turned)``: the sums of a few tiles.

    Blocks of the left operand have rows `row` bytes apart, and lie `step` bytes apart; then follows one at `tail`, unless
    that is null. The right one's blocks follow each other. The sums `held` from before, unless they are null, are delivered
    meanwhile, one half after the other, so that tiles multiply while others are rounded and stored.
    """
    code = Code(LANES, declarations)
    down, across = shape
    size = block_bytes(element, LANES)
    lefts, rights, tails = (
        [Value(code, f"%{name}{i}", "ptr") for i in range(2)] for name in ("left", "right", "tail")
    )
    row, step, steps = (Value(code, f"%{name}", "i64") for name in ("row", "step", "steps"))
    sums = Value(code, "%sums", "ptr")
    numbers = [(i, j) for i in range(down) for j in range(across)]
    places = {2 * i + j: sums.byte((i * LANES * 2 + j) * amx.BYTES) for i, j in numbers}
    for tile in places:
        amx.clear(code, tile)

    def multiply(left: list[Value], apart: Value, right: list[Value]) -> None:
        """One block; of numbers in two parts, all four products, each part loaded once but one."""
        order = ((0, 0), (0, 1), (1, 1), (1, 0)) if BLOCKS[element] == 2 else ((0, 0),)
        there: dict[int, int] = {}
        for x, y in order:
            for i, j in numbers:
                for tile, part, place, stride in (
                    (4 + i, x, left[i], apart), (6 + j, y, right[j], amx.BYTES),
                ):  # fmt: skip
                    if there.get(tile) != part:
                        amx.load(code, tile, place.byte(part * amx.SIZE), stride)
                        there[tile] = part
                amx.multiply(code, "bf16ps", 2 * i + j, 4 + i, 6 + j)

    held = held_sums(code)
    none = held[0].is_null()
    times = [none.select(steps.like(-1), quotient(steps, part)) for part in (4, 2)]
    with code.loop(steps.like(0), steps) as s:
        right = [x.byte(s * size) for x in rights[:across]]
        for half in range(2 if shape == SHAPES[0] else 0):
            with code.when(s.equals(times[half])):
                deliver_half(code, half, *held)
        multiply([x.byte(s * step) for x in lefts[:down]], row, right)
    with code.unless(tails[0].is_null()):
        right = [x.byte(steps * size) for x in rights[:across]]
        multiply(tails[:down], code.integer(amx.BYTES), right)
    for tile, place in places.items():
        amx.store(code, tile, place, 2 * amx.BYTES)
    code.give()
    return code.function(
        f"@tiles_{down}{across}(ptr %left0, ptr %left1, i64 %row, i64 %step, i64 %steps, ptr %tail0, "
        f"ptr %tail1, ptr %right0, ptr %right1, ptr %sums, {HELD})",
        "internal void",
        "noinline",
    )


HELD = "ptr %held, ptr %target, ptr %start, i64 %stride, i64 %turned"
"""Whole sums of four tiles, and where they belong: as `deliver_turned`, or `deliver_whole` twice, is given it."""


def held_sums(code: Code) -> list[Value]:
    return [Value(code, name, type) for type, name in (x.split() for x in HELD.split(", "))]


def deliver_half(code: Code, half: int, *held: Value) -> None:
    """Store the rows, or columns, of two of the four tiles."""
    sums, target, start, stride, turned = held
    with code.either(turned.differs(0)) as (yes, no):
        with yes:
            call(code, "deliver_turned", sums, target, start, stride, code.integer(half))
        with no:
            rows = target.byte(stride * (2 * LANES * half))
            call(code, "deliver_whole", sums.byte(2 * amx.SIZE * half), rows, start, stride)


def call(code: Code, name: str, *given: Value) -> None:
    listed = ", ".join(f"{value.type} {value.name}" for value in given)
    code.line(f"call void @{name}({listed})")


class _Delivery:
    """A function that stores sums of four tiles, or of two side by side, in lines of 32 numbers."""

    def __init__(self, element: str, declarations: set[str]):
        self.code, self.element = Code(LANES, declarations), element
        code = self.code
        self.type = code.vector("float")
        self.sums, self.target, self.start = (
            Value(code, f"%{name}", "ptr") for name in ("sums", "target", "start")
        )
        names = ("stride", "rows", "columns", "start_row")
        self.stride, self.rows, self.columns, self.start_row = (
            Value(code, f"%{name}", "i64") for name in names
        )

    def text(self, name: str, numbers: str) -> str:
        self.code.give()
        signature = f"@{name}(ptr %sums, ptr %target, ptr %start, i64 %stride{numbers})"
        return self.code.function(signature, "internal void", "noinline")

    def parts(self, i: Value | int) -> list[Value]:
        """Line i of the sums."""
        row = self.sums.byte(self.code.integer(i) * (2 * amx.BYTES))
        return [self.code.load(row.byte(j * amx.BYTES), self.type) for j in range(2)]

    def widened(self, numbers: Value) -> list[Value]:
        halves = (range(LANES), range(LANES, 2 * LANES))
        return [widened(self.code, numbers.shuffled(numbers, x), self.element) for x in halves]

    def bias(self) -> list[Value]:
        """32 numbers to add, or what changes nothing."""
        code = self.code
        none = code.constant(-0.0, self.type)
        places = [code.slot(self.type, none) for _ in range(2)]
        with code.unless(self.start.is_null()):
            for place, value in zip(places, self.widened(line(code, self.start, 2 * LANES, None))):
                code.store(value, place)
        return places


def delivering(element: str, declarations: set[str]) -> list[str]:
    """The functions that store sums, rounded.

    ``void @deliver(sums, target, start, stride, rows, columns, start_row)``: two tiles side by side, or fewer rows and
    columns of them. A start is added first, unless it is null. Strides count numbers.

    ``void @deliver_whole(sums, target, start, stride)``: two whole tiles; the start is a number a column.

    ``void @deliver_turned(sums, target, start, stride, half)``: one half of the columns of four whole tiles, turned; the
    start is a number a row of the sums.

    ``void @turn(sums)``: turns two tiles that lie side by side, each where it lies.
    """
    return [
        _some(element, declarations),
        _whole(element, declarations),
        _turned(element, declarations),
        _turn(declarations),
    ]


def _some(element: str, declarations: set[str]) -> str:
    f = _Delivery(element, declarations)
    code = f.code
    with code.loop(f.rows.like(0), f.rows) as i:
        values = [code.slot(f.type, value) for value in f.parts(i)]
        with code.unless(f.start.is_null()):
            numbers = line(code, f.start.byte(i * f.start_row * 2), 2 * LANES, f.columns)
            for place, more in zip(values, f.widened(numbers)):
                code.store(code.load(place, f.type) + more, place)
        made = rounded(code, [code.load(place, f.type) for place in values], element)
        put_line(code, made, f.target.byte(i * f.stride * 2), f.columns)
    return f.text("deliver", ", i64 %rows, i64 %columns, i64 %start_row")


def _whole(element: str, declarations: set[str]) -> str:
    f = _Delivery(element, declarations)
    code = f.code
    bias = [code.load(place, f.type) for place in f.bias()]
    for i in range(LANES):
        made = rounded(code, [x + b for x, b in zip(f.parts(i), bias)], element)
        code.store(made, f.target.byte(f.stride * (2 * i)))
    return f.text("deliver_whole", "")


def _turned(element: str, declarations: set[str]) -> str:
    """Two rows are rounded into the pairs of a vector, and sixteen such vectors turned."""
    f = _Delivery(element, declarations)
    code = f.code
    bias = f.bias()
    both = [v for i in range(LANES) for v in (i, LANES + i)]
    half = Value(code, "%half", "i64")
    pairs = []
    for i in range(LANES):
        rows = []
        for row in (2 * i, 2 * i + 1):
            place = f.sums.byte(half * amx.BYTES + row * 2 * amx.BYTES)
            more = code.load(bias[row // LANES].byte(row % LANES * 4), "float")
            rows.append(code.load(place, f.type) + code.splat(more))
        made = rounded(code, rows, element)
        pairs.append(made.shuffled(made, both).cast_to(code.vector("i32")))
    target = f.target.byte(half * f.stride * (2 * LANES))
    for i, value in enumerate(transposed(code, pairs)):
        code.store(value, target.byte(f.stride * (2 * i)))
    return f.text("deliver_turned", ", i64 %half")


def _turn(declarations: set[str]) -> str:
    code = Code(LANES, declarations)
    sums, type = Value(code, "%sums", "ptr"), code.vector("float")
    for j in range(2):
        places = [sums.byte((2 * i + j) * amx.BYTES) for i in range(LANES)]
        for place, value in zip(places, transposed(code, [code.load(at, type) for at in places])):
            code.store(value, place)
    code.give()
    return code.function("@turn(ptr %sums)", "internal void", "noinline")


def widened(code: Code, value: Value, element: str) -> Value:
    """Numbers of a half type as float32."""
    if element == "float16":
        return value.cast_bits("half").convert("float")
    return (value.widen("i32") << 16).cast_bits("float")


def rounded(code: Code, parts: list[Value], element: str) -> Value:
    """Two vectors of float32 as they are stored. Processors with tiles have an instruction for either type."""
    low, high = parts
    both = range(2 * LANES)
    if element == "float16":
        low, high = (part.convert("half").cast_bits("i16") for part in parts)
        return low.shuffled(high, both)
    type = f"<{2 * LANES} x bfloat>"
    name = code.declare(type, "llvm.x86.avx512bf16.cvtne2ps2bf16.512", low.type, low.type)
    listed = f"{low.type} {high.name}, {low.type} {low.name}"
    return code.emit(f"call {type} @{name}({listed})", type).cast_to(f"<{2 * LANES} x i16>")


class _Product:
    """Writes what a piece of the job does."""

    def __init__(self, code: Body, element: str):
        self.code, self.element, self.size = code, element, block_bytes(element, LANES)
        facts, names = code.p["facts"], Sizes._fields
        words = [code.get(facts, "i64", code.number(CONFIGURATION + i)) for i in range(len(names))]
        self.f = SimpleNamespace(**dict(zip(names, words)))
        self.starts = facts.word(CONFIGURATION + len(words))
        self.panel = (self.f.steps + self.f.tail.differs(0).widen("i64")) * self.size

    def write(self) -> None:
        code, f = self.code, self.f
        amx.configure(code, code.p["facts"])
        packed = f.packs * self.panel * quotient(f.col_block, LANES)
        memory = code.scratch(packed + f.block * amx.BYTES + 64)
        self.packed = memory.byte(-memory.address() & 63)
        self.tails = self.packed.byte(packed)
        self.both = [code.slot(f"[{4 * amx.SIZE + amx.BYTES} x i8]") for _ in range(2)]
        self.held = {name: code.slot("ptr", code.null) for name in ("held", "target", "start")}
        with code.rows() as row:
            self.block(row)
        code.free(memory)
        amx.release(code)

    def block(self, row: Value) -> None:
        code, f = self.code, self.f
        single = f.blocks * f.col_blocks
        self.item, part = quotient(row, single), remainder(row, single)
        top = remainder(part, f.blocks) * f.block
        self.first = quotient(top, LANES)
        self.last = quotient(smaller(top + f.block, f.m) + (LANES - 1), LANES)
        begin = quotient(part, f.blocks) * f.col_block
        self.left = code.p["a"].byte(code.get(self.starts, "i64", self.item))
        right = code.p["b"].byte(code.get(self.starts, "i64", f.count + self.item))
        with code.when(f.tail.differs(0)):
            self.keep_tails()
        end = smaller(begin + f.col_block, f.n)
        first = quotient(begin, LANES)
        panels = code.slot("ptr", right.byte(first * self.panel))
        with code.when(f.packs.differs(0)):
            ends, sizes = (first, quotient(end + (LANES - 1), LANES)), (f.n, f.k, f.n)
            steps = f.right_row, f.right_inner, self.panel
            call_pack(code, self.packed, right, ends, sizes, steps)
            code.store(self.packed, panels)
        panels = code.load(panels, "ptr")
        with code.loop(self.first, self.last, 2) as tile, code.loop(begin, end, 2 * LANES) as j:
            self.columns(tile, j, panels.byte(quotient(j - begin, LANES) * self.panel))
        self.release()

    def row_of(self, tile: Value) -> Value:
        """The first row of a tile: the last tile begins before the one before it ends, so that it is full."""
        return smaller(tile * LANES, self.f.m - self.f.height)

    def keep_tails(self) -> None:
        """The left operand's last inner numbers, fewer than a block, and zeros."""
        code, f = self.code, self.f
        source = self.left.byte(f.steps * amx.BYTES)
        with code.loop(self.first, self.last) as tile:
            target = self.tails.byte((tile - self.first) * amx.SIZE)
            with code.loop(code.zero, f.height) as i:
                place = source.byte((self.row_of(tile) + i) * f.left_row)
                code.store(line(code, place, STEP, f.tail), target.byte(i * amx.BYTES))

    def columns(self, tile: Value, j: Value, panels: Value) -> None:
        """Two tiles of rows at the columns of two panels, or what there is of them."""
        code, f, n = self.code, self.f, self.code.n
        first, second = self.row_of(tile), self.row_of(tile + 1)
        is_bias = n.started.equals(0) | n.start_row.equals(0)
        follows = (self.last - tile > 1) & (second - first).equals(LANES)
        is_whole = (f.n - j >= 2 * LANES) & is_bias & follows & f.height.equals(LANES)
        with code.either(is_whole & (f.steps > 0)) as (whole, other):
            with whole:
                held = code.load(self.held["held"], "ptr")
                sums = held.equals_pointer(self.both[0]).select(self.both[1], self.both[0])
                self.multiply(SHAPES[0], tile, panels, sums)
                turned = f.turned.differs(0)
                y, x = turned.select(j, first), turned.select(first, j)
                for name, value in zip(self.held, (sums, *self.places(y, x))):
                    code.store(value, self.held[name])
            with other:
                self.release()
                self.part_of_columns(tile, j, panels)

    def part_of_columns(self, tile: Value, j: Value, panels: Value) -> None:
        code, sums = self.code, self.both[0]
        with code.either(self.last - tile > 1) as (two, one):
            for rows, down in ((two, 2), (one, 1)):
                with rows, code.either(self.f.n - j > LANES) as (wide, narrow):
                    for columns, across in ((wide, 2), (narrow, 1)):
                        with columns:
                            self.multiply((down, across), tile, panels, sums)
        self.deliver(tile, j, sums)

    def held_now(self) -> list[Value]:
        held = [self.code.load(place, "ptr") for place in self.held.values()]
        return [*held, self.f.wide, self.f.turned]

    def release(self) -> None:
        """Deliver the sums that are held."""
        held = self.held_now()
        with self.code.unless(held[0].is_null()):
            for half in range(2):
                deliver_half(self.code, half, *held)
            self.code.store(self.code.null, self.held["held"])

    def multiply(self, shape: tuple[int, int], tile: Value, panels: Value, sums: Value) -> None:
        code, f = self.code, self.f
        packed, has_tail = f.left_tile.differs(0), f.tail.differs(0)
        lefts, tails = [], []
        for i in range(2):
            step = packed.select((tile + i) * f.left_tile, self.row_of(tile + i) * f.left_row)
            lefts.append(self.left.byte(step))
            tail = self.tails.byte((tile - self.first + i) * amx.SIZE)
            tails.append(has_tail.select(tail, code.null))
        self.run(
            f"tiles_{shape[0]}{shape[1]}",
            *lefts, f.left_row, f.left_step, f.steps, *tails,
            panels, panels.byte(self.panel), sums, *self.held_now(),
        )  # fmt: skip

    def deliver(self, tile: Value, j: Value, found: Value) -> None:
        """The sums of one or two tiles of rows, at the columns of two panels, to their place in the result."""
        code, f, n = self.code, self.f, self.code.n
        is_bias = n.started.equals(0) | n.start_row.equals(0)
        with code.loop(code.zero, smaller(self.last - tile, 2)) as i:
            sums, row = found.byte(i * (2 * amx.SIZE)), self.row_of(tile + i)
            with code.either(f.turned.differs(0)) as (yes, no):
                with yes:
                    self.run("turn", sums)
                    with code.loop(j, smaller(j + 2 * LANES, f.n), LANES) as column:
                        own = sums.byte((column - j) * 4)
                        self.put(own, column, row, smaller(f.n - column, LANES), f.height)
                with no:
                    whole = (f.n - j >= 2 * LANES) & is_bias & f.height.equals(LANES)
                    with code.either(whole) as (all_of_it, some):
                        with all_of_it:
                            target, start = self.places(row, j)
                            self.run("deliver_whole", sums, target, start, f.wide)
                        with some:
                            self.put(sums, row, j, f.height, smaller(f.n - j, 2 * LANES))

    def places(self, y: Value, x: Value) -> tuple[Value, Value]:
        """Where a place of the result is, and its start, or null."""
        code, f, n = self.code, self.f, self.code.n
        begin = code.p["start"].byte((self.item * n.start_item + y * n.start_row + x) * 2)
        start = n.started.differs(0).select(begin, code.null)
        return code.p["c"].byte((self.item * f.whole + y * f.wide + x) * 2), start

    def put(self, sums: Value, y: Value, x: Value, rows: Value, columns: Value) -> None:
        target, start = self.places(y, x)
        row = self.code.n.start_row
        self.run("deliver", sums, target, start, self.f.wide, rows, columns, row)

    def run(self, name: str, *given: Value) -> None:
        call(self.code, name, *given)
