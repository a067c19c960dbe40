"""What each map of a convolution sums up, as tables of places (see `sums.py`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...convolution.plan import Pass, taps_of, three
from ...convolution.window import Window, flattened
from ..upload import uploaded
from .sums import Numbers

LIMIT = 1 << 30
"""Offsets within an image, and numbers of columns and steps, have 32 bits, with room for a grid's step."""


@dataclass(eq=False)
class Sum:
    """A launch: tables of NumPy, and what a kernel is told.

    Attributes:
        columns, steps: Entries (offset, x0, x1, x2).
        targets, factors: Where columns go in the result, and where steps are in a.
        numbers: As the kernels are told, of one split.
        groups: How many there are.
        outer: Are there steps outside of the table (and no columns)?
    """

    columns: Any
    targets: Any
    steps: Any
    factors: Any
    numbers: Numbers
    groups: int
    outer: bool

    @property
    def fits(self) -> bool:
        """Can the kernels count it?"""
        n = self.numbers
        reach = [abs(v).max(initial=0) for v in (self.columns[:, 0], self.steps[:, 0])]
        far = [n.rows * n.a_row + self.factors.max(initial=0), n.rows * n.wide, n.total, sum(reach)]
        return max(map(int, far)) < LIMIT and self.groups < 1 << 16

    @cached_property
    def checked(self) -> tuple[int, ...]:
        """The dimensions in which a column and a step can meet outside of the image."""
        if not (len(self.columns) and len(self.steps)):
            return ()
        found = []
        for i, size in enumerate(self.numbers[-3:], 1):
            low = self.columns[:, i].min() + self.steps[:, i].min()
            high = self.columns[:, i].max() + self.steps[:, i].max()
            if low < 0 or high >= size:
                found.append(i - 1)
        return tuple(found)

    def placed(self) -> tuple[Any, ...]:
        """The tables on the current device: as the kernels read them."""
        columns, steps = self.columns, self.steps
        if not self.checked:
            columns, steps = columns[:, 0], steps[:, 0]
        listed = (columns, self.targets, steps, self.factors)
        return tuple(uploaded(v, np.int32) for v in listed)


def _grid(counts: Sequence[int], step: Sequence[int], begin: Sequence[int]) -> Any:
    """The places begin + step * u of a grid, (elements, 3)."""
    axes = [b + s * np.arange(n, dtype=np.int64) for n, s, b in zip(counts, step, begin)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)


def _strides(sizes: Sequence[int]) -> Any:
    return np.array([sizes[1] * sizes[2], sizes[2], 1], np.int64)


def _entries(places: Any, sizes: Sequence[int], channels: int = 1) -> Any:
    """Entries of places in each of so many channels of an image."""
    offset = places @ _strides(sizes)
    first = np.arange(channels)[:, None] * math.prod(sizes) + offset
    return np.concatenate([first.reshape(-1, 1), np.tile(places, (channels, 1))], 1)


def of_pass(work: Pass) -> Sum:
    """A pass from the image to the result, or back: rows are the channels that it gives, columns places of
    images, steps the channels that it sees, at each tap."""
    plane, every = math.prod(work.sizes), work.every
    columns = _entries(_grid(work.places, work.stride, [-b for b in work.before]), work.sizes)
    targets = _grid(work.places, work.step, work.begin) @ _strides(work.result)
    taps = np.array(work.taps, np.int64).reshape(-1, 3)
    steps = _entries(taps, work.sizes, work.channels)
    which = np.array(work.which, np.int64).reshape(-1)
    a_step, a_row = (work.rows * every, every) if work.turned else (every, work.channels * every)
    factors = (np.arange(work.channels)[:, None] * a_step + which).reshape(-1)
    image = math.prod(work.result)
    numbers = Numbers(
        rows=work.rows, width=len(columns), deep=len(steps), wide=len(columns) * work.images,
        total=len(steps), part=len(steps), splits=1,
        a_row=a_row, a_outer=0, a_group=work.channels * work.rows * every,
        b_outer=0, b_wide=work.groups * work.channels * plane, b_group=work.channels * plane,
        c_row=image, c_wide=work.groups * work.rows * image, c_group=work.rows * image, c_split=0,
        x0=work.sizes[0], x1=work.sizes[1], x2=work.sizes[2],
    )  # fmt: skip
    return Sum(columns, targets, steps, factors, numbers, work.groups, outer=False)


def of_weight(
    images: int, groups: int, channels: int, rows: int, sizes: tuple[int, ...],
    places: tuple[int, ...], window: Window,
) -> Sum:  # fmt: skip
    """The map to the weight: rows are the result's channels, columns the weight's other elements, steps the places of all
    images."""
    slid, sizes = flattened(window, sizes)
    count = (math.prod(places),) if window.is_point else places
    size, stride, dilation, before, _ = (three(v, i < 3) for i, v in enumerate(slid))
    image, grid = three(sizes, 1), three(count, 1)
    plane, step = math.prod(image), math.prod(grid)
    taps = np.array(taps_of(size, dilation), np.int64).reshape(-1, 3) - before
    columns = _entries(taps, image, channels)
    steps = _entries(_grid(grid, stride, (0, 0, 0)), image)
    every = channels * len(taps)
    numbers = Numbers(
        rows=rows, width=every, deep=step, wide=every, total=step * images, part=step * images, splits=1,
        a_row=step, a_outer=groups * rows * step, a_group=rows * step,
        b_outer=groups * channels * plane, b_wide=0, b_group=channels * plane,
        c_row=every, c_wide=0, c_group=rows * every, c_split=0,
        x0=image[0], x1=image[1], x2=image[2],
    )  # fmt: skip
    return Sum(columns, np.arange(every), steps, np.arange(step), numbers, groups, outer=True)


__all__ = ["Sum", "of_pass", "of_weight"]
