"""The kernels of a convolution's gradient towards its weight with channels in the lanes of vectors.

A tile is some results (output channels) by some vectors of channels, for one tap: each place's
gradient, read where it lies, is spread over a vector and multiplied with what the tap sees there. A row
of the job is a range of chunks (outermost places of an image) for a group and some of its results;
it has sums of its own, which a second job adds in their order.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ..llvm import BITS, Code, Value, quotient, remainder, smaller
from ..matmul.microkernel import within
from ..runtime.entry import Body, kernel
from .input_tile_nhwc import TileNumbers, call_lay_out, lay_out, shifted
from .winograd_tile import leave, walk

STRETCH = 256
"""Places summed in a register before the sum goes to memory: keeps float32 accurate."""


class Numbers(NamedTuple):
    """What the kernel of sums is told.

    Attributes:
        wide, high: Channels and results with those that fill vectors and tiles.
        rows: Results of a group.
        x0, x1, x2, p0, p1, p2: Sizes of the image, and its padding before.
        e0, e1, e2: Extents of the input tile.
        u0, u1, u2, s0, s1, s2: How many places there are, and their steps through the image.
        chunk, chunks: Outermost places that share a tile, and how many such ranges an image has.
        share, parts: Chunks of a row of the job, and of all images.
        slice, slices: Results of a row of the job, and how many such ranges there are.
        lines: Lines of places of a tile, at most.
    """

    groups: int
    channels: int
    wide: int
    rows: int
    high: int
    x0: int
    x1: int
    x2: int
    p0: int
    p1: int
    p2: int
    e0: int
    e1: int
    e2: int
    u0: int
    u1: int
    u2: int
    s0: int
    s1: int
    s2: int
    taps: int
    chunk: int
    chunks: int
    share: int
    parts: int
    slice: int
    slices: int
    lines: int


def rows_of(bits: int) -> int:
    """Results of a tile."""
    return 8 if bits == 512 else 4


@cache
def sums(element: str, bits: int) -> Any:
    """Sums of products, (shares, groups, taps, high, wide)."""
    return kernel(
        "convolution_weight_by_channel", ("x", "g", "sums", "offsets"), Numbers,
        lambda code: Piece(code, element, rows_of(bits)).write(), bits // BITS[element],
        makes=True,
    )  # fmt: skip


class PlaceNumbers(NamedTuple):
    """What a tile of products is told: the places from `first` to `end` of the lines from `line` to `last`.

    Attributes:
        there: Results that exist.
        area: Places of a result.
        wide: As in `Numbers`.
        u1, u2: Places of a plane and of a line.
        step0, step1, step2: Their steps through the input tile.
        e1, e2: Extents of that.
        add: Are the products added to what is there?
    """

    there: Value
    area: Value
    wide: Value
    line: Value
    last: Value
    first: Value
    end: Value
    u1: Value
    u2: Value
    step0: Value
    step1: Value
    step2: Value
    e1: Value
    e2: Value
    add: Value


class Piece:
    """Writes the loops over a piece of the job."""

    def __init__(self, code: Body, element: str, height: int):
        self.code, self.n, self.element, self.height = code, code.n, element, height

    def write(self) -> None:
        code, n, element, lanes = self.code, self.n, self.element, self.code.lanes
        code.functions += [lay_out(element, lanes, code.declarations)]
        code.functions += [self.tile(v) for v in (1, 2, 3)]
        size = (n.e0 * n.e1 * n.e2 + lanes) * n.wide * (BITS[element] // 8)
        self.input = code.scratch(size)
        self.area = n.u0 * n.u1 * n.u2
        with code.rows() as row:
            whole, part = quotient(row, n.slices), remainder(row, n.slices)
            group, share = remainder(whole, n.groups), quotient(whole, n.groups)
            self.begin = part * n.slice
            self.results = smaller(n.rows - self.begin, n.slice)
            place = (whole * n.taps * n.high + self.begin) * n.wide
            self.target = code.at(code.p["sums"], element, place)
            first = share * n.share
            with code.loop(first, smaller(first + n.share, n.parts)) as chunk:
                self.chunk(quotient(chunk, n.chunks) * n.groups + group,
                           remainder(chunk, n.chunks) * n.chunk, chunk - first)  # fmt: skip
        code.free(self.input)

    def chunk(self, image: Value, begin: Value, add: Value) -> None:
        """Add a chunk's products, or set the sums to them."""
        code, n, element = self.code, self.n, self.element
        deep = smaller(n.u0 - begin, n.chunk)
        rows = n.e0 - (n.chunk - deep) * n.s0
        source = code.at(code.p["x"], element, image * n.channels * n.x0 * n.x1 * n.x2)
        call_lay_out(code, self.input, source, TileNumbers(
            channels=n.channels, wide=n.wide, x0=n.x0, x1=n.x1, x2=n.x2,
            f0=begin * n.s0 - n.p0, f1=-n.p1, f2=-n.p2, e0=rows, e1=n.e1, e2=n.e2,
        ))  # fmt: skip
        start = (image * n.rows + self.begin) * self.area + begin * n.u1 * n.u2
        g = code.at(code.p["g"], element, start)
        zero = code.zero
        with code.loop(zero, n.taps) as tap, code.loop(zero, self.results, self.height) as o:
            offset = code.get(code.p["offsets"], "i64", tap) * n.wide
            target = code.at(self.target, element, (tap * n.high + o) * n.wide)
            left = code.at(g, element, o * self.area)
            there = smaller(self.results - o, self.height)
            x = code.at(self.input, element, offset)
            self.lines(left, x, target, there, deep * n.u1, add)

    def lines(
        self, left: Value, x: Value, target: Value, there: Value, count: Value, add: Value
    ) -> None:
        """The products of a tap and some results, a stretch of places at a time."""
        code, n, zero = self.code, self.n, self.code.zero
        with walk(code, zero, count) as (line, onward):
            some = smaller(count - line, n.lines)
            with code.loop(zero, n.u2, STRETCH) as j:
                self.tiles(left, x, target, there, (line, some, j), add | line | j)
            code.store(line + some, onward)

    def tiles(
        self,
        left: Value,
        x: Value,
        target: Value,
        there: Value,
        span: tuple[Value, ...],
        add: Value,
    ) -> None:
        """Tiles side by side: three vectors wide, or two where three would leave one alone."""
        code, n, element = self.code, self.n, self.element
        line, some, j = span
        end = smaller(j + STRETCH, n.u2)
        facts = PlaceNumbers(
            there=there, area=self.area, wide=n.wide, line=line, last=line + some, first=j, end=end,
            u1=n.u1, u2=n.u2, step0=n.s0, step1=n.s1, step2=n.s2, e1=n.e1, e2=n.e2, add=add,
        )  # fmt: skip
        listed = ", ".join(f"i64 {v.name}" for v in facts)
        vectors = quotient(n.wide, code.number(code.lanes))
        with walk(code, code.zero, vectors) as (at, onward):
            rest = vectors - at
            width = smaller(rest, 3) - rest.equals(4).widen("i64")
            right = code.at(x, element, at * code.lanes)
            to = code.at(target, element, at * code.lanes)
            for v in (1, 2, 3):
                with code.when(width.equals(v)):
                    code.line(
                        f"call void @tile{v}(ptr {left.name}, ptr {right.name}, ptr {to.name}, {listed})"
                    )
            code.store(at + width, onward)

    def tile(self, vectors: int) -> str:
        """``void @tile(g, x, target, *PlaceNumbers)``: the products at the places of some lines."""
        code, element = Code(self.code.lanes, self.code.declarations), self.element
        type, lanes = code.vector(element), code.lanes
        g, x, target = (Value(code, f"%{n}", "ptr") for n in ("g", "x", "target"))
        n = PlaceNumbers(*(Value(code, f"%{name}", "i64") for name in PlaceNumbers._fields))
        zero = code.constant(0.0, type)
        totals = [[code.slot(type, zero) for _ in range(vectors)] for _ in range(self.height)]
        rows = [  # results that are not there are read from the last one that is
            code.at(g, element, smaller(n.there - 1, i) * n.area) for i in range(self.height)
        ]
        with code.loop(n.line, n.last) as line:
            a, b = quotient(line, n.u1), remainder(line, n.u1)
            start = (a * n.step0 * n.e1 + b * n.step1) * n.e2 * n.wide
            lines = [code.at(row, element, line * n.u2) for row in rows]
            here = code.at(x, element, start)
            with code.loop(n.first, n.end) as j:
                place = code.at(here, element, j * n.step2 * n.wide)
                right = [
                    code.load(code.at(place, element, j.like(v * lanes)), type)
                    for v in range(vectors)
                ]
                for source, sums in zip(lines, totals):
                    left = code.splat(code.load(code.at(source, element, j), element))
                    for value, total in zip(right, sums):
                        code.store(left.multiply_add(value, code.load(total, type)), total)
        leave(code, element, totals, target, n.wide, n.add)
        code.line("ret void")
        listed = ", ".join(f"i64 {v.name}" for v in n)
        return code.function(
            f"@tile{vectors}(ptr noalias %g, ptr noalias %x, ptr noalias %target, {listed})",
            "internal void",
            "noinline",
        )


class TotalNumbers(NamedTuple):
    """shares: Of the sums; the others as in `Numbers`."""

    groups: int
    channels: int
    rows: int
    wide: int
    high: int
    taps: int
    shares: int


@cache
def total(element: str, lanes: int) -> Any:
    """The weight's gradient (groups * rows, channels, taps): a row is one result."""

    def write(code: Body) -> None:
        n, type = code.n, code.vector(element)
        sum_ = code.slot(type)
        buffer = code.slot(f"[{lanes} x {element}]")
        of_tap = n.high * n.wide
        of_share = n.groups * n.taps * of_tap
        with (
            code.rows() as row,
            code.loop(code.zero, n.taps) as tap,
            code.loop(code.zero, n.wide, lanes) as c,
        ):
            group, o = quotient(row, n.rows), remainder(row, n.rows)
            start = (group * n.taps + tap) * of_tap + o * n.wide + c
            code.store(code.constant(0.0, type), sum_)
            with code.loop(code.zero, n.shares) as share:
                at = code.at(code.p["sums"], element, start + share * of_share)
                code.store(code.load(sum_, type) + code.load(at, type), sum_)
            value = code.load(sum_, type)
            place = (row * n.channels + c) * n.taps + tap
            single = n.taps.equals(1)
            with code.when(single):
                to = shifted(code, code.p["w"], place, element)
                code.masked_store(value, to, within(code, n.channels - c))
            with code.when(single ^ 1):
                code.store(value, buffer)
                with code.loop(code.zero, smaller(n.channels - c, lanes)) as k:
                    code.put(code.get(buffer, element, k), code.p["w"], place + k * n.taps)

    return kernel("convolution_weight_total", ("sums", "w"), TotalNumbers, write, lanes, makes=True)
