"""The kernel of a convolution and of its transpose with places in the lanes of vectors: input tiles times packed weights.

A row of the job is one group of one image, over a range of its outermost places. Positions run
over the tile's own rows, so a tile of neighbouring positions reads neighbouring elements for
every tap; sums that lie beyond a row of the result are left out when tiles are written.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ..llvm import Value, larger, quotient, remainder, smaller
from ..matmul.microkernel import Shape, call_multiply, fill, multiply, write
from ..runtime.entry import Body, kernel
from .input_tile import TileNumbers, build, call_build


class Numbers(NamedTuple):
    """What the kernel is told: as `by_channel.Numbers`, and

    Attributes:
        count: Planes of the input tile.
        size: Its elements.
        panels: Of the results of a group.
        rows: Results of a group.
    """

    groups: int
    channels: int
    count: int
    x0: int
    x1: int
    x2: int
    s0: int
    s1: int
    s2: int
    e0: int
    e1: int
    e2: int
    inner: int
    panels: int
    rows: int
    u0: int
    u1: int
    u2: int
    chunk: int
    chunks: int
    y0: int
    y1: int
    y2: int
    t0: int
    t1: int
    t2: int
    b0: int
    b1: int
    b2: int
    size: int
    begun: int


@cache
def convolution(shape: Shape) -> Any:
    names = ("x", "w", "bias", "y", "planes", "offsets")
    return kernel(
        "convolution_by_pixel",
        names,
        Numbers,
        lambda code: _write(code, shape),
        shape.lanes,
        makes=True,
    )


def _write(code: Body, shape: Shape) -> None:
    code.functions += [
        multiply(shape, code.declarations, packed=True),
        write(shape, code.declarations),
        build(shape.element, shape.lanes, code.declarations),
    ]
    tile_size = shape.rows * shape.columns * shape.item
    size = (code.n.size + (shape.columns + shape.lanes)) * shape.item + tile_size
    space = code.scratch(size)
    tile = code.at(space, "i8", code.number(tile_size))
    with code.rows() as item:
        Item(code, shape, tile, space).compute(item)
    code.free(space)


class Item:
    """Writes what one row of the job does."""

    def __init__(self, code: Body, shape: Shape, tile: Value, sums: Value):
        self.code, self.n, self.shape, self.tile, self.sums = code, code.n, shape, tile, sums

    def compute(self, item: Value) -> None:
        code, n, element = self.code, self.n, self.shape.element
        whole, part = quotient(item, n.chunks), remainder(item, n.chunks)
        self.group = remainder(whole, n.groups)
        self.begin = part * n.chunk
        height = smaller(n.u0 - self.begin, n.chunk)
        image = whole * (n.channels * n.x0 * n.x1 * n.x2)
        call_build(
            code, self.tile, code.at(code.p["x"], element, image), code.p["planes"],
            TileNumbers(
                channels=n.channels, count=n.count, pitch=n.e0 * n.e1 * n.e2,
                x0=n.x0, x1=n.x1, x2=n.x2, step0=n.s0, step1=n.s1, step2=n.s2, first=self.begin,
                e0=n.e0, e1=n.e1, e2=n.e2,
            ),
        )  # fmt: skip
        self.area = n.y0 * n.y1 * n.y2
        self.result = code.at(code.p["y"], element, whole * n.rows * self.area)
        self.end = ((height - 1) * n.e1 + n.u1 - 1) * n.e2 + n.u2
        with code.loop(height.like(0), self.end, self.shape.columns) as position:
            self.columns(position)

    def columns(self, position: Value) -> None:
        """All rows of the result at the positions of one tile."""
        code, n, shape = self.code, self.n, self.shape
        line = quotient(position, n.e2)
        start = quotient(line, n.e1), remainder(line, n.e1), remainder(position, n.e2)
        right = code.at(self.tile, shape.element, position)
        with code.loop(position.like(0), n.panels) as panel:
            at = self.group * n.panels + panel
            with code.when(n.begun.differs(0)):  # with a bias, or where there is nothing to add
                starts = code.at(code.p["bias"], shape.element, at * shape.rows)
                fill(code, shape, self.sums, starts)
            left = code.at(code.p["w"], shape.element, at * n.inner * shape.rows)
            call_multiply(
                code, (left, at.like(1), at.like(1)), (right, code.p["offsets"]), n.inner,
                (self.sums, at.like(shape.columns), at.like(shape.rows), at.like(shape.columns)),
                n.begun,
            )  # fmt: skip
            first = panel * shape.rows
            target = code.at(self.result, shape.element, first * self.area)
            self.deliver(target, smaller(n.rows - first, shape.rows), position, start)

    def deliver(
        self, target: Value, rows: Value, position: Value, start: tuple[Value, ...]
    ) -> None:
        """Write a tile's runs: the parts of it that lie in one row of the result."""
        code, n, shape = self.code, self.n, self.shape
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
        length = smaller(n.e2 - u2, wanted - j)
        seen = larger(smaller(n.u2 - u2, length), 0)
        seen = code.emit(f"select i1 {(u1 < n.u1).name}, i64 {seen.name}, i64 0", "i64")
        y0 = (self.begin + u0) * n.t0 + n.b0
        line = (y0 * n.y1 + u1 * n.t1 + n.b1) * n.y2
        place = code.at(target, shape.element, line + u2 * n.t2 + n.b2)
        sums = code.at(self.sums, shape.element, j)
        with code.when(seen > 0):
            code.line(
                f"call void @write(ptr {sums.name}, ptr {place.name}, i64 {rows.name}, "
                f"i64 {self.area.name}, i64 {seen.name}, i64 {n.t2.name})"
            )
        ended = (u1 + 1).equals(n.e1)
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
