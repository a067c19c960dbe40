"""Left operands as panels: tiles read what they spread over vectors from one place after the other.

Of a matrix that lies transposed, each inner step begins in another line of the cache, and of a large one in another
page: what is read again for every panel of the right operand is worth to be copied once.
"""

from __future__ import annotations

from ..llvm import Code, Value, smaller
from .microkernel import Shape, transposed, within


def pack_left(shape: Shape, declarations: set[str]) -> str:
    """``void @pack_left(target, source, count, inner, across, along)``: the panel of a tile's rows, whose
    number is a power of two.

    target[k * rows + i] = source[i * across + k * along] for i < count, and anything up to the tile's rows,
    where across or along is 1. Where along is 1, up to `rows` vectors behind the panel may be overwritten.
    """
    code = Code(shape.lanes, declarations)
    beside = Value(code, "%across", "i64").equals(1)
    with code.when(beside):
        _copied(code, shape)
    with code.when(~beside):
        _turned(code, shape)
    code.line("ret void")
    return code.function(
        "@pack_left(ptr noalias %target, ptr noalias %source, i64 %count, i64 %inner, i64 %across, "
        "i64 %along)",
        "internal void",
        "noinline",
    )


TOGETHER = 4
"""Steps whose rows are copied in one turn, where all rows are there."""


def _copied(code: Code, shape: Shape) -> None:
    """Rows side by side: of each step a few neighbours."""
    element, lanes, rows = shape.element, min(shape.lanes, shape.rows), shape.rows
    target, source = Value(code, "%target", "ptr"), Value(code, "%source", "ptr")
    count, inner, along = (Value(code, f"%{n}", "i64") for n in ("count", "inner", "along"))
    some = f"<{lanes} x {element}>"

    def copy(k: Value) -> None:
        for i in range(0, rows, lanes):
            value = code.load(code.at(source, element, k * along + i), some)
            code.store(value, code.at(target, element, k * rows + i))

    def copy_some(k: Value) -> None:
        row, place = code.at(source, element, k * along), code.at(target, element, k * rows)
        for i in range(0, rows, shape.lanes):
            type = code.vector(element)
            value = code.masked_load(
                code.at(row, element, k.like(i)), type, within(code, count - i)
            )
            there = within(code, code.constant(rows - i, "i64"))
            code.masked_store(value, code.at(place, element, k.like(i)), there)

    with code.when(count >= rows):
        whole = inner & -TOGETHER
        with code.loop(count.like(0), whole, TOGETHER) as k:
            for step in range(TOGETHER):
                copy(k + step)
        with code.loop(whole, inner) as k:
            copy(k)
    with code.when(count < rows), code.loop(count.like(0), inner) as k:
        copy_some(k)


def _turned(code: Code, shape: Shape) -> None:
    """Steps side by side: as many as lanes are shuffled into each other in registers."""
    element, lanes, type = shape.element, shape.lanes, code.vector(shape.element)
    target, source = Value(code, "%target", "ptr"), Value(code, "%source", "ptr")
    count, inner, across = (Value(code, f"%{n}", "i64") for n in ("count", "inner", "across"))
    last = count - 1

    def turn(k: Value, mask: Value | None) -> None:
        places = [
            code.at(source, element, smaller(last, i) * across + k) for i in range(shape.rows)
        ]
        values = [
            code.load(at, type) if mask is None else code.masked_load(at, type, mask)
            for at in places
        ]
        for i, value in enumerate(transposed(code, values)):
            code.store(value, code.at(target, element, k * shape.rows + i * lanes))

    whole = inner & -lanes
    with code.loop(count.like(0), whole, lanes) as k:
        turn(k, None)
    with code.when(whole < inner):
        turn(whole, within(code, inner - whole))
