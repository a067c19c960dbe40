"""Convolutions whose windows do not overlap, as products of matrices: a single place, or patches side by side.

Rows of elements that windows cover, one for each place, are the image itself in another order, so each of the
three maps is one product and at most one copy on each side. The passes of `plan` would meet mostly padding on the way
back to an image of a single place, and fill few lanes where the image has few channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..array.copy import copy_into
from ..matmul.matmul import multiplied
from ..runtime import memory
from .window import Window

FEW = 12
"""Channels below which patches side by side are better off here."""


def suits(
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


class Apart:
    """What the three maps know of a window and an image: where its elements are.

    Attributes:
        places: How many places there are.
        taps: The window's elements that lie within the image.
        whole: Are these all of them?
        covered: Are the rows the image as it lies?
    """

    def __init__(self, window: Window, shape: Sequence[int], places: Sequence[int], item: int):
        images, channels, *sizes = shape
        self.shape, self.spread, self.places = tuple(shape), tuple(places), math.prod(places)
        first = [-(-before // d) for before, d in zip(window.before, window.dilation)]
        last = [
            min(k, (size - 1 + before) // d + 1)
            for k, size, before, d in zip(window.size, sizes, window.before, window.dilation)
        ]
        count = [max(0, end - begin) for begin, end in zip(first, last)]
        self.taps = (..., *(slice(a, a + n) for a, n in zip(first, count)))
        self.whole = count == list(window.size)
        steps = [item * math.prod(shape[i + 1 :]) for i in range(len(shape))]
        begin = [a * d - b for a, d, b in zip(first, window.dilation, window.before)]
        self.offset = sum(a * step for a, step in zip(begin, steps[2:]))
        self.window = (images, *places, channels, *count)
        self.strides = (
            steps[0], *(s * step for s, step in zip(window.stride, steps[2:])),
            steps[1], *(d * step for d, step in zip(window.dilation, steps[2:])),
        )  # fmt: skip
        self.rows = images * self.places, channels * math.prod(count)
        self.covered = self.places == 1 and count == sizes and set(window.dilation) == {1}

    def windows(self, x: Any) -> Any:
        """The image as (images, places, channels, window)."""
        return np.ndarray(self.window, x.dtype, x, self.offset, self.strides)

    def columns(self, x: Any) -> Any:
        """A row for each place, with what its window covers."""
        if self.covered:
            return x.reshape(self.rows)
        made = memory.empty(self.window, x.dtype)
        copy_into(made, self.windows(x))
        return made.reshape(self.rows)

    def weight(self, w: Any) -> Any:
        """The weight's elements that meet the image, a row for each result."""
        return np.ascontiguousarray(w[self.taps]).reshape(len(w), -1)

    def results(self, y: Any) -> Any:
        """A row for each place, with its results."""
        if self.places == 1:
            return y.reshape(self.rows[0], -1)
        made = memory.empty((len(y), self.places, y.shape[1]), y.dtype)
        copy_into(made, y.reshape(len(y), y.shape[1], -1).swapaxes(1, 2))
        return made.reshape(self.rows[0], -1)


class Forward(Apart):
    """From the image to the results."""

    def run(self, x: Any, w: Any, bias: Any, y: Any) -> None:
        """Compute it."""
        turned = self.weight(w).T
        if not self.rows[1]:
            y[...] = 0 if bias is None else bias.reshape(-1, *(1,) * (y.ndim - 2))
        elif self.places == 1:
            multiplied(self.columns(x), turned, y.reshape(self.rows[0], -1), bias)
        else:
            made = memory.empty((self.rows[0], len(w)), x.dtype)
            multiplied(self.columns(x), turned, made, bias)
            copy_into(
                y.reshape(len(y), len(w), -1), made.reshape(len(y), -1, len(w)).swapaxes(1, 2)
            )


class Transposed(Apart):
    """From the results back to the image."""

    def run(self, y: Any, w: Any, bias: Any, x: Any) -> None:
        """Compute it."""
        shift = None
        if bias is not None and self.rows[1]:
            shift = np.repeat(bias, self.rows[1] // len(bias))
        if self.covered:
            multiplied(self.results(y), self.weight(w), x.reshape(self.rows), shift)
            return
        x[...] = 0 if bias is None else bias.reshape(-1, *(1,) * (x.ndim - 2))
        if self.rows[1]:
            made = memory.empty(self.rows, x.dtype)
            multiplied(self.results(y), self.weight(w), made, shift)
            copy_into(self.windows(x), made.reshape(self.window))


class Weight(Apart):
    """From both to the weight."""

    def run(self, y: Any, x: Any, w: Any) -> None:
        """Compute it."""
        if self.whole:
            multiplied(self.results(y).T, self.columns(x), w.reshape(len(w), -1))
            return
        w[...] = 0
        if self.rows[1]:
            made = memory.empty((len(w), self.rows[1]), x.dtype)
            multiplied(self.results(y).T, self.columns(x), made)
            part = w[self.taps]
            part[...] = made.reshape(part.shape)
