"""The kernel of a convolution whose groups have one channel, and of its transpose: each plane by itself.

Places lie in the lanes of vectors, and all taps of the window are written out. Nothing is copied: what
lies beside the image is masked, and rows that it does not have are read from one row of zeros. A vector
from the middle of a row lies across two cache lines and costs two loads, so each is used for all of
a few rows of results that see it. A row of the job is one plane, over a range of its outermost places.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ..llvm import BITS, Value, choose, quotient, remainder, smaller
from ..matmul.microkernel import clear
from ..runtime.entry import Body, kernel
from .by_channel import put_line
from .input_tile_nhwc import columns as inside
from .input_tile_nhwc import shifted

DEEP = 4
"""Rows of results that are under way at once."""
MOST = 64
"""Taps that are written out, at most."""
Taps = tuple[tuple[int, ...], ...]
"""What the first place meets, counted from the image's beginning."""


class Numbers(NamedTuple):
    """rows: Results of a group; the others as in `by_channel.Numbers`."""

    x0: int
    x1: int
    x2: int
    u0: int
    u1: int
    u2: int
    chunk: int
    chunks: int
    rows: int
    groups: int
    y0: int
    y1: int
    y2: int
    t0: int
    t1: int
    t2: int
    b0: int
    b1: int
    b2: int
    begun: int


@cache
def convolution(element: str, lanes: int, taps: Taps, stride: tuple[int, ...], deep: int) -> Any:
    """w: (groups, rows, taps); deep: how many of the outermost places are under way at once.

    Innermost strides of 1 and 2 are known to it.
    """

    def write(code: Body) -> None:
        Piece(code, element, taps, stride, deep).write()

    return kernel(
        "convolution_depthwise", ("x", "w", "bias", "y"), Numbers, write, lanes, makes=True
    )


class Piece:
    """Writes the loops over a piece of the job."""

    def __init__(self, code: Body, element: str, taps: Taps, stride: tuple[int, ...], deep: int):
        self.code, self.n, self.element, self.type = code, code.n, element, code.vector(element)
        self.taps, self.stride, self.deep = taps, stride, deep

    def write(self) -> None:
        code, n, element = self.code, self.n, self.element
        self.zeros = code.scratch((n.x2 + 1) * (BITS[element] // 8))
        clear(code, self.zeros, n.x2, element)
        with code.rows() as row:
            whole, chunk = quotient(row, n.chunks), remainder(row, n.chunks)
            begin = chunk * n.chunk
            self.source = code.at(code.p["x"], element, whole * n.x0 * n.x1 * n.x2)
            group = remainder(whole, n.groups)
            with code.loop(code.zero, n.rows) as result:
                self.result(whole, group * n.rows + result, result, begin)
        code.free(self.zeros)

    def result(self, whole: Value, number: Value, result: Value, begin: Value) -> None:
        """One result of a group at all places."""
        code, n, element, type = self.code, self.n, self.element, self.type
        zero, at = code.zero, number * len(self.taps)
        weights = [
            code.splat(code.get(code.p["w"], element, at + t)) for t in range(len(self.taps))
        ]
        start = code.slot(type)
        code.store(code.constant(0.0, type), start)
        with code.when(n.begun.differs(0)):
            code.store(code.splat(code.get(code.p["bias"], element, number)), start)
        area = n.y0 * n.y1 * n.y2
        target = code.at(code.p["y"], element, (whole * n.rows + result) * area)
        height = smaller(n.u0 - begin, n.chunk)
        with code.loop(zero, height, self.deep) as u0, code.loop(zero, n.u1) as u1:
            first = begin + u0
            lines = self.lines(first, u1)
            targets = []
            for i in range(self.deep):
                line = ((first + i) * n.t0 + n.b0) * n.y1 + u1 * n.t1 + n.b1
                to = shifted(code, target, line * n.y2 + n.b2, element)
                targets.append((to, u0 + i < height))
            with code.loop(zero, n.u2, code.lanes) as u2:
                sums = self.sums(lines, u2, weights, code.load(start, type))
                for value, (to, there) in zip(sums, targets):
                    self.put(value, to, there, u2)

    def lines(self, u0: Value, u1: Value) -> dict[tuple[int, int], Value]:
        """The image's rows that are seen from some rows of places."""
        code, n = self.code, self.n
        found = {}
        for d0, d1, _ in self.taps:
            for i in range(self.deep):
                key = d0 + i * self.stride[0], d1
                if key in found:
                    continue
                i0, i1 = u0 * self.stride[0] + key[0], u1 * self.stride[1] + d1
                exists = (i0 >= 0) & (i0 < n.x0) & (i1 >= 0) & (i1 < n.x1)
                start = (i0 * n.x1 + i1) * n.x2
                line = shifted(code, self.source, start, self.element)
                found[key] = choose(exists, line, self.zeros)
        return found

    def sums(
        self, lines: dict[tuple[int, int], Value], u2: Value, weights: list[Value], start: Value
    ) -> list[Value]:
        """A vector of each row of results: what is read is used for all that see it."""
        code, sums = self.code, [start] * self.deep
        columns: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for t, (d0, d1, d2) in enumerate(self.taps):
            columns.setdefault((d1, d2), []).append((d0, t))
        for (d1, d2), taps in columns.items():
            column = u2 * self.stride[2] + d2
            masks = [
                inside(code, column + i * code.lanes, self.n.x2) for i in range(self.stride[2])
            ]
            seen = {d0 + i * self.stride[0] for d0, _ in taps for i in range(self.deep)}
            values = {q0: self.read(lines[q0, d1], column, masks) for q0 in seen}
            for d0, t in taps:
                for i in range(self.deep):
                    sums[i] = values[d0 + i * self.stride[0]].multiply_add(weights[t], sums[i])
        return sums

    def read(self, line: Value, column: Value, masks: list[Value]) -> Value:
        """A vector of a row of the image, of every second element if places are two apart."""
        code, lanes = self.code, self.code.lanes
        parts = [
            code.masked_load(shifted(code, line, column + i * lanes, self.element), self.type, mask)
            for i, mask in enumerate(masks)
        ]
        return parts[0] if len(parts) == 1 else parts[0].shuffled(parts[1], range(0, 2 * lanes, 2))

    def put(self, value: Value, line: Value, there: Value, u2: Value) -> None:
        """A vector to its places in a row of the result, if that exists."""
        code, n, lanes = self.code, self.n, self.code.lanes
        rest = n.u2 - u2
        to = shifted(code, line, u2 * n.t2, self.element)
        whole = n.t2.equals(1) & (rest >= lanes)
        with code.when(there & whole):
            code.store(value, to)
        with code.when(there & ~whole):
            put_line(code, value, to, n.t2, smaller(rest, lanes))
