"""Keys of several index arrays for the first dimensions of an array in order, as indices of one dimension."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...formula.dimensions import broadcast_shapes
from ..array.copy import in_order
from ..llvm import Value, choose
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import enabled, machine
from . import along

MOST = 3
"""Index arrays."""


class Sizes(NamedTuple):
    """Of the dimensions, the last one first; 1 beyond them. signed: do negative indices count from the end?"""

    size0: int
    size1: int
    size2: int
    signed: int


def flattened(x: Any, key: tuple) -> tuple[Any, Any] | None:
    """x with the dimensions of a key's arrays as one, and indices (int64, in one dimension) into that.

    Returns: None where this is not made for it, and where an index is out of range.
    """
    if not 2 <= len(key) <= min(MOST, x.ndim) or x.__class__ is not np.ndarray or not enabled():
        return None
    first = key[0]
    if not (x.flags.c_contiguous and x.flags.aligned):
        return None
    for item in key:
        if item.__class__ is not np.ndarray or item.dtype != np.int64 or item.shape != first.shape:
            return None
    if not first.size or not first.ndim:
        return None
    made = memory.empty((first.size,), memory.INT64)
    arrays = [in_order(item) for item in reversed(key)]
    arrays += [arrays[0]] * (MOST - len(arrays))
    given = _told(x.shape[: len(key)], first.size, key.__class__ is tuple)
    if _kernel(len(key))(*arrays, made, *given):
        return None
    return x.reshape((math.prod(x.shape[: len(key)]), *x.shape[len(key) :])), made


def write(how: str, x: Any, key: tuple, values: Any) -> bool:
    """Write at a key of several index arrays; False where this is not made for it, and nothing was written.

    how: "put", "add", or NumPy's name of what is done with the old value.
    """
    if values.__class__ is not np.ndarray or values.dtype != x.dtype or not x.flags.writeable:
        return False
    found = flattened(x, key)
    if found is None:
        return False
    rows, index = found
    wanted = key[0].shape + rows.shape[1:]
    if values.ndim and values.shape != wanted:
        if broadcast_shapes(values.shape, wanted) != wanted:
            return False
        values = np.broadcast_to(values, wanted)
    if np.may_share_memory(values, x):
        values = values.copy()
    values = in_order(values).reshape(index.shape + rows.shape[1:]) if values.ndim else values
    return along.write(how, False, rows, 0, index, values)


@lru_cache(1024)
def _told(sizes: tuple[int, ...], count: int, signed: bool) -> tuple[int, ...]:
    job = Job(rows=1, length=count, weight=count, divisible=True)
    size0, size1, size2 = (*sizes[::-1], 1)[:3]
    return *job, *Sizes(size0=size0, size1=size1, size2=size2, signed=int(signed))


@cache
def _kernel(count: int) -> Callable[..., int]:
    """Reports 1 where an index is out of range."""

    def write(code: Body) -> None:
        sizes = [code.n.size0, code.n.size1, code.n.size2][:count]
        wrong = code.slot(code.vector("i1"), code.constant(0, code.vector("i1")))

        def place(at: Value, many: bool) -> tuple[Value, Value]:
            found: Any = None
            outside: Any = None
            step: Any = None
            for k, own in enumerate(sizes):
                size = code.splat(own) if many else own
                type = code.vector("i64") if many else "i64"
                index = code.load_once(code.at(code.p[f"index{k}"], "i64", at), type)
                signed = code.splat(code.n.signed) if many else code.n.signed
                index = index + choose((index < 0) & signed.differs(0), size, 0)
                out = index.below(size) ^ 1
                found = index if found is None else found + index * step
                outside = out if outside is None else outside | out
                step = size if step is None else step * size
            return found, outside

        whole = code.begin + ((code.end - code.begin) & -code.lanes)
        with code.loop(code.begin, whole, code.lanes) as i:
            found, outside = place(i, True)
            code.store(found, code.at(code.p["made"], "i64", i))
            code.store(code.load(wrong, code.vector("i1")) | outside, wrong)
        bits = code.load(wrong, code.vector("i1")).cast_to(f"i{code.lanes}")
        code.report(bits.differs(0).widen("i64"))
        with code.loop(whole, code.end) as i:
            found, outside = place(i, False)
            code.put(found, code.p["made"], i)
            with code.when(outside):
                code.report(code.number(1))

    names = (*(f"index{k}" for k in range(MOST)), "made")
    return kernel("flattened", names, Sizes, write, machine().bits // 64, makes=True)
