"""The kernel of a convolution's gradient towards its weight: rows of slabs times rows of the
result's gradient.

A row of the job is a range of images, for one group. Both operands are laid out alike, so each
entry of the gradient is one long dot product; a tile is a few results by a few taps, summed in
vectors.
"""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace
from typing import Any

from .call import Body, kernel
from .code import BITS, Code, Value, quotient, remainder, smaller
from .processor import many_registers
from .slab import build, call_build
from .tile import Shape, shuffled, within

_NUMBERS = (
    "images", "share", "groups", "channels", "count", "x0", "x1", "x2", "s0", "s1", "s2",
    "e0", "e1", "e2", "inner", "panels", "rows", "u0", "u1", "u2", "chunk", "size", "pitch",
)  # fmt: skip


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
        "convolution_weight", names, _NUMBERS, lambda code: _write(code, shape, masked), shape.lanes
    )


def _write(code: Body, shape: Shape, masked: bool) -> None:
    code.functions += [
        products(shape, code.declarations, masked),
        build(shape.element, shape.lanes, code.declarations),
    ]
    n, item = code.n, shape.item
    x_size = ((n["size"] + 2 * shape.lanes) * item + 63) & -64
    space = code.scratch(x_size + (n["rows"] * n["pitch"] + shape.lanes) * item)
    with code.rows() as row:
        Item(code, shape, space, code.at(space, "i8", x_size)).compute(row)
    code.free(space)


class Item:
    """Writes what one row of the job does."""

    def __init__(self, code: Body, shape: Shape, slab: Value, flat: Value):
        self.code, self.shape, self.slab, self.flat = code, shape, slab, flat
        self.words = SimpleNamespace(**code.n)

    def compute(self, row: Value) -> None:
        code, words = self.code, self.words
        part, group = quotient(row, words.groups), remainder(row, words.groups)
        blocks = words.panels * quotient(words.rows + (self.shape.rows - 1), self.shape.rows)
        self.parts = code.at(
            code.p["parts"], self.shape.element, row * blocks * sums_of(self.shape)
        )
        first = part * words.share
        last = smaller(first + words.share, words.images)
        with (
            code.loop(first, last) as image,
            code.loop(row.like(0), words.u0, words.chunk) as begin,
        ):
            self.lay_out(image * words.groups + group, begin)
            height = smaller(words.u0 - begin, words.chunk)
            self.multiply(((height - 1) * words.e1 + words.u1 - 1) * words.e2 + words.u2)

    def lay_out(self, image: Value, begin: Value) -> None:
        """The slabs of both operands for the places from `begin` on."""
        code, words, element = self.code, self.words, self.shape.element
        x = code.at(code.p["x"], element, image * words.channels * (words.x0 * words.x1 * words.x2))
        sizes = [words.x0, words.x1, words.x2, words.s0, words.s1, words.s2]
        extents = [words.e0, words.e1, words.e2]
        call_build(
            code, self.slab, x, code.p["planes"],
            [
                words.channels, words.count, words.e0 * words.e1 * words.e2, *sizes, begin,
                *extents,
            ],
        )  # fmt: skip
        for i in range(2):  # tiles read on to the end of their last vector
            tail = code.at(self.slab, element, words.size + i * self.shape.lanes)
            code.store(code.constant(0.0, code.vector(element)), tail)
        one = begin.like(1)
        g = code.at(code.p["g"], element, image * words.rows * (words.u0 * words.u1 * words.u2))
        places = [words.u0, words.u1, words.u2, one, one, one]
        call_build(
            code, self.flat, g, code.p["flat"],
            [words.rows, one, words.pitch, *places, begin, words.chunk, words.e1, words.e2],
        )  # fmt: skip

    def multiply(self, end: Value) -> None:
        code, words, shape = self.code, self.words, self.shape
        zero = end.like(0)
        place = code.slot("i64", zero)
        with code.loop(zero, words.panels) as panel, code.loop(zero, words.rows, shape.rows) as row:
            at = code.load(place, "i64")
            flat = code.at(self.flat, shape.element, row * words.pitch)
            offsets = code.at(code.p["offsets"], "i64", panel * shape.vectors)
            target = code.at(self.parts, shape.element, at)
            masks = code.p["masks"].name
            code.line(
                f"call void @products(ptr {flat.name}, i64 {words.pitch.name}, "
                f"i64 {(words.rows - row).name}, ptr {self.slab.name}, ptr {offsets.name}, "
                f"ptr {masks}, i64 {end.name}, ptr {target.name})"
            )
            code.store(at + sums_of(shape), place)


def products(shape: Shape, declarations: set[str], masked: bool) -> str:
    """``void @products(g, pitch, rows, x, offsets, masks, end, target)``: target += the dot
    products of a tile."""
    code = Code(shape.lanes, declarations)
    element, kind, lanes = shape.element, code.vector(shape.element), shape.lanes
    g, x, offsets, masks, target = (
        Value(code, f"%{n}", "ptr") for n in ("g", "x", "offsets", "masks", "target")
    )
    pitch, rows, end = (Value(code, f"%{n}", "i64") for n in ("pitch", "rows", "end"))
    zero = code.constant(0.0, kind)
    sums = [[code.slot(kind, zero) for _ in range(shape.vectors)] for _ in range(shape.rows)]
    left = [code.at(g, element, smaller(rows - 1, i) * pitch) for i in range(shape.rows)]
    right = [
        code.at(x, element, code.load(code.at(offsets, "i64", pitch.like(v)), "i64"))
        for v in range(shape.vectors)
    ]
    with code.loop(end.like(0), end, lanes) as p:
        mask = seen(code, masks, p, end) if masked else None

        def read(place: Value, p: Value = p, mask: Value | None = mask) -> Value:
            at = code.at(place, element, p)
            return code.load(at, kind) if mask is None else code.masked_load(at, kind, mask)

        xs = [read(place) for place in right]
        for place, row in zip(left, sums):
            value = read(place)
            for factor, total in zip(xs, row):
                code.store(value.multiply_add(factor, code.load(total, kind)), total)
    flat = [code.load(total, kind) for row in sums for total in row]
    flat += [zero] * (sums_of(shape) - len(flat))
    for i in range(0, len(flat), lanes):
        at = code.at(target, element, end.like(i))
        code.store(code.load(at, kind) + gathered_sums(code, flat[i : i + lanes]), at)
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
    kind = code.vector("i1")
    return code.emit(f"bitcast {word.type} {word.name} to {kind}", kind) & within(code, end - p)


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
