"""The kernels of `attention`: blocks of queries meet blocks of keys, and no more than a block of
scores is kept.

A row of the forward kernel is a block of queries of one head, and of the backward one a head. The
softmax is kept as a running maximum and a running sum, by which earlier blocks are rescaled
(Milakov and Gimelshein, 2018; Dao et al., 2022).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from ..elementary import exponential
from ..elementary.arithmetic import flushed
from ..llvm import Value, across_lanes, choose, greater, quotient, remainder, smaller
from ..matmul.microkernel import Shape, clear, multiply, pack, within
from ..runtime.entry import Body, kernel

QUERIES, KEYS = 64, 64
"""Rows and columns of a block of scores. The forward kernel may be told of more: what is packed of keys and values then
serves more queries, and sums are rescaled less often."""


class Numbers(NamedTuple):
    """What both kernels are told.

    Attributes:
        width, depth: Elements of a query and of a value.
        block, blocks: Queries of a block in the forward kernel, and blocks of a head.
        key_block: Keys of a block there.
        q_row ... dv_row: So many elements apart the rows of each array lie.
        causal, masked: Do queries look at earlier keys only, and is there a mask?
        scale: The bits of a double.
    """

    heads: int
    queries: int
    keys: int
    width: int
    depth: int
    block: int
    blocks: int
    key_block: int
    q_row: int
    k_row: int
    v_row: int
    mask_row: int
    out_row: int
    dq_row: int
    dk_row: int
    dv_row: int
    causal: int
    masked: int
    scale: int


class ForwardArrays(NamedTuple):
    """Arrays of the forward kernel."""

    q: Any
    k: Any
    v: Any
    mask: Any
    out: Any
    logs: Any
    starts: Any


class BackwardArrays(NamedTuple):
    """Arrays of the backward kernel."""

    q: Any
    k: Any
    v: Any
    mask: Any
    g: Any
    out: Any
    logs: Any
    dq: Any
    dk: Any
    dv: Any
    starts: Any


STARTED = ("q", "k", "v", "mask", "out", "dq", "dk", "dv")
"""Arrays whose heads begin where `starts` says, in the order in which that lists them. In the backward
kernel the incoming slopes lie as `out` does in the forward one."""


class Writer:
    """What both directions are made of."""

    def __init__(self, code: Body, shape: Shape, keys: Value | int):
        self.code, self.shape, self.n, self.p, self.keys = code, shape, code.n, code.p, keys
        self.element, self.type = shape.element, code.vector(shape.element)
        self.zero = code.constant(0, "i64")

    def at(self, pointer: Value, index: Value) -> Value:
        return self.code.at(pointer, self.element, index)

    def begin(self, name: str, item: Value) -> Value:
        """Where a head's matrix begins."""
        place = item + self.n.heads * STARTED.index(name)
        return self.at(self.p[name], self.code.get(self.p["starts"], "i64", place))

    def cleared(self, pointer: Value, rows: Value, step: Value, columns: Value) -> None:
        """Set rows to zero."""
        with self.code.loop(self.zero, rows) as i:
            clear(self.code, self.at(pointer, i * step), columns, self.element)

    def panels(
        self,
        target: Value,
        source: Value,
        columns: Value,
        inner: Value,
        across: Value,
        along: Value,
    ) -> None:
        """Pack a right operand."""
        code = self.code
        with code.loop(self.zero, columns, self.shape.columns) as j:
            code.line(
                f"call void @pack(ptr {self.at(target, j * inner).name}, "
                f"ptr {self.at(source, j * across).name}, i64 {(columns - j).name}, "
                f"i64 {inner.name}, i64 {across.name}, i64 {along.name})"
            )

    def product(
        self, left: tuple[Value, Value, Value], right: Value, inner: Value,
        target: tuple[Value, Value], sizes: tuple[Value, Value], add: int,
    ) -> None:  # fmt: skip
        """A left operand (with its steps across and along) times packed panels, to a target
        with its stride."""
        code, shape = self.code, self.shape
        a, across, along = left
        c, stride = target
        rows, columns = sizes
        with (
            code.loop(self.zero, columns, shape.columns) as j,
            code.loop(self.zero, rows, shape.rows) as i,
        ):
            code.line(
                f"call void @multiply(ptr {self.at(a, i * across).name}, i64 {across.name}, "
                f"i64 {along.name}, ptr {self.at(right, j * inner).name}, i64 0, "
                f"i64 0, i64 {inner.name}, ptr {self.at(c, i * stride + j).name}, i64 {stride.name}, "
                f"i64 {smaller(rows - i, shape.rows).name}, "
                f"i64 {smaller(columns - j, shape.columns).name}, i64 {add}, ptr null)"
            )

    def vectors(self, columns: Value) -> Any:
        return self.code.loop(self.zero, columns, self.shape.lanes)

    def score(
        self, scores: Value, place: tuple[Value, Value, Value], head: Value, j: Value, count: Value
    ) -> Value:
        """A vector of a row of scores: scaled, masked, and -inf for keys that do not take part.

        place: the row in the block, the query's number, and the first key's.
        """
        code, n = self.code, self.n
        i, query, key = place
        value = code.load(self.at(scores, i * self.keys + j), self.type)
        held = code.slot(self.type, value * code.splat(self.scale))
        seen = code.slot(code.vector("i1"), within(code, count - j))
        with code.when(n.causal.differs(0)):
            code.store(within(code, smaller(count, query - key + 1) - j), seen)
        with code.when(n.masked.differs(0)):
            at = self.at(self.begin("mask", head), query * self.n.mask_row + key + j)
            more = code.masked_load(at, self.type, within(code, count - j))
            code.store(code.load(held, self.type) + more, held)
        value = code.load(held, self.type)
        return choose(code.load(seen, code.vector("i1")), value, float("-inf"))

    @property
    def scale(self) -> Value:
        return self.n.scale.cast_to("double").convert(self.element)

    def folded(self, value: Value, larger: bool) -> Value:
        """The largest lane, or the lanes' sum, as a scalar."""
        return across_lanes(value, greater if larger else operator.add).lane()

    def seen_keys(self, last_query: Value) -> Value:
        """How many keys a block of queries looks at."""
        code, n = self.code, self.n
        some = smaller(last_query, n.keys)
        return code.emit(
            f"select i1 {n.causal.differs(0).name}, i64 {some.name}, i64 {n.keys.name}",
            "i64",
        )


@cache
def forward(shape: Shape) -> Callable[..., int]:
    """``f(*ForwardArrays, *job, *Numbers)``: a row is a block of queries."""

    def write(code: Body) -> None:
        code.functions = functions(code, shape)
        n = code.n
        wide = padded(n.depth, shape)
        count = (wide + n.block) * n.key_block + n.width * padded(n.key_block, shape)
        space = code.scratch((count + (wide + 2) * n.block) * shape.item + LINE)
        with code.rows() as row:
            Forward(code, shape, n.key_block).block(row, aligned(code, space), wide)
        code.free(space)

    return kernel("attention", ForwardArrays._fields, Numbers, write, shape.lanes, makes=True)


LINE = 64
"""Bytes of a line of the cache: vectors that cross one cost twice."""


def aligned(code: Body, space: Value) -> Value:
    """Where the first line within some memory begins."""
    address = code.emit(f"ptrtoint ptr {space.name} to i64", "i64")
    return code.at(space, "i8", -address & (LINE - 1))


def functions(code: Body, shape: Shape) -> list[str]:
    return [
        multiply(shape, code.declarations, False, right="panel", step=shape.columns),
        pack("pack", shape.columns, shape.element, shape.lanes, code.declarations),
    ]


def padded(columns: Value, shape: Shape) -> Value:
    """Columns in whole panels."""
    return (columns + (shape.columns - 1)) & -shape.columns


class Forward(Writer):
    def block(self, row: Value, space: Value, wide: Value) -> None:
        code, n = self.code, self.n
        head = quotient(row, n.blocks)
        top = remainder(row, n.blocks) * n.block
        rows = smaller(n.queries - top, n.block)
        scores = space
        sums = self.at(scores, n.block * n.key_block)
        most, total = self.at(sums, wide * n.block), self.at(sums, wide * n.block + n.block)
        right = self.at(total, n.block)
        values = self.at(right, n.width * padded(n.key_block, self.shape))
        clear(code, sums, wide * rows, self.element)
        with code.loop(self.zero, rows) as i:
            code.store(code.constant(float("-inf"), self.element), self.at(most, i))
            code.store(code.constant(0.0, self.element), self.at(total, i))
        q = self.at(self.begin("q", head), top * n.q_row)
        k, v = self.begin("k", head), self.begin("v", head)
        one = self.zero + 1
        with code.loop(self.zero, self.seen_keys(top + rows), n.key_block) as key:
            count = smaller(n.keys - key, n.key_block)
            self.panels(right, self.at(k, key * n.k_row), count, n.width, n.k_row, one)
            left = q, n.q_row, one
            self.product(left, right, n.width, (scores, n.key_block), (rows, count), 0)
            with code.loop(self.zero, rows) as i:
                place = i, top + i, key
                self.weigh(
                    scores, place, head, count, (most, total), (self.at(sums, i * wide), wide)
                )
            self.panels(values, self.at(v, key * n.v_row), n.depth, count, one, n.v_row)
            left = scores, n.key_block, one
            self.product(left, values, count, (sums, wide), (rows, n.depth), 1)
        self.finish(head, top, rows, (most, total), (sums, wide))

    def weigh(
        self, scores: Value, place: tuple[Value, Value, Value], head: Value, count: Value,
        known: tuple[Value, Value], sums: tuple[Value, Value],
    ) -> None:  # fmt: skip
        """Turn a row of scores into weights relative to the running maximum, and rescale what
        is summed."""
        code, type, element = self.code, self.type, self.element
        i = place[0]
        most, total = (self.at(x, i) for x in known)
        old = code.load(most, element)
        peak = code.slot(type, code.splat(old))
        with self.vectors(self.n.key_block) as j:
            value = self.score(scores, place, head, j, count)
            code.store(value, self.at(scores, i * self.n.key_block + j))
            so_far = code.load(peak, type)
            code.store(choose(so_far > value, so_far, value), peak)
        now = self.folded(code.load(peak, type), True)
        floor = finite(now)
        part = code.slot(type, code.constant(0.0, type))
        with self.vectors(self.n.key_block) as j:
            at = self.at(scores, i * self.n.key_block + j)
            weight = flushed(exponential.exp(code.load(at, type) - code.splat(floor)))
            code.store(weight, at)
            code.store(code.load(part, type) + weight, part)
        factor = exponential.exp(code.splat(old - floor))
        code.store(now, most)
        more = self.folded(code.load(part, type), False)
        code.store(code.load(total, element) * factor.lane() + more, total)
        with code.when(old.differs(now)), self.vectors(sums[1]) as j:
            at = self.at(sums[0], j)
            code.store(code.load(at, type) * factor, at)

    def finish(
        self, head: Value, top: Value, rows: Value, known: tuple[Value, Value],
        sums: tuple[Value, Value],
    ) -> None:  # fmt: skip
        """Divide by the sums of the weights; a row that looked at no key is zero."""
        code, n, type = self.code, self.n, self.type
        out = self.at(self.begin("out", head), top * n.out_row)
        logs = self.at(self.p["logs"], head * n.queries + top)
        with code.loop(self.zero, rows) as i:
            total = code.load(self.at(known[1], i), self.element)
            nothing = total.equals(0.0)
            divisor = code.splat(scalar(nothing, total.like(1.0), total))
            with self.vectors(n.depth) as j:
                value = code.load(self.at(sums[0], i * sums[1] + j), type) / divisor
                place = self.at(out, i * n.out_row + j)
                code.masked_store(value, place, within(code, n.depth - j))
            most = code.load(self.at(known[0], i), self.element)
            log = finite(most) + exponential.log(divisor).lane()
            code.store(scalar(nothing, total.like(float("inf")), log), self.at(logs, i))


def scalar(condition: Value, x: Value, y: Value) -> Value:
    """x where the condition, a single one, holds."""
    return x.code.emit(f"select i1 {condition.name}, {x.type} {x.name}, {x.type} {y.name}", x.type)


def finite(most: Value) -> Value:
    """The maximum to subtract: 0 where no key takes part, for -inf less -inf would be nan."""
    return scalar(most.equals(float("-inf")), most.like(0.0), most)


@cache
def backward(shape: Shape) -> Callable[..., int]:
    """``f(*BackwardArrays, *job, *Numbers)``: a row is a head."""

    def write(code: Body) -> None:
        code.functions = functions(code, shape)
        sizes = backward_sizes(code, shape)
        total = code.number(0)
        for size in sizes:
            total = total + size
        space = code.scratch(total * shape.item + LINE)
        with code.rows() as head:
            Backward(code, shape, KEYS).head(head, aligned(code, space), sizes)
        code.free(space)

    return kernel(
        "attention_gradient", BackwardArrays._fields, Numbers, write, shape.lanes, makes=True
    )


def backward_sizes(code: Body, shape: Shape) -> list[Value]:
    """Elements of what a head needs: weights and slopes of a block, dot products of all queries, keys and values turned,
    keys as they are, and slopes or queries."""
    n = code.n
    block = code.number(QUERIES * KEYS)
    turned = -(-KEYS // shape.columns) * shape.columns
    return [
        block, block, (n.queries + 63) & -64, n.width * turned, n.depth * turned,
        padded(n.width, shape) * KEYS, (padded(n.width, shape) + padded(n.depth, shape)) * QUERIES,
    ]  # fmt: skip


class Backward(Writer):
    """A block of keys after the other, each with all queries that look at it: so keys and values are packed once."""

    def head(self, head: Value, space: Value, sizes: list[Value]) -> None:
        code, n = self.code, self.n
        regions = [space]
        for size in sizes[:-1]:
            regions.append(self.at(regions[-1], size))
        (
            self.weights, self.slopes, self.dots, self.k_turned, self.v_turned, self.k_panels,
            self.right,
        ) = regions  # fmt: skip
        self.starts = {name: self.begin(name, head) for name in ("q", "k", "v", "dq", "dk", "dv")}
        start = code.get(self.p["starts"], "i64", head + n.heads * STARTED.index("out"))
        self.starts["g"], self.starts["out"] = (self.at(self.p[n], start) for n in ("g", "out"))
        self.cleared(self.starts["dq"], n.queries, n.dq_row, n.width)
        self.cleared(self.starts["dk"], n.keys, n.dk_row, n.width)
        self.cleared(self.starts["dv"], n.keys, n.dv_row, n.depth)
        with code.loop(self.zero, n.queries) as i:
            code.store(self.dot(i * n.out_row), self.at(self.dots, i))
        one = self.zero + 1
        with code.loop(self.zero, n.keys, KEYS) as key:
            count = smaller(n.keys - key, KEYS)
            k = self.at(self.starts["k"], key * n.k_row)
            v = self.at(self.starts["v"], key * n.v_row)
            self.panels(self.k_turned, k, count, n.width, n.k_row, one)
            self.panels(self.v_turned, v, count, n.depth, n.v_row, one)
            self.panels(self.k_panels, k, n.width, count, one, n.k_row)
            first = choose(n.causal.differs(0), key, self.zero)
            with code.loop(first, n.queries, QUERIES) as top:
                self.block(head, (top, smaller(n.queries - top, QUERIES)), (key, count))

    def dot(self, line: Value) -> Value:
        """The product of a row of the result and its slopes."""
        code, type, depth = self.code, self.type, self.n.depth
        total = code.slot(type, code.constant(0.0, type))
        with self.vectors(depth) as j:
            mask = within(code, depth - j)
            g, out = (
                code.masked_load(self.at(self.starts[name], line + j), type, mask)
                for name in ("g", "out")
            )
            code.store(g.multiply_add(out, code.load(total, type)), total)
        return self.folded(code.load(total, type), False)

    def block(self, head: Value, queries: tuple[Value, Value], keys: tuple[Value, Value]) -> None:
        """What one block of queries and one of keys add to the gradients of their heads."""
        code, n, right = self.code, self.n, self.right
        (top, rows), (key, count) = queries, keys
        one = self.zero + 1
        q = self.at(self.starts["q"], top * n.q_row)
        g = self.at(self.starts["g"], top * n.out_row)
        blocks = (rows, count)
        left = q, n.q_row, one
        self.product(left, self.k_turned, n.width, (self.weights, one * KEYS), blocks, 0)
        left = g, n.out_row, one
        self.product(left, self.v_turned, n.depth, (self.slopes, one * KEYS), blocks, 0)
        with code.loop(self.zero, rows) as i:
            self.differentiate(head, (i, top + i, key), count)
        self.panels(right, g, n.depth, rows, one, n.out_row)
        turned = self.weights, one, one * KEYS
        target = self.at(self.starts["dv"], key * n.dv_row), n.dv_row
        self.product(turned, right, rows, target, (count, n.depth), 1)
        self.panels(right, q, n.width, rows, one, n.q_row)
        turned = self.slopes, one, one * KEYS
        target = self.at(self.starts["dk"], key * n.dk_row), n.dk_row
        self.product(turned, right, rows, target, (count, n.width), 1)
        target = self.at(self.starts["dq"], top * n.dq_row), n.dq_row
        left = self.slopes, one * KEYS, one
        self.product(left, self.k_panels, count, target, (rows, n.width), 1)

    def differentiate(self, head: Value, place: tuple[Value, Value, Value], count: Value) -> None:
        """A row of scores becomes its weights, and of their gradients that of the scores."""
        code, n, type = self.code, self.n, self.type
        i = place[0]
        at = head * n.queries + place[1]
        log = code.splat(code.load(self.at(self.p["logs"], at), self.element))
        dot = code.splat(code.load(self.at(self.dots, place[1]), self.element))
        with self.vectors(self.zero + KEYS) as j:
            weight = flushed(exponential.exp(self.score(self.weights, place, head, j, count) - log))
            code.store(weight, self.at(self.weights, i * KEYS + j))
            slope = self.at(self.slopes, i * KEYS + j)
            value = weight * (code.load(slope, type) - dot) * code.splat(self.scale)
            code.store(choose(weight.equals(0.0), value.like(0.0), flushed(value)), slope)
