"""Plans of one pass of a convolution or of its transpose: which kernel, what it reads, and how it is cut up.

A pass takes some taps of the window at all places of a grid, for each group of each image. Output channels lie
in the lanes of vectors (`by_channel`), or places do (`by_pixel`) where output channels are few; groups of one
channel are `depthwise`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..llvm import BITS
from ..llvm.processor import many_registers
from ..matmul.microkernel import Shape, fitting
from ..runtime import memory
from ..runtime.entry import Job
from ..runtime.process import machine
from . import by_channel, by_pixel, depthwise
from .by_channel import Form
from .input_tile import InputTile, input_tile

ROOM = 1 << 18
"""Bytes of an input tile, about: it should stay in a core's second cache."""
ITEMS = 16
"""Rows of a job that are wanted, so that threads have something to share."""
Three = tuple[int, ...]
"""Numbers of the three dimensions that kernels know."""


@dataclass(eq=False)
class Pass:
    """What a pass computes.

    Attributes:
        sizes, stride, before: Of the image, of the places' steps through it, and its padding.
        taps: What the first place meets, counted from the start of the padding.
        which: The taps' numbers in the weight.
        every: How many taps the weight has.
        turned: Is the weight's second dimension that of the results?
        places: How many there are.
        result, step, begin: Sizes of the result, and where in it theirs go.
        groups, channels, rows: How many groups, and their channels and results.
        images: How many there are.
        items: Groups of images.
        inner: How many products are summed.
        item: Bytes of an element.
        steps: What the pool is told of its work.
    """

    element: str
    sizes: Three
    stride: Three
    before: Three
    taps: list[Three]
    which: Sequence[int]
    every: int
    turned: bool
    places: Three
    result: Three
    step: Three
    begin: Three
    groups: int
    channels: int
    rows: int
    images: int

    def __post_init__(self) -> None:
        self.items = self.images * self.groups
        self.inner = self.channels * len(self.taps)
        self.item = BITS[self.element] // 8
        self.steps = self.items * math.prod(self.places) * (self.rows * self.inner + self.channels)


def rows_together(places: Three, item_bytes: int, items: int) -> int:
    """How many of the outermost places share a tile; depends on sizes alone."""
    by_room = max(1, ROOM // max(1, item_bytes))
    pieces = max(-(-places[0] // by_room), min(-(-ITEMS // max(1, items)), places[0] // 4, ITEMS))
    return -(-places[0] // max(1, pieces))


def plan(work: Pass) -> ByChannel | ByPixel | Depthwise:
    """The pass by the kernel that takes fewest steps."""
    if is_depthwise(work):
        return Depthwise(work)
    pixels, channels = ByPixel(work), channel_form(work)
    if channels is None or not work.inner or pixels.steps <= channels[0]:
        return pixels
    return ByChannel(work, channels[1])


def axes(letter: str, values: Sequence[int]) -> dict[str, int]:
    """One number a dimension as a kernel's integers: x0, x1 and x2."""
    return {f"{letter}{i}": value for i, value in enumerate(values)}


# ------------------------------------------------------------- output channels in the lanes


def channel_form(work: Pass) -> tuple[float, Form] | None:
    """The best tile with output channels in the lanes, and about how many steps it takes for an inner one."""
    bits = machine().bits
    lanes = bits // BITS[work.element]
    many = many_registers(bits)
    registers = 31 if many else 15
    u0, u1, u2 = work.places
    found = []
    for vectors in range(1, 5 if many else 4):
        panels = -(-work.rows // (lanes * vectors))
        for places in range(1, min(u2, (registers - vectors) // vectors) + 1):
            tiles = u0 * u1 * -(-u2 // places) * panels
            reads = places / 2 + vectors
            once = vectors * 8 * lanes * -(-places // lanes) + 50
            found.append(
                (
                    tiles * (max(places * vectors, reads) + 1 + once / max(1, work.inner)),
                    vectors,
                    places,
                )
            )
    if not found:
        return None
    steps, vectors, places = min(found)
    step = work.stride[2] if work.stride[2] in (1, 2) else 0
    return steps, Form(work.element, lanes, places, vectors, step)


class ByChannel:
    """A pass with output channels in the lanes."""

    def __init__(self, work: Pass, form: Form):
        self.work, self.form = work, form
        self.which = np.array(work.which, np.int64)
        spans = tuple((n - 1) * s + 1 for n, s in zip(work.places, work.stride))
        self.laid = not in_place(work)
        ones = (1, 1, 1)
        if self.laid:
            whole = input_tile(work.sizes, ones, work.before, work.taps, spans)
            line = work.channels * whole.extents[1] * whole.extents[2] * work.stride[0]
        else:
            line = work.channels * work.sizes[1] * work.sizes[2] * work.stride[0]
        self.chunk = rows_together(work.places, line * work.item, work.items)
        spans = ((self.chunk - 1) * work.stride[0] + 1, *spans[1:])
        self.part = part = input_tile(work.sizes, ones, work.before, work.taps, spans)
        self.extents = part.extents if self.laid else work.sizes
        size, base = math.prod(self.extents), 0
        offsets = part.offsets
        if not self.laid:
            base = -flat(work.before, work.sizes)
            offsets = np.array([flat(tap, work.sizes) for tap in work.taps], np.int64)
        self.base = base
        every = np.arange(work.channels, dtype=np.int64)[:, None] * size + offsets
        self.offsets = np.ascontiguousarray(every).reshape(-1)
        self.panels = -(-work.rows // form.width)
        pieces = work.items * -(-work.places[0] // self.chunk)
        self.split = -(-self.panels // min(self.panels, max(1, ITEMS // 2 // pieces)))

    def run(self, x: Any, w: Any, bias: Any, y: Any) -> None:
        """Compute it."""
        form = self.form
        packed = memory.empty(self.packed, x.dtype)
        pack, convolve = self.packing, self.numbers[bias is not None]
        by_channel.pack(form.element, form.lanes, form.vectors)(w, self.which, packed, *pack)
        by_channel.convolution(form)(
            x,
            packed,
            packed if bias is None else bias,
            y,
            self.part.planes,
            self.offsets,
            *convolve,
        )

    @cached_property
    def packed(self) -> tuple[int, ...]:
        """The shape of the packed weight."""
        return self.work.groups, self.panels, self.work.inner, self.form.width

    @cached_property
    def packing(self) -> tuple[int, ...]:
        """What the kernel that packs the weight is told."""
        work, taps = self.work, self.work.every
        of_row, of_channel = work.channels * taps, taps
        if work.turned:
            of_row, of_channel = taps, work.rows * taps
        job = Job(
            rows=work.groups * self.panels * work.inner, length=1, weight=math.prod(self.packed),
            divisible=False,
        )  # fmt: skip
        numbers = by_channel.PackNumbers(
            panels=self.panels, rows=work.rows, inner=work.inner, taps=len(work.taps),
            of_group=work.rows * work.channels * taps, of_row=of_row, of_channel=of_channel,
        )  # fmt: skip
        return *job, *numbers

    @cached_property
    def numbers(self) -> tuple[tuple[int, ...], ...]:
        """What the kernel is told of it, without and with a bias."""
        work = self.work
        chunks, splits = -(-work.places[0] // self.chunk), -(-self.panels // self.split)
        job = Job(
            rows=work.items * chunks * splits, length=1, weight=work.steps // self.form.lanes,
            divisible=False,
        )  # fmt: skip
        numbers = by_channel.Numbers(
            groups=work.groups, channels=work.channels, results=work.rows,
            x_size=math.prod(work.sizes), laid=self.laid, base=self.base, begun=False,
            chunk=self.chunk, chunks=chunks, panels=self.panels, split=self.split, splits=splits,
            inner=work.inner, **axes("x", work.sizes), **axes("e", self.extents),
            **axes("u", work.places), **axes("s", work.stride), **axes("y", work.result),
            **axes("t", work.step), **axes("b", work.begin),
        )  # fmt: skip
        return (*job, *numbers), (*job, *numbers._replace(begun=True))


def flat(place: Sequence[int], sizes: Sequence[int]) -> int:
    """The number of a place counted row by row."""
    return (place[0] * sizes[1] + place[1]) * sizes[2] + place[2]


def in_place(work: Pass) -> bool:
    """Does every place meet the image alone, without its padding?"""
    return all(
        min(tap[i] for tap in work.taps) >= work.before[i]
        and max(tap[i] for tap in work.taps) - work.before[i]
        + (work.places[i] - 1) * work.stride[i] < work.sizes[i]
        for i in range(3)
    )  # fmt: skip


# --------------------------------------------------------------------- places in the lanes


class ByPixel:
    """A pass with places in the lanes."""

    shape: Shape
    part: InputTile

    def __init__(self, work: Pass):
        self.work = work
        facts = work.sizes, work.stride, work.before, work.taps
        whole = input_tile(*facts, work.places)
        planes = len(whole.planes)
        line = work.channels * planes * whole.extents[1] * whole.extents[2] * work.item
        self.chunk = rows_together(work.places, line, work.items)
        part = self.part = input_tile(*facts, (self.chunk, *work.places[1:]))
        size = planes * part.plane
        every = np.arange(work.channels, dtype=np.int64)[:, None] * size + part.offsets
        self.offsets = np.ascontiguousarray(every).reshape(-1)
        e1, e2 = part.extents[1:]
        self.flat = (self.chunk * e1 - e1 + work.places[1]) * e2
        self.shape = fitting(work.element, machine().bits, work.rows, self.flat)

    @property
    def steps(self) -> float:
        """About how many steps it takes for an inner one."""
        work, shape = self.work, self.shape
        tiles = -(-work.rows // shape.rows) * -(-self.flat // shape.columns)
        each = max(shape.rows * shape.vectors, shape.rows / 2 + 2 * shape.vectors) + 2
        once = shape.rows * shape.vectors * 8 + 50
        copied = work.channels * self.part.plane * len(self.part.planes) / shape.lanes
        chunks = -(-work.places[0] // self.chunk)
        return chunks * (tiles * (each + once / max(1, work.inner)) + copied / max(1, work.inner))

    def run(self, x: Any, w: Any, bias: Any, y: Any) -> None:
        """As `ByChannel.run`."""
        work = self.work
        groups, rows, inner, height = work.groups, work.rows, work.inner, self.shape.rows
        w = self.weight(w)
        begun = bias is not None or not inner
        if rows % height:
            w = np.concatenate([w, np.zeros((groups, -rows % height, inner), x.dtype)], 1)
        packed = np.ascontiguousarray(
            w.reshape(groups, w.shape[1] // height, height, inner).swapaxes(2, 3)
        )
        starts = packed  # not looked at unless it is begun with them
        if begun:
            starts = np.zeros((groups, packed.shape[1] * height), x.dtype)
        if bias is not None:
            starts[:, :rows] = bias.reshape(groups, rows)
        by_pixel.convolution(self.shape)(
            x, packed, starts, y, self.part.planes, self.offsets, *self.numbers[begun]
        )

    def weight(self, w: Any) -> Any:
        """The weight as (groups, results of a group, inner)."""
        work = self.work
        if not work.turned:
            return w.reshape(work.groups, work.rows, -1)
        grouped = w.reshape(work.groups, work.channels, work.rows, -1)
        part = grouped if len(work.taps) == grouped.shape[3] else grouped[..., list(work.which)]
        return part.transpose(0, 2, 1, 3).reshape(work.groups, work.rows, -1)

    @cached_property
    def numbers(self) -> tuple[tuple[int, ...], ...]:
        """What the kernel is told of it, without and with something that sums begin with."""
        work = self.work
        part, planes = self.part, len(self.part.planes)
        panels, chunks = -(-work.rows // self.shape.rows), -(-work.places[0] // self.chunk)
        job = Job(
            rows=work.items * chunks, length=1, weight=work.steps // self.shape.lanes,
            divisible=False,
        )  # fmt: skip
        numbers = by_pixel.Numbers(
            groups=work.groups, channels=work.channels, count=planes, inner=work.inner,
            panels=panels, rows=work.rows, chunk=self.chunk, chunks=chunks, begun=False,
            size=work.channels * planes * part.plane, **axes("x", part.sizes),
            **axes("s", part.stride), **axes("e", part.extents), **axes("u", work.places),
            **axes("y", work.result), **axes("t", work.step), **axes("b", work.begin),
        )  # fmt: skip
        return (*job, *numbers), (*job, *numbers._replace(begun=True))


def is_depthwise(work: Pass) -> bool:
    """Is it one channel a group, with few results and a window that can be written out?"""
    few = work.channels == 1 and work.rows <= 4 and work.stride[2] <= 2
    return few and 0 < len(work.taps) <= depthwise.MOST


class Depthwise:
    """A pass over groups of one channel."""

    def __init__(self, work: Pass):
        self.work = work
        line = work.sizes[1] * work.sizes[2] * work.stride[0] * work.item
        self.chunk = rows_together(work.places, line, work.items)
        self.lanes = machine().bits // BITS[work.element]
        self.deep = depthwise.DEEP if self.chunk >= 3 else 1
        self.taps = tuple(tuple(t - b for t, b in zip(tap, work.before)) for tap in work.taps)

    def run(self, x: Any, w: Any, bias: Any, y: Any) -> None:
        """As `ByChannel.run`; either way round the weight has the groups' results in order."""
        work = self.work
        w = w.reshape(work.groups, work.rows, -1)
        if list(work.which) != list(range(w.shape[2])):
            w = np.ascontiguousarray(w[..., list(work.which)])
        kernel = depthwise.convolution(work.element, self.lanes, self.taps, work.stride, self.deep)
        kernel(x, w, w if bias is None else bias, y, *self.numbers[bias is not None])

    @cached_property
    def numbers(self) -> tuple[tuple[int, ...], ...]:
        """What the kernel is told of it, without and with a bias."""
        work = self.work
        chunks = -(-work.places[0] // self.chunk)
        job = Job(
            rows=work.items * chunks, length=1, weight=work.steps // self.lanes, divisible=False
        )
        numbers = depthwise.Numbers(
            chunk=self.chunk, chunks=chunks, rows=work.rows, groups=work.groups, begun=False,
            **axes("x", work.sizes), **axes("u", work.places), **axes("y", work.result),
            **axes("t", work.step), **axes("b", work.begin),
        )  # fmt: skip
        return (*job, *numbers), (*job, *numbers._replace(begun=True))


def taps_of(size: Three, dilation: Three) -> list[Three]:
    """Places of a window's elements, counted from its first one."""
    return [
        tuple(i * d for i, d in zip(at, dilation)) for at in itertools.product(*map(range, size))
    ]


def three(values: Sequence[int], missing: int) -> Three:
    """Numbers of one, two or three dimensions as those of three; the outermost is what work is
    cut along."""
    middle = (missing,) * (3 - len(values))
    if len(values) == 1:
        return (*middle, *values)
    return (values[0], *middle, *values[1:])
