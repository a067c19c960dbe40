"""The sums that all kernels of this room compute, and how a thread finds their factors.

For each group g, row m, column j and split of the steps k

    c[g, jo, m, jt] = bias[g, m] + sum over k of a[g, ko, m, kt] * b[g, jo, ko, jt, kt]

where columns j = (jo, jt) and steps k = (ko, kt) are counted in two parts: what is outside has a distance of its own (an
image), what is inside is looked up in a table. A table's entry is (offset, x0, x1, x2): how far on, and a place in the
image; the factor b is 0 where the places of column and step add up to one outside of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from ...llvm import Value, choose, quotient, remainder
from ...loops.element import MEMORY, packed, unpacked
from ..thread import Thread

POINTERS = (
    "ptr a readonly", "ptr b readonly", "ptr bias readonly", "ptr c",
    "ptr columns readonly", "ptr targets readonly", "ptr steps readonly", "ptr factors readonly",
)  # fmt: skip
"""The arrays: factors, bias and result; the columns' entries and where they go in the result; the steps' entries and
where they are in a."""


class Numbers(NamedTuple):
    """What a kernel is told, all int64.

    Attributes:
        rows, width, deep: Rows, columns of the table, and steps of the table.
        wide: All columns, in the table and outside of it.
        total: All steps.
        part: The steps of a split.
        splits: How many splits there are.
        a_row, a_outer, a_group, b_outer, b_wide, b_group: Elements from row to row, from outer step to outer step,
            from outer column to outer column and from group to group.
        c_row, c_wide, c_group, c_split: The same in the result.
        x0, x1, x2: Sizes of the image.
    """

    rows: int
    width: int
    deep: int
    wide: int
    total: int
    part: int
    splits: int
    a_row: int
    a_outer: int
    a_group: int
    b_outer: int
    b_wide: int
    b_group: int
    c_row: int
    c_wide: int
    c_group: int
    c_split: int
    x0: int
    x1: int
    x2: int


@dataclass(frozen=True)
class Form:
    """What a kernel is made for.

    Attributes:
        dtype: The name of the arrays' dtype.
        result: That of the result's.
        compute: LLVM's type of the sums.
        checked: The dimensions of the image in which places may lie outside.
        outer: Are there steps outside of the table (and no columns)?
        biased: Is there a bias?
    """

    dtype: str
    result: str
    compute: str
    checked: tuple[int, ...]
    outer: bool
    biased: bool


class Place(NamedTuple):
    """A column or a step: its offset, and its place in the dimensions that are checked."""

    offset: Value
    at: tuple[Value, ...]


class Sums:
    """The code of a thread of such a kernel."""

    def __init__(self, form: Form):
        self.form, self.code = form, Thread()
        named = self.code.takes(*POINTERS, *(f"i64 {name}" for name in Numbers._fields))
        self.p = dict(zip((text.split()[1] for text in POINTERS), named))
        self.long: Any = Numbers(*named[len(POINTERS) :])  # type: ignore[arg-type]
        self.n: Any = Numbers(*(x.convert("i32") for x in self.long))
        self.element = MEMORY[form.dtype]

    def begin(self, group: Value) -> None:
        """Go to a group: pointers to its factors and results."""
        code, far = self.code, group.widen("i64")
        n = self.long
        self.a = code.at(self.p["a"], self.element, far * n.a_group)
        self.b = code.at(self.p["b"], self.element, far * n.b_group)
        self.c = code.at(self.p["c"], MEMORY[self.form.result], far * n.c_group)
        self.bias = code.at(self.p["bias"], self.element, far * n.rows)

    def entry(self, table: str, index: Value) -> Place:
        """A table's entry."""
        code, checked = self.code, self.form.checked
        place = code.at(self.p[table], "i32", index * (4 if checked else 1))
        if not checked:
            return Place(code.load(place, "i32"), ())
        offset, *at = code.several(place, "i32", 4)
        return Place(offset, tuple(at[i] for i in checked))

    def column(self, j: Value) -> tuple[Value, Place]:
        """A pointer to where b begins for a column, and its entry."""
        if self.form.outer:  # then all columns are in the table
            return self.b, self.entry("columns", j)
        outer, inner = quotient(j, self.n.width), remainder(j, self.n.width)
        n = self.long
        return self.code.at(self.b, self.element, outer.widen("i64") * n.b_wide), self.entry(
            "columns", inner
        )

    def step(self, k: Value) -> tuple[Value, Value, Place, Value]:
        """Of a step that there is: pointers to a and distance in b of its outer part, its entry and where it is in a."""
        code, n = self.code, self.long
        a, b, inner = self.a, code.constant(0, "i64"), k
        if self.form.outer:
            outer, inner = quotient(k, self.n.deep), remainder(k, self.n.deep)
            far = outer.widen("i64")
            a, b = code.at(self.a, self.element, far * n.a_outer), far * n.b_outer
        factor = code.load(code.at(self.p["factors"], "i32", inner), "i32")
        return a, b, self.entry("steps", inner), factor

    def fetched(self, pointer: Value, index: Value, known: Value | None) -> Value:
        """An element as it lies in memory; 0 unless what is known of it holds."""
        code = self.code
        if known is None:
            return code.load(code.at(pointer, self.element, index), self.element)
        value = code.load(code.at(pointer, self.element, choose(known, index, 0)), self.element)
        return choose(known, value, 0)

    def second(
        self,
        column: tuple[Value, Place],
        step: tuple[Value, Value, Place, Value],
        there: Value | None,
    ) -> Value:
        """The factor b of a column and a step."""
        (begin, own), (_, outer, more, _) = column, step
        known, sizes = there, self.n[-3:]
        for place, x, y in zip(self.form.checked, own.at, more.at):
            inside = (x + y).below(sizes[place])
            known = inside if known is None else known & inside
        if self.form.outer:
            begin = self.code.at(begin, self.element, outer)
        return self.fetched(begin, own.offset + more.offset, known)

    def number(self, value: Value) -> Value:
        """What was fetched, as a number to compute with."""
        return unpacked(value, self.form.dtype).convert(self.form.compute)

    def biased(self, total: Value, row: Value) -> Value:
        """A sum with the bias of its row."""
        if not self.form.biased:
            return total
        return total + self.number(
            self.code.load(self.code.at(self.bias, self.element, row), self.element)
        )

    def target(self, row: Value, j: Value, split: Value | None = None) -> Value:
        """Where a result goes."""
        code, n = self.code, self.long
        kind = MEMORY[self.form.result]
        outer, inner = quotient(j, self.n.width), remainder(j, self.n.width)
        within = code.load(code.at(self.p["targets"], "i32", inner), "i32").widen("i64")
        place = within + row.widen("i64") * n.c_row + outer.widen("i64") * n.c_wide
        if split is not None:
            place = place + split.widen("i64") * n.c_split
        return code.at(self.c, kind, place)

    def put(self, total: Value, place: Value) -> None:
        self.code.store(packed(total, self.form.result), place)


__all__ = ["Form", "Numbers", "Place", "Sums"]
