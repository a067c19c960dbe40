"""Right operands of products of bytes as panels: fours of neighbours along the inner dimension, a lane each.

A panel has as many columns as a vector has lanes; line s of it holds the inner numbers 4 s to 4 s + 3 of all of them. Ends
are zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ..llvm import Value, smaller
from ..runtime.entry import Body, kernel
from ..runtime.process import machine
from .half_pack import line
from .microkernel import transposed

BITS = 8
"""Of a number."""
GROUP = 4
"""Panels of a row of the job."""


class PackNumbers(NamedTuple):
    """n, k: Columns and inner size; panels, fours: how many panels there are, and lines of one; column_step, inner_step:
    bytes, one of which is 1."""

    n: int
    k: int
    panels: int
    fours: int
    column_step: int
    inner_step: int


@cache
def packing() -> Callable[..., int]:
    """``f(source, made, *job, *PackNumbers)``; a row of the job is some panels."""

    def write(code: Body) -> None:
        n = code.n
        with code.rows() as row:
            first, last = row * GROUP, smaller((row + 1) * GROUP, n.panels)
            with code.either(n.inner_step.equals(1)) as (near, far):
                with near, code.loop(first, last) as panel:
                    _turned(code, panel)
                with far:
                    _interleaved(code, first, last)

    lanes = machine().bits // 32
    return kernel("pack_bytes", ("source", "made"), PackNumbers, write, lanes, makes=True)


def _turned(code: Body, panel: Value) -> None:
    """Columns whose inner numbers lie side by side: squares of lanes by lanes fours."""
    n, lanes, words = code.n, code.lanes, code.vector("i32")
    first = panel * lanes
    with code.loop(code.zero, n.fours, lanes) as s:
        target = code.at(code.p["made"], "i32", (panel * n.fours + s) * lanes)
        source = code.p["source"].byte(first * n.column_step + s * 4)
        lines, left = smaller(n.fours - s, lanes), n.k - s * 4
        full = (n.n - first >= lanes) & (left >= 4 * lanes)
        with code.either(full) as (whole, edge):
            for block, is_edge in ((whole, False), (edge, True)):
                with block:
                    rows = []
                    for i in range(lanes):
                        count = (n.n - first > i).select(left, 0) if is_edge else None
                        place = source.byte(n.column_step * i)
                        rows.append(line(code, place, 4 * lanes, count, BITS).cast_to(words))
                    for i, value in enumerate(transposed(code, rows)):
                        with code.when(lines > i):
                            code.store(value, target.byte(4 * lanes * i))


def _interleaved(code: Body, first: Value, last: Value) -> None:
    """Columns that lie side by side: four rows of them make a line of each panel."""
    n, lanes = code.n, code.lanes
    width = GROUP * lanes
    begin = code.p["source"].byte(first * lanes)
    full = n.n - first * lanes >= width
    whole = full.select(n.k & -4, 0)
    with code.loop(code.zero, whole, 4) as k:
        rows = [line(code, begin.byte((k + i) * n.inner_step), width, None, BITS) for i in range(4)]
        for p in range(GROUP):
            places = [x for c in range(p * lanes, (p + 1) * lanes) for x in (c, width + c)]
            pairs = [rows[i].shuffled(rows[i + 1], places) for i in (0, 2)]
            fours = [2 * c + x for c in range(lanes) for x in (0, 1, 2 * lanes, 2 * lanes + 1)]
            place = (first + p) * n.fours + (k >> 2)
            code.store(
                pairs[0].shuffled(pairs[1], fours), code.at(code.p["made"], "i32", place * lanes)
            )
    with code.loop(first, last) as panel, code.loop(whole >> 2, n.fours) as s:
        count = n.n - panel * lanes
        made = code.constant(0, code.vector("i32"))
        for i in range(4):
            k = s * 4 + i
            source = code.p["source"].byte(smaller(k, n.k - 1) * n.inner_step + panel * lanes)
            numbers = line(code, source, lanes, (k < n.k).select(count, 0), BITS).widen("i32")
            made = made | (numbers << (8 * i))
        code.store(made, code.at(code.p["made"], "i32", (panel * n.fours + s) * lanes))
