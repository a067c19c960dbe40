"""Convolutions as one product of matrices, of what each window covers.

A row of the matrix is a place, a column an element of the window. Where windows do not overlap (a single place, or
patches side by side) that is the image itself in another order (`Apart`); the passes of `plan` would meet mostly
padding on the way back to an image of a single place, and fill few lanes where the image has few channels. Where
places are few and channels many, the weight is what takes time, and the passes read it once for each line of places:
there it pays to gather the elements from the image, or to add them to it, by a table (`Overlapping`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..array.copy import copy_into
from ..matmul.matmul import multiplied
from ..runtime import memory
from ..runtime.entry import Job
from . import columns_kernel
from .plan import taps_of
from .window import Window

FEW = 12
"""Channels below which patches side by side are better off here."""
PLACES, PLACES_OF_WEIGHT = 32, 64
"""Places of an image up to which overlapping windows are: for the maps between images, and towards the weight."""
PATCHES, PATCHES_OF_WEIGHT = 64, 32
"""The same where transformed patches serve too: places of all images, and places of an image."""
MANY = 64
"""Results that pay for gathering."""
ROOM = 1 << 20
"""Elements of a matrix of windows, about; more images are taken one part after the other."""


def is_apart(
    window: Window, sizes: Sequence[int], places: Sequence[int], groups: int, channels: int
) -> bool:
    """Is there a single place, or few channels and windows side by side within the image?"""
    if groups != 1 or window.is_point:
        return False
    if math.prod(places) == 1:
        return True
    facts = zip(*window[:4], sizes, places)
    return channels < FEW and all(
        s >= (k - 1) * d + 1 and not before and (n - 1) * s + (k - 1) * d < size
        for k, s, d, before, size, n in facts
    )


def columns(
    window: Window, shape: Sequence[int], places: Sequence[int], groups: int, results: int,
    item: int, patches: bool, weight: bool = False,
) -> Apart | Overlapping | None:  # fmt: skip
    """The matrix of windows that serves a map best, or None.

    Args:
        shape: The image's.
        results: How many there are at each place.
        item: Bytes of an element.
        patches: Is it a case for transformed patches (`winograd`)?
        weight: Is it the map towards the weight?
    """
    if is_apart(window, shape[2:], places, groups, shape[1]):
        return Apart(window, shape, places, item)
    count, images = math.prod(places), shape[0]
    if groups != 1 or window.is_point or min(results, shape[1] * window.elements) < MANY:
        return None
    if patches:
        few = count <= PATCHES_OF_WEIGHT if weight else count * images <= PATCHES
    else:
        few = count <= (PLACES_OF_WEIGHT if weight else PLACES)
    return Overlapping(window, shape, places) if few else None


class Apart:
    """The matrix of windows that do not overlap.

    Attributes:
        places: How many places there are.
        inner: Elements of a window that lie within the image, of all channels.
        taps: Where in the window they are.
        whole: Are these all of them?
    """

    def __init__(self, window: Window, shape: Sequence[int], places: Sequence[int], item: int):
        channels, sizes = shape[1], shape[2:]
        first = [-(-before // d) for before, d in zip(window.before, window.dilation)]
        last = [
            min(k, (size - 1 + before) // d + 1)
            for k, size, before, d in zip(window.size, sizes, window.before, window.dilation)
        ]
        count = [max(0, end - begin) for begin, end in zip(first, last)]
        self.taps: tuple[Any, ...] = (..., *(slice(a, a + n) for a, n in zip(first, count)))
        self.whole = count == list(window.size)
        steps = [item * math.prod(shape[i + 1 :]) for i in range(len(shape))]
        begin = [a * d - b for a, d, b in zip(first, window.dilation, window.before)]
        self.offset = sum(a * step for a, step in zip(begin, steps[2:]))
        self.window = (*places, channels, *count)
        self.strides = (
            steps[0], *(s * step for s, step in zip(window.stride, steps[2:])),
            steps[1], *(d * step for d, step in zip(window.dilation, steps[2:])),
        )  # fmt: skip
        self.places, self.inner = math.prod(places), channels * math.prod(count)
        self.covered = self.places == 1 and count == list(sizes) and set(window.dilation) == {1}

    def windows(self, x: Any) -> Any:
        """The image as (images, places, channels, window)."""
        return np.ndarray((len(x), *self.window), x.dtype, x, self.offset, self.strides)

    def gather(self, x: Any) -> Any:
        """A row for each place, with what its window covers."""
        rows = len(x) * self.places, self.inner
        if self.covered:
            return x.reshape(rows)
        made = memory.empty((len(x), *self.window), x.dtype)
        copy_into(made, self.windows(x))
        return made.reshape(rows)

    def rows_of(self, x: Any) -> Any:
        """The image as such rows, if it lies so."""
        return x.reshape(len(x), self.inner) if self.covered else None

    def spread(self, made: Any, x: Any) -> None:
        """Rows added to where they are in an image of zeros."""
        copy_into(self.windows(x), made.reshape(len(x), *self.window))


class Overlapping:
    """The matrix of windows that overlap, gathered from an image with its padding."""

    taps: tuple[Any, ...] = (...,)
    whole = True

    def __init__(self, window: Window, shape: Sequence[int], places: Sequence[int]):
        channels, sizes = shape[1], shape[2:]
        taps = taps_of(window.size, window.dilation)
        extents = [
            max(before + size, (n - 1) * s + tap + 1)
            for size, before, n, s, tap in zip(
                sizes, window.before, places, window.stride, taps[-1]
            )
        ]
        self.padded = None if extents == list(sizes) else (channels, *extents)
        self.inside: tuple[Any, ...] = (..., *(slice(b, b + n) for b, n in zip(window.before, sizes)))
        steps = np.array([math.prod(extents[i + 1 :]) for i in range(len(extents))])
        self.places, self.inner = math.prod(places), channels * len(taps)
        self.channels, self.size = channels, channels * math.prod(extents)
        table = np.arange(channels)[:, None] * math.prod(extents) + np.array(taps, np.int64) @ steps
        self.table = np.pad(table.reshape(-1), (0, columns_kernel.LANES)).astype(np.int32)
        begins = [tuple(at) for at in taps_of(tuple(places), window.stride)]
        self.begins = (np.array(begins, np.int64) @ steps).astype(np.int64)

    def gather(self, x: Any) -> Any:
        """As `Apart.gather`."""
        images = len(x)
        if self.padded is not None:
            padded = np.zeros((images, *self.padded), x.dtype)
            copy_into(padded[self.inside], x)
            x = padded
        made = memory.empty((images * self.places, self.inner), x.dtype)
        columns_kernel.gather(x.dtype)(x, self.table, self.begins, made, *self._told(images, 1))
        return made

    def rows_of(self, x: Any) -> Any:
        """The image never lies so."""

    def spread(self, made: Any, x: Any) -> None:
        """As `Apart.spread`."""
        images = len(x)
        whole = x if self.padded is None else np.zeros((images, *self.padded), x.dtype)
        slices = min(self.channels, columns_kernel.SLICES)
        told = self._told(images, slices)
        columns_kernel.spread(x.dtype)(made, self.table, self.begins, whole, *told)
        if self.padded is not None:
            copy_into(x, whole[self.inside])

    def _told(self, images: int, slices: int) -> tuple[int, ...]:
        """What the pool and the kernels are told; `slices` are those of channels, each a row of its own."""
        rows = images * (self.places if slices == 1 else slices)
        job = Job(
            rows=rows, length=1, weight=2 * images * self.places * self.inner, divisible=False
        )
        numbers = columns_kernel.Numbers(
            places=self.places, size=self.size, inner=self.inner, channels=self.channels,
            taps=self.inner // self.channels, slices=slices,
        )  # fmt: skip
        return *job, *numbers


class _Product:
    """One of the maps, by a matrix of windows."""

    def __init__(self, held: Apart | Overlapping):
        self.held = held

    def parts(self, images: int) -> Iterator[slice]:
        """Images that are taken at once."""
        step = max(1, ROOM // max(1, self.held.places * self.held.inner))
        return (slice(i, i + step) for i in range(0, images, step))

    def weight(self, w: Any) -> Any:
        """The weight's elements that meet the image, a row for each result."""
        return np.ascontiguousarray(w[self.held.taps]).reshape(len(w), -1)

    def results(self, y: Any) -> Any:
        """A row for each place, with its results."""
        places = self.held.places
        if places == 1:
            return y.reshape(len(y), -1)
        made = memory.empty((len(y), places, y.shape[1]), y.dtype)
        copy_into(made, y.reshape(len(y), y.shape[1], -1).swapaxes(1, 2))
        return made.reshape(len(y) * places, -1)


class Forward(_Product):
    """From the image to the results."""

    def run(self, x: Any, w: Any, bias: Any, y: Any) -> None:
        """Compute it."""
        held, turned = self.held, self.weight(w).T
        if not held.inner:
            y[...] = 0 if bias is None else bias.reshape(-1, *(1,) * (y.ndim - 2))
            return
        for part in self.parts(len(x)):
            rows, there = held.gather(x[part]), y[part]
            if held.places == 1:
                multiplied(rows, turned, there.reshape(len(rows), -1), bias)
                continue
            made = memory.empty((len(rows), len(w)), x.dtype)
            multiplied(rows, turned, made, bias)
            made = made.reshape(len(there), held.places, -1)
            copy_into(there.reshape(len(there), len(w), -1), made.swapaxes(1, 2))


class Transposed(_Product):
    """From the results back to the image."""

    def run(self, y: Any, w: Any, bias: Any, x: Any) -> None:
        """Compute it."""
        held, rows = self.held, self.weight(w)
        for part in self.parts(len(x)):
            there = x[part]
            whole = held.rows_of(there)
            if whole is not None:
                multiplied(self.results(y[part]), rows, whole)
                continue
            there[...] = 0
            if held.inner:
                made = memory.empty((len(there) * held.places, held.inner), x.dtype)
                multiplied(self.results(y[part]), rows, made)
                held.spread(made, there)
        if bias is not None:
            x += bias.reshape(-1, *(1,) * (x.ndim - 2))


class Weight(_Product):
    """From both to the weight."""

    def run(self, y: Any, x: Any, w: Any) -> None:
        """Compute it."""
        held = self.held
        if not held.inner:
            w[...] = 0
            return
        made = w if held.whole else memory.empty((len(w), held.inner), x.dtype)
        made = made.reshape(len(w), held.inner)
        for part in self.parts(len(x)):
            rows = held.gather(x[part])
            multiplied(self.results(y[part]).T, rows, made, None, part.start > 0)
        if not held.whole:
            w[...] = 0
            inside = w[held.taps]
            inside[...] = made.reshape(inside.shape)
