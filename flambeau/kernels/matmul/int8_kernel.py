"""The machine code of products of bytes: rows of unsigned bytes times a packed matrix of signed ones.

Four neighbouring bytes of a row meet four of a column in one lane of 32 bits. Where the processor has an
instruction that multiplies and adds such fours (VNNI), a step is one instruction a vector; elsewhere the
bytes are widened, even and odd ones apart, so that no sum of products is cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ..llvm import Value, quotient, remainder, smaller
from ..llvm.processor import is_arm, is_x86
from ..runtime.entry import Body, kernel
from ..runtime.process import machine
from .microkernel import within

LOWERED = 0x80808080 - (1 << 32)
"""What lowers four bytes by 128, so that they get a sign."""
FOUR = 4
"""Bytes in a lane."""


class Tile(NamedTuple):
    """Rows and vectors of columns whose sums are in registers at once."""

    rows: int
    vectors: int


class Numbers(NamedTuple):
    """m, n: Sizes of the result; fours: inner steps, of four bytes; block, blocks: columns of a row of the job, and how
    many such there are; height: rows of one; biased: is there a bias?"""

    m: int
    n: int
    fours: int
    block: int
    blocks: int
    height: int
    biased: int


class RowNumbers(NamedTuple):
    """k: Elements of a row; padded: bytes of a quantised one."""

    k: int
    padded: int


def fours() -> str:
    """The processor's instruction for products of fours of bytes, by the name that LLVM has for it; empty without one."""
    features, bits = machine().features, machine().bits
    if is_arm():
        names = {"i8mm": "usdot", "dotprod": "sdot"}
        found = next((names[x] for x in names if features.get(x)), "")
        return found and f"llvm.aarch64.neon.{found}.v4i32.v16i8"
    if bits == 512 and features.get("avx512vnni"):
        return "llvm.x86.avx512.vpdpbusd.512"
    if bits == 256 and (features.get("avxvnni") or features.get("avx512vnni")):
        return "llvm.x86.avx512.vpdpbusd.256"
    return ""


def shifts() -> bool:
    """Does the instruction want signed bytes on the left too? Those without a sign are taken less 128 then."""
    return ".sdot." in fours()


def multiply_add(code: Body, total: Value, left: Value, right: Value) -> Value:
    """total + the sums of four products in each lane, of unsigned bytes (less 128, if it shifts) and signed ones."""
    name = fours()
    if name:
        type = "<16 x i8>" if is_arm() else total.type
        given = [total, left.cast_to(type), right.cast_to(type)]
        code.declare(total.type, name, *(x.type for x in given))
        listed = ", ".join(f"{x.type} {x.name}" for x in given)
        return code.emit(f"call {total.type} @{name}({listed})", total.type)
    pairs = f"<{2 * code.lanes} x i16>"
    wide = right.cast_to(pairs)
    eight = Value(code, f"<{', '.join(['i16 8'] * 2 * code.lanes)}>", pairs)
    even = (wide << eight) >> eight
    odd = wide >> eight
    low = (left & 0x00FF00FF).cast_to(pairs)
    high = (left.down(8) & 0x00FF00FF).cast_to(pairs)
    return total + _pairs(code, low, even) + _pairs(code, high, odd)


_PAIRS = {
    128: "llvm.x86.sse2.pmadd.wd",
    256: "llvm.x86.avx2.pmadd.wd",
    512: "llvm.x86.avx512.pmaddw.d.512",
}


def _pairs(code: Body, x: Value, y: Value) -> Value:
    """The sums of two neighbouring products of 16 bits each, in 32."""
    result = code.vector("i32")
    if is_x86():
        name = code.declare(result, _PAIRS[machine().bits], x.type, y.type)
        return code.emit(f"call {result} @{name}({x.type} {x.name}, {y.type} {y.name})", result)
    parts = []
    for first in (0, 1):
        picked = [v.shuffled(v, range(first, 2 * code.lanes, 2)).convert("i32") for v in (x, y)]
        parts.append(picked[0] * picked[1])
    return parts[0] + parts[1]


ARRAYS = ("a", "scales", "zeros", "w", "steps", "sums", "bias", "y")


@cache
def multiplying(tile: Tile, result: str) -> Callable[..., int]:
    """``f(a, scales, zeros, w, steps, sums, bias, y, *job, *Numbers)``.

    y = scales * steps * (a w - zeros * sums) + bias, where a (m, 4 fours) are unsigned bytes, w panels of as many
    columns as a vector has lanes, steps and sums are numbers a column, scales and zeros numbers a row. For whole results
    ("i32") there are no scales, steps and bias.
    """

    def write(code: Body) -> None:
        n = code.n
        with code.rows() as row:
            top = quotient(row, n.blocks) * n.height
            left = remainder(row, n.blocks) * n.block
            bottom, right = smaller(top + n.height, n.m), smaller(left + n.block, n.n)
            with (
                code.loop(left, right, code.lanes * tile.vectors) as j,
                code.loop(top, bottom, tile.rows) as i,
            ):
                _tile(code, tile, result, i, bottom, j)

    return kernel("int8_product", ARRAYS, Numbers, write, machine().bits // 32, makes=True)


def _tile(code: Body, tile: Tile, result: str, i: Value, bottom: Value, j: Value) -> None:
    """One tile; rows after the last are the last one's again, and columns after the last are not stored."""
    lanes, type, n = code.lanes, code.vector("i32"), code.n
    heights = [smaller(i + r, bottom - 1) for r in range(tile.rows)]
    starts = [code.at(code.p["a"], "i32", row * n.fours) for row in heights]
    last = quotient(n.n - 1, lanes)
    places = [smaller(quotient(j, lanes) + v, last) for v in range(tile.vectors)]
    panels = [code.at(code.p["w"], "i32", place * lanes * n.fours) for place in places]
    zero = code.constant(0, type)
    totals = [[code.slot(type, zero) for _ in panels] for _ in heights]
    with code.loop(code.zero, n.fours) as k:
        columns = [code.load(code.at(panel, "i32", k * lanes), type) for panel in panels]
        for start, line in zip(starts, totals):
            four = code.splat(code.load(code.at(start, "i32", k), "i32"))
            if shifts():
                four = four ^ LOWERED
            for column, total in zip(columns, line):
                code.store(multiply_add(code, code.load(total, type), four, column), total)
    for row, line in zip(heights, totals):
        lowered = 128 if shifts() else 0
        deliver(code, result, [code.load(total, type) for total in line], row, j, lowered)


def deliver(
    code: Body, result: str, totals: list[Value], row: Value, j: Value, lowered: int = 0
) -> None:
    """The sums of a row, in vectors from column j on, to their place in the result; see `multiplying`.

    lowered: What its bytes were taken less.
    """
    lanes, type, n = code.lanes, code.vector("i32"), code.n
    numbers = code.vector("float")
    offset = code.splat(code.get(code.p["zeros"], "i32", row) - lowered)
    scale = code.splat(code.get(code.p["scales"], "float", row)) if result == "float" else None
    for v, total in enumerate(totals):
        at = j + v * lanes
        mask = within(code, n.n - at)
        sums = code.masked_load(code.at(code.p["sums"], "i32", at), type, mask)
        value = total - offset * sums
        if scale is not None:
            steps = code.masked_load(code.at(code.p["steps"], "float", at), numbers, mask)
            biased = code.splat(n.biased.differs(0)) & mask
            bias = code.masked_load(code.at(code.p["bias"], "float", at), numbers, biased)
            value = value.convert("float") * (scale * steps) + bias
        code.masked_store(value, code.at(code.p["y"], result, row * n.n + at), mask)


@cache
def quantizing() -> Callable[..., int]:
    """``f(x, a, scales, zeros, *job, *RowNumbers)``: rows of floats as unsigned bytes.

    A row's range, with 0 in it, is cut into 255 steps: x is about scale * (byte - zero), and 0 is exact. The scale
    of a row with what is not finite is nan.
    """

    def write(code: Body) -> None:
        with code.rows() as row:
            _quantize(code, row)

    return kernel(
        "quantize_rows",
        ("x", "a", "scales", "zeros"),
        RowNumbers,
        write,
        machine().bits // 32,
        makes=True,
    )


TINY = 2.0**-126
"""The smallest step, so that there is a number for how many of them are 1."""
UNROLLED = 4
"""Vectors of a row that are read together."""


def _quantize(code: Body, row: Value) -> None:
    n, type = code.n, code.vector("float")
    x, a = code.at(code.p["x"], "float", row * n.k), code.at(code.p["a"], "i8", row * n.padded)
    low, high, odd = _ends(code, x)
    span = high - low
    step = span / 255.0
    step = (step < TINY).select(step.like(TINY), step)
    step = (span <= 0.0).select(step.like(1.0), step)
    inverse = step.like(1.0) / step
    zero = code.intrinsic("rint", -low * inverse)
    code.put((step + odd).lane(), code.p["scales"], row)
    code.put(zero.convert("i32").lane(), code.p["zeros"], row)
    bytes_type = f"<{code.lanes} x i8>"

    def put(j: Value, mask: Value | None) -> None:
        place = code.at(x, "float", j)
        value = code.load(place, type) if mask is None else code.masked_load(place, type, mask)
        level = code.intrinsic("rint", value * inverse) + zero
        level = (level > 0.0).select(level, level.like(0.0))  # also of what is no number
        level = (level < 255.0).select(level, level.like(255.0))
        whole = level.convert("i32")
        cut = code.emit(f"trunc {whole.type} {whole.name} to {bytes_type}", bytes_type)
        code.store(cut, code.at(a, "i8", j))

    _each_vector(code, n.k, lambda j, i, mask: put(j, mask))
    with code.loop(
        quotient(n.k + (code.lanes - 1), code.lanes) * code.lanes, n.padded, code.lanes
    ) as j:
        code.store(code.constant(0, bytes_type), code.at(a, "i8", j))


def _ends(code: Body, x: Value) -> tuple[Value, Value, Value]:
    """The smallest and the largest number of a row, or 0, in all lanes; and 0, or nan where one is not finite."""
    type = code.vector("float")
    none = code.constant(0.0, type)
    slots = [[code.slot(type, none) for _ in range(UNROLLED)] for _ in range(3)]

    def look(j: Value, i: int, mask: Value | None) -> None:
        place = code.at(x, "float", j)
        value = code.load(place, type) if mask is None else code.masked_load(place, type, mask)
        low, high, odd = (code.load(places[i], type) for places in slots)
        code.store((value < low).select(value, low), slots[0][i])
        code.store((value > high).select(value, high), slots[1][i])
        code.store(value.multiply_add(0.0, odd), slots[2][i])

    _each_vector(code, code.n.k, look)
    joins = (
        lambda x, y: (y < x).select(y, x),
        lambda x, y: (y > x).select(y, x),
        lambda x, y: x + y,
    )
    made = []
    for places, join in zip(slots, joins):
        first, *others = (code.load(place, type) for place in places)
        for other in others:
            first = join(first, other)
        by = code.lanes // 2
        while by:
            first, by = join(first, first.exchanged(by)), by // 2
        made.append(first)
    return made[0], made[1], made[2]


def _each_vector(code: Body, count: Value, do: Callable[[Value, int, Value | None], None]) -> None:
    """``do(place, which, mask)`` for all vectors of a row, some of them together while there are so many."""
    whole = code.lanes * UNROLLED
    end = quotient(count, whole) * whole
    with code.loop(code.zero, end, whole) as j:
        for i in range(UNROLLED):
            do(j + i * code.lanes, i, None)
    with code.loop(end, count, code.lanes) as j:
        do(j, 0, within(code, count - j))
