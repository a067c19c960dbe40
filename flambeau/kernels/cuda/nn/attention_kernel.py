"""Attention in one pass over the keys, and its gradients, without the matrix of all scores.

Forward: a block has some queries, walks over the keys, and keeps each row's largest score, the sum of the exponentials
and the weighted sum of values, which are scaled down whenever a larger score is met (Milakov and Gimelshein 2018; Dao et
al. 2022). Back: a block has some queries and walks over the keys, for their gradient, or has some keys and walks over
the queries, for theirs and that of the values. Every sum has one order, so the bits are the same every time.
"""

from __future__ import annotations

from functools import cache

from ...elementary.exponential import exp, log
from ...llvm import Value, Variable, choose, quotient, smaller
from ..driver import Kernel
from .attention_tile import Form, Rows, Tiles, of_gradient

INFINITY = float("inf")


def _larger(x: Value, y: Value) -> Value:
    return choose(x > y, x, y)


class _Forward(Tiles):
    """The code of the forward pass; `logs` gets the logarithms of the sums."""

    def __init__(self, form: Form):
        given = "ptr q readonly", "ptr k readonly", "ptr v readonly", "ptr mask readonly"
        super().__init__(form, (*given, "ptr out", "ptr logs"))

    def text(self, name: str) -> str:
        code, form, n = self.code, self.form, self.n
        top = self.at_block(n.queries)
        self.mask = self.begin("mask") if form.mask else None
        low = code.constant(-INFINITY, self.kind)
        self.most = [code.variable(low) for _ in range(self.own)]
        self.totals = [code.variable(code.constant(0.0, self.kind)) for _ in range(self.own)]
        sums = self.tile(form.width)
        last = smaller(top + form.side, n.keys) if form.causal else n.keys
        q = self.rows("q", top, n.queries)
        with code.loop(code.constant(0, "i32"), last, form.side) as first:
            k, v = (self.rows(name, first, n.keys) for name in "kv")
            scores = self.products(q, k, n.size)
            weights = [self.weighed(i, line, sums[i], q, k) for i, line in enumerate(scores)]
            self.keep(weights)
            self.mixed(sums, v, n.depth)
        self.end(sums, q)
        return code.kernel(name)

    def weighed(
        self, i: int, line: list[Variable], sums: list[Variable], q: Rows, k: Rows
    ) -> list[Value]:
        """The exponentials of a row's scores; what was summed before is scaled to the largest score."""
        query, key = q.first + self.ty * self.own + i, k.first + self.tx * self.own
        scores = [self.score(x.value, query, key + j) for j, x in enumerate(line)]
        before = self.most[i].value
        now = _larger(before, self.over_row(scores, _larger))
        base = choose(now.equals(-INFINITY), now.like(0.0), now)
        weights = [exp(x - base) for x in scores]
        shrunk = exp(before - base)
        total = self.over_row(weights, Value.__add__)
        self.most[i].value = now
        self.totals[i].value = self.code.intrinsic("fma", self.totals[i].value, shrunk, total)
        for sum in sums:
            sum.value = sum.value * shrunk
        return weights

    def end(self, sums: list[list[Variable]], q: Rows) -> None:
        """A query that sees no key gives zeros, and infinity as its logarithm."""
        code, n, results = self.code, self.n, []
        for i, line in enumerate(sums):
            total = self.totals[i].value
            none = total.equals(0.0)
            share = total.like(1.0) / choose(none, total.like(1.0), total)
            results.append([x.value * share for x in line])
            logs = choose(none, total.like(INFINITY), log(total) + self.most[i].value)
            row = q.first + self.ty * self.own + i
            with code.when((row < n.queries) & self.tx.equals(0)):
                place = self.head.widen("i64") * n.queries.widen("i64") + row.widen("i64")
                code.store(logs, code.at(self.p["logs"], self.kind, place))
        self.store_rows(results, self.rows("out", q.first, n.queries), n.depth)


class _Backward(Tiles):
    """What both kernels of the gradients share."""

    def __init__(self, form: Form, *results: str):
        super().__init__(form, of_gradient(*results))

    def weight(self, x: Value, query: Value, key: Value, log: Value) -> Value:
        return exp(self.score(x, query, key) - log)

    def slope(self, weight: Value, x: Value, share: Value) -> Value:
        """The gradient of a score before it is scaled."""
        return weight * (x - share) * self.scale


class _Queries(_Backward):
    """The gradient of some queries."""

    def text(self, name: str) -> str:
        code, form, n = self.code, self.form, self.n
        top = self.at_block(n.queries)
        self.mask = self.begin("mask") if form.mask else None
        sums = self.tile(form.width)
        q, g = (self.rows(x, top, n.queries) for x in "qg")
        queries = [top + self.ty * self.own + i for i in range(self.own)]
        logs, shares = ([self.of_query(x, at) for at in queries] for x in ("logs", "shares"))
        last = smaller(top + form.side, n.keys) if form.causal else n.keys
        with code.loop(code.constant(0, "i32"), last, form.side) as first:
            k, v = (self.rows(x, first, n.keys) for x in "kv")
            scores, slopes = self.products(q, k, n.size), self.products(g, v, n.depth)
            found = []
            for i, query in enumerate(queries):
                keys = [first + self.tx * self.own + j for j in range(self.own)]
                weights = [
                    self.weight(x.value, query, key, logs[i]) for x, key in zip(scores[i], keys)
                ]
                found.append(
                    [self.slope(w, x.value, shares[i]) for w, x in zip(weights, slopes[i])]
                )
            self.keep(found)
            self.mixed(sums, k, n.size)
        values = [[x.value for x in line] for line in sums]
        self.store_rows(values, self.rows("dq", top, n.queries), n.size)
        return code.kernel(name)


class _Keys(_Backward):
    """The gradients of some keys and values."""

    def text(self, name: str) -> str:
        code, form, n = self.code, self.form, self.n
        top = self.at_block(n.keys)
        self.mask = self.begin("mask") if form.mask else None
        by_key, by_value = self.tile(form.width), self.tile(form.width)
        k, v = (self.rows(x, top, n.keys) for x in "kv")
        keys = [top + self.ty * self.own + i for i in range(self.own)]
        begin = top if form.causal else code.constant(0, "i32")
        with code.loop(begin, n.queries, form.side) as first:
            q, g = (self.rows(x, first, n.queries) for x in "qg")
            queries = [first + self.tx * self.own + j for j in range(self.own)]
            logs, shares = ([self.of_query(x, at) for at in queries] for x in ("logs", "shares"))
            scores = self.products(k, q, n.size)
            weights = [
                [self.weight(x.value, at, key, log) for x, at, log in zip(line, queries, logs)]
                for line, key in zip(scores, keys)
            ]
            self.keep(weights)
            self.mixed(by_value, g, n.depth)
            slopes = self.products(v, g, n.depth)
            found = [
                [self.slope(w, x.value, share) for w, x, share in zip(had, line, shares)]
                for had, line in zip(weights, slopes)
            ]
            self.keep(found)
            self.mixed(by_key, q, n.size)
        for result, sums, columns in (("dk", by_key, n.size), ("dv", by_value, n.depth)):
            values = [[x.value for x in line] for line in sums]
            self.store_rows(values, self.rows(result, top, n.keys), columns)
        return code.kernel(name)


class _Shares(Tiles):
    """The sums of g * out over each row: a thread a row."""

    def text(self, name: str) -> str:
        code, n = self.code, self.n
        with code.loop(code.first(), n.heads * n.queries, code.threads()) as i:
            self.head = quotient(i, n.queries)
            row = i - self.head * n.queries
            g, out = (self.rows(x, row, n.queries) for x in ("g", "out"))
            total = code.variable(code.constant(0.0, self.kind))
            with code.loop(code.constant(0, "i32"), n.depth) as column:
                x, y = (self.get(v, row, column, n.depth) for v in (g, out))
                total.value = code.intrinsic("fma", x, y, total.value)
            code.store(total.value, code.at(self.p["shares"], self.kind, i))
        return code.kernel(name)


@cache
def forward(form: Form) -> Kernel:
    """``f(q, k, v, mask, out, logs, starts, scale, *Numbers)``: a grid of tiles of queries times heads."""
    return Kernel("attention", _Forward(form).text("attention"))


@cache
def shares(form: Form) -> Kernel:
    """``f(g, out, shares, starts, scale, *Numbers)``: a grid of any size."""
    made = _Shares(form, ("ptr g readonly", "ptr out readonly", "ptr shares"))
    return Kernel("attention_shares", made.text("attention_shares"))


@cache
def backward_queries(form: Form) -> Kernel:
    """``f(q, k, v, mask, g, logs, shares, dq, starts, scale, *Numbers)``: a grid as `forward`'s."""
    return Kernel("attention_queries", _Queries(form, "dq").text("attention_queries"))


@cache
def backward_keys(form: Form) -> Kernel:
    """``f(q, k, v, mask, g, logs, shares, dk, dv, starts, scale, *Numbers)``: a grid of tiles of keys times
    heads."""
    return Kernel("attention_keys", _Keys(form, "dk", "dv").text("attention_keys"))


__all__ = ["backward_keys", "backward_queries", "forward", "shares"]
