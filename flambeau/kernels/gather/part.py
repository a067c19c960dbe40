"""The part of an array that a key of index arrays names, in another dtype: what sums of half types are kept in.

Sums of half types are kept in float32 and rounded once, also those at repeated indices: one that is rounded
after each step stops growing, 256 + 0.1 is 256 in float16. Where the key names much of an array, all of it is
widened; else what it names, each place once, so that time and memory grow with the key.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...formula.dimensions import broadcast_arrays
from ..array.copy import converted, copy_into
from ..runtime.process import enabled
from .bounds import outside, within
from .plan import Unsigned, named

WIDE = np.dtype(np.float32)
_FULL = slice(None)
_MUCH = 4
"""An array of more than so many times the elements that are named is not widened as a whole."""


def is_half(dtype: Any) -> bool:
    """Is it float16, bfloat16 or a smaller type? Those that NumPy has not are of kind V."""
    return dtype.itemsize <= 2 and dtype.kind in "fV"


def cast(x: Any, dtype: Any) -> Any:
    """An array in another dtype; itself if that is its own."""
    if x.__class__ is not np.ndarray or x.dtype == dtype or not enabled():
        return x.astype(dtype, copy=False)
    return converted(x, dtype)


def part_of(x: Any, key: tuple, dtype: Any) -> Whole | Touched:
    """The part of x that a key names, to be computed with in another dtype.

    Raises:
        IndexError: An index is out of range.
    """
    plain = all(i == _FULL if i.__class__ is slice else i.dtype.kind == "i" for i in key)
    if x.__class__ is not np.ndarray or not plain or _MUCH * named(x, key) >= x.size:
        return Whole(x, key, dtype)
    return Touched(x, key, dtype)


class Whole:
    """All of an array.

    Attributes:
        array: What is computed with.
        key: What the key is there.
    """

    def __init__(self, x: Any, key: tuple, dtype: Any):
        self.x, self.array, self.key = x, cast(x, dtype), key

    def fitted(self, values: Any) -> Any:
        """Values as they are written to `array` at `key`."""
        return values

    def store(self) -> None:
        if self.array is not self.x:
            copy_into(self.x, self.array)


class Touched:
    """The places of an array that a key of index arrays and whole dimensions names, each once.

    Attributes:
        array: A row for each place, which holds the elements along the whole dimensions.
        key: The row that each of the key's indices means.
    """

    def __init__(self, x: Any, key: tuple, dtype: Any):
        signed = not isinstance(key, Unsigned)
        self.axes = [i for i, item in enumerate(key) if item.__class__ is np.ndarray]
        rest = [i for i in range(x.ndim) if i not in self.axes]
        self.front = x.transpose(*self.axes, *rest)
        sizes = self.front.shape[: len(self.axes)]
        arrays = [_counted(key[i], n, signed) for i, n in zip(self.axes, sizes)]
        places = np.ravel_multi_index(broadcast_arrays(*arrays), sizes)
        met, rows = np.unique(places, return_inverse=True)
        self.index_shape, self.rest = places.shape, self.front.shape[len(self.axes) :]
        self.key, self.met = (rows.reshape(places.shape),), np.unravel_index(met, sizes)
        self.array = cast(self.front[self.met], dtype)

    def fitted(self, values: Any) -> Any:
        """Values as they are written to `array` at `key`: with the indices' dimensions in front."""
        first, count = self.axes[0], len(self.index_shape)
        if self.axes != list(range(first, first + len(self.axes))):
            first = 0  # arrays that are apart put their dimensions in front
        shape = *self.rest[:first], *self.index_shape, *self.rest[first:]
        own = list(range(first, first + count))
        return np.moveaxis(np.broadcast_to(values, shape), own, list(range(count)))

    def store(self) -> None:
        self.front[self.met] = cast(self.array, self.front.dtype)


def _counted(index: Any, size: int, signed: bool) -> Any:
    """Indices of our own, counted from the front.

    Raises:
        IndexError: One is out of range.
    """
    index = np.array(index, np.int64)
    if not within(index, -size if signed else 0, size):
        raise outside((size,))
    index[index < 0] += size
    return index
