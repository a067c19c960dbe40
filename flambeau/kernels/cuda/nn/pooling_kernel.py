"""Pooling: a thread for each result walks over what its window or part sees, or over those that see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any, NamedTuple

from ...llvm import Value, choose, larger, quotient, remainder, smaller
from ...loops.element import MEMORY, packed, unpacked
from ..driver import Kernel
from ..thread import Thread

AXES = range(3)


class Numbers(NamedTuple):
    """What a kernel is told, all int64: planes; sizes x and counts u of three dimensions; a window's sizes n,
    strides s, dilations d and padding p, which parts do not look at."""

    planes: int
    x0: int
    x1: int
    x2: int
    u0: int
    u1: int
    u2: int
    n0: int
    n1: int
    n2: int
    s0: int
    s1: int
    s2: int
    d0: int
    d1: int
    d2: int
    p0: int
    p1: int
    p2: int


class Span(NamedTuple):
    """Elements of a dimension from `low` below `high`, each `step`-th."""

    low: Value
    high: Value
    step: int | Value


class Pool:
    """The code of one thread.

    Args:
        dtype: The name of the arrays' dtype.
        parts: Is the image cut into parts, or does a window slide?
    """

    def __init__(self, dtype: str, parts: bool, *pointers: str):
        self.dtype, self.parts, code = dtype, parts, Thread()
        self.code, self.element = code, MEMORY[dtype]
        self.kind = "double" if dtype == "float64" else "float"
        named = code.takes(*pointers, *(f"i64 {name}" for name in Numbers._fields))
        self.p = dict(zip((text.split()[1] for text in pointers), named))
        self.long: Any = Numbers(*named[len(pointers) :])  # type: ignore[arg-type]
        self.n: Any = Numbers(*(x.convert("i32") for x in self.long))

    def of(self, letter: str, axis: int) -> Any:
        return getattr(self.n, f"{letter}{axis}")

    def whole(self, letter: str) -> Value:
        """Elements of a plane of these sizes."""
        return self.of(letter, 0) * self.of(letter, 1) * self.of(letter, 2)

    @contextmanager
    def each(self, letter: str) -> Iterator[tuple[Value, Value, list[Value]]]:
        """Each element of all planes: its number in all, its plane, its place in it."""
        code, size = self.code, self.whole(letter)
        wide = size.widen("i64")
        with code.loop(code.first("i64"), self.long.planes * wide, code.threads("i64")) as i:
            plane = quotient(i, wide)
            inner = (i - plane * wide).convert("i32")
            line = quotient(inner, self.of(letter, 2))
            at = [quotient(line, self.of(letter, 1)), remainder(line, self.of(letter, 1))]
            yield i, plane, [*at, remainder(inner, self.of(letter, 2))]

    def plane(self, name: str, element: str, plane: Value, letter: str) -> Value:
        """Where an array's plane begins."""
        return self.code.at(self.p[name], element, plane * self.whole(letter).widen("i64"))

    # ------------------------------------------------------------------------- who sees what

    def seen(self, axis: int, place: Value) -> Span:
        """What a window or part sees of a dimension."""
        size = self.of("x", axis)
        if self.parts:
            count = self.of("u", axis)
            return Span(
                quotient(place * size, count), quotient((place + 1) * size + (count - 1), count), 1
            )
        step = self.of("d", axis)
        start = place * self.of("s", axis) - self.of("p", axis)
        missing = larger(-start, 0)
        low = start + quotient(missing + (step - 1), step) * step
        return Span(low, smaller(start + self.of("n", axis) * step, size), step)

    def seeing(self, axis: int, place: Value) -> Span:
        """The windows (without gaps) or parts that see an element of a dimension."""
        size, count = self.of("x", axis), self.of("u", axis)
        if self.parts:
            return Span(
                quotient(place * count, size), quotient((place + 1) * count - 1, size) + 1, 1
            )
        step, reach = self.of("s", axis), (self.of("n", axis) - 1) * self.of("d", axis)
        last = place + self.of("p", axis)
        low = quotient(larger(last - reach, 0) + (step - 1), step)
        return Span(low, smaller(quotient(last, step) + 1, count), 1)

    @contextmanager
    def walk(self, spans: list[Span], letter: str) -> Iterator[Value]:
        """The places of three spans, as numbers within the plane."""
        with ExitStack() as stack:
            place: Any = None
            for axis, span in zip(AXES, spans):
                at = stack.enter_context(self.code.loop(*span))
                place = at if place is None else place * self.of(letter, axis) + at
            yield place

    # ------------------------------------------------------------------------------ elements

    def get(self, pointer: Value, place: Value) -> Value:
        value = self.code.load(self.code.at(pointer, self.element, place), self.element)
        return unpacked(value, self.dtype).convert(self.kind)

    def put(self, name: str, place: Value, value: Value) -> None:
        self.code.store(packed(value, self.dtype), self.code.at(self.p[name], self.element, place))

    def variable(self, value: float) -> Any:
        return self.code.variable(self.code.constant(value, self.kind))


@cache
def maxima(dtype: str, parts: bool) -> Kernel:
    """``f(x, y, places, *Numbers)``: maxima and their places; of equal ones the first, of several nan the last."""
    make = Pool(dtype, parts, "ptr x readonly", "ptr y", "ptr places")
    code = make.code
    best, where = make.variable(0.0), code.variable(code.constant(0, "i32"))
    with make.each("u") as (i, plane, at):
        spans = [make.seen(axis, u) for axis, u in zip(AXES, at)]
        x = make.plane("x", make.element, plane, "x")
        first: Any = None
        for axis, span in zip(AXES, spans):
            low = smaller(span.low, make.of("x", axis) - 1)
            first = low if first is None else first * make.of("x", axis) + low
        where.value, best.value = first, make.get(x, first)
        with make.walk(spans, "x") as place:
            value = make.get(x, place)
            taken = (value > best.value) | value.is_nan()
            best.value = choose(taken, value, best.value)
            where.value = choose(taken, place, where.value)
        make.put("y", i, best.value)
        code.store(where.value.widen("i64"), code.at(make.p["places"], "i64", i))
    return Kernel("pool_maxima", code.kernel("pool_maxima"))


@cache
def means(dtype: str, parts: bool) -> Kernel:
    """``f(x, y, divisors, *Numbers)``: sums of what is seen, divided by the place's divisor, of the type of sums; parts by
    their size."""
    make = Pool(dtype, parts, "ptr x readonly", "ptr y", "ptr divisors readonly")
    total = make.variable(0.0)
    with make.each("u") as (i, plane, at):
        spans = [make.seen(axis, u) for axis, u in zip(AXES, at)]
        x = make.plane("x", make.element, plane, "x")
        total.value = make.code.constant(0.0, make.kind)
        with make.walk(spans, "x") as place:
            total.value = total.value + make.get(x, place)
        inner = (at[0] * make.n.u1 + at[1]) * make.n.u2 + at[2]
        make.put("y", i, total.value / _divisor(make, inner, spans))
    return Kernel("pool_means", make.code.kernel("pool_means"))


def _divisor(make: Pool, place: Value, spans: list[Span] | None = None) -> Value:
    if spans is not None and make.parts:
        sizes = [span.high - span.low for span in spans]
        return (sizes[0] * sizes[1] * sizes[2]).convert(make.kind)
    return make.code.load(make.code.at(make.p["divisors"], make.kind, place), make.kind)


@cache
def shares(dtype: str, parts: bool) -> Kernel:
    """``f(g, x, divisors, *Numbers)``: the transpose of `means`; of parts too with their divisors."""
    make = Pool(dtype, parts, "ptr g readonly", "ptr x", "ptr divisors readonly")
    total = make.variable(0.0)
    with make.each("x") as (i, plane, at):
        spans = [make.seeing(axis, x) for axis, x in zip(AXES, at)]
        g = make.plane("g", make.element, plane, "u")
        total.value = make.code.constant(0.0, make.kind)
        with make.walk(spans, "u") as place:
            total.value = total.value + make.get(g, place) / _divisor(make, place)
        make.put("x", i, total.value)
    return Kernel("pool_shares", make.code.kernel("pool_shares"))


@cache
def chosen(dtype: str, parts: bool) -> Kernel:
    """``f(g, places, x, *Numbers)``: the transpose of `maxima`: each element sums up, in order, the windows or parts
    that see it and have their maximum there."""
    make = Pool(dtype, parts, "ptr g readonly", "ptr places readonly", "ptr x")
    code, total = make.code, make.variable(0.0)
    with make.each("x") as (i, plane, at):
        spans = [make.seeing(axis, x) for axis, x in zip(AXES, at)]
        g = make.plane("g", make.element, plane, "u")
        places = make.plane("places", "i64", plane, "u")
        me = i - plane * make.whole("x").widen("i64")
        total.value = code.constant(0.0, make.kind)
        with make.walk(spans, "u") as place:
            mine = code.load(code.at(places, "i64", place), "i64").equals(me)
            with code.when(mine):
                total.value = total.value + make.get(g, place)
        make.put("x", i, total.value)
    return Kernel("pool_chosen", code.kernel("pool_chosen"))


@cache
def taken(dtype: str) -> Kernel:
    """``f(x, places, y, rows, size, count)``: y[row, j] = x[row, places[row, j]]; nan for a place outside."""
    code, element = Thread(), MEMORY[dtype]
    x, places, y, rows, size, count = code.takes(
        "ptr x readonly", "ptr places readonly", "ptr y", "i64 rows", "i64 size", "i64 count"
    )
    with code.loop(code.first("i64"), rows * count, code.threads("i64")) as i:
        place = code.load(code.at(places, "i64", i), "i64")
        inside = place.below(size)
        at = quotient(i, count) * size + choose(inside, place, 0)
        value = unpacked(code.load(code.at(x, element, at), element), dtype)
        value = choose(inside, value, float("nan"))
        code.store(packed(value, dtype), code.at(y, element, i))
    return Kernel("pool_taken", code.kernel("pool_taken"))


@cache
def spread(dtype: str) -> Kernel:
    """``f(g, places, x, rows, size, count)``: x[row, places[row, j]] += g[row, j], x of the type of sums and
    zeros at first: a thread a row, in order; places outside are left out."""
    code, element = Thread(), MEMORY[dtype]
    kind = "double" if dtype == "float64" else "float"
    g, places, x, rows, size, count = code.takes(
        "ptr g readonly", "ptr places readonly", "ptr x", "i64 rows", "i64 size", "i64 count"
    )
    with (
        code.loop(code.first("i64"), rows, code.threads("i64")) as row,
        code.loop(code.constant(0, "i64"), count) as j,
    ):
        at = row * count + j
        place = code.load(code.at(places, "i64", at), "i64")
        with code.when(place.below(size)):
            target = code.at(x, kind, row * size + place)
            more = unpacked(code.load(code.at(g, element, at), element), dtype).convert(kind)
            code.store(code.load(target, kind) + more, target)
    return Kernel("pool_spread", code.kernel("pool_spread"))


__all__ = ["Numbers", "chosen", "maxima", "means", "shares", "spread", "taken"]
