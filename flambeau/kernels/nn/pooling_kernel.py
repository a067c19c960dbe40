"""The kernels of `pooling`: a row of a job is one plane, an image of one channel.

Windows slide, all of one size, or are the parts that a plane is cut into (`Parts`): each says which rows of
the plane a place sees, and what the lanes of a vector of neighbouring places see in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from ..convolution.input_tile import gathered
from ..llvm import BITS, Code, Value, choose
from ..matmul.microkernel import clear, within
from ..runtime.entry import Body, kernel

OUTSIDE = 2
"""What a kernel reports that met an index outside of its array."""


class WindowNumbers(NamedTuple):
    """Of each dimension: sizes of the image, how many places there are, and size, stride, dilation and padding of
    the window."""

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


class PartNumbers(NamedTuple):
    """Sizes of the image, how many parts there are, the columns of the widest part, and how many bounds each plane
    has of its own (0: all have the same)."""

    x0: int
    x1: int
    x2: int
    u0: int
    u1: int
    u2: int
    longest: int
    apart: int


class PlaceNumbers(NamedTuple):
    """Elements of a row, and how many places there are for each."""

    size: int
    count: int


class Windows:
    """Windows of one size; what lies outside of the image is left out."""

    arrays: tuple[str, ...] = ()
    numbers = WindowNumbers

    line: Value
    quotients: Value

    def __init__(self, code: Body, element: str):
        self.code, self.element, self.n = code, element, code.n

    def begin(self, row: Value) -> None:
        """Look at a plane."""

    @contextmanager
    def rows(self, u0: Value, u1: Value) -> Iterator[Value]:
        """A loop over the rows that a place sees: where in the plane they begin."""
        n, zero = self.n, u0.like(0)
        with self.code.loop(zero, n.n0) as t0, self.code.loop(zero, n.n1) as t1:
            i0 = u0 * n.s0 + t0 * n.d0 - n.p0
            i1 = u1 * n.s1 + t1 * n.d1 - n.p1
            with self.code.when((i0 >= 0) & (i0 < n.x0) & (i1 >= 0) & (i1 < n.x1)):
                yield (i0 * n.x1 + i1) * n.x2

    @contextmanager
    def columns(self, u2: Value) -> Iterator[tuple[Value, Value]]:
        """A loop over what a vector of places sees of a row: the lanes' columns, and which there are."""
        code, n = self.code, self.n
        rest = within(code, n.u2 - u2)
        with code.loop(u2.like(0), n.n2) as t2:
            self.first = u2 * n.s2 + t2 * n.d2 - n.p2
            steps = code.iota("i32") * code.splat(n.s2.convert("i32"))
            lane = code.splat(self.first.convert("i32")) + steps
            yield lane, rest & (lane >= 0) & (lane < code.splat(n.x2.convert("i32")))

    def read(self, plane: Value, line: Value, lane: Value, mask: Value) -> Value:
        """The elements of a row in the lanes' columns, zeros where the mask has none."""
        code, type = self.code, self.code.vector(self.element)
        place, near, at = code.slot(type), self.n.s2.equals(1), line + self.first
        with code.when(near):
            name = f"getelementptr {self.element}, ptr {plane.name}, i64 {at.name}"
            code.store(code.masked_load(code.emit(name, "ptr"), type, mask), place)
        with code.when(near ^ 1):
            code.store(gathered(code, plane, self.element, at, self.n.s2, mask), place)
        return code.load(place, type)


class Parts:
    """The parts that each dimension is cut into; `bounds` has their beginnings and ends."""

    arrays: tuple[str, ...] = ("bounds",)
    numbers = PartNumbers

    line: Value
    quotients: Value

    def __init__(self, code: Body, element: str):
        self.code, self.element, self.n = code, element, code.n
        self.bounds = code.p["bounds"]

    def begin(self, row: Value) -> None:
        """Look at a plane, which may have bounds of its own."""
        self.bounds = self.code.at(self.code.p["bounds"], "i32", row * self.n.apart)

    def first(self, u0: Value, u1: Value) -> Value:
        """Where in the plane the first row begins that a place sees."""
        n = self.n
        return (self.bound(u0.like(0), u0) * n.x1 + self.bound(n.u0 * 2, u1)) * n.x2

    def bound(self, start: Value, index: Value) -> Value:
        return self.code.get(self.bounds, "i32", start + index).convert("i64")

    @contextmanager
    def rows(self, u0: Value, u1: Value) -> Iterator[Value]:
        n, zero = self.n, u0.like(0)
        second = n.u0 * 2
        with (
            self.code.loop(self.bound(zero, u0), self.bound(n.u0, u0)) as i0,
            self.code.loop(self.bound(second, u1), self.bound(second + n.u1, u1)) as i1,
        ):
            yield (i0 * n.x1 + i1) * n.x2

    @contextmanager
    def columns(self, u2: Value) -> Iterator[tuple[Value, Value]]:
        code, n = self.code, self.n
        rest, type = within(code, n.u2 - u2), code.vector("i32")
        third = (n.u0 + n.u1) * 2 + u2
        low = code.masked_load(code.at(self.bounds, "i32", third), type, rest)
        high = code.masked_load(code.at(self.bounds, "i32", third + n.u2), type, rest)
        with code.loop(u2.like(0), n.longest) as t2:
            lane = low + code.splat(t2.convert("i32"))
            yield lane, rest & (lane < high)

    def read(self, plane: Value, line: Value, lane: Value, mask: Value) -> Value:
        start = self.code.at(plane, self.element, line)
        return gathered(self.code, start, self.element, line.like(0), lane, mask)


View = type[Windows] | type[Parts]


def planes(
    name: str,
    arrays: Sequence[str],
    view: View,
    lanes: int,
    element: str,
    body: Callable[[Body, Any, Value], None],
    line: bool = False,
) -> Any:
    """A kernel whose rows `body` computes, given what it sees and the row.

    line: It gets room for a row of the image, `line`, and for a plane of it, `quotients`.
    """

    def write(code: Body) -> None:
        sight = view(code, element)
        n = sight.n
        if line:
            room = n.x2 + n.x0 * n.x1 * n.x2
            sight.line = code.scratch(room * (BITS[element] // 8))
            sight.quotients = code.at(sight.line, element, n.x2)
        with code.rows() as row:
            sight.begin(row)
            body(code, sight, row)
        if line:
            code.free(sight.line)

    return kernel(name, (*arrays, *view.arrays), view.numbers, write, lanes, makes=True)


@contextmanager
def places(code: Code, n: Any) -> Iterator[tuple[Value, Value, Value, Value]]:
    """A loop over the places of a plane, a vector at a time: (u0, u1, u2, where they are)."""
    zero = n.u0.like(0)
    with code.loop(zero, n.u0) as u0, code.loop(zero, n.u1) as u1:
        line = (u0 * n.u1 + u1) * n.u2
        with code.loop(zero, n.u2, code.lanes) as u2:
            yield u0, u1, u2, line + u2


def plane_of(code: Body, n: Any, name: str, element: str, row: Value, places: bool) -> Value:
    """Where a plane of an array begins: of the image's size, or one element a place."""
    size = n.u0 * n.u1 * n.u2 if places else n.x0 * n.x1 * n.x2
    return code.at(code.p[name], element, row * size)


@cache
def maxima(element: str, bits: int, view: View) -> Any:
    """The largest elements, and where in the plane they are; of several nan, the last one."""
    lanes = bits // BITS[element]

    def body(code: Body, sight: Any, row: Value) -> None:
        n = sight.n
        x = plane_of(code, n, "x", element, row, False)
        y = plane_of(code, n, "y", element, row, True)
        result = plane_of(code, n, "places", "i64", row, True)
        type, index = code.vector(element), code.vector("i32")
        best, found = code.slot(type), code.slot(index)
        with places(code, n) as (u0, u1, u2, where):
            code.store(code.constant(float("-inf"), type), best)
            code.store(code.constant(-1, index), found)
            with sight.rows(u0, u1) as line, sight.columns(u2) as (lane, mask):
                value = sight.read(x, line, lane, mask)
                old, known = code.load(best, type), code.load(found, index)
                wins = mask & ((value > old) | value.is_nan() | (known < 0))
                here = code.splat(line.convert("i32")) + lane
                code.store(choose(wins, value, old), best)
                code.store(choose(wins, here, known), found)
            rest = within(code, n.u2 - u2)
            wide = code.load(found, index).convert("i64")
            code.masked_store(wide, code.at(result, "i64", where), rest)
            code.masked_store(code.load(best, type), code.at(y, element, where), rest)

    return planes("max_pool", ("x", "y", "places"), view, lanes, element, body)


@cache
def means(element: str, bits: int, view: View) -> Any:
    """Sums of what places see, divided."""
    lanes = bits // BITS[element]

    def body(code: Body, sight: Any, row: Value) -> None:
        n, type = sight.n, code.vector(element)
        x = plane_of(code, n, "x", element, row, False)
        y = plane_of(code, n, "y", element, row, True)

        def deliver(total: Value, where: Value, rest: Value) -> None:
            by = code.masked_load(code.at(code.p["divisors"], element, where), type, rest)
            code.masked_store(total / by, code.at(y, element, where), rest)

        sums(code, sight, x, deliver)

    return planes("avg_pool", ("x", "y", "divisors"), view, lanes, element, body, line=True)


@cache
def shares(element: str, bits: int) -> Any:
    """Sums of what is seen of values that are divided first: the transpose of `means`, by parts."""
    lanes = bits // BITS[element]

    def body(code: Body, sight: Any, row: Value) -> None:
        n, type = sight.n, code.vector(element)
        g = plane_of(code, n, "x", element, row, False)
        y = plane_of(code, n, "y", element, row, True)
        with code.loop(code.zero, n.x0 * n.x1 * n.x2, lanes) as i:
            rest = within(code, n.x0 * n.x1 * n.x2 - i)
            by = code.masked_load(code.at(code.p["divisors"], element, i), type, rest)
            value = code.masked_load(code.at(g, element, i), type, rest) / by
            code.masked_store(value, code.at(sight.quotients, element, i), rest)

        def deliver(total: Value, where: Value, rest: Value) -> None:
            code.masked_store(total, code.at(y, element, where), rest)

        sums(code, sight, sight.quotients, deliver)

    return planes(
        "avg_pool_backward", ("x", "y", "divisors"), Parts, lanes, element, body, line=True
    )


def sums(
    code: Body, sight: Any, plane: Value, deliver: Callable[[Value, Value, Value], None]
) -> None:
    """The sums of what places see: of the rows first, side by side, and then within their sum."""
    n, element = sight.n, sight.element
    type, zero = code.vector(element), code.zero
    total = code.slot(type)
    with code.loop(zero, n.u0) as u0, code.loop(zero, n.u1) as u1:
        clear(code, sight.line, n.x2, element)
        with sight.rows(u0, u1) as start, code.loop(zero, n.x2, code.lanes) as i2:
            rest = within(code, n.x2 - i2)
            at = code.at(sight.line, element, i2)
            value = code.masked_load(code.at(plane, element, start + i2), type, rest)
            code.masked_store(code.masked_load(at, type, rest) + value, at, rest)
        with code.loop(zero, n.u2, code.lanes) as u2:
            code.store(code.constant(0.0, type), total)
            with sight.columns(u2) as (lane, mask):
                value = sight.read(sight.line, zero, lane, mask)
                code.store(code.load(total, type) + value, total)
            where = (u0 * n.u1 + u1) * n.u2 + u2
            deliver(code.load(total, type), where, within(code, n.u2 - u2))


@contextmanager
def listed(code: Body, row: Value) -> Iterator[tuple[Value, Value]]:
    """A loop over a row's places: (which, place). One that lies outside is reported."""
    n = code.n
    start = row * n.count
    with code.loop(code.zero, n.count) as i:
        place = code.load_once(code.at(code.p["places"], "i64", start + i), "i64")
        inside = (place >= 0) & (place < n.size)
        with code.when(inside ^ 1):
            code.report(code.number(OUTSIDE))
        with code.when(inside):
            yield start + i, place


@cache
def taken(element: str) -> Any:
    def write(code: Body) -> None:
        with code.rows() as row:
            x = code.at(code.p["x"], element, row * code.n.size)
            with listed(code, row) as (i, place):
                code.put(code.get(x, element, place), code.p["result"], i)

    return kernel("take", ("x", "places", "result"), PlaceNumbers, write, 1, makes=True)


@cache
def spread(element: str) -> Any:
    def write(code: Body) -> None:
        with code.rows() as row:
            result = code.at(code.p["result"], element, row * code.n.size)
            clear(code, result, code.n.size, element)
            with listed(code, row) as (i, place):
                at = code.at(result, element, place)
                value = code.get(code.p["x"], element, i)
                code.store(code.load(at, element) + value, at)

    return kernel("spread", ("x", "places", "result"), PlaceNumbers, write, 1, makes=True)
