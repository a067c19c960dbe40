"""A few rows of a half type times a matrix: it is read once where it lies, and widened as it comes.

Panels of tiles would take longer to make than the whole product, and a copy in float32 even more. Where the matrix's columns
lie in memory (the transpose of a weight) these are dot products; where its rows do, lanes are columns.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..elementary.half import rounded, widened
from ..llvm import Value, across_lanes, quotient, remainder, smaller
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine
from .half_pack import line

MOST = 8
"""Rows at most."""
TOGETHER = 4
"""Rows whose sums are in registers together, if there is more than one; columns of dot products, too."""
COLUMNS = 64
"""Dot products in a row of the job."""
ITEM = 2
"""Bytes of a number."""


class Numbers(NamedTuple):
    """What the kernel is told.

    Attributes:
        rows, n, k: Rows, columns and inner steps; count: products of a stack; blocks: of columns, of each.
        left, right: Bytes from row to row, and from column to column or, where lanes are columns, from inner step to inner
            step.
        row, column, whole: Numbers of the result from row to row, column to column and product to product.
        started: Is a start added? start_row, start_column, start_whole: its numbers.
    """

    rows: int
    n: int
    k: int
    count: int
    blocks: int
    left: int
    right: int
    row: int
    column: int
    whole: int
    started: int
    start_row: int
    start_column: int
    start_whole: int


class Few(NamedTuple):
    """How a product with few rows, or with few columns, is made.

    Attributes:
        shape: The result's.
        turned: Are the few the right operand's columns?
        multiply: The kernel; begin: where operands begin, in bytes.
        told: What the kernel is told, without a start.
    """

    shape: tuple[int, ...]
    turned: bool
    multiply: Callable[..., int]
    begin: Any
    told: tuple[int, ...]

    def run(self, x: Any, y: Any, result: Any, start: Any, steps: tuple[int, int]) -> None:
        """Write the result.

        Args:
            start: None, or what is added, whose columns lie side by side.
            steps: Its numbers from row to row, and from result to result.
        """
        few, many = (y, x) if self.turned else (x, y)
        told = self.told
        if start is not None:
            row, whole = steps
            told = (*told[:-4], 1, *((1, row) if self.turned else (row, 1)), whole)
        self.multiply(few, many, result, result if start is None else start, self.begin, *told)


def plan(element: str, shape: tuple[int, ...], turned: bool, few: Any, many: Any) -> Few | None:
    """How they are multiplied; None if they are not.

    Args:
        few, many: Operands, as `half.operand` sees them.
    """
    is_near = many.is_near
    if few.rows > MOST or not few.is_near or not (is_near or many.row_step == ITEM):
        return None
    if element == "float16" and not machine().has_half:
        return None
    together = 1 if few.rows == 1 else TOGETHER
    lanes = machine().bits // 32
    columns = COLUMNS if is_near else lanes * vectors(together)
    count, n, k = len(few.begin), many.rows, few.inner
    blocks = -(-n // columns)
    row, column = (1, shape[-1]) if turned else (shape[-1], 1)
    numbers = Numbers(
        rows=few.rows, n=n, k=k, count=count, blocks=blocks, left=few.row_step,
        right=many.row_step if is_near else many.inner_step, row=row, column=column,
        whole=few.rows * n, started=0, start_row=0, start_column=0, start_whole=0,
    )  # fmt: skip
    weight = count * -(-few.rows // together) * n * k // lanes
    job = Job(rows=count * blocks, length=1, weight=weight, divisible=False)
    return Few(
        shape, turned, multiplying(element, together, is_near, lanes),
        np.concatenate([few.begin, many.begin]), tuple(map(int, (*job, *numbers))),
    )  # fmt: skip


def vectors(together: int) -> int:
    """Of neighbouring columns, where lanes are columns."""
    return 8 if together == 1 else 4


@cache
def multiplying(element: str, together: int, is_near: bool, lanes: int) -> Callable[..., int]:
    """``f(a, b, c, start, begin, *job, *Numbers)``: c = a b + start."""

    def write(code: Body) -> None:
        n = code.n
        writer = (_Dots if is_near else _Lines)(code, element, together)
        with code.rows() as row:
            item, block = quotient(row, n.blocks), remainder(row, n.blocks)
            places = (code.get(code.p["begin"], "i64", x) for x in (item, item + n.count))
            a, b = (code.p[name].byte(place) for name, place in zip("ab", places))
            c = code.p["c"].byte(item * n.whole * ITEM)
            start = code.p["start"].byte(item * n.start_whole * ITEM)
            with code.loop(code.zero, n.rows, together) as top:
                writer.block(top, block, (a, b, c, start))

    arrays = ("a", "b", "c", "start", "begin")
    return kernel("half_few", arrays, Numbers, write, lanes, makes=True)


class _Few:
    """Writes what a block of columns takes."""

    def __init__(self, code: Body, element: str, together: int):
        self.code, self.n, self.element, self.together = code, code.n, element, together
        self.type = code.vector("float")
        self.zero = code.constant(0.0, self.type)

    def rows(self, top: Value) -> list[Value]:
        """The rows that are taken together; the last one again after it."""
        return [smaller(top + i, self.n.rows - 1) for i in range(self.together)]

    def load(self, place: Value, count: Value | None = None) -> Value:
        """Numbers that lie side by side; zeros after so many."""
        return widened(line(self.code, place, self.code.lanes, count), self.element)

    def put(self, value: Value, row: Value, column: Value, c: Value, start: Value) -> None:
        """Store one number, the first lane."""
        code, n = self.code, self.n
        place = code.slot(self.type, value)
        with code.when(n.started.differs(0)):
            at = start.byte((row * n.start_row + column * n.start_column) * ITEM)
            more = widened(code.load(at, "i16"), self.element)
            code.store(value + code.splat(more), place)
        made = rounded(code.load(place, self.type), self.element).lane()
        code.store(made, c.byte((row * n.row + column * n.column) * ITEM))


class _Dots(_Few):
    """Dot products of rows with columns that lie in memory."""

    def block(self, top: Value, block: Value, places: tuple[Value, ...]) -> None:
        code, n = self.code, self.n
        first = block * COLUMNS
        with code.loop(first, smaller(first + COLUMNS, n.n), TOGETHER) as j:
            self.columns(self.rows(top), [smaller(j + r, n.n - 1) for r in range(TOGETHER)], places)

    def columns(self, rows: list[Value], columns: list[Value], places: tuple[Value, ...]) -> None:
        code, n, lanes = self.code, self.n, self.code.lanes
        a, b, c, start = places
        left = [a.byte(row * n.left) for row in rows]
        right = [b.byte(column * n.right) for column in columns]
        copies = 2 if self.together == 1 else 1
        sums = [
            [[code.slot(self.type, self.zero) for _ in range(copies)] for _ in left] for _ in right
        ]

        def step(k: Value, copy: int, count: Value | None) -> None:
            values = [self.load(row.byte(k * ITEM), count) for row in left]
            for column, totals in zip(right, sums):
                factor = self.load(column.byte(k * ITEM), count)
                for value, total in zip(values, totals):
                    made = value.multiply_add(factor, code.load(total[copy], self.type))
                    code.store(made, total[copy])

        whole = quotient(n.k, lanes * copies) * (lanes * copies)
        with code.loop(code.zero, whole, lanes * copies) as k:
            for copy in range(copies):
                step(k + copy * lanes, copy, None)
        with code.loop(whole, n.k, lanes) as k:
            step(k, 0, n.k - k)
        for column, totals in zip(columns, sums):
            for row, total in zip(rows, totals):
                parts = [code.load(x, self.type) for x in total]
                value = across_lanes(parts[0] if copies == 1 else parts[0] + parts[1], operator.add)
                self.put(value, row, column, c, start)


class _Lines(_Few):
    """Rows of the matrix, scaled and added; lanes are columns."""

    def block(self, top: Value, block: Value, places: tuple[Value, ...]) -> None:
        code, n = self.code, self.n
        width = vectors(self.together) * code.lanes
        first = block * width
        with code.either(n.n - first >= width) as (whole, edge):
            with whole:
                self.columns(self.rows(top), first, places, None)
            with edge:
                self.columns(self.rows(top), first, places, n.n - first)

    def columns(
        self, rows: list[Value], first: Value, places: tuple[Value, ...], left: Value | None
    ) -> None:
        """The block's columns; if a count is given, so many."""
        code, n, lanes = self.code, self.n, self.code.lanes
        a, b, c, start = places
        across = range(vectors(self.together))
        counts = [None if left is None else left - v * lanes for v in across]
        sums = [[code.slot(self.type, self.zero) for _ in across] for _ in rows]
        with code.loop(code.zero, n.k) as k:
            factors = []
            for row in rows:
                number = code.load(a.byte(row * n.left + k * ITEM), "i16")
                factors.append(code.splat(widened(number, self.element)))
            source = b.byte(k * n.right + first * ITEM)
            for v in across:
                values = self.load(source.byte(v * lanes * ITEM), counts[v])
                for factor, totals in zip(factors, sums):
                    made = factor.multiply_add(values, code.load(totals[v], self.type))
                    code.store(made, totals[v])
        for row, totals in zip(rows, sums):
            for v in across:
                self.deliver(totals[v], row, first + v * lanes, (c, start), counts[v])

    def deliver(
        self, total: Value, row: Value, column: Value, places: tuple[Value, Value],
        count: Value | None,
    ) -> None:  # fmt: skip
        """Store a vector of sums; if a count is given, so many of them, one by one."""
        code, n, lanes = self.code, self.n, self.code.lanes
        c, start = places
        beside = n.column.equals(1) & (n.started.equals(0) | n.start_column.equals(1))

        def one_by_one() -> None:
            most = smaller(code.number(lanes), code.number(lanes) if count is None else count)
            with code.loop(code.zero, most) as i:
                lane = code.splat(code.load(total.byte(i * 4), "float"))
                self.put(lane, row, column + i, c, start)

        if count is not None:
            one_by_one()
            return
        with code.either(beside) as (side_by_side, apart):
            with side_by_side:
                with code.when(n.started.differs(0)):
                    at = start.byte((row * n.start_row + column) * ITEM)
                    code.store(code.load(total, self.type) + self.load(at), total)
                made = rounded(code.load(total, self.type), self.element)
                code.store(made, c.byte((row * n.row + column) * ITEM))
            with apart:
                one_by_one()
