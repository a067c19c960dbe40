"""Slabs: a part of an image as convolutions read it, with its padding, and apart by the remainders of a stride.

An image has three spatial dimensions here. A window with strides s meets element ``u s + d i - p`` at
its place u. Of the padded image, the elements with equal remainders modulo s form a plane, and in its plane
each element of the window (a tap) sees the places' elements side by side. So a tap is an offset into the
slab, whatever the stride and the dilation are, and a slab is as large as the image and not as large as
all windows together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .code import Code, Value
from .tile import bounded, shifted

PLANE = 5
"""Numbers that describe a plane: remainders of the outer dimensions, then, for rows, where they begin in
the image, and which part of them the image fills."""


class Slab(NamedTuple):
    """What a slab of some places needs of an image, in whole numbers for kernels."""

    sizes: tuple[int, ...]
    stride: tuple[int, ...]
    before: tuple[int, ...]
    extents: tuple[int, ...]
    planes: Any
    offsets: Any

    @property
    def plane(self) -> int:
        """Elements of a plane."""
        return self.extents[0] * self.extents[1] * self.extents[2]


def slab(
    sizes: Sequence[int], stride: Sequence[int], before: Sequence[int],
    taps: Sequence[tuple[int, ...]], places: Sequence[int],
) -> Slab:  # fmt: skip
    """The slab in which the taps (places in the padded image that the first place meets) are offsets.

    Args:
        sizes: Of the image.
        stride: Steps of the window.
        before: Padding; negative where the window begins within the image.
        taps: What the window's first place meets, counted from the start of the padding.
        places: How many places, the outermost ones being those that share a slab.
    """
    apart = [tuple(t % s for t, s in zip(tap, stride)) for tap in taps]
    along = [tuple(t // s for t, s in zip(tap, stride)) for tap in taps]
    order = sorted(set(apart))
    most = [max((a[i] for a in along), default=0) for i in range(3)]
    extents = tuple(n + m for n, m in zip(places, most))
    planes: list[tuple[int, ...]] = []
    for a in order:
        start = a[2] - before[2]
        low = max(0, -(start // stride[2]))
        high = min(extents[2], max(low, -((start - sizes[2]) // stride[2])))
        planes.append((a[0] - before[0], a[1] - before[1], start, low, high))
    plane = extents[0] * extents[1] * extents[2]
    offsets = [
        order.index(a) * plane + (q[0] * extents[1] + q[1]) * extents[2] + q[2]
        for a, q in zip(apart, along)
    ]
    return Slab(
        tuple(sizes), tuple(stride), tuple(before), extents,
        np.array(planes or [(0,) * PLANE], np.int64), np.array(offsets, np.int64),
    )  # fmt: skip


_NUMBERS = (
    "channels",
    "count",
    "x0",
    "x1",
    "x2",
    "step0",
    "step1",
    "step2",
    "first",
    "e0",
    "e1",
    "e2",
)


def build(element: str, lanes: int, declarations: set[str]) -> str:
    """``void @build(target, image, planes, channels, count, sizes, stride, first, extents)``: fill a slab.

    first: the outermost place of the window that it begins with. The target needs `lanes` elements more.
    """
    code = Code(lanes, declarations)
    target, image, planes = (Value(code, f"%{n}", "ptr") for n in ("target", "image", "planes"))
    f = {n: Value(code, f"%{n}", "i64") for n in _NUMBERS}
    zero = code.constant(0, "i64")
    done = code.slot("i64", zero)
    with code.loop(zero, f["channels"]) as c, code.loop(zero, f["count"]) as plane:
        facts = [code.load(code.at(planes, "i64", plane * PLANE + i), "i64") for i in range(PLANE)]
        with code.loop(zero, f["e0"]) as q0, code.loop(zero, f["e1"]) as q1:
            i0, i1 = (f["first"] + q0) * f["step0"] + facts[0], q1 * f["step1"] + facts[1]
            inside = (i0 >= 0) & (i0 < f["x0"]) & (i1 >= 0) & (i1 < f["x1"])
            line = ((c * f["x0"] + i0) * f["x1"] + i1) * f["x2"] + facts[2]
            at = code.load(done, "i64")
            place = code.at(target, element, at)
            row(
                code,
                element,
                (place, image, line),
                (f["step2"], f["e2"]),
                (inside, facts[3], facts[4]),
            )
            code.store(at + f["e2"], done)
    code.line("ret void")
    numbers = ", ".join(f"i64 %{n}" for n in _NUMBERS)
    return code.function(
        f"@build(ptr %target, ptr %image, ptr %planes, {numbers})", "internal void", "noinline"
    )


def row(
    code: Code, element: str, memory: tuple[Value, Value, Value], walk: tuple[Value, Value],
    part: tuple[Value, Value, Value],
) -> None:  # fmt: skip
    """One row of a slab: zeros but for the part from low to high, which the image has, if the row is inside."""
    place, image, line = memory
    step, length = walk
    inside, low, high = part
    kind, zero = code.vector(element), length.like(0)
    end = code.emit(f"select i1 {inside.name}, i64 {high.name}, i64 0", "i64")
    near = step.equals(1)
    for wanted in (near, near ^ 1):
        with code.when(wanted), code.loop(zero, length, code.lanes) as q:
            mask = bounded(code, q, low, end)
            if wanted is near:
                value = code.masked_load(shifted(code, image, element, line + q), kind, mask)
            else:
                value = gathered(code, image, element, line + q * step, step, mask)
            code.store(value, code.at(place, element, q))


def gathered(
    code: Code, image: Value, element: str, start: Value, step: Value, mask: Value
) -> Value:
    """Elements that lie `step` apart, where the mask says so, and zeros."""
    kind, many = code.vector(element), code.vector("ptr")
    index = code.splat(start) + code.iota() * code.splat(step)
    places = code.emit(
        f"getelementptr {element}, ptr {image.name}, {index.type} {index.name}", many
    )
    short = {"float": "f32", "double": "f64"}[element]
    name = code.declare(
        kind, f"llvm.masked.gather.v{code.lanes}{short}.v{code.lanes}p0", many, "i32",
        code.vector("i1"), kind,
    )  # fmt: skip
    return code.emit(
        f"call {kind} @{name}({many} {places.name}, i32 1, {mask.type} {mask.name}, "
        f"{kind} zeroinitializer)",
        kind,
    )


def call_build(
    code: Code, target: Value, image: Value, planes: Value, numbers: Sequence[Value]
) -> None:
    """numbers: channels, count of planes, sizes (3), stride (3), first, extents (3)."""
    listed = ", ".join(f"i64 {x.name}" for x in numbers)
    code.line(f"call void @build(ptr {target.name}, ptr {image.name}, ptr {planes.name}, {listed})")
