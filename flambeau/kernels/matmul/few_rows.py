"""A few rows times a matrix whose columns lie in memory (the transpose of a weight): dot products.

Nothing is packed: the matrix is read once, from its start to its end, and the rows meet it in registers, some at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, reduce
from operator import add
from typing import NamedTuple

from ..llvm import BITS, Value, quotient, remainder, smaller
from ..llvm.code import Variable
from ..llvm.processor import many_registers
from ..runtime.entry import Body, kernel
from .microkernel import within

LEAST, FEWEST, MOST, STEPS = 4, 16, 24, 8
"""Rows that are always multiplied so, those that are if the product is small, and those that are if there are so many
inner steps for each: a sum of lanes is what each row costs, and a copy of the matrix into panels is what is spared."""
COLUMNS, AT_ONCE = 64, 4
"""Columns of the matrix in a row of the job, and columns whose sums are in registers together."""


class Numbers(NamedTuple):
    """What the kernel is told.

    Attributes:
        count, blocks: Products of a stack, and blocks of columns of each.
        m, n, k: Rows, columns and inner steps.
        across, column: Elements from row to row of the left operand and from column to column of the right one.
        add, biased: As `matmul_kernel.Numbers`.
    """

    count: int
    blocks: int
    m: int
    n: int
    k: int
    across: int
    column: int
    add: int
    biased: int


def serves(m: int, k: int, is_small: bool) -> bool:
    """Are m rows and k inner steps better multiplied so than by tiles?"""
    return m <= LEAST or m <= min(MOST, k // STEPS) or (m < FEWEST and is_small)


def together(m: int, bits: int) -> int:
    """How many of m rows have their sums in registers together."""
    most = 4 if many_registers(bits) else 3
    return -(-m // -(-m // most))


@cache
def multiplying(element: str, bits: int, rows: int) -> Callable[..., int]:
    """``f(a, b, c, bias, facts, *job, *Numbers)``: `rows` rows at a time.

    The facts are where the left operands of a stack begin, and then where the right ones do.
    """

    def write(code: Body) -> None:
        n = code.n
        with code.rows() as row:
            item, top = quotient(row, n.blocks), remainder(row, n.blocks) * COLUMNS
            a, b = (
                code.at(code.p[name], element, code.get(code.p["facts"], "i64", place))
                for name, place in (("a", item), ("b", item + n.count))
            )
            c = code.at(code.p["c"], element, item * n.n * n.m)
            with code.loop(top, smaller(top + COLUMNS, n.n), AT_ONCE) as j:
                columns = _Columns(code, element, b, j)
                with code.loop(code.zero, n.m, rows) as i:
                    lines = [smaller(i + r, n.m - 1) for r in range(rows)]
                    sums = columns.sums([code.at(a, element, n.across * line) for line in lines])
                    for r, (line, own) in enumerate(zip(lines, sums)):
                        with code.when(i + r < n.m):
                            columns.deliver(own, code.at(c, element, n.n * line + j))

    arrays = ("a", "b", "c", "bias", "facts")
    return kernel("few_rows", arrays, Numbers, write, bits // BITS[element], makes=True)


class _Columns:
    """Neighbouring columns of the matrix; those after the last are the last one again, and not written."""

    def __init__(self, code: Body, element: str, b: Value, first: Value):
        self.code, self.element, self.first = code, element, first
        self.group = min(AT_ONCE, code.lanes)
        """Columns whose sums are a vector."""
        last = code.n.n - 1
        self.places = [smaller(first + r, last) for r in range(AT_ONCE)]
        self.right = [code.at(b, element, place * code.n.column) for place in self.places]
        self.is_whole = first + AT_ONCE <= code.n.n
        self.type = f"<{self.group} x {element}>"
        self.bias = [Variable(code.slot(self.type), self.type) for _ in self.right[:: self.group]]
        with code.when(code.n.biased.differs(0)):
            for j, bias in enumerate(self.bias):
                bias.value = self._of_columns("bias", j * self.group)

    def _of_columns(self, name: str, first: int) -> Value:
        """The numbers of a group of columns."""
        value = Value(self.code, "poison", self.type)
        for r in range(self.group):
            one = self.code.get(self.code.p[name], self.element, self.places[first + r])
            value = self.code.emit(
                f"insertelement {self.type} {value.name}, {one.type} {one.name}, i64 {r}", self.type
            )
        return value

    def sums(self, rows: list[Value]) -> list[list[Value]]:
        """The dot products of rows with the columns, for each row in vectors of `group` columns."""
        code, element = self.code, self.element
        lanes, type, n = code.lanes, code.vector(element), code.n
        copies = 2 if len(rows) <= 2 else 1
        zero = code.constant(0.0, type)
        sums = [[[code.slot(type, zero) for _ in range(copies)] for _ in self.right] for _ in rows]

        def step(k: Value, copy: int, mask: Value | None) -> None:
            def load(pointer: Value) -> Value:
                at = code.at(pointer, element, k)
                return code.load(at, type) if mask is None else code.masked_load(at, type, mask)

            values = [load(row) for row in rows]
            for j, column in enumerate(self.right):
                factor = load(column)
                for value, totals in zip(values, sums):
                    total = totals[j][copy]
                    code.store(value.multiply_add(factor, code.load(total, type)), total)

        whole = n.k & -(lanes * copies)
        with code.loop(code.zero, whole, lanes * copies) as k:
            for copy in range(copies):
                step(k + copy * lanes, copy, None)
        with code.loop(whole, n.k, lanes) as k:
            step(k, 0, within(code, n.k - k))
        made = []
        for totals in sums:
            parts = [reduce(add, [code.load(x, type) for x in total]) for total in totals]
            groups = range(0, AT_ONCE, self.group)
            made.append([_side_by_side(parts[j : j + self.group]) for j in groups])
        return made

    def deliver(self, sums: list[Value], target: Value) -> None:
        """Write a row's sums, plus the bias, or plus what is there."""
        code, element = self.code, self.element
        for j, total in enumerate(sums):
            first, value = j * self.group, code.variable(total)
            with code.when(code.n.biased.differs(0)):
                value.value += self.bias[j].value
            with code.when(self.is_whole):
                place = code.at(target, element, code.number(first))
                with code.when(code.n.add.differs(0)):
                    value.value += code.load(place, total.type)
                code.store(value.value, place)
            with code.unless(self.is_whole):
                for r in range(self.group):
                    with code.when(self.first + (first + r) < code.n.n):
                        place = code.at(target, element, code.number(first + r))
                        one = code.variable(value.value.lane(r))
                        with code.when(code.n.add.differs(0)):
                            one.value += code.load(place, element)
                        code.store(one.value, place)


def _side_by_side(values: list[Value]) -> Value:
    """The sum of the lanes of each vector, as the lanes of one, for a power of two of vectors.

    Two vectors become one by a sum that leaves each every second place, and so on: fewer steps than one at a time.
    """
    lanes, by = values[0].code.lanes, 1
    while len(values) > 1:
        own = [i + lanes * bool(i & by) for i in range(lanes)]
        other = [(i ^ by) + lanes * bool(i & by) for i in range(lanes)]
        values = [
            x.shuffled(y, own) + x.shuffled(y, other) for x, y in zip(values[::2], values[1::2])
        ]
        by *= 2
    (total,) = values
    while lanes > by:
        lanes //= 2
        total = total.shuffled(total, range(lanes)) + total.shuffled(total, range(lanes, 2 * lanes))
    return total
