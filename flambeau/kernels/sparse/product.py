"""A sparse matrix times a dense one, and the dot products of rows that a sparse pattern names.

A row of the result is a sum of rows of the dense matrix, which stays in registers while the row's
values and columns are walked; a matrix of one column has the values of a row in the lanes instead.
Rows (of the result, or places of the pattern) are shared by threads; no sum crosses two of them, so
the bits are the same on any number of threads.

Indices come from arrays that nobody else can write to (`private`), checked when those were made.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..array.copy import in_order
from ..convolution.input_tile import gathered
from ..llvm import BITS, Value
from ..matmul.matmul import ELEMENTS
from ..matmul.microkernel import within
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import enabled, machine

SMALL = 256
"""Multiplications up to which NumPy takes less time."""
BLOCKS = (8, 4, 2, 1)
"""Vectors of a row of the result that are summed in one walk over its values."""


def private(index: Any, size: int) -> Any:
    """Indices as int32 that nobody else can write to.

    Raises:
        IndexError: One is not below `size`.
    """
    if index.size and (int(index.min()) < 0 or int(index.max()) >= size):
        raise IndexError(
            f"index out of range in self: a sparse tensor has the index {int(index.max())} where the size "
            f"is {size}"
        )
    return index.astype(np.int32) if size < 1 << 31 else index.astype(np.int64)


class Numbers(NamedTuple):
    """inner: Columns of the dense matrix, or what two rows have in common."""

    inner: int


def _native(columns: Any, *arrays: Any) -> str | None:
    """The element that a kernel computes with; None where NumPy does."""
    first = arrays[0]
    element = ELEMENTS.get(first.dtype)
    if element is None or columns.dtype != np.int32 or not enabled():
        return None
    if any(x.__class__ is not np.ndarray or x.dtype != first.dtype for x in arrays):
        return None
    return element


def times(pointers: Any, columns: Any, values: Any, y: Any) -> Any:
    """``A @ y`` for a matrix A whose row i has `values` at `columns` from pointers[i] to pointers[i + 1].

    Args:
        pointers, columns: `private` ones; the columns are below the rows of y.
    """
    rows, inner = len(pointers) - 1, y.shape[1]
    element = _native(columns, y, values)
    if element is None or values.size * inner < SMALL:
        return times_by_numpy(pointers, columns, values, y)
    made = memory.empty((rows, inner), y.dtype)
    job = Job(rows=rows, length=1, weight=2 * values.size * inner + made.size, divisible=False)
    lanes = machine().bits // BITS[element]
    if inner == 1:
        function = _vector(element)
    else:
        vectors = -(-inner // lanes)
        function = _matrix(element, next(b for b in BLOCKS if b <= vectors))
    function(made, in_order(y), in_order(values), pointers, columns, *job, *Numbers(inner))
    return made


def times_by_numpy(pointers: Any, columns: Any, values: Any, y: Any) -> Any:
    """The same with NumPy."""
    made = np.zeros((len(pointers) - 1, y.shape[1]), np.result_type(values, y))
    filled = np.flatnonzero(np.diff(pointers))
    if len(filled) and y.shape[1]:
        made[filled] = np.add.reduceat(values[:, None] * y[columns], pointers[filled], 0)
    return made


_ARRAYS = ("made", "y", "values", "pointers", "columns")


@cache
def _matrix(element: str, block: int) -> Any:
    """A row of the result: so many vectors of it at a time, then one, of which lanes may be left out."""
    lanes = machine().bits // BITS[element]

    def write(code: Body) -> None:
        n, p, type = code.n, code.p, code.vector(element)
        with code.rows() as row:
            first, last = (code.get(p["pointers"], "i64", row + i) for i in (0, 1))

            def sum_up(start: Value, count: int, masked: bool) -> None:
                totals = [code.slot(type) for _ in range(count)]
                for total in totals:
                    code.store(code.constant(0.0, type), total)
                mask = within(code, n.inner - start) if masked else None
                with code.loop(first, last) as k:
                    column = code.get(p["columns"], "i32", k).convert("i64")
                    value = code.splat(code.get(p["values"], element, k))
                    line = code.at(p["y"], element, column * n.inner + start)
                    for u, total in enumerate(totals):
                        at = code.at(line, element, code.number(u * lanes))
                        x = (
                            code.load(at, type)
                            if mask is None
                            else code.masked_load(at, type, mask)
                        )
                        code.store(x.multiply_add(value, code.load(total, type)), total)
                place = code.at(p["made"], element, row * n.inner + start)
                for u, total in enumerate(totals):
                    at, found = (
                        code.at(place, element, code.number(u * lanes)),
                        code.load(total, type),
                    )
                    if mask is None:
                        code.store(found, at)
                    else:
                        code.masked_store(found, at, mask)

            whole = n.inner & -(block * lanes)
            with code.loop(code.zero, whole, block * lanes) as start:
                sum_up(start, block, False)
            with code.loop(whole, n.inner, lanes) as start:
                sum_up(start, 1, True)

    return kernel("sparse_times_matrix", _ARRAYS, Numbers, write, lanes, makes=True)


@cache
def _vector(element: str) -> Any:
    """One column: the values of a row are the lanes, and fetch what they are multiplied with."""
    lanes = machine().bits // BITS[element]

    def write(code: Body) -> None:
        p, type, index = code.p, code.vector(element), code.vector("i32")
        with code.rows() as row:
            first, last = (code.get(p["pointers"], "i64", row + i) for i in (0, 1))
            total = code.slot(type)
            code.store(code.constant(0.0, type), total)
            with code.loop(first, last, lanes) as k:
                mask = within(code, last - k)
                column = code.masked_load(code.at(p["columns"], "i32", k), index, mask)
                value = code.masked_load(code.at(p["values"], element, k), type, mask)
                x = gathered(code, p["y"], element, code.zero, column, mask)
                code.store(x.multiply_add(value, code.load(total, type)), total)
            code.put(across(code, code.load(total, type), element), p["made"], row)

    return kernel("sparse_times_vector", _ARRAYS, Numbers, write, lanes, makes=True)


def across(code: Body, x: Value, element: str) -> Value:
    """The sum of a vector's lanes."""
    short = {"float": "f32", "double": "f64"}[element]
    name = code.declare(element, f"llvm.vector.reduce.fadd.v{code.lanes}{short}", element, x.type)
    return code.emit(f"call reassoc {element} @{name}({element} 0.0, {x.type} {x.name})", element)


def dots(rows: Any, columns: Any, x: Any, y: Any) -> Any:
    """The sum of ``x[row] * y[column]`` for each pair of a row and a column.

    Args:
        rows, columns: `private` ones, below the rows of x and of y.
    """
    inner = x.shape[1]
    element = _native(columns, x, y)
    if element is None or rows.dtype != np.int32 or rows.size * inner < SMALL:
        return np.einsum("ij,ij->i", x[rows], y[columns])
    made = memory.empty((rows.size,), x.dtype)
    job = Job(rows=rows.size, length=1, weight=2 * rows.size * inner, divisible=False)
    _dots(element)(made, in_order(x), in_order(y), rows, columns, *job, *Numbers(inner))
    return made


@cache
def _dots(element: str) -> Any:
    """Whole vectors of two rows into two sums, and what is left with a mask."""
    lanes = machine().bits // BITS[element]

    def write(code: Body) -> None:
        n, p, type = code.n, code.p, code.vector(element)
        with code.rows() as row:
            lines = [
                code.at(p[name], element, code.get(p[which], "i32", row).convert("i64") * n.inner)
                for name, which in (("x", "rows"), ("y", "columns"))
            ]
            totals = [code.slot(type) for _ in range(2)]
            for total in totals:
                code.store(code.constant(0.0, type), total)

            def step(start: Value, total: Value, mask: Value | None) -> None:
                found = []
                for line in lines:
                    at = code.at(line, element, start)
                    found.append(
                        code.load(at, type) if mask is None else code.masked_load(at, type, mask)
                    )
                code.store(found[0].multiply_add(found[1], code.load(total, type)), total)

            whole = n.inner & -(2 * lanes)
            with code.loop(code.zero, whole, 2 * lanes) as start:
                for u, total in enumerate(totals):
                    step(start + u * lanes, total, None)
            with code.loop(whole, n.inner, lanes) as start:
                step(start, totals[0], within(code, n.inner - start))
            both = code.load(totals[0], type) + code.load(totals[1], type)
            code.put(across(code, both, element), p["made"], row)

    arrays = ("made", "x", "y", "rows", "columns")
    return kernel("sparse_dots", arrays, Numbers, write, lanes, makes=True)
