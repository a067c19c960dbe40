"""What a key of index arrays means for an array in memory.

A key of index arrays and whole dimensions is read as loops over S, the dimensions that the arrays broadcast to with
the whole ones before them. Each step of the loops is a place in x: a multiple of the step along each
dimension of S (for whole dimensions, and for arrays that only count) plus, for every other array, its index
times the step of x. Behind that place lies a run of elements, where x has whole dimensions at its end.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ...formula.dimensions import broadcast_shapes
from ..runtime.process import enabled

MOST = 3
"""Index arrays that a plan may have."""
_FULL, _FIRST = slice(None), slice(1)


class Unsigned(tuple):
    """A key in which a negative index does not count from the end, but is out of range."""

    __slots__ = ()

    def snapshot(self) -> Unsigned:
        """The same with arrays that nobody else can write to."""
        return Unsigned(_own(i) for i in self)


class Along(Unsigned):
    """The key of gather and scatter: an index array along one dimension, which counts along the others.

    NumPy reads it like any tuple; kernels know what the arrays beside `index` hold.
    """

    index: Any
    dim: int

    def __new__(cls, index: Any, dim: int) -> Along:
        places = list(_grid(index.shape, dim))
        places[dim] = index
        key = super().__new__(cls, places)
        key.index, key.dim = index, dim
        return key

    def snapshot(self) -> Along:
        return Along(_own(self.index), self.dim)


def snapshot(key: tuple) -> tuple:
    """A key whose arrays nobody else can write to."""
    if isinstance(key, Unsigned):
        return key.snapshot()
    return tuple(_own(item) for item in key)


def _own(item: Any) -> Any:
    """A copy of an array; what is broadcast stays broadcast."""
    if item.__class__ is np.ndarray:
        if 0 in item.strides and item.size:
            once = item[tuple([_FULL if step else _FIRST for step in item.strides])].copy()
            steps = [step if there else 0 for step, there in zip(once.strides, item.strides)]
            return np.ndarray(item.shape, item.dtype, once, 0, steps)
        return item.copy()
    return item.copy() if hasattr(item, "dtype") else item


def named(x: Any, key: tuple) -> int:
    """How many elements a key means, as far as the sizes tell: a mask counts as a whole."""
    most, rest, shape = 0, x.size, x.shape
    if len(key) == 1 and key[0].__class__ is np.ndarray and shape:
        return key[0].size * (rest // max(shape[0], 1))
    for i, item in enumerate(key):
        if item.__class__ is np.ndarray:
            most = max(most, item.size)
            rest //= max(shape[i], 1) if i < len(shape) else 1
    return most * rest


@lru_cache(maxsize=256)
def _grid(shape: tuple[int, ...], dim: int) -> tuple:
    """The positions along every dimension, ready to broadcast, with a gap at `dim`."""
    ndim = len(shape)
    return tuple(
        None if i == dim else np.arange(n).reshape((1,) * i + (n,) + (1,) * (ndim - 1 - i))
        for i, n in enumerate(shape)
    )


class Plan:
    """The plan of one use of a key: see the head of this file.

    Attributes:
        space: S.
        shape: The result's shape: S, and the whole dimensions behind.
        affine: For each dimension of S: the step in x.
        indices, sizes, steps: The index arrays, and the size and step of the dimension of x that each is for.
        start: The place in x where counting arrays begin.
        length: Elements of a run.
        signed: May indices be negative, and count from the end?
    """

    __slots__ = (
        "affine", "indices", "length", "shape", "signed", "sizes", "space", "start", "steps",
    )  # fmt: skip

    def __init__(self, space: tuple[int, ...], rest: tuple[int, ...], signed: bool = True):
        self.space, self.shape, self.signed = space, space + rest, signed
        self.affine = [0] * len(space)
        self.indices: list[Any] = []
        self.sizes: list[int] = []
        self.steps: list[int] = []
        self.start = 0
        self.length = math.prod(rest)

    def add(self, array: Any, size: int, step: int) -> None:
        """An index array for a dimension of x of this size and step."""
        found = _counts(array, size, self.space)
        if found is None:
            self.look_up(array, size, step)
        else:
            at, first, by = found
            self.start += first * step
            if at is not None:
                self.affine[at] += by * step

    def look_up(self, array: Any, size: int, step: int) -> None:
        self.indices.append(np.ascontiguousarray(array, np.int64))
        self.sizes.append(size)
        self.steps.append(step)

    def index_steps(self) -> list[list[int]]:
        """For each index array: its steps along the dimensions of S, in elements."""
        found = []
        for array in self.indices:
            own = [0 if n == 1 else s // 8 for n, s in zip(array.shape, array.strides)]
            found.append([0] * (len(self.space) - len(own)) + own)
        return found


def plan_of(x: Any, key: tuple) -> Plan | None:
    """The plan for a key; None where it is for NumPy."""
    if x.__class__ is not np.ndarray or not enabled():
        return None
    item = x.itemsize
    if not x.flags.aligned or x.dtype.hasobject or any(step % item for step in x.strides):
        return None
    return _along(x, key) if key.__class__ is Along else _by_arrays(x, key)


def _along(x: Any, key: Along) -> Plan | None:
    index, dim, item = key.index, key.dim, x.itemsize
    sizes = zip(index.shape, x.shape)
    if index.ndim != x.ndim or any(n > m for i, (n, m) in enumerate(sizes) if i != dim):
        return None
    found = Plan(index.shape, (), signed=False)
    found.affine = [step // item for step in x.strides]
    found.affine[dim] = 0
    found.look_up(index, x.shape[dim], x.strides[dim] // item)
    return found


def _by_arrays(x: Any, key: tuple) -> Plan | None:
    before = 0
    while _is_full(key, before):
        before += 1
    behind = before
    while behind < len(key) and key[behind].__class__ is np.ndarray:
        behind += 1
    arrays = key[before:behind]
    if not arrays or any(not _is_full(key, i) for i in range(behind, len(key))):
        return None
    if any(a.dtype != np.int64 and a.dtype != np.int32 for a in arrays):
        return None
    common = arrays[0].shape if len(arrays) == 1 else broadcast_shapes(*(a.shape for a in arrays))
    item, rest = x.itemsize, x.shape[behind:]
    if not _dense(rest, x.strides[behind:], item):
        return None
    found = Plan(x.shape[:before] + common, rest, key.__class__ is not Unsigned)
    for i in range(before):
        found.affine[i] = x.strides[i] // item
    for i, array in enumerate(arrays, before):
        found.add(array, x.shape[i], x.strides[i] // item)
    return found if len(found.indices) <= MOST else None


def _is_full(key: tuple, i: int) -> bool:
    return i < len(key) and key[i].__class__ is slice and key[i] == _FULL


def _dense(shape: tuple[int, ...], strides: tuple[int, ...], step: int) -> bool:
    for n, found in zip(shape[::-1], strides[::-1]):
        if n != 1 and found != step:
            return False
        step *= n
    return True


def _counts(array: Any, size: int, space: tuple[int, ...]) -> tuple[int | None, int, int] | None:
    """Does an index array only count along one dimension of S? Then which, from where, and by what."""
    long = [i for i, n in enumerate(array.shape) if n != 1]
    if len(long) > 1 or array.size == 0 or 4 * array.size > math.prod(space):
        return None
    flat = array.reshape(-1).copy()  # others may write to it
    first = int(flat[0])
    last = int(flat[-1])
    if not (0 <= first < size and 0 <= last < size):
        return None
    if not long:
        return None, first, 0
    by = int(flat[1]) - first
    if by == 0 or (flat[1:] - flat[:-1] != by).any():
        return None
    return len(space) - array.ndim + long[0], first, by
