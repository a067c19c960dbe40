"""Passes of convolutions of half types by tiles: what `half_kernel` is told."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..array.copy import contiguous, copy_into
from ..matmul import amx, half
from ..matmul.half_kernel import LANES
from ..matmul.half_pack import BLOCKS
from ..runtime import memory
from ..runtime.entry import Job
from . import half_kernel, half_weight
from .half_kernel import PLACES
from .plan import Pass, Three

ITEMS = 16
"""Rows of a job that are wanted, so that threads have something to share."""
NEAR = 1 << 20
"""Bytes of images that meet one part of the weight after the other: they should stay in a core's second cache."""
LEAST_ROWS = 8
"""Output channels of a group below which tiles would be mostly empty."""
MOST_APART = 1 << 26
"""Bytes between neighbours of a vector that is gathered: sixteen of them are counted in 32 bits."""


def planned(works: Sequence[Pass], element: str) -> ByTile | ByPhase | None:
    """How tiles compute all passes of a map; None where they do not."""
    alone = [replace(x, result=x.places, step=(1, 1, 1), begin=(0, 0, 0)) for x in works]
    if not amx.available() or not all(suits(work) for work in alone if work.taps):
        return None
    if len(works) == 1 and works[0].places == works[0].result:
        return ByTile(alone[0], element) if works[0].taps else None
    return ByPhase(works, [ByTile(work, element) if work.taps else None for work in alone])


def suits(work: Pass) -> bool:
    """Can tiles compute it: a padding that only adds, and enough output channels?"""
    return min(work.before) >= 0 and work.rows >= LEAST_ROWS and work.channels > 1


class ByPhase:
    """The passes of a transpose, each of which computes every so manieth place of the result."""

    def __init__(self, works: Sequence[Pass], parts: Sequence[ByTile | None]):
        self.works, self.parts = works, parts

    def run(self, x: Any, w: Any, bias: Any, y: Any) -> bool:
        """As `ByTile.run`."""
        shape = *y.shape[:2], *self.works[0].result
        y = y.reshape(shape)
        for work, part in zip(self.works, self.parts):
            ends = [b + (n - 1) * s + 1 for b, n, s in zip(work.begin, work.places, work.step)]
            target = y[(..., *map(slice, work.begin, ends, work.step))]
            if part is None:
                target[...] = 0 if bias is None else bias.reshape(-1, 1, 1, 1)
                continue
            own = memory.empty(target.shape, y.dtype)
            if not part.run(x, w, bias, own):
                return False
            copy_into(target, own)
        return True


class ByTile:
    """A pass by tiles.

    Attributes:
        element: The numbers' type.
        block: Channels of a pixel laid out; blocks: how many such a group has.
        extents: Sizes of the image laid out.
        steps: Inner ones: the tap that each begins with, where in the image that is, and which taps it takes.
    """

    def __init__(self, work: Pass, element: str):
        self.work, self.element = work, element
        self.block = PLACES if work.channels > LANES else 2
        while self.block < work.channels and self.block < PLACES:
            self.block *= 2
        self.blocks = -(-work.channels // self.block)
        last = [max(tap[i] for tap in work.taps) for i in range(3)]
        self.extents = tuple(
            (count - 1) * step + far + 1 for count, step, far in zip(work.places, work.stride, last)
        )
        self.pixel = 2 * self.block
        self.size = math.prod(self.extents) * self.pixel
        self.steps = self._steps()

    def _steps(self) -> list[tuple[int, list[tuple[int, int]]]]:
        """For each step of one block of channels: where it begins in the image, in bytes, and its taps: (which of the
        neighbours, number in the list of taps)."""
        together = PLACES // self.block
        left = sorted(range(len(self.work.taps)), key=lambda i: self.work.taps[i])
        found: list[tuple[int, list[tuple[int, int]]]] = []
        while left:
            first = self.work.taps[left[0]]
            taken = [
                (self.work.taps[i][2] - first[2], i)
                for i in left
                if self.work.taps[i][:2] == first[:2] and self.work.taps[i][2] - first[2] < together
            ]
            left = [i for i in left if i not in {i for _, i in taken}]
            found.append((self._flat(first) * self.pixel, taken))
        return found

    def _flat(self, place: Three) -> int:
        return (place[0] * self.extents[1] + place[1]) * self.extents[2] + place[2]

    def run(self, x: Any, w: Any, bias: Any, y: Any) -> bool:
        """Compute it; False where something is not finite that neighbours, or zeros around an image that is turned, would
        meet."""
        image = memory.empty((self.room,), half.BYTE)
        lay, told = self.laying
        if self.block < PLACES:
            image[-self.slack :] = 0
        if lay(x, image, *told):
            return False
        facts, numbers = self.facts
        panels = self.packed(w)
        if panels is None:
            return False
        given = image, panels, panels if bias is None else bias, y, facts
        half_kernel.convolution(self.element)(*given, *numbers, bias is not None)
        return True

    @cached_property
    def slack(self) -> int:
        """Bytes behind the images that tiles read without need."""
        return (PLACES * self.work.stride[2] + PLACES) * self.pixel + amx.BYTES

    @cached_property
    def room(self) -> int:
        return self.work.items * self.image + self.slack

    @property
    def image(self) -> int:
        """Bytes of a group's image laid out, in all of its parts."""
        return self.blocks * BLOCKS[self.element] * self.size

    @cached_property
    def laying(self) -> tuple[Callable[..., int], tuple[int, ...]]:
        """The kernel that lays images out, and what it is told."""
        work = self.work
        (d, h, w), (pd, ph, pitch) = work.sizes, self.extents
        items = work.items * self.blocks
        weight = items * pd * ph * pitch * self.block // 8
        job = Job(rows=items * pd * ph, length=1, weight=weight, divisible=False)
        numbers = half_kernel.LayNumbers(
            channels=work.channels, blocks=self.blocks, depth=d, height=h, width=w,
            padded_depth=pd, padded_height=ph, pitch=pitch, before0=work.before[0],
            before1=work.before[1], before2=work.before[2], size=self.size,
        )  # fmt: skip
        return half_kernel.laying(self.element, self.block), tuple(map(int, (*job, *numbers)))

    # ------------------------------------------------------------------------------ the weight

    def packed(self, w: Any) -> Any:
        """The weight as panels of a right operand, for each group; None where it is watched and not finite."""
        if self._taps is not None:
            size, function, given, numbers = self._taps
            panels = memory.empty((size,), half.BYTE)
            return None if function(w, panels, given, *numbers) else panels
        rows = self._rows_of_weight(w)
        packing = self._packing
        panels = memory.empty((packing.size,), half.BYTE)
        told = packing.function(rows, panels, packing.begin, *packing.told)
        return None if told else panels

    @cached_property
    def inner(self) -> int:
        """Inner numbers of a row of the weight, with those that are always 0."""
        return len(self.steps) * self.blocks * PLACES

    @cached_property
    def _packing(self) -> half.Packing:
        groups, rows = self.work.groups, self.work.rows
        shape, item = (groups, rows, self.inner), half.ITEM
        strides = (rows * self.inner * item, self.inner * item, item)
        operand = half.operand((groups,), shape, strides)
        return half.packed(self.element, operand, False, watches=self.work.turned)[0]

    @cached_property
    def _taps(self) -> tuple[int, Callable[..., int], Any, tuple[int, ...]] | None:
        """How whole blocks of channels with taps between them are packed: the panels' bytes, the kernel, where its taps
        are, and its numbers; None where the weight is not of that kind."""
        work = self.work
        step, every = half.ITEM * work.every, len(work.taps)
        row, channel = (1, work.rows) if work.turned else (work.channels, 1)
        if work.channels % PLACES or every == 1 or step * max(row, channel) >= MOST_APART:
            return None
        panels, size = -(-work.rows // LANES), half.panel_bytes(self.element, self.inner)
        numbers = half_weight.Numbers(
            panels=panels, rows=work.rows, channels=work.channels, taps=every,
            group=step * work.rows * work.channels, row=step * row, channel=step * channel, size=size,
        )  # fmt: skip
        weight = work.groups * panels * self.inner * 4
        job = Job(rows=work.groups * panels, length=1, weight=weight, divisible=False)
        order = [work.which[i] * half.ITEM for _, taken in self.steps for _, i in taken]
        return (
            work.groups * panels * size,
            half_weight.packing(self.element, row < channel, work.turned),
            np.array(order, np.int64),
            tuple(map(int, (*job, *numbers))),
        )

    def _rows_of_weight(self, w: Any) -> Any:
        """(groups, output channels, steps, blocks of channels, 32): neighbours of a step, and channels of each."""
        work = self.work
        if work.turned:
            taps = w.reshape(work.groups, work.channels, work.rows, -1).swapaxes(1, 2)
        else:
            taps = w.reshape(work.groups, work.rows, work.channels, -1)
        together = PLACES // self.block
        order = [work.which[i] for _, taken in self.steps for _, i in taken]
        if together == 1 and work.channels % PLACES == 0:
            return contiguous(taps[..., order].swapaxes(2, 3))
        shape = (work.groups, work.rows, len(self.steps), self.blocks, together, self.block)
        made = np.zeros(shape, w.dtype)
        flat = made.swapaxes(3, 4).reshape(*shape[:3], together, -1) if self.blocks == 1 else None
        for s, (_, taken) in enumerate(self.steps):
            for neighbour, i in taken:
                source = taps[..., work.which[i]]
                if flat is None:
                    whole = made[:, :, s, :, 0].reshape(work.groups, work.rows, -1)
                    whole[..., : work.channels] = source
                    made[:, :, s, :, 0] = whole.reshape(made[:, :, s, :, 0].shape)
                else:
                    made[:, :, s, 0, neighbour, : work.channels] = source
        return made

    # ------------------------------------------------------------------------------- the places

    @cached_property
    def facts(self) -> tuple[Any, tuple[int, ...]]:
        """What the kernel is given and told."""
        work = self.work
        offsets = self._offsets()
        tiles = min((self._runs(along) for along in self._ways()), key=len)
        panels, places = -(-work.rows // LANES), len(tiles)
        pairs, every = -(-panels // 2), work.images * places
        blocks = -(-work.images * self.image // NEAR)
        splits = min(pairs, max(1, -(-ITEMS // (work.groups * blocks))))
        blocks = min(every, max(blocks, -(-ITEMS // (work.groups * splits))))
        block, split = -(-every // blocks), -(-pairs // splits)
        blocks, splits = -(-every // block), -(-pairs // split)
        total = work.items * places * PLACES * work.rows * len(offsets) * PLACES
        job = Job(
            rows=work.groups * blocks * splits, length=1, weight=total // 256, divisible=False
        )
        numbers = half_kernel.Numbers(
            groups=work.groups, rows=work.rows, steps=len(offsets), panels=panels,
            panel=half.panel_bytes(self.element, self.inner), tiles=places, all=every,
            block=block, blocks=blocks, split=split, splits=splits, image=self.image,
            left_row=self.pixel * work.stride[2], plane=math.prod(work.places), biased=False,
        )  # fmt: skip
        words = [amx.configuration(LANES), *(np.array(x).reshape(-1) for x in (offsets, tiles))]
        told = tuple(map(int, (*job, *numbers)))[:-1]
        return np.concatenate(words).astype(np.int64), told

    def _offsets(self) -> list[tuple[int, int]]:
        """Where each inner step, a product of two parts, begins in the image and in a panel of the weight, in bytes."""
        parts = BLOCKS[self.element]
        steps = [(start, b) for start, _ in self.steps for b in range(self.blocks)]
        return [
            (start + (b * parts + x) * self.size, (number * parts + y) * amx.SIZE)
            for number, (start, b) in enumerate(steps)
            for x in range(parts)
            for y in (range(parts) if x == 0 else reversed(range(parts)))
        ]

    def _ways(self) -> list[tuple[int, int, int, int]]:
        """How places may be walked: (runs, their length, steps from one row of places to the next, rows in a run).

        A run is a row of places, or all rows of a plane with what lies between them in the image, if whole steps lead there.
        """
        (d, h, w), (_, height, width), stride = self.work.places, self.extents, self.work.stride
        ways = [(d * h, w, w, 1)]
        # Planes of one row each, as two-dimensional images are seen here, are walked like rows.
        planes, rows, apart = d, h, stride[1] * width
        if h == 1:
            planes, rows, apart = 1, d, stride[0] * height * width
        if apart % stride[2] == 0:
            row = apart // stride[2]
            ways.append((planes, (rows - 1) * row + w, row, rows))
        return ways

    def _runs(self, way: tuple[int, int, int, int]) -> list[tuple[int, int, int]]:
        """The pairs of tiles of one way: where in the image, where in the result, and which places count."""
        runs, length, row, rows = way
        (_, h, w), stride = self.work.places, self.work.stride
        q = np.arange(-(-length // PLACES) * PLACES)
        counts = (q < length) & (q % row < w) & (q // row < rows)
        masks = counts.reshape(-1, PLACES) @ (1 << np.arange(PLACES, dtype=np.int64))
        found = []
        for run in range(runs):
            z, y = divmod(run * rows, h)
            left = self._flat((z * stride[0], y * stride[1], 0)) * self.pixel
            before = 0
            for t, mask in enumerate(masks.tolist()):
                if mask:
                    at = left + t * PLACES * stride[2] * self.pixel
                    found.append((at, ((z * h + y) * w + before) * 2, mask))
                    before += mask.bit_count()
        return found
