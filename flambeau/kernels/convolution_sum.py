"""The kernels of a convolution's gradient towards its weight with channels in the lanes of vectors.

A tile is some results (output channels) by some vectors of channels, for one tap: each place's
gradient, read where it lies, is spread over a vector and multiplied with what the tap sees there. A row
of the job is a range of chunks (outermost places of an image) for a group and some of its results;
it has sums of its own, which a second job adds in their order.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from .call import Body, kernel
from .channel_slab import call_lay_out, lay_out, shifted
from .code import BITS, Code, Value, quotient, remainder, smaller
from .tile import within
from .winograd_tile import leave, walk

STRETCH = 256
"""Places summed in a register before the sum goes to memory: keeps float32 accurate."""

_NUMBERS = (
    "groups", "channels", "wide", "rows", "high", "x0", "x1", "x2", "p0", "p1", "p2",
    "e0", "e1", "e2", "u0", "u1", "u2", "s0", "s1", "s2", "taps", "chunk", "chunks", "share",
    "parts", "slice", "slices", "lines",
)  # fmt: skip
"""wide, high: channels and results with those that fill vectors and tiles; chunks: of an image; share:
chunks of a row of the job, of `parts` in all; lines: lines of places of a tile, at most."""


def rows_of(bits: int) -> int:
    """Results of a tile."""
    return 8 if bits == 512 else 4


@cache
def sums(element: str, bits: int) -> Any:
    """Sums of products, (shares, groups, taps, high, wide)."""
    return kernel(
        "weight_sums", ("x", "g", "sums", "offsets"), _NUMBERS,
        lambda code: Piece(code, element, rows_of(bits)).write(), bits // BITS[element],
    )  # fmt: skip


class Piece:
    """Writes the loops over a piece of the job."""

    def __init__(self, code: Body, element: str, height: int):
        self.code, self.n, self.element, self.height = code, code.n, element, height

    def write(self) -> None:
        code, n, element, lanes = self.code, self.n, self.element, self.code.lanes
        code.functions += [lay_out(element, lanes, code.declarations)]
        code.functions += [self.tile(v) for v in (1, 2, 3)]
        size = (n["e0"] * n["e1"] * n["e2"] + lanes) * n["wide"] * (BITS[element] // 8)
        self.slab = code.scratch(size)
        self.area = n["u0"] * n["u1"] * n["u2"]
        with code.rows() as row:
            whole, part = quotient(row, n["slices"]), remainder(row, n["slices"])
            group, share = remainder(whole, n["groups"]), quotient(whole, n["groups"])
            self.begin = part * n["slice"]
            self.results = smaller(n["rows"] - self.begin, n["slice"])
            place = (whole * n["taps"] * n["high"] + self.begin) * n["wide"]
            self.target = code.at(code.p["sums"], element, place)
            first = share * n["share"]
            with code.loop(first, smaller(first + n["share"], n["parts"])) as chunk:
                self.chunk(quotient(chunk, n["chunks"]) * n["groups"] + group,
                           remainder(chunk, n["chunks"]) * n["chunk"], chunk - first)  # fmt: skip
        code.free(self.slab)

    def chunk(self, image: Value, begin: Value, add: Value) -> None:
        """Add a chunk's products, or set the sums to them."""
        code, n, element = self.code, self.n, self.element
        deep = smaller(n["u0"] - begin, n["chunk"])
        rows = n["e0"] - (n["chunk"] - deep) * n["s0"]
        sizes = n["x0"], n["x1"], n["x2"]
        source = code.at(
            code.p["x"], element, image * n["channels"] * sizes[0] * sizes[1] * sizes[2]
        )
        first = [begin * n["s0"] - n["p0"], -n["p1"], -n["p2"]]
        call_lay_out(code, self.slab, source, [
            n["channels"], n["wide"], *sizes, *first, rows, n["e1"], n["e2"],
        ])  # fmt: skip
        start = (image * n["rows"] + self.begin) * self.area + begin * n["u1"] * n["u2"]
        g = code.at(code.p["g"], element, start)
        zero = code.zero
        with code.loop(zero, n["taps"]) as tap, code.loop(zero, self.results, self.height) as o:
            offset = code.get(code.p["offsets"], "i64", tap) * n["wide"]
            target = code.at(self.target, element, (tap * n["high"] + o) * n["wide"])
            left = code.at(g, element, o * self.area)
            there = smaller(self.results - o, self.height)
            x = code.at(self.slab, element, offset)
            self.lines(left, x, target, there, deep * n["u1"], add)

    def lines(
        self, left: Value, x: Value, target: Value, there: Value, count: Value, add: Value
    ) -> None:
        """The products of a tap and some results, a stretch of places at a time."""
        code, n, zero = self.code, self.n, self.code.zero
        with walk(code, zero, count) as (line, onward):
            some = smaller(count - line, n["lines"])
            with code.loop(zero, n["u2"], STRETCH) as j:
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
        end = smaller(j + STRETCH, n["u2"])
        facts = [
            there, self.area, n["wide"], line, line + some, j, end, n["u1"], n["u2"], n["s0"], n["s1"],
            n["s2"], n["e1"], n["e2"], add,
        ]  # fmt: skip
        listed = ", ".join(f"i64 {v.name}" for v in facts)
        vectors = quotient(n["wide"], code.number(code.lanes))
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
        """``void @tile(g, x, target, there, area, wide, line, last, first, end, u1, u2, steps, e1, e2,
        add)``: the products at the places from `first` to `end` of some lines."""
        code, element = Code(self.code.lanes, self.code.declarations), self.element
        kind, lanes = code.vector(element), code.lanes
        g, x, target = (Value(code, f"%{n}", "ptr") for n in ("g", "x", "target"))
        names = (
            "there", "area", "wide", "line", "last", "first", "end", "u1", "u2", "step0", "step1",
            "step2", "e1", "e2", "add",
        )  # fmt: skip
        n = {name: Value(code, f"%{name}", "i64") for name in names}
        zero = code.constant(0.0, kind)
        totals = [[code.slot(kind, zero) for _ in range(vectors)] for _ in range(self.height)]
        rows = [  # results that are not there are read from the last one that is
            code.at(g, element, smaller(n["there"] - 1, i) * n["area"]) for i in range(self.height)
        ]
        with code.loop(n["line"], n["last"]) as line:
            a, b = quotient(line, n["u1"]), remainder(line, n["u1"])
            start = (a * n["step0"] * n["e1"] + b * n["step1"]) * n["e2"] * n["wide"]
            lines = [code.at(row, element, line * n["u2"]) for row in rows]
            here = code.at(x, element, start)
            with code.loop(n["first"], n["end"]) as j:
                place = code.at(here, element, j * n["step2"] * n["wide"])
                right = [
                    code.load(code.at(place, element, j.like(v * lanes)), kind)
                    for v in range(vectors)
                ]
                for source, sums in zip(lines, totals):
                    left = code.splat(code.load(code.at(source, element, j), element))
                    for value, total in zip(right, sums):
                        code.store(left.multiply_add(value, code.load(total, kind)), total)
        leave(code, element, totals, target, n["wide"], n["add"])
        code.line("ret void")
        listed = ", ".join(f"i64 %{name}" for name in names)
        return code.function(
            f"@tile{vectors}(ptr noalias %g, ptr noalias %x, ptr noalias %target, {listed})",
            "internal void",
            "noinline",
        )


@cache
def total(element: str, lanes: int) -> Any:
    """The weight's gradient (groups * rows, channels, taps): a row is one result."""
    numbers = ("groups", "channels", "rows", "wide", "high", "taps", "shares")

    def write(code: Body) -> None:
        n, kind = code.n, code.vector(element)
        sum_ = code.slot(kind)
        buffer = code.slot(f"[{lanes} x {element}]")
        of_tap = n["high"] * n["wide"]
        of_share = n["groups"] * n["taps"] * of_tap
        with (
            code.rows() as row,
            code.loop(code.zero, n["taps"]) as tap,
            code.loop(code.zero, n["wide"], lanes) as c,
        ):
            group, o = quotient(row, n["rows"]), remainder(row, n["rows"])
            start = (group * n["taps"] + tap) * of_tap + o * n["wide"] + c
            code.store(code.constant(0.0, kind), sum_)
            with code.loop(code.zero, n["shares"]) as share:
                at = code.at(code.p["sums"], element, start + share * of_share)
                code.store(code.load(sum_, kind) + code.load(at, kind), sum_)
            value = code.load(sum_, kind)
            place = (row * n["channels"] + c) * n["taps"] + tap
            single = n["taps"].equals(1)
            with code.when(single):
                to = shifted(code, code.p["w"], place, element)
                code.masked_store(value, to, within(code, n["channels"] - c))
            with code.when(single ^ 1):
                code.store(value, buffer)
                with code.loop(code.zero, smaller(n["channels"] - c, lanes)) as k:
                    code.put(code.get(buffer, element, k), code.p["w"], place + k * n["taps"])

    return kernel("weight_total", ("sums", "w"), numbers, write, lanes)
