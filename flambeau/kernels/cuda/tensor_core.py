"""Products on tensor cores: what a warp's threads hold of small matrices, and how these are multiplied.

A warp multiplies 16 x 16 elements of a half type by 16 x 8, and adds to 16 x 8 float32 (mma.sync.m16n8k16, from compute
capability 8.0 on). Of 32 threads, four share a row of the left factor and of the sums, or a column of the right factor.
Both factors lie in memory with the 16 steps of a row, or column, side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..llvm import Value, quotient, remainder
from .thread import WARP, Thread

ROWS, COLUMNS, STEPS = 16, 8, 16
WITHOUT = ("sm_75",)
"""The processors that have no such instruction."""


class Lane(NamedTuple):
    """Which part of the matrices a thread holds: `row` of 8, and the `pair` of four that share it."""

    row: Value
    pair: Value

    @classmethod
    def of(cls, thread: Value) -> Lane:
        lane = remainder(thread, WARP)
        return cls(quotient(lane, 4), remainder(lane, 4))


def left(code: Thread, memory: Value, begin: Value, pitch: int, lane: Lane) -> list[Value]:
    """The thread's part of a left factor, whose row r begins at element begin + r pitch of memory, an even number."""
    first = begin + lane.row * pitch + lane.pair * 2
    return [_pair(code, memory, first, more) for more in (0, 8 * pitch, 8, 8 * pitch + 8)]


def right(code: Thread, memory: Value, begin: Value, pitch: int, lane: Lane) -> list[Value]:
    """The same of a right factor, whose column c begins at element begin + c pitch."""
    first = begin + lane.row * pitch + lane.pair * 2
    return [_pair(code, memory, first, more) for more in (0, 8)]


def _pair(code: Thread, memory: Value, first: Value, more: int) -> Value:
    return code.load(code.at(memory, "i16", first + more if more else first), "i32")


def places(lane: Lane) -> list[tuple[Value, Value]]:
    """Rows and columns of the four sums that a thread holds."""
    column = lane.pair * 2
    return [(lane.row + down, column + across) for down in (0, 8) for across in (0, 1)]


def multiply_add(
    code: Thread, dtype: str, a: Sequence[Value], b: Sequence[Value], sums: Sequence[Value]
) -> list[Value]:
    """The sums and the product of a left and a right factor, by all threads of a warp together.

    dtype: The name of the factors'.
    """
    given = [*a, *b]
    name, kind = "llvm.nvvm.mma.m16n8k16.row.col.bf16", "i32"
    if dtype == "float16":
        name, kind = "llvm.nvvm.mma.m16n8k16.row.col.f32.f32", "<2 x half>"
        given = [x.cast_to(kind) for x in given]
    result = "{ float, float, float, float }"
    code.declare(result, name, *(kind for _ in given), *("float" for _ in sums))
    listed = ", ".join(f"{x.type} {x.name}" for x in (*given, *sums))
    made = code.emit(f"call {result} @{name}({listed})", result)
    return [made.part(i) for i in range(4)]


__all__ = [
    "COLUMNS",
    "ROWS",
    "STEPS",
    "WITHOUT",
    "Lane",
    "left",
    "multiply_add",
    "places",
    "right",
]
