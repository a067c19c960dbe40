"""A kernel's loop nest, written for people, and the work that is in it.

What is done in which walk is asked of the nest itself (`Nest.stages`, `Nest.left_for_later`), so that
this says what the machine code does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ...formula import primitive as p
from ...formula.expansion import usual_args
from ...formula.expression import CONSTANT, INPUT, LEAVES, POSITION, Expression, order
from ..llvm import Code, Value
from ..loops.column import ColumnNest
from ..loops.nest import Nest
from ..loops.values import is_step


class Walk:
    """One walk over the elements of a row, or choices that are made before the next.

    Attributes:
        reductions: What it reduces or chooses; empty for the last walk, which writes the results.
        later: Values that it leaves in the place of a result, for a later walk.
        nodes: What it computes for each element, in order.
    """

    def __init__(
        self, reductions: list[Expression], later: dict[Expression, int], nodes: list[Expression]
    ):
        self.reductions, self.later, self.nodes = reductions, later, nodes
        self.chooses = bool(reductions) and reductions[0].primitive is p.usually


def walks(nest: Nest) -> Iterator[Walk]:
    """The walks of a nest, in order, but for those that seldom run."""
    nest.forget()
    for ready in nest.stages(nest.roots):
        if ready[0].primitive is p.usually:
            yield Walk(ready, {}, [])
            continue
        later = nest.left_for_later(ready)
        yield Walk(ready, later, _computed([x.args[0] for x in ready] + [*later], nest.memo))
        nest.memo.update(later)
    full = [x for x in nest.roots if x.full]
    if full:
        yield Walk([], {}, _computed(full, nest.memo))


def _computed(items: Sequence[Expression], memo: dict[Expression, int]) -> list[Expression]:
    """The full nodes below `items`; nothing below what an earlier walk left is needed for itself."""
    found: set[Expression] = set()
    stack = list(items)
    while stack:
        item = stack.pop()
        if item.full and item not in found:
            found.add(item)
            if item not in memo:
                stack.extend(item.args)
    return [x for x in order(items) if x in found and x not in memo]


# --------------------------------------------------------------------------------------- work


def operations(nest: Nest, rows: int, length: int) -> int:
    """Additions, multiplications, divisions and square roots of numbers with a fraction, in all.

    They are counted in what `lower.py` writes for each node; a fused multiply-add is two.
    """
    of_elements = 0
    for walk in walks(nest):
        of_elements += sum(_cost(nest, x) for x in walk.nodes)
        added = [] if walk.chooses else walk.reductions
        of_elements += sum(nest.accumulator(x) in ("float", "double") for x in added)
    of_rows = sum(_cost(nest, x) for x in order(nest.roots, usual_args) if not x.full)
    return rows * length * of_elements + rows * of_rows


_COUNTED = re.compile(r"= (?:f(?:add|sub|mul|div|rem) |call [^@]*@llvm\.(fma|fmuladd|sqrt)\.)")


def _cost(nest: Nest, x: Expression) -> int:
    if not x.args or x.primitive.reduces:
        return 0
    code = nest.code = Code(nest.lanes)
    nest.compute(x, lambda arg: Value(code, "%x", code.vector(nest.elements[arg.domain])))
    found = [m.group(1) for line in code.lines for m in _COUNTED.finditer(line)]
    return sum(2 if name and name.startswith("fm") else 1 for name in found)


# --------------------------------------------------------------------------------------- text


class Writer:
    """Writes a nest as indented pseudo-code."""

    def __init__(self, nest: Nest, rows: int, length: int):
        self.nest, self.rows, self.length = nest, rows, length
        self.names: dict[Expression, str] = {}
        self.lines: list[str] = []
        self.depth = 0
        self.place = "block, column" if isinstance(nest, ColumnNest) else "row"
        uses: dict[Expression, int] = {}
        for item in order(nest.roots):
            for arg in item.args:
                uses[arg] = uses.get(arg, 0) + 1
        self.shared = {x for x, n in uses.items() if n > 1 and x.primitive not in LEAVES}

    def text(self) -> str:
        nest = self.nest
        if isinstance(nest, ColumnNest):
            self.line("for block in blocks:")
            self.depth += 1
            self.line(f"for column in columns, {nest.lanes} lanes each:  # {self.rows:,} in all")
            self.depth += 1
        elif nest.reductions or self.rows > 1:
            self.line(f"for row in range({self.rows}):")
            self.depth += 1
        for walk in walks(nest):
            if walk.chooses:
                self.choose(walk)
            else:
                self.row_values([x.args[0] for x in walk.reductions] or list(nest.roots))
                self.walk(walk)
        self.row_values([x for x in nest.roots if not x.full])
        for i, x in enumerate(nest.roots):
            if not x.full:
                self.line(f"{self.result(i)}[{self.place}] = {self.spell(x)}")
        return "\n".join(self.lines)

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def result(self, i: int) -> str:
        return "out" if len(self.nest.roots) == 1 else f"out{i}"

    def row_values(self, items: Sequence[Expression]) -> None:
        """Name what is one value a row and costs something, before the walk that needs it."""
        for x in order(items, usual_args):
            ready = x.args and not x.full and not is_step(x) and x not in self.names
            below = order([x], usual_args)
            if ready and not any(is_step(y) and y not in self.names for y in below):
                text = self.spell(x)
                if _cost(self.nest, x):
                    self.names[x] = f"r{len(self.names)}"
                    self.line(f"{self.names[x]} = {text}")

    def choose(self, walk: Walk) -> None:
        condition = walk.reductions[0].args[0]
        self.row_values([condition, *(x.args[1] for x in walk.reductions)])
        spelt = [self.spell(x.args[1]) for x in walk.reductions]
        names = [f"r{len(self.names) + i}" for i in range(len(spelt))]
        for name, text in zip(names, spelt):
            self.line(f"{name} = {text}")
        self.line(f"if not {self.spell(condition)}:")
        self.line(f"    {', '.join(names)} = ...  # by further walks, of numbers near 1")
        self.names.update(zip(walk.reductions, names))

    def walk(self, walk: Walk) -> None:
        for x in walk.reductions:
            self.names[x] = f"{x.primitive.name}{len(self.names)}"
            self.line(f"{self.names[x]} = {x.primitive.start:g}")
        self.line(self.head(walk))
        self.depth += 1
        for x in walk.nodes:
            if x in walk.later:
                self.name(x, f"{self.result(walk.later[x])}[i]")
            elif x in self.shared and x not in self.names:
                self.name(x, f"t{len(self.names)}")
        for x in walk.reductions:
            self.line(f"{self.names[x]} = {self.join(x)}")
        if not walk.reductions:
            for i, x in enumerate(self.nest.roots):
                if x.full:
                    self.line(f"{self.result(i)}[i] = {self.spell(x)}")
        self.depth -= 1
        for x in walk.nodes:  # another walk computes again what this one did not leave
            if x not in walk.later:
                self.names.pop(x, None)

    def head(self, walk: Walk) -> str:
        if isinstance(self.nest, ColumnNest):
            return f"for i in range({self.length}):"
        note = "  # into several accumulators" if walk.reductions else ""
        return f"for i in range(0, {self.length}, {self.nest.lanes}):{note}"

    def name(self, x: Expression, name: str) -> None:
        self.line(f"{name} = {self.spell(x)}")
        self.names[x] = name

    def join(self, x: Expression) -> str:
        own, value = self.names[x], self.spell(x.args[0])
        sign = x.primitive.joins.infix  # type: ignore[union-attr]
        if sign:
            return f"{own} {sign} {value}"
        return f"{'max' if x.primitive is p.amax else 'min'}({own}, {value})"

    def spell(self, x: Expression, inside: bool = False) -> str:
        known = self.names.get(x)
        if known is not None:
            return known
        if x.primitive is INPUT and not x.full:
            return f"{x.value[0]}[{self.place}]"  # type: ignore[index]
        return spell(x, self.spell, inside)


def spell(x: Expression, part: Any, inside: bool) -> str:
    """An expression with infix operators; `part(argument, inside)` spells its arguments."""
    kind = x.primitive
    if kind is INPUT:
        return f"{x.value[0]}[i]"  # type: ignore[index]
    if kind is CONSTANT:
        return repr(x.value)
    if kind is POSITION:
        return "i"
    if kind in LEAVES:
        return str(x.value or kind.name)
    if kind is p.held:
        return part(x.args[0], inside)
    if kind.infix:
        text = f"{part(x.args[0], True)} {kind.infix} {part(x.args[1], True)}"
        return f"({text})" if inside else text
    if kind is p.negative:
        return f"-{part(x.args[0], True)}"
    return f"{kind.name}({', '.join(part(arg, False) for arg in x.args)})"
