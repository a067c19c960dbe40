"""Input tiles with channels innermost (NHWC): a part of an image, with its padding, all channels side by side."""

from __future__ import annotations

from typing import NamedTuple

from ..llvm import Code, Value
from ..matmul.microkernel import clear, transposed


class TileNumbers(NamedTuple):
    """What `lay_out` is told.

    Attributes:
        channels: Of the image.
        wide: Channels with those that fill vectors, which are zero.
        x0, x1, x2: Sizes of the image.
        f0, f1, f2: The place in the image that the tile's first is.
        e0, e1, e2: Extents of the tile.
    """

    channels: Value
    wide: Value
    x0: Value
    x1: Value
    x2: Value
    f0: Value
    f1: Value
    f2: Value
    e0: Value
    e1: Value
    e2: Value


def shifted(code: Code, base: Value, index: Value, element: str = "float") -> Value:
    """Where an element would be, also where there is none: masked lanes are not looked at."""
    return code.emit(f"getelementptr {element}, ptr {base.name}, i64 {index.name}", "ptr")


def columns(code: Code, first: Value, width: Value) -> Value:
    """The lanes, from a column on, that lie within a row."""
    lane = code.iota("i32") + code.splat(first.convert("i32"))
    return (lane >= 0) & (lane < code.splat(width.convert("i32")))


def lay_out(element: str, lanes: int, declarations: set[str]) -> str:
    """``void @lay_out(target, image, *TileNumbers)``: fill a tile.

    The target needs `lanes` places more: rows are written as whole squares, in order, and what one has
    too much the next one sets right.
    """
    code = Code(lanes, declarations)
    target, image = Value(code, "%target", "ptr"), Value(code, "%image", "ptr")
    n = TileNumbers(*(Value(code, f"%{name}", "i64") for name in TileNumbers._fields))
    zero, type = code.constant(0, "i64"), code.vector(element)
    with code.loop(zero, n.e0) as a, code.loop(zero, n.e1) as b:
        place = code.at(target, element, (a * n.e1 + b) * n.e2 * n.wide)
        i0, i1 = n.f0 + a, n.f1 + b
        inside = (i0 >= 0) & (i0 < n.x0) & (i1 >= 0) & (i1 < n.x1)
        with code.when(inside ^ 1):
            clear(code, place, n.e2 * n.wide, element)
        with (
            code.when(inside),
            code.loop(zero, n.e2, lanes) as j,
            code.loop(zero, n.wide, lanes) as c,
        ):
            mask = columns(code, n.f2 + j, n.x2)
            square = []
            for k in range(lanes):
                there = code.splat(n.channels - c > k)
                at = (((c + k) * n.x0 + i0) * n.x1 + i1) * n.x2 + n.f2 + j
                pointer = shifted(code, image, at, element)
                square.append(code.masked_load(pointer, type, mask & there))
            for k, value in enumerate(transposed(code, square)):
                code.store(value, code.at(place, element, (j + k) * n.wide + c))
    code.line("ret void")
    numbers = ", ".join(f"i64 {x.name}" for x in n)
    return code.function(
        f"@lay_out(ptr noalias %target, ptr noalias %image, {numbers})", "internal void", "noinline"
    )


def call_lay_out(code: Code, target: Value, image: Value, numbers: TileNumbers) -> None:
    listed = ", ".join(f"i64 {x.name}" for x in numbers)
    code.line(f"call void @lay_out(ptr {target.name}, ptr {image.name}, {listed})")
