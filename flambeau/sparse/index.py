"""What is derived of patterns, with arrays: places of values, rows, orders. All is kept with the pattern."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .. import kernels
from ..core.sparse import (
    BLOCKS,
    COO,
    ROWS,
    Pattern,
    SparseArray,
    batch_dims,
    sparse_dims,
)
from ..core.tensor import wrap_numpy
from ..kernels.sparse.product import private


class Places(NamedTuple):
    """Where the values of a sparse array stand in a dense one.

    Attributes:
        flat: For each value (or element of a block) its index in the flattened sizes.
        sizes: Those of the dimensions of batch and pattern.
        tail: Those of the dense dimensions.
        distinct: Is every place there once?
    """

    flat: Any
    sizes: tuple[int, ...]
    tail: tuple[int, ...]
    distinct: bool


def places(x: SparseArray) -> Places:
    """Where the values stand."""
    count = batch_dims(x) + sparse_dims(x)
    sizes, tail = x.shape[:count], x.shape[count:]
    key = "flat", x.layout, sizes, block_size(x)
    flat = x.pattern.derived(key, lambda: _flat(x, sizes))
    return Places(flat, sizes, tail, x.layout is not COO or x.pattern.coalesced)


def place_at(x: SparseArray, flat: Any) -> None:
    """Note where the values stand, as `places` would find it: whoever made the pattern knows."""
    count = batch_dims(x) + sparse_dims(x)
    x.pattern.derived(("flat", x.layout, x.shape[:count], block_size(x)), lambda: flat)


def block_size(x: SparseArray) -> tuple[int, int] | None:
    """The size of a block, where there are blocks."""
    if x.layout not in BLOCKS:
        return None
    at = batch_dims(x) + 1
    height, width = x.values._array.shape[at : at + 2]
    return height, width


def _flat(x: SparseArray, sizes: tuple[int, ...]) -> Any:
    found = coordinates(x)
    for dim, (index, size) in enumerate(zip(found, sizes)):
        if index.size and not 0 <= int(index.min()) <= int(index.max()) < size:
            wrong = index[(index < 0) | (index >= size)][0]
            raise IndexError(
                f"a sparse tensor has the index {int(wrong)} in dimension {dim}, whose size is {size}: "
                "check_invariants=True finds such indices when the tensor is made"
            )
    return ravel(found, sizes)


def ravel(coordinates: Any, sizes: tuple[int, ...]) -> Any:
    """Coordinates (dimensions, values) as indices of flattened sizes."""
    flat = np.zeros(coordinates.shape[1], np.int64)
    for index, size in zip(coordinates, sizes):
        flat *= size
        flat += index
    return flat


def unravel(flat: Any, sizes: tuple[int, ...]) -> Any:
    """The inverse of `ravel`."""
    if not sizes:
        return np.zeros((0, flat.size), np.int64)
    found = np.empty((len(sizes), flat.size), np.int64)
    for i in range(len(sizes) - 1, 0, -1):
        flat, found[i] = np.divmod(flat, max(sizes[i], 1))
    found[0] = flat
    return found


def coordinates(x: SparseArray) -> Any:
    """The coordinates of all values (of all elements of blocks): (dimensions, values), int64."""
    if x.layout is COO:
        return x.pattern.arrays[0]
    pointers, plain = x.pattern.arrays
    batch = pointers.shape[:-1]
    flat_pointers = pointers.reshape(-1, pointers.shape[-1])
    count = plain.shape[-1]
    major = np.empty((flat_pointers.shape[0], count), np.int64)
    for own, row in zip(flat_pointers, major):
        check_pointers(own, count)
        row[:] = expanded(own)
    minor = plain.reshape(len(major), count).astype(np.int64)
    batches = np.repeat(np.arange(len(major)), count).reshape(major.shape)
    row, column = (major, minor) if x.layout in ROWS else (minor, major)
    block = block_size(x)
    if block is not None:
        height, width = block
        shape = (*major.shape, height, width)
        row = row[..., None, None] * height + np.arange(height)[:, None]
        column = column[..., None, None] * width + np.arange(width)
        row, column = np.broadcast_to(row, shape), np.broadcast_to(column, shape)
        batches = np.broadcast_to(batches[..., None, None], shape)
    front = unravel(batches.ravel(), batch)
    return np.concatenate([front, row.reshape(1, -1), column.reshape(1, -1)])


class Met(NamedTuple):
    """Where a dense array of bools says yes, in order.

    Attributes:
        flat: Indices of the flattened array.
        row: Of each its index among the rows: what all dimensions but the last count.
        column: Of each its index in the last dimension.
        counts: How many each row has, in the shape of the rows.
    """

    flat: Any
    row: Any
    column: Any
    counts: Any


def met(array: Any) -> Met:
    """Find what an array of bools has, without a division for each: rows are counted and then repeated."""
    counts = np.add.reduce(array, -1, np.int64)
    flat = array.ravel().nonzero()[0]
    row = np.arange(counts.size).repeat(counts.ravel())
    return Met(flat, row, flat - row * array.shape[-1], counts)


def met_coordinates(array: Any) -> tuple[Any, Any]:
    """Where an array of bools says yes: (dimensions, values), and the same as indices of the flattened array."""
    if array.ndim < 2:
        flat = array.ravel().nonzero()[0]
        return flat.reshape(array.ndim, -1) if array.ndim else np.empty(
            (0, flat.size), np.int64
        ), flat
    found = met(array)
    result = np.empty((array.ndim, found.flat.size), np.int64)
    result[-1] = found.column
    if array.ndim == 2:
        result[0] = found.row
    else:
        front = unravel(np.arange(found.counts.size), array.shape[:-1])
        result[:-1] = front.repeat(found.counts.ravel(), 1)
    return result, found.flat


def check_pointers(pointers: Any, count: int) -> None:
    """Raises IndexError where pointers do not rise from 0 to the number of values."""
    if pointers[0] != 0 or pointers[-1] != count or (pointers[1:] < pointers[:-1]).any():
        raise IndexError(
            "the compressed indices of a sparse tensor are no pointers to its values: they must rise "
            f"from 0 to {count}; check_invariants=True finds such indices when the tensor is made"
        )


def expanded(pointers: Any) -> Any:
    """The row of each value, from pointers to rows."""
    return np.repeat(np.arange(len(pointers) - 1), np.diff(pointers))


def pointers_of(rows: Any, count: int) -> Any:
    """Pointers to `count` rows, from the sorted row of each value."""
    pointers = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=count), out=pointers[1:])
    return pointers


RUNS = 8
"""Sorted parts up to which keys are merged and not sorted."""


def _sorted(keys: Any) -> Any:
    """The order of keys that are not negative; those of 32 bits take two thirds of the time."""
    narrow = int(keys.max()) < 1 << 31
    return kernels.array.sort.order(keys.astype(np.int32) if narrow else keys, 0)


class Groups(NamedTuple):
    """Equal keys of many.

    Attributes:
        met: The keys, sorted, each once.
        first: Where the first of each stands among the keys; None where they are sorted and all differ.
        order: The places of the keys in sorted order, equal ones in theirs; None where they are sorted.
        group: For each key, in the order of `order`, the place of its like in `met`; None where all differ.
    """

    met: Any
    first: Any
    order: Any
    group: Any


def groups(keys: Any) -> Groups:
    """Sort keys and find equal ones."""
    if keys.size < 2 or bool((keys[1:] > keys[:-1]).all()):
        return Groups(keys, None, None, None)
    order, falls = None, int(np.count_nonzero(keys[1:] < keys[:-1]))
    if falls:
        # Several sorted keys after each other are merged, in a time that grows with their number.
        few = falls <= RUNS
        order = keys.argsort(kind="stable") if few else _sorted(keys)
        keys = keys[order]
    begins = np.empty(keys.size, bool)
    begins[0] = True
    np.not_equal(keys[1:], keys[:-1], out=begins[1:])
    if begins.all():
        return Groups(keys, order, order, None)
    first = np.flatnonzero(begins)
    group = np.cumsum(begins) - 1
    return Groups(keys[first], first if order is None else order[first], order, group)


class Rows(NamedTuple):
    """The values of a matrix by rows.

    Attributes:
        pointers: Where each row's values begin.
        columns: Of the values; like the pointers, an array that nobody else can write to.
        order: The places of the values; None where they lie in this order.
    """

    pointers: Any
    columns: Any
    order: Any


def by_rows(x: SparseArray, transposed: bool = False) -> Rows:
    """The values of a matrix by its rows, or by its columns (the rows of the transpose)."""
    key = "rows", x.layout, x.shape[-2:], transposed, block_size(x)
    return x.pattern.derived(key, lambda: _by_rows(x, transposed))


def _by_rows(x: SparseArray, transposed: bool) -> Rows:
    if x.layout not in (COO, *BLOCKS) and (x.layout in ROWS) != transposed:
        pointers, columns = x.pattern.arrays
        pointers = pointers.astype(np.int64)
        check_pointers(pointers, columns.size)
        return Rows(pointers, private(columns, x.shape[-2 if transposed else -1]), None)
    rows, columns = coordinates(x)[-2:]
    count, others = x.shape[-2:]
    if transposed:
        rows, columns, count, others = columns, rows, others, count
    order = None
    if rows.size > 1 and not bool((rows[1:] >= rows[:-1]).all()):
        order = kernels.array.sort.order(np.ascontiguousarray(rows), 0)
        rows, columns = rows[order], columns[order]
    private(rows, count)  # says what is wrong
    return Rows(pointers_of(rows, count), private(columns, others), order)


def pairs(x: SparseArray) -> tuple[Any, Any]:
    """The row and column of each value of a matrix, as arrays that nobody else can write to."""

    def made() -> tuple[Any, Any]:
        rows, columns = coordinates(x)[-2:]
        return private(rows, x.shape[-2]), private(columns, x.shape[-1])

    return x.pattern.derived(("pairs", x.layout, x.shape[-2:], block_size(x)), made)


def at_first(coordinates: Any, keys: Groups) -> Any:
    """The coordinates of the first of each group."""
    return coordinates if keys.first is None else np.take(coordinates, keys.first, 1)


def coalescing(x: SparseArray) -> Groups:
    """The coordinates of values that are not coalesced, in order."""
    where = places(x)
    return x.pattern.derived(("groups", where.sizes), lambda: groups(where.flat))


def coalesced_pattern(x: SparseArray) -> Pattern:
    """Each of these coordinates once, in order."""
    keys = coalescing(x)
    return x.pattern.derived(
        ("coalesced", places(x).sizes),
        lambda: pattern_of(at_first(x.pattern.arrays[0], keys), True),
    )


def matching(keys: Any, sought: Any) -> tuple[Any, Any]:
    """For each sought key its place among sorted keys, and whether it is there."""
    if len(keys) == len(sought) and np.array_equal(keys, sought):
        return np.arange(len(keys)), np.ones(len(keys), bool)
    at = np.searchsorted(keys, sought)
    at[at == len(keys)] = 0
    found = keys[at] == sought if len(keys) else np.zeros(len(sought), bool)
    return at, found


def sized(sizes: tuple[int, ...]) -> int:
    """How many elements there are of these sizes."""
    return math.prod(sizes)


def pattern_of(coordinates: Any, coalesced: bool) -> Pattern:
    """A pattern of coordinates."""
    made = np.ascontiguousarray(coordinates, np.int64)
    return Pattern((wrap_numpy(made),), coalesced or made.shape[1] < 2)
