"""A few slices of a dimension, or elements along it, written or added: where a call's own time is what counts.

What shapes say is worked out once. The kernel copies the indices, looks at all of them, and writes if each is in
range: nothing is written otherwise, and what others write to the indices meanwhile does not matter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..array.copy import ELEMENTS
from ..array.vector_loop import add, copy, fill
from ..llvm import BITS, Value
from ..runtime.entry import Body, Job, kernel
from ..runtime.memory import INT64
from ..runtime.process import enabled, machine
from .plan import Along

ADDED = {
    "f4": "float", "f8": "double", "i1": "i8", "u1": "i8", "i2": "i16", "i4": "i32", "i8": "i64",
}  # fmt: skip
"""The elements that kernels add."""
_FULL = slice(None)
MOST = 64
"""Indices at most."""
LARGEST = 1 << 14
"""Elements that are written at most."""


def write(how: str, along: bool, x: Any, dim: int, index: Any, values: Any) -> bool:
    """Write `values` at slices of x's dimension, or at elements along it; False for what this is not made for, and
    where an index is out of range: nothing was written then.

    Args:
        how: "put" or "add".
        along: Is there an index for each element?
        index: int64.
        values: Of x's dtype; one number without dimensions serves for all.
    """
    return _write(
        _told(how, along, x.dtype, dim, x.shape, index.shape, values.shape), x, index, values
    )


def write_at(how: str, x: Any, key: tuple, values: Any) -> bool:
    """The same at a key of one index array."""
    if key.__class__ is Along:
        return write(how, True, x, key.dim, key.index, values)  # type: ignore[attr-defined]
    index = key[-1]
    if index.__class__ is not np.ndarray or index.dtype != INT64 or index.size > MOST:
        return False
    for item in key[:-1]:
        if item.__class__ is np.ndarray or item != _FULL:
            return False
    return values.dtype == x.dtype and write(how, False, x, len(key) - 1, index, values)


def write_flat(how: str, x: Any, index: Any, values: Any) -> bool:
    """The same at indices into all elements in row-major order."""
    told = _told(how, False, x.dtype, 0, (x.size,), (index.size,), (values.size,))
    return _write(told, x, index, values)


def _write(told: Any, x: Any, index: Any, values: Any) -> bool:
    if told is None:
        return False
    flags = x.flags
    if not (
        flags.c_contiguous
        and flags.writeable
        and flags.aligned
        and index.flags.c_contiguous
        and values.flags.c_contiguous
    ):
        return False
    function, given = told
    return not function(x, index, values, *given)


class Numbers(NamedTuple):
    """x is seen as (outer, size, inner), and values as (outer, count, inner).

    Attributes:
        indices: How many there are.
    """

    outer: int
    size: int
    inner: int
    count: int
    indices: int


@lru_cache(4096)
def _told(
    how: str,
    along: bool,
    dtype: Any,
    dim: int,
    shape: tuple[int, ...],
    index: tuple[int, ...],
    values: tuple[int, ...],
) -> tuple[Callable[..., int], tuple[int, ...]] | None:
    """The function and its numbers; None where the shapes are not right, or not for this."""
    ndim = len(shape)
    if not -ndim <= dim < ndim or not enabled():
        return None
    dim, one = dim % ndim, values == ()
    if one and len(index) == (ndim if along else 1):
        values = index if along else (*shape[:dim], *index, *shape[dim + 1 :])
    if len(values) != ndim:
        return None
    count, indices = values[dim], math.prod(index)
    outer, inner = math.prod(shape[:dim]), math.prod(shape[dim + 1 :])
    if (*shape[:dim], count, *shape[dim + 1 :]) != values or index != (
        values if along else (count,)
    ):
        return None
    if one and how == "add" and not along:
        return None
    if not 0 < indices <= MOST or outer * count * inner > LARGEST:
        return None
    element = _element(how, dtype)
    if element is None:
        return None
    job = Job(rows=1, length=1, weight=outer * count * inner, divisible=False)
    numbers = Numbers(outer=outer, size=shape[dim], inner=inner, count=count, indices=indices)
    return _writer(how, along, one, element), (*job, *numbers)


def _element(how: str, dtype: Any) -> str | None:
    if how == "put":
        return ELEMENTS.get(dtype.itemsize)
    return ADDED.get(f"{dtype.kind}{dtype.itemsize}")


@cache
def _writer(how: str, along: bool, one: bool, element: str) -> Callable[..., int]:
    return kernel(
        f"{how}_few", ("x", "index", "values"), Numbers,
        lambda code: Writer(code, how, along, one, element).write(), machine().bits // BITS[element],
    )  # fmt: skip


class Writer:
    """Writes the kernel. It reports whether it has written nothing."""

    def __init__(self, code: Body, how: str, along: bool, one: bool, element: str):
        self.code, self.how, self.along, self.one, self.element = code, how, along, one, element
        self.own = code.slot(f"[{MOST} x i64]")

    def write(self) -> None:
        code = self.code
        wrong = code.slot("i64", self.overlap())
        with code.loop(code.zero, code.n.indices) as i:
            index = code.load_once(code.at(code.p["index"], "i64", i), "i64")
            code.put(index, self.own, i)
            outside = (index.below(code.n.size) ^ 1).widen("i64")
            code.store(code.load(wrong, "i64") | outside, wrong)
        found = code.load(wrong, "i64")
        code.report(found)
        each = self.elements if self.along else self.run
        with (
            code.when(found.equals(0)),
            code.loop(code.zero, code.n.outer) as outer,
            code.loop(code.zero, code.n.count) as i,
        ):
            each(outer, i)

    def overlap(self) -> Value:
        """Do the values share memory with x?"""
        code, n = self.code, self.code.n
        size = BITS[self.element] // 8
        x, values = (
            code.emit(f"ptrtoint ptr {code.p[name].name} to i64", "i64") for name in ("x", "values")
        )
        x_end = x + n.outer * n.size * n.inner * size
        values_end = values + (size if self.one else n.outer * n.count * n.inner * size)
        return (values.below(x_end) & x.below(values_end)).widen("i64")

    def run(self, outer: Value, i: Value) -> None:
        code, n = self.code, self.code.n
        index = code.get(self.own, "i64", i)
        x = code.at(code.p["x"], self.element, (outer * n.size + index) * n.inner)
        if self.one:
            value = code.get(code.p["values"], self.element, code.zero)
            fill(code, x, value, code.zero, n.inner)
            return
        values = code.at(code.p["values"], self.element, (outer * n.count + i) * n.inner)
        (add if self.how == "add" else copy)(code, x, values, self.element, code.zero, n.inner)

    def elements(self, outer: Value, i: Value) -> None:
        code, n = self.code, self.code.n
        with code.loop(code.zero, n.inner) as k:
            at = (outer * n.count + i) * n.inner + k
            index = code.get(self.own, "i64", at)
            place = (outer * n.size + index) * n.inner + k
            value = code.get(code.p["values"], self.element, code.zero if self.one else at)
            if self.how == "add":
                value = code.get(code.p["x"], self.element, place) + value
            code.put(value, code.p["x"], place)
