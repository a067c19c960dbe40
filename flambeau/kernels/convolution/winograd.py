"""Convolutions with windows of 3 by 3 by fewer multiplications (Winograd's F(2x2, 3x3)).

A patch of 2 by 2 results is 16 products of transformed values where the sum over the window takes 36.
The transforms add, subtract and halve; sums of small whole numbers stay exact. What is not
finite would spread within a patch: such a result is computed again over the window itself.

Source: Lavin and Gray, Fast algorithms for convolutional neural networks, 2015.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..runtime import memory
from ..runtime.entry import Job
from ..runtime.process import machine
from . import winograd_map, winograd_tile, winograd_weight
from .window import Window

ROOM = 1 << 19
"""Bytes of transformed patches that lie side by side: they should stay in a core's second cache."""
LEAST, MOST = 48, 256
"""Patches that are multiplied at once, about."""
PIECES = 4
"""Pieces that small batches are cut into, so that threads have something to share."""
LEAST_RESULTS = 256
"""Results at least for which patches are transformed once more, so that two threads share the weight."""
SHARES, SHARE = 8, 96
"""Sums towards a weight are taken in so many ranges of patches at most, of so many at least."""
SUMS = 1 << 21
"""Elements of all these sums together, about."""
SLICE, SLIM = 128, 32
"""Results that share the transformed image: at most, and at least if others wait for work."""


def suits(dtype: Any, window: Window, channels: int, rows: int, places: Sequence[int]) -> bool:
    """Is it such a window, and are there enough channels to pay for the transforms?"""
    size, stride, dilation, _, _ = window
    return (
        size == (3, 3)
        and stride == dilation == (1, 1)
        and dtype == np.float32
        and min(channels, rows) >= 16
        and min(channels, rows) * places[1] >= 256
        and places[0] * places[1] >= 16
    )


class Patches:
    """A convolution with a weight (O, C / groups, 3, 3), or its transpose: one with turned windows.

    channels and rows are those of a group, before and after the map.
    """

    def __init__(
        self, images: int, groups: int, channels: int, rows: int, sizes: Sequence[int],
        places: Sequence[int], before: Sequence[int], turned: bool,
    ):  # fmt: skip
        self.bits = machine().bits
        lanes = self.bits // 32
        deep, across = -(-places[0] // 2), -(-places[1] // 2)
        lines = images * deep
        most = min(MOST, max(LEAST, ROOM // (64 * channels)))
        pieces = max(-(-lines * across // most), min(PIECES, lines * across // LEAST), 1)
        pieces += pieces & (pieces > 1)  # an even number: two threads are common
        block = max(1, -(-lines // pieces))
        panels = -(-rows // lanes)
        # of few patches and many channels it is the weight that takes time: each half reads a part of it
        halves = pieces == 1 and rows >= 2 * LEAST_RESULTS
        part = -(-panels // (1 + halves)) * lanes
        slices = -(-rows // part)
        self.shape = (groups, panels, 16, channels, lanes)
        job = Job(
            rows=-(-lines // block) * groups * slices, length=1, divisible=False,
            weight=lines * across * 16 * channels * rows * groups // lanes,
        )  # fmt: skip
        numbers = winograd_map.Numbers(
            groups=groups, channels=channels, height=sizes[0], width=sizes[1], top=before[0],
            left=before[1], rows=rows, y_height=places[0], y_width=places[1], deep=deep,
            across=across, lines=lines, block=block, slices=slices, slice=part,
            pitch=pitch_of(block * across, lanes), panels=panels, begun=False,
        )  # fmt: skip
        self.numbers = (*job, *numbers), (*job, *numbers._replace(begun=True))
        self.weights = self._weights(turned)

    def _weights(self, turned: bool) -> tuple[int, ...]:
        """What the kernel that transforms the weight is told."""
        groups, panels, _, channels, _ = self.shape
        numbers = winograd_map.Numbers(*self.numbers[0][len(Job._fields) :])
        job = Job(
            rows=groups * panels * channels, length=1, weight=math.prod(self.shape),
            divisible=False,
        )  # fmt: skip
        windows = winograd_map.WeightNumbers(
            groups=groups, panels=panels, rows=numbers.rows, inner=channels,
            of_row=9 if turned else channels * 9, of_inner=numbers.rows * 9 if turned else 9,
            first=8 if turned else 0, step=-1 if turned else 1,
        )  # fmt: skip
        return *job, *windows

    def run(self, x: Any, w: Any, bias: Any, y: Any) -> bool:
        """Write it into y; False if not all of it is finite."""
        u = memory.empty(self.shape, memory.FLOAT32)
        winograd_map.weights(self.bits)(w, u, *self.weights)
        return not winograd_map.convolution(self.bits)(
            x, u, u if bias is None else bias, y, *self.numbers[bias is not None]
        )


def pitch_of(patches: int, lanes: int) -> int:
    """Elements of a row of patches: an odd number of whole vectors, with room for one that begins within."""
    return (-(-(patches + lanes - 1) // lanes) | 1) * lanes


class WeightPatches:
    """The gradient towards the weight."""

    def __init__(
        self, images: int, groups: int, channels: int, rows: int, sizes: Sequence[int],
        places: Sequence[int], before: Sequence[int],
    ):  # fmt: skip
        self.bits = machine().bits
        lanes, height = self.bits // 32, winograd_tile.rows_of(self.bits)
        deep, across = -(-places[0] // 2), -(-places[1] // 2)
        lines = images * deep
        wide, high = -(-channels // lanes) * lanes, -(-rows // height) * height
        shares = max(1, min(SHARES, lines * across // SHARE, SUMS // (16 * wide * high * groups)))
        share = -(-lines // shares)
        shares = -(-lines // share)
        slices = max(-(-rows // SLICE), min(rows // SLIM, -(-PIECES // (shares * groups))))
        part = -(-high // height // slices) * height
        slices = -(-high // part)
        most = min(MOST, max(LEAST, ROOM // (64 * max(wide, part))))
        block = -(-deep // -(-deep * across // most))
        self.shape = shares, groups, 16, high, wide
        work = lines * across * 16 * channels * rows * groups // lanes
        job = Job(rows=shares * groups * slices, length=1, weight=work, divisible=False)
        numbers = winograd_weight.Numbers(
            groups=groups, channels=channels, height=sizes[0], width=sizes[1], top=before[0],
            left=before[1], rows=rows, y_height=places[0], y_width=places[1], deep=deep,
            across=across, lines=lines, share=share, block=block,
            pitch=pitch_of(block * across, lanes), slices=slices, slice=part, wide=wide, high=high,
        )  # fmt: skip
        self.sums = *job, *numbers
        job = Job(rows=groups * rows, length=1, weight=math.prod(self.shape), divisible=False)
        total = winograd_weight.TotalNumbers(
            groups=groups, channels=channels, rows=rows, wide=wide, high=high, shares=shares
        )
        self.total = *job, *total

    def run(self, g: Any, x: Any, w: Any) -> bool:
        """Write it into w; False if not all of it is finite."""
        sums = memory.empty(self.shape, memory.FLOAT32)
        winograd_weight.sums(self.bits)(x, g, sums, *self.sums)
        return not winograd_weight.total(self.bits)(sums, w, *self.total)
