"""Regions of images, and where samples in them lie.

A sample between pixels is a mean of the four around it, a product of a mean along y and one along x. So
the mean of a cell's samples is ``rows @ image @ columns.T`` with two small matrices.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ...core.tensor import Tensor


class Span(NamedTuple):
    """What cells see along one side: a matrix of cells by pixels, for the pixels from `start` on."""

    start: int
    weights: np.ndarray

    @property
    def pixels(self) -> slice:
        return slice(self.start, self.start + self.weights.shape[1])


def span(start: Any, size: Any, cells: int, samples: int, length: int) -> Span:
    """Equally many samples in each of some cells.

    Args:
        start, size: Of the region, in pixels.
        samples: In each cell; as many as the cell has pixels, if not positive.
        length: Pixels of the image; a sample more than one outside counts as 0.
    """
    cell = size / cells
    count = samples if samples > 0 else max(math.ceil(cell), 0)
    places = start + np.arange(cells)[:, None] * cell
    places = places + (np.arange(count) + 0.5) * cell / max(count, 1)
    inside = (places >= -1) & (places <= length)
    places = np.clip(places, 0, length - 1)
    low = np.floor(places).astype(np.intp)
    high = np.minimum(low + 1, length - 1)
    rest = places - low
    first = int(low.min(initial=length - 1))
    last = int(high.max(initial=first))
    weights = np.zeros((cells, last - first + 1), np.result_type(places, np.float32))
    rows = np.broadcast_to(np.arange(cells)[:, None], low.shape)
    np.add.at(weights, (rows, low - first), (1 - rest) * inside)
    np.add.at(weights, (rows, high - first), rest * inside)
    return Span(first, weights / max(count, 1))


class Aligned(NamedTuple):
    """How regions are laid over an image.

    Attributes:
        scale: Of the image to the coordinates of regions.
        height, width: How many cells.
        samples: In each cell, or as many as it has pixels.
        offset: Half a pixel, where coordinates mean the centres of pixels.
        least: A region's least size.
    """

    scale: float
    height: int
    width: int
    samples: int
    offset: float
    least: float

    def spans(self, rois: np.ndarray, shape: tuple[int, ...]) -> Iterator[tuple[int, Span, Span]]:
        """For each region the image's number, and its rows and columns."""
        kind = rois.dtype.type
        scale, offset, least = kind(self.scale), kind(self.offset), kind(self.least)
        for number, x1, y1, x2, y2 in rois:
            left, top = x1 * scale - offset, y1 * scale - offset
            width, height = x2 * scale - offset - left, y2 * scale - offset - top
            if self.least:
                width, height = max(width, least), max(height, least)
            rows = span(top, height, self.height, self.samples, shape[2])
            columns = span(left, width, self.width, self.samples, shape[3])
            yield int(number), rows, columns


class Pooled(NamedTuple):
    """Regions in whole pixels, cut into cells of whole pixels.

    Attributes:
        scale, height, width: See `Aligned`.
        inclusive: Is the pixel at the end part of the region, and the last pixel of the image of cells?
    """

    scale: float
    height: int
    width: int
    inclusive: bool

    def cells(
        self, rois: np.ndarray, shape: tuple[int, ...]
    ) -> Iterator[tuple[int, list[slice], list[slice]]]:
        """For each region the image's number, and the pixels of its rows and columns of cells."""
        for number, x1, y1, x2, y2 in rois:
            rows = self._side(y1, y2, self.height, shape[2])
            columns = self._side(x1, x2, self.width, shape[3])
            yield int(number), rows, columns

    def _side(self, first: Any, last: Any, cells: int, length: int) -> list[slice]:
        kind = type(first)
        scale = kind(self.scale)
        start, end = _round(first * scale), _round(last * scale)
        size = max(end - start + self.inclusive, 1)
        cell = kind(size) / kind(cells)
        most = length if self.inclusive else length - 1
        found = []
        for i in range(cells):
            low = math.floor(kind(i) * cell) + start
            high = math.ceil(kind(i + 1) * cell) + start
            found.append(slice(min(max(low, 0), most), min(max(high, 0), most)))
        return found


def _round(x: Any) -> int:
    """To the nearest whole number, halves away from 0, as C does."""
    return int(math.copysign(math.floor(abs(x) + 0.5), x))


def check_regions(input: Tensor, rois: Tensor) -> None:
    """Check the shapes of images and regions.

    Raises:
        RuntimeError: No images, no regions, or dtypes that differ.
    """
    if input.ndim != 4:
        raise RuntimeError(f"the images must have shape [N, C, H, W], got {list(input.shape)}")
    if rois.ndim != 2 or rois.shape[1] != 5:
        raise RuntimeError(f"rois must have shape as Tensor[K, 5], got {list(rois.shape)}")
    if input.dtype is not rois.dtype:
        raise RuntimeError(
            "Expected tensor for input to have the same type as tensor for rois; "
            f"but type {input.dtype} does not equal {rois.dtype}"
        )
