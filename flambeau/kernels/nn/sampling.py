"""Images at the places of a grid: the samples, and their gradients towards the image and the grid.

The places of some points are computed a vector at a time. Then each point is taken by itself, for one channel after
the other: what it looks at in a row of the image are neighbours, so where all of that lies within the image a row is
one load and one product of as many lanes. A point at the border looks at each element by itself.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any, NamedTuple

from ..array.copy import in_order
from ..array.vector_loop import fill
from ..llvm import BITS, Value, choose, quotient, remainder
from ..matmul.matmul import ELEMENTS
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine

POINTS = 64
"""Points whose places are computed at once."""
GROUPS = 4
"""Into how many groups an image's channels are divided, so that threads share its gradient."""
TAPS = {"nearest": (0,), "bilinear": (0, 1), "bicubic": (-1, 0, 1, 2)}
"""What a point looks at in each dimension, counted from the element before it (the nearest one)."""


class Form(NamedTuple):
    """What a kernel's text depends on. does: "sample", or the gradient towards "image" or "grid"."""

    does: str
    element: str
    dims: int
    mode: str
    padding: str
    aligned: bool


class Numbers(NamedTuple):
    """Channels, points of an image, blocks of points or groups of channels, and sizes from the last dimension on."""

    channels: int
    points: int
    parts: int
    size0: int
    size1: int
    size2: int


def samples(x: Any, grid: Any, mode: str, padding: str, aligned: bool) -> Any:
    """(N, C, ...) of images (N, C, sizes) at a grid (N, ..., dimensions), of one dtype."""
    made = memory.empty((*x.shape[:2], *grid.shape[1:-1]), x.dtype)
    _run("sample", x.shape, x, grid, made, made.size, mode, padding, aligned)
    return made


def toward_image(
    g: Any, grid: Any, shape: tuple[int, ...], mode: str, padding: str, aligned: bool
) -> Any:
    """The gradient of images of this shape."""
    made = memory.empty(shape, g.dtype)
    _run("image", shape, made, grid, g, g.size + made.size, mode, padding, aligned)
    return made


def toward_grid(g: Any, x: Any, grid: Any, mode: str, padding: str, aligned: bool) -> Any:
    """The gradient of the grid."""
    made = memory.empty(grid.shape, g.dtype)
    _run("grid", x.shape, x, grid, g, g.size + made.size, mode, padding, aligned, made)
    return made


def _run(
    does: str, shape: tuple[int, ...], x: Any, grid: Any, y: Any, weight: int, mode: str,
    padding: str, aligned: bool, *made: Any,
) -> None:  # fmt: skip
    if not weight:
        return
    form = Form(does, ELEMENTS[x.dtype], len(shape) - 2, mode, padding, aligned)
    given = _told(does, shape, math.prod(grid.shape[1:-1]), weight)
    _kernel(form)(in_order(x), in_order(grid), in_order(y), *made, *given)


@lru_cache(1024)
def _told(does: str, shape: tuple[int, ...], points: int, weight: int) -> tuple[int, ...]:
    n, c, *sizes = shape
    parts = min(c, max(GROUPS // n, 1)) if does == "image" else -(-points // POINTS)
    job = Job(rows=n * parts, length=1, weight=8 * weight, divisible=False)
    size0, size1, size2 = (*sizes[::-1], 1)[:3]
    return *job, *Numbers(
        channels=c, points=points, parts=parts, size0=size0, size1=size1, size2=size2
    )


@cache
def _kernel(form: Form) -> Callable[..., int]:
    arrays = ("x", "grid", "y", *(("made",) if form.does == "grid" else ()))
    return kernel(
        f"grid_{form.does}", arrays, Numbers, lambda code: Writer(code, form).write(),
        machine().bits // BITS[form.element], makes=True,
    )  # fmt: skip


class Places:
    """Where points lie in one dimension, on the stack.

    Attributes:
        low: The element before (the nearest one), as a float: it may be far outside.
        part: How far the point lies behind it.
        slope: How far it moves with the grid's number.
    """

    def __init__(self, code: Body, element: str):
        self.low, self.part, self.slope = (code.slot(f"[{POINTS} x {element}]") for _ in range(3))


class Writer:
    """Writes a kernel. Dimensions are counted from the last one of an image, the first number of a point."""

    def __init__(self, code: Body, form: Form):
        self.code, self.form = code, form
        self.taps = TAPS[form.mode]
        n = code.n
        self.sizes = [n.size0, n.size1, n.size2][: form.dims]
        self.steps = [code.number(1), n.size0, n.size0 * n.size1][: form.dims]
        self.plane = n.size0 * n.size1 * n.size2
        self.lengths = [size.convert(form.element) for size in self.sizes]
        self.places = [Places(code, form.element) for _ in self.sizes]
        self.starts = code.slot(f"[{POINTS} x i64]")
        self.weights = [
            [code.slot(f"[{POINTS} x {form.element}]") for _ in self.taps] for _ in self.sizes
        ]
        count = len(self.taps) ** form.dims
        self.sums = code.slot(f"[{count} x {form.element}]")

    def write(self) -> None:
        code, n = self.code, self.code.n
        with code.rows() as row:
            image, part = quotient(row, n.parts), remainder(row, n.parts)
            if self.form.does == "image":
                first, last = (quotient((part + i) * n.channels, n.parts) for i in (0, 1))
                x = code.at(
                    code.p["x"], self.form.element, (image * n.channels + first) * self.plane
                )
                zero = code.constant(0, self.form.element)
                fill(code, x, zero, code.zero, (last - first) * self.plane)
                with code.loop(code.zero, n.points, POINTS) as start:
                    self.block(image, start, first, last)
            else:
                self.block(image, part * POINTS, code.zero, n.channels)

    def block(self, image: Value, start: Value, first: Value, last: Value) -> None:
        """Some points of an image, and the channels from `first` to `last`."""
        code, n, element = self.code, self.code.n, self.form.element
        count = code.smaller(n.points - start, code.number(POINTS))
        grid = code.at(code.p["grid"], element, (image * n.points + start) * self.form.dims)
        with code.loop(code.zero, count) as i:
            for d, places in enumerate(self.places):
                code.put(code.get(grid, element, i * self.form.dims + d), places.low, i)
        for d, places in enumerate(self.places):
            with code.loop(code.zero, count, code.lanes) as i:
                self.locate(places, d, i)
        with code.loop(code.zero, count, code.lanes) as i:
            self.weigh(i)
        with code.loop(code.zero, count) as i:
            self.point(image, start + i, i, first, last)

    # ---------------------------------------------------------------------------------- places

    def locate(self, places: Places, d: int, i: Value) -> None:
        """A vector of the grid's numbers becomes places."""
        code, form = self.code, self.form
        type = code.vector(form.element)
        x = code.load(code.at(places.low, form.element, i), type)
        lost = (x - x).is_nan() if form.padding == "reflection" else x.is_nan()
        x = choose(lost, x.like(-1.0), x)
        size = code.splat(self.lengths[d])
        if form.aligned:
            half = (size - 1.0) * 0.5
            place, slope = (x + 1.0) * half, half
        else:
            place, slope = ((x + 1.0) * size - 1.0) * 0.5, size * 0.5
        slope = choose(lost, x.like(0.0), slope)
        cubic = form.mode == "bicubic"
        if form.padding == "zeros" or (cubic and form.padding == "border"):
            place, turn = self.clipped(place, x.like(-3.0), size + 2.0)
            slope = slope * turn
        elif not cubic:
            place, turn = self.brought(place, size)
            slope = slope * turn
        low = code.intrinsic("rint" if form.mode == "nearest" else "floor", place)
        code.store(low, code.at(places.low, form.element, i))
        code.store(place - low, code.at(places.part, form.element, i))
        code.store(slope, code.at(places.slope, form.element, i))

    def clipped(self, x: Value, low: Value, high: Value) -> tuple[Value, Value]:
        """Bounded numbers, and their slopes."""
        inside = (x > low) & (x < high)
        bounded = choose(x < low, low, choose(x > high, high, x))
        return bounded, choose(inside, x.like(1.0), 0.0)

    def brought(self, x: Value, size: Value) -> tuple[Value, Value]:
        """Places brought into the image by the padding, and their slopes."""
        turn: Any = 1.0
        if self.form.padding == "reflection":
            x, turn = self.reflected(x, size)
        x, inside = self.clipped(x, x.like(0.0), size - 1.0)
        return x, inside * turn

    def reflected(self, x: Value, size: Value) -> tuple[Value, Value]:
        """Places reflected at both ends as often as it takes, and their slopes."""
        code = self.code
        low = x.like(0.0 if self.form.aligned else -0.5)
        span = size - 1.0 if self.form.aligned else size
        away, side = (x - low).abs(), choose(x < low, x.like(-1.0), 1.0)
        turns = code.intrinsic("floor", away / span)
        extra = away - turns * span
        half = turns * 0.5
        even = half.equals(code.intrinsic("floor", half))
        x = choose(even, extra + low, low + span - extra)
        side = choose(even, side, -side)
        none = span.equals(0.0)
        return choose(none, x.like(0.0), x), choose(none, x.like(0.0), side)

    # ---------------------------------------------------------------------------------- points

    def weigh(self, i: Value) -> None:
        """Where a vector of points begin to look, -1 for those that look beyond the image, and all weights."""
        code, element = self.code, self.form.element
        type = code.vector(element)
        inside: Any = None
        start: Any = None
        for places, length, step, own in zip(self.places, self.lengths, self.steps, self.weights):
            low = code.load(code.at(places.low, element, i), type)
            part = code.load(code.at(places.part, element, i), type)
            here = (low >= -float(self.taps[0])) & (low + float(self.taps[-1]) < code.splat(length))
            inside = here if inside is None else inside & here
            place = (choose(here, low, 0.0).convert("i64") + self.taps[0]) * code.splat(step)
            start = place if start is None else start + place
            for o, slot in zip(self.taps, own):
                code.store(self.weight(part, o), code.at(slot, element, i))
        code.store(choose(inside, start, -1), code.at(self.starts, "i64", i))

    def point(self, image: Value, at: Value, i: Value, first: Value, last: Value) -> None:
        """One point: within the image, or at its border."""
        code, n, element = self.code, self.code.n, self.form.element
        weights = [[code.get(slot, element, i) for slot in own] for own in self.weights]
        plane, y = image * n.channels, image * n.channels * n.points + at
        if self.form.does == "grid":
            for k in range(len(self.taps) ** self.form.dims):
                code.put(code.constant(0, element), self.sums, code.number(k))
        start = code.get(self.starts, "i64", i)
        with code.either(start >= 0) as (within, border):
            with within:
                self.inside(start, weights, plane, y, first, last)
            with border:
                lows = [code.get(p.low, element, i) for p in self.places]
                self.border(lows, weights, plane, y, first, last)
        if self.form.does == "grid":
            parts = [code.get(p.part, element, i) for p in self.places]
            self.slopes(parts, weights, image * n.points + at, i)

    def weight(self, part: Value, o: int) -> Value:
        if self.form.mode == "nearest":
            return part.like(1.0)
        if self.form.mode == "bilinear":
            return part if o else 1.0 - part
        x, a = (part - float(o)).abs(), -0.75
        if o in (0, 1):
            return ((a + 2) * x - (a + 3)) * x * x + 1.0
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    def weight_slope(self, part: Value, o: int) -> Value:
        """How the weight grows with the place."""
        if self.form.mode == "bilinear":
            return part.like(1.0 if o else -1.0)
        x, a = part - float(o), -0.75
        away = x.abs()
        if o in (0, 1):
            return (3 * (a + 2) * away - 2 * (a + 3)) * x
        steep = (3 * a * away - 10 * a) * away + 8 * a
        return steep if o < 0 else -steep

    @contextmanager
    def channels(
        self, plane: Value, y: Value, first: Value, last: Value
    ) -> Iterator[tuple[Value, Value]]:
        """A loop over channels, which gives where each one's plane begins, and where its element of y is."""
        code, element = self.code, self.form.element
        with code.loop(first, last) as c:
            x = code.at(code.p["x"], element, (plane + c) * self.plane)
            yield x, code.at(code.p["y"], element, y + c * code.n.points)

    def inside(
        self, base: Value, weights: list, plane: Value, y: Value, first: Value, last: Value
    ) -> None:
        """All that the point looks at lies in the image."""
        code, element, width = self.code, self.form.element, len(self.taps)
        type = f"<{width} x {element}>" if width > 1 else element
        across = _together(code, weights[0], type)
        rows = []  # what is added to the place, and the weights
        for choice in itertools.product(range(width), repeat=self.form.dims - 1):
            place, factor = base, across
            for k, step, own in zip(reversed(choice), self.steps[1:], weights[1:]):
                place = place + step * k
                factor = factor * _together(code, [own[k]] * width, type)
            rows.append((place, factor))
        with self.channels(plane, y, first, last) as (x, target):
            if self.form.does == "image":
                self.add_rows(rows, x, code.load(target, element))
            else:
                values = [code.load(code.at(x, element, place), type) for place, _ in rows]
                (self.keep_sample if self.form.does == "sample" else self.keep_sums)(
                    values, rows, target, type
                )

    def keep_sample(self, values: list[Value], rows: list, target: Value, type: str) -> None:
        """The sum of weighted rows."""
        total = values[0] * rows[0][1]
        for value, (_, factor) in zip(values[1:], rows[1:]):
            total = value.multiply_add(factor, total)
        self.code.store(_sum(total, len(self.taps)), target)

    def keep_sums(self, values: list[Value], rows: list, target: Value, type: str) -> None:
        """What arrives times each element is added up over channels: slopes of weights come later."""
        code, element, width = self.code, self.form.element, len(self.taps)
        g = _together(code, [code.load(target, element)] * width, type)
        for k, value in enumerate(values):
            place = code.at(self.sums, element, code.number(k * width))
            code.store(value.multiply_add(g, code.load(place, type)), place)

    def add_rows(self, rows: list[tuple[Value, Value]], x: Value, g: Value) -> None:
        """Add to the image's gradient, one element after the other: neighbouring points share some."""
        code, element, width = self.code, self.form.element, len(self.taps)
        for place, factor in rows:
            for k in range(width):
                target = code.at(x, element, place + k)
                weight = factor.lane(k) if width > 1 else factor
                code.store(g.multiply_add(weight, code.load(target, element)), target)

    def border(
        self, lows: list[Value], weights: list, plane: Value, y: Value, first: Value, last: Value
    ) -> None:
        """Some of what the point looks at lies outside, and is 0 or somewhere in the image."""
        code, element = self.code, self.form.element
        found = [[self.tap(low, d, o) for o in self.taps] for d, low in enumerate(lows)]
        each = []
        for choice in itertools.product(range(len(self.taps)), repeat=self.form.dims):
            place, here, factor = code.number(0), None, None
            for k, taps, own in zip(reversed(choice), found, weights):
                at, there = taps[k]
                place = place + at
                here = there if here is None else here & there
                factor = own[k] if factor is None else factor * own[k]
            assert here is not None
            assert factor is not None
            each.append((choose(here, place, 0), here, factor))
        zero = code.constant(0, element)
        with self.channels(plane, y, first, last) as (x, target):
            total = zero
            g = None if self.form.does == "sample" else code.load(target, element)
            for k, (place, here, factor) in enumerate(each):
                source = code.at(x, element, place)
                value = code.load(source, element)
                if self.form.does == "image":
                    assert g is not None
                    code.store(choose(here, g.multiply_add(factor, value), value), source)
                    continue
                value = choose(here, value, zero)
                if g is None:
                    total = value.multiply_add(factor, total)
                else:
                    place = code.at(self.sums, element, code.number(k))
                    code.store(value.multiply_add(g, code.load(place, element)), place)
            if g is None:
                code.store(total, target)

    def tap(self, low: Value, d: int, o: int) -> tuple[Value, Value]:
        """Where an element that the point looks at lies in a dimension, and whether that is in the image."""
        code = self.code
        place, length = low + float(o), self.lengths[d]
        if self.form.mode == "bicubic" and self.form.padding != "zeros":
            place = code.intrinsic("rint", self.brought(place, length)[0])
        here = (place >= 0.0) & (place < length)
        return choose(here, place, 0.0).convert("i64") * self.steps[d], here

    def slopes(self, parts: list[Value], weights: list, at: Value, i: Value) -> None:
        """The gradient of a point's numbers."""
        code, element = self.code, self.form.element
        for d, places in enumerate(self.places):
            total: Any = code.constant(0, element)
            if self.form.mode != "nearest":
                for k, choice in enumerate(
                    itertools.product(range(len(self.taps)), repeat=self.form.dims)
                ):
                    factor: Any = code.get(self.sums, element, code.number(k))
                    for e, tap in enumerate(reversed(choice)):
                        slope = self.weight_slope(parts[e], self.taps[tap])
                        factor = factor * (slope if e == d else weights[e][tap])
                    total = total + factor
                total = total * code.get(places.slope, element, i)
            code.put(total, code.p["made"], at * self.form.dims + d)


def _together(code: Body, values: list[Value], type: str) -> Value:
    """Scalars as the lanes of a vector."""
    if len(values) == 1:
        return values[0]
    found = Value(code, "poison", type)
    for k, value in enumerate(values):
        text = f"insertelement {type} {found.name}, {value.type} {value.name}, i64 {k}"
        found = code.emit(text, type)
    return found


def _sum(x: Value, width: int) -> Value:
    """The lanes' sum: of neighbours, then of their sums."""
    if width == 1:
        return x
    lanes = [x.lane(k) for k in range(width)]
    while len(lanes) > 1:
        lanes = [a + b for a, b in zip(lanes[::2], lanes[1::2])]
    return lanes[0]
