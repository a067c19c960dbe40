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
from ..llvm.processor import is_x86
from ..runtime.entry import Body, kernel
from ..runtime.process import machine
from .microkernel import within

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


def has_fours() -> bool:
    """Has the processor an instruction for products of fours of bytes?"""
    features = machine().features
    if machine().bits == 512:
        return bool(features.get("avx512vnni"))
    return machine().bits == 256 and bool(features.get("avxvnni") or features.get("avx512vnni"))


def multiply_add(code: Body, total: Value, left: Value, right: Value) -> Value:
    """total + the sums of four products in each lane, of unsigned bytes and signed ones."""
    if has_fours():
        bits = machine().bits
        name = code.declare(total.type, f"llvm.x86.avx512.vpdpbusd.{bits}", *[total.type] * 3)
        listed = ", ".join(f"{x.type} {x.name}" for x in (total, left, right))
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


@cache
def multiplying(tile: Tile) -> Callable[..., int]:
    """``f(a, scales, zeros, w, steps, sums, bias, y, *job, *Numbers)``.

    y = scales * steps * (a w - zeros * sums) + bias, where a (m, 4 fours) are unsigned bytes, w panels of as many
    columns as a vector has lanes, steps and sums are numbers a column, scales and zeros numbers a row.
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
                _tile(code, tile, i, bottom, j)

    arrays = ("a", "scales", "zeros", "w", "steps", "sums", "bias", "y")
    return kernel("int8_product", arrays, Numbers, write, machine().bits // 32, makes=True)


def _tile(code: Body, tile: Tile, i: Value, bottom: Value, j: Value) -> None:
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
            for column, total in zip(columns, line):
                code.store(multiply_add(code, code.load(total, type), four, column), total)
    for row, line in zip(heights, totals):
        scale = code.splat(code.get(code.p["scales"], "float", row))
        offset = code.splat(code.get(code.p["zeros"], "i32", row))
        for v, total in enumerate(line):
            at = j + v * lanes
            mask = within(code, n.n - at)
            sums = code.masked_load(code.at(code.p["sums"], "i32", at), type, mask)
            steps = code.masked_load(
                code.at(code.p["steps"], "float", at), code.vector("float"), mask
            )
            value = (code.load(total, type) - offset * sums).convert("float") * (scale * steps)
            biased = code.splat(n.biased.differs(0)) & mask
            bias = code.masked_load(
                code.at(code.p["bias"], "float", at), code.vector("float"), biased
            )
            place = code.at(code.p["y"], "float", row * n.n + at)
            code.masked_store(value + bias, place, mask)


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


def _quantize(code: Body, row: Value) -> None:
    n, lanes, type = code.n, code.lanes, code.vector("float")
    x, a = code.at(code.p["x"], "float", row * n.k), code.at(code.p["a"], "i8", row * n.padded)
    low, high, odd = (code.slot(type, code.constant(0.0, type)) for _ in range(3))
    with code.loop(code.zero, n.k, lanes) as j:
        value = code.masked_load(code.at(x, "float", j), type, within(code, n.k - j))
        code.store(code.intrinsic("minnum", code.load(low, type), value), low)
        code.store(code.intrinsic("maxnum", code.load(high, type), value), high)
        code.store(value.multiply_add(0.0, code.load(odd, type)), odd)  # nan by what is not finite
    ends = []
    for place, how in ((low, "minnum"), (high, "maxnum"), (odd, "")):
        value, by = code.load(place, type), lanes // 2
        while by:
            turned = value.exchanged(by)
            value, by = code.intrinsic(how, value, turned) if how else value + turned, by // 2
        ends.append(value)
    span = ends[1] - ends[0]
    flat = span <= 0.0
    step = flat.select(span.like(1.0), span / 255.0)
    zero = code.intrinsic("rint", -ends[0] / step)
    code.put((step + ends[2]).lane(), code.p["scales"], row)
    code.put(zero.convert("i32").lane(), code.p["zeros"], row)
    bytes_type = f"<{lanes} x i8>"
    with code.loop(code.zero, n.padded, lanes) as j:
        value = code.masked_load(code.at(x, "float", j), type, within(code, n.k - j))
        level = code.intrinsic("rint", value / step) + zero
        level = code.intrinsic(
            "minnum", code.intrinsic("maxnum", level, level.like(0.0)), level.like(255.0)
        )
        whole = level.convert("i32")
        cut = code.emit(f"trunc {whole.type} {whole.name} to {bytes_type}", bytes_type)
        code.store(cut, code.at(a, "i8", j))
