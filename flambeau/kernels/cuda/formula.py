"""A formula's program as a kernel: what elementwise kernels and kernels of rows share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ...formula.expression import INPUT, POSITION, Expression, order
from ...formula.program import Program
from ..llvm import BITS, Value
from ..loops.values import Values, full_args
from .dimensions import SAME, STILL, Ways
from .thread import Thread


class Facts:
    """What is known of a program before its arrays are: the arguments of `Formula`."""

    __slots__ = ("compute", "inputs", "name", "program", "results", "rows")

    def __init__(
        self, program: Program, inputs: Sequence[Any], compute: Any, results: Sequence[Any],
        name: str, rows: bool,
    ):  # fmt: skip
        self.program, self.inputs, self.compute = program, tuple(inputs), compute
        self.results, self.name, self.rows = tuple(results), name, rows

    def of(self, inputs: Sequence[Any], results: Sequence[Any]) -> Facts:
        """The same with arrays of these dtypes."""
        return Facts(self.program, inputs, self.compute, results, self.name, self.rows)


class Place:
    """Neighbouring elements that a thread computes together.

    Attributes:
        offsets: Where the first of them is in each operand, results first.
        width: How many they are.
        position: The place of the first within its row.
        known: The values that are known of each.
        loaded: The operands that were read here.
    """

    __slots__ = ("known", "loaded", "offsets", "position", "width")

    def __init__(self, offsets: Sequence[Value], width: int, position: Value):
        self.offsets, self.width, self.position = offsets, width, position
        self.known: list[dict[Expression, Value]] = [{} for _ in range(width)]
        self.loaded: dict[int, list[Value]] = {}


class Formula(Values):
    """A program as a kernel of one thread's code.

    Args:
        facts: The program.
        word: The type of indices: "i32" where all of them fit into it.
        wide: How many neighbouring elements a thread takes at once.
        block: The threads of a block.
        changes: May what is read be written to meanwhile?
    """

    code: Thread
    shape: str
    """The last part of its name."""
    takes_whole_numbers = False  # they arrive as float64

    def __init__(
        self, facts: Facts, word: str = "i32", wide: int = 1, block: int = 256, changes: bool = False
    ):  # fmt: skip
        super().__init__(facts.program, facts.inputs, facts.compute, facts.results, facts.rows)
        self.facts = facts
        self.word, self.wide, self.block, self.changes = word, wide, block, changes

    @property
    def name(self) -> str:
        """What profilers call it."""
        return f"flambeau_{re.sub(r'[^A-Za-z0-9]+', '_', self.facts.name).strip('_')}_{self.shape}"

    def text(self) -> str:
        """Its module, for `driver.Kernel`."""
        raise NotImplementedError

    def begin(self) -> Thread:
        """The code, with what every kernel takes first: where its results and operands are."""
        code = self.code = Thread()
        self.zero = code.constant(0, self.word)
        alone, read = ("", "") if self.changes else (" alone", " readonly")
        self.outputs = [code.takes(f"ptr out{i}{alone}")[0] for i in range(len(self.results))]
        self.pointers = [code.takes(f"ptr in{i}{read}")[0] for i in range(len(self.inputs))]
        return code

    def take_numbers(self) -> None:
        """The program's parameters, which a kernel takes last."""
        self.numbers = {
            name: self.code.takes(f"double number{i}")[0]
            for i, name in enumerate(self.program.parameters)
        }

    def take(self, name: str) -> Value:
        """An index or a size."""
        return self.code.takes(f"{self.word} {name}")[0]

    # ------------------------------------------------------------------------------- elements

    def is_of_elements(self, x: Expression) -> bool:
        """Is it computed for each element, and not once before?"""
        return x.full

    def found(self, items: Sequence[Expression], place: Place, u: int) -> list[Value]:
        """The values of expressions at one of the elements of a place."""
        known = place.known[u]

        def args_of(x: Expression) -> Sequence[Expression]:
            return () if x in known or not self.is_of_elements(x) else self.element_args(x)

        def value_of(x: Expression) -> Value:
            return known[x] if self.is_of_elements(x) else self.row_value(x)

        for x in order(items, args_of):
            if x in known or not self.is_of_elements(x):
                continue
            if x.primitive is INPUT:
                known[x] = self.operand(self.index[x], place)[u]
            elif x.primitive is POSITION:
                known[x] = (place.position + u).convert("i64")
            else:
                known[x] = self.compute(x, value_of)
        return [value_of(x) for x in items]

    def element_args(self, x: Expression) -> Sequence[Expression]:
        return full_args(x)

    def operand(self, k: int, place: Place) -> list[Value]:
        """An operand's values at the elements of a place."""
        if k not in place.loaded:
            element, at = self.inputs[k], place.offsets[len(self.results) + k]
            pointer = self.code.at(self.pointers[k], element, at)
            one = place.width == 1 or self.way(k) in (STILL, SAME)
            if one:
                read = [self.code.load(pointer, element)] * place.width
            else:
                read = self.code.several(pointer, element, place.width)
            x = self.program.inputs[k]
            values = [self.loaded(v, k, x) for v in (read[:1] if one else read)]
            place.loaded[k] = values * place.width if one else values
        return place.loaded[k]

    def way(self, k: int) -> int:
        """How operand k is walked from one element to the next."""
        raise NotImplementedError

    def write(self, which: Sequence[int], place: Place, values: Sequence[Sequence[Value]]) -> None:
        """Store results: of each element of a place, those of `which`."""
        for n, i in enumerate(which):
            stored = [self.stored(each[n], i) for each in values]
            pointer = self.code.at(self.outputs[i], self.results[i], place.offsets[i])
            if place.width == 1:
                self.code.store(stored[0], pointer)
            else:
                self.code.several(pointer, self.results[i], place.width, stored)


def widest(elements: Sequence[str]) -> int:
    """How many neighbouring elements are 16 bytes of the smallest type, if the largest then fill no more than 32."""
    sizes = [BITS[element] for element in elements] or [64]
    return max(1, min(8, 128 // min(sizes), 256 // max(sizes)))


def neighbours(ways: Ways) -> list[int]:
    """The operands, results among them, whose elements are read as vectors."""
    return [k for k, kind in enumerate(ways.kinds) if kind not in (STILL, SAME)]


__all__ = ["Facts", "Formula", "Place", "neighbours", "widest"]
