"""Arrays one after the other along a dimension, or along a new one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS, Value
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.layout import ARRAY
from ..runtime.process import enabled, machine
from .copy import ELEMENTS, copy_into
from .vector_loop import copy

SMALL = 1 << 16
"""Bytes up to which NumPy takes less time."""

SHORT = 256
"""Bytes of the result's rows up to which the parts are visited one by one, each for many rows."""


def concatenate(arrays: Sequence[Any], dim: int) -> Any:
    """np.concatenate, in the order of C."""
    first = arrays[0]
    total = sum([array.nbytes for array in arrays])
    fits = total >= SMALL and -first.ndim <= dim < first.ndim and enabled()
    at = dim + first.ndim if dim < 0 else dim
    if not fits or not _alike(arrays, at):
        return in_rows(np.concatenate(arrays, dim))
    shape = first.shape
    size = sum([array.shape[at] for array in arrays])
    return _joined(arrays, (*shape[:at], size, *shape[at + 1 :]), math.prod(shape[:at]), at)


def stack(arrays: Sequence[Any], dim: int) -> Any:
    """np.stack, in the order of C."""
    first = arrays[0]
    shape, ndim = first.shape, first.ndim
    fits = first.nbytes * len(arrays) >= SMALL and -ndim <= dim + 1 <= ndim + 1 and enabled()
    at = dim + ndim + 1 if dim < 0 else dim
    if not fits or not ndim or any([array.shape != shape for array in arrays]):  # noqa: C419
        return in_rows(np.stack(arrays, dim))
    if not _alike(arrays, 0):
        return in_rows(np.stack(arrays, dim))
    made = (*shape[:at], len(arrays), *shape[at:])
    return _joined(arrays, made, math.prod(shape[:at]), at)


def in_rows(made: Any) -> Any:
    """What NumPy joined, in the order of C, where it kept that of its operands."""
    return made if made.flags.c_contiguous else np.ascontiguousarray(made)


def _alike(arrays: Sequence[Any], at: int) -> bool:
    """Arrays of one dtype that fit together: of others NumPy chooses the dtype, or complains."""
    first = arrays[0]
    shape, dtype = first.shape, first.dtype
    if dtype.hasobject:
        return False
    for array in arrays:
        if array.__class__ is not np.ndarray or array.dtype is not dtype:
            return False
        own = array.shape
        if own == shape:
            continue
        if len(own) != len(shape) or own[:at] != shape[:at] or own[at + 1 :] != shape[at + 1 :]:
            return False
    return True


def _joined(arrays: Sequence[Any], shape: tuple[int, ...], rows: int, dim: int) -> Any:
    dtype = arrays[0].dtype
    made = memory.empty(shape, dtype)
    if not made.size:
        return made
    unit = 8 if dtype.itemsize % 8 == 0 else dtype.itemsize
    words: list[int] = []
    at, each = 0, rows * unit
    for array in arrays:
        flags = array.flags
        if unit not in ELEMENTS or not flags.aligned:
            return _part_by_part(arrays, made, dim)
        run = array.nbytes // each
        if not run:
            continue
        step = run * unit if flags.c_contiguous else _step(array, dim)
        if not step or step % unit:
            return _part_by_part(arrays, made, dim)
        words += (id(array), run, at, step // unit)
        at += run
    function, given = _plan(unit, rows, at, len(words) // 4)
    function(made, np.array(words, np.int64), *given)
    return made


def _step(array: Any, dim: int) -> int:
    """Bytes from one run of a part to the next, where runs are in order and at equal distances; 0 elsewhere."""
    shape, strides, step = array.shape, array.strides, array.itemsize
    for n, own in zip(shape[dim:][::-1], strides[dim:][::-1]):
        if n != 1 and own != step:
            return 0
        step *= n
    found = expected = 0
    for n, own in zip(shape[:dim][::-1], strides[:dim][::-1]):
        if n == 1:
            continue
        if not own or (found and own != expected):
            return 0
        found = found or own
        expected = own * n
    return found  # type: ignore[no-any-return]


class Numbers(NamedTuple):
    """count: how many parts there are."""

    count: int


@lru_cache(1024)
def _plan(
    unit: int, rows: int, length: int, count: int
) -> tuple[Callable[..., int], tuple[int, ...]]:
    """The function for elements of so many bytes, and what it is told."""
    job = Job(rows=rows, length=length, weight=rows * length * unit // 4, divisible=rows == 1)
    return _joiner(ELEMENTS[unit], length * unit <= SHORT), (*job, *Numbers(count=count))


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
    """A row of the result has a run of each part; `parts` are the array objects, the lengths of their runs, the
    places of those in a row, and the elements from one run to the next. Where there is one row, threads share its
    elements."""

    def write(code: Body) -> None:
        if short:
            with code.loop(code.zero, code.n.count) as part:
                _short(code, element, part)
        else:
            with code.rows() as row, code.loop(code.zero, code.n.count) as part:
                _long(code, element, row, part)

    return kernel("concatenate", ("made", "parts"), Numbers, write,
                  machine().bits // BITS[element], makes=True)  # fmt: skip


def _part(code: Body, part: Value) -> tuple[Value, Value, Value, Value]:
    """A part's data, the length of its runs, their place in a row, and from one to the next."""
    address, run, place, step = (code.get(code.p["parts"], "i64", part * 4 + k) for k in range(4))
    array = code.emit(f"inttoptr i64 {address.name} to ptr", "ptr")
    return code.load(code.at(array, "i8", code.number(ARRAY["data"])), "ptr"), run, place, step


def _long(code: Body, element: str, row: Value, part: Value) -> None:
    """The share of this piece in one part's run of a row."""
    data, run, place, step = _part(code, part)
    source = code.at(data, element, row * step)
    target = code.at(code.p["made"], element, row * code.n.length + place)
    begin = code.intrinsic("smax", code.begin - place, code.zero)
    end = code.smaller(code.end - place, run)
    with code.when(begin < end):
        copy(code, target, source, element, begin, end)


def _short(code: Body, element: str, part: Value) -> None:
    """One part's runs in all rows of this piece."""
    data, run, place, step = _part(code, part)
    with code.rows() as row:
        source = code.at(data, element, row * step)
        target = code.at(code.p["made"], element, row * code.n.length + place)
        with code.loop(code.zero, run) as i:
            code.put(code.get(source, element, i), target, i)
