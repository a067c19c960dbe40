"""The machine code of products of bytes by tiles (see `amx`): sums stay in four tiles, two by two, over the whole inner
dimension."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ..llvm import Value, quotient, remainder, smaller
from ..runtime.entry import Body, kernel
from . import amx
from .int8_kernel import ARRAYS, deliver

LANES, STEP = 16, 64
"""Columns of a tile, and inner numbers of one."""


class TileNumbers(NamedTuple):
    """m, n: Sizes of the result; fours: inner steps, of four bytes; row: bytes from row to row of the left operand; height:
    rows of a tile; block, blocks: columns of a row of the job, and how many such there are; tall: rows of one; biased: is
    there a bias?"""

    m: int
    n: int
    fours: int
    row: int
    height: int
    block: int
    blocks: int
    tall: int
    biased: int


@cache
def multiplying(result: str, signed: bool) -> Callable[..., int]:
    """``f(a, scales, zeros, w, steps, sums, bias, y, configuration, *job, *TileNumbers)``: as `int8_kernel.multiplying`.

    The left operand's rows have whole tiles of bytes, signed ones or not; panels of the right one come in pairs.
    """

    def write(code: Body) -> None:
        n = code.n
        amx.configure(code, code.p["configuration"])
        sums = code.slot(f"[{4 * amx.SIZE} x i8]")
        with code.rows() as row:
            top = quotient(row, n.blocks) * n.tall
            left = remainder(row, n.blocks) * n.block
            bottom = smaller(top + n.tall, n.m)
            with (
                code.loop(left, smaller(left + n.block, n.n), 2 * LANES) as j,
                code.loop(top, bottom, 2 * amx.ROWS) as i,
                code.either(bottom - i > amx.ROWS) as branches,
            ):
                for down, branch in zip((2, 1), branches):
                    with branch:
                        _tiles(code, result, signed, down, i, j, sums)
        amx.release(code)

    return kernel("int8_tiles", (*ARRAYS, "configuration"), TileNumbers, write, LANES, makes=True)


def _tiles(
    code: Body, result: str, signed: bool, down: int, i: Value, j: Value, sums: Value
) -> None:
    """Two tiles across and so many down; the last one down begins before the one above ends, so that it is full."""
    n = code.n
    tops = [smaller(i + amx.ROWS * r, n.m - n.height) for r in range(down)]
    rows = [code.p["a"].byte(top * n.row) for top in tops]
    first = code.p["w"].byte(j * n.fours * 4)
    panels = [first, first.byte(n.fours * (4 * LANES))]
    pairs = [(r, c) for r in range(down) for c in range(2)]
    for r, c in pairs:
        amx.clear(code, 2 * r + c)
    with code.loop(code.zero, n.fours * 4, STEP) as k:
        for c, panel in enumerate(panels):
            amx.load(code, 6 + c, panel.byte(k * LANES), amx.BYTES)
        for r, row in enumerate(rows):
            amx.load(code, 4 + r, row.byte(k), n.row)
        for r, c in pairs:
            amx.multiply(code, "bssd" if signed else "busd", 2 * r + c, 4 + r, 6 + c)
    for r, c in pairs:
        amx.store(code, 2 * r + c, sums.byte((2 * r * amx.ROWS + c) * amx.BYTES), 2 * amx.BYTES)
    type = code.vector("i32")
    for r, top in enumerate(tops):
        with code.loop(code.zero, n.height) as line:
            place = sums.byte((line + r * amx.ROWS) * (2 * amx.BYTES))
            totals = [code.load(place.byte(c * amx.BYTES), type) for c in range(2)]
            deliver(code, result, totals, top + line, j)
