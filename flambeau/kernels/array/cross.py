"""Cross products of vectors of three."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS, Value
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine
from .copy import in_order
from .vector_loop import fetch, keep, vector_loop

ELEMENTS = {"f4": "float", "f8": "double", "i8": "i64", "i4": "i32", "i2": "i16"}


class Steps(NamedTuple):
    """From one group of vectors to the next in either operand: 0 where one serves for all."""

    x_step: int
    y_step: int


def crossed(x: Any, y: Any, dim: int) -> Any:
    """x times y along a dimension of three elements; NotImplemented for what this is not made for."""
    if x.__class__ is not np.ndarray or y.__class__ is not np.ndarray or x.dtype != y.dtype:
        return NotImplemented
    element = ELEMENTS.get(f"{x.dtype.kind}{x.dtype.itemsize}")
    if element is None or x.ndim != y.ndim or not x.dtype.isnative:
        return NotImplemented
    shape = x.shape if x.shape == y.shape else np.broadcast_shapes(x.shape, y.shape)
    made = memory.empty(shape, x.dtype)
    if made.size:
        x, y = (_whole(a, shape, dim) for a in (x, y))
        _kernel(element, shape[dim + 1 :] == ())(x, y, made, *_told(shape, dim, x.size, y.size))
    return made


def _whole(x: Any, shape: tuple[int, ...], dim: int) -> Any:
    """An operand in order: all of it, or what serves for all places before the dimension."""
    if x.shape == shape and x.flags.c_contiguous:
        return x
    if math.prod(x.shape[:dim]) == 1:
        shape = (*x.shape[:dim], *shape[dim:])
    return in_order(np.broadcast_to(x, shape))


@lru_cache(1024)
def _told(shape: tuple[int, ...], dim: int, x: int, y: int) -> tuple[int, ...]:
    outer, inner = math.prod(shape[:dim]), math.prod(shape[dim + 1 :])
    job = Job(rows=outer, length=inner, weight=9 * outer * inner, divisible=outer == 1)
    return *job, *Steps(*(3 * inner if n == 3 * outer * inner else 0 for n in (x, y)))


@cache
def _kernel(element: str, last: bool) -> Callable[..., int]:
    """`last`: nothing lies behind the dimension."""

    def write(code: Body) -> None:
        n = code.n
        with code.rows() as row:
            x = code.at(code.p["x"], element, row * n.x_step)
            y = code.at(code.p["y"], element, row * n.y_step)
            made = code.at(code.p["made"], element, row * n.length * 3)

            def step(places: Sequence[Value], type: str, mask: Value | None) -> None:
                for at in places:
                    a, b = (
                        [fetch(code, base, at + n.length * k, type, mask) for k in range(3)]
                        for base in (x, y)
                    )
                    for k in range(3):
                        i, j = (k + 1) % 3, (k + 2) % 3
                        keep(code, a[i] * b[j] - a[j] * b[i], made, at + n.length * k, mask)

            if last:
                step([code.zero], element, None)
            else:
                vector_loop(code, element, code.begin, code.end, step)

    lanes = machine().bits // BITS[element]
    return kernel("cross", ("x", "y", "made"), Steps, write, lanes, makes=True)
