"""Arrays one after the other along a dimension."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from . import enabled
from .call import Body, kernel

SMALL = 1 << 18
"""Bytes up to which NumPy takes less time."""


def concatenate(arrays: Sequence[Any], dim: int) -> Any:
    """np.concatenate."""
    first = arrays[0]
    if first.nbytes * len(arrays) < SMALL or not _alike(arrays, dim):
        return np.concatenate(arrays, dim)
    dim %= first.ndim
    shape = list(first.shape)
    shape[dim] = sum([array.shape[dim] for array in arrays])
    made = np.empty(shape, first.dtype)
    rows = math.prod(shape[:dim])
    if not made.size:
        return made
    total = made.nbytes // rows
    table, at = [], 0
    for array in arrays:
        run = array.nbytes // rows
        table.append((array.__array_interface__["data"][0], run, at))
        at += run
    count = len(arrays)
    parts = np.array(table, np.int64)
    _joiner()(made, parts, rows * count, total, made.nbytes // 4, 0, count)
    return made


def _alike(arrays: Sequence[Any], dim: int) -> bool:
    """Arrays of one dtype in order that fit together: of others NumPy chooses dtype and order, or complains."""
    first = arrays[0]
    if not enabled() or not -first.ndim <= dim < first.ndim or first.dtype.hasobject:
        return False
    shape, at = list(first.shape), dim % first.ndim
    for array in arrays:
        if array.__class__ is not np.ndarray or array.dtype is not first.dtype:
            return False
        if array.ndim != first.ndim or not array.flags.c_contiguous:
            return False
        shape[at] = array.shape[at]
        if array.shape != tuple(shape):
            return False
    return True


@cache
def _joiner() -> Callable[..., int]:
    """A row is one part's share of one row of the result; `parts` are addresses, bytes a row, places in a row."""

    def write(code: Body) -> None:
        count, total = code.n["count"], code.n["length"]
        with code.rows() as task:
            row = code.emit(f"sdiv i64 {task.name}, {count.name}", "i64")
            at = (task - row * count) * 3
            address, run, place = (code.get(code.p["parts"], "i64", at + k) for k in range(3))
            source = code.emit(f"inttoptr i64 {address.name} to ptr", "ptr")
            code.copy_bytes(
                code.at(code.p["made"], "i8", row * total + place),
                code.at(source, "i8", row * run),
                run,
            )

    return kernel("concatenate", ("made", "parts"), ("count",), write, 1)
