"""The loops of Fourier transforms: as many transforms at once as a vector has lanes.

A block of transforms is brought into scratch memory, where each number is a vector of real and one of imaginary parts.
There it goes through one pass for each factor of its size, from one buffer to another and back (Stockham's order: what
comes out is in its place, nothing is reversed), and from there to the result. An inverse transform is a forward
one whose real and imaginary parts are exchanged when they come and when they go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

from ..array.copy import transposed
from ..llvm import BITS, Value, choose, quotient, remainder, smaller
from ..matmul.microkernel import within
from ..runtime.entry import Body, kernel
from ..runtime.process import machine
from .butterfly import Complex, butterfly, product


class Numbers(NamedTuple):
    """Of transforms of an array (outer, n, inner).

    Attributes:
        n: Points of a transform.
        half: n // 2 + 1, those of which the others are the mirror images where the signal is real.
        inner: How far apart neighbouring points are; 1 where transforms are rows.
        count: How many rows; 0 where `inner` is not 1.
        blocks: Of transforms beside each other, in one of the `outer` parts.
        swap: 1 for an inverse transform.
        stages: How many factors n has.
    """

    n: int
    half: int
    inner: int
    count: int
    blocks: int
    swap: int
    stages: int


class Form(NamedTuple):
    """What a kernel is for.

    Attributes:
        element: "float" or "double".
        real: "" of complex numbers, "in" of real ones to the first half of a spectrum, "out" back.
        rows: Do the points of a transform lie beside each other? Otherwise those of different transforms do.
        radices: The factors that it has code for.
    """

    element: str
    real: str
    rows: bool
    radices: tuple[int, ...]


@cache
def transforming(form: Form) -> Callable[..., int]:
    """``f(x, made, table, factors, *job, *Numbers)``; the table has exp(-2 pi i k / n), and what results are multiplied
    by."""
    return kernel(
        "fourier", ("x", "made", "table", "factors"), Numbers,
        lambda code: Writer(code, form).write(), lanes_of(form.element), makes=True,
    )  # fmt: skip


def lanes_of(element: str) -> int:
    return machine().bits // BITS[element]


class Writer:
    """Writes the loops.

    Attributes:
        group: How many transforms a block has: those of real signals go two by two.
    """

    def __init__(self, code: Body, form: Form):
        self.code, self.form, self.lanes = code, form, code.lanes
        self.element, self.type = form.element, code.vector(form.element)
        self.group = code.lanes * (2 if form.real else 1)

    def write(self) -> None:
        code, n = self.code, self.code.n
        size = n.half * (4 * self.lanes * BITS[self.element] // 8)
        space = code.scratch(size * 2 + 64)
        first = space.byte(-space.address() & 63)
        self.buffers = first, first.byte(size)
        self.scale = code.splat(code.get(code.p["table"], self.element, n.n * 2))
        with code.rows() as row:
            move = Rows(self, row) if self.form.rows else Columns(self, row)
            if self.form.real == "out":
                move.bring_halves()
            else:
                move.bring()
            done = self.passes()
            if self.form.real == "in":
                move.take_halves(done)
            else:
                move.take(done)
        code.free(space)

    # --------------------------------------------------------------------------------- buffers

    def place(self, buffer: Value, point: Value, imaginary: bool) -> Value:
        """Of the vector of a point's parts."""
        code = self.code
        part = (1 - code.n.swap) if imaginary else code.n.swap
        return code.at(buffer, self.element, (point * 2 + part) * self.lanes)

    def put(self, value: Complex, buffer: Value, point: Value) -> None:
        for i, part in enumerate(value):
            self.code.store(part, self.place(buffer, point, bool(i)))

    def get(self, buffer: Value, point: Value) -> Complex:
        a, b = (self.code.load(self.place(buffer, point, i), self.type) for i in (False, True))
        return a, b

    # ---------------------------------------------------------------------------------- passes

    def passes(self) -> Value:
        """Transform what is in the first buffer; which one has the result."""
        code, n = self.code, self.code.n
        source, target = (code.variable(buffer, "ptr") for buffer in self.buffers)
        done = code.variable(1)
        with code.loop(code.zero, n.stages) as stage:
            radix = code.get(code.p["factors"], "i64", stage)
            step = quotient(n.n, done.value * radix)
            for size in self.form.radices:
                with code.when(radix.equals(size)):
                    self.stage(size, source.value, target.value, done.value, step)
            done.value = done.value * radix
            last = source.value
            source.value = target.value
            target.value = last
        return source.value

    def stage(self, radix: int, source: Value, target: Value, done: Value, step: Value) -> None:
        """One pass: `done` transforms of `radix` points that are `done` * `step` numbers apart afterwards."""
        code = self.code
        with code.loop(code.zero, done) as k, code.loop(code.zero, step) as i:
            first = k * (step * radix) + i
            values = [self.plain(source, first + step * m) for m in range(radix)]
            found = butterfly(values)
            place = k * step + i
            self.keep(found[0], target, place)
            for m in range(1, radix):
                w = self.root(done * i * m)
                self.keep(product(found[m], w), target, place + done * step * m)

    def plain(self, buffer: Value, point: Value) -> Complex:
        code = self.code
        at = code.at(buffer, self.element, point * (2 * self.lanes))
        then = code.at(at, self.element, code.number(self.lanes))
        return code.load(at, self.type), code.load(then, self.type)

    def keep(self, value: Complex, buffer: Value, point: Value) -> None:
        code = self.code
        at = code.at(buffer, self.element, point * (2 * self.lanes))
        code.store(value[0], at)
        code.store(value[1], code.at(at, self.element, code.number(self.lanes)))

    def root(self, index: Value) -> Complex:
        code = self.code
        at = code.at(code.p["table"], self.element, index * 2)
        a, b = (code.splat(code.get(at, self.element, code.number(i))) for i in range(2))
        return a, b


class Moves:
    """Writes how a block comes into the buffers and goes to the result."""

    def __init__(self, writer: Writer, block: Value):
        self.writer, self.code, self.n = writer, writer.code, writer.code.n
        self.element, self.type, self.lanes = writer.element, writer.type, writer.lanes

    def of_halves(self, a: Complex, b: Complex, point: Value) -> None:
        """The points of two spectra, whose mirror images are their conjugates, as one signal's: a + ib."""
        writer, buffer = self.writer, self.writer.buffers[0]
        writer.put((a[0] - b[1], a[1] + b[0]), buffer, point)
        edge = point.equals(0) | (point * 2).equals(self.n.n)
        with self.code.when(edge):  # it is its own image, and real
            writer.put((a[0], b[0]), buffer, point)
        with self.code.unless(edge):
            writer.put((a[0] + b[1], b[0] - a[1]), buffer, self.n.n - point)

    def halves(self, done: Value, point: Value) -> tuple[Complex, Complex]:
        """The spectra of two real signals, from that of a + ib."""
        mirror = self.n.n - point
        mirror = remainder(mirror, self.n.n)
        z, w = self.writer.get(done, point), self.writer.get(done, mirror)
        half = self.writer.scale * 0.5
        a = (z[0] + w[0]) * half, (z[1] - w[1]) * half
        b = (z[1] + w[1]) * half, (w[0] - z[0]) * half
        return a, b


class Columns(Moves):
    """Neighbouring transforms lie beside each other in memory."""

    def __init__(self, writer: Writer, block: Value):
        super().__init__(writer, block)
        code, n = self.code, self.n
        self.outer = quotient(block, n.blocks)
        self.first = remainder(block, n.blocks) * writer.group
        self.valid = n.inner - self.first
        lanes = self.lanes
        self.masks = [within(code, self.valid - i * lanes) for i in range(2)]
        self.pairs = [within(code, self.valid * 2 - i * lanes) for i in range(4)]

    def place(self, base: str, points: Value, point: Value, width: int) -> Value:
        """Of a point of an array with `points` of them, whose elements are of `width` numbers."""
        at = ((self.outer * points + point) * self.n.inner + self.first) * width
        return self.code.at(self.code.p[base], self.element, at)

    def complex(self, at: Value, half: int) -> Complex:
        """A vector of complex numbers, `half` a vector of them further on."""
        code, lanes = self.code, self.lanes
        both = [
            code.masked_load(
                code.at(at, self.element, code.number(i * lanes)), self.type, self.pairs[i]
            )
            for i in (2 * half, 2 * half + 1)
        ]
        a, b = (both[0].shuffled(both[1], range(i, 2 * lanes, 2)) for i in range(2))
        return a, b

    def put_complex(self, value: Complex, at: Value, half: int) -> None:
        code, lanes = self.code, self.lanes
        for i in range(2):
            order = [
                j + lanes * k for j in range(i * lanes // 2, (i + 1) * lanes // 2) for k in (0, 1)
            ]
            number = 2 * half + i
            code.masked_store(
                value[0].shuffled(value[1], order),
                code.at(at, self.element, code.number(number * lanes)), self.pairs[number],
            )  # fmt: skip

    def bring(self) -> None:
        code, n, buffer = self.code, self.n, self.writer.buffers[0]
        real = self.writer.form.real == "in"
        with code.loop(code.zero, n.n) as k:
            at = self.place("x", n.n, k, 1 if real else 2)
            if real:
                second = code.at(at, self.element, code.number(self.lanes))
                value = (
                    code.masked_load(at, self.type, self.masks[0]),
                    code.masked_load(second, self.type, self.masks[1]),
                )
            else:
                value = self.complex(at, 0)
            self.writer.put(value, buffer, k)

    def bring_halves(self) -> None:
        code, n = self.code, self.n
        with code.loop(code.zero, n.half) as k:
            at = self.place("x", n.half, k, 2)
            self.of_halves(self.complex(at, 0), self.complex(at, 1), k)

    def take(self, done: Value) -> None:
        code, n, scale = self.code, self.n, self.writer.scale
        real = self.writer.form.real == "out"
        with code.loop(code.zero, n.n) as k:
            a, b = (part * scale for part in self.writer.get(done, k))
            at = self.place("made", n.n, k, 1 if real else 2)
            if real:
                code.masked_store(a, at, self.masks[0])
                second = code.at(at, self.element, code.number(self.lanes))
                code.masked_store(b, second, self.masks[1])
            else:
                self.put_complex((a, b), at, 0)

    def take_halves(self, done: Value) -> None:
        code, n = self.code, self.n
        with code.loop(code.zero, n.half) as k:
            at = self.place("made", n.half, k, 2)
            for i, value in enumerate(self.halves(done, k)):
                self.put_complex(value, at, i)


class Rows(Moves):
    """The points of a transform lie beside each other: squares of them are transposed in registers.

    A block at the end has fewer rows; its last one then stands for those that are missing.
    """

    def __init__(self, writer: Writer, block: Value):
        super().__init__(writer, block)
        n = self.n
        self.numbers = [smaller(block * writer.group + i, n.count - 1) for i in range(writer.group)]

    def rows(self, base: str, length: Value, half: int) -> list[Value]:
        """Where the rows of a half of the block begin, in an array of rows of so many numbers."""
        own = self.numbers[half * self.lanes :][: self.lanes]
        return [self.code.at(self.code.p[base], self.element, i * length) for i in own]

    def squares(self, length: Value, square: Callable[[Value], None], one: Callable) -> None:
        """Walk rows of so many numbers by squares, the last of which overlaps; short ones by single numbers."""
        code, lanes = self.code, self.lanes
        with code.either(length < lanes) as (short, long):
            with short, code.loop(code.zero, length) as i:
                one(i)
            with long, code.loop(code.zero, length, lanes) as i:
                square(smaller(i, length - lanes))

    def vectors(self, rows: Sequence[Value], i: Value) -> list[Value]:
        """The numbers from i on, each a vector over the rows."""
        code = self.code
        return transposed([code.load(code.at(row, self.element, i), self.type) for row in rows])

    def across(self, rows: Sequence[Value], i: Value) -> Value:
        """The i-th number of each row."""
        code = self.code
        place = code.slot(self.type)
        for j, row in enumerate(rows):
            code.store(code.get(row, self.element, i), code.at(place, self.element, code.number(j)))
        return code.load(place, self.type)

    def put_across(self, value: Value, rows: Sequence[Value], i: Value) -> None:
        code = self.code
        place = code.slot(self.type, value)
        for j, row in enumerate(rows):
            code.put(code.get(place, self.element, code.number(j)), row, i)

    def put_vectors(self, values: list[Value], rows: Sequence[Value], i: Value) -> None:
        code = self.code
        for row, value in zip(rows, transposed(values)):
            code.store(value, code.at(row, self.element, i))

    def number(self, buffer: Value, i: Value) -> Value:
        """The place of the i-th number of rows of complex ones: real and imaginary parts by turns."""
        code = self.code
        return code.at(buffer, self.element, (i ^ code.n.swap) * self.lanes)

    def bring(self) -> None:
        code, n, buffer = self.code, self.n, self.writer.buffers[0]
        if self.writer.form.real == "in":
            for half in range(2):
                self.bring_real(half)
            return
        rows = self.rows("x", n.n * 2, 0)

        def square(i: Value) -> None:
            for j, value in enumerate(self.vectors(rows, i)):
                code.store(value, self.number(buffer, i + j))

        def one(i: Value) -> None:
            code.store(self.across(rows, i), self.number(buffer, i))

        self.squares(n.n * 2, square, one)

    def bring_real(self, half: int) -> None:
        code, n, buffer = self.code, self.n, self.writer.buffers[0]
        rows = self.rows("x", n.n, half)

        def square(i: Value) -> None:
            for j, value in enumerate(self.vectors(rows, i)):
                code.store(value, self.writer.place(buffer, i + j, bool(half)))

        def one(i: Value) -> None:
            code.store(self.across(rows, i), self.writer.place(buffer, i, bool(half)))

        self.squares(n.n, square, one)

    def spectrum(self, buffer: Value, signal: int, i: Value) -> Value:
        """The place of the i-th number of one of two half spectra, which lie behind each other in a buffer."""
        n = self.n
        return self.code.at(buffer, self.element, (i + n.half * (2 * signal)) * self.lanes)

    def bring_halves(self) -> None:
        code, n, spare = self.code, self.n, self.writer.buffers[1]
        for signal in range(2):
            rows = self.rows("x", n.half * 2, signal)

            def square(i: Value, signal: int = signal, rows: Sequence[Value] = rows) -> None:
                for j, value in enumerate(self.vectors(rows, i)):
                    code.store(value, self.spectrum(spare, signal, i + j))

            def one(i: Value, signal: int = signal, rows: Sequence[Value] = rows) -> None:
                code.store(self.across(rows, i), self.spectrum(spare, signal, i))

            self.squares(n.half * 2, square, one)
        with code.loop(code.zero, n.half) as k:
            a, b = (
                tuple(
                    code.load(self.spectrum(spare, signal, k * 2 + i), self.type) for i in range(2)
                )
                for signal in range(2)
            )
            self.of_halves(a, b, k)

    def take(self, done: Value) -> None:
        n = self.n
        if self.writer.form.real == "out":
            for half in range(2):
                rows = self.rows("made", n.n, half)
                self.take_numbers(rows, n.n, lambda i, h=half: self.writer.place(done, i, bool(h)))
            return
        self.take_numbers(self.rows("made", n.n * 2, 0), n.n * 2, lambda i: self.number(done, i))

    def take_numbers(
        self,
        rows: Sequence[Value],
        length: Value,
        place: Callable[[Value], Value],
        scale: bool = True,
    ) -> None:
        """Numbers of the buffers, by their places, to the result's rows."""
        code = self.code

        def value(i: Value) -> Value:
            found = code.load(place(i), self.type)
            return found * self.writer.scale if scale else found

        def square(i: Value) -> None:
            self.put_vectors([value(i + j) for j in range(self.lanes)], rows, i)

        def one(i: Value) -> None:
            self.put_across(value(i), rows, i)

        self.squares(length, square, one)

    def take_halves(self, done: Value) -> None:
        code, n = self.code, self.n
        first, second = self.writer.buffers
        spare = choose(done.equals_pointer(first), second, first)
        with code.loop(code.zero, n.half) as k:
            for signal, value in enumerate(self.halves(done, k)):
                for i in range(2):
                    code.store(value[i], self.spectrum(spare, signal, k * 2 + i))
        for signal in range(2):
            rows = self.rows("made", n.half * 2, signal)
            self.take_numbers(
                rows, n.half * 2, lambda i, own=signal: self.spectrum(spare, own, i), False
            )
