"""Sums that are no tiles: of depthwise convolutions, and of groups with few rows.

`each` gives every result a thread, `together` a block, for sums with many steps and few results; `parts` joins the
splits of a tiled sum in their order.
"""

from __future__ import annotations

from functools import cache

from ...llvm import Value, quotient, remainder
from ...loops.element import MEMORY, packed, unpacked
from ..driver import Kernel
from ..thread import WARP, Thread
from .sums import Form, Sums

THREADS = 256


class _Single(Sums):
    """The code of a thread that sums products of one row and one column."""

    def total(self, row: Value, j: Value, first: Value, by: int) -> Value:
        """The sum of every `by`-th step from `first` on."""
        code, kind = self.code, self.form.compute
        total = code.variable(code.constant(0.0, kind))
        column, begin = self.column(j), row * self.n.a_row
        with code.loop(first, self.n.total, by) as k:
            found = self.step(k)
            x = self.number(
                code.load(code.at(found[0], self.element, begin + found[3]), self.element)
            )
            y = self.number(self.second(column, found, None))
            total.value = code.intrinsic("fma", x, y, total.value)
        return total.value


class _Each(_Single):
    def text(self, name: str) -> str:
        code, n = self.code, self.n
        self.begin(code.special("ctaid", axis="y"))
        with code.loop(code.first(), n.rows * n.wide, code.threads()) as i:
            row, j = quotient(i, n.wide), remainder(i, n.wide)
            total = self.total(row, j, code.constant(0, "i32"), 1)
            self.put(self.biased(total, row), self.target(row, j))
        return code.kernel(name)


class _Together(_Single):
    def text(self, name: str) -> str:
        code, n, me = self.code, self.n, self.code.special("tid")
        self.begin(code.special("ctaid", axis="y"))
        which = code.special("ctaid")
        row, j = quotient(which, n.wide), remainder(which, n.wide)
        total = self.joined(self.total(row, j, me, THREADS), me)
        with code.when(me.equals(0)):
            self.put(self.biased(total, row), self.target(row, j))
        return code.kernel(name)

    def joined(self, value: Value, me: Value) -> Value:
        """The sum over the block's threads, in an order that is always the same."""
        code, kind = self.code, self.form.compute
        for by in (16, 8, 4, 2, 1):
            value = value + code.exchanged(value, "bfly", by)
        room = code.shared(kind, THREADS // WARP)
        with code.when(remainder(me, WARP).equals(0)):
            code.store(value, code.at(room, kind, quotient(me, WARP)))
        code.barrier()
        parts = [
            code.load(code.at(room, kind, code.constant(w, "i32")), kind)
            for w in range(THREADS // WARP)
        ]
        for part in parts[1:]:
            parts[0] = parts[0] + part
        return parts[0]


@cache
def each(form: Form) -> Kernel:
    """A thread a result: a grid of any size, by groups."""
    return Kernel("convolution_each", _Each(form).text("convolution_each"))


@cache
def together(form: Form) -> Kernel:
    """A block of `THREADS` a result: a grid of results by groups."""
    return Kernel("convolution_together", _Together(form).text("convolution_together"))


@cache
def parts(compute: str, dtype: str, biased: bool) -> Kernel:
    """``f(parts, bias, c, count, splits, rows, places)``: c[i] = bias of i's row + the sum of parts[:, i]."""
    code = Thread()
    source, bias, target, count, splits, rows, places = code.takes(
        "ptr parts readonly", "ptr bias readonly", "ptr c", "i64 count", "i64 splits", "i64 rows", "i64 places"
    )  # fmt: skip
    element = MEMORY[dtype]
    total = code.variable(code.constant(0.0, compute))
    with code.loop(code.first("i64"), count, code.threads("i64")) as i:
        total.value = code.constant(0.0, compute)
        with code.loop(code.constant(0, "i64"), splits) as part:
            total.value = total.value + code.load(
                code.at(source, compute, part * count + i), compute
            )
        if biased:
            row = remainder(quotient(i, places), rows)
            more = unpacked(code.load(code.at(bias, element, row), element), dtype)
            total.value = total.value + more.convert(compute)
        code.store(packed(total.value, dtype), code.at(target, element, i))
    return Kernel("convolution_parts", code.kernel("convolution_parts"))


@cache
def biased(dtype: str) -> Kernel:
    """``f(c, bias, count, rows, places)``: adds its row's bias to each c[i]."""
    code, element = Thread(), MEMORY[dtype]
    target, bias, count, rows, places = code.takes(
        "ptr c", "ptr bias readonly", "i64 count", "i64 rows", "i64 places"
    )
    with code.loop(code.first("i64"), count, code.threads("i64")) as i:
        row = remainder(quotient(i, places), rows)
        x, more = (
            unpacked(code.load(code.at(pointer, element, at), element), dtype)
            for pointer, at in ((target, i), (bias, row))
        )
        code.store(packed(x + more, dtype), code.at(target, element, i))
    return Kernel("convolution_bias", code.kernel("convolution_bias"))


__all__ = ["THREADS", "biased", "each", "parts", "together"]
