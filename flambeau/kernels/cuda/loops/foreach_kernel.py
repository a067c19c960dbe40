"""The kernel of a program over many groups of arrays, which changes the first of each group.

A launch brings a table of 64-bit words along: for each group, the first of its blocks, how many elements it has, and where
its arrays are. A block finds its group in the table, and does a piece of it; a group never shares a block with another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ....formula.expression import INPUT, Expression, order
from ....formula.program import Program
from ...llvm import BITS, Value, choose, quotient, smaller
from ...loops.values import Values
from ..thread import Thread

WORDS = 480
"""Of a table: all arguments of a launch have at most 4,096 bytes."""
THREADS = 256
PIECE = 4096
"""Elements of a block."""
NEVER = 1 << 62
"""The first block of a group that is not there."""


class Groups:
    """The table, as a thread reads it.

    Args:
        code: Where it is read.
        width: How many arrays a group has.

    Attributes:
        at_once: How many groups a launch takes.
    """

    def __init__(self, code: Thread, width: int):
        self.code, self.at_once = code, groups_at_once(width)
        self.table = code.takes(f"ptr table {WORDS}")[0]

    def word(self, index: int | Value, type: str = "i64") -> Value:
        index = self.code.integer(index, "i32")
        return self.code.load(self.code.at(self.table, "i64", index), type)

    def first(self, group: Value) -> Value:
        """The first block of a group."""
        return self.word(group)

    def size(self, group: Value) -> Value:
        """How many elements its arrays have."""
        return self.word(group + self.at_once)

    def array(self, k: int, group: Value) -> Value:
        """Where an array of a group is: in global memory, which LLVM cannot know of what comes from a table."""
        pointer = self.word(group + (2 + k) * self.at_once, "ptr addrspace(1)")
        return self.code.emit(f"addrspacecast ptr addrspace(1) {pointer.name} to ptr", "ptr")

    def of(self, block: Value) -> Value:
        """The last group whose first block is this one or before it."""
        found, block = block.like(0), block.widen("i64")
        step = 1 << (self.at_once - 1).bit_length()
        while step := step >> 1:
            further = smaller(found + step, self.at_once - 1)
            found = choose(self.first(further) <= block, further, found)
        return found

    def piece(self, group: Value) -> tuple[Value, Value]:
        """Where this block's piece of a group begins, and how many elements it has."""
        start = (self.code.special("ctaid", "i64") - self.first(group)) * PIECE
        return start, smaller(self.size(group) - start, PIECE).convert("i32")


def groups_at_once(width: int) -> int:
    """How many groups of so many arrays a table has room for."""
    return WORDS // (2 + width)


def in_step(arrays: Sequence[Value]) -> Value:
    """Are all arrays at multiples of 16 bytes?"""
    joined = arrays[0].address()
    for array in arrays[1:]:
        joined = joined | array.address()
    return (joined & 15).equals(0)


class Foreach(Values):
    """The code of one thread.

    Args:
        program: Elementwise; its results are the new values of its first inputs.
        dtype: Of all arrays.
        compute: Of the arithmetic.
        listed: Parameters that have a value for each group: an array of float64 in place of a number.
    """

    code: Thread

    def __init__(self, program: Program, dtype: Any, compute: Any, listed: Iterable[str] = ()):
        count, self.changed = len(program.inputs), len(program.roots)
        super().__init__(program, [dtype] * count, compute, [dtype] * self.changed, False)
        self.listed = frozenset(listed)
        self.wide = 128 // BITS[self.inputs[0]]

    def text(self, name: str) -> str:
        code = self.code = Thread()
        types = ["ptr" if p in self.listed else "double" for p in self.program.parameters]
        numbers = [f"{type} number{i}" for i, type in enumerate(types)]
        self.groups = Groups(code, len(self.inputs))
        group, *given = code.takes("i32 group", *numbers)
        place = self.groups.of(code.special("ctaid"))
        self.numbers = {
            p: code.load(code.at(x, "double", group + place), "double") if p in self.listed else x
            for p, x in zip(self.program.parameters, given)
        }
        self.piece(place)
        return code.kernel(name)

    def piece(self, group: Value) -> None:
        code = self.code
        start, count = self.groups.piece(group)
        arrays = [self.groups.array(k, group) for k in range(len(self.inputs))]
        self.pointers = [
            code.at(array, element, start) for array, element in zip(arrays, self.inputs)
        ]
        self.prepare(self.roots)
        whole = choose(in_step(arrays), quotient(count, self.wide), 0)
        thread = code.special("tid")
        with code.loop(thread, whole, THREADS) as i:
            self.some(i * self.wide, self.wide)
        with code.loop(whole * self.wide + thread, count, THREADS) as i:
            self.some(i, 1)

    def some(self, start: Value, width: int) -> None:
        """New values of neighbouring elements."""
        code = self.code
        places = [code.at(p, e, start) for p, e in zip(self.pointers, self.inputs)]
        known: dict[Expression, list[Value]] = {}
        for x in (x for x in order(self.roots) if x.full):
            if x.primitive is INPUT:
                k = self.index[x]
                loaded = code.several(places[k], self.inputs[k], width)
                known[x] = [self.loaded(value, k, x) for value in loaded]
            else:
                known[x] = [self.lane(x, known, u) for u in range(width)]
        for k, root in enumerate(self.roots):
            values = [self.stored(value, k) for value in known[root]]
            code.several(places[k], self.results[k], width, values)

    def lane(self, x: Expression, known: dict[Expression, list[Value]], u: int) -> Value:
        return self.compute(x, lambda arg: known[arg][u] if arg.full else self.row_value(arg))
