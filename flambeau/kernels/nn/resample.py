"""Sparse linear maps of one dimension of an array: resizing, and means of parts."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..array.copy import ELEMENTS as WORDS
from ..array.copy import in_order
from ..array.vector_loop import copy
from ..convolution.input_tile import gathered
from ..llvm import BITS, Value, larger, quotient, remainder
from ..matmul.matmul import ELEMENTS
from ..matmul.microkernel import within
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine

BLOCK = 4
"""Vectors of a line that are summed in one walk over its taps."""


UNROLLED = 8
"""Elements of a line that are looked up in one turn."""


class LineNumbers(NamedTuple):
    """Elements of the dimension, results, and elements that lie beyond each."""

    size: int
    count: int
    inner: int


class RowNumbers(NamedTuple):
    """Elements of a row, results, and the most taps that one has."""

    size: int
    count: int
    longest: int


def mixed(x: Any, dim: int, taps: Any) -> Any:
    """Sums of weighted elements along a dimension; NotImplemented for what it is not made for.

    Args:
        taps: `flambeau.ops.nn.taps.Taps`.
    """
    element = ELEMENTS.get(x.dtype) if type(x) is np.ndarray else None
    if element is None or not x.size or not taps.longest or x.shape[dim] >= 1 << 31:
        return NotImplemented
    y = memory.empty((*x.shape[:dim], taps.count, *x.shape[dim + 1 :]), x.dtype)
    job, numbers = _told(x.shape, dim, taps.count, taps.longest, len(taps.places))
    last = type(numbers) is RowNumbers
    write, arrays = (rows, _layered) if last else (lines, _listed)
    write(element, machine().bits)(in_order(x), y, *arrays(taps, x.dtype), *job, *numbers)
    return y


def chosen(x: Any, dim: int, taps: Any) -> Any:
    """The one element along a dimension that each result is."""
    return x.take(taps.places, dim)


class LineTable(NamedTuple):
    """Lines of an image and of its result, and elements of a line."""

    own: int
    made: int
    size: int


def picked(x: Any, maps: tuple[Any, ...]) -> Any:
    """The one element that each result is, along all of the last dimensions; NotImplemented for what it is not made for.

    Args:
        maps: `flambeau.ops.nn.taps.Taps`, one for each dimension.
    """
    element = WORDS.get(x.itemsize) if type(x) is np.ndarray else None
    if element is None or x.dtype.hasobject or not x.size:
        return NotImplemented
    first = x.ndim - len(maps)
    y = memory.empty((*x.shape[:first], *(taps.count for taps in maps)), x.dtype)
    if not y.size:
        return y
    lines, columns = _tables(maps)
    images, made = math.prod(x.shape[:first]), len(lines)
    job = Job(rows=images * made, length=maps[-1].count, weight=y.size, divisible=False)
    table = LineTable(own=math.prod(x.shape[first:-1]), made=made, size=x.shape[-1])
    _picker(element)(in_order(x), y, lines, columns, *job, *table)
    return y


@lru_cache(64)
def _tables(maps: tuple[Any, ...]) -> tuple[Any, Any]:
    """The line of an image that each line of its result comes from, and the elements of a line."""
    lines = np.zeros(1, np.int64)
    for taps in maps[:-1]:
        lines = (lines[:, None] * taps.size + np.asarray(taps.places, np.int64)).reshape(-1)
    return lines, np.ascontiguousarray(maps[-1].places, np.int64)


@cache
def _picker(element: str) -> Any:
    """A line that comes from the same one as the line before is a copy of that."""

    def write(code: Body) -> None:
        n, p = code.n, code.p
        with code.rows() as row:
            image, which = quotient(row, n.made), remainder(row, n.made)
            line = code.get(p["lines"], "i64", which)
            y = code.at(p["y"], element, row * n.length)
            x = code.at(p["x"], element, (image * n.own + line) * n.size)
            before = code.get(p["lines"], "i64", larger(which - 1, 0))
            again = line.equals(before) & (which > 0) & (row > code.row_begin)
            with code.either(again) as (copied, found):
                with copied:
                    last = code.at(p["y"], element, (row - 1) * n.length)
                    copy(code, y, last, element, code.zero, n.length)
                with found:
                    whole = n.length & -UNROLLED
                    for first, stop, step in ((code.zero, whole, UNROLLED), (whole, n.length, 1)):
                        with code.loop(first, stop, step) as i:
                            for u in range(step):
                                place = code.get(p["columns"], "i64", i + u)
                                code.put(code.get(x, element, place), y, i + u)

    names = ("x", "y", "lines", "columns")
    return kernel("picked", names, LineTable, write, machine().bits // BITS[element], makes=True)


@lru_cache(1024)
def _told(
    shape: tuple[int, ...], dim: int, count: int, longest: int, taps: int
) -> tuple[Job, LineNumbers | RowNumbers]:
    size, outer, inner = shape[dim], math.prod(shape[:dim]), math.prod(shape[dim + 1 :])
    work = outer * inner * (2 * taps + count)
    if inner == 1:
        numbers = RowNumbers(size=size, count=count, longest=longest)
        return Job(rows=outer, length=1, weight=2 * work, divisible=False), numbers
    job = Job(rows=outer * count, length=1, weight=work, divisible=False)
    return job, LineNumbers(size=size, count=count, inner=inner)


@lru_cache(256)
def _listed(taps: Any, dtype: Any) -> tuple[Any, ...]:
    """Starts, places and weights, as `lines` reads them."""
    return taps.starts.astype(np.int64), taps.places.astype(np.int64), taps.weights.astype(dtype)


@lru_cache(256)
def _layered(taps: Any, dtype: Any) -> tuple[Any, ...]:
    """Places and weights of all first taps, all second ones and so on, as `rows` reads them."""
    places, weights = taps.layers
    return np.ascontiguousarray(places), np.ascontiguousarray(weights, dtype)


@cache
def lines(element: str, bits: int) -> Any:
    """A row is one result of the dimension and all that lies beyond it: sums of weighted lines."""
    lanes = bits // BITS[element]

    def write(code: Body) -> None:
        n, type = code.n, code.vector(element)
        with code.rows() as row:
            outer, which = quotient(row, n.count), remainder(row, n.count)
            first, last = (code.get(code.p["starts"], "i64", which + i) for i in (0, 1))
            y = code.at(code.p["y"], element, row * n.inner)
            plane = code.at(code.p["x"], element, outer * n.size * n.inner)

            def sum_up(start: Value, count: int) -> None:
                """So many vectors of the line."""
                totals = [code.slot(type) for _ in range(count)]
                at = [start + i * lanes for i in range(count)]
                rest = [within(code, n.inner - i) for i in at]
                for total in totals:
                    code.store(code.constant(0.0, type), total)
                with code.loop(first, last) as k:
                    line = code.get(code.p["places"], "i64", k) * n.inner
                    weight = code.splat(code.get(code.p["weights"], element, k))
                    for total, i, mask in zip(totals, at, rest):
                        value = code.masked_load(code.at(plane, element, line + i), type, mask)
                        code.store(value.multiply_add(weight, code.load(total, type)), total)
                for total, i, mask in zip(totals, at, rest):
                    code.masked_store(code.load(total, type), code.at(y, element, i), mask)

            whole = n.inner & -(BLOCK * lanes)
            with code.loop(code.zero, whole, BLOCK * lanes) as start:
                sum_up(start, BLOCK)
            with code.loop(whole, n.inner, lanes) as start:
                sum_up(start, 1)

    return kernel("resample", ("x", "y", "starts", "places", "weights"), LineNumbers, write, lanes)


@cache
def rows(element: str, bits: int) -> Any:
    """The last dimension: neighbouring results are the lanes, and fetch what they look at."""
    lanes = bits // BITS[element]

    def write(code: Body) -> None:
        n, type, index = code.n, code.vector(element), code.vector("i32")
        total = code.slot(type)
        with code.rows() as row:
            x = code.at(code.p["x"], element, row * n.size)
            y = code.at(code.p["y"], element, row * n.count)
            with code.loop(code.zero, n.count, lanes) as start:
                rest = within(code, n.count - start)
                code.store(code.constant(0.0, type), total)
                with code.loop(code.zero, n.longest) as layer:
                    at = layer * n.count + start
                    place = code.masked_load(code.at(code.p["places"], "i32", at), index, rest)
                    weight = code.masked_load(code.at(code.p["weights"], element, at), type, rest)
                    value = gathered(code, x, element, code.zero, place, rest & (place >= 0))
                    code.store(value.multiply_add(weight, code.load(total, type)), total)
                code.masked_store(code.load(total, type), code.at(y, element, start), rest)

    return kernel("resample_rows", ("x", "y", "places", "weights"), RowNumbers, write, lanes)
