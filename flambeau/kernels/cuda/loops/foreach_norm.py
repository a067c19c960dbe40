"""The norms of many arrays in few launches: what many blocks find of their pieces, then what each array's pieces come to.

Sums are added in float64, in which no square of a float32 is too large or too small, and in a fixed order, so that their
bits are the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ...llvm import BITS, Value, choose, quotient, remainder
from ...loops.element import MEMORY, packed, unpacked
from .. import driver
from ..floats import SUMS
from ..thread import WARP, Thread
from .foreach import Group, table
from .foreach_kernel import PIECE, THREADS, Groups, groups_at_once, in_step

ORDERS = (1.0, 2.0, float("inf"))
"""Of the norms that there are kernels for."""


def norms(arrays: Sequence[Any], order: float) -> Any:
    """Each array's norm, as one array; NotImplemented for other orders and dtypes, and for empty maxima."""
    dtype = arrays[0].dtype
    if order not in ORDERS or dtype.name not in SUMS:
        return NotImplemented
    groups = [Group([x], 0) for x in arrays]
    if order == ORDERS[-1] and not all(group.size for group in groups):
        return NotImplemented
    xp, kernels = driver.cupy(), _kernels(dtype.name, order)
    found = xp.empty(len(arrays), dtype)
    at_once = groups_at_once(1)
    for start in range(0, len(groups), at_once):
        some = groups[start : start + at_once]
        blocks, words = table(some)
        parts = xp.empty(max(blocks, 1), np.float64)
        if blocks:
            kernels[0](blocks, THREADS, words, parts)
        kernels[1](len(some), THREADS, words, parts, found, np.int32(start))
    return found


@cache
def _kernels(name: str, order: float) -> tuple[driver.Kernel, driver.Kernel]:
    norm = Norm(name, order)
    return tuple(
        driver.Kernel(f"norm_{step}", getattr(norm, step)(f"norm_{step}"))
        for step in ("parts", "whole")
    )  # type: ignore[return-value]


class Norm:
    """Both kernels, for arrays of a dtype."""

    def __init__(self, dtype: str, order: float):
        self.dtype, self.order = dtype, order
        self.element = MEMORY[dtype]
        self.wide = 128 // BITS[self.element]

    def parts(self, name: str) -> str:
        """A block for each piece of 4,096 elements."""
        code = Thread()
        groups = Groups(code, 1)
        (parts,) = code.takes("ptr parts")
        block, thread = code.special("ctaid"), code.special("tid")
        group = groups.of(block)
        start, count = groups.piece(group)
        array = groups.array(0, group)
        pointer = code.at(array, self.element, start)
        total = code.variable(code.constant(0, "double"))

        def some(first: Value, width: int) -> None:
            for x in code.several(code.at(pointer, self.element, first), self.element, width):
                value = unpacked(x, self.dtype).convert("double").abs()
                total.value = self.join(total.value, value * value if self.order == 2 else value)

        whole = choose(in_step([array]), quotient(count, self.wide), 0)
        with code.loop(thread, whole, THREADS) as i:
            some(i * self.wide, self.wide)
        with code.loop(whole * self.wide + thread, count, THREADS) as i:
            some(i, 1)
        self.leave(code, total.value, code.at(parts, "double", block))
        return code.kernel(name)

    def whole(self, name: str) -> str:
        """A block for each array."""
        code = Thread()
        groups = Groups(code, 1)
        parts, out, group = code.takes("ptr parts readonly", "ptr out alone", "i32 group")
        block, thread = code.special("ctaid"), code.special("tid")
        first = groups.first(block)
        count = quotient(groups.size(block) + (PIECE - 1), PIECE)
        total = code.variable(code.constant(0, "double"))
        with code.loop(thread.widen("i64"), count, THREADS) as i:
            total.value = self.join(
                total.value, code.load(code.at(parts, "double", first + i), "double")
            )
        self.leave(code, total.value, code.at(out, self.element, group + block), last=True)
        return code.kernel(name)

    def join(self, x: Value, y: Value) -> Value:
        if self.order != ORDERS[-1]:
            return x + y
        return choose((y > x) | y.is_nan(), y, x)

    def leave(self, code: Thread, value: Value, place: Value, last: bool = False) -> None:
        """Store what all threads of the block join to; as the result, if it is the last step."""
        for by in (16, 8, 4, 2, 1):
            value = self.join(value, code.exchanged(value, "bfly", by))
        thread = code.special("tid")
        board = code.shared("double", THREADS // WARP)
        with code.when(remainder(thread, WARP).equals(0)):
            code.store(value, code.at(board, "double", quotient(thread, WARP)))
        code.barrier()
        with code.when(thread.equals(0)):
            found = [
                code.load(code.at(board, "double", code.constant(w, "i32")), "double")
                for w in range(THREADS // WARP)
            ]
            total = found[0]
            for other in found[1:]:
                total = self.join(total, other)
            if last:
                total = code.intrinsic("sqrt", total) if self.order == 2 else total
                wide = total if self.dtype == "float64" else total.convert("float")
                total = packed(wide, self.dtype)
            code.store(total, place)


__all__ = ["ORDERS", "norms"]
