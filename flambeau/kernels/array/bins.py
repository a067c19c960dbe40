"""Which bin a number belongs to, and how much falls into each: sorted edges, equal bins, numbers of bins.

Edges are searched by halves without a branch, for several numbers at once, so that none waits for another's memory.
In equal bins a number's place is computed and then held against the edges, which decide. Neighbours often belong to
one bin, so what they count goes to several tables in turn: an addition need not wait for the one before it. How many
parts there are depends on the sizes alone, and they are added up in one order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..array.copy import in_order
from ..llvm import Value, Variable, choose
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import enabled

ELEMENTS = {"f4": "float", "f8": "double", "i8": "i64", "i4": "i32", "i2": "i16", "i1": "i8"}
LANES, TOGETHER = 8, 4
"""Numbers of a vector, and vectors, that are searched for at once."""
TABLES = 4
"""Tables of a part."""
PART = 1 << 16
"""Elements of a part at least."""
MOST_BINS = 1 << 14
"""Bins up to which there are several tables and parts, and up to which equal ones are computed."""


def _element(array: Any) -> str | None:
    if array.__class__ is not np.ndarray or not array.dtype.isnative:
        return None
    return ELEMENTS.get(f"{array.dtype.kind}{array.dtype.itemsize}")


# ---------------------------------------------------------------------------------------- sorted edges


class Edges(NamedTuple):
    """count: edges of a row; shared: does the one row serve for all numbers?"""

    count: int
    shared: int


def searched(edges: Any, values: Any, right: bool) -> Any:
    """How many edges are less than each number, or (`right`) not more.

    Args:
        edges: (..., edges), sorted, without nan; of one dimension they serve for all.
        values: Of the same dtype, and (..., any) where the edges have rows. No edge reaches a nan.

    Returns: int64, of the values' shape; NotImplemented for what this is not made for.
    """
    element = _element(edges)
    if element is None or values.dtype != edges.dtype or not edges.shape[-1] or not values.size:
        return NotImplemented
    made = memory.empty(values.shape, memory.INT64)
    given = _search_plan(edges.ndim, edges.shape[-1], values.shape)
    _searcher(element, right)(in_order(edges), in_order(values), made, *given)
    return made


@lru_cache(1024)
def _search_plan(ndim: int, count: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    total = int(np.prod(shape))
    length = total if ndim == 1 else shape[-1]
    rows = total // length
    work = total * 4 * count.bit_length()
    job = Job(rows=rows, length=length, weight=work, divisible=rows == 1)
    return *job, *Edges(count=count, shared=int(ndim == 1))


@cache
def _searcher(element: str, right: bool) -> Callable[..., int]:
    def write(code: Body) -> None:
        n = code.n
        with code.rows() as row:
            own = choose(n.shared.differs(0), code.zero, row * n.count)
            edges = code.at(code.p["edges"], element, own)
            values = code.at(code.p["values"], element, row * n.length)
            made = code.at(code.p["made"], "i64", row * n.length)
            whole = code.begin + ((code.end - code.begin) & -(TOGETHER * LANES))
            type = code.vector(element)
            with code.loop(code.begin, whole, TOGETHER * LANES) as i:
                at = [i + u * LANES for u in range(TOGETHER)]
                wanted = [code.load(code.at(values, element, k), type) for k in at]
                for place, k in zip(_found(code, edges, element, wanted, right), at):
                    code.store(place, code.at(made, "i64", k))
            with code.loop(whole, code.end) as i:
                wanted = [code.splat(code.get(values, element, i))]
                code.put(_found(code, edges, element, wanted, right)[0].lane(), made, i)

    return kernel("searched", ("edges", "values", "made"), Edges, write, LANES, makes=True)


def _found(
    code: Body, edges: Value, element: str, wanted: Sequence[Value], right: bool
) -> list[Value]:
    """By halves: on behind what is not as large as the number."""

    def behind(place: Value, value: Value) -> Value:
        edge = _gathered(code, edges, element, place)
        if value.is_float:  # a nan is behind all
            return edge.compare("", "ule" if right else "ult", value)
        return edge <= value if right else edge < value

    zero = code.constant(0, code.vector("i64"))
    places = [Variable(code.slot(zero.type, zero), zero.type) for _ in wanted]
    left = code.variable(code.n.count)
    with code.repeat() as halves:
        n = left.value
        halves.stop_unless(n > 1)
        half = n.down(1)
        step = code.splat(half)
        for place, value in zip(places, wanted):
            now = place.value
            place.value = now + choose(behind(now + step - 1, value), step, zero)
        left.value = n - half
    return [
        place.value + behind(place.value, value).widen("i64")
        for place, value in zip(places, wanted)
    ]


def _gathered(code: Body, base: Value, element: str, places: Value) -> Value:
    """Elements at a vector of places: by one instruction, since a branch for each would be guessed wrong."""
    type, many = code.vector(element), code.vector("ptr")
    at = code.emit(f"getelementptr {element}, ptr {base.name}, {places.type} {places.name}", many)
    own = {"float": "f32", "double": "f64"}.get(element, element)
    name = code.declare(
        type, f"llvm.masked.gather.v{code.lanes}{own}.v{code.lanes}p0", many, "i32",
        code.vector("i1"), type,
    )  # fmt: skip
    every = code.constant(1, code.vector("i1"))
    return code.emit(
        f"call {type} @{name}({many} {at.name}, i32 1, {every.type} {every.name}, "
        f"{type} zeroinitializer)",
        type,
    )


# ---------------------------------------------------------------------------------------- equal bins


class Bins(NamedTuple):
    """How many bins there are, elements in all, and words from one table to the next."""

    bins: int
    size: int
    table: int


def binned(x: Any, edges: Any) -> Any:
    """How many elements of x lie in each of equal bins; the last one holds its upper edge.

    Returns: int64; NotImplemented for what this is not made for.
    """
    element, bins = _element(x), len(edges) - 1
    if (
        element not in ("float", "double")
        or edges.dtype != x.dtype
        or bins > MOST_BINS
        or not x.size
    ):
        return NotImplemented
    low, width = float(edges[0]), (float(edges[-1]) - float(edges[0])) / bins
    if not (np.diff(edges.astype(np.float64)) > 0.75 * width).all():
        return NotImplemented  # the dtype cannot tell the edges apart
    parts = _parts(x.size, bins)
    tables = np.zeros((parts, TABLES, bins + 3), np.int64)
    own = np.concatenate([edges.astype(np.float64), [-np.inf, np.inf]])
    given = np.array([low, 1 / width if width else 0.0, float(edges[-1])])
    _binner(str(element))(in_order(x), own, given, tables, *_bin_plan(x.size, bins, parts))
    counts = tables.sum((0, 1))
    counts[bins - 1] += counts[bins]
    return counts[:bins]


def _parts(size: int, bins: int) -> int:
    return max(min(8, size // PART, size // (8 * bins)), 1) if bins <= MOST_BINS else 1


@lru_cache(1024)
def _bin_plan(size: int, bins: int, parts: int) -> tuple[int, ...]:
    job = Job(rows=parts, length=1, weight=4 * size, divisible=False)
    return *job, *Bins(bins=bins, size=size, table=bins + 3)


def _part(code: Body, row: Value) -> tuple[Value, Value]:
    """The elements of a part."""
    size, rows = code.n.size, code.n.rows
    return tuple(
        code.emit(f"udiv i64 {(r * size).name}, {rows.name}", "i64") for r in (row, row + 1)
    )  # type: ignore[return-value]


@cache
def _binner(element: str) -> Callable[..., int]:
    """A place one behind the edges stands for what lies outside: -inf and inf are its edges."""

    def write(code: Body) -> None:
        n = code.n
        low, scale, high = (code.get(code.p["given"], "double", code.number(i)) for i in range(3))
        own = code.slot(code.vector("i64"))
        numbers = code.slot(code.vector("double"))

        def count(value: Value, place: Value, table: Value) -> None:
            down = value < code.get(code.p["edges"], "double", place)
            up = value >= code.get(code.p["edges"], "double", place + 1)
            place = place + up.widen("i64") - down.widen("i64")
            code.put(code.get(table, "i64", place) + 1, table, place)

        def places(x: Value) -> Value:
            many = x.type.startswith("<")
            start, step, end, bins = (
                code.splat(v) if many else v for v in (low, scale, high, n.bins)
            )
            inside = (x >= start) & (x <= end)
            place = (choose(inside, x, start) - start) * step
            at = place.convert("i64")
            last = bins - 1
            return choose(inside, choose(at < last, at, last), bins + 1)

        with code.rows() as row:
            first, stop = _part(code, row)
            tables = [
                code.at(code.p["tables"], "i64", (row * TABLES + k) * n.table)
                for k in range(TABLES)
            ]
            whole = first + ((stop - first) & -code.lanes)
            with code.loop(first, whole, code.lanes) as i:
                x = code.load(code.at(code.p["x"], element, i), code.vector(element))
                x = x.convert("double")
                code.store(x, numbers)
                code.store(places(x), own)
                for u in range(code.lanes):
                    at = code.number(u)
                    value = code.get(numbers, "double", at)
                    count(value, code.get(own, "i64", at), tables[u % TABLES])
            with code.loop(whole, stop) as i:
                value = code.get(code.p["x"], element, i).convert("double")
                count(value, places(value), tables[0])

    return kernel("binned", ("x", "edges", "given", "tables"), Bins, write, 8, makes=True)


# ----------------------------------------------------------------------------------- numbers of bins


FEW_NUMBERS = 64
"""Indices up to which NumPy takes less time."""


def counted(index: Any, bins: int, weights: Any = None) -> Any:
    """How often each of 0 to `bins` - 1 occurs in int64 indices, all in range; or the sums of float64 weights.

    Returns: int64, or float64; NotImplemented for what this is not made for.
    """
    if index.size <= FEW_NUMBERS or _element(index) != "i64" or not enabled():
        return NotImplemented
    parts = _parts(index.size, bins)
    several = bins <= MOST_BINS
    tables = np.zeros(
        (parts, TABLES if several else 1, bins), np.int64 if weights is None else float
    )
    job = Job(rows=parts, length=1, weight=2 * index.size, divisible=False)
    numbers = Bins(bins=bins, size=index.size, table=bins)
    given = () if weights is None else (in_order(weights),)
    wrong = _counter(weights is not None, several)(in_order(index), tables, *given, *job, *numbers)
    if wrong:
        raise IndexError("an index has changed since it was looked at")
    return tables.sum((0, 1)) if parts > 1 or several else tables[0, 0]


@cache
def _counter(weighted: bool, several: bool) -> Callable[..., int]:
    element = "double" if weighted else "i64"
    together = TABLES if several else 1

    def write(code: Body) -> None:
        n = code.n
        one = code.number(1)
        with code.rows() as row:
            first, stop = _part(code, row)
            tables = [
                code.at(code.p["tables"], element, (row * together + k) * n.table)
                for k in range(together)
            ]
            whole = first + ((stop - first) & -together)
            for begin, end, step in ((first, whole, together), (whole, stop, 1)):
                with code.loop(begin, end, step) as i:
                    for u in range(step):
                        index = code.load_once(code.at(code.p["index"], "i64", i + u), "i64")
                        share = code.get(code.p["weights"], element, i + u) if weighted else one
                        with code.either(index.below(n.bins)) as (inside, outside):
                            with inside:
                                old = code.get(tables[u], element, index)
                                code.put(old + share, tables[u], index)
                            with outside:
                                code.report(one)

    names = ("index", "tables", *(("weights",) if weighted else ()))
    return kernel("counted", names, Bins, write, 1, makes=True)
