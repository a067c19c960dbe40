"""The kernels of `attention`: blocks of queries meet blocks of keys, and no more than a block of
scores is kept.

A row of the forward job is a block of queries of one head, and of the backward job one head. The
softmax is kept as a running maximum and a running sum, by which earlier blocks are rescaled
(Milakov and Gimelshein, 2018; Dao et al., 2022).
"""

from __future__ import annotations

from functools import cache
from typing import Any

from . import function
from .code import Code, Value, choose
from .job import SIGNATURE, Frame, Job, quotient, remainder, smaller, working_space
from .tile import Shape, clear, multiply, pack, within

QUERIES, KEYS = 64, 64
"""Rows and columns of a block of scores."""
_COMMON = (
    "offsets", "mask", "q_starts", "k_starts", "v_starts", "mask_starts",
    "queries", "keys", "width", "depth", "blocks", "q_row", "k_row", "v_row", "mask_row",
    "causal", "masked", "scale",
)  # fmt: skip
FORWARD = Frame("q", "k", "v", "out", "logs", *_COMMON)
BACKWARD = Frame("q", "k", "v", "g", "logs", "dots", "dq", "dk", "dv", *_COMMON)


class Writer:
    """What both directions are made of."""

    def __init__(self, code: Code, shape: Shape, words: Any):
        self.code, self.shape, self.words = code, shape, words
        self.element, self.kind = shape.element, code.vector(shape.element)
        self.zero = code.constant(0, "i64")

    def at(self, pointer: Value, index: Value) -> Value:
        return self.code.at(pointer, self.element, index)

    def begin(self, name: str, item: Value) -> Value:
        """Where a head's matrix begins."""
        start = self.code.load(self.code.at(self.words.array(f"{name}_starts"), "i64", item), "i64")
        return self.at(self.words.array(name), start)

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
        offsets = self.words.array("offsets")
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
        code, words = self.code, self.words
        i, query, key = place
        value = code.load(self.at(scores, i * KEYS + j), self.kind)
        held = code.slot(self.kind, value * code.splat(self.scale))
        seen = code.slot(code.vector("i1"), within(code, count - j))
        with code.when(words.causal.differs(0)):
            code.store(within(code, smaller(count, query - key + 1) - j), seen)
        with code.when(words.masked.differs(0)):
            start = code.load(code.at(words.array("mask_starts"), "i64", head), "i64")
            at = self.at(words.array("mask"), start + query * words.mask_row + key + j)
            more = code.masked_load(at, self.kind, within(code, count - j))
            code.store(code.load(held, self.kind) + more, held)
        value = code.load(held, self.kind)
        return choose(code.load(seen, code.vector("i1")), value, float("-inf"))

    @property
    def scale(self) -> Value:
        number = self.words.word("scale", "double")
        return number.convert(self.element)

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
        code, words = self.code, self.words
        some = smaller(last_query, words.keys)
        return code.emit(
            f"select i1 {words.causal.differs(0).name}, i64 {some.name}, i64 {words.keys.name}",
            "i64",
        )


@cache
def forward(shape: Shape) -> Job:
    declarations: set[str] = set()
    code = Code(shape.lanes, declarations)
    words = FORWARD.load(code)
    wide = padded(words.depth, shape)
    count = (wide + words.width + shape.columns + 2 * shape.lanes) * KEYS + (
        wide + KEYS + 2
    ) * QUERIES
    with working_space(code, count * shape.item) as space:
        first, last = Value(code, "%row_begin", "i64"), Value(code, "%row_end", "i64")
        with code.loop(first, last) as row:
            Forward(code, shape, words).block(row, space, wide)
    code.line("ret void")
    return job_of(code, shape, declarations)


def padded(depth: Value, shape: Shape) -> Value:
    """Columns in whole panels."""
    return (depth + (shape.columns - 1)) & -shape.columns


def job_of(code: Code, shape: Shape, declarations: set[str]) -> Job:
    kernel = code.function(SIGNATURE, "internal void")
    functions = [
        multiply(shape, declarations, packed=False),
        pack("pack", shape.columns, shape.element, shape.lanes, declarations),
        kernel,
    ]
    return Job(functions, declarations)


class Forward(Writer):
    def block(self, row: Value, space: Value, wide: Value) -> None:
        code, words = self.code, self.words
        head = quotient(row, words.blocks)
        top = remainder(row, words.blocks) * QUERIES
        rows = smaller(words.queries - top, QUERIES)
        scores = space
        sums = self.at(scores, self.zero + QUERIES * KEYS)
        most, total = self.at(sums, wide * QUERIES), self.at(sums, wide * QUERIES + QUERIES)
        right = self.at(total, self.zero + QUERIES)
        values = self.at(right, (words.width + self.shape.lanes + self.shape.columns) * KEYS)
        clear(code, sums, wide * QUERIES, self.element)
        with code.loop(self.zero, rows) as i:
            code.store(code.constant(float("-inf"), self.element), self.at(most, i))
            code.store(code.constant(0.0, self.element), self.at(total, i))
        q = self.at(self.begin("q", head), top * words.q_row)
        k, v = self.begin("k", head), self.begin("v", head)
        one = self.zero + 1
        with code.loop(self.zero, self.seen_keys(top + rows), KEYS) as key:
            count = smaller(words.keys - key, KEYS)
            self.panels(right, self.at(k, key * words.k_row), count, words.width, words.k_row, one)
            left = q, words.q_row, one
            self.product(left, right, words.width, (scores, one * KEYS), (rows, count), 0)
            with code.loop(self.zero, rows) as i:
                place = i, top + i, key
                self.weigh(
                    scores, place, head, count, (most, total), (self.at(sums, i * wide), wide)
                )
            self.panels(values, self.at(v, key * words.v_row), words.depth, count, one, words.v_row)
            left = scores, one * KEYS, one
            self.product(left, values, count, (sums, wide), (rows, words.depth), 1)
        self.finish(head * words.queries + top, rows, (most, total), (sums, wide))

    def weigh(
        self, scores: Value, place: tuple[Value, Value, Value], head: Value, count: Value,
        known: tuple[Value, Value], sums: tuple[Value, Value],
    ) -> None:  # fmt: skip
        """Turn a row of scores into weights relative to the running maximum, and rescale what
        is summed."""
        code, kind, element = self.code, self.kind, self.element
        i = place[0]
        most, total = (self.at(x, i) for x in known)
        old = code.load(most, element)
        peak = code.slot(kind, code.splat(old))
        with self.vectors(self.zero + KEYS) as j:
            value = self.score(scores, place, head, j, count)
            code.store(value, self.at(scores, i * KEYS + j))
            so_far = code.load(peak, kind)
            code.store(choose(so_far > value, so_far, value), peak)
        now = self.folded(code.load(peak, kind), True)
        floor = finite(now)
        part = code.slot(kind, code.constant(0.0, kind))
        with self.vectors(self.zero + KEYS) as j:
            at = self.at(scores, i * KEYS + j)
            weight = function.exp(code.load(at, kind) - code.splat(floor))
            code.store(weight, at)
            code.store(code.load(part, kind) + weight, part)
        factor = function.exp(code.splat(old - floor))
        code.store(now, most)
        more = self.folded(code.load(part, kind), False)
        code.store(code.load(total, element) * factor.lane() + more, total)
        with code.when(old.differs(now)), self.vectors(sums[1]) as j:
            at = self.at(sums[0], j)
            code.store(code.load(at, kind) * factor, at)

    def finish(
        self, first: Value, rows: Value, known: tuple[Value, Value], sums: tuple[Value, Value]
    ) -> None:
        """Divide by the sums of the weights; a row that looked at no key is zero."""
        code, words, kind = self.code, self.words, self.kind
        out, logs = (
            self.at(words.array("out"), first * words.depth),
            self.at(words.array("logs"), first),
        )
        with code.loop(self.zero, rows) as i:
            total = code.load(self.at(known[1], i), self.element)
            nothing = total.equals(0.0)
            divisor = code.splat(scalar(nothing, total.like(1.0), total))
            with self.vectors(words.depth) as j:
                value = code.load(self.at(sums[0], i * sums[1] + j), kind) / divisor
                place = self.at(out, i * words.depth + j)
                code.masked_store(value, place, within(code, words.depth - j))
            most = code.load(self.at(known[0], i), self.element)
            log = finite(most) + function.log(divisor).lane()
            code.store(scalar(nothing, total.like(float("inf")), log), self.at(logs, i))


def scalar(condition: Value, x: Value, y: Value) -> Value:
    """x where the condition, a single one, holds."""
    return x.code.emit(f"select i1 {condition.name}, {x.type} {x.name}, {x.type} {y.name}", x.type)


def finite(most: Value) -> Value:
    """The maximum to subtract: 0 where no key takes part, for -inf less -inf would be nan."""
    return scalar(most.equals(float("-inf")), most.like(0.0), most)


@cache
def backward(shape: Shape) -> Job:
    declarations: set[str] = set()
    code = Code(shape.lanes, declarations)
    words = BACKWARD.load(code)
    spare = 2 * shape.lanes
    keys_size = padded(words.width, shape) + words.width + padded(words.depth, shape) + words.depth
    count = (keys_size + 4 * shape.columns + spare) * KEYS + 2 * QUERIES * KEYS
    with working_space(code, count * shape.item) as space:
        first, last = Value(code, "%row_begin", "i64"), Value(code, "%row_end", "i64")
        with code.loop(first, last) as head:
            Backward(code, shape, words).head(head, space)
    code.line("ret void")
    return job_of(code, shape, declarations)


class Backward(Writer):
    def head(self, head: Value, space: Value) -> None:
        code, words, shape = self.code, self.words, self.shape
        self.weights = space
        self.slopes = self.at(space, self.zero + QUERIES * KEYS)
        self.right = self.at(self.slopes, self.zero + QUERIES * KEYS)
        self.wide = padded(words.width, shape) + padded(words.depth, shape)
        self.starts = {
            "dq": self.at(words.array("dq"), head * words.queries * words.width),
            "dk": self.at(words.array("dk"), head * words.keys * words.width),
            "dv": self.at(words.array("dv"), head * words.keys * words.depth),
            "g": self.at(words.array("g"), head * words.queries * words.depth),
            "q": self.begin("q", head), "k": self.begin("k", head), "v": self.begin("v", head),
        }  # fmt: skip
        clear(code, self.starts["dq"], words.queries * words.width, self.element)
        clear(code, self.starts["dk"], words.keys * words.width, self.element)
        clear(code, self.starts["dv"], words.keys * words.depth, self.element)
        with code.loop(self.zero, words.queries, QUERIES) as top:
            rows = smaller(words.queries - top, QUERIES)
            with code.loop(self.zero, self.seen_keys(top + rows), KEYS) as key:
                self.block(head, (top, rows), (key, smaller(words.keys - key, KEYS)))

    def block(self, head: Value, queries: tuple[Value, Value], keys: tuple[Value, Value]) -> None:
        """What one block of queries and one of keys add to the gradients of their heads."""
        code, words, right = self.code, self.words, self.right
        (top, rows), (key, count) = queries, keys
        one = self.zero + 1
        q = self.at(self.starts["q"], top * words.q_row)
        g = self.at(self.starts["g"], top * words.depth)
        k, v = (
            self.at(self.starts["k"], key * words.k_row),
            self.at(self.starts["v"], key * words.v_row),
        )
        blocks = (rows, count)
        self.panels(right, k, count, words.width, words.k_row, one)
        self.product(
            (q, words.q_row, one), right, words.width, (self.weights, one * KEYS), blocks, 0
        )
        self.panels(right, v, count, words.depth, words.v_row, one)
        self.product(
            (g, words.depth, one), right, words.depth, (self.slopes, one * KEYS), blocks, 0
        )
        with code.loop(self.zero, rows) as i:
            self.differentiate(head, (i, top + i, key), count)
        self.panels(right, g, words.depth, rows, one, words.depth)
        turned = self.weights, one, one * KEYS
        target = self.at(self.starts["dv"], key * words.depth), words.depth
        self.product(turned, right, rows, target, (count, words.depth), 1)
        self.panels(right, q, words.width, rows, one, words.q_row)
        turned = self.slopes, one, one * KEYS
        target = self.at(self.starts["dk"], key * words.width), words.width
        self.product(turned, right, rows, target, (count, words.width), 1)
        self.panels(right, k, words.width, count, one, words.k_row)
        target = self.at(self.starts["dq"], top * words.width), words.width
        self.product((self.slopes, one * KEYS, one), right, count, target, (rows, words.width), 1)

    def differentiate(self, head: Value, place: tuple[Value, Value, Value], count: Value) -> None:
        """A row of scores becomes its weights, and of their gradients that of the scores."""
        code, words, kind = self.code, self.words, self.kind
        i = place[0]
        at = head * words.queries + place[1]
        log = code.splat(code.load(self.at(words.array("logs"), at), self.element))
        dot = code.splat(code.load(self.at(words.array("dots"), at), self.element))
        with self.vectors(self.zero + KEYS) as j:
            weight = function.exp(self.score(self.weights, place, head, j, count) - log)
            code.store(weight, self.at(self.weights, i * KEYS + j))
            slope = self.at(self.slopes, i * KEYS + j)
            value = weight * (code.load(slope, kind) - dot) * code.splat(self.scale)
            code.store(choose(weight.equals(0.0), value.like(0.0), value), slope)
