"""Plans of a convolution's gradient towards its weight: with channels in the lanes of vectors, or with places."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS
from ..runtime import memory
from ..runtime.entry import Job
from ..runtime.process import machine
from . import weight_by_channel, weight_by_pixel
from .input_tile import input_tile
from .plan import ITEMS, ROOM, axes, rows_together, taps_of, three
from .window import Window, flattened

SHARES, SHARE = 8, 96
"""Sums towards a weight are taken in so many ranges of places at most, of so many at least."""
SUMS = 1 << 21
"""Elements of all these sums together, about."""
SLIM, WANTED = 32, 4
"""Results that share an input tile, at least, if fewer rows of the job than are wanted would be left."""


class Work(NamedTuple):
    """What is computed: for groups of so many channels and rows, which are the group's results."""

    element: str
    images: int
    groups: int
    channels: int
    rows: int
    sizes: tuple[int, ...]
    places: tuple[int, ...]
    window: Window


class WeightByChannel:
    """The gradient with channels in the lanes of vectors."""

    def __init__(self, work: Work):
        self.work, self.bits = work, machine().bits
        element, window = work.element, work.window
        self.lanes, height = self.bits // BITS[element], weight_by_channel.rows_of(self.bits)
        self.places, self.stride = three(work.places, 1), three(window.stride, 1)
        taps = self.taps = taps_of(three(window.size, 1), three(window.dilation, 1))
        self.wide = -(-work.channels // self.lanes) * self.lanes
        self.high = -(-work.rows // height) * height
        extents = [(u - 1) * s + 1 + t for u, s, t in zip(self.places, self.stride, taps[-1])]
        line = extents[1] * extents[2] * self.wide * self.stride[0] * BITS[element] // 8
        chunk = max(1, min(ROOM // line, self.places[0]))
        self.chunks = -(-self.places[0] // chunk)
        self.chunk = -(-self.places[0] // self.chunks)
        extents[0] = (self.chunk - 1) * self.stride[0] + 1 + taps[-1][0]
        self.extents = extents
        self._share_out(height)
        self.shape = self.shares, work.groups, len(taps), self.high, self.wide
        offsets = [(a * extents[1] + b) * extents[2] + c for a, b, c in taps]
        self.offsets = np.array(offsets, np.int64)

    def _share_out(self, height: int) -> None:
        """Cut the places into shares and the results into slices."""
        work, area = self.work, math.prod(self.places)
        self.parts = work.images * self.chunks
        room = SUMS // (len(self.taps) * self.wide * self.high * work.groups)
        shares = max(1, min(SHARES, self.parts, work.images * area // SHARE, room))
        self.share = -(-self.parts // shares)
        self.shares = -(-self.parts // self.share)
        slices = max(1, min(work.rows // SLIM, -(-WANTED // (self.shares * work.groups))))
        self.slice = -(-self.high // height // slices) * height
        self.slices = -(-self.high // self.slice)

    @cached_property
    def sums(self) -> tuple[int, ...]:
        """What the kernel of sums is told."""
        work, window, area = self.work, self.work.window, math.prod(self.places)
        products = work.images * work.groups * area * len(self.taps) * work.rows * work.channels
        job = Job(
            rows=self.shares * work.groups * self.slices, length=1, weight=products // self.lanes,
            divisible=False,
        )  # fmt: skip
        numbers = weight_by_channel.Numbers(
            groups=work.groups, channels=work.channels, wide=self.wide, rows=work.rows,
            high=self.high, taps=len(self.taps), chunk=self.chunk, chunks=self.chunks,
            share=self.share, parts=self.parts, slice=self.slice, slices=self.slices,
            lines=max(1, weight_by_channel.STRETCH // self.places[2]),
            **axes("x", three(work.sizes, 1)), **axes("p", three(window.before, 0)),
            **axes("e", self.extents), **axes("u", self.places), **axes("s", self.stride),
        )  # fmt: skip
        return *job, *numbers

    @cached_property
    def total(self) -> tuple[int, ...]:
        """What the kernel that adds the sums is told."""
        work = self.work
        job = Job(
            rows=work.groups * work.rows, length=1, weight=math.prod(self.shape), divisible=False
        )
        numbers = weight_by_channel.TotalNumbers(
            groups=work.groups, channels=work.channels, rows=work.rows, wide=self.wide,
            high=self.high, taps=len(self.taps), shares=self.shares,
        )  # fmt: skip
        return *job, *numbers

    def run(self, y: Any, x: Any, w: Any) -> None:
        """Compute it."""
        element, sums = self.work.element, memory.empty(self.shape, x.dtype)
        weight_by_channel.sums(element, self.bits)(x, y, sums, self.offsets, *self.sums)
        weight_by_channel.total(element, self.lanes)(sums, w, *self.total)


class WeightByPixel:
    """The gradient with places in the lanes of vectors."""

    def __init__(self, work: Work):
        self.work = work
        window, sizes = flattened(work.window, work.sizes)
        self.places = places = three(window.places(sizes), 1)
        taps = taps_of(three(window.size, 1), three(window.dilation, 1))
        facts = three(sizes, 1), three(window.stride, 1), three(window.before, 0), taps
        whole = input_tile(*facts, places)
        deep = work.channels * len(whole.planes) + work.rows
        line = deep * whole.extents[1] * whole.extents[2]
        self.chunk = rows_together(places, line * (BITS[work.element] // 8), ITEMS)
        self.part = part = input_tile(*facts, (self.chunk, *places[1:]))
        step = len(part.planes) * part.plane
        offsets = np.arange(work.channels, dtype=np.int64)[:, None] * step + part.offsets
        self.inner = offsets.size
        self.shape = form = weight_by_pixel.form(
            work.element, machine().bits, work.rows, self.inner
        )
        self.panels = -(-self.inner // form.vectors)
        filling = (0, self.panels * form.vectors - self.inner)
        self.offsets = np.pad(offsets.reshape(-1), filling, mode="edge")
        self.masks = self._masks()
        self.flat = np.array([(0, 0, 0, 0, places[0], 0, places[1], 0, places[2])], np.int64)
        self.share = -(-work.images // min(work.images, max(1, ITEMS // work.groups)))

    def _masks(self) -> Any:
        """A bit for each position of a chunk that is a place."""
        lanes = self.shape.lanes
        seen = np.zeros((self.chunk, *self.part.extents[1:]), bool)
        seen[:, : self.places[1], : self.places[2]] = True
        seen = np.pad(seen.reshape(-1), (0, -seen.size % lanes)).reshape(-1, lanes)
        return (seen * (1 << np.arange(lanes))).sum(1).astype(np.int32)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """What the kernel is told."""
        work, part, planes = self.work, self.part, len(self.part.planes)
        products = work.images * work.groups * work.rows * self.inner * math.prod(self.places)
        shares = -(-work.images // self.share)
        job = Job(
            rows=shares * work.groups, length=1, weight=products // self.shape.lanes,
            divisible=False,
        )  # fmt: skip
        numbers = weight_by_pixel.Numbers(
            images=work.images, share=self.share, groups=work.groups, channels=work.channels,
            count=planes, inner=self.inner, panels=self.panels, rows=work.rows, chunk=self.chunk,
            size=work.channels * planes * part.plane, pitch=self.masks.size * self.shape.lanes,
            **axes("x", part.sizes), **axes("s", part.stride), **axes("e", part.extents),
            **axes("u", self.places),
        )  # fmt: skip
        return *job, *numbers

    def run(self, y: Any, x: Any, w: Any) -> None:
        """Compute it: without masks first, and with them where something is not finite."""
        work, form = self.work, self.shape
        blocks, shares = -(-work.rows // form.rows), -(-work.images // self.share)
        parts = (shares, work.groups, self.panels, blocks, weight_by_pixel.sums_of(form))
        total = self._products(y, x, np.zeros(parts, x.dtype), False)
        if np.isnan(total).any():
            total = self._products(y, x, np.zeros(parts, x.dtype), True)
        total = total[..., : form.rows * form.vectors]
        total = total.reshape(work.groups, self.panels, blocks, form.rows, form.vectors)
        total = total.transpose(0, 2, 3, 1, 4)
        total = total.reshape(work.groups, blocks * form.rows, self.panels * form.vectors)
        made = w.reshape(work.groups, work.rows, self.inner)
        made[...] = total[:, : work.rows, : self.inner]

    def _products(self, y: Any, x: Any, parts: Any, masked: bool) -> Any:
        weight_by_pixel.products_of(self.shape, masked)(
            x, y, parts, self.part.planes, self.flat, self.offsets, self.masks, *self.numbers
        )
        return parts.sum(0)
