"""Arrays one after the other along a dimension, or along a new one: one launch for up to `MOST` of them.

The result is rows, of which each holds a run of every array. The second axis of the grid counts arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ...llvm import Value, choose, quotient
from .. import driver
from ..driver import Kernel
from ..thread import Thread
from .copy import copy_into, in_order
from .launch import THREADS, blocks, share, turns
from .layout import LIMIT
from .move import SIZES, Item, Words

MOST = 16
"""Arrays of one launch: each takes 24 bytes of its parameters."""


def concatenate(arrays: Sequence[Any], dim: int) -> Any:
    """np.concatenate, in the order of C."""
    first = arrays[0]
    at = dim + first.ndim if dim < 0 else dim
    if not 0 <= at < first.ndim or not _alike(arrays, at):
        return driver.cupy().concatenate(
            arrays, dim
        )  # which says what is wrong, or chooses the dtype
    shape = first.shape
    size = sum([array.shape[at] for array in arrays])
    return _joined(arrays, (*shape[:at], size, *shape[at + 1 :]), at, at)


def stack(arrays: Sequence[Any], dim: int) -> Any:
    """np.stack, in the order of C."""
    first = arrays[0]
    shape, ndim = first.shape, first.ndim
    at = dim + ndim + 1 if dim < 0 else dim
    if not 0 <= at <= ndim or any(a.shape != shape or a.dtype != first.dtype for a in arrays):
        return driver.cupy().stack(arrays, dim)
    return _joined(arrays, (*shape[:at], len(arrays), *shape[at:]), at, None)


def _alike(arrays: Sequence[Any], at: int) -> bool:
    """Arrays of one dtype that fit together."""
    shape, dtype = arrays[0].shape, arrays[0].dtype
    return all(
        a.dtype == dtype
        and a.ndim == len(shape)
        and a.shape[:at] == shape[:at]
        and a.shape[at + 1 :] == shape[at + 1 :]
        for a in arrays
    )


def _joined(arrays: Sequence[Any], shape: tuple[int, ...], at: int, dim: int | None) -> Any:
    """Arrays in the parts of a new one; `dim`: the dimension of theirs that the parts are along."""
    made = driver.cupy().empty(shape, arrays[0].dtype)
    parts = [(array, place) for array, place in _placed(arrays, dim) if array.size]
    if made.itemsize not in SIZES or len(parts) == 1:
        for array, place in parts:
            stop = place + (1 if dim is None else array.shape[dim])
            part = slice(place, stop) if dim is not None else place
            copy_into(made[(*(slice(None),) * at, part)], array)
    elif parts:
        run = math.prod(shape[at + 1 :])
        rows = math.prod(shape[:at])
        for i in range(0, len(parts), MOST):
            _launch(made, rows, [(in_order(a), place * run) for a, place in parts[i : i + MOST]])
    return made


def _placed(arrays: Sequence[Any], dim: int | None) -> list[tuple[Any, int]]:
    """Each array with its place along the dimension of the result."""
    found, place = [], 0
    for array in arrays:
        found.append((array, place))
        place += 1 if dim is None else array.shape[dim]
    return found


def _launch(made: Any, rows: int, parts: list[tuple[Any, int]]) -> None:
    """Copy arrays in order to their places within the rows of the result."""
    item, length = made.itemsize, made.size // rows
    facts = [(array, array.size // rows, place) for array, place in parts]
    unit = _unit(made, length, facts)
    by = unit // item
    index = "i64" if made.size > LIMIT else "i32"
    integer = np.int64 if made.size > LIMIT else np.int32
    count = 1 << (len(parts) - 1).bit_length()
    facts += [(parts[0][0], 0, 0)] * (count - len(parts))
    most = max(run for _, run, _ in facts) * rows // by
    told = [integer(n // by) for _, run, place in facts for n in (run, place)]
    grid = blocks(most // turns(unit)), len(parts)
    kernel = _joiner(unit, count, index, rows == 1)
    arrays = [array for array, _, _ in facts]
    kernel(grid, THREADS, made, *arrays, integer(rows), integer(length // by), *told)


def _unit(made: Any, length: int, facts: list[tuple[Any, int, int]]) -> int:
    """Bytes that are copied at once: as many as all places, runs and addresses are multiples of, up to 16."""
    item, unit = made.itemsize, 16
    numbers = [length, *(n for _, run, place in facts for n in (run, place))]
    numbers = [n * item for n in numbers] + [a.data.ptr for a, _, _ in facts] + [made.data.ptr]
    while unit > item and any(n % unit for n in numbers):
        unit //= 2
    return unit


@cache
def _joiner(unit: int, count: int, index: str, flat: bool) -> Kernel:
    """Each of the grid's second axis copies one array; `flat`: the result is one row."""
    code, item = Thread(), Item(unit)
    (made,) = code.takes("ptr made alone")
    arrays = code.takes(*(f"ptr x{k} readonly" for k in range(count)))
    rows, length = code.takes(f"{index} rows", f"{index} length")
    told = code.takes(*(f"{index} {name}{k}" for k in range(count) for name in ("run", "place")))
    which = code.special("ctaid", axis="y")
    source = _pointer(which, arrays)
    run, place = (_number(which, given) for given in (told[::2], told[1::2]))

    def fetch(i: Value) -> tuple[Value, Words]:
        words = item.fetch(code, source, i)
        row = code.constant(0, index) if flat else quotient(i, run)
        return i + row * (length - run) + place, words

    def put(found: tuple[Value, Words]) -> None:
        item.put(code, found[1], made, found[0])

    share(code, run * rows, turns(unit), fetch, put)
    return Kernel("concatenate", code.kernel("concatenate"))


def _pointer(which: Value, given: list[Value]) -> Value:
    """The pointer of that number."""
    found = given[0]
    for k, x in enumerate(given[1:], 1):
        found = choose(which.equals(k), x, found)
    return found


def _number(which: Value, given: list[Value]) -> Value:
    """The number that stands there, of which LLVM makes no load from a computed place."""
    found = choose(which.equals(0), given[0], 0)
    for k, x in enumerate(given[1:], 1):
        found = found | choose(which.equals(k), x, 0)
    return found


__all__ = ["concatenate", "stack"]
