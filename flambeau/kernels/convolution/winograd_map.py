"""The kernels of a convolution, and of its transpose, by products of transformed patches.

Patches are numbered row by row, all images in one count, and lie in the lanes of vectors. A row of the
job is a few rows of patches (for one group), and all or half of their results: they are transformed,
multiplied with the transformed weight at each of the patch's sixteen points, a few results at a time,
and transformed back.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ..llvm import Value, quotient, remainder, smaller
from ..matmul.microkernel import within
from ..runtime.entry import Body, kernel
from .input_tile import gathered
from .input_tile_nhwc import columns, shifted
from .winograd_tile import (
    INNER,
    POINTS,
    aligned,
    apart,
    both_ways,
    call_tiles,
    is_lost,
    look,
    of_input,
    of_weight,
    rows_of,
    tiles,
    to_output,
)


class WeightNumbers(NamedTuple):
    """What the weights' kernel is told.

    Attributes:
        rows, inner: Results and channels of a group.
        of_row, of_inner: Elements of the weight from one to the next.
        first, step: Where a window's first tap is, and where the next one.
    """

    groups: int
    panels: int
    rows: int
    inner: int
    of_row: int
    of_inner: int
    first: int
    step: int


@cache
def weights(bits: int) -> Any:
    """Transformed weights, (groups, panels, points, inner, lanes): a row is one of `inner`, of a panel."""
    lanes = bits // 32

    def write(code: Body) -> None:
        n = code.n
        with code.rows() as row:
            panel, k = quotient(row, n.inner), remainder(row, n.inner)
            group, panel = quotient(panel, n.panels), remainder(panel, n.panels)
            first = panel * lanes
            mask = within(code, n.rows - first)
            start = group * n.rows * n.inner * 9 + first * n.of_row + k * n.of_inner
            taps = [
                gathered(code, code.p["w"], "float", start + n.first + n.step * t,
                         n.of_row, mask)
                for t in range(9)
            ]  # fmt: skip
            square = both_ways(of_weight, [taps[i : i + 3] for i in (0, 3, 6)])
            place = (group * n.panels + panel) * n.inner * (POINTS * lanes) + k * lanes
            for i, value in enumerate(v for line in square for v in line):
                at = code.at(code.p["u"], "float", place + n.inner * (i * lanes))
                code.store(value, at)

    return kernel("winograd_weights", ("w", "u"), WeightNumbers, write, lanes, makes=True)


class Numbers(NamedTuple):
    """What the kernel is told.

    Attributes:
        top, left: Padding before.
        rows: Results of a group, taken in `panels`.
        deep, across: Rows and columns of patches of an image.
        lines: Rows of patches in all, `block` of them for a row of the job.
        slices, slice: How many rows of the job share the results of as many patches, and results of each.
        pitch: Elements from channel to channel of the transformed patches.
        begun: Is there a bias?
    """

    groups: int
    channels: int
    height: int
    width: int
    top: int
    left: int
    rows: int
    y_height: int
    y_width: int
    deep: int
    across: int
    lines: int
    block: int
    slices: int
    slice: int
    pitch: int
    panels: int
    begun: int


@cache
def convolution(bits: int) -> Any:
    """A convolution. It reports whether a result is not finite."""
    lanes = bits // 32
    names = ("x", "u", "bias", "y")
    return kernel(
        "winograd", names, Numbers, lambda code: Piece(code, bits).write(), lanes, makes=True
    )


class Piece:
    """Writes the loops over a piece of the job."""

    def __init__(self, code: Body, bits: int):
        self.code, self.n = code, code.n
        self.lanes, self.height = code.lanes, rows_of(bits)
        self.type = code.vector("float")

    def write(self) -> None:
        code, n = self.code, self.n
        code.functions += tiles(code, self.height, along=False)
        # A vector is stored where fewer patches are, before the next row of patches: so a vector more.
        of_point = n.channels * n.pitch + self.lanes
        self.of_point = of_point
        size = of_point * POINTS + n.pitch * (POINTS * self.height)
        memory = code.scratch(size * 4 + 64)
        self.patches = aligned(code, memory)
        self.products = code.at(self.patches, "float", of_point * POINTS)
        self.bad = code.slot(self.type, code.constant(0.0, self.type))
        with code.rows() as row:
            begun, row = remainder(row, n.slices) * n.slice, quotient(row, n.slices)
            self.group, part = remainder(row, n.groups), quotient(row, n.groups)
            self.first = part * n.block
            self.last = smaller(self.first + n.block, n.lines)
            self.take_in()
            with code.loop(begun, smaller(begun + n.slice, n.rows), self.height) as begin:
                self.multiply(begin)
                self.give_out(begin)
        code.report(is_lost(code, self.bad))
        code.free(memory)

    def image(self, line: Value, planes: Value) -> tuple[Value, Value]:
        """The first plane that a row of patches belongs to, and which row of its image it is."""
        n = self.n
        image = quotient(line, n.deep) * n.groups + self.group
        return image * planes, remainder(line, n.deep)

    def take_in(self) -> None:
        """The transformed patches of all channels."""
        code, n, lanes = self.code, self.n, self.lanes
        with code.loop(self.first, self.last) as line:
            plane, row = self.image(line, n.channels)
            with code.loop(code.zero, n.across, lanes) as j:
                top, left = row * 2 - n.top, j * 2 - n.left
                starts = [left, left + lanes, left + 2, left + (lanes + 2)]
                masks = [columns(code, start, n.width) for start in starts]
                inside = [code.splat((top + i >= 0) & (top + i < n.height)) for i in range(4)]
                place = (line - self.first) * n.across + j
                with code.loop(code.zero, n.channels) as c:
                    source = ((plane + c) * n.height + top) * n.width
                    square = []
                    for i in range(4):
                        base = source + n.width * i
                        parts = [
                            code.masked_load(
                                shifted(code, code.p["x"], base + start), self.type,
                                mask & inside[i],
                            )
                            for start, mask in zip(starts, masks)
                        ]  # fmt: skip
                        square.append(apart(*parts[:2]) + apart(*parts[2:]))
                    at = code.at(self.patches, "float", c * n.pitch + place)
                    values = both_ways(of_input, square)
                    for i, value in enumerate(v for part in values for v in part):
                        code.store(value, code.at(at, "float", self.of_point * i))

    def multiply(self, begin: Value) -> None:
        """The products for a few results, at all points."""
        code, n, lanes, height = self.code, self.n, self.lanes, self.height
        whole, part = quotient(begin, begin.like(lanes)), remainder(begin, begin.like(lanes))
        panel = (self.group * n.panels + whole) * n.channels * (POINTS * lanes) + part
        vectors = quotient((self.last - self.first) * n.across + (lanes - 1), begin.like(lanes))
        zero = code.zero
        with (
            code.loop(zero, code.number(POINTS)) as point,
            code.loop(zero, n.channels, INNER) as c,
        ):
            left = code.at(code.p["u"], "float", panel + (point * n.channels + c) * lanes)
            right = code.at(self.patches, "float", point * self.of_point + c * n.pitch)
            target = code.at(self.products, "float", point * n.pitch * height)
            count = smaller(n.channels - c, INNER)
            call_tiles(code, (left, code.number(lanes)), (right, n.pitch),
                       (target, n.pitch), vectors, count, c)  # fmt: skip

    def give_out(self, begin: Value) -> None:
        """The results of the products."""
        code, n, lanes, height = self.code, self.n, self.lanes, self.height
        rows = smaller(n.rows - begin, height)
        with code.loop(self.first, self.last) as line:
            plane, row = self.image(line, n.rows)
            with code.loop(code.zero, n.across, lanes) as j:
                starts = [j * 2, j * 2 + lanes]
                masks = [columns(code, start, n.y_width) for start in starts]
                second = code.splat(row * 2 + 1 < n.y_height)
                place = (line - self.first) * n.across + j
                with code.loop(code.zero, rows) as o:
                    at = code.at(self.products, "float", o * n.pitch + place)
                    values = [
                        code.load(code.at(at, "float", n.pitch * (height * i)), self.type)
                        for i in range(POINTS)
                    ]
                    square = both_ways(to_output, [values[i : i + 4] for i in (0, 4, 8, 12)])
                    start = self.bias(begin + o)
                    target = ((plane + begin + o) * n.y_height + row * 2) * n.y_width
                    for i, (even, odd) in enumerate(square):
                        parts = self.together(even + start, odd + start)
                        for value, first, mask in zip(parts, starts, masks):
                            mask = mask if i == 0 else mask & second
                            to = shifted(code, code.p["y"], target + n.y_width * i + first)
                            code.masked_store(value, to, mask)
                            look(code, self.bad, value, mask)

    def bias(self, result: Value) -> Value:
        """A result's bias in all lanes; where there is none, zeros."""
        code, n = self.code, self.n
        place = code.slot("float", code.constant(0.0, "float"))
        code.store(code.constant(0.0, "float"), place)
        with code.when(n.begun.differs(0)):
            code.store(code.get(code.p["bias"], "float", self.group * n.rows + result), place)
        return code.splat(code.load(place, "float"))

    def together(self, even: Value, odd: Value) -> list[Value]:
        """Two vectors, element by element in turn."""
        order = [k for i in range(self.lanes) for k in (i, i + self.lanes)]
        return [even.shuffled(odd, order[: self.lanes]), even.shuffled(odd, order[self.lanes :])]
