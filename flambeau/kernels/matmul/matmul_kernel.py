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

from ..llvm import Value, quotient, remainder, smaller
from ..runtime.entry import Body, kernel
from .microkernel import Shape, call_multiply, multiply, pack


class Sizes(NamedTuple):
    """The numbers that begin the facts.

    Then follow, for each of `count` results, where its left operand begins and where its right one does, and
    for each of k inner steps where its row of the right operand begins and where that of a packed panel does.

    Attributes:
        m, n, k: Sizes of a result, and the inner one.
        block, blocks, col_block, col_blocks: Rows and columns of a block, and how many blocks there are.
        packs: Are panels packed here?
        a_across, a_along, b_across, b_along: Steps of the operands.
        b_panel: The step from panel to panel.
    """

    m: int
    n: int
    k: int
    block: int
    blocks: int
    col_block: int
    col_blocks: int
    packs: int
    a_across: int
    a_along: int
    b_across: int
    b_along: int
    b_panel: int
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
        b_starts = a_starts + self.n.count
        self.tables = {"a": a_starts, "b": b_starts}
        self.offsets = code.at(self.start, "i64", b_starts + self.n.count)
        self.packed_offsets = code.at(self.start, "i64", b_starts + self.n.count + self.n.k)

    def begin(self, name: str, element: str, item: Value) -> Value:
        """Where an operand of a result begins."""
        start = self.code.get(self.start, "i64", self.tables[name] + item)
        return self.code.at(self.code.p[name], element, start)


@cache
def multiplying(shape: Shape) -> Callable[..., int]:
    """``f(a, b, c, bias, facts, *job, *Numbers)``: c = a b, or added to c, plus a bias for the columns."""

    def write(code: Body) -> None:
        code.functions = [
            multiply(shape, code.declarations, packed=False),
            pack("pack", shape.columns, shape.element, shape.lanes, code.declarations),
        ]
        facts = Facts(code)
        panel = code.scratch((facts.n.k * shape.columns + shape.lanes) * shape.item + 64)
        line = panel.code.emit(f"ptrtoint ptr {panel.name} to i64", "i64")
        with code.rows() as row:
            Block(code, shape, facts, code.at(panel, "i8", -line & 63)).compute(row)
        code.free(panel)

    arrays = ("a", "b", "c", "bias", "facts")
    return kernel("matrix_product", arrays, Numbers, write, shape.lanes, makes=True)


class Block:
    """Writes what one row of the job does."""

    def __init__(self, code: Body, shape: Shape, facts: Facts, panel: Value):
        self.code, self.shape, self.facts, self.panel = code, shape, facts, panel
        biased = code.n.biased.differs(0)
        self.bias = code.emit(
            f"select i1 {biased.name}, ptr {code.p['bias'].name}, ptr null", "ptr"
        )

    def compute(self, row: Value) -> None:
        code, facts, element, columns = (
            self.code,
            self.facts,
            self.shape.element,
            self.shape.columns,
        )
        f = facts.n
        single = f.blocks * f.col_blocks
        item, part = quotient(row, single), remainder(row, single)
        self.top = quotient(part, f.col_blocks) * f.block
        begin = remainder(part, f.col_blocks) * f.col_block
        self.height = smaller(f.m - self.top, f.block)
        self.a, b = facts.begin("a", element, item), facts.begin("b", element, item)
        self.c = code.at(code.p["c"], element, (item * f.m + self.top) * f.n)
        right, offsets = code.slot("ptr"), code.slot("ptr")
        with code.loop(begin, smaller(begin + f.col_block, f.n), columns) as j:
            wide = smaller(f.n - j, columns)
            there = code.at(b, element, quotient(j, columns) * f.b_panel)
            code.store(there, right)
            code.store(facts.offsets, offsets)
            short = (wide < columns) & f.b_panel.equals(f.b_across * columns)
            with code.when(f.packs.differs(0) | short):
                code.line(
                    f"call void @pack(ptr {self.panel.name}, ptr {there.name}, i64 {wide.name}, "
                    f"i64 {f.k.name}, i64 {f.b_across.name}, i64 {f.b_along.name})"
                )
                code.store(self.panel, right)
                code.store(facts.packed_offsets, offsets)
            self.columns(j, wide, (code.load(right, "ptr"), code.load(offsets, "ptr")))

    def columns(self, j: Value, wide: Value, right: tuple[Value, Value]) -> None:
        """All rows of the block at the columns of one panel."""
        code, f, shape, element = self.code, self.facts.n, self.shape, self.shape.element
        here = code.at(self.bias, element, j)
        biased = code.n.biased.differs(0)
        bias = code.emit(f"select i1 {biased.name}, ptr {here.name}, ptr null", "ptr")
        with code.loop(code.zero, self.height, shape.rows) as i:
            place = code.at(self.c, element, i * f.n + j)
            call_multiply(
                code,
                (code.at(self.a, element, (self.top + i) * f.a_across), f.a_across, f.a_along),
                right,
                f.k,
                (place, f.n, smaller(self.height - i, shape.rows), wide),
                code.n.add,
                bias,
            )


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
