"""The machine code of a bfloat16 convolution's gradient towards its weight by tiles.

Results and images come as panels along places: of the results, sixteen rows and 32 places in a block; of the images, pairs
of neighbouring places in a line, sixteen channels in its lanes. So a tap's places are lines that begin elsewhere, if it is
an even number of places away, and those of a second set of panels, which begin a place later, if it is an odd one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ..llvm import Code, Value, quotient, remainder, smaller
from ..matmul import amx
from ..matmul.half_kernel import LANES, rounded
from ..runtime.entry import Body, kernel

PAIR = 2 * LANES
"""Rows and channels of four tiles."""
SUMS, SHORT = PAIR * PAIR * 4, PAIR * PAIR * 2
"""Bytes of their sums, and of these rounded."""
CONFIGURATION = 8
"""Words of the tiles' configuration, which come first in the facts. Then follows where each tap's lines begin, in bytes."""


class Numbers(NamedTuple):
    """What the kernel is told.

    Attributes:
        images, groups: How many; rows, channels: of a group.
        across: Pairs of panels of channels of a group, and down: of rows.
        taps: How many; block, blocks: how many a row of the job has, and how many such there are.
        chunk: Images whose sums are taken together.
        steps: Blocks of places of an image.
        left_panel, right_panel: Bytes of a panel; left_item, right_item: of all panels of a group's image.
    """

    images: int
    groups: int
    rows: int
    channels: int
    down: int
    across: int
    taps: int
    block: int
    blocks: int
    chunk: int
    steps: int
    left_panel: int
    left_item: int
    right_panel: int
    right_item: int


@cache
def weight() -> Callable[..., int]:
    """``f(left, right, w, facts, *job, *Numbers)``: the gradient (groups * rows, channels, taps).

    A row of the job is some taps of a pair of panels of either.
    """

    def write(code: Body) -> None:
        code.functions = [_places(code.declarations)]
        amx.configure(code, code.p["facts"])
        n = code.n
        memory = code.scratch(n.block * (SUMS + SHORT) + SUMS + 64)
        space = memory.byte(-memory.address() & 63)
        with code.rows() as row:
            _block(code, row, space)
        code.free(memory)
        amx.release(code)

    return kernel("half_weight", ("left", "right", "w", "facts"), Numbers, write, LANES, makes=True)


def _block(code: Body, row: Value, space: Value) -> None:
    n = code.n
    pairs, first = quotient(row, n.blocks), remainder(row, n.blocks) * n.block
    pair, column = quotient(pairs, n.across), remainder(pairs, n.across) * 2
    group, top = quotient(pair, n.down), remainder(pair, n.down) * 2
    count = smaller(n.taps - first, n.block)
    totals = space.byte(SUMS)
    code.fill_bytes(totals, 0, count * SUMS)
    left = code.p["left"].byte(group * n.left_item + top * n.left_panel)
    right = code.p["right"].byte(group * n.right_item + column * n.right_panel)
    with code.loop(code.zero, n.images, n.chunk) as image, code.loop(code.zero, count) as t:
        begin = code.load(code.p["facts"].word(first + t + CONFIGURATION), "i64")
        given = (
            left.byte(image * n.groups * n.left_item), n.left_panel, n.left_item * n.groups,
            right.byte(image * n.groups * n.right_item + begin), n.right_panel,
            n.right_item * n.groups, smaller(n.images - image, n.chunk), n.steps, space,
            totals.byte(t * SUMS),
        )  # fmt: skip
        listed = ", ".join(f"{x.type} {x.name}" for x in given)
        code.line(f"call void @places({listed})")
    short = totals.byte(n.block * SUMS)
    with code.loop(code.zero, count * PAIR) as i:
        parts = [code.load(totals.byte(i * 128 + j * 64), code.vector("float")) for j in range(2)]
        code.store(rounded(code, parts, "bfloat16"), short.byte(i * 64))
    _deliver(code, group, (top, column), (first, count), short)


def _deliver(
    code: Body, group: Value, place: tuple[Value, Value], taps: tuple[Value, Value], short: Value
) -> None:
    """Rounded sums to the weight, whose taps are neighbours."""
    n, (top, column), (first, count) = code.n, place, taps
    columns = smaller(n.channels - column * LANES, PAIR)
    last = smaller(n.rows, LANES)
    with code.loop(code.zero, code.number(2)) as tile:
        begin = smaller((top + tile) * LANES, n.rows - last)
        with code.loop(code.zero, last) as i, code.loop(code.zero, columns) as c:
            channel = (group * n.rows + begin + i) * n.channels + column * LANES + c
            target = code.p["w"].byte((channel * n.taps + first) * 2)
            source = short.byte((tile * LANES + i) * 64 + c * 2)
            with code.loop(code.zero, count) as t:
                code.store(code.load(source.byte(t * SHORT), "i16"), target.byte(t * 2))


def _places(declarations: set[str]) -> str:
    """``void @places(left, left_panel, left_item, right, right_panel, right_item, images, steps, sums, total)``: add the
    products of two panels of rows and two of channels at all places of some images to a total."""
    code = Code(LANES, declarations)
    left, right, sums, total = (
        Value(code, f"%{x}", "ptr") for x in ("left", "right", "sums", "total")
    )
    names = ("left_panel", "left_item", "right_panel", "right_item", "images", "steps")
    left_panel, left_item, right_panel, right_item, images, steps = (
        Value(code, f"%{x}", "i64") for x in names
    )
    tiles = [(i, j) for i in range(2) for j in range(2)]
    for i, j in tiles:
        amx.clear(code, 2 * i + j)
    zero = steps.like(0)
    with code.loop(zero, images) as image, code.loop(zero, steps) as s:
        panels = left.byte(image * left_item + s * amx.SIZE)
        lines = right.byte(image * right_item + s * amx.SIZE)
        amx.load(code, 4, panels, amx.BYTES)
        amx.load(code, 6, lines, amx.BYTES)
        amx.multiply(code, "bf16ps", 0, 4, 6)
        amx.load(code, 7, lines.byte(right_panel), amx.BYTES)
        amx.multiply(code, "bf16ps", 1, 4, 7)
        amx.load(code, 5, panels.byte(left_panel), amx.BYTES)
        amx.multiply(code, "bf16ps", 2, 5, 6)
        amx.multiply(code, "bf16ps", 3, 5, 7)
    for i, j in tiles:
        place = sums.byte((i * LANES * 2 + j) * amx.BYTES)
        amx.store(code, 2 * i + j, place, 2 * amx.BYTES)
    type = code.vector("float")
    with code.loop(zero, code.integer(SUMS), amx.BYTES) as at:
        more = code.load(sums.byte(at), type)
        code.store(code.load(total.byte(at), type) + more, total.byte(at))
    code.give()
    return code.function(
        "@places(ptr %left, i64 %left_panel, i64 %left_item, ptr %right, i64 %right_panel, "
        "i64 %right_item, i64 %images, i64 %steps, ptr %sums, ptr %total)",
        "internal void",
        "noinline",
    )
