"""The kernel of a convolution and of its transpose with output channels in the lanes of vectors.

A tile is some neighbouring places by some vectors of results (output channels). Each element of the image that a
place meets is spread over a vector and multiplied with a packed row of the weight, so any stride and any
width costs the same, and an image that needs no padding is read where it lies. What a tile has
summed is turned before it is written, for the results of a place lie far apart.

A row of the job is a group of an image, over a range of its outermost places and of the results.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ..llvm import BITS, Code, Value, quotient, remainder, smaller
from ..matmul.microkernel import INNER, transposed, within
from ..runtime.entry import Body, kernel
from .input_tile import TileNumbers, build, call_build, gathered


class Form(NamedTuple):
    """A tile: places by vectors, for images whose places are `step` apart (0: as a number says)."""

    element: str
    lanes: int
    places: int
    vectors: int
    step: int

    @property
    def item(self) -> int:
        return BITS[self.element] // 8

    @property
    def width(self) -> int:
        """Results of a tile."""
        return self.lanes * self.vectors


class PackNumbers(NamedTuple):
    """taps: of a pass; of_...: elements of the weight from one to the next."""

    panels: int
    rows: int
    inner: int
    taps: int
    of_group: int
    of_row: int
    of_channel: int


@cache
def pack(element: str, lanes: int, vectors: int) -> Any:
    """Weights as (groups, panels, inner, results of a panel): a row is one of `inner`, of a panel."""

    def write(code: Body) -> None:
        n = code.n
        with code.rows() as row:
            panel, k = quotient(row, n.inner), remainder(row, n.inner)
            group, panel = quotient(panel, n.panels), remainder(panel, n.panels)
            channel, tap = quotient(k, n.taps), remainder(k, n.taps)
            start = group * n.of_group + channel * n.of_channel
            start = start + code.get(code.p["places"], "i64", tap)
            for v in range(vectors):
                first = (panel * vectors + v) * lanes
                mask = within(code, n.rows - first)
                at = start + first * n.of_row
                value = gathered(code, code.p["w"], element, at, n.of_row, mask)
                code.put(value, code.p["packed"], (row * vectors + v) * lanes)

    return kernel("pack_weights", ("w", "places", "packed"), PackNumbers, write, lanes, makes=True)


class Numbers(NamedTuple):
    """What the kernel is told.

    Attributes:
        x_size: Elements of a channel.
        x0, x1, x2: Sizes of the image.
        e0, e1, e2: Extents of what the places are read from.
        laid: Is that an input tile?
        u0, u1, u2: How many places there are.
        s0, s1, s2: Their steps through the image.
        chunk, chunks: Outermost places of a row of the job, and how many such ranges there are.
        split, splits: Panels of a row of the job, and how many such ranges there are.
        inner: Products that are summed.
        y0, y1, y2: Sizes of the result.
        t0, t1, t2, b0, b1, b2: Where in it places go, as steps and beginning.
        begun: Is there a bias?
        base: Where in an image read in place the first tap is.
    """

    groups: int
    channels: int
    results: int
    x_size: int
    x0: int
    x1: int
    x2: int
    e0: int
    e1: int
    e2: int
    laid: int
    u0: int
    u1: int
    u2: int
    s0: int
    s1: int
    s2: int
    chunk: int
    chunks: int
    panels: int
    split: int
    splits: int
    inner: int
    y0: int
    y1: int
    y2: int
    t0: int
    t1: int
    t2: int
    b0: int
    b1: int
    b2: int
    begun: int
    base: int


@cache
def convolution(form: Form) -> Any:
    names = ("x", "w", "bias", "y", "planes", "offsets")
    return kernel(
        "convolution_by_channel",
        names,
        Numbers,
        lambda code: Piece(code, form).write(),
        form.lanes,
        makes=True,
    )


class Piece:
    """Writes the loops over a piece of the job."""

    def __init__(self, code: Body, form: Form):
        self.code, self.n, self.form = code, code.n, form

    def write(self) -> None:
        code, n, form = self.code, self.n, self.form
        code.functions += [
            tile(form, code.declarations),
            deliver(form, code.declarations),
            build(form.element, form.lanes, code.declarations),
        ]
        self.plane = n.e0 * n.e1 * n.e2
        size = (n.channels * self.plane * n.laid + 2 * form.lanes) * form.item
        self.tile = code.scratch(size)
        with code.rows() as row:
            part, split = quotient(row, n.splits), remainder(row, n.splits)
            whole, chunk = quotient(part, n.chunks), remainder(part, n.chunks)
            self.group = remainder(whole, n.groups)
            self.begin = chunk * n.chunk
            self.area = n.y0 * n.y1 * n.y2
            self.result = code.at(code.p["y"], form.element, whole * n.results * self.area)
            source = self.source(whole)
            first = split * n.split
            with code.loop(first, smaller(first + n.split, n.panels)) as panel:
                self.panel(panel, source)
        code.free(self.tile)

    def source(self, whole: Value) -> Value:
        """Where the first place of this row of the job reads, having laid out the input tile if there is one."""
        code, n, form = self.code, self.n, self.form
        image = code.at(code.p["x"], form.element, whole * n.channels * n.x_size)
        first = self.begin * n.s0
        place = code.slot("ptr")
        with code.when(n.laid.differs(0)):
            one = code.number(1)
            call_build(
                code, self.tile, image, code.p["planes"],
                TileNumbers(
                    channels=n.channels, count=one, pitch=self.plane, x0=n.x0, x1=n.x1, x2=n.x2,
                    step0=one, step1=one, step2=one, first=first, e0=n.e0, e1=n.e1, e2=n.e2,
                ),
            )  # fmt: skip
            code.store(self.tile, place)
        with code.when(n.laid.equals(0)):
            start = n.base + first * n.e1 * n.e2
            code.store(code.at(image, form.element, start), place)
        return code.load(place, "ptr")

    def panel(self, panel: Value, source: Value) -> None:
        """The results of a panel at all places."""
        code, n, form = self.code, self.n, self.form
        zero, element = code.zero, form.element
        weight = (self.group * n.panels + panel) * n.inner * form.width
        w = code.at(code.p["w"], element, weight)
        first = panel * form.width
        rows = smaller(n.results - first, form.width)
        bias = code.at(code.p["bias"], element, (self.group * n.results + first) * n.begun)
        target = code.at(self.result, element, first * self.area)
        sums = code.slot(f"[{form.places * form.width} x {element}]")
        height = smaller(n.u0 - self.begin, n.chunk)
        with (
            code.loop(zero, height) as u0,
            code.loop(zero, n.u1) as u1,
            code.loop(zero, n.u2, form.places) as at,
        ):
            u2 = smaller(at, n.u2 - form.places)  # the last tile may meet the one before it
            place = (u0 * n.s0 * n.e1 + u1 * n.s1) * n.e2 + u2 * n.s2
            x = code.at(source, element, place)
            with code.loop(zero, n.inner, INNER) as k:
                end = smaller(k + INNER, n.inner)
                code.line(
                    f"call void @tile(ptr {x.name}, ptr {w.name}, ptr {code.p['offsets'].name}, "
                    f"i64 {k.name}, i64 {end.name}, i64 {n.s2.name}, ptr {sums.name})"
                )
            y0 = (self.begin + u0) * n.t0 + n.b0
            line = (y0 * n.y1 + u1 * n.t1 + n.b1) * n.y2
            to = code.at(target, element, line + u2 * n.t2 + n.b2)
            code.line(
                f"call void @deliver(ptr {sums.name}, ptr {to.name}, i64 {self.area.name}, "
                f"i64 {rows.name}, i64 {n.t2.name}, ptr {bias.name}, i64 {n.begun.name})"
            )


def tile(form: Form, declarations: set[str]) -> str:
    """``void @tile(x, w, offsets, first, last, step, sums)``: inner steps of a tile.

    sums[j, :] = sum over k of x[offsets[k] + j step] w[k, :], added to what is there unless `first` is 0.
    """
    code = Code(form.lanes, declarations)
    element, type, lanes = form.element, code.vector(form.element), form.lanes
    x, w, offsets, target = (Value(code, f"%{n}", "ptr") for n in ("x", "w", "offsets", "sums"))
    first, last, step = (Value(code, f"%{n}", "i64") for n in ("first", "last", "step"))
    zero = code.constant(0.0, type)
    sums = [[code.slot(type, zero) for _ in range(form.vectors)] for _ in range(form.places)]
    apart = code.constant(form.step, "i64") if form.step else step
    with code.loop(first, last) as k:
        line = code.at(w, element, k * form.width)
        row = [
            code.load(code.at(line, element, k.like(v * lanes)), type) for v in range(form.vectors)
        ]
        start = code.at(x, element, code.load(code.at(offsets, "i64", k), "i64"))
        for j, places in enumerate(sums):
            value = code.splat(code.load(code.at(start, element, apart * j), element))
            for factor, place in zip(row, places):
                code.store(value.multiply_add(factor, code.load(place, type)), place)
    flat = [place for places in sums for place in places]
    ends = [code.at(target, element, first.like(i * lanes)) for i in range(len(flat))]
    with code.when(first.differs(0)):
        for place, end in zip(flat, ends):
            code.store(code.load(place, type) + code.load(end, type), place)
    for place, end in zip(flat, ends):
        code.store(code.load(place, type), end)
    code.line("ret void")
    return code.function(
        "@tile(ptr noalias %x, ptr noalias %w, ptr noalias %offsets, i64 %first, i64 %last, "
        "i64 %step, ptr noalias %sums)",
        "internal void",
        "noinline",
    )


def deliver(form: Form, declarations: set[str]) -> str:
    """``void @deliver(sums, target, stride, rows, step, bias, begun)``: a tile to its place.

    stride: elements from result to result; step: from place to place.
    """
    code = Code(form.lanes, declarations)
    element, lanes = form.element, form.lanes
    sums, target, bias = (Value(code, f"%{n}", "ptr") for n in ("sums", "target", "bias"))
    stride, rows, step, begun = (
        Value(code, f"%{n}", "i64") for n in ("stride", "rows", "step", "begun")
    )
    zero, type = rows.like(0), code.vector(element)
    square = code.slot(f"[{lanes * lanes} x {element}]")
    with code.loop(zero, rows, lanes) as first:
        here = smaller(rows - first, lanes)
        for j in range(0, form.places, lanes):
            many = min(lanes, form.places - j)
            values = [
                code.load(code.at(sums, element, first + (j + i) * form.width), type)
                for i in range(many)
            ]
            with code.when(begun.differs(0)):
                shift = code.masked_load(code.at(bias, element, first), type, within(code, here))
                for i, value in enumerate(values):
                    code.store(value + shift, code.at(square, element, zero + i * lanes))
            with code.when(begun.equals(0)):
                for i, value in enumerate(values):
                    code.store(value, code.at(square, element, zero + i * lanes))
            values = [
                code.load(code.at(square, element, zero + i * lanes), type) for i in range(many)
            ]
            to = code.at(target, element, first * stride + step * j)
            if many == 1:
                with code.loop(zero, here) as row:
                    value = code.load(code.at(square, element, row), element)
                    code.store(value, code.at(to, element, row * stride))
                continue
            values += [code.constant(0.0, type)] * (lanes - many)
            values = transposed(code, values)
            plain = step.equals(1) & here.equals(lanes)
            with code.when(plain):
                mask = within(code, zero + many)
                for i, value in enumerate(values):
                    at = code.at(to, element, stride * i)
                    if many == lanes:
                        code.store(value, at)
                    else:
                        code.masked_store(value, at, mask)
            with code.when(plain ^ 1):
                for i, value in enumerate(values):
                    code.store(value, code.at(square, element, zero + i * lanes))
                with code.loop(zero, here) as row:
                    source = code.at(square, element, row * lanes)
                    line = code.load(source, type)
                    put_line(code, line, code.at(to, element, row * stride), step, zero + many)
    code.line("ret void")
    return code.function(
        "@deliver(ptr noalias %sums, ptr noalias %target, i64 %stride, i64 %rows, i64 %step, "
        "ptr noalias %bias, i64 %begun)",
        "internal void",
        "noinline",
    )


def put_line(code: Code, value: Value, target: Value, step: Value, count: Value) -> None:
    """Write the first lanes of a vector, as vectors where they are to lie one or two apart."""
    lanes, element = code.lanes, value.element
    near, pair = step.equals(1), step.equals(2)
    with code.when(near):
        code.masked_store(value, target, within(code, count))
    with code.when(pair):
        even = code.emit(f"trunc {code.vector('i32')} {code.iota('i32').name} to "
                         f"{code.vector('i1')}", code.vector("i1")) ^ True  # fmt: skip
        for half in range(2):
            order = [half * (lanes // 2) + i // 2 for i in range(lanes)]
            there = within(code, count * 2 - (1 + half * lanes)) & even
            at = code.at(target, element, step.like(half * lanes))
            code.masked_store(value.shuffled(value, order), at, there)
    with code.when((near | pair) ^ 1):
        place = code.slot(value.type)
        code.store(value, place)
        with code.loop(step.like(0), count) as j:
            code.store(
                code.load(code.at(place, element, j), element), code.at(target, element, j * step)
            )
