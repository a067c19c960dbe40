"""The kernels of `attention`: blocks of queries meet blocks of keys, and no more than a block of
scores is kept.

A row of the forward kernel is a block of queries of one head, and of the backward one a head. The
softmax is kept as a running maximum and a running sum, by which earlier blocks are rescaled
(Milakov and Gimelshein, 2018; Dao et al., 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from ..elementary import exponential
from ..llvm import Value, choose, quotient, remainder, smaller
from ..matmul.microkernel import Shape, clear, multiply, pack, within
from ..runtime.entry import Body, kernel

QUERIES, KEYS = 64, 64
"""Rows and columns of a block of scores."""


class Numbers(NamedTuple):
    """What both kernels are told.

    Attributes:
        width, depth: Elements of a query and of a value.
        blocks: Of queries of a head.
        q_row ... dv_row: So many elements apart the rows of each array lie.
        causal, masked: Do queries look at earlier keys only, and is there a mask?
        scale: The bits of a double.
    """

    heads: int
    queries: int
    keys: int
    width: int
    depth: int
    blocks: int
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
    offsets: Any


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
    offsets: Any


STARTED = ("q", "k", "v", "mask", "out", "dq", "dk", "dv")
"""Arrays whose heads begin where `starts` says, in the order in which that lists them. In the backward
kernel the incoming slopes lie as `out` does in the forward one."""


class Writer:
    """What both directions are made of."""

    def __init__(self, code: Body, shape: Shape):
        self.code, self.shape, self.n, self.p = code, shape, code.n, code.p
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
        offsets = self.p["offsets"]
        with (
            code.loop(self.zero, columns, shape.columns) as j,
            code.loop(self.zero, rows, shape.rows) as i,
        ):
            code.line(
                f"call void @multiply(ptr {self.at(a, i * across).name}, i64 {across.name}, "
                f"i64 {along.name}, ptr {self.at(right, j * inner).name}, ptr {offsets.name}, "
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
        value = code.load(self.at(scores, i * KEYS + j), self.type)
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
        by = self.shape.lanes // 2
        while by:
            other = value.rotated(by)
            value = choose(value > other, value, other) if larger else value + other
            by //= 2
        return value.lane()

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
        count = (wide + n.width + shape.columns + 2 * shape.lanes) * KEYS
        space = code.scratch((count + (wide + KEYS + 2) * QUERIES) * shape.item)
        with code.rows() as row:
            Forward(code, shape).block(row, space, wide)
        code.free(space)

    return kernel("attention", ForwardArrays._fields, Numbers, write, shape.lanes, makes=True)


def functions(code: Body, shape: Shape) -> list[str]:
    return [
        multiply(shape, code.declarations, packed=False),
        pack("pack", shape.columns, shape.element, shape.lanes, code.declarations),
    ]


def padded(depth: Value, shape: Shape) -> Value:
    """Columns in whole panels."""
    return (depth + (shape.columns - 1)) & -shape.columns


class Forward(Writer):
    def block(self, row: Value, space: Value, wide: Value) -> None:
        code, n = self.code, self.n
        head = quotient(row, n.blocks)
        top = remainder(row, n.blocks) * QUERIES
        rows = smaller(n.queries - top, QUERIES)
        scores = space
        sums = self.at(scores, self.zero + QUERIES * KEYS)
        most, total = self.at(sums, wide * QUERIES), self.at(sums, wide * QUERIES + QUERIES)
        right = self.at(total, self.zero + QUERIES)
        values = self.at(right, (n.width + self.shape.lanes + self.shape.columns) * KEYS)
        clear(code, sums, wide * QUERIES, self.element)
        with code.loop(self.zero, rows) as i:
            code.store(code.constant(float("-inf"), self.element), self.at(most, i))
            code.store(code.constant(0.0, self.element), self.at(total, i))
        q = self.at(self.begin("q", head), top * n.q_row)
        k, v = self.begin("k", head), self.begin("v", head)
        one = self.zero + 1
        with code.loop(self.zero, self.seen_keys(top + rows), KEYS) as key:
            count = smaller(n.keys - key, KEYS)
            self.panels(right, self.at(k, key * n.k_row), count, n.width, n.k_row, one)
            left = q, n.q_row, one
            self.product(left, right, n.width, (scores, one * KEYS), (rows, count), 0)
            with code.loop(self.zero, rows) as i:
                place = i, top + i, key
                self.weigh(
                    scores, place, head, count, (most, total), (self.at(sums, i * wide), wide)
                )
            self.panels(values, self.at(v, key * n.v_row), n.depth, count, one, n.v_row)
            left = scores, one * KEYS, one
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
        with self.vectors(self.zero + KEYS) as j:
            value = self.score(scores, place, head, j, count)
            code.store(value, self.at(scores, i * KEYS + j))
            so_far = code.load(peak, type)
            code.store(choose(so_far > value, so_far, value), peak)
        now = self.folded(code.load(peak, type), True)
        floor = finite(now)
        part = code.slot(type, code.constant(0.0, type))
        with self.vectors(self.zero + KEYS) as j:
            at = self.at(scores, i * KEYS + j)
            weight = exponential.exp(code.load(at, type) - code.splat(floor))
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
        width, depth = code.n.width, code.n.depth
        keys_size = padded(width, shape) + width + padded(depth, shape) + depth
        count = (keys_size + 4 * shape.columns + 2 * shape.lanes) * max(QUERIES, KEYS)
        count = count + 2 * QUERIES * KEYS
        space = code.scratch((count + QUERIES) * shape.item)
        with code.rows() as head:
            Backward(code, shape).head(head, space)
        code.free(space)

    return kernel(
        "attention_gradient", BackwardArrays._fields, Numbers, write, shape.lanes, makes=True
    )


class Backward(Writer):
    def head(self, head: Value, space: Value) -> None:
        code, n = self.code, self.n
        self.weights = space
        self.slopes = self.at(space, self.zero + QUERIES * KEYS)
        self.dots = self.at(self.slopes, self.zero + QUERIES * KEYS)
        self.right = self.at(self.dots, self.zero + QUERIES)
        self.starts = {name: self.begin(name, head) for name in ("q", "k", "v", "dq", "dk", "dv")}
        start = code.get(self.p["starts"], "i64", head + n.heads * STARTED.index("out"))
        self.starts["g"], self.starts["out"] = (self.at(self.p[n], start) for n in ("g", "out"))
        self.cleared(self.starts["dq"], n.queries, n.dq_row, n.width)
        self.cleared(self.starts["dk"], n.keys, n.dk_row, n.width)
        self.cleared(self.starts["dv"], n.keys, n.dv_row, n.depth)
        with code.loop(self.zero, n.queries, QUERIES) as top:
            rows = smaller(n.queries - top, QUERIES)
            with code.loop(self.zero, rows) as i:
                code.store(self.dot((top + i) * n.out_row), self.at(self.dots, i))
            with code.loop(self.zero, self.seen_keys(top + rows), KEYS) as key:
                self.block(head, (top, rows), (key, smaller(n.keys - key, KEYS)))

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
        k, v = (
            self.at(self.starts["k"], key * n.k_row),
            self.at(self.starts["v"], key * n.v_row),
        )
        blocks = (rows, count)
        self.panels(right, k, count, n.width, n.k_row, one)
        self.product((q, n.q_row, one), right, n.width, (self.weights, one * KEYS), blocks, 0)
        self.panels(right, v, count, n.depth, n.v_row, one)
        self.product((g, n.out_row, one), right, n.depth, (self.slopes, one * KEYS), blocks, 0)
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
        self.panels(right, k, n.width, count, one, n.k_row)
        target = self.at(self.starts["dq"], top * n.dq_row), n.dq_row
        self.product((self.slopes, one * KEYS, one), right, count, target, (rows, n.width), 1)

    def differentiate(self, head: Value, place: tuple[Value, Value, Value], count: Value) -> None:
        """A row of scores becomes its weights, and of their gradients that of the scores."""
        code, n, type = self.code, self.n, self.type
        i = place[0]
        at = head * n.queries + place[1]
        log = code.splat(code.load(self.at(self.p["logs"], at), self.element))
        dot = code.splat(code.load(self.at(self.dots, i), self.element))
        with self.vectors(self.zero + KEYS) as j:
            weight = exponential.exp(self.score(self.weights, place, head, j, count) - log)
            code.store(weight, self.at(self.weights, i * KEYS + j))
            slope = self.at(self.slopes, i * KEYS + j)
            value = weight * (code.load(slope, type) - dot) * code.splat(self.scale)
            code.store(choose(weight.equals(0.0), value.like(0.0), value), slope)
