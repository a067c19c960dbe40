"""What both kernels of `winograd` are made of: the transforms, as vectors, and tiles of products.

Each function here takes and gives values of vectors; which lanes mean what is its caller's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from .call import Body
from .code import Code, Value, any_lane, choose, smaller

POINTS = 16
INNER = 64
"""Products summed in a register before the sum goes to memory: keeps float32 accurate."""

Square = list[list[Value]]
"""Vectors by their row and column within a patch."""


def turned(square: Square) -> Square:
    """Rows as columns."""
    return [list(column) for column in zip(*square)]


def of_input(d: Sequence[Value]) -> list[Value]:
    """Four neighbours for two places of three taps."""
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]


def of_weight(g: Sequence[Value]) -> list[Value]:
    """Three taps as four factors."""
    ends = g[0] + g[2]
    return [g[0], (ends + g[1]) * 0.5, (ends - g[1]) * 0.5, g[2]]


def to_output(m: Sequence[Value]) -> list[Value]:
    """Two results of four products."""
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]


def of_output(g: Sequence[Value]) -> list[Value]:
    """The transpose of `to_output`."""
    return [g[0], g[0] + g[1], g[0] - g[1], -g[1]]


def to_weight(m: Sequence[Value]) -> list[Value]:
    """The transpose of `of_weight`."""
    half_sum, half_difference = (m[1] + m[2]) * 0.5, (m[1] - m[2]) * 0.5
    return [m[0] + half_sum, half_difference, half_sum + m[3]]


def both_ways(transform: Callable[[Sequence[Value]], list[Value]], square: Square) -> Square:
    """A transform along the rows of a patch, and then along its columns."""
    along = [transform(row) for row in square]
    return turned([transform(column) for column in turned(along)])


def rows_of(bits: int) -> int:
    """Rows that a tile has."""
    return 8 if bits == 512 else 4


def aligned(code: Body, memory: Value) -> Value:
    """The first cache line of some memory."""
    number = code.emit(f"ptrtoint ptr {memory.name} to i64", "i64")
    return code.at(memory, "i8", (code.zero - number) & 63)


def apart(x: Value, y: Value) -> list[Value]:
    """The even and the odd elements of two vectors."""
    even = list(range(0, 2 * x.code.lanes, 2))
    return [x.shuffled(y, even), x.shuffled(y, [i + 1 for i in even])]


def look(code: Code, bad: Value, value: Value, mask: Value) -> None:
    """Note what is not finite: zero times it is no number."""
    nothing = code.constant(0.0, value.type)
    code.store(code.load(bad, value.type) + choose(mask, value * 0.0, nothing), bad)


def is_lost(code: Code, bad: Value) -> Value:
    """1 if something was not finite, else 0."""
    return any_lane(code.load(bad, code.vector("float")).is_nan()).widen("i64")


@contextmanager
def walk(code: Body, start: Value, stop: Value) -> Iterator[tuple[Value, Value]]:
    """``while at < stop``: where it is, and the place to store where it goes next."""
    place = code.slot("i64", code.zero)
    code.store(start, place)
    head, body, done = (code.name(n) for n in ("walk", "step", "walked"))
    code.jump(head)
    code.label(head)
    at = code.load(place, "i64")
    code.branch(at < stop, body, done)
    code.label(body)
    yield at, place
    code.jump(head)
    code.label(done)


def tiles(code: Body, rows: int, along: bool) -> list[str]:
    """The functions that `call_tiles` calls."""
    return [tile(code, f"tile{v}", rows, v, along) for v in (1, 2, 3)]


def call_tiles(
    code: Body, left: tuple[Value, Value], right: tuple[Value, Value],
    target: tuple[Value, Value], vectors: Value, count: Value, add: Value,
) -> None:  # fmt: skip
    """Tiles side by side: three vectors wide, or two where three would leave one alone.

    Args:
        left, right, target: Where they begin, and the step, pitch and stride of `tile`.
        vectors: How many there are side by side.
        count, add: As for `tile`.
    """
    with walk(code, code.zero, vectors) as (at, place):
        rest = vectors - at
        width = choose(rest.equals(4), rest.like(2), smaller(rest, 3))
        b = code.at(right[0], "float", at * code.lanes)
        to = code.at(target[0], "float", at * code.lanes)
        for v in (1, 2, 3):
            with code.when(width.equals(v)):
                code.line(
                    f"call void @tile{v}(ptr {left[0].name}, i64 {left[1].name}, ptr {b.name}, "
                    f"i64 {right[1].name}, ptr {to.name}, i64 {target[1].name}, i64 {count.name}, "
                    f"i64 {add.name})"
                )
        code.store(at + width, place)


def leave(
    code: Code,
    element: str,
    sums: list[list[Value]],
    target: Value,
    stride: Value,
    add: Value,
) -> None:
    """Write the sums of a tile to its rows, `stride` apart, or add them to what is there if `add`."""
    kind = code.vector(element)
    pairs = [
        (total, code.at(target, element, stride * i + v * code.lanes))
        for i, row in enumerate(sums)
        for v, total in enumerate(row)
    ]
    with code.when(add.differs(0)):
        for total, place in pairs:
            code.store(code.load(total, kind) + code.load(place, kind), total)
    for total, place in pairs:
        code.store(code.load(total, kind), place)


def tile(code: Code, name: str, rows: int, vectors: int, along: bool) -> str:
    """``void @name(a, step, b, pitch, target, stride, count, add)``: a tile of products.

    target[i, :] (rows `stride` apart) = sum over k < count of a's value (i, k) times b[k, :] (rows
    `pitch` apart), added to what is there if `add`. The left values of a step lie side by side,
    `step` from those of the next; with `along` it is the steps of a row that lie side by side, and
    rows are `step` apart.
    """
    inner = Code(code.lanes, code.declarations)
    kind, lanes = inner.vector("float"), inner.lanes
    a, b, target = (Value(inner, f"%{n}", "ptr") for n in ("a", "b", "target"))
    step, pitch, stride, count, add = (
        Value(inner, f"%{n}", "i64") for n in ("step", "pitch", "stride", "count", "add")
    )
    zero = inner.constant(0.0, kind)
    sums = [[inner.slot(kind, zero) for _ in range(vectors)] for _ in range(rows)]
    starts = [inner.at(a, "float", step * i) for i in range(rows)] if along else []
    with inner.loop(count.like(0), count) as k:
        line = inner.at(b, "float", k * pitch)
        right = [
            inner.load(inner.at(line, "float", k.like(v * lanes)), kind) for v in range(vectors)
        ]
        group = inner.at(a, "float", k * step)
        for i, row in enumerate(sums):
            place = (
                inner.at(starts[i], "float", k) if along else inner.at(group, "float", k.like(i))
            )
            left = inner.splat(inner.load(place, "float"))
            for value, total in zip(right, row):
                inner.store(left.multiply_add(value, inner.load(total, kind)), total)
    leave(inner, "float", sums, target, stride, add)
    inner.line("ret void")
    return inner.function(
        f"@{name}(ptr noalias %a, i64 %step, ptr noalias %b, i64 %pitch, ptr noalias %target, "
        "i64 %stride, i64 %count, i64 %add)",
        "internal void",
        "noinline",
    )
