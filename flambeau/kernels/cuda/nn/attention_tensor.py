"""Attention of the half types on tensor cores: the same passes as `attention_kernel`'s, a warp for 16 rows.

Scores stay in registers: what a thread holds of a sum is what it has to hold of a left factor, so that weights, rounded to
the half type, are multiplied where they were computed (Dao 2023). The rows that a block walks over lie in shared
memory as they are, where products are along them, and turned, two rows in a word, where they are summed up.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ...elementary.exponential import exp, log
from ...llvm import Value, Variable, choose, quotient, remainder, smaller
from ...loops.element import MEMORY, packed
from ..driver import Kernel
from ..tensor_core import COLUMNS, ROWS, STEPS, Lane, left, multiply_add, right
from ..thread import WARP
from .attention_tile import Attention, Form, Rows, of_gradient

WARPS = 4
SIDE = WARPS * ROWS
"""Rows of a block."""
THREADS = WARPS * WARP
PACK = 8
"""Elements that are fetched together: 16 bytes."""
INFINITY = float("inf")
Sums = list[list[Variable]]
"""What a thread holds of 16 rows by so many small matrices of columns: four numbers of each."""
Part = list[list[Value]]
"""A left factor of 16 rows, in pieces of 16 steps."""


def steps_at_once(form: Form) -> int:
    """The rows that a block walks over at once: what shared memory has room for."""
    return 64 if form.width <= 64 else 32


class Warps(Attention):
    """The code of one thread of such a block."""

    def __init__(self, form: Form, pointers: tuple[str, ...]):
        super().__init__(form, pointers, SIDE)
        self.lane = Lane.of(self.me)
        self.mine = quotient(self.me, WARP) * ROWS + self.lane.row
        self.pace = steps_at_once(form)
        self.straight_pitch, self.turned_pitch = form.width + PACK, self.pace + PACK
        self.used: set[str] = set()

    def room(self, turned: bool = False) -> Value:
        """Shared memory for the rows of a step."""
        size = self.form.width * self.turned_pitch if turned else self.pace * self.straight_pitch
        return self.code.shared("i16", size)

    def sums(self, columns: int) -> Sums:
        zero = self.code.constant(0.0, "float")
        return [[self.code.variable(zero) for _ in range(4)] for _ in range(0, columns, COLUMNS)]

    # ------------------------------------------------------------------------- what it fetches

    def packs(self, rows: Rows, row: Value, column: Value, columns: Value) -> list[Value]:
        """Eight neighbours of a row as four words; 0 beyond the last row or column."""
        code = self.code
        known = row < rows.count
        far = choose(known, row, 0).widen("i64") * rows.step.widen("i64")
        if self.form.whole:  # then columns are whole packs too
            there = known & (column < columns)
            far = far + choose(there, column, 0).widen("i64")
            words = code.several(code.at(rows.pointer, "i16", far), "i32", 4)
            return [choose(there, word, 0) for word in words]
        found = []
        for i in range(PACK):
            there = known & (column + i < columns)
            at = far + choose(there, column + i, 0).widen("i64")
            value = choose(there, code.load(code.at(rows.pointer, "i16", at), "i16"), 0)
            found.append(value.widen("i32"))
        return [low | (high << 16) for low, high in zip(found[::2], found[1::2])]

    def straight(self, rows: Rows, columns: Value, memory: Value) -> None:
        """The rows of a step into shared memory, each row's elements side by side."""
        code, across = self.code, self.form.width // PACK
        with code.loop(self.me, self.me.like(self.pace * across), THREADS) as i:
            row, column = quotient(i, across), remainder(i, across) * PACK
            words = self.packs(rows, rows.first + row, column, columns)
            code.several(
                code.at(memory, "i16", row * self.straight_pitch + column), "i32", 4, words
            )

    def turned(self, rows: Rows, columns: Value, memory: Value) -> None:
        """The rows of a step into shared memory, each column's elements side by side."""
        code, pairs = self.code, self.pace // 2
        with code.loop(self.me, self.me.like(pairs * self.form.width // PACK), THREADS) as i:
            pair, column = remainder(i, pairs) * 2, quotient(i, pairs) * PACK
            first, second = (
                self.packs(rows, rows.first + pair + k, column, columns) for k in (0, 1)
            )
            for c, (x, y) in enumerate(zip(first, second)):
                words = (x & 0xFFFF) | (y << 16), x.down(16) | (y & -0x10000)
                for k, word in enumerate(words):
                    place = (column + (2 * c + k)) * self.turned_pitch + pair
                    code.store(word, code.at(memory, "i16", place))

    def part(self, rows: Rows, columns: Value, memory: Value) -> Part:
        """The warp's 16 rows as a left factor: through shared memory, which nothing else uses meanwhile."""
        code, form, found = self.code, self.form, []
        variables = []
        for half in range(0, SIDE, self.pace):
            some = Rows(rows.pointer, rows.first + half, rows.count, rows.step)
            if memory.name in self.used:
                code.barrier()
            self.used.add(memory.name)
            self.straight(some, columns, memory)
            code.barrier()
            begin = quotient(self.me, WARP) * ROWS - half
            inside = (begin >= 0) & (begin < self.pace)
            base = choose(inside, begin, 0) * self.straight_pitch
            for k in range(0, form.width, STEPS):
                words = left(code, memory, base + k, self.straight_pitch, self.lane)
                if not half:
                    variables.append([code.variable(word) for word in words])
                else:
                    for held, word in zip(variables[k // STEPS], words):
                        held.value = choose(inside, word, held.value)
        for line in variables:
            found.append([held.value for held in line])
        return found

    # ------------------------------------------------------------------------------- products

    def products(self, a: Part, memory: Value) -> Sums:
        """Of the warp's rows with each of the rows in shared memory."""
        made = self.sums(self.pace)
        for j, sums in enumerate(made):
            for k, x in enumerate(a):
                begin = self.me.like(j * COLUMNS * self.straight_pitch + k * STEPS)
                y = right(self.code, memory, begin, self.straight_pitch, self.lane)
                self.add(sums, x, y)
        return made

    def mixed(self, made: Sums, a: Part, memory: Value) -> None:
        """Add the rows in shared memory, turned, each weighted by a."""
        for j, sums in enumerate(made):
            for k, x in enumerate(a):
                begin = self.me.like(j * COLUMNS * self.turned_pitch + k * STEPS)
                y = right(self.code, memory, begin, self.turned_pitch, self.lane)
                self.add(sums, x, y)

    def add(self, sums: list[Variable], x: list[Value], y: list[Value]) -> None:
        made = multiply_add(self.code, self.form.dtype, x, y, [total.value for total in sums])
        for total, value in zip(sums, made):
            total.value = value

    def as_part(self, weights: Part) -> Part:
        """Numbers where sums are held, as a left factor."""
        pairs = [[self.pair(*line[:2]), self.pair(*line[2:])] for line in weights]
        return [[*first, *second] for first, second in zip(pairs[::2], pairs[1::2])]

    def pair(self, x: Value, y: Value) -> Value:
        low, high = (packed(v, self.form.dtype).widen("i32") for v in (x, y))
        return low | (high << 16)

    # ------------------------------------------------------------------------- rows of scores

    def place(self, first: Value, j: int, i: int) -> tuple[int, Value]:
        """Which of the thread's two rows number i of small matrix j is in, and its column, from `first` on."""
        return i // 2, first + self.lane.pair * 2 + (j * COLUMNS + i % 2)

    def own_rows(self, top: Value) -> list[Value]:
        return [top + self.mine, top + self.mine + 8]

    def over_row(self, values: list[Value], join: Any) -> Value:
        """What a row joins to, the same bits in the four threads that hold some of it."""
        total = values[0]
        for value in values[1:]:
            total = join(total, value)
        for by in (2, 1):
            total = join(total, self.code.exchanged(total, "bfly", by))
        return total

    def store_rows(self, made: Part, rows: Rows, columns: Value) -> None:
        code, element = self.code, MEMORY[self.form.dtype]
        for side, row in enumerate(self.own_rows(rows.first)):
            with code.when(row < rows.count):
                begin = code.at(rows.pointer, element, row.widen("i64") * rows.step.widen("i64"))
                for j, line in enumerate(made):
                    column = self.place(self.me.like(0), j, 0)[1]
                    low, high = line[2 * side : 2 * side + 2]
                    if self.form.whole:
                        with code.when(column < columns):
                            code.store(self.pair(low, high), code.at(begin, element, column))
                        continue
                    for more, value in enumerate((low, high)):
                        with code.when(column + more < columns):
                            value = packed(value, self.form.dtype)
                            code.store(value, code.at(begin, element, column + more))


def _larger(x: Value, y: Value) -> Value:
    return choose(x > y, x, y)


def _values(made: Sums) -> Part:
    return [[total.value for total in line] for line in made]


class _Forward(Warps):
    def __init__(self, form: Form):
        given = "ptr q readonly", "ptr k readonly", "ptr v readonly", "ptr mask readonly"
        super().__init__(form, (*given, "ptr out", "ptr logs"))

    def text(self, name: str) -> str:
        code, form, n = self.code, self.form, self.n
        top = self.at_block(n.queries)
        self.mask = self.begin("mask") if form.mask else None
        straight, turned = self.room(), self.room(turned=True)
        q = self.rows("q", top, n.queries)
        part = self.part(q, n.size, straight)
        low, zero = (code.constant(x, "float") for x in (-INFINITY, 0.0))
        self.most, self.totals = ([code.variable(x) for _ in range(2)] for x in (low, zero))
        made = self.sums(form.width)
        last = smaller(top + SIDE, n.keys) if form.causal else n.keys
        with code.loop(code.constant(0, "i32"), last, self.pace) as first:
            k, v = (self.rows(x, first, n.keys) for x in "kv")
            code.barrier()
            self.straight(k, n.size, straight)
            self.turned(v, n.depth, turned)
            code.barrier()
            weights = self.weighed(_values(self.products(part, straight)), made, top, first)
            self.mixed(made, self.as_part(weights), turned)
        self.end(made, q)
        return code.kernel(name)

    def weighed(self, scores: Part, made: Sums, top: Value, first: Value) -> Part:
        """The exponentials of scores; what was summed before is scaled to the largest score of each row."""
        queries = self.own_rows(top)
        found: Part = []
        for j, line in enumerate(scores):
            places = [self.place(first, j, i) for i in range(4)]
            found.append(
                [self.score(x, queries[side], key) for x, (side, key) in zip(line, places)]
            )
        weights: Part = [[] for _ in found]
        for side in range(2):
            mine = [x for line in found for x in line[2 * side : 2 * side + 2]]
            before = self.most[side].value
            now = _larger(before, self.over_row(mine, _larger))
            base = choose(now.equals(-INFINITY), now.like(0.0), now)
            made_of_row = [exp(x - base) for x in mine]
            shrunk = exp(before - base)
            total = self.over_row(made_of_row, Value.__add__)
            self.most[side].value = now
            self.totals[side].value = self.code.intrinsic(
                "fma", self.totals[side].value, shrunk, total
            )
            for line in made:
                for held in line[2 * side : 2 * side + 2]:
                    held.value = held.value * shrunk
            for j in range(len(weights)):
                weights[j] += made_of_row[2 * j : 2 * j + 2]
        return weights

    def end(self, made: Sums, q: Rows) -> None:
        """A query that sees no key gives zeros, and infinity as its logarithm."""
        code, n, values = self.code, self.n, _values(made)
        for side, row in enumerate(self.own_rows(q.first)):
            total = self.totals[side].value
            none = total.equals(0.0)
            share = total.like(1.0) / choose(none, total.like(1.0), total)
            for line in values:
                line[2 * side : 2 * side + 2] = [x * share for x in line[2 * side : 2 * side + 2]]
            logs = choose(none, total.like(INFINITY), log(total) + self.most[side].value)
            with code.when((row < n.queries) & self.lane.pair.equals(0)):
                place = self.head.widen("i64") * n.queries.widen("i64") + row.widen("i64")
                code.store(logs, code.at(self.p["logs"], "float", place))
        self.store_rows(values, self.rows("out", q.first, n.queries), n.depth)


class _Backward(Warps):
    """What both kernels of the gradients share."""

    def __init__(self, form: Form, *results: str):
        super().__init__(form, of_gradient(*results))


class _Queries(_Backward):
    """The gradient of some queries."""

    def text(self, name: str) -> str:
        code, form, n = self.code, self.form, self.n
        top = self.at_block(n.queries)
        self.mask = self.begin("mask") if form.mask else None
        rooms = self.room(), self.room(), self.room(turned=True)
        q, g = (self.rows(x, top, n.queries) for x in "qg")
        parts = self.part(q, n.size, rooms[0]), self.part(g, n.depth, rooms[0])
        made, queries = self.sums(form.width), self.own_rows(top)
        logs, shares = ([self.of_query(x, at) for at in queries] for x in ("logs", "shares"))
        last = smaller(top + SIDE, n.keys) if form.causal else n.keys
        with code.loop(code.constant(0, "i32"), last, self.pace) as first:
            k, v = (self.rows(x, first, n.keys) for x in "kv")
            code.barrier()
            self.straight(k, n.size, rooms[0])
            self.straight(v, n.depth, rooms[1])
            self.turned(k, n.size, rooms[2])
            code.barrier()
            scores, slopes = (_values(self.products(p, r)) for p, r in zip(parts, rooms))
            found: Part = [[] for _ in scores]
            for j, (line, more) in enumerate(zip(scores, slopes)):
                for i, (x, y) in enumerate(zip(line, more)):
                    side, key = self.place(first, j, i)
                    weight = exp(self.score(x, queries[side], key) - logs[side])
                    found[j].append(weight * (y - shares[side]) * self.scale)
            self.mixed(made, self.as_part(found), rooms[2])
        self.store_rows(_values(made), self.rows("dq", top, n.queries), n.size)
        return code.kernel(name)


class _Keys(_Backward):
    """The gradient of some keys, or of the values there."""

    def __init__(self, form: Form, result: str):
        super().__init__(form, result)
        self.result = result

    def text(self, name: str) -> str:
        code, form, n = self.code, self.form, self.n
        top = self.at_block(n.keys)
        self.mask = self.begin("mask") if form.mask else None
        of_keys = self.result == "dk"
        straight, turned = self.room(), self.room(turned=True)
        other = self.room() if of_keys else straight
        k, v = (self.rows(x, top, n.keys) for x in "kv")
        by_key = self.part(k, n.size, straight)
        by_value = self.part(v, n.depth, straight) if of_keys else []
        made, keys = self.sums(form.width), self.own_rows(top)
        begin = top if form.causal else code.constant(0, "i32")
        with code.loop(begin, n.queries, self.pace) as first:
            q, g = (self.rows(x, first, n.queries) for x in "qg")
            code.barrier()
            self.straight(q, n.size, straight)
            if of_keys:
                self.straight(g, n.depth, other)
                self.turned(q, n.size, turned)
            else:
                self.turned(g, n.depth, turned)
            code.barrier()
            scores = _values(self.products(by_key, straight))
            slopes = _values(self.products(by_value, other)) if of_keys else []
            self.mixed(made, self.as_part(self.weighed(scores, slopes, keys, first)), turned)
        columns = n.size if of_keys else n.depth
        self.store_rows(_values(made), self.rows(self.result, top, n.keys), columns)
        return code.kernel(name)

    def weighed(self, scores: Part, slopes: Part, keys: list[Value], first: Value) -> Part:
        """The weights of pairs, or the gradients of their scores."""
        found: Part = []
        for j, line in enumerate(scores):
            row = []
            for i, x in enumerate(line):
                side, query = self.place(first, j, i)
                value = exp(self.score(x, query, keys[side]) - self.of_query("logs", query))
                if slopes:
                    value = value * (slopes[j][i] - self.of_query("shares", query)) * self.scale
                row.append(value)
            found.append(row)
        return found


@cache
def forward(form: Form) -> Kernel:
    """As `attention_kernel.forward`."""
    return Kernel("attention_tensor", _Forward(form).text("attention_tensor"))


@cache
def backward_queries(form: Form) -> Kernel:
    """As `attention_kernel.backward_queries`."""
    name = "attention_tensor_queries"
    return Kernel(name, _Queries(form, "dq").text(name))


@cache
def backward_keys(form: Form, result: str) -> Kernel:
    """As `attention_kernel.backward_keys`, for one of the two results: "dk" or "dv"."""
    name = f"attention_tensor_{result}"
    return Kernel(name, _Keys(form, result).text(name))


__all__ = ["SIDE", "THREADS", "backward_keys", "backward_queries", "forward"]
