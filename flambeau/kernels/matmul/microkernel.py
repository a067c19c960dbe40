"""Tiles of matrix products: what products, convolutions and attention compute in registers.

A tile is a few rows of the result by a few vectors of neighbouring columns; its sums stay in
registers while a loop walks the inner dimension. Left operands are packed into panels, `rows`
values an inner step, and right operands are read through a table of offsets: row k of the right
operand begins at ``b + offsets[k]``. A table makes a convolution a matrix product: the rows are
the image itself, shifted.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import NamedTuple

from ..llvm import BITS, Code, Value, larger, smaller
from ..llvm.processor import many_registers

INNER = 256
"""Products summed in a register before the sum goes to memory: keeps float32 accurate."""

SECOND = 2
"""How LLVM calls the second cache, where something is asked for ahead."""


class Shape(NamedTuple):
    """The form of a tile for a machine and an element type."""

    element: str
    lanes: int
    rows: int
    vectors: int

    @property
    def columns(self) -> int:
        return self.lanes * self.vectors

    @property
    def item(self) -> int:
        """Bytes of an element."""
        return BITS[self.element] // 8


def shapes(element: str, bits: int) -> list[Shape]:
    """The forms worth trying: their sums and operands fit the machine's registers."""
    many = many_registers(bits)
    forms = ((12, 2), (8, 2), (8, 3), (4, 4), (2, 6), (1, 8), (16, 1)) if many else (
        (6, 2), (4, 2), (4, 3), (2, 4), (1, 6), (12, 1),
    )  # fmt: skip
    return [Shape(element, bits // BITS[element], *form) for form in forms]


PERIOD, WAYS = 4096, 8
"""Bytes after which lines meet in the first cache's same place, and how many lines a place has."""


def fitting(element: str, bits: int, rows: int, columns: int, apart: int = 1) -> Shape:
    """The form that takes the fewest steps for a result of this size.

    Args:
        apart: Bytes between the rows of the left operand. Where these all fall into one place of the
            cache, a tile has no more rows than that holds.
    """
    crowded = apart != 0 and apart % PERIOD == 0

    def steps(shape: Shape) -> float:
        tiles = -(-rows // shape.rows) * -(-columns // shape.columns)
        reads = shape.rows + 2 * shape.vectors
        return tiles * (max(shape.rows * shape.vectors, reads) + 1.5)

    return min((s for s in shapes(element, bits) if s.rows <= WAYS or not crowded), key=steps)


def within(code: Code, count: Value) -> Value:
    """A mask of the first `count` lanes; all for more, none for less than one."""
    few = larger(smaller(count, code.lanes), 0).convert("i32")
    return code.iota("i32") < code.splat(few)


def multiply(
    shape: Shape, declarations: set[str], packed: bool, name: str = "multiply",
    right: str = "table", step: int = 0,
) -> str:  # fmt: skip
    """``void @name(a, across, along, b, offsets, first, last, target, stride, rows, count,
    add, bias)``.

    Inner steps from first to last of a times b, into `rows` rows and `count` columns of the
    target, whose rows are `stride` apart; added to what is there if `add`. A bias is a number a
    column that is added too, unless it is null. With `packed` the left operand is a panel, and
    across and along are not looked at.

    Args:
        right: Where the right operand's rows are: by a "table" of offsets; a "stride" apart, which is given
            in place of the table; or in a "panel", `step` elements apart.
    """
    code = Code(shape.lanes, declarations)
    element, type = shape.element, code.vector(shape.element)
    a, b = (Value(code, f"%{n}", "ptr") for n in ("a", "b"))
    offsets = Value(code, "%offsets", "ptr" if right == "table" else "i64")
    first, last, across, along, rows = (
        Value(code, f"%{n}", "i64") for n in ("first", "last", "across", "along", "rows")
    )
    foresee_next(code, shape)
    zero = code.constant(0.0, type)
    parts = [[code.slot(type, zero) for _ in range(shape.vectors)] for _ in range(shape.rows)]
    if not packed:  # rows that are not there are read from the last one that is
        starts = [code.at(a, element, smaller(rows - 1, i) * across) for i in range(shape.rows)]
    with code.loop(first, last) as k:
        if right == "table":
            start = code.load(code.at(offsets, "i64", k), "i64")
        else:
            start = k * (step if right == "panel" else offsets)
        values = [
            code.load(code.at(b, element, start + v * shape.lanes), type)
            for v in range(shape.vectors)
        ]
        here = k * (shape.rows if packed else along)
        for i, row in enumerate(parts):
            at = code.at(a, element, here + i) if packed else code.at(starts[i], element, here)
            left = code.splat(code.load(at, element))
            for value, place in zip(values, row):
                code.store(left.multiply_add(value, code.load(place, type)), place)
    deliver(code, shape, [[code.load(place, type) for place in row] for row in parts])
    code.line("ret void")
    return code.function(
        f"@{name}(ptr %a, i64 %across, i64 %along, ptr %b, {offsets.type} %offsets, i64 %first, i64 %last, "
        "ptr %target, i64 %stride, i64 %rows, i64 %count, i64 %add, ptr %bias)",
        "internal void",
        "noinline",
    )


def foresee_next(code: Code, shape: Shape) -> None:
    """Ask for the place of the tile below this one: rows of a large result lie in different pages, which nothing else
    foretells. No address is wrong."""
    name = code.declare("void", "llvm.prefetch.p0", "ptr", "i32", "i32", "i32")
    target, stride = Value(code, "%target", "ptr"), Value(code, "%stride", "i64")
    for i in range(shape.rows):
        place = code.at(target, shape.element, stride * (shape.rows + i))
        for v in range(shape.vectors):
            line = code.at(place, shape.element, stride.like(v * shape.lanes))
            code.line(f"call void @{name}(ptr {line.name}, i32 0, i32 {SECOND}, i32 1)")


def deliver(code: Code, shape: Shape, parts: list[list[Value]]) -> None:
    """Store a tile or the part of it that lies in the target."""
    type = code.vector(shape.element)
    target = Value(code, "%target", "ptr")
    stride, rows, count, add = (
        Value(code, f"%{n}", "i64") for n in ("stride", "rows", "count", "add")
    )
    whole = rows.equals(shape.rows) & count.equals(shape.columns)
    adds = add.differs(0)

    biased = ~Value(code, "%bias", "ptr").equals_pointer(Value(code, "null", "ptr"))
    sums = [[code.slot(type, value) for value in row] for row in parts]

    def each(masks: list[Value] | None) -> None:
        """Add what is to be added, and store: whole vectors, or the lanes and rows that are there."""
        places = [
            [
                code.at(place, shape.element, stride.like(v * shape.lanes))
                for v in range(shape.vectors)
            ]
            for place in (code.at(target, shape.element, stride * i) for i in range(shape.rows))
        ]
        with code.when(adds):
            for i, (row, to) in enumerate(zip(sums, places)):
                for v, (total, at) in enumerate(zip(row, to)):
                    if masks is None:
                        old = code.load(at, type)
                    else:
                        old = code.masked_load(at, type, masks[v] & code.splat(rows > i))
                    code.store(code.load(total, type) + old, total)
        with code.when(biased):
            shift(masks)
        for i, (row, to) in enumerate(zip(sums, places)):
            with code.when(rows > i) if masks is not None else nullcontext():
                for v, (total, at) in enumerate(zip(row, to)):
                    value = code.load(total, type)
                    if masks is None:
                        code.store(value, at)
                    else:
                        code.masked_store(value, at, masks[v])

    def shift(masks: list[Value] | None) -> None:
        bias = Value(code, "%bias", "ptr")
        for v in range(shape.vectors):
            at = code.at(bias, shape.element, stride.like(v * shape.lanes))
            more = code.load(at, type) if masks is None else code.masked_load(at, type, masks[v])
            for row in sums:
                code.store(code.load(row[v], type) + more, row[v])

    with code.when(whole):
        each(None)
    with code.when(whole ^ 1):
        each([within(code, count - v * shape.lanes) for v in range(shape.vectors)])


def call_multiply(
    code: Code, left: tuple[Value, Value, Value], right: tuple[Value, Value], inner: Value,
    target: tuple[Value, Value, Value, Value], add: Value, bias: Value | None = None,
    function: str = "@multiply",
) -> None:  # fmt: skip
    """The whole inner dimension, in stretches of `INNER`.

    Args:
        left: The left operand, and its steps across and along.
        right: The right operand, and the offsets of its rows, or what stands for them.
        target: Where to, its stride, and how many rows and columns.
        add: Not zero if the first stretch too is added to what the target holds.
        bias: A pointer to a number a column that is added; it may be null.
        function: What computes a stretch.
    """
    a, across, along = (x.name for x in left)
    b, offsets = right[0].name, f"{right[1].type} {right[1].name}"
    place, stride, rows, count = (x.name for x in target)
    with code.loop(inner.like(0), inner, INNER) as first:
        last = smaller(first + INNER, inner)
        more = first | add
        start = first.equals(0)
        shift = "null"
        if bias is not None:
            shift = code.emit(f"select i1 {start.name}, ptr {bias.name}, ptr null", "ptr").name
        code.line(
            f"call void {function}(ptr {a}, i64 {across}, i64 {along}, ptr {b}, {offsets}, "
            f"i64 {first.name}, i64 {last.name}, ptr {place}, i64 {stride}, i64 {rows}, "
            f"i64 {count}, i64 {more.name}, ptr {shift})"
        )


def fill(code: Code, shape: Shape, sums: Value, starts: Value | None) -> None:
    """Set a tile's sums: each row to its start (a bias), or all to zero."""
    type = code.vector(shape.element)
    for i in range(shape.rows):
        value = code.constant(0.0, type)
        if starts is not None:
            at = code.at(starts, shape.element, code.constant(i, "i64"))
            value = code.splat(code.load(at, shape.element))
        for v in range(shape.vectors):
            index = code.constant(i * shape.columns + v * shape.lanes, "i64")
            code.store(value, code.at(sums, shape.element, index))


def write(shape: Shape, declarations: set[str]) -> str:
    """``void @write(sums, target, rows, stride, count, step)``: a run of columns of a tile to its
    place.

    stride: elements of the target between rows; step: between the columns of the run.
    """
    code = Code(shape.lanes, declarations)
    element, type = shape.element, code.vector(shape.element)
    sums, target = Value(code, "%sums", "ptr"), Value(code, "%target", "ptr")
    rows, stride, count, step = (
        Value(code, f"%{n}", "i64") for n in ("rows", "stride", "count", "step")
    )
    zero = rows.like(0)
    near = step.equals(1)
    with code.when(near), code.loop(zero, rows) as i:
        source, place = (
            code.at(sums, element, i * shape.columns),
            code.at(target, element, i * stride),
        )
        whole = count & -shape.lanes
        with code.loop(zero, whole, shape.lanes) as j:
            code.store(code.load(code.at(source, element, j), type), code.at(place, element, j))
        with code.when(whole < count):
            value = code.load(code.at(source, element, whole), type)  # tiles are whole vectors
            code.masked_store(value, code.at(place, element, whole), within(code, count - whole))
    with code.when(near ^ 1), code.loop(zero, rows) as i:
        source, place = (
            code.at(sums, element, i * shape.columns),
            code.at(target, element, i * stride),
        )
        with code.loop(zero, count) as j:
            code.store(
                code.load(code.at(source, element, j), element), code.at(place, element, j * step)
            )
    code.line("ret void")
    return code.function(
        "@write(ptr noalias %sums, ptr noalias %target, i64 %rows, i64 %stride, i64 %count, "
        "i64 %step)",
        "internal void",
        "noinline",
    )


def pack(name: str, width: int, element: str, lanes: int, declarations: set[str]) -> str:
    """``void @name(target, source, count, inner, across, along)``: a panel, its inner dimension
    outermost.

    target[k * width + i] = source[i * across + k * along] for i < count, and 0 up to the width,
    where across or along is 1. The width is a whole number of vectors.
    """
    code = Code(lanes, declarations)
    target, source = Value(code, "%target", "ptr"), Value(code, "%source", "ptr")
    count, inner, across, along = (
        Value(code, f"%{n}", "i64") for n in ("count", "inner", "across", "along")
    )
    zero, type = count.like(0), code.vector(element)
    copied, full = across.equals(1), count >= width

    def copy(k: Value, whole: bool) -> None:
        row, place = code.at(source, element, k * along), code.at(target, element, k * width)
        for i in range(0, width, lanes):
            at = code.at(row, element, zero + i)
            mask = None if whole else within(code, count - i)
            value = code.load(at, type) if mask is None else code.masked_load(at, type, mask)
            code.store(value, code.at(place, element, zero + i))

    with code.when(copied & full), code.loop(zero, inner) as k:
        copy(k, True)
    with code.when(copied & ~full), code.loop(zero, inner) as k:
        copy(k, False)
    with (
        code.when(~copied),
        code.loop(zero, inner, lanes) as k,
        code.loop(zero, zero + width, lanes) as i,
    ):
        code.line(
            f"call void @{name}_square(ptr {code.at(target, element, k * width + i).name}, "
            f"ptr {code.at(source, element, i * across + k).name}, i64 {across.name}, "
            f"i64 {(count - i).name}, i64 {(inner - k).name})"
        )
    code.line("ret void")
    main = code.function(
        f"@{name}(ptr noalias %target, ptr noalias %source, i64 %count, i64 %inner, i64 %across, "
        "i64 %along)",
        "internal void",
        "noinline",
    )
    return square(f"{name}_square", width, element, lanes, declarations) + main


def square(name: str, width: int, element: str, lanes: int, declarations: set[str]) -> str:
    """``void @name(target, source, across, count, inner)``: a square of a panel, turned in registers; of
    rows from `count` on there are zeros, and no more than `inner` columns are read and written."""
    code = Code(lanes, declarations)
    target, source = Value(code, "%target", "ptr"), Value(code, "%source", "ptr")
    across, count, inner = (Value(code, f"%{n}", "i64") for n in ("across", "count", "inner"))
    type = code.vector(element)

    def turn(masks: Sequence[Value] | None) -> None:
        starts = [code.at(source, element, across * row) for row in range(lanes)]
        if masks is None:
            values = [code.load(at, type) for at in starts]
        else:
            values = [code.masked_load(at, type, mask) for at, mask in zip(starts, masks)]
        for j, value in enumerate(transposed(code, values)):
            with code.when(inner > j) if masks is not None else nullcontext():
                code.store(value, code.at(target, element, inner.like(j * width)))

    whole = (count >= lanes) & (inner >= lanes)
    with code.when(whole):
        turn(None)
    with code.when(~whole):
        here = within(code, inner)
        turn([here & code.splat(count > row) for row in range(lanes)])
    code.line("ret void")
    return code.function(
        f"@{name}(ptr noalias %target, ptr noalias %source, i64 %across, i64 %count, i64 %inner)",
        "internal void",
        "noinline",
    )


def transposed(code: Code, rows: list[Value]) -> list[Value]:
    """Vectors, a power of two of them and no more than lanes, element by element: first the first lanes of
    all, then the second ones, and so on. A square is turned. Each round shuffles two halves together."""
    n, half = len(rows), code.lanes // 2
    low = [x for i in range(half) for x in (i, code.lanes + i)]
    high = [x + half for x in low]
    for _ in range(n.bit_length() - 1):
        rows = [
            shuffled(code, rows[i], rows[i + n // 2], order)
            for i in range(n // 2)
            for order in (low, high)
        ]
    return rows


def shuffled(code: Code, x: Value, y: Value, order: list[int]) -> Value:
    """Lanes of x (below the number of lanes) and y (from there)."""
    listed = ", ".join(f"i32 {i}" for i in order)
    return code.emit(
        f"shufflevector {x.type} {x.name}, {x.type} {y.name}, <{len(order)} x i32> <{listed}>",
        x.type,
    )


def clear(code: Code, target: Value, count: Value, element: str) -> None:
    """Set elements to zero."""
    name = code.declare("void", "llvm.memset.p0.i64", "ptr", "i8", "i64", "i1")
    size = count * (BITS[element] // 8)
    code.line(f"call void @{name}(ptr {target.name}, i8 0, i64 {size.name}, i1 false)")
