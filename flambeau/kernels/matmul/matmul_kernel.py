"""The machine code of `product`: blocks of rows and columns of stacks of matrix products.

A row of the job is a block of one result. The left operand is read where it lies, whatever its
strides. Of the right one, groups of columns (panels) are packed where its columns are not side by
side (a transposed matrix) or its rows lie far apart, and at its end; or all of it was packed before
(`packing`), where several blocks of rows need the same panels.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import NamedTuple

from ..llvm import Value, choose, quotient, remainder, smaller
from ..runtime.entry import Body, kernel
from .left_panel import pack_left
from .microkernel import Shape, call_multiply, multiply, pack

STRETCH = 32
"""Inner steps that are packed together, so that rows of memory are read from their start to their end."""


class Sizes(NamedTuple):
    """The numbers that begin the facts.

    Then follow, for each of `count` results, where its left operand begins and where its right one does.

    Attributes:
        m, n, k: Sizes of a result, and the inner one.
        c_across: The step from row to row of a result.
        block, blocks, col_block, col_blocks: Rows and columns of a block, and how many blocks there are.
        k_block: Inner steps for which operands are packed at once.
        group: Columns whose panels are packed at once.
        packs: Are panels of the right operand packed here?
        short: Does a panel that does not end with a vector have to be packed?
        a_across, a_along, b_across, b_along: Steps of the operands.
        b_panel: The step from panel to panel.
        space, right: Elements of the panels that are packed here, and where those of the right operand begin.
    """

    m: int
    n: int
    k: int
    c_across: int
    block: int
    blocks: int
    col_block: int
    col_blocks: int
    k_block: int
    group: int
    packs: int
    short: int
    a_across: int
    a_along: int
    b_across: int
    b_along: int
    b_panel: int
    space: int
    right: int
    count: int


class Numbers(NamedTuple):
    """add: Is the product added to what is there? biased: is there a bias?"""

    add: int
    biased: int


class PackNumbers(NamedTuple):
    """across, along: Steps from column to column and from row to row; block: inner steps of a row of the job."""

    n: int
    k: int
    across: int
    along: int
    block: int


class Facts:
    """The facts of a product as values."""

    def __init__(self, code: Body):
        self.code, self.start = code, code.p["facts"]
        names = Sizes._fields
        sizes = [code.get(self.start, "i64", code.number(i)) for i in range(len(names))]
        self.n = SimpleNamespace(**dict(zip(names, sizes)))
        a_starts = code.number(len(names))
        self.tables = {"a": a_starts, "b": a_starts + self.n.count}

    def begin(self, name: str, element: str, item: Value) -> Value:
        """Where an operand of a result begins."""
        start = self.code.get(self.start, "i64", self.tables[name] + item)
        return self.code.at(self.code.p[name], element, start)


@cache
def multiplying(shape: Shape, packed: bool) -> Callable[..., int]:
    """``f(a, b, c, bias, facts, *job, *Numbers)``: c = a b, or added to c, plus a bias for the columns.

    Args:
        packed: Are both operands packed? Otherwise the left one is read where it lies, and of the right one
            what the facts say is packed.
    """
    right = "panel" if packed else "stride"

    def write(code: Body) -> None:
        code.functions = [
            *(
                multiply(
                    shape._replace(vectors=v), code.declarations, packed, f"multiply_{v}", right,
                    shape.columns,
                )
                for v in range(1, shape.vectors + 1)
            ),
            pack("pack", shape.columns, shape.element, shape.lanes, code.declarations),
        ]  # fmt: skip
        if packed:
            code.functions.append(pack_left(shape, code.declarations))
        facts = Facts(code)
        space = code.scratch((facts.n.space + shape.lanes) * shape.item + 64)
        line = code.emit(f"ptrtoint ptr {space.name} to i64", "i64")
        block = (PackedBlock if packed else Block)(
            code, shape, facts, code.at(space, "i8", -line & 63)
        )
        with code.rows() as row:
            block.compute(row)
        code.free(space)

    arrays = ("a", "b", "c", "bias", "facts")
    return kernel("matrix_product", arrays, Numbers, write, shape.lanes, makes=True)


class Block:
    """Writes what one row of the job does.

    Attributes:
        begin, end: Its columns.
        first, depth: Where a stretch of the inner dimension begins, and how long it is.
        a: Where the left operand of the block begins, and its steps: across, along, and from tile to tile.
    """

    def __init__(self, code: Body, shape: Shape, facts: Facts, space: Value):
        self.code, self.shape, self.facts, self.space = code, shape, facts, space
        self.element = shape.element
        self.panels = self.at(space, facts.n.right)

    def at(self, pointer: Value, index: Value) -> Value:
        return self.code.at(pointer, self.element, index)

    def compute(self, row: Value) -> None:
        code, f = self.code, self.facts.n
        single = f.blocks * f.col_blocks
        item, part = quotient(row, single), remainder(row, single)
        self.top = quotient(part, f.col_blocks) * f.block
        self.begin = remainder(part, f.col_blocks) * f.col_block
        self.end = smaller(self.begin + f.col_block, f.n)
        self.height = smaller(f.m - self.top, f.block)
        left = self.at(self.facts.begin("a", self.element, item), self.top * f.a_across)
        right = self.facts.begin("b", self.element, item)
        self.c = self.at(code.p["c"], (item * f.m + self.top) * f.c_across)
        with code.loop(code.zero, f.k, f.k_block) as first:
            self.first, self.depth = first, smaller(f.k - first, f.k_block)
            self.left(self.at(left, first * f.a_along))
            with code.loop(self.begin, self.end, f.group) as j:
                self.group(self.at(right, first * f.b_along), j, smaller(j + f.group, self.end))

    def left(self, a: Value) -> None:
        f = self.facts.n
        self.a = (a, f.a_across, f.a_along, f.a_across)

    def group(self, b: Value, begin: Value, end: Value) -> None:
        """All rows of the block at some columns, whose panels are packed first, if they are."""
        code, f, columns = self.code, self.facts.n, self.shape.columns
        packs = f.packs.differs(0)
        with code.when(packs):
            self.pack_panels(b, begin, end)
        right, stride = code.slot("ptr"), code.slot("i64")
        with code.loop(begin, end, columns) as j:
            wide = smaller(end - j, columns)
            there = self.at(b, quotient(j, columns) * f.b_panel)
            code.store(choose(packs, self.at(self.panels, (j - begin) * self.depth), there), right)
            code.store(choose(packs, code.number(columns), f.b_along), stride)
            part = (wide & (self.shape.lanes - 1)).differs(0)
            with code.when(f.short.differs(0) & part):  # it would be read beyond its end
                self.pack(self.panels, there, wide, self.depth)
                code.store(self.panels, right)
                code.store(code.number(columns), stride)
            self.columns(j, wide, (code.load(right, "ptr"), code.load(stride, "i64")))

    def pack_panels(self, b: Value, begin: Value, end: Value) -> None:
        """Some columns' panels, by stretches of rows."""
        code, f, columns = self.code, self.facts.n, self.shape.columns
        with (
            code.loop(code.zero, self.depth, STRETCH) as k,
            code.loop(begin, end, columns) as j,
        ):
            self.pack(
                self.at(self.panels, (j - begin) * self.depth + k * columns),
                self.at(b, quotient(j, columns) * f.b_panel + k * f.b_along),
                smaller(end - j, columns), smaller(self.depth - k, STRETCH),
            )  # fmt: skip

    def pack(self, target: Value, source: Value, wide: Value, inner: Value) -> None:
        f = self.facts.n
        self.code.line(
            f"call void @pack(ptr {target.name}, ptr {source.name}, i64 {wide.name}, "
            f"i64 {inner.name}, i64 {f.b_across.name}, i64 {f.b_along.name})"
        )

    def columns(self, j: Value, wide: Value, right: tuple[Value, Value]) -> None:
        """All rows of the block at the columns of one panel, by the narrowest tile that holds them."""
        code, f, shape = self.code, self.facts.n, self.shape
        biased = code.n.biased.differs(0) & self.first.equals(0)
        bias = choose(biased, self.at(code.p["bias"], j), code.null)
        add = code.n.add | self.first
        function = code.symbol(f"multiply_{shape.vectors}")
        for v in range(shape.vectors - 1, 0, -1):
            narrow = wide <= v * shape.lanes
            function = choose(narrow, code.symbol(f"multiply_{v}"), function)
        a, across, along, step = self.a
        with code.loop(code.zero, self.height, shape.rows) as i:
            call_multiply(
                code, (self.at(a, i * step), across, along), right, self.depth,
                (self.at(self.c, i * f.c_across + j), f.c_across, smaller(self.height - i, shape.rows), wide),
                add, bias, function.name,
            )  # fmt: skip


class PackedBlock(Block):
    """The same where both operands are packed."""

    def left(self, a: Value) -> None:
        """Pack the rows of the block: those that lie in memory from their start to their end, others by stretches."""
        code, f, rows = self.code, self.facts.n, self.shape.rows
        step = choose(f.a_along.equals(1), self.depth, code.number(STRETCH))
        with (
            code.loop(code.zero, quotient(self.depth + step - 1, step)) as stretch,
            code.loop(code.zero, self.height, rows) as i,
        ):
            k = stretch * step
            code.line(
                f"call void @pack_left(ptr {self.at(self.space, i * self.depth + k * rows).name}, "
                f"ptr {self.at(a, i * f.a_across + k * f.a_along).name}, "
                f"i64 {smaller(self.height - i, rows).name}, "
                f"i64 {smaller(self.depth - k, step).name}, "
                f"i64 {f.a_across.name}, i64 {f.a_along.name})"
            )
        one = code.number(1)
        self.a = (self.space, one, one, self.depth)

    def group(self, b: Value, begin: Value, end: Value) -> None:
        code, f, columns = self.code, self.facts.n, self.shape.columns
        packs = f.packs.differs(0)
        with code.when(packs):
            self.pack_panels(b, begin, end)
        with code.loop(begin, end, columns) as j:
            there = self.at(b, quotient(j, columns) * f.b_panel)
            here = self.at(self.panels, (j - begin) * self.depth)
            right = choose(packs, here, there), code.number(columns)
            self.columns(j, smaller(end - j, columns), right)


@cache
def packing(shape: Shape) -> Callable[..., int]:
    """``f(b, panels, starts, *job, *PackNumbers)``: right operands as panels, one after the other.

    A row is `block` inner steps of all panels: so rows of memory are read from their start to their end.
    """

    def write(code: Body) -> None:
        code.functions = [
            pack("pack", shape.columns, shape.element, shape.lanes, code.declarations)
        ]
        n, element = code.n, shape.element
        stretches = quotient(n.k + n.block - 1, n.block)
        width = quotient(n.n + (shape.columns - 1), shape.columns) * shape.columns
        with code.rows() as row:
            item, first = quotient(row, stretches), remainder(row, stretches) * n.block
            inner = smaller(n.k - first, n.block)
            start = code.get(code.p["starts"], "i64", item) + first * n.along
            panels = code.at(code.p["panels"], element, item * width * n.k)
            with code.loop(code.zero, n.n, shape.columns) as j:
                source = code.at(code.p["b"], element, start + j * n.across)
                target = code.at(panels, element, j * n.k + first * shape.columns)
                code.line(
                    f"call void @pack(ptr {target.name}, ptr {source.name}, "
                    f"i64 {smaller(n.n - j, shape.columns).name}, i64 {inner.name}, "
                    f"i64 {n.across.name}, i64 {n.along.name})"
                )

    return kernel(
        "pack_panels", ("b", "panels", "starts"), PackNumbers, write, shape.lanes, makes=True
    )
