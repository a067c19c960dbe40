"""Discrete Fourier transforms of many rows or columns at once.

As many transforms as a vector has lanes go through the stages together: Stockham's form of mixed radices, which needs
no reordering, between two buffers in which a point is a vector of real parts and one of imaginary parts. Rows come
there and back by transposing squares in registers, columns as they are. A transform of an even number of real points
is one of half as many complex points, which are taken apart (put together) in one more pass: Sorensen et al., IEEE
Transactions on Acoustics, Speech, and Signal Processing 35 (1987). What becomes of a row depends on that row alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS, Value, quotient, remainder
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine
from .copy import in_order

RADICES = (8, 4, 2, 3, 5, 7)
"""What lengths are divided by, in this order, and what code is written out for."""
PRIMES = (11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61)
"""Other factors, which share the code of a loop."""
LONGEST = 1 << 14
"""Points of a transform: the buffers of longer ones do not stay near."""
FEWEST = 3
"""Transforms from which it pays to compute as many as there are lanes."""
ROWS, COLUMNS, APART = range(3)
"""How the transforms of a group lie: one after the other, side by side, or each somewhere."""
TYPES = {np.dtype(np.complex64): "float", np.dtype(np.complex128): "double",
         np.dtype(np.float32): "float", np.dtype(np.float64): "double"}  # fmt: skip


class Numbers(NamedTuple):
    """What a kernel is told.

    Attributes:
        points: Of the complex transform.
        stages: How many there are.
        count: Transforms in all.
        inner: Elements behind the dimension: from one point to the next.
        groups: Groups of columns, of one place before the dimension.
        mode: ROWS, COLUMNS or APART.
        swap: Are real and imaginary parts exchanged, before and after? That is the inverse transform.
    """

    points: int
    stages: int
    count: int
    inner: int
    groups: int
    mode: int
    swap: int


def complex_to_complex(x: Any, dim: int, forward: bool, scale: float) -> Any:
    """Transforms along a dimension, times `scale`; NotImplemented for what this is not made for."""
    return _transformed(x, dim, "complex", x.shape[dim], x.shape[dim], not forward, scale, x.dtype)


def real_to_half(x: Any, dim: int, scale: float) -> Any:
    """The first halves of the transforms of real numbers, an even number of them."""
    n = x.shape[dim]
    kind = np.dtype(np.complex64 if x.dtype == np.float32 else np.complex128)
    return (
        _transformed(x, dim, "to half", n // 2, n // 2 + 1, False, scale, kind)
        if n % 2 == 0
        else NotImplemented
    )


def real_to_complex(x: Any, dim: int, scale: float) -> Any:
    """The transforms of real numbers, an even number of them: the second half mirrors the first."""
    n = x.shape[dim]
    kind = np.dtype(np.complex64 if x.dtype == np.float32 else np.complex128)
    if n % 2:
        return NotImplemented
    return _transformed(x, dim, "to whole", n // 2, n, False, scale, kind)


def half_to_real(x: Any, dim: int, n: int, scale: float) -> Any:
    """The inverse transforms to an even number of real numbers, of their first halves."""
    if n % 2 or x.shape[dim] != n // 2 + 1:
        return NotImplemented
    kind = np.dtype(np.float32 if x.dtype == np.complex64 else np.float64)
    return _transformed(x, dim, "to real", n // 2, n, True, scale, kind)


def _transformed(
    x: Any, dim: int, kind: str, points: int, size: int, swap: bool, scale: float, dtype: Any
) -> Any:
    element = TYPES.get(x.dtype) if x.__class__ is np.ndarray else None
    if element is None or not 1 < points <= LONGEST or not x.size:
        return NotImplemented
    stages = _stages(points, element)
    count = x.size // x.shape[dim]
    if stages is None or count < FEWEST:
        return NotImplemented
    made = memory.empty((*x.shape[:dim], size, *x.shape[dim + 1 :]), dtype)
    lanes = machine().bits // BITS[element]
    given = _told(points, len(stages[0]), count, math.prod(x.shape[dim + 1 :]), lanes, swap)
    halves = _halves(points, element, kind == "to real")
    own = np.array([scale], element.replace("float", "f4").replace("double", "f8"))
    _kernel(element, kind)(in_order(x), made, *stages, halves, own, *given)
    return made


@lru_cache(1024)
def _told(
    points: int, stages: int, count: int, inner: int, lanes: int, swap: bool
) -> tuple[int, ...]:
    mode = ROWS if inner == 1 else COLUMNS if inner >= lanes else APART
    groups = -(-inner // lanes)
    rows = count // inner * groups if mode == COLUMNS else -(-count // lanes)
    work = count * points * 4 * (stages + 2)
    job = Job(rows=rows, length=1, weight=work, divisible=False)
    return *job, *Numbers(
        points=points, stages=stages, count=count, inner=inner, groups=groups, mode=mode, swap=int(swap)
    )  # fmt: skip


def _factors(n: int) -> list[int] | None:
    found = []
    for radix in RADICES + PRIMES:
        while n % radix == 0:
            found.append(radix)
            n //= radix
    return found if n == 1 else None


@lru_cache(64)
def _stages(n: int, element: str) -> tuple[Any, Any] | None:
    """For each stage: its radix, how many groups remain, from one point of a group to the next, where its factors
    begin, and where its roots of 1; and both. None where a prime is too large."""
    factors = _factors(n)
    if factors is None:
        return None
    rows, tables, step, begin = [], [], 1, 0
    for radix in sorted(factors, reverse=True):
        m = n // radix
        turns = np.outer(np.arange(m), np.arange(1, radix)) / n
        rows.append((radix, m, step, begin, begin + 2 * turns.size))
        for each in (turns, np.arange(radix) / radix):
            tables.append(_pairs(each, element).reshape(-1))
            begin += tables[-1].size
        n, step = m, step * radix
    return np.array(rows, np.int64), np.concatenate(tables)


def _pairs(turns: Any, element: str, factor: complex = 1) -> Any:
    """exp(-2 pi i turns) as real and imaginary parts."""
    values = factor * np.exp(-2j * np.pi * turns)
    kind = np.float32 if element == "float" else np.float64
    return np.stack([values.real, values.imag], -1).astype(kind)


@lru_cache(64)
def _halves(points: int, element: str, back: bool) -> Any:
    """The factors by which a spectrum is taken apart, or put together."""
    turns = np.arange(points + 1) / (2 * points)
    return _pairs(-turns if back else turns, element, 1j if back else -0.5j)


@cache
def _kernel(element: str, kind: str) -> Callable[..., int]:
    return kernel(
        f"fourier_{kind.replace(' ', '_')}", ("x", "y", "plan", "factors", "halves", "scale"), Numbers,
        lambda code: Writer(code, element, kind).write(), machine().bits // BITS[element], makes=True,
    )  # fmt: skip


Point = tuple[Value, Value]
"""A vector of real parts, and one of imaginary parts."""


class Writer:
    """Writes a kernel. Buffers are counted in elements: a point has two vectors."""

    def __init__(self, code: Body, element: str, kind: str):
        self.code, self.element, self.kind = code, element, kind
        self.type, self.lanes = code.vector(element), code.lanes
        self.sums, self.gaps = (
            code.slot(f"[{(PRIMES[-1] // 2 + 1) * 2 * self.lanes} x {element}]") for _ in range(2)
        )

    def write(self) -> None:
        code, n = self.code, self.code.n
        most = n.points * 2 if self.kind == "to whole" else n.points + 1
        size = most * (2 * self.lanes * BITS[self.element] // 8)
        room = code.scratch(size * 2 + 64)
        aligned = ((room.address() + 63) & -64).as_pointer()
        scale = code.splat(code.get(code.p["scale"], self.element, code.zero))
        with code.rows() as group:
            here, there = code.variable(0), code.variable(0)
            here.value, there.value = aligned.address(), aligned.byte(size).address()

            def turn() -> None:
                """What was written is read next."""
                here.value, there.value = there.value, here.value

            real_in, real_out = self.kind in ("to half", "to whole"), self.kind == "to real"
            points_in = n.points + 1 if real_out else n.points
            points_out = most if real_in else n.points
            swaps_in = code.zero if real_out else n.swap
            self.move(group, here.value.as_pointer(), points_in, real_in, swaps_in, None)
            if real_out:
                self.put_together(here.value.as_pointer(), there.value.as_pointer())
                turn()
            with code.loop(code.zero, n.stages) as i:
                self.stage(i, here.value.as_pointer(), there.value.as_pointer())
                turn()
            if real_in:
                self.take_apart(here.value.as_pointer(), there.value.as_pointer())
                turn()
            self.move(group, here.value.as_pointer(), points_out, real_out, n.swap, scale)
        code.free(room)

    # --------------------------------------------------------------------------------- buffers

    def load(self, buffer: Value, point: Value) -> Point:
        at = point * (2 * self.lanes)
        return tuple(
            self.code.load(self.code.at(buffer, self.element, at + k * self.lanes), self.type)
            for k in (0, 1)
        )  # type: ignore[return-value]

    def store(self, buffer: Value, point: Value, value: Point) -> None:
        at = point * (2 * self.lanes)
        for k in (0, 1):
            self.code.store(value[k], self.code.at(buffer, self.element, at + k * self.lanes))

    def factor(self, table: Value, at: Value) -> Point:
        """A complex number from a table, in all lanes."""
        code = self.code
        return tuple(code.splat(code.get(table, self.element, at + k)) for k in (0, 1))  # type: ignore[return-value]

    # ---------------------------------------------------------------------------------- stages

    def stage(self, i: Value, here: Value, there: Value) -> None:
        code = self.code
        radix, m, step, begin, roots = (
            code.get(code.p["plan"], "i64", i * 5 + k) for k in range(5)
        )
        for own in RADICES:
            with code.when(radix.equals(own)), code.loop(code.zero, m) as p:
                at = begin + p * (2 * (own - 1))
                factors = [self.factor(code.p["factors"], at + 2 * k) for k in range(own - 1)]
                with code.loop(code.zero, step) as q:
                    points = [self.load(here, q + (p + m * k) * step) for k in range(own)]
                    found = _butterfly(points)
                    for k in range(own):
                        value = found[k] if k == 0 else _product(found[k], factors[k - 1])
                        self.store(there, q + (p * own + k) * step, value)

        with (
            code.when(radix > RADICES[-1] + 1),
            code.loop(code.zero, m) as p,
            code.loop(code.zero, step) as q,
        ):
            self.prime(here, there, radix, q + p * step, m * step, q + p * radix * step, step,
                       begin + p * (radix - 1) * 2, roots)  # fmt: skip

    def prime(
        self, here: Value, there: Value, radix: Value, start: Value, apart: Value, target: Value,
        step: Value, factors: Value, roots: Value,
    ) -> None:  # fmt: skip
        """The transform of as many points as a prime number, as in `_of_odd_many`.

        Args:
            start, apart: The first point and the distance of the others; `target` and `step` are those of results.
            factors, roots: Where the stage's factors for these points begin, and its roots of 1.
        """
        code, table = self.code, self.code.p["factors"]
        half = (radix + 1).down(1)
        first = self.load(here, start)
        total = [code.slot(self.type, part) for part in first]
        with code.loop(code.number(1), half) as k:
            a = self.load(here, start + apart * k)
            b = self.load(here, start + apart * (radix - k))
            added = (a[0] + b[0], a[1] + b[1])
            self.store(self.sums, k, added)
            self.store(self.gaps, k, (a[0] - b[0], a[1] - b[1]))
            for place, part in zip(total, added):
                code.store(code.load(place, self.type) + part, place)
        self.store(there, target, tuple(code.load(place, self.type) for place in total))  # type: ignore[arg-type]
        with code.loop(code.number(1), half) as j:
            even = [code.slot(self.type, part) for part in first]
            odd = [code.slot(self.type, code.constant(0.0, self.type)) for _ in first]
            turn = code.variable(0)
            with code.loop(code.number(1), half) as k:
                at = turn.value + j
                at = (at >= radix).select(at - radix, at)
                turn.value = at
                cosine, sine = self.factor(table, roots + at * 2)
                for values, places, by in (
                    (self.load(self.sums, k), even, cosine), (self.load(self.gaps, k), odd, -sine)
                ):  # fmt: skip
                    for value, place in zip(values, places):
                        code.store(value.multiply_add(by, code.load(place, self.type)), place)
            e, o = ([code.load(place, self.type) for place in places] for places in (even, odd))
            found: list[tuple[Value, Point]] = [
                (j, (e[0] + o[1], e[1] - o[0])),
                (radix - j, (e[0] - o[1], e[1] + o[0])),
            ]
            for which, point in found:
                factor = self.factor(table, factors + (which - 1) * 2)
                self.store(there, target + which * step, _product(point, factor))

    def take_apart(self, here: Value, there: Value) -> None:
        """The spectrum of real points, of the transform of pairs of them."""
        code, n = self.code, self.code.n
        half = code.constant(0.5, self.type)
        with code.loop(code.zero, n.points + 1) as k:
            last = k.equals(n.points)
            a = self.load(here, last.select(code.zero, k))
            b = self.load(here, k.equals(0).select(code.zero, n.points - k))
            factor = self.factor(code.p["halves"], k * 2)
            even = (a[0] + b[0]) * half, (a[1] - b[1]) * half
            odd = _product((a[0] - b[0], a[1] + b[1]), factor)
            value = even[0] + odd[0], even[1] + odd[1]
            self.store(there, k, value)
            if self.kind == "to whole":
                with code.when((k > 0) & (k < n.points)):
                    self.store(there, n.points * 2 - k, (value[0], -value[1]))

    def put_together(self, here: Value, there: Value) -> None:
        """The transform of pairs of real points, parts exchanged, of their spectrum."""
        code, n = self.code, self.code.n
        nothing = code.constant(0.0, self.type)
        for k in (code.zero, n.points):  # what stands there counts as real
            self.store(here, k, (self.load(here, k)[0], nothing))
        with code.loop(code.zero, n.points) as k:
            a, b = self.load(here, k), self.load(here, n.points - k)
            factor = self.factor(code.p["halves"], k * 2)
            odd = _product((a[0] - b[0], a[1] + b[1]), factor)
            self.store(there, k, (a[1] - b[1] + odd[1], a[0] + b[0] + odd[0]))

    # ------------------------------------------------------------------------- there and back

    def move(
        self,
        group: Value,
        buffer: Value,
        points: Value,
        real: bool,
        swap: Value,
        scale: Value | None,
    ) -> None:
        """Points of a group from x into a buffer, or, where there is a scale, from it to y.

        Args:
            real: Are the points pairs of real numbers?
            swap: Not 0: real and imaginary parts are exchanged.
        """
        code, n = self.code, self.code.n
        with code.when(n.mode.equals(ROWS)):
            self.rows(group, buffer, points, swap, scale)
        with code.when(n.mode.equals(COLUMNS)):
            self.columns(group, buffer, points, real, swap, scale)
        with code.when(n.mode.equals(APART)):
            place = [self.place(group, lane, points, real) for lane in range(self.lanes)]
            with code.loop(code.zero, points) as j:
                self.single(place, j, buffer, real, swap, scale)

    def place(self, group: Value, lane: int, points: Value, real: bool) -> Value:
        """Where a transform begins, in elements; the last one serves for lanes without one."""
        code, n = self.code, self.code.n
        which = code.smaller(group * self.lanes + lane, n.count - 1)
        outer, column = quotient(which, n.inner), remainder(which, n.inner)
        first = outer * points * n.inner
        return first * 2 + column if real else (first + column) * 2

    def single(
        self,
        places: list[Value],
        j: Value,
        buffer: Value,
        real: bool,
        swap: Value,
        scale: Value | None,
    ) -> None:
        """One point of each transform, lane by lane."""
        code, n, lanes = self.code, self.code.n, self.lanes
        memory = code.p["x" if scale is None else "y"]
        at, one = j * n.inner * 2, n.inner if real else code.number(1)
        differs = swap.differs(0)
        for lane, place in enumerate(places):
            for k in (0, 1):
                there = place + at + one * k
                part = differs.select(code.number(1 - k), code.number(k))
                own = j * (2 * lanes) + part * lanes + lane
                if scale is None:
                    code.put(code.get(memory, self.element, there), buffer, own)
                else:
                    code.put(code.get(buffer, self.element, own) * scale.lane(), memory, there)

    def swapped(self, value: Point, swap: Value) -> Point:
        differs = swap.differs(0)
        return differs.select(value[1], value[0]), differs.select(value[0], value[1])

    def rows(
        self, group: Value, buffer: Value, points: Value, swap: Value, scale: Value | None
    ) -> None:
        """Squares of as many points as a vector holds, of as many rows."""
        code, width = self.code, self.lanes // 2
        places = [self.place(group, lane, points, False) for lane in range(self.lanes)]
        memory = code.p["x" if scale is None else "y"]
        lines = [code.at(memory, self.element, place) for place in places]
        whole = points & -width
        with code.loop(code.zero, whole, width) as j:
            at = [code.at(line, self.element, j * 2) for line in lines]
            if scale is None:
                found = [code.load(pointer, self.type) for pointer in at]
                upper, lower = _transposed(found[:width]), _transposed(found[width:])
                for k in range(width):
                    even, odd = _parted(upper[k], lower[k])
                    self.store(buffer, j + k, self.swapped((even, odd), swap))
            else:
                values = [self.swapped(self.load(buffer, j + k), swap) for k in range(width)]
                mixed = [_mixed(re * scale, im * scale) for re, im in values]
                found = [
                    value
                    for half in (0, 1)
                    for value in _transposed([pair[half] for pair in mixed])
                ]
                for pointer, value in zip(at, found):
                    code.store(value, pointer)
        with code.loop(whole, points) as j:
            self.single(places, j, buffer, False, swap, scale)

    def columns(
        self,
        group: Value,
        buffer: Value,
        points: Value,
        real: bool,
        swap: Value,
        scale: Value | None,
    ) -> None:
        """Neighbouring columns; the last group ends with the last column and shares some with the one before."""
        code, n = self.code, self.code.n
        memory = code.p["x" if scale is None else "y"]
        outer, which = quotient(group, n.groups), remainder(group, n.groups)
        column = code.smaller(which * self.lanes, n.inner - self.lanes)
        start = outer * points * n.inner
        with code.loop(code.zero, points) as j:
            if real:
                first = start * 2 + j * n.inner * 2 + column
                at = [code.at(memory, self.element, first + n.inner * k) for k in (0, 1)]
            else:
                first = (start + j * n.inner + column) * 2
                at = [code.at(memory, self.element, first + k * self.lanes) for k in (0, 1)]
            if scale is None:
                a, b = (code.load(pointer, self.type) for pointer in at)
                parts = (a, b) if real else _parted(a, b)
                self.store(buffer, j, self.swapped(parts, swap))
            else:
                re, im = self.swapped(self.load(buffer, j), swap)
                parts = (re * scale, im * scale)
                for value, pointer in zip(parts if real else _mixed(*parts), at):
                    code.store(value, pointer)


# ------------------------------------------------------------------------------------------ arithmetic


def _product(x: Point, y: Point) -> Point:
    re = x[0].multiply_add(y[0], -(x[1] * y[1]))
    return re, x[0].multiply_add(y[1], x[1] * y[0])


def _butterfly(x: list[Point]) -> list[Point]:
    """The transform of a few points."""
    if len(x) == 2:
        (a, b), (c, d) = x
        return [(a + c, b + d), (a - c, b - d)]
    if len(x) == 4:
        (s, t), (u, v) = _butterfly([x[0], x[2]]), _butterfly([x[1], x[3]])
        return [
            (s[0] + u[0], s[1] + u[1]), (t[0] + v[1], t[1] - v[0]),
            (s[0] - u[0], s[1] - u[1]), (t[0] - v[1], t[1] + v[0]),
        ]  # fmt: skip
    if len(x) == 8:
        even, odd = _butterfly(x[::2]), _butterfly(x[1::2])
        root = even[0][0].like(math.sqrt(0.5))
        turned = [
            odd[0],
            ((odd[1][0] + odd[1][1]) * root, (odd[1][1] - odd[1][0]) * root),
            (odd[2][1], -odd[2][0]),
            ((odd[3][1] - odd[3][0]) * root, -((odd[3][0] + odd[3][1]) * root)),
        ]
        pairs = list(zip(even, turned))
        return [(a[0] + b[0], a[1] + b[1]) for a, b in pairs] + [
            (a[0] - b[0], a[1] - b[1]) for a, b in pairs
        ]
    return _of_odd_many(x)


def _of_odd_many(x: list[Point]) -> list[Point]:
    """An odd number of points: those at equal distances from the first share their factors."""
    n = len(x)
    half = range(1, n // 2 + 1)
    sums = {k: tuple(a + b for a, b in zip(x[k], x[n - k])) for k in half}
    gaps = {k: tuple(a - b for a, b in zip(x[k], x[n - k])) for k in half}
    first = x[0]
    for k in half:
        first = (first[0] + sums[k][0], first[1] + sums[k][1])
    found: dict[int, Point] = {0: first}
    for j in half:
        even, odd = x[0], None
        for k in half:
            turn = 2 * math.pi * (j * k % n) / n
            even = tuple(s.multiply_add(math.cos(turn), e) for s, e in zip(sums[k], even))  # type: ignore[assignment]
            sine = math.sin(turn)
            odd = (
                tuple(g * sine for g in gaps[k])
                if odd is None
                else tuple(g.multiply_add(sine, o) for g, o in zip(gaps[k], odd))
            )
        assert odd is not None
        found[j] = even[0] + odd[1], even[1] - odd[0]
        found[n - j] = even[0] - odd[1], even[1] + odd[0]
    return [found[j] for j in range(n)]


def _transposed(rows: list[Value]) -> list[Value]:
    """A square of pairs of elements, each row in a vector."""
    rows, n, by = list(rows), len(rows), 1
    while by < n:
        for i in range(n):
            if i & by:
                continue
            a, b = rows[i], rows[i + by]
            first = [k if not k & by else n + k - by for k in range(n)]
            second = [k + by if not k & by else n + k for k in range(n)]
            rows[i], rows[i + by] = (
                a.shuffled(b, [2 * k + part for k in order for part in (0, 1)])
                for order in (first, second)
            )
        by *= 2
    return rows


def _parted(a: Value, b: Value) -> Point:
    """Real and imaginary parts of the complex numbers in two vectors."""
    n = a.code.lanes
    return a.shuffled(b, range(0, 2 * n, 2)), a.shuffled(b, range(1, 2 * n, 2))


def _mixed(re: Value, im: Value) -> Point:
    """Complex numbers in two vectors, of their parts."""
    n = re.code.lanes
    order = [k // 2 + (n if k % 2 else 0) for k in range(2 * n)]
    return re.shuffled(im, order[:n]), re.shuffled(im, order[n:])
