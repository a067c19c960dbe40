"""Arrays one after the other along a dimension, or along a new one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from . import enabled, memory
from .call import Body, kernel
from .code import BITS, Value
from .copying import ELEMENTS, copy_into
from .runtime import ARRAY
from .stretch import copy

SMALL = 1 << 16
"""Bytes up to which NumPy takes less time."""

SHORT = 256
"""Bytes of the result's rows up to which the parts are visited one by one, each for many rows."""


def concatenate(arrays: Sequence[Any], dim: int) -> Any:
    """np.concatenate, in the order of C."""
    first = arrays[0]
    if first.nbytes * len(arrays) < SMALL or not _alike(arrays, dim):
        return np.concatenate(arrays, dim)
    dim %= first.ndim
    shape = list(first.shape)
    shape[dim] = sum([array.shape[dim] for array in arrays])
    return _joined(arrays, tuple(shape), math.prod(shape[:dim]), dim)


def stack(arrays: Sequence[Any], dim: int) -> Any:
    """np.stack, in the order of C."""
    first = arrays[0]
    at = dim % (first.ndim + 1)
    fits = first.nbytes * len(arrays) >= SMALL and -first.ndim <= dim + 1 <= first.ndim + 1
    if not fits or any(array.shape != first.shape for array in arrays):
        return np.stack(arrays, dim)
    if not first.ndim or not _alike(arrays, 0):
        return np.stack(arrays, dim)
    shape = (*first.shape[:at], len(arrays), *first.shape[at:])
    return _joined(arrays, shape, math.prod(first.shape[:at]), at)


def _alike(arrays: Sequence[Any], dim: int) -> bool:
    """Arrays of one dtype that fit together: of others NumPy chooses the dtype, or complains."""
    first = arrays[0]
    if not enabled() or not -first.ndim <= dim < first.ndim or first.dtype.hasobject:
        return False
    shape, at = list(first.shape), dim % first.ndim
    for array in arrays:
        if array.__class__ is not np.ndarray or array.dtype is not first.dtype:
            return False
        if array.ndim != first.ndim or not array.flags.aligned:
            return False
        shape[at] = array.shape[at]
        if array.shape != tuple(shape):
            return False
    return True


def _joined(arrays: Sequence[Any], shape: tuple[int, ...], rows: int, dim: int) -> Any:
    first = arrays[0]
    made = memory.empty(shape, first.dtype)
    if not made.size:
        return made
    unit = 8 if first.itemsize % 8 == 0 else first.itemsize
    table, at = [], 0
    for array in arrays:
        if unit not in ELEMENTS or not array.flags.c_contiguous:
            return _part_by_part(arrays, made, dim)
        run = array.nbytes // (rows * unit)
        table.append((id(array), run, at))
        at += run
    _joiner(ELEMENTS[unit], at * unit <= SHORT)(
        made, np.array(table, np.int64), rows, at, made.nbytes // 4, int(rows == 1), len(arrays)
    )
    return made


def _part_by_part(arrays: Sequence[Any], made: Any, dim: int) -> Any:
    """Where parts lie in memory in some other order, each is a copy between layouts."""
    at, before = 0, (slice(None),) * dim
    stacked = made.ndim > arrays[0].ndim
    for array in arrays:
        size = 1 if stacked else array.shape[dim]
        part = made[(*before, at if stacked else slice(at, at + size))]
        copy_into(part, array)
        at += size
    return made


@cache
def _joiner(element: str, short: bool) -> Callable[..., int]:
    """A row of the result has a run of each part; `parts` are the array objects, the lengths of their runs, and
    the places of those in a row. Where there is one row, threads share its elements."""
    from .machine import machine

    def write(code: Body) -> None:
        if short:
            with code.loop(code.zero, code.n["count"]) as part:
                _short(code, element, part)
        else:
            with code.rows() as row, code.loop(code.zero, code.n["count"]) as part:
                _long(code, element, row, part)

    return kernel(
        "concatenate", ("made", "parts"), ("count",), write, machine().bits // BITS[element]
    )


def _part(code: Body, part: Value) -> tuple[Value, Value, Value]:
    """A part's data, the length of its runs, and their place in a row."""
    address, run, place = (code.get(code.p["parts"], "i64", part * 3 + k) for k in range(3))
    array = code.emit(f"inttoptr i64 {address.name} to ptr", "ptr")
    return code.load(code.at(array, "i8", code.number(ARRAY["data"])), "ptr"), run, place


def _long(code: Body, element: str, row: Value, part: Value) -> None:
    """The share of this piece in one part's run of a row."""
    data, run, place = _part(code, part)
    source = code.at(data, element, row * run)
    target = code.at(code.p["made"], element, row * code.n["length"] + place)
    begin = code.intrinsic("smax", code.begin - place, code.zero)
    end = code.smaller(code.end - place, run)
    with code.when(begin < end):
        copy(code, target, source, element, begin, end)


def _short(code: Body, element: str, part: Value) -> None:
    """One part's runs in all rows of this piece."""
    data, run, place = _part(code, part)
    with code.rows() as row:
        source = code.at(data, element, row * run)
        target = code.at(code.p["made"], element, row * code.n["length"] + place)
        with code.loop(code.zero, run) as i:
            code.put(code.get(source, element, i), target, i)
