"""The kernel of a convolution's gradient towards its weight: rows of input tiles times rows of the
result's gradient.

A row of the job is a range of images, for one group. Both operands are laid out alike, so each
entry of the gradient is one long dot product; a tile is a few results by a few taps, summed in
vectors.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ..llvm import BITS, Code, Value, quotient, remainder, smaller
from ..llvm.processor import many_registers
from ..matmul.microkernel import Shape, shuffled, within
from ..runtime.entry import Body, kernel
from .input_tile import TileNumbers, build, call_build


class Numbers(NamedTuple):
    """What the kernel is told.

    Attributes:
        share: Images of a row of the job.
        count: Planes of the input tile.
        x0, x1, x2, s0, s1, s2: Sizes of the image, and steps of the window.
        e0, e1, e2: Extents of the input tile.
        inner: Entries of the gradient of one result, taken in `panels`.
        rows: Results of a group.
        u0, u1, u2: How many places there are.
        chunk: Outermost places that share a tile.
        size: Elements of the input tile.
        pitch: Elements of a result's tile.
    """

    images: int
    share: int
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
    size: int
    pitch: int


def form(element: str, bits: int, rows: int, inner: int) -> Shape:
    """A tile of a few results by a few taps. One result takes many taps, evenly shared out."""
    many = many_registers(bits)
    lanes = bits // BITS[element]
    if rows == 1:
        panels = -(-inner // (16 if many else 8))
        return Shape(element, lanes, 1, -(-inner // panels))
    return Shape(element, lanes, 4, 6) if many else Shape(element, lanes, 2, 4)


def sums_of(shape: Shape) -> int:
    """Elements that a tile's sums take: whole vectors."""
    return -(-shape.rows * shape.vectors // shape.lanes) * shape.lanes


@cache
def products_of(shape: Shape, masked: bool) -> Any:
    """masked: leave out what lies between the rows, where zeros of one operand meet any value of
    the other.

    Without, the result has a nan where such a value is not finite.
    """
    names = ("x", "g", "parts", "planes", "flat", "offsets", "masks")
    return kernel(
        "convolution_weight_by_pixel", names, Numbers, lambda code: _write(code, shape, masked),
        shape.lanes, makes=True,
    )  # fmt: skip


def _write(code: Body, shape: Shape, masked: bool) -> None:
    code.functions += [
        products(shape, code.declarations, masked),
        build(shape.element, shape.lanes, code.declarations),
    ]
    n, item = code.n, shape.item
    x_size = ((n.size + 2 * shape.lanes) * item + 63) & -64
    space = code.scratch(x_size + (n.rows * n.pitch + shape.lanes) * item)
    with code.rows() as row:
        Item(code, shape, space, code.at(space, "i8", x_size)).compute(row)
    code.free(space)


class Item:
    """Writes what one row of the job does."""

    def __init__(self, code: Body, shape: Shape, tile: Value, flat: Value):
        self.code, self.n, self.shape, self.tile, self.flat = code, code.n, shape, tile, flat

    def compute(self, row: Value) -> None:
        code, n = self.code, self.n
        part, group = quotient(row, n.groups), remainder(row, n.groups)
        blocks = n.panels * quotient(n.rows + (self.shape.rows - 1), self.shape.rows)
        self.parts = code.at(
            code.p["parts"], self.shape.element, row * blocks * sums_of(self.shape)
        )
        first = part * n.share
        last = smaller(first + n.share, n.images)
        with (
            code.loop(first, last) as image,
            code.loop(row.like(0), n.u0, n.chunk) as begin,
        ):
            self.lay_out(image * n.groups + group, begin)
            height = smaller(n.u0 - begin, n.chunk)
            self.multiply(((height - 1) * n.e1 + n.u1 - 1) * n.e2 + n.u2)

    def lay_out(self, image: Value, begin: Value) -> None:
        """The tiles of both operands for the places from `begin` on."""
        code, n, element = self.code, self.n, self.shape.element
        x = code.at(code.p["x"], element, image * n.channels * (n.x0 * n.x1 * n.x2))
        call_build(
            code, self.tile, x, code.p["planes"],
            TileNumbers(
                channels=n.channels, count=n.count, pitch=n.e0 * n.e1 * n.e2,
                x0=n.x0, x1=n.x1, x2=n.x2, step0=n.s0, step1=n.s1, step2=n.s2, first=begin,
                e0=n.e0, e1=n.e1, e2=n.e2,
            ),
        )  # fmt: skip
        for i in range(2):  # tiles read on to the end of their last vector
            tail = code.at(self.tile, element, n.size + i * self.shape.lanes)
            code.store(code.constant(0.0, code.vector(element)), tail)
        one = begin.like(1)
        g = code.at(code.p["g"], element, image * n.rows * (n.u0 * n.u1 * n.u2))
        call_build(
            code, self.flat, g, code.p["flat"],
            TileNumbers(
                channels=n.rows, count=one, pitch=n.pitch, x0=n.u0, x1=n.u1, x2=n.u2,
                step0=one, step1=one, step2=one, first=begin, e0=n.chunk, e1=n.e1, e2=n.e2,
            ),
        )  # fmt: skip

    def multiply(self, end: Value) -> None:
        code, n, shape = self.code, self.n, self.shape
        zero = end.like(0)
        place = code.slot("i64", zero)
        with code.loop(zero, n.panels) as panel, code.loop(zero, n.rows, shape.rows) as row:
            at = code.load(place, "i64")
            flat = code.at(self.flat, shape.element, row * n.pitch)
            offsets = code.at(code.p["offsets"], "i64", panel * shape.vectors)
            target = code.at(self.parts, shape.element, at)
            masks = code.p["masks"].name
            code.line(
                f"call void @products(ptr {flat.name}, i64 {n.pitch.name}, "
                f"i64 {(n.rows - row).name}, ptr {self.tile.name}, ptr {offsets.name}, "
                f"ptr {masks}, i64 {end.name}, ptr {target.name})"
            )
            code.store(at + sums_of(shape), place)


def products(shape: Shape, declarations: set[str], masked: bool) -> str:
    """``void @products(g, pitch, rows, x, offsets, masks, end, target)``: target += the dot
    products of a tile."""
    code = Code(shape.lanes, declarations)
    element, type, lanes = shape.element, code.vector(shape.element), shape.lanes
    g, x, offsets, masks, target = (
        Value(code, f"%{n}", "ptr") for n in ("g", "x", "offsets", "masks", "target")
    )
    pitch, rows, end = (Value(code, f"%{n}", "i64") for n in ("pitch", "rows", "end"))
    zero = code.constant(0.0, type)
    sums = [[code.slot(type, zero) for _ in range(shape.vectors)] for _ in range(shape.rows)]
    left = [code.at(g, element, smaller(rows - 1, i) * pitch) for i in range(shape.rows)]
    right = [
        code.at(x, element, code.load(code.at(offsets, "i64", pitch.like(v)), "i64"))
        for v in range(shape.vectors)
    ]
    with code.loop(end.like(0), end, lanes) as p:
        mask = seen(code, masks, p, end) if masked else None

        def read(place: Value, p: Value = p, mask: Value | None = mask) -> Value:
            at = code.at(place, element, p)
            return code.load(at, type) if mask is None else code.masked_load(at, type, mask)

        xs = [read(place) for place in right]
        for place, row in zip(left, sums):
            value = read(place)
            for factor, total in zip(xs, row):
                code.store(value.multiply_add(factor, code.load(total, type)), total)
    flat = [code.load(total, type) for row in sums for total in row]
    flat += [zero] * (sums_of(shape) - len(flat))
    for i in range(0, len(flat), lanes):
        at = code.at(target, element, end.like(i))
        code.store(code.load(at, type) + gathered_sums(code, flat[i : i + lanes]), at)
    code.line("ret void")
    return code.function(
        "@products(ptr %g, i64 %pitch, i64 %rows, ptr %x, ptr %offsets, ptr %masks, i64 %end, "
        "ptr %target)",
        "internal void",
        "noinline",
    )


def seen(code: Code, masks: Value, p: Value, end: Value) -> Value:
    """The lanes from position p on that are places of the window."""
    lanes = code.lanes
    word = code.load(code.at(masks, "i32", quotient(p, lanes)), "i32")
    if lanes < 32:
        word = code.emit(f"trunc i32 {word.name} to i{lanes}", f"i{lanes}")
    type = code.vector("i1")
    return code.emit(f"bitcast {word.type} {word.name} to {type}", type) & within(code, end - p)


def gathered_sums(code: Code, vectors: list[Value]) -> Value:
    """The sums over the lanes of as many vectors as there are lanes, in one vector."""
    width = code.lanes
    while len(vectors) > 1:
        half = width // 2
        blocks = range(0, code.lanes, width)
        low = [b + i for b in blocks for i in range(half)]
        high = [b + i + half for b in blocks for i in range(half)]
        low, high = ([*order, *(i + code.lanes for i in order)] for order in (low, high))
        vectors = [
            shuffled(code, x, y, low) + shuffled(code, x, y, high)
            for x, y in zip(vectors[::2], vectors[1::2])
        ]
        width = half
    return vectors[0]
