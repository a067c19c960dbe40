"""Dimensions that one index walks: as few as the operands' steps allow, and how kernels find their places.

An elementwise kernel walks all dimensions by the number of an element; a kernel of rows walks the kept ones by the number
of a row and the reduced ones by that of an element. `Steps` says for each operand what kind of way that is, which decides
the kernel's text; the numbers are given to it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..llvm import Value, quotient
from .thread import Thread

STILL, FLAT, NEXT, SAME, APART = range(5)
"""Ways of an operand: one place for all; the index itself; along the last dimension neighbours, one element, or elements
that lie apart. The last three have steps of their own in each dimension before."""
MOST = 8
"""Dimensions that a kernel takes; arrays with more that do not merge are copied."""


class Ways(NamedTuple):
    """What a kernel's text needs to know: how many dimensions, and each operand's way."""

    dims: int
    kinds: tuple[int, ...]


class Steps(NamedTuple):
    """Sizes of dimensions, and for each operand the elements between neighbours in each."""

    sizes: tuple[int, ...]
    operands: tuple[tuple[int, ...], ...]

    @property
    def size(self) -> int:
        return math.prod(self.sizes)

    def sorted(self, leading: int) -> Steps:
        """The dimensions with the longest steps of one operand first."""
        by = self.operands[leading]
        places = sorted(range(len(self.sizes)), key=lambda i: -abs(by[i]))
        return Steps(_picked(self.sizes, places), tuple(_picked(x, places) for x in self.operands))

    def merged(self) -> Steps:
        """Neighbouring dimensions that every operand walks like one are one; those of size 1 are gone."""
        sizes: list[int] = []
        columns: list[tuple[int, ...]] = []
        for size, steps in zip(self.sizes, zip(*self.operands)):
            if size == 1:
                continue
            if sizes and all(outer == step * size for outer, step in zip(columns[-1], steps)):
                sizes[-1] *= size
                columns[-1] = steps
            else:
                sizes.append(size)
                columns.append(steps)
        operands = tuple(zip(*columns)) if columns else ((),) * len(self.operands)
        return Steps(tuple(sizes), operands)

    def ways(self) -> Ways:
        """These, for dimensions that are merged."""
        whole = _in_order(self.sizes)
        return Ways(len(self.sizes), tuple(_way(steps, whole) for steps in self.operands))

    def divides(self, wide: int) -> bool:
        """Do vectors of so many elements along the last dimension begin at multiples of it in every operand?"""
        if not self.sizes:
            return wide == 1
        for steps in self.operands:
            if steps[-1] not in (0, 1) or (steps[-1] == 1 and any(s % wide for s in steps[:-1])):
                return wide == 1
        return len(self.sizes) == 1 or self.sizes[-1] % wide == 0

    def reach(self) -> int:
        """How far from an operand's first element another one lies at most."""
        farthest = [
            sum(abs(s) * (n - 1) for s, n in zip(steps, self.sizes)) for steps in self.operands
        ]
        return max(farthest, default=0)

    def numbers(self, ways: Ways, word: type) -> list[Any]:
        """The arguments for `Walk`'s parameters."""
        found: list[int] = []
        for size in self.sizes[1:]:
            found += [size, *_reciprocal(size)] if word is np.int32 else [size]
        for steps, kind in zip(self.operands, ways.kinds):
            if kind >= NEXT:
                found += steps[: ways.dims - (kind != APART)]
        return [word(x) for x in found]


class Walk:
    """Writes how places are found: `offsets` of an index of these ways.

    Args:
        code: The kernel's.
        ways: What they are like.
        word: The type of indices, "i32" or "i64".
        stem: Tells the parameters of one walk from another's.
    """

    def __init__(self, code: Thread, ways: Ways, word: str, stem: str):
        self.code, self.ways, self.word = code, ways, word

        def take(name: str) -> Value:
            return code.takes(f"{word} {stem}_{name}")[0]

        each = ("size", "factor", "shift") if word == "i32" else ("size",)
        self.sizes = [[take(f"{what}{d}") for what in each] for d in range(1, ways.dims)]
        self.steps = {
            k: [take(f"step{k}_{d}") for d in range(ways.dims - (kind != APART))]
            for k, kind in enumerate(ways.kinds)
            if kind >= NEXT
        }

    def offsets(self, index: Value) -> list[Value]:
        """Where each operand's element of this number lies."""
        zero = index.like(0)
        places = self.coordinates(index) if self.steps else []
        found = []
        for k, kind in enumerate(self.ways.kinds):
            offset = index if kind == FLAT else zero
            if k in self.steps:
                for place, step in zip(places, self.steps[k]):
                    offset = offset + place * step
                offset = offset + places[-1] if kind == NEXT else offset
            found.append(offset)
        return found

    def coordinates(self, index: Value) -> list[Value]:
        found = []
        for facts in reversed(self.sizes):
            rest = self.divided(index, facts)
            found.append(index - rest * facts[0])
            index = rest
        return [index, *reversed(found)]

    def divided(self, index: Value, facts: Sequence[Value]) -> Value:
        """index / size rounded down; of 32 bits by a multiplication (Granlund and Montgomery 1994)."""
        if self.word == "i64":
            return quotient(index, facts[0])
        _, factor, shift = facts
        return (self.code.upper_product(index, factor) + index).down(shift)


def _reciprocal(size: int) -> tuple[int, int]:
    """A factor, as a signed word, and a shift with which `Walk.divided` divides numbers below 2^31."""
    shift = (size - 1).bit_length()
    factor = ((1 << 32) * ((1 << shift) - size)) // size + 1
    return factor - ((factor >> 31) << 32), shift


def _way(steps: tuple[int, ...], whole: tuple[int, ...]) -> int:
    if not any(steps):
        return STILL
    if steps == whole:
        return FLAT
    return {1: NEXT, 0: SAME}.get(steps[-1], APART)


def _in_order(sizes: Sequence[int]) -> tuple[int, ...]:
    """The steps of an array of these sizes that lies in order."""
    steps, step = [], 1
    for size in reversed(sizes):
        steps.append(step)
        step *= size
    return tuple(reversed(steps))


def _picked(items: Sequence[int], places: Sequence[int]) -> tuple[int, ...]:
    return tuple([items[i] for i in places])


def steps_over(array: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The elements between an array's neighbours in each dimension of a shape that it broadcasts to."""
    missing = len(shape) - array.ndim
    own = zip(array.shape, array.strides, shape[missing:])
    size = array.itemsize
    return (0,) * missing + tuple([0 if n != target else s // size for n, s, target in own])


def lying_as(shape: tuple[int, ...], operands: Sequence[tuple[int, ...]]) -> list[int]:
    """The dimensions, outermost first, in the order in which an elementwise result lies in memory.

    Of two dimensions the one with the longer steps is the outer one, in the first operand that steps along both; where
    no operand tells, they stay as they are. So do the CPU's kernels (`loops.arrangement`) and PyTorch.
    """
    order = list(range(len(shape) - 1, -1, -1))  # from the innermost
    for i in range(1, len(order)):
        at = i
        for j in range(i - 1, -1, -1):
            verdict = _before(shape, operands, order[j], order[at])
            if verdict < 0:
                break
            if verdict > 0:
                order[j], order[at] = order[at], order[j]
                at = j
    return order[::-1]


def _before(
    shape: tuple[int, ...], operands: Sequence[tuple[int, ...]], inner: int, outer: int
) -> int:
    """Does dimension `inner` lie within `outer` (-1), outside it (1), or is there no saying (0)?"""
    if shape[inner] == 1 or shape[outer] == 1:
        return 0
    for steps in operands:
        a, b = abs(steps[inner]), abs(steps[outer])
        if a and b and a < b:
            return -1
        if a and b and (b < a or shape[inner] > shape[outer]):
            return 1
    return 0


__all__ = [
    "APART", "FLAT", "MOST", "NEXT", "SAME", "STILL", "Steps", "Walk", "Ways", "lying_as",
    "steps_over",
]  # fmt: skip
