"""Triangles of matrices: of each row a part is kept and the rest is zeros. What the elements are does not matter."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..llvm import Value, remainder
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from .copy import in_order

_MOST = 1 << 40
"""Diagonals further away than this are outside of every matrix."""


class Numbers(NamedTuple):
    """Of the matrices.

    Attributes:
        height: Rows of each.
        item: Bytes of an element.
        diagonal: Where the first row is cut.
    """

    height: int
    item: int
    diagonal: int


def kept(x: Any, diagonal: int, upper: bool) -> Any:
    """A copy of matrices with zeros below (or else from) that diagonal on. NotImplemented where this is not made for x."""
    if x.__class__ is not np.ndarray or x.dtype.hasobject:
        return NotImplemented
    made = memory.empty(x.shape, x.dtype)
    if made.size:
        _kernel(upper, True)(in_order(x), made, *_job(x.shape, x.itemsize, diagonal))
    return made


def clear(x: Any, diagonal: int, upper: bool) -> Any:
    """The same in place; NotImplemented, and nothing done, where this is not made for x."""
    if x.__class__ is not np.ndarray or x.dtype.hasobject or not x.flags.c_contiguous:
        return NotImplemented
    if not x.flags.writeable:
        raise ValueError("the array is read-only")
    if x.size:
        _kernel(upper, False)(x, x, *_job(x.shape, x.itemsize, diagonal))
    return None


@lru_cache(1024)
def _job(shape: tuple[int, ...], item: int, diagonal: int) -> tuple[int, ...]:
    height, width = shape[-2:]
    size = prod(shape)
    job = Job(rows=size // width, length=width, weight=size, divisible=False)
    return (*job, *Numbers(height, item, max(-_MOST, min(diagonal, _MOST))))


@cache
def _kernel(upper: bool, afresh: bool) -> Callable[..., int]:
    def write(code: Body) -> None:
        n = code.n
        size = n.length * n.item
        in_matrix = code.variable(remainder(code.row_begin, n.height))
        with code.rows() as row:
            cut = in_matrix.value + n.diagonal
            cut = code.intrinsic("smin", code.intrinsic("smax", cut, code.zero), n.length) * n.item
            source, target = (code.at(code.p[name], "i8", row * size) for name in ("x", "made"))
            head, tail = (code.zero, cut), (cut, size - cut)
            cleared, left = (head, tail) if upper else (tail, head)
            if afresh:
                code.copy_bytes(_at(target, left[0]), _at(source, left[0]), left[1])
            code.fill_bytes(_at(target, cleared[0]), 0, cleared[1])
            following = in_matrix.value + 1
            in_matrix.value = (following < n.height).select(following, code.zero)

    return kernel("triangle", ("x", "made"), Numbers, write, 1, makes=afresh)


def _at(pointer: Value, offset: Value) -> Value:
    return pointer.code.at(pointer, "i8", offset)
