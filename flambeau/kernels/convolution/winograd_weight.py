"""The kernels of a convolution's gradient towards its weight by products of transformed patches.

The channels of the image lie in the lanes of vectors here, for the sums run over patches. A row of the
job is a range of rows of patches, for one group and some of its results; it has sums of its own, which
a second job adds in their order and transforms back.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ..llvm import Value, quotient, remainder, smaller
from ..runtime.entry import Body, kernel
from .input_tile_nhwc import TileNumbers, call_lay_out, columns, lay_out, shifted
from .winograd_tile import (
    POINTS,
    aligned,
    apart,
    both_ways,
    call_tiles,
    is_lost,
    look,
    of_input,
    of_output,
    rows_of,
    tiles,
    to_weight,
    walk,
)


class Numbers(NamedTuple):
    """What the kernel of sums is told: as `winograd_map.Numbers`, and

    Attributes:
        share: Rows of patches of a row of the job, which takes `block` of them at a time.
        pitch: Patches from result to result.
        slice, slices: Results of a row of the job, and how many such ranges there are.
        wide, high: Channels and results with those that fill vectors and tiles.
    """

    groups: int
    channels: int
    height: int
    width: int
    top: int
    left: int
    rows: int
    y_height: int
    y_width: int
    deep: int
    across: int
    lines: int
    share: int
    block: int
    pitch: int
    slices: int
    slice: int
    wide: int
    high: int


@cache
def sums(bits: int) -> Any:
    """Sums of products at the points of a patch, (shares, groups, points, high, wide)."""
    lanes = bits // 32
    return kernel("winograd_sums", ("x", "g", "sums"), Numbers,
                  lambda code: Piece(code, bits).write(), lanes, makes=True)  # fmt: skip


class Piece:
    """Writes the loops over a piece of the job."""

    def __init__(self, code: Body, bits: int):
        self.code, self.n = code, code.n
        self.lanes, self.height = code.lanes, rows_of(bits)
        self.type = code.vector("float")

    def write(self) -> None:
        code, n, lanes = self.code, self.n, self.lanes
        code.functions += tiles(code, self.height, along=True)
        code.functions.append(lay_out("float", lanes, code.declarations))
        self.columns = n.across * 2 + 2
        image = (n.block * 2 + 2) * self.columns * n.wide + n.wide * lanes
        self.of_x = n.block * n.across * n.wide
        self.of_g = n.slice * n.pitch + lanes
        memory = code.scratch((image + (self.of_x + self.of_g) * POINTS) * 4 + 64)
        self.image = aligned(code, memory)
        self.x = code.at(self.image, "float", image)
        self.g = code.at(self.x, "float", self.of_x * POINTS)
        with code.rows() as row:
            whole, part = quotient(row, n.slices), remainder(row, n.slices)
            self.group, share = remainder(whole, n.groups), quotient(whole, n.groups)
            self.begin = part * n.slice
            self.results = smaller(n.rows - self.begin, n.slice)
            place = (whole * POINTS * n.high + self.begin) * n.wide
            self.target = code.at(code.p["sums"], "float", place)
            first = share * n.share
            last = smaller(first + n.share, n.lines)
            with walk(code, first, last) as (line, onward):
                row = remainder(line, n.deep)
                deep = smaller(smaller(n.block, n.deep - row), last - line)
                image = quotient(line, n.deep) * n.groups + self.group
                self.lay_out(image, row, deep)
                self.take_x(deep)
                self.take_g(image, row, deep)
                self.multiply(deep, line - first)
                code.store(line + deep, onward)
        code.free(memory)

    def lay_out(self, image: Value, row: Value, deep: Value) -> None:
        """The part of the image that patches see, with padding, channel by channel in each place."""
        code, n = self.code, self.n
        one = code.number(1)
        x = code.at(code.p["x"], "float", image * n.channels * n.height * n.width)
        call_lay_out(code, self.image, x, TileNumbers(
            channels=n.channels, wide=n.wide, x0=n.height, x1=one, x2=n.width,
            f0=row * 2 - n.top, f1=code.zero, f2=-n.left, e0=deep * 2 + 2, e1=one, e2=self.columns,
        ))  # fmt: skip

    def take_x(self, deep: Value) -> None:
        """The transformed patches of the image: (points, patches, channels)."""
        code, n, zero = self.code, self.n, self.code.zero
        with (
            code.loop(zero, deep) as i,
            code.loop(zero, n.across) as j,
            code.loop(zero, n.wide, self.lanes) as c,
        ):
            source = code.at(self.image, "float", (i * self.columns + j) * n.wide * 2 + c)
            square = [
                [
                    code.load(code.at(source, "float", (self.columns * a + b) * n.wide), self.type)
                    for b in range(4)
                ]
                for a in range(4)
            ]
            at = code.at(self.x, "float", (i * n.across + j) * n.wide + c)
            values = both_ways(of_input, square)
            for p, value in enumerate(v for part in values for v in part):
                code.store(value, code.at(at, "float", self.of_x * p))

    def take_g(self, image: Value, row: Value, deep: Value) -> None:
        """The transformed patches of the result's gradient: (points, results, patches)."""
        code, n, lanes = self.code, self.n, self.lanes
        plane = image * n.rows + self.begin
        with code.loop(code.zero, deep) as i, code.loop(code.zero, n.across, lanes) as j:
            top = (row + i) * 2
            starts = [j * 2, j * 2 + lanes]
            masks = [columns(code, start, n.y_width) for start in starts]
            second = code.splat(top + 1 < n.y_height)
            with code.loop(code.zero, self.results) as o:
                source = ((plane + o) * n.y_height + top) * n.y_width
                square = []
                for a in range(2):
                    parts = [
                        code.masked_load(
                            shifted(code, code.p["g"], source + n.y_width * a + start),
                            self.type, mask & second if a else mask,
                        )
                        for start, mask in zip(starts, masks)
                    ]  # fmt: skip
                    square.append(apart(*parts))
                at = code.at(self.g, "float", o * n.pitch + i * n.across + j)
                values = both_ways(of_output, square)
                for p, value in enumerate(v for part in values for v in part):
                    code.store(value, code.at(at, "float", self.of_g * p))

    def multiply(self, deep: Value, add: Value) -> None:
        code, n, zero = self.code, self.n, self.code.zero
        with (
            code.loop(zero, code.number(POINTS)) as point,
            code.loop(zero, self.results, self.height) as o,
        ):
            left = code.at(self.g, "float", point * self.of_g + o * n.pitch)
            right = code.at(self.x, "float", point * self.of_x)
            target = code.at(self.target, "float", (point * n.high + o) * n.wide)
            call_tiles(
                code, (left, n.pitch), (right, n.wide), (target, n.wide),
                quotient(n.wide, zero.like(self.lanes)), deep * n.across, add,
            )  # fmt: skip


class TotalNumbers(NamedTuple):
    """shares: Of the sums; the others as in `Numbers`."""

    groups: int
    channels: int
    rows: int
    wide: int
    high: int
    shares: int


@cache
def total(bits: int) -> Any:
    """The gradient (groups * rows, channels, 3, 3) of the sums: a row is one result.

    It reports whether something is not finite.
    """
    lanes = bits // 32

    def write(code: Body) -> None:
        n, type = code.n, code.vector("float")
        bad = code.slot(type, code.constant(0.0, type))
        buffer = code.slot(f"[{9 * lanes} x float]")
        with code.rows() as row:
            group, o = quotient(row, n.rows), remainder(row, n.rows)
            of_point = n.high * n.wide
            with code.loop(code.zero, n.wide, lanes) as c:
                values = added(code, group * of_point * POINTS + o * n.wide + c, of_point)
                square = both_ways(to_weight, [values[i : i + 4] for i in (0, 4, 8, 12)])
                here = smaller(n.channels - c, lanes)
                mask = columns(code, c, n.channels)
                for tap, value in enumerate(v for line in square for v in line):
                    look(code, bad, value, mask)
                    code.put(value, buffer, code.number(tap * lanes))
                with code.loop(code.zero, here) as k:
                    place = ((row * n.channels) + c + k) * 9
                    for tap in range(9):
                        value = code.get(buffer, "float", k + tap * lanes)
                        code.put(value, code.p["w"], place + tap)
        code.report(is_lost(code, bad))

    return kernel("winograd_total", ("sums", "w"), TotalNumbers, write, lanes, makes=True)


def added(code: Body, start: Value, of_point: Value) -> list[Value]:
    """The sums of all shares at the points, share by share."""
    n, type = code.n, code.vector("float")
    totals = [code.slot(type) for _ in range(POINTS)]
    for place in totals:
        code.store(code.constant(0.0, type), place)
    with code.loop(code.zero, n.shares) as share:
        at = code.at(code.p["sums"], "float", start + share * n.groups * of_point * POINTS)
        for p, place in enumerate(totals):
            value = code.load(code.at(at, "float", of_point * p), type)
            code.store(code.load(place, type) + value, place)
    return [code.load(place, type) for place in totals]
