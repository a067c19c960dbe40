"""The kernel of attention in half types: tiles multiply, float32 weighs.

A row of the job is a block of queries of one head, as in `attention_kernel`. Keys and values come as panels. The scores of a
block are float32 sums of tiles, which are taken as exponents of 2; weights are relative to a reference near the running
maximum, and go back to tiles as two numbers of bfloat16 each, so that nothing of them is lost that the result could show.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from ..elementary import exponential
from ..llvm import (
    Code,
    Value,
    across_lanes,
    choose,
    greater,
    polynomial,
    quotient,
    remainder,
    smaller,
)
from ..matmul import amx
from ..matmul.half_kernel import LANES, STEP, rounded
from ..matmul.half_pack import BLOCKS, block_bytes, call_pack, pack, put_line
from ..matmul.microkernel import clear, within
from ..runtime.entry import Body, kernel
from .attention_kernel import finite, scalar

QUERIES, KEYS = 64, 128
"""Rows and columns of a block of scores."""
PAIR = 2 * LANES
"""Rows and columns of four tiles."""
PARTS = 2
"""Numbers of bfloat16 that a weight is."""
RISE = 11.0
"""How far a maximum may rise above a row's reference before what is summed is scaled again: weights are up to 2^11."""
LOWEST = -126.0
"""Exponents below which a weight is 0."""
POWER = (
    1.0000000754953493, 0.6931472067106206, 0.24022107355830383, 0.055503272142086946,
    0.00967603709787357, 0.0013400432165524283,
)  # fmt: skip
"""2^r for |r| <= 1/2, a Chebyshev fit off by 2.5e-7: weights keep 16 binary digits."""
LN_2 = 0.6931471805599453
MAGIC = 1.5 * 2.0**23
"""Adding it rounds to an integer."""


class Numbers(NamedTuple):
    """What the kernel is told.

    Attributes:
        width, depth: Elements of a query and of a value.
        blocks: Of queries of a head.
        q_row, mask_row, out_row: So many bytes apart the rows of each array lie.
        k_panel, v_panel: Bytes of a panel of keys (of all their elements) and of values (of all keys).
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
    mask_row: int
    out_row: int
    k_panel: int
    v_panel: int
    causal: int
    masked: int
    scale: int


class Arrays(NamedTuple):
    """The kernel's arrays; starts: where each head of q, k, v, the mask and the result begins, in bytes."""

    q: Any
    k: Any
    v: Any
    mask: Any
    out: Any
    logs: Any
    starts: Any


STARTED = ("q", "k", "v", "mask", "out")


@cache
def forward(element: str) -> Callable[..., int]:
    """``f(*Arrays, *job, *Numbers)``; the mask is of float32. Reports 1 where something is not finite in float16."""

    def write(code: Body) -> None:
        both = BLOCKS[element]
        code.functions = [
            pack(element, True, LANES, code.declarations),
            four_tiles("scores", both, both, code.declarations),
            four_tiles("values", PARTS, both, code.declarations),
        ]
        code.line(f"%configuration = alloca [{len(amx.configuration(LANES))} x i64], align 64")
        place = Value(code, "%configuration", "ptr")
        for i, word in enumerate(amx.configuration(LANES)):
            code.put(code.number(int(word)), place, code.number(i))
        amx.configure(code, place)
        writer = _Forward(code, element)
        space = code.scratch(writer.size() + 64)
        with code.rows() as row:
            writer.block(row, space.byte(-space.address() & 63))
        code.free(space)
        amx.release(code)

    return kernel("attention", Arrays._fields, Numbers, write, LANES, makes=True)


def four_tiles(name: str, lefts: int, rights: int, declarations: set[str]) -> str:
    """``void @name(left, left_panel, right, right_panel, blocks, target, stride, add)``: two panels of the left operand
    times two of the right one, to 32 rows of 32 numbers of float32, which are `stride` bytes apart; added if `add`.

    Args:
        lefts, rights: Of how many parts each number of an operand is.
    """
    code = Code(LANES, declarations)
    left, right, target = (Value(code, f"%{x}", "ptr") for x in ("left", "right", "target"))
    names = ("left_panel", "right_panel", "blocks", "stride", "add")
    left_panel, right_panel, blocks, stride, add = (Value(code, f"%{x}", "i64") for x in names)
    tiles = [(i, j) for i in range(2) for j in range(2)]
    places = {2 * i + j: target.byte(stride * (i * LANES) + j * amx.BYTES) for i, j in tiles}
    with code.either(add.differs(0)) as (continued, begun):
        with continued:
            for tile, place in places.items():
                amx.load(code, tile, place, stride)
        with begun:
            for tile in places:
                amx.clear(code, tile)
    with code.loop(blocks.like(0), blocks) as k:
        for x in range(lefts):
            for i in range(2):
                place = left.byte(left_panel * i + k * (lefts * amx.SIZE) + x * amx.SIZE)
                amx.load(code, 4 + i, place, amx.BYTES)
            for y in range(rights):
                for j in range(2):
                    place = right.byte(right_panel * j + k * (rights * amx.SIZE) + y * amx.SIZE)
                    amx.load(code, 6 + j, place, amx.BYTES)
                for i, j in tiles:
                    amx.multiply(code, "bf16ps", 2 * i + j, 4 + i, 6 + j)
    for tile, place in places.items():
        amx.store(code, tile, place, stride)
    code.give()
    return code.function(
        f"@{name}(ptr %left, i64 %left_panel, ptr %right, i64 %right_panel, i64 %blocks, "
        "ptr %target, i64 %stride, i64 %add)",
        "internal void",
        "noinline",
    )


class _Forward:
    """Writes what a row of the job does."""

    def __init__(self, code: Body, element: str):
        self.code, self.element, self.n, self.p = code, element, code.n, code.p
        self.type = code.vector("float")
        self.block_bytes = block_bytes(element, LANES)
        self.inner = quotient(self.n.width + (STEP - 1), STEP)
        self.wide = (self.n.depth + (PAIR - 1)) & -PAIR
        self.q_panel = self.inner * self.block_bytes
        self.weight_panel = code.number(KEYS // STEP * PARTS * amx.SIZE)
        scale = self.n.scale.cast_to("double") * exponential.LOG2_E
        self.scale = code.splat(scale.convert("float"))

    def size(self) -> Value:
        """Bytes of intermediate values."""
        lines = QUERIES * KEYS * 4 + QUERIES * KEYS * 2 * PARTS + QUERIES * (4 + amx.BYTES)
        return self.wide * (QUERIES * 4) + self.q_panel * (QUERIES // LANES) + lines

    def begin(self, name: str, item: Value) -> Value:
        """Where a head's matrix begins."""
        place = item + self.n.heads * STARTED.index(name)
        return self.p[name].byte(self.code.get(self.p["starts"], "i64", place))

    def run(self, name: str, *given: Value) -> None:
        listed = ", ".join(f"{x.type} {x.name}" for x in given)
        self.code.line(f"call void @{name}({listed})")

    def block(self, row: Value, space: Value) -> None:
        code, n = self.code, self.n
        head, top = quotient(row, n.blocks), remainder(row, n.blocks) * QUERIES
        rows = smaller(n.queries - top, QUERIES)
        self.scores = space
        self.weights = space.byte(QUERIES * KEYS * 4)
        self.most = self.weights.byte(QUERIES * KEYS * 2 * PARTS)
        self.total = self.most.byte(QUERIES * 4)
        self.sums = self.total.byte(QUERIES * amx.BYTES)
        queries = self.sums.byte(self.wide * (QUERIES * 4))
        clear(code, self.sums, self.wide * QUERIES, "float")
        with code.loop(code.zero, rows) as i:
            code.put(code.constant(float("-inf"), "float"), self.most, i)
            code.store(code.constant(0.0, self.type), self.total.byte(i * amx.BYTES))
        q = self.begin("q", head).byte(top * n.q_row)
        panels = code.zero, code.number(QUERIES // LANES)
        steps = n.q_row, code.number(2), self.q_panel
        call_pack(code, queries, q, panels, (rows, n.width, rows), steps)
        keys = smaller(n.keys, n.causal.differs(0).select(top + rows, n.keys))
        with code.loop(code.zero, keys, KEYS) as key:
            count = smaller(n.keys - key, KEYS)
            self.score(queries, self.begin("k", head), rows, key, count)
            with code.loop(code.zero, rows) as i:
                self.refer(head, i, top + i, key, count)
            with code.loop(code.zero, rows) as i:
                self.weigh(i)
            self.add(self.begin("v", head), rows, key, count)
        self.finish(head, top, rows)

    def score(self, queries: Value, k: Value, rows: Value, key: Value, count: Value) -> None:
        """The products of a block of queries and one of keys."""
        code, n = self.code, self.n
        with code.loop(code.zero, rows, PAIR) as i, code.loop(code.zero, count, PAIR) as j:
            self.run(
                "scores", queries.byte(quotient(i, LANES) * self.q_panel), self.q_panel,
                k.byte(quotient(key + j, LANES) * n.k_panel), n.k_panel, self.inner,
                self.scores.byte((i * KEYS + j) * 4), code.number(KEYS * 4), code.zero,
            )  # fmt: skip

    def refer(self, head: Value, i: Value, query: Value, key: Value, count: Value) -> None:
        """Turn a row of scores into exponents, and raise its reference if one is far above."""
        code, n, type = self.code, self.n, self.type
        places = [self.scores.byte(i * (KEYS * 4) + j * 4 * LANES) for j in range(KEYS // LANES)]
        for place in places:
            code.store(code.load(place, type) * self.scale, place)
        seen = n.causal.differs(0).select(smaller(count, query - key + 1), count)
        with code.when((seen < KEYS) | n.masked.differs(0)):
            self.hide(places, head, query, key, count, seen)
        peaks = [code.load(place, type) for place in places]
        while len(peaks) > 1:
            peaks = [choose(x > y, x, y) for x, y in zip(peaks[::2], peaks[1::2])]
        largest, old = self.folded(peaks[0], True), code.get(self.most, "float", i)
        with code.when(largest > old + RISE):
            code.put(largest, self.most, i)
            factor = power(code.splat(old - largest))
            total = self.total.byte(i * amx.BYTES)
            code.store(code.load(total, type) * factor, total)
            with code.loop(code.zero, self.wide, LANES) as j:
                at = self.sums.byte((i * self.wide + j) * 4)
                code.store(code.load(at, type) * factor, at)

    def weigh(self, i: Value) -> None:
        """Turn a row of exponents into weights relative to its reference."""
        code, type = self.code, self.type
        line, total = self.scores.byte(i * (KEYS * 4)), self.total.byte(i * amx.BYTES)
        reference = code.splat(finite(code.get(self.most, "float", i)))
        weights = [
            power(code.load(line.byte(j * 4 * LANES), type) - reference)
            for j in range(KEYS // LANES)
        ]
        self.keep(weights, i)
        while len(weights) > 1:
            weights = [x + y for x, y in zip(weights[::2], weights[1::2])]
        code.store(code.load(total, type) + weights[0], total)

    def hide(
        self, places: list[Value], head: Value, query: Value, key: Value, count: Value, seen: Value
    ) -> None:
        """Add the mask to exponents, and have -inf for keys that do not take part."""
        code, n, type = self.code, self.n, self.type
        mask = self.begin("mask", head).byte(query * n.mask_row + key * 4)
        with code.when(n.masked.differs(0)):
            for j, place in enumerate(places):
                there = within(code, count - j * LANES)
                more = code.masked_load(mask.byte(j * LANES * 4), type, there)
                code.store(more.multiply_add(exponential.LOG2_E, code.load(place, type)), place)
        for j, place in enumerate(places):
            value = code.load(place, type)
            code.store(choose(within(code, seen - j * LANES), value, float("-inf")), place)

    def keep(self, weights: list[Value], i: Value) -> None:
        """A row of weights as a line of the left operand: each as the sum of two numbers."""
        code = self.code
        panel = self.weights.byte(quotient(i, LANES) * self.weight_panel)
        line = panel.byte(remainder(i, LANES) * amx.BYTES)
        short = f"<{PAIR} x i16>"
        for block, pair in enumerate(zip(weights[::2], weights[1::2])):
            high, low = (x.cast_to(short) for x in pair)
            upper = high.shuffled(low, range(1, 2 * PAIR, 2))
            rest = [x - (x.bits() & -65536).cast_bits("float") for x in pair]
            for part, numbers in enumerate((upper, rounded(code, rest, "bfloat16"))):
                code.store(numbers, line.byte((block * PARTS + part) * amx.SIZE))

    def add(self, v: Value, rows: Value, key: Value, count: Value) -> None:
        """Add the weighted values of a block of keys."""
        code, n = self.code, self.n
        inner = quotient(count + (STEP - 1), STEP)
        first = v.byte(quotient(key, STEP) * self.block_bytes)
        with code.loop(code.zero, rows, PAIR) as i, code.loop(code.zero, n.depth, PAIR) as j:
            self.run(
                "values", self.weights.byte(quotient(i, LANES) * self.weight_panel),
                self.weight_panel, first.byte(quotient(j, LANES) * n.v_panel), n.v_panel, inner,
                self.sums.byte((i * self.wide + j) * 4), self.wide * 4, code.number(1),
            )  # fmt: skip

    def finish(self, head: Value, top: Value, rows: Value) -> None:
        """Divide by the sums of the weights; a row that looked at no key is zero."""
        code, n, type = self.code, self.n, self.type
        out = self.begin("out", head).byte(top * n.out_row)
        with code.loop(code.zero, rows) as i:
            total = self.folded(code.load(self.total.byte(i * amx.BYTES), type), False)
            nothing = total.equals(0.0)
            divisor = code.splat(scalar(nothing, total.like(1.0), total))
            with code.loop(code.zero, n.depth, PAIR) as j:
                at = self.sums.byte((i * self.wide + j) * 4)
                pair = [code.load(at.byte(k * amx.BYTES), type) / divisor for k in range(2)]
                made = rounded(code, pair, self.element)
                put_line(code, made, out.byte(i * n.out_row + j * 2), n.depth - j)
            most = code.get(self.most, "float", i)
            log = finite(most) * LN_2 + exponential.log(divisor).lane()
            value = scalar(nothing, total.like(float("inf")), log)
            code.put(value, self.p["logs"], head * n.queries + top + i)

    def folded(self, value: Value, larger: bool) -> Value:
        """The largest lane, or the lanes' sum, as a scalar."""
        return across_lanes(value, greater if larger else operator.add).lane()


def power(x: Value) -> Value:
    """2^x for x that is not far above 0, or nan."""
    inside = choose(x < LOWEST, x.like(LOWEST), x)
    whole = (inside + MAGIC) - MAGIC
    value = exponential.scaled_at_once(polynomial(inside - whole, POWER), whole)
    return choose(x < LOWEST, x.like(0.0), value)
