"""A few rows times a matrix whose columns lie in memory (the transpose of a weight): dot products.

Nothing is packed: the matrix is read once, from its start to its end, and the rows meet it in registers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ..llvm import BITS, Value, across_lanes, quotient, remainder, smaller
from ..runtime.entry import Body, kernel
from .microkernel import within

MOST = 4
"""Rows that are multiplied at once."""
COLUMNS, AT_ONCE = 64, 4
"""Columns of the matrix in a row of the job, and columns whose sums are in registers together."""


class Numbers(NamedTuple):
    """What the kernel is told.

    Attributes:
        count, blocks: Products of a stack, and blocks of columns of each.
        n, k: Columns and inner steps.
        across, column: Elements from row to row of the left operand and from column to column of the right one.
        add, biased: As `matmul_kernel.Numbers`.
    """

    count: int
    blocks: int
    n: int
    k: int
    across: int
    column: int
    add: int
    biased: int


@cache
def multiplying(element: str, bits: int, rows: int) -> Callable[..., int]:
    """``f(a, b, c, bias, facts, *job, *Numbers)``: `rows` rows of each product.

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
            c = code.at(code.p["c"], element, item * n.n * rows)
            with code.loop(top, smaller(top + COLUMNS, n.n), AT_ONCE) as j:
                columns_at_once(code, element, rows, j, (a, b, c))

    arrays = ("a", "b", "c", "bias", "facts")
    return kernel("few_rows", arrays, Numbers, write, bits // BITS[element], makes=True)


def columns_at_once(
    code: Body, element: str, rows: int, j: Value, arrays: tuple[Value, Value, Value]
) -> None:
    """The sums of neighbouring columns; those after the last column are the last one's again, and not written."""
    lanes, type, n = code.lanes, code.vector(element), code.n
    zero, last = code.constant(0.0, type), n.n - 1
    copies = 2 if rows <= MOST // 2 else 1
    a, b, c = arrays
    left = [code.at(a, element, n.across * i) for i in range(rows)]
    places = [smaller(j + r, last) for r in range(AT_ONCE)]
    right = [code.at(b, element, place * n.column) for place in places]
    sums = [[[code.slot(type, zero) for _ in range(copies)] for _ in left] for _ in right]

    def step(k: Value, copy: int, mask: Value | None) -> None:
        def load(pointer: Value) -> Value:
            at = code.at(pointer, element, k)
            return code.load(at, type) if mask is None else code.masked_load(at, type, mask)

        values = [load(row) for row in left]
        for column, totals in zip(right, sums):
            factor = load(column)
            for value, total in zip(values, totals):
                made = value.multiply_add(factor, code.load(total[copy], type))
                code.store(made, total[copy])

    whole = n.k & -(lanes * copies)
    with code.loop(code.zero, whole, lanes * copies) as k:
        for copy in range(copies):
            step(k + copy * lanes, copy, None)
    with code.loop(whole, n.k, lanes) as k:
        step(k, 0, within(code, n.k - k))
    for r, (place, totals) in enumerate(zip(places, sums)):
        with code.when(last >= j + r):
            for i, total in enumerate(totals):
                target = code.at(c, element, n.n * i + place)
                deliver(code, element, place, target, [code.load(x, type) for x in total])


def deliver(code: Body, element: str, column: Value, target: Value, parts: list[Value]) -> None:
    """Add up the lanes and what else belongs to an element of the result."""
    value = parts[0]
    for part in parts[1:]:
        value = value + part
    total = code.variable(across_lanes(value, operator.add).lane())
    with code.when(code.n.biased.differs(0)):
        total.value += code.get(code.p["bias"], element, column)
    with code.when(code.n.add.differs(0)):
        total.value += code.load(target, element)
    code.store(total.value, target)
