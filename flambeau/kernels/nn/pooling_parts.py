"""Pooling over parts of many columns: vectors walk along the row of a part, and their lanes are joined at its end.

Where parts are narrow, the lanes of `pooling_kernel` are neighbouring places instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from ..llvm import BITS, Value, across_lanes, choose
from ..matmul.microkernel import within
from ..runtime.entry import Body
from .pooling_kernel import Parts, plane_of, planes

BLOCK = 32
"""Vectors whose lanes are added up before they go to a total in float64."""


@cache
def maxima(element: str, bits: int) -> Any:
    """The largest elements, and where in the plane they are; of several nan, the last one."""
    lanes = bits // BITS[element]

    def body(code: Body, sight: Any, row: Value) -> None:
        n = sight.n
        x = plane_of(code, n, "x", element, row, False)
        y = plane_of(code, n, "y", element, row, True)
        result = plane_of(code, n, "places", "i64", row, True)
        type, index = code.vector(element), code.vector("i32")
        best, found = code.slot(type), code.slot(index)
        with each_part(code, sight) as (u0, u1, low, high, where):
            first = (sight.first(u0, u1) + low).convert("i32")
            code.store(code.constant(float("-inf"), type), best)
            code.store(code.splat(first), found)

            def step(at: Value, mask: Value | None) -> None:
                pointer = code.at(x, element, at)
                value = (
                    code.load(pointer, type)
                    if mask is None
                    else code.masked_load(pointer, type, mask)
                )
                wins = (value > code.load(best, type)) | value.is_nan()
                wins = wins if mask is None else wins & mask
                here = code.splat(at.convert("i32")) + code.iota("i32")
                code.store(choose(wins, value, code.load(best, type)), best)
                code.store(choose(wins, here, code.load(found, index)), found)

            with sight.rows(u0, u1) as line:
                along(code, line + low, line + high, step)
            value, place = _first_of_largest(code, best, found, element)
            code.put(value, y, where)
            code.put(place, result, where)

    return planes("max_pool_parts", ("x", "y", "places"), Parts, lanes, element, body)


def _first_of_largest(code: Body, best: Value, found: Value, element: str) -> tuple[Value, Value]:
    """What the lanes have found: nan wins, and of several the last; else the first of the largest."""
    value, place = (
        code.variable(code.get(best, element, code.zero), element),
        code.variable(code.get(found, "i32", code.zero).convert("i64")),
    )
    with code.loop(code.number(1), code.number(code.lanes)) as lane:
        x, at = code.get(best, element, lane), code.get(found, "i32", lane).convert("i64")
        old, known = value.value, place.value
        number = (x > old) | (x.equals(old) & (at < known))
        wins = choose(x.is_nan(), old.is_nan() ^ 1 | (at > known), number)
        value.value, place.value = choose(wins, x, old), choose(wins, at, known)
    return value.value, place.value


@cache
def means(element: str, bits: int) -> Any:
    """Sums of what places see, divided."""
    lanes = bits // BITS[element]

    def body(code: Body, sight: Any, row: Value) -> None:
        n, type = sight.n, code.vector(element)
        x = plane_of(code, n, "x", element, row, False)
        y = plane_of(code, n, "y", element, row, True)
        sums = code.slot(type)
        total = code.variable(code.constant(0.0, "double"), "double")

        def step(at: Value, mask: Value | None) -> None:
            pointer = code.at(x, element, at)
            value = (
                code.load(pointer, type) if mask is None else code.masked_load(pointer, type, mask)
            )
            code.store(code.load(sums, type) + value, sums)

        with each_part(code, sight) as (u0, u1, low, high, where):
            total.value = code.constant(0.0, "double")
            with (
                sight.rows(u0, u1) as line,
                code.loop(line + low, line + high, BLOCK * lanes) as start,
            ):
                code.store(code.constant(0.0, type), sums)
                along(code, start, code.smaller(start + BLOCK * lanes, line + high), step)
                joined = across_lanes(code.load(sums, type), lambda a, b: a + b).lane()
                total.value = total.value + joined.convert("double")
            by = code.get(code.p["divisors"], element, where).convert("double")
            code.put((total.value / by).convert(element), y, where)

    return planes("avg_pool_parts", ("x", "y", "divisors"), Parts, lanes, element, body)


@contextmanager
def each_part(code: Body, sight: Parts) -> Iterator[tuple[Value, Value, Value, Value, Value]]:
    """A loop over the parts of a plane: (u0, u1, the first column and the last, which place it is)."""
    n, zero = sight.n, code.zero
    third = (n.u0 + n.u1) * 2
    with code.loop(zero, n.u0) as u0, code.loop(zero, n.u1) as u1, code.loop(zero, n.u2) as u2:
        low, high = sight.bound(third, u2), sight.bound(third + n.u2, u2)
        yield u0, u1, low, high, (u0 * n.u1 + u1) * n.u2 + u2


def along(
    code: Body, start: Value, end: Value, step: Callable[[Value, Value | None], None]
) -> None:
    """Vectors from one place of the plane to another, and what is left of one."""
    whole = start + ((end - start) & -code.lanes)
    with code.loop(start, whole, code.lanes) as at:
        step(at, None)
    with code.when(whole < end):
        step(whole, within(code, end - whole))
