"""Plans of one pass of a convolution or of its transpose: which kernel, what it reads, and how it is cut up.

A pass takes some taps of the window at all places of a grid, for each group of each image. Results lie in
the lanes of vectors (`convolution_lane`), or places do (`convolution_map`) where results are few.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from . import convolution_lane, convolution_map, convolution_plane, memory
from .code import BITS
from .convolution_lane import Form
from .process import machine
from .processor import many_registers
from .slab import Slab, slab
from .tile import Shape, fitting

ROOM = 1 << 18
"""Bytes of a slab, about: it should stay in a core's second cache."""
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
    """How many of the outermost places share a slab; depends on sizes alone."""
    by_room = max(1, ROOM // max(1, item_bytes))
    pieces = max(-(-places[0] // by_room), min(-(-ITEMS // max(1, items)), places[0] // 4, ITEMS))
    return -(-places[0] // max(1, pieces))


def plan(work: Pass) -> Along | Across | Plane:
    """The pass by the kernel that takes fewest steps."""
    if is_plane(work):
        return Plane(work)
    across, along = Across(work), lanes_form(work)
    if along is None or not work.inner or across.steps <= along[0]:
        return across
    return Along(work, along[1])


# -------------------------------------------------------------------- results in the lanes


def lanes_form(work: Pass) -> tuple[float, Form] | None:
    """The best tile with results in the lanes, and about how many steps it takes for an inner one."""
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


class Along:
    """A pass with results in the lanes."""

    def __init__(self, work: Pass, form: Form):
        self.work, self.form = work, form
        self.which = np.array(work.which, np.int64)
        spans = tuple((n - 1) * s + 1 for n, s in zip(work.places, work.stride))
        self.laid = not in_place(work)
        ones = (1, 1, 1)
        if self.laid:
            whole = slab(work.sizes, ones, work.before, work.taps, spans)
            line = work.channels * whole.extents[1] * whole.extents[2] * work.stride[0]
        else:
            line = work.channels * work.sizes[1] * work.sizes[2] * work.stride[0]
        self.chunk = rows_together(work.places, line * work.item, work.items)
        spans = ((self.chunk - 1) * work.stride[0] + 1, *spans[1:])
        self.part = part = slab(work.sizes, ones, work.before, work.taps, spans)
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

    def run(self, x: Any, w: Any, bias: Any, y: Any, turned: bool) -> None:
        """Compute it; `turned` if a weight's second dimension is that of the results."""
        work, form, taps = self.work, self.form, math.prod(w.shape[2:])
        packed = memory.empty((work.groups, self.panels, work.inner, form.width), x.dtype)
        across, along = (taps, work.rows * taps) if turned else (work.channels * taps, taps)
        convolution_lane.pack(form.element, form.lanes, form.vectors)(
            w, self.which, packed, work.groups * self.panels * work.inner, 1, packed.size, 0,
            self.panels, work.rows, work.inner, len(work.taps),
            work.rows * work.channels * taps, across, along,
        )  # fmt: skip
        begun = bias is not None
        convolution_lane.convolution(form)(
            x, packed, bias if begun else packed, y, self.part.planes, self.offsets,
            *self.numbers, begun, self.base,
        )  # fmt: skip

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """What the kernel is told of it."""
        work = self.work
        chunks, splits = -(-work.places[0] // self.chunk), -(-self.panels // self.split)
        return (
            work.items * chunks * splits, 1, work.steps // self.form.lanes, 0, work.groups,
            work.channels,
            work.rows, math.prod(work.sizes), *work.sizes, *self.extents, self.laid, *work.places,
            *work.stride, self.chunk, chunks, self.panels, self.split, splits, work.inner,
            *work.result, *work.step, *work.begin,
        )  # fmt: skip


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


class Across:
    """A pass with places in the lanes."""

    shape: Shape
    part: Slab

    def __init__(self, work: Pass):
        self.work = work
        facts = work.sizes, work.stride, work.before, work.taps
        whole = slab(*facts, work.places)
        planes = len(whole.planes)
        line = work.channels * planes * whole.extents[1] * whole.extents[2] * work.item
        self.chunk = rows_together(work.places, line, work.items)
        part = self.part = slab(*facts, (self.chunk, *work.places[1:]))
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

    def run(self, x: Any, w: Any, bias: Any, y: Any, turned: bool) -> None:
        """As `Along.run`."""
        work = self.work
        groups, rows, inner, height = work.groups, work.rows, work.inner, self.shape.rows
        w = self.weight(w, turned)
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
        convolution_map.convolution(self.shape)(
            x, packed, starts, y, self.part.planes, self.offsets,
            *self.numbers, begun,
        )  # fmt: skip

    def weight(self, w: Any, turned: bool) -> Any:
        """The weight as (groups, results of a group, inner)."""
        work = self.work
        if not turned:
            return w.reshape(work.groups, work.rows, -1)
        grouped = w.reshape(work.groups, work.channels, work.rows, -1)
        part = grouped if len(work.taps) == grouped.shape[3] else grouped[..., list(work.which)]
        return part.transpose(0, 2, 1, 3).reshape(work.groups, work.rows, -1)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """What the kernel is told of it."""
        work = self.work
        part, planes = self.part, len(self.part.planes)
        panels, chunks = -(-work.rows // self.shape.rows), -(-work.places[0] // self.chunk)
        return (
            work.items * chunks, 1, work.steps // self.shape.lanes, 0,
            work.groups, work.channels, planes, *part.sizes, *part.stride, *part.extents,
            work.inner, panels, work.rows, *work.places, self.chunk, chunks,
            *work.result, *work.step, *work.begin, work.channels * planes * part.plane,
        )  # fmt: skip


def is_plane(work: Pass) -> bool:
    """Is it one channel a group, with few results and a window that can be written out?"""
    few = work.channels == 1 and work.rows <= 4 and work.stride[2] <= 2
    return few and 0 < len(work.taps) <= convolution_plane.MOST


class Plane:
    """A pass over groups of one channel."""

    def __init__(self, work: Pass):
        self.work = work
        line = work.sizes[1] * work.sizes[2] * work.stride[0] * work.item
        self.chunk = rows_together(work.places, line, work.items)
        self.lanes = machine().bits // BITS[work.element]
        self.deep = convolution_plane.DEEP if self.chunk >= 3 else 1
        self.taps = tuple(tuple(t - b for t, b in zip(tap, work.before)) for tap in work.taps)

    def run(self, x: Any, w: Any, bias: Any, y: Any, turned: bool) -> None:
        """As `Along.run`; either way round the weight has the groups' results in order."""
        work = self.work
        w = w.reshape(work.groups, work.rows, -1)
        if list(work.which) != list(range(w.shape[2])):
            w = np.ascontiguousarray(w[..., list(work.which)])
        kernel = convolution_plane.convolution(
            work.element, self.lanes, self.taps, work.stride, self.deep
        )
        begun = bias is not None
        kernel(x, w, bias if begun else w, y, *self.numbers, begun)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """What the kernel is told of it."""
        work = self.work
        chunks = -(-work.places[0] // self.chunk)
        return (
            work.items * chunks, 1, work.steps // self.lanes, 0, *work.sizes, *work.places,
            self.chunk, chunks, work.rows, work.groups, *work.result, *work.step, *work.begin,
        )  # fmt: skip


def three(values: Sequence[int], missing: int) -> Three:
    """Numbers of one, two or three dimensions as those of three; the outermost is what work is
    cut along."""
    middle = (missing,) * (3 - len(values))
    if len(values) == 1:
        return (*middle, *values)
    return (values[0], *middle, *values[1:])
