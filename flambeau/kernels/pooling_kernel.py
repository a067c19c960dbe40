"""The kernels of `pooling`: a row of a job is one plane, an image of one channel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from .code import BITS, Code, Value, choose
from .job import OUTSIDE, SIGNATURE, Frame, Job, larger, quotient, smaller
from .slab import gathered
from .tile import clear, within

_WINDOW = tuple(f"{name}{i}" for name in "xunsdp" for i in range(3))
"""Sizes of the image, numbers of places, sizes of the window, its strides, dilations and
padding."""
MAXIMA = Frame("x", "places", *_WINDOW)
MEANS = Frame("x", "y", "divisors", *_WINDOW)
ROWS = Frame("x", "places", "result", "size", "count")


def kernel(frame: Frame, lanes: int, body: Callable[[Code, Any, Value], None]) -> Job:
    """A job whose rows `body` computes, given the words and the row."""
    code = Code(lanes)
    words = frame.load(code)
    first, last = Value(code, "%row_begin", "i64"), Value(code, "%row_end", "i64")
    with code.loop(first, last) as row:
        body(code, words, row)
    code.line("ret void")
    return Job([code.function(SIGNATURE, "internal void")], code.declarations)


@contextmanager
def places(code: Code, words: Any) -> Iterator[tuple[Value, Value, Value, Value]]:
    """A loop over the places of a plane, a vector at a time: (u0, u1, u2, where they are)."""
    zero = words.u0.like(0)
    with code.loop(zero, words.u0) as u0, code.loop(zero, words.u1) as u1:
        line = (u0 * words.u1 + u1) * words.u2
        with code.loop(zero, words.u2, code.lanes) as u2:
            yield u0, u1, u2, line + u2


@contextmanager
def taps(code: Code, words: Any, u0: Value, u1: Value, u2: Value) -> Iterator[tuple[Value, ...]]:
    """A loop over what the window sees from a vector of places.

    Gives where in the plane its first lane's element is, the lanes whose elements are in the
    image, and where in its line the first lane's element is.
    """
    zero = u0.like(0)
    rest = within(code, words.u2 - u2)
    with code.loop(zero, words.n0) as t0, code.loop(zero, words.n1) as t1:
        i0 = u0 * words.s0 + t0 * words.d0 - words.p0
        i1 = u1 * words.s1 + t1 * words.d1 - words.p1
        with code.when((i0 >= 0) & (i0 < words.x0) & (i1 >= 0) & (i1 < words.x1)):
            line = (i0 * words.x1 + i1) * words.x2
            with code.loop(zero, words.n2) as t2:
                i2 = u2 * words.s2 + t2 * words.d2 - words.p2
                steps = code.iota("i32") * code.splat(words.s2.convert("i32"))
                lane = code.splat(i2.convert("i32")) + steps
                inside = (lane >= 0) & (lane < code.splat(words.x2.convert("i32")))
                yield line + i2, rest & inside, i2


def read(code: Code, words: Any, element: str, plane: Value, at: Value, mask: Value) -> Value:
    """The elements that the lanes of a tap see, zeros where there is none."""
    kind = code.vector(element)
    place = code.slot(kind)
    near = words.s2.equals(1)
    with code.when(near):
        pointer = code.emit(f"getelementptr {element}, ptr {plane.name}, i64 {at.name}", "ptr")
        code.store(code.masked_load(pointer, kind, mask), place)
    with code.when(near ^ 1):
        code.store(gathered(code, plane, element, at, words.s2, mask), place)
    return code.load(place, kind)


def plane_of(code: Code, words: Any, name: str, element: str, row: Value, places: bool) -> Value:
    """Where a plane of an array begins: of the image's size, or one element a place."""
    size = words.u0 * words.u1 * words.u2 if places else words.x0 * words.x1 * words.x2
    return code.at(words.array(name), element, row * size)


@cache
def maxima(element: str, bits: int) -> Job:
    lanes = bits // BITS[element]

    def body(code: Code, words: Any, row: Value) -> None:
        x = plane_of(code, words, "x", element, row, False)
        result = plane_of(code, words, "places", "i64", row, True)
        kind, index = code.vector(element), code.vector("i32")
        best, found = code.slot(kind), code.slot(index)
        with places(code, words) as (u0, u1, u2, where):
            code.store(code.constant(float("-inf"), kind), best)
            code.store(code.constant(-1, index), found)
            with taps(code, words, u0, u1, u2) as (at, mask, _):
                value = read(code, words, element, x, at, mask)
                old, known = code.load(best, kind), code.load(found, index)
                wins = mask & ((value > old) | value.is_nan() | (known < 0))
                steps = code.iota("i32") * code.splat(words.s2.convert("i32"))
                here = code.splat(at.convert("i32")) + steps
                code.store(choose(wins, value, old), best)
                code.store(choose(wins, here, known), found)
            wide = code.load(found, index).convert("i64")
            code.masked_store(wide, code.at(result, "i64", where), within(code, words.u2 - u2))

    return kernel(MAXIMA, lanes, body)


@cache
def means(element: str, bits: int) -> Job:
    lanes = bits // BITS[element]

    def body(code: Code, words: Any, row: Value) -> None:
        x = plane_of(code, words, "x", element, row, False)
        y = plane_of(code, words, "y", element, row, True)
        kind = code.vector(element)
        total = code.slot(kind)
        with places(code, words) as (u0, u1, u2, where):
            code.store(code.constant(0.0, kind), total)
            with taps(code, words, u0, u1, u2) as (at, mask, _):
                value = read(code, words, element, x, at, mask)
                code.store(code.load(total, kind) + value, total)
            rest = within(code, words.u2 - u2)
            by = code.masked_load(code.at(words.array("divisors"), element, where), kind, rest)
            code.masked_store(code.load(total, kind) / by, code.at(y, element, where), rest)

    return kernel(MEANS, lanes, body)


@cache
def shares(element: str, bits: int) -> Job:
    lanes = bits // BITS[element]

    def body(code: Code, words: Any, row: Value) -> None:
        x = plane_of(code, words, "x", element, row, False)
        y = plane_of(code, words, "y", element, row, True)
        clear(code, x, words.x0 * words.x1 * words.x2, element)
        kind = code.vector(element)
        with places(code, words) as (u0, u1, u2, where):
            rest = within(code, words.u2 - u2)
            value = code.masked_load(code.at(y, element, where), kind, rest)
            value = value / code.masked_load(
                code.at(words.array("divisors"), element, where), kind, rest
            )
            held = code.slot(kind)
            code.store(value, held)
            near = words.s2.equals(1)
            with taps(code, words, u0, u1, u2) as (at, mask, i2):
                with code.when(near):
                    name = code.emit(f"getelementptr {element}, ptr {x.name}, i64 {at.name}", "ptr")
                    code.masked_store(code.masked_load(name, kind, mask) + value, name, mask)
                with code.when(near ^ 1):
                    scatter(code, words, element, (x, held), (u2, at, i2))

    return kernel(MEANS, lanes, body)


def scatter(
    code: Code, words: Any, element: str, memory: tuple[Value, Value], start: tuple[Value, ...]
) -> None:
    """Add the lanes of a vector to the elements that a tap sees, one by one."""
    x, held = memory
    u2, at, i2 = start
    low = ceiling(-i2, words.s2)
    high = smaller(ceiling(words.x2 - i2, words.s2), smaller(words.u2 - u2, code.lanes))
    with code.loop(low, high) as lane:
        place = code.at(x, element, at + lane * words.s2)
        value = code.load(code.at(held, element, lane), element)
        code.store(code.load(place, element) + value, place)


def ceiling(x: Value, y: Value) -> Value:
    """x / y rounded up, 0 for what is negative."""
    return quotient(larger(x, 0) + (y - 1), y)


@contextmanager
def listed(code: Code, words: Any, row: Value) -> Iterator[tuple[Value, Value]]:
    """A loop over a row's places: (which, place). One that lies outside sets the frame's first
    word."""
    start = row * words.count
    with code.loop(row.like(0), words.count) as i:
        place = code.load(code.at(words.array("places"), "i64", start + i), "i64")
        inside = (place >= 0) & (place < words.size)
        with code.when(inside ^ 1):
            code.store(code.constant(OUTSIDE, "i64"), Value(code, "%frame", "ptr"))
        with code.when(inside):
            yield start + i, place


@cache
def taken(element: str) -> Job:
    def body(code: Code, words: Any, row: Value) -> None:
        x = code.at(words.array("x"), element, row * words.size)
        with listed(code, words, row) as (i, place):
            value = code.load(code.at(x, element, place), element)
            code.store(value, code.at(words.array("result"), element, i))

    return kernel(ROWS, 1, body)


@cache
def spread(element: str) -> Job:
    def body(code: Code, words: Any, row: Value) -> None:
        result = code.at(words.array("result"), element, row * words.size)
        clear(code, result, words.size, element)
        with listed(code, words, row) as (i, place):
            value = code.load(code.at(words.array("x"), element, i), element)
            at = code.at(result, element, place)
            code.store(code.load(at, element) + value, at)

    return kernel(ROWS, 1, body)
