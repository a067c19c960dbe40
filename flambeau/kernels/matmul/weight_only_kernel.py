"""The machine code of products of floats and weights of eight or four bits, which become floats in registers.

Weights of eight bits lie as (columns, inner), so each column is summed along the inner dimension, a vector at a time.

Weights of four bits lie in blocks of 64 columns, as PyTorch packs them for processors with AVX-512: for each inner number
32 bytes, whose lower halves are the first 32 columns and whose upper halves the others. The columns of a last, smaller block
alternate: a byte is two neighbours. A weight is scale * (number - 8) + zero, where a group of inner numbers of a column has
one scale and one zero. The group's sum of products with whole numbers is scaled at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from typing import NamedTuple

from ..llvm import Value, across_lanes, quotient, smaller
from ..llvm.processor import is_x86
from ..runtime.entry import Body, kernel
from ..runtime.process import machine
from .half_pack import line
from .int4_pack import BLOCK, HALF, MIDDLE
from .int8_pack import BITS
from .microkernel import within

COLUMNS, VECTORS = 4, 4
"""Columns of eight bits, and vectors of columns of four, that are summed at once."""


class Numbers8(NamedTuple):
    """m, n, k: Sizes of the result and the inner one."""

    m: int
    n: int
    k: int


class Numbers4(NamedTuple):
    """m, n, k: Sizes of the result and the inner one; group: inner numbers of a group."""

    m: int
    n: int
    k: int
    group: int


@cache
def by_int8(rows: int) -> Callable[..., int]:
    """``f(x, w, scales, y, *job, *Numbers8)``: y = (x w.T) scales, for so many rows of x at once.

    A row of the job is `COLUMNS` columns.
    """

    def write(code: Body) -> None:
        n, type = code.n, code.vector("float")
        with code.rows() as block, code.loop(code.zero, n.m, rows) as i:
            columns = [smaller(block * COLUMNS + c, n.n - 1) for c in range(COLUMNS)]
            lines = [smaller(i + r, n.m - 1) for r in range(rows)]
            weights = [code.p["w"].byte(column * n.k) for column in columns]
            sources = [code.at(code.p["x"], "float", row * n.k) for row in lines]
            none = code.constant(0.0, type)
            totals = [[code.slot(type, none) for _ in weights] for _ in sources]

            def add(k: Value, count: Value | None) -> None:
                numbers = [
                    line(code, w.byte(k), code.lanes, count, BITS).convert("float") for w in weights
                ]
                for source, sums in zip(sources, totals):
                    place = code.at(source, "float", k)
                    value = (
                        code.load(place, type)
                        if count is None
                        else code.masked_load(place, type, within(code, count))
                    )
                    for number, total in zip(numbers, sums):
                        code.store(value.multiply_add(number, code.load(total, type)), total)

            whole = quotient(n.k, code.lanes) * code.lanes
            with code.loop(code.zero, whole, code.lanes) as k:
                add(k, None)
            with code.when(whole < n.k):
                add(whole, n.k - whole)
            for row, sums in zip(lines, totals):
                for column, total in zip(columns, sums):
                    value = across_lanes(code.load(total, type), lambda x, y: x + y).lane()
                    scale = code.get(code.p["scales"], "float", column)
                    code.put(value * scale, code.p["y"], row * n.n + column)

    arrays = ("x", "w", "scales", "y")
    return kernel("int8_weights", arrays, Numbers8, write, machine().bits // 32, makes=True)


@cache
def by_int4(rows: int) -> Callable[..., int]:
    """``f(x, w, scales, y, *job, *Numbers4)``: the product, for so many rows of x at once.

    scales: (groups, columns, 2), scales and zeros. A row of the job is a part of a block, `VECTORS` of its columns.
    """

    def write(code: Body) -> None:
        _each_part(code, lambda part: _sum_part(code, part, rows))

    arrays = ("x", "w", "scales", "y")
    return kernel("int4_weights", arrays, Numbers4, write, machine().bits // 32, makes=True)


@cache
def widening_int4() -> Callable[..., int]:
    """``f(w, scales, y, *job, *Numbers4)``: the weights as floats, (inner, columns)."""

    def write(code: Body) -> None:
        _each_part(code, lambda part: _widen_part(code, part))

    arrays = ("w", "scales", "y")
    return kernel("widened_int4", arrays, Numbers4, write, machine().bits // 32, makes=True)


class _Part(NamedTuple):
    """Some columns of a block: those of `VECTORS` / 2 vectors of bytes.

    begin: The block's first column. width: its columns. offset: the part's first byte of an inner number. last: is it
    the smaller block?
    """

    begin: Value
    width: Value
    offset: Value
    last: bool


def parts() -> int:
    """How many parts a block has."""
    return 2 * HALF // (VECTORS * machine().bits // 32)


def _each_part(code: Body, do: Callable[[_Part], None]) -> None:
    n, lanes = code.n, code.lanes
    with code.rows() as row:
        begin = quotient(row, parts()) * BLOCK
        offset = (row - quotient(row, parts()) * parts()) * (VECTORS // 2 * lanes)
        width = smaller(n.n - begin, BLOCK)
        with code.either(width.equals(BLOCK)) as branches:
            for last, branch in zip((False, True), branches):
                with branch, code.when(offset < (width >> 1)) if last else nullcontext():
                    do(_Part(begin, width, offset, last))


def _numbers(code: Body, part: _Part, k: Value) -> list[Value]:
    """An inner number of a part's columns less the middle, as floats: of each vector of bytes the lower halves, then the
    upper ones."""
    made = []
    for v in range(VECTORS // 2):
        at = part.offset + v * code.lanes
        place = code.p["w"].byte(((part.begin * code.n.k + k * part.width) >> 1) + at)
        count = (part.width >> 1) - at if part.last else None
        numbers = line(code, place, code.lanes, count, BITS).widen("i32")
        made += [_number(code, half) for half in (numbers, numbers.down(4))]
    return made


def _number(code: Body, half: Value) -> Value:
    """Four lower bits less the middle, as a float: looked up where a vector holds all sixteen."""
    if not (is_x86() and code.lanes == 16):
        return ((half & 15) - MIDDLE).convert("float")
    type = code.vector("float")
    table = code.iota("i32").convert("float") - float(MIDDLE)
    name = code.declare(type, "llvm.x86.avx512.permvar.sf.512", type, half.type)
    listed = f"{type} {table.name}, {half.type} {half.name}"
    return code.emit(f"call {type} @{name}({listed})", type)


def _in_order(code: Body, part: _Part, halves: list[Value]) -> list[tuple[Value, Value]]:
    """Values of a part's columns as vectors of neighbours, each with the column where it begins."""
    lanes, made = code.lanes, []
    for v in range(VECTORS // 2):
        low, high = halves[2 * v : 2 * v + 2]
        at = part.begin + part.offset + v * lanes
        if part.last:
            at = at + part.offset + v * lanes
            both = [x for i in range(lanes) for x in (i, lanes + i)]
            low, high = low.shuffled(high, both[:lanes]), low.shuffled(high, both[lanes:])
            made += [(at, low), (at + lanes, high)]
        else:
            made += [(at, low), (at + HALF, high)]
    return made


def _scales(code: Body, group: Value, column: Value) -> tuple[Value, Value]:
    """The scales and the zeros of columns from one on."""
    n, lanes, type = code.n, code.lanes, code.vector("float")
    place = code.at(code.p["scales"], "float", (group * n.n + column) * 2)
    left = (n.n - column) * 2
    first = code.masked_load(place, type, within(code, left))
    second = code.masked_load(
        code.at(place, "float", code.number(lanes)), type, within(code, left - lanes)
    )
    return (
        first.shuffled(second, range(0, 2 * lanes, 2)),
        first.shuffled(second, range(1, 2 * lanes, 2)),
    )


def _sum_part(code: Body, part: _Part, rows: int) -> None:
    n, type = code.n, code.vector("float")
    none = code.constant(0.0, type)
    with code.loop(code.zero, n.m, rows) as i:
        lines = [smaller(i + r, n.m - 1) for r in range(rows)]
        sources = [code.at(code.p["x"], "float", row * n.k) for row in lines]
        results = [[code.slot(type, none) for _ in range(VECTORS)] for _ in lines]
        totals = [[code.slot(type) for _ in range(VECTORS)] for _ in lines]
        plain = [code.slot(type) for _ in lines]
        with code.loop(code.zero, quotient(n.k, n.group)) as group:
            for place in [place for sums in totals for place in sums] + plain:
                code.store(none, place)
            with code.loop(group * n.group, (group + 1) * n.group) as k:
                numbers = _numbers(code, part, k)
                for source, sums, total in zip(sources, totals, plain):
                    value = code.splat(code.get(source, "float", k))
                    code.store(code.load(total, type) + value, total)
                    for number, place in zip(numbers, sums):
                        code.store(value.multiply_add(number, code.load(place, type)), place)
            for sums, total, places in zip(totals, plain, results):
                ordered = _in_order(code, part, [code.load(place, type) for place in sums])
                for (column, value), place in zip(ordered, places):
                    scale, zero = _scales(code, group, column)
                    shift = code.load(total, type).multiply_add(zero, code.load(place, type))
                    code.store(value.multiply_add(scale, shift), place)
        for row, places in zip(lines, results):
            ordered = _in_order(code, part, [none] * VECTORS)
            for (column, _), place in zip(ordered, places):
                mask = within(code, n.n - column)
                target = code.at(code.p["y"], "float", row * n.n + column)
                code.masked_store(code.load(place, type), target, mask)


def _widen_part(code: Body, part: _Part) -> None:
    n = code.n
    with code.loop(code.zero, quotient(n.k, n.group)) as group:
        none = code.constant(0.0, code.vector("float"))
        columns = [column for column, _ in _in_order(code, part, [none] * VECTORS)]
        masks = [within(code, n.n - column) for column in columns]
        scales = [_scales(code, group, column) for column in columns]
        with code.loop(group * n.group, (group + 1) * n.group) as k:
            ordered = _in_order(code, part, _numbers(code, part, k))
            for (column, value), (scale, zero), mask in zip(ordered, scales, masks):
                target = code.at(code.p["y"], "float", k * n.n + column)
                code.masked_store(value.multiply_add(scale, zero), target, mask)
