"""Tiles of attention: a block's products of rows of two arrays, in registers and shared memory.

A block holds the scores of some queries and as many keys, or the other way round, a thread a square of them. Both
factors of a product come through shared memory, `DEEP` steps at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ...llvm import BITS, Value, Variable, choose, quotient, remainder
from ...loops.element import MEMORY, packed, unpacked
from ..thread import Thread

DEEP = 16


@dataclass(frozen=True)
class Form:
    """What a kernel is made for.

    Attributes:
        dtype: The name of the arrays' dtype.
        mask: That of the mask's, or "".
        causal: Does query i look at keys up to i alone?
        width: Columns of a result that a block holds, a multiple of the tile's side.
        whole: Are all rows multiples of 16 bytes, and where they begin too?
    """

    dtype: str
    mask: str
    causal: bool
    width: int
    whole: bool = False

    @property
    def compute(self) -> str:
        """LLVM's type of the sums."""
        return "double" if self.dtype == "float64" else "float"

    @property
    def side(self) -> int:
        """Queries and keys of a tile: what shared memory has room for."""
        return 32 if self.compute == "double" else 64

    @property
    def own(self) -> int:
        """Rows and columns of a tile that a thread holds: what it has registers for."""
        return 2 if self.compute == "double" else 4

    @property
    def threads(self) -> int:
        return (self.side // self.own) ** 2


class Numbers(NamedTuple):
    """Sizes, and elements from row to row of each array: all int64."""

    heads: int
    queries: int
    keys: int
    size: int
    depth: int
    q_row: int
    k_row: int
    v_row: int
    out_row: int
    g_row: int
    dq_row: int
    dk_row: int
    dv_row: int
    mask_row: int
    mask_along: int


ARRAYS = ("q", "k", "v", "out", "g", "dq", "dk", "dv", "mask")
"""Arrays whose heads begin where a table says, in this order."""


class Rows(NamedTuple):
    """Rows of an array that a tile takes part in.

    Attributes:
        pointer: Where the array's head begins.
        first: The tile's first row.
        count: How many rows the array has.
        step: Elements from row to row.
    """

    pointer: Value
    first: Value
    count: Value
    step: Value


Tile = list[list[Variable]]


def of_gradient(*results: str) -> tuple[str, ...]:
    """The arrays of a kernel of the gradients: `logs` is what forward gave, `shares` the sums of g * out over each row."""
    given = "q", "k", "v", "mask", "g", "logs", "shares"
    return (*(f"ptr {x} readonly" for x in given), *(f"ptr {x}" for x in results))


class Attention:
    """The code of one thread of a block: which head and rows it has, and what scores are.

    Args:
        side: Rows of the tile that a block has.
    """

    def __init__(self, form: Form, pointers: tuple[str, ...], side: int):
        self.form, self.side, code = form, side, Thread()
        self.code, self.kind = code, form.compute
        named = code.takes(
            *pointers, "ptr starts readonly", "double scale", *(f"i64 {n}" for n in Numbers._fields)
        )
        self.p = dict(zip((text.split()[1] for text in pointers), named))
        self.starts, scale = named[len(pointers) : len(pointers) + 2]
        self.scale = scale.convert(self.kind)
        wide = named[len(pointers) + 2 :]
        self.n: Any = Numbers(*(x.convert("i32") for x in wide))  # type: ignore[arg-type]
        self.me = code.special("tid")

    def at_block(self, rows: Value) -> Value:
        """The tile's first row; the block's head is `self.head`."""
        tiles = quotient(rows + (self.side - 1), self.side)
        block = self.code.special("ctaid")
        self.head = quotient(block, tiles)
        return remainder(block, tiles) * self.side

    def rows(self, name: str, first: Value, count: Value) -> Rows:
        """An array's rows, of the block's head."""
        step = getattr(self.n, f"{name}_row")
        return Rows(self.begin(name), first, count, step)

    def begin(self, name: str) -> Value:
        """Where an array's head begins."""
        code = self.code
        where = code.at(self.starts, "i64", self.n.heads * ARRAYS.index(name) + self.head)
        element = MEMORY[self.form.mask if name == "mask" else self.form.dtype]
        return code.at(self.p[name], element, code.load(where, "i64"))

    def score(self, x: Value, query: Value, key: Value) -> Value:
        """A product as a score: scaled, with the mask, -inf for a pair that does not take part."""
        code, form, n = self.code, self.form, self.n
        value = x * self.scale
        there = (query < n.queries) & (key < n.keys)
        if form.mask:
            place = query.widen("i64") * n.mask_row.widen("i64") + key.widen(
                "i64"
            ) * n.mask_along.widen("i64")
            element = MEMORY[form.mask]
            added = code.load(code.at(self.mask, element, choose(there, place, 0)), element)
            number = unpacked(added, form.mask)
            if form.mask == "bool":
                there = there & number
            else:
                value = value + number.convert(self.kind)
        if form.causal:
            there = there & (key <= query)
        return choose(there, value, float("-inf"))

    def of_query(self, name: str, query: Value) -> Value:
        """A number of a query, 0 for one that there is not."""
        code, n = self.code, self.n
        there = query < n.queries
        place = self.head.widen("i64") * n.queries.widen("i64")
        place = place + choose(there, query, 0).widen("i64")
        return choose(there, code.load(code.at(self.p[name], self.kind, place), self.kind), 0.0)


class Tiles(Attention):
    """Products by fused multiplications and additions."""

    def __init__(self, form: Form, pointers: tuple[str, ...]):
        super().__init__(form, pointers, form.side)
        code, self.own = self.code, form.own
        self.pitch, self.line = form.side + form.own, form.width + form.own
        across = form.side // self.own
        self.ty, self.tx = quotient(self.me, across), remainder(self.me, across)
        self.left = code.shared(self.kind, DEEP * self.pitch)
        self.right = code.shared(self.kind, DEEP * self.line)
        self.weights = code.shared(self.kind, form.side * self.pitch)

    def tile(self, width: int = 0) -> Tile:
        """Registers for a thread's part of a tile so many columns wide, all 0."""
        form, zero = self.form, self.code.constant(0.0, self.kind)
        columns = form.own * (width or form.side) // form.side
        return [[self.code.variable(zero) for _ in range(columns)] for _ in range(form.own)]

    # ------------------------------------------------------------------------- shared memory

    def get(self, rows: Rows, row: Value, column: Value, columns: Value) -> Value:
        """An element as a number, 0 beyond the last row or column."""
        code, element = self.code, MEMORY[self.form.dtype]
        there = (row < rows.count) & (column < columns)
        index = row.widen("i64") * rows.step.widen("i64") + column.widen("i64")
        value = code.load(code.at(rows.pointer, element, choose(there, index, 0)), element)
        return unpacked(choose(there, value, 0), self.form.dtype).convert(self.kind)

    def turned(self, rows: Rows, first: Value, columns: Value, room: Value) -> None:
        """`DEEP` columns of a tile's rows from column `first` on, each column's rows side by side."""
        code, form = self.code, self.form
        column, row = remainder(self.me, DEEP), quotient(self.me, DEEP)
        for i in range(0, form.side, form.threads // DEEP):
            value = self.get(rows, rows.first + row + i, first + column, columns)
            code.store(value, code.at(room, self.kind, column * self.pitch + row + i))

    def straight(self, rows: Rows, first: Value, columns: Value) -> None:
        """`DEEP` rows from row `first` of a tile on, with as many columns as a block holds."""
        code, form = self.code, self.form
        each = form.threads // DEEP
        row, column = quotient(self.me, each), remainder(self.me, each)
        for i in range(0, form.width, each):
            value = self.get(rows, rows.first + first + row, column + i, columns)
            place = row * self.line + column + i
            code.store(value, code.at(self.right, self.kind, place))

    def run(self, room: Value, index: Value) -> list[Value]:
        """The numbers of a thread's rows or columns, which are side by side."""
        code, kind = self.code, self.kind
        at_once = 128 // BITS[kind]
        found = []
        for i in range(0, self.own, at_once):
            found += code.several(code.at(room, kind, index + i), kind, at_once)
        return found

    # ------------------------------------------------------------------------------- products

    def products(self, a: Rows, b: Rows, columns: Value) -> Tile:
        """Of each row of a with each row of b."""
        code, sums = self.code, self.tile()
        with code.loop(code.constant(0, "i32"), columns, DEEP) as first:
            code.barrier()
            self.turned(a, first, columns, self.left)
            self.turned(b, first, columns, self.right)
            code.barrier()
            for k in range(DEEP):
                down = self.run(self.left, self.ty * self.own + k * self.pitch)
                across = self.run(self.right, self.tx * self.own + k * self.pitch)
                self.multiplied(sums, down, across)
        return sums

    def multiplied(self, sums: Tile, down: list[Value], across: list[Value]) -> None:
        for line, x in zip(sums, down):
            for total, y in zip(line, across):
                total.value = self.code.intrinsic("fma", x, y, total.value)

    def keep(self, weights: list[list[Value]]) -> None:
        """A tile of weights, into shared memory: each column's rows side by side.

        Those that were there before have been read: `products`, which gave these, has barriers.
        """
        code = self.code
        for j in range(self.own):
            column = (self.tx * self.own + j) * self.pitch + self.ty * self.own
            for i in range(self.own):
                code.store(weights[i][j], code.at(self.weights, self.kind, column + i))

    def mixed(self, sums: Tile, b: Rows, columns: Value) -> None:
        """Add the rows of b, each weighted by what is kept."""
        code, form = self.code, self.form
        with code.loop(code.constant(0, "i32"), code.constant(form.side, "i32"), DEEP) as first:
            code.barrier()
            self.straight(b, first, columns)
            code.barrier()
            for k in range(DEEP):
                down = self.run(self.weights, (first + k) * self.pitch + self.ty * self.own)
                line = k * self.line
                across = []
                for part in range(0, form.width, form.side):
                    across += self.run(self.right, self.tx * self.own + (line + part))
                self.multiplied(sums, down, across)

    def over_row(self, values: list[Value], join: Any) -> Value:
        """What a row of the tile joins to, the same bits in all threads that hold some of it."""
        total = values[0]
        for value in values[1:]:
            total = join(total, value)
        by = self.form.side // self.own // 2
        while by:
            total, by = join(total, self.code.exchanged(total, "bfly", by)), by // 2
        return total

    def store_rows(self, sums: list[list[Value]], rows: Rows, columns: Value) -> None:
        """A block's part of a result."""
        code, element = self.code, MEMORY[self.form.dtype]
        for i, line in enumerate(sums):
            row = rows.first + self.ty * self.own + i
            with code.when(row < rows.count):
                begin = code.at(rows.pointer, element, row.widen("i64") * rows.step.widen("i64"))
                for j, value in enumerate(line):
                    column = self.tx * self.own + (j // self.own * self.form.side + j % self.own)
                    with code.when(column < columns):
                        code.store(packed(value, self.form.dtype), code.at(begin, element, column))


__all__ = ["ARRAYS", "DEEP", "Attention", "Form", "Numbers", "Rows", "Tiles", "of_gradient"]
