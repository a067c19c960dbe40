"""The machine code of convolutions of half types by tiles.

An image is laid out once with its padding, channels innermost: a pixel is 64 bytes of 32 channels, or fewer where there are
fewer. So sixteen places of the window's tap are sixteen rows of a left operand, which lie a fixed step apart, whatever the
stride; an inner step is a tap and a block of channels, or, with few channels, as many neighbouring taps as 64 bytes hold.
Numbers of float16 are sums of two of bfloat16 (`half_pack`): two images, two blocks of the weight, and four steps for one.
The weight is packed as a right operand (`half_weight`). Two tiles of places meet two of output channels; their sums are
rounded, turned, and what belongs to no place is squeezed out, since places that follow each other in the result need not in
the image.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ..llvm import Code, Value, quotient, remainder, smaller
from ..matmul import amx
from ..matmul.half_kernel import LANES, rounded, widened
from ..matmul.half_pack import BLOCKS, line, noted, put_line, split
from ..matmul.microkernel import transposed
from ..runtime.entry import Body, kernel

PLACES = 2 * LANES
"""Of two tiles; so many channels a block has at most."""


class LayNumbers(NamedTuple):
    """What `laying` is told.

    Attributes:
        channels: Of a group; blocks: of channels, in a group.
        depth, height, width: Of the image; padded_depth, padded_height, pitch: of the one laid out.
        before0, before1, before2: Its padding.
        size: Bytes of a block of channels laid out, of one part.
    """

    channels: int
    blocks: int
    depth: int
    height: int
    width: int
    padded_depth: int
    padded_height: int
    pitch: int
    before0: int
    before1: int
    before2: int
    size: int


class Numbers(NamedTuple):
    """What `convolution` is told.

    Attributes:
        groups, rows: And the output channels of a group.
        steps: Inner ones; panels: of the weight of a group, and panel: bytes of one.
        tiles: Pairs of tiles of an image; all: of all images. block, blocks: How many a row of the job has, and how many
            such there are.
        split: Pairs of panels of a row of the job; splits: how many such there are.
        image: Bytes of a group's image laid out; left_row: from place to place.
        plane: Places of the result. biased: is there a bias?
    """

    groups: int
    rows: int
    steps: int
    panels: int
    panel: int
    tiles: int
    all: int
    block: int
    blocks: int
    split: int
    splits: int
    image: int
    left_row: int
    plane: int
    biased: int


TILE = ("left", "right", "mask")
"""What the facts say of a pair of tiles: where it begins in the image and in the result, in bytes, and which of its places
count."""
CONFIGURATION = 8
"""Words of the tiles' configuration, which come first in the facts. Then follow the steps' places in the image and in a
panel of the weight, in bytes, and the pairs of tiles."""


@cache
def laying(element: str, block: int) -> Callable[..., int]:
    """``f(x, made, *job, *LayNumbers)``: images with padding, in blocks of so many channels.

    A row of the job is a row of a block, in each of its parts. Reports 1 where something is not finite, if a number has
    several parts, or a block is less than a tile's row: neighbours would meet it.
    """

    def write(code: Body) -> None:
        n = code.n
        lines = n.padded_depth * n.padded_height
        pixel = 2 * block
        bad = code.slot(code.vector("i32"), code.constant(0, code.vector("i32")))
        writer = _Laying(code, element, block, bad)
        with code.rows() as row:
            item, place = quotient(row, lines), remainder(row, lines)
            z = quotient(place, n.padded_height) - n.before0
            y = remainder(place, n.padded_height) - n.before1
            part = remainder(item, n.blocks) * block
            plane = n.depth * n.height * n.width
            channel = quotient(item, n.blocks) * n.channels + part
            first = item * (n.size * BLOCKS[element]) + place * n.pitch * pixel
            targets = [code.p["made"].byte(n.size * i + first) for i in range(BLOCKS[element])]
            for target in targets:
                code.fill_bytes(target, 0, n.pitch * pixel)
            inside = z.below(n.depth) & y.below(n.height)
            with code.when(inside):
                start = (channel * plane + (z * n.height + y) * n.width) * 2
                source, steps = code.p["x"].byte(start), plane * 2
                width = smaller(n.width, n.pitch - n.before2)
                targets = [target.byte(n.before2 * pixel) for target in targets]
                writer.row(targets, source, (width, n.channels - part), steps)
        if writer.watches or BLOCKS[element] > 1:
            told = noted(bad, code.vector("i32"))
            with code.when(told.differs(0)):
                code.report(told.widen("i64"))

    return kernel("lay_image", ("x", "made"), LayNumbers, write, LANES, makes=True)


class _Laying:
    """Lays a row of an image out: sixteen places at a time, their channels turned to lie side by side."""

    def __init__(self, code: Body, element: str, block: int, bad: Value):
        self.code, self.element, self.block, self.bad = code, element, block, bad
        self.watches = block < PLACES

    def row(
        self, targets: list[Value], source: Value, sizes: tuple[Value, Value], plane: Value
    ) -> None:
        """One target for each part of the numbers."""
        code, block, (width, channels) = self.code, self.block, sizes
        zero = code.constant(0, code.vector("i32"))
        with code.loop(code.zero, width, LANES) as x:
            full = (width - x >= LANES) & (channels >= block)
            with code.either(full) as (whole, edge):
                for chosen, is_edge in ((whole, False), (edge, True)):
                    with chosen:
                        parts = [[zero] * LANES for _ in targets]
                        for i in range(block // 2):
                            low, high = (
                                _channel(code, source, (x, c), plane, sizes if is_edge else None)
                                for c in (2 * i, 2 * i + 1)
                            )
                            pairs = split(low | (high << 16), self.element, self.bad, self.watches)
                            for lines, numbers in zip(parts, pairs):
                                lines[i] = numbers
                        for target, lines in zip(targets, parts):
                            self.put(target, x, width, lines)

    def put(self, target: Value, x: Value, width: Value, lines: list[Value]) -> None:
        code, block = self.code, self.block
        for i, value in enumerate(transposed(code, lines)):
            numbers = value.cast_to(f"<{PLACES} x i16>")
            if block < PLACES:
                numbers = numbers.shuffled(numbers, range(block))
            at = target.byte((x + i) * (2 * block))
            with code.when(width - x > i):
                code.line(f"store {numbers.type} {numbers.name}, ptr {at.name}, align 2")


def _channel(
    code: Body, source: Value, place: tuple[Value, int], plane: Value,
    sizes: tuple[Value, Value] | None,
) -> Value:  # fmt: skip
    """Sixteen places of one channel."""
    x, channel = place
    at, count = source.byte(plane * channel + x * 2), None
    if sizes is not None:
        count = (sizes[1] > channel).select(sizes[0] - x, 0)
    return line(code, at, LANES, count).widen("i32")


@cache
def convolution(element: str) -> Callable[..., int]:
    """``f(pixels, w, bias, y, facts, *job, *Numbers)``."""

    def write(code: Body) -> None:
        code.functions = [
            *(_taps(across, code.declarations) for across in (1, 2)),
            _deliver(element, code.declarations),
        ]
        amx.configure(code, code.p["facts"])
        sums = code.slot(f"[{4 * amx.SIZE} x i8]")
        with code.rows() as row:
            _block(code, row, sums)
        amx.release(code)

    arrays = ("pixels", "w", "bias", "y", "facts")
    return kernel("half_convolution", arrays, Numbers, write, LANES, makes=True)


def _block(code: Body, row: Value, sums: Value) -> None:
    """Some places of a group's images, and some of its output channels. Blocks that follow each other meet the same part of
    the weight, and so do all images of one, so that it stays near."""
    n = code.n
    one = n.blocks * n.splits
    group, part = quotient(row, one), remainder(row, one)
    first = remainder(part, n.blocks) * n.block
    begin = quotient(part, n.blocks) * (n.split * 2)
    offsets = code.p["facts"].word(CONFIGURATION)
    tiles = offsets.word(n.steps * 2)
    with code.loop(begin, smaller(begin + n.split * 2, n.panels), 2) as j:
        right = code.p["w"].byte((group * n.panels + j) * n.panel)
        channel = group * n.rows + j * LANES
        count = smaller(n.rows - j * LANES, PLACES)
        start = code.p["bias"].byte(channel * 2)
        bias = n.biased.differs(0).select(start, code.null)
        with code.loop(first, smaller(first + n.block, n.all)) as tile:
            item = quotient(tile, n.tiles) * n.groups + group
            image = code.p["pixels"].byte(item * n.image)
            facts = tiles.word(remainder(tile, n.tiles) * len(TILE))
            at, to, mask = (code.load(facts.word(i), "i64") for i in range(len(TILE)))
            given = image.byte(at), n.left_row, offsets, n.steps, right, n.panel, sums
            listed = ", ".join(f"{x.type} {x.name}" for x in given)
            with code.either(n.panels - j > 1) as (two, single):
                for block, across in ((two, 2), (single, 1)):
                    with block:
                        code.line(f"call void @taps_{across}({listed})")
            plane = (item * n.rows + j * LANES) * n.plane
            given = sums, code.p["y"].byte(plane * 2 + to), n.plane * 2, count, mask, bias
            listed = ", ".join(f"{x.type} {x.name}" for x in given)
            code.line(f"call void @deliver({listed})")


def _taps(across: int, declarations: set[str]) -> str:
    """``void @taps_N(left, row, offsets, steps, right, panel, sums)``: 32 places and one or two panels of output
    channels."""
    code = Code(LANES, declarations)
    left, offsets, right, sums = (
        Value(code, f"%{x}", "ptr") for x in ("left", "offsets", "right", "sums")
    )
    row, steps, panel = (Value(code, f"%{x}", "i64") for x in ("row", "steps", "panel"))
    tiles = [(i, j) for i in range(2) for j in range(across)]
    for i, j in tiles:
        amx.clear(code, 2 * i + j)
    with code.loop(steps.like(0), steps) as s:
        here = left.byte(code.load(offsets.word(s * 2), "i64"))
        there = right.byte(code.load(offsets.word(s * 2 + 1), "i64"))
        loaded: set[int] = set()
        for i, j in tiles:
            places = (
                (4 + i, here.byte(row * (LANES * i)), row),
                (6 + j, there.byte(panel * j), amx.BYTES),
            )
            for tile, place, stride in places:
                if tile not in loaded:
                    amx.load(code, tile, place, stride)
                    loaded.add(tile)
            amx.multiply(code, "bf16ps", 2 * i + j, 4 + i, 6 + j)
    for i, j in tiles:
        place = sums.byte((i * LANES * 2 + j) * amx.BYTES)
        amx.store(code, 2 * i + j, place, 2 * amx.BYTES)
    code.give()
    return code.function(
        f"@taps_{across}(ptr %left, i64 %row, ptr %offsets, i64 %steps, ptr %right, i64 %panel, "
        "ptr %sums)",
        "internal void",
        "noinline",
    )


def _deliver(element: str, declarations: set[str]) -> str:
    """``void @deliver(sums, target, plane, channels, mask, bias)``: sums of 32 places, rows, and as many output channels.

    The places that the mask has go to where they belong, side by side; channels are `plane` bytes apart.
    """
    code = Code(LANES, declarations)
    sums, target, bias = (Value(code, f"%{x}", "ptr") for x in ("sums", "target", "bias"))
    plane, channels, mask = (Value(code, f"%{x}", "i64") for x in ("plane", "channels", "mask"))
    type = code.vector("float")
    counted = code.intrinsic("ctpop", mask)
    bits = code.emit(f"trunc i64 {mask.name} to i32", "i32").cast_to(f"<{PLACES} x i1>")
    both = [v for i in range(LANES) for v in (i, LANES + i)]
    with code.loop(code.integer(0), channels, LANES) as first:
        shift = code.slot(type, code.constant(-0.0, type))
        with code.unless(bias.is_null()):
            numbers = line(code, bias.byte(first * 2), LANES, channels - first)
            code.store(widened(code, numbers, element), shift)
        more = code.load(shift, type)
        pairs = []
        for i in range(LANES):
            places = [sums.byte(first * 4 + row * 2 * amx.BYTES) for row in (2 * i, 2 * i + 1)]
            made = rounded(code, [code.load(at, type) + more for at in places], element)
            pairs.append(made.shuffled(made, both).cast_to(code.vector("i32")))
        for i, value in enumerate(transposed(code, pairs)):
            with code.when(channels - first > i):
                numbers = _squeezed(code, value.cast_to(f"<{PLACES} x i16>"), bits)
                put_line(code, numbers, target.byte(plane * (first + i)), counted)
    code.give()
    return code.function(
        "@deliver(ptr %sums, ptr %target, i64 %plane, i64 %channels, i64 %mask, ptr %bias)",
        "internal void",
        "noinline",
    )


def _squeezed(code: Code, numbers: Value, mask: Value) -> Value:
    """The numbers that the mask has, side by side."""
    type = numbers.type
    name = f"llvm.experimental.vector.compress.v{PLACES}i16"
    code.declare(type, name, type, mask.type, type)
    given = f"{type} {numbers.name}, {mask.type} {mask.name}, {type} poison"
    return code.emit(f"call {type} @{name}({given})", type)
