"""The kernel of a convolution and of its transpose: slabs times packed weights.

A row of the job is one group of one image, over a range of its outermost places. Positions run
over the slab's own rows, so a tile of neighbouring positions reads neighbouring elements for
every tap; sums that lie beyond a row of the result are left out when tiles are written.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from ..llvm import Value, larger, quotient, remainder, smaller
from ..matmul.microkernel import Shape, call_multiply, fill, multiply, write
from ..runtime.entry import Body, kernel
from .input_tile import build, call_build

_NUMBERS = (
    "groups", "channels", "count", "x0", "x1", "x2", "s0", "s1", "s2", "e0", "e1", "e2",
    "inner", "panels", "rows", "u0", "u1", "u2", "chunk", "chunks",
    "y0", "y1", "y2", "t0", "t1", "t2", "b0", "b1", "b2", "size", "begun",
)  # fmt: skip


@cache
def convolution(shape: Shape) -> Any:
    names = ("x", "w", "bias", "y", "planes", "offsets")
    return kernel("convolution", names, _NUMBERS, lambda code: _write(code, shape), shape.lanes)


def _write(code: Body, shape: Shape) -> None:
    code.functions += [
        multiply(shape, code.declarations, packed=True),
        write(shape, code.declarations),
        build(shape.element, shape.lanes, code.declarations),
    ]
    tile_size = shape.rows * shape.columns * shape.item
    size = (code.n["size"] + (shape.columns + shape.lanes)) * shape.item + tile_size
    space = code.scratch(size)
    slab = code.at(space, "i8", code.number(tile_size))
    with code.rows() as item:
        Item(code, shape, slab, space).compute(item)
    code.free(space)


class Item:
    """Writes what one row of the job does."""

    def __init__(self, code: Body, shape: Shape, slab: Value, sums: Value):
        self.code, self.shape, self.slab, self.sums = code, shape, slab, sums
        self.words = SimpleNamespace(**code.n)

    def compute(self, item: Value) -> None:
        code, words, element = self.code, self.words, self.shape.element
        whole, part = quotient(item, words.chunks), remainder(item, words.chunks)
        self.group = remainder(whole, words.groups)
        self.begin = part * words.chunk
        height = smaller(words.u0 - self.begin, words.chunk)
        image = whole * (words.channels * words.x0 * words.x1 * words.x2)
        extents = words.e0, words.e1, words.e2
        call_build(
            code, self.slab, code.at(code.p["x"], element, image), code.p["planes"],
            [
                words.channels, words.count, words.e0 * words.e1 * words.e2, words.x0, words.x1,
                words.x2, words.s0, words.s1, words.s2, self.begin, *extents,
            ],
        )  # fmt: skip
        self.area = words.y0 * words.y1 * words.y2
        self.result = code.at(code.p["y"], element, whole * words.rows * self.area)
        self.end = ((height - 1) * words.e1 + words.u1 - 1) * words.e2 + words.u2
        with code.loop(height.like(0), self.end, self.shape.columns) as position:
            self.columns(position)

    def columns(self, position: Value) -> None:
        """All rows of the result at the positions of one tile."""
        code, words, shape = self.code, self.words, self.shape
        line = quotient(position, words.e2)
        start = quotient(line, words.e1), remainder(line, words.e1), remainder(position, words.e2)
        right = code.at(self.slab, shape.element, position)
        with code.loop(position.like(0), words.panels) as panel:
            at = self.group * words.panels + panel
            with code.when(words.begun.differs(0)):  # with a bias, or where there is nothing to add
                starts = code.at(code.p["bias"], shape.element, at * shape.rows)
                fill(code, shape, self.sums, starts)
            left = code.at(code.p["w"], shape.element, at * words.inner * shape.rows)
            call_multiply(
                code, (left, at.like(1), at.like(1)), (right, code.p["offsets"]), words.inner,
                (self.sums, at.like(shape.columns), at.like(shape.rows), at.like(shape.columns)),
                words.begun,
            )  # fmt: skip
            first = panel * shape.rows
            target = code.at(self.result, shape.element, first * self.area)
            self.deliver(target, smaller(words.rows - first, shape.rows), position, start)

    def deliver(
        self, target: Value, rows: Value, position: Value, start: tuple[Value, ...]
    ) -> None:
        """Write a tile's runs: the parts of it that lie in one row of the result."""
        code, words, shape = self.code, self.words, self.shape
        zero = position.like(0)
        places = [code.slot("i64", value) for value in start]
        done = code.slot("i64", zero)
        wanted = smaller(self.end - position, shape.columns)
        head, body, left = (code.name(n) for n in ("runs", "run", "delivered"))
        code.jump(head)
        code.label(head)
        j = code.load(done, "i64")
        code.branch(j < wanted, body, left)
        code.label(body)
        u0, u1, u2 = (code.load(place, "i64") for place in places)
        length = smaller(words.e2 - u2, wanted - j)
        seen = larger(smaller(words.u2 - u2, length), 0)
        seen = code.emit(f"select i1 {(u1 < words.u1).name}, i64 {seen.name}, i64 0", "i64")
        y0 = (self.begin + u0) * words.t0 + words.b0
        line = (y0 * words.y1 + u1 * words.t1 + words.b1) * words.y2
        place = code.at(target, shape.element, line + u2 * words.t2 + words.b2)
        sums = code.at(self.sums, shape.element, j)
        with code.when(seen > 0):
            code.line(
                f"call void @write(ptr {sums.name}, ptr {place.name}, i64 {rows.name}, "
                f"i64 {self.area.name}, i64 {seen.name}, i64 {words.t2.name})"
            )
        ended = (u1 + 1).equals(words.e1)
        nexts = (
            code.emit(f"select i1 {ended.name}, i64 {(u0 + 1).name}, i64 {u0.name}", "i64"),
            code.emit(f"select i1 {ended.name}, i64 0, i64 {(u1 + 1).name}", "i64"),
            zero,
        )
        for slot, value in zip(places, nexts):
            code.store(value, slot)
        code.store(j + length, done)
        code.jump(head)
        code.label(left)
