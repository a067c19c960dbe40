"""Input tiles: a part of an image as convolutions read it, with its halo and padding, and apart by the
remainders of a stride.

An image has three spatial dimensions here. A window with strides s meets element ``u s + d i -
p`` at its place u. Of the padded image, the elements with equal remainders modulo s form a
plane, and in its plane each element of the window (a tap) sees the places' elements side by
side. So a tap is an offset into the tile, whatever the stride and the dilation are, and a tile
is as large as the image and not as large as all windows together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..llvm import Code, Value, larger, smaller
from ..matmul.microkernel import clear, within

PLANE = 9
"""Numbers that describe a plane: the place of its first element in the image, in three dimensions,
then for each dimension which part of the tile the image fills; that of the outermost is counted
from place 0."""


class InputTile(NamedTuple):
    """What the tile of some places needs of an image, in whole numbers for kernels."""

    sizes: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    extents: tuple[int, ...]
    planes: Any
    offsets: Any
    taps: tuple[tuple[int, ...], ...]
    """The plane of each tap, and its place there."""

    @property
    def plane(self) -> int:
        """Elements of a plane."""
        return self.extents[0] * self.extents[1] * self.extents[2]


def input_tile(
    sizes: Sequence[int], stride: Sequence[int], before: Sequence[int],
    taps: Sequence[tuple[int, ...]], places: Sequence[int],
) -> InputTile:  # fmt: skip
    """The tile in which the taps (places in the padded image that the first place meets) are
    offsets.

    Args:
        sizes: Of the image.
        stride: Steps of the window.
        before: Padding; negative where the window begins within the image.
        taps: What the window's first place meets, counted from the start of the padding.
        places: How many places, the outermost ones being those that share a tile.
    """
    apart = [tuple(t % s for t, s in zip(tap, stride)) for tap in taps]
    along = [tuple(t // s for t, s in zip(tap, stride)) for tap in taps]
    order = sorted(set(apart))
    most = [max((a[i] for a in along), default=0) for i in range(3)]
    extents = tuple(n + m for n, m in zip(places, most))
    planes: list[tuple[int, ...]] = []
    for remains in order:
        start = [a - p for a, p in zip(remains, before)]
        low = [max(0, -(a // s)) for a, s in zip(start, stride)]
        high = [-((a - n) // s) for a, s, n in zip(start, stride, sizes)]
        high[1:] = [min(e, h) for e, h in zip(extents[1:], high[1:])]
        planes.append((*start, low[0], high[0], low[1], high[1], low[2], max(low[2], high[2])))
    plane = extents[0] * extents[1] * extents[2]
    found = tuple((order.index(a), *q) for a, q in zip(apart, along))
    offsets = [p * plane + (q0 * extents[1] + q1) * extents[2] + q2 for p, q0, q1, q2 in found]
    return InputTile(
        tuple(sizes), tuple(stride), tuple(before), extents,
        np.array(planes or [(0,) * PLANE], np.int64), np.array(offsets, np.int64), found,
    )  # fmt: skip


class TileNumbers(NamedTuple):
    """What `build` is told.

    Attributes:
        channels: Of the image.
        count: Planes of a channel.
        pitch: From plane to plane, at least the product of the extents.
        x0, x1, x2: Sizes of the image.
        step0, step1, step2: Steps of the window.
        first: The outermost place of the window that the tile begins with.
        e0, e1, e2: Extents of a plane.
    """

    channels: Value
    count: Value
    pitch: Value
    x0: Value
    x1: Value
    x2: Value
    step0: Value
    step1: Value
    step2: Value
    first: Value
    e0: Value
    e1: Value
    e2: Value


def build(element: str, lanes: int, declarations: set[str]) -> str:
    """``void @build(target, image, planes, *TileNumbers)``: fill an input tile.

    The target needs `lanes` elements more.
    """
    code = Code(lanes, declarations)
    target, image, planes = (Value(code, f"%{n}", "ptr") for n in ("target", "image", "planes"))
    f = TileNumbers(*(Value(code, f"%{n}", "i64") for n in TileNumbers._fields))
    zero = code.constant(0, "i64")
    clear(code, target, f.channels * f.count * f.pitch, element)
    with code.loop(zero, f.channels) as c, code.loop(zero, f.count) as plane:
        facts = [code.load(code.at(planes, "i64", plane * PLANE + i), "i64") for i in range(PLANE)]
        low = larger(facts[3] - f.first, 0)
        high = smaller(facts[4] - f.first, f.e0)
        part = code.at(target, element, (c * f.count + plane) * f.pitch + facts[7])
        start = facts[2] + facts[7] * f.step2
        with code.loop(low, high) as q0, code.loop(facts[5], facts[6]) as q1:
            i0, i1 = (f.first + q0) * f.step0 + facts[0], q1 * f.step1 + facts[1]
            line = ((c * f.x0 + i0) * f.x1 + i1) * f.x2 + start
            place = code.at(part, element, (q0 * f.e1 + q1) * f.e2)
            row(code, element, place, code.at(image, element, line), facts[8] - facts[7], f.step2)
    code.line("ret void")
    numbers = ", ".join(f"i64 {x.name}" for x in f)
    return code.function(
        f"@build(ptr %target, ptr %image, ptr %planes, {numbers})", "internal void", "noinline"
    )


def row(code: Code, element: str, place: Value, image: Value, length: Value, step: Value) -> None:
    """The part of a tile's row that the image has. Up to a vector of zeros is written behind
    it, where nothing is yet."""
    type, zero = code.vector(element), length.like(0)
    whole = length & -code.lanes
    rest = within(code, length - whole)
    near = step.equals(1)
    with code.when(near):
        with code.loop(zero, whole, code.lanes) as q:
            code.store(code.load(code.at(image, element, q), type), code.at(place, element, q))
        with code.when(whole < length):
            value = code.masked_load(code.at(image, element, whole), type, rest)
            code.store(value, code.at(place, element, whole))
    pair = step.equals(2)
    with code.when(pair), code.loop(zero, length, code.lanes) as q:
        most = (length - q) * 2 - 1
        halves = []
        for i in range(2):
            at = code.at(image, element, q * 2 + i * code.lanes)
            halves.append(code.masked_load(at, type, within(code, most - i * code.lanes)))
        even = halves[0].shuffled(halves[1], range(0, 2 * code.lanes, 2))
        code.store(even, code.at(place, element, q))
    with code.when((near | pair) ^ 1), code.loop(zero, length, code.lanes) as q:
        value = gathered(code, image, element, q * step, step, within(code, length - q))
        code.store(value, code.at(place, element, q))


def gathered(
    code: Code, image: Value, element: str, start: Value, step: Value, mask: Value
) -> Value:
    """Elements that lie `step` apart, where the mask says so, and zeros.

    step: A number, or a vector of places to take instead.
    """
    type, many = code.vector(element), code.vector("ptr")
    first = code.emit(f"getelementptr {element}, ptr {image.name}, i64 {start.name}", "ptr")
    index = step
    if step.type == "i64":
        index = code.iota("i32") * code.splat(step.convert("i32"))
    places = code.emit(
        f"getelementptr {element}, ptr {first.name}, {index.type} {index.name}", many
    )
    short = {"float": "f32", "double": "f64"}[element]
    name = code.declare(
        type, f"llvm.masked.gather.v{code.lanes}{short}.v{code.lanes}p0", many, "i32",
        code.vector("i1"), type,
    )  # fmt: skip
    return code.emit(
        f"call {type} @{name}({many} {places.name}, i32 1, {mask.type} {mask.name}, "
        f"{type} zeroinitializer)",
        type,
    )


def call_build(
    code: Code, target: Value, image: Value, planes: Value, numbers: TileNumbers
) -> None:
    listed = ", ".join(f"i64 {x.name}" for x in numbers)
    code.line(f"call void @build(ptr {target.name}, ptr {image.name}, ptr {planes.name}, {listed})")
