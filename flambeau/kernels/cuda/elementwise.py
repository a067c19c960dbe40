"""Elementwise programs: each thread takes a few neighbouring elements, then others a whole grid further on."""

from __future__ import annotations

from collections.abc import Sequence

from ...formula.expression import INPUT, Expression, order
from ..llvm import Value, quotient
from .dimensions import Walk, Ways
from .formula import Facts, Formula, Place


class Elementwise(Formula):
    """A program without reductions; what is one value a row is an operand that stays along it.

    The kernel takes the results, the operands, how many elements there are, and the numbers of `Steps.numbers`.

    Args:
        ways: How the results and then the operands are walked.
    """

    shape = "elementwise"

    def __init__(
        self, facts: Facts, ways: Ways, word: str, wide: int, block: int, changes: bool
    ):  # fmt: skip
        super().__init__(facts, word, wide, block, changes)
        self.ways = ways
        self.of_elements: set[Expression] = set()
        for x in order(self.roots):
            if x.full or x.primitive is INPUT or not self.of_elements.isdisjoint(x.args):
                self.of_elements.add(x)

    def is_of_elements(self, x: Expression) -> bool:
        return x in self.of_elements

    def element_args(self, x: Expression) -> Sequence[Expression]:
        return x.args

    def way(self, k: int) -> int:
        return self.ways.kinds[len(self.results) + k]

    def text(self) -> str:
        code = self.begin()
        count = self.take("count")
        walk = Walk(code, self.ways, self.word, "walk")
        self.take_numbers()
        for x in order(self.roots):
            if x not in self.of_elements:
                self.row_value(x)
        first, threads = code.first(self.word), code.threads(self.word)
        whole = count if self.wide == 1 else quotient(count, self.wide)
        with code.loop(first, whole, threads) as i:
            self.one(i * self.wide, self.wide, walk)
        if self.wide > 1 and self.ways.dims == 1:
            last = whole * self.wide + first
            with code.when(last < count):
                self.one(last, 1, walk)
        return code.kernel(self.name, self.block)

    def one(self, index: Value, width: int, walk: Walk) -> None:
        place = Place(walk.offsets(index), width, index)
        values = [self.found(self.roots, place, u) for u in range(width)]
        self.write(range(len(self.roots)), place, values)
