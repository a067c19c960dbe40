"""Where the elements of several arrays of one shape lie in memory, for kernels that walk over them together.

Dimensions are put in the order of the first array's memory and merged where all arrays allow it. Along the last one
some neighbours are taken together, a pack, where each array either has them side by side and in place for one access
of up to 16 bytes, or has one element for them all. Elements are numbered in that order, and a number becomes places by
one multiplication a dimension instead of a division (`_divisor`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...llvm import Value, quotient
from ..thread import Thread

LIMIT = (1 << 31) - (1 << 25)
"""Places up to which an index has 32 bits: a grid's last step may go past the end."""


class Form(NamedTuple):
    """What a kernel must know of a layout.

    Attributes:
        ndim: How many dimensions there are, at least one.
        operands: How many arrays.
        pack: How many neighbours are taken together.
        moves: For each array: does it have an element for each of a pack?
        index: The type of an index.
    """

    ndim: int
    operands: int
    pack: int
    moves: tuple[bool, ...]
    index: str


class Layout(NamedTuple):
    """The layout of some arrays.

    Attributes:
        count: How many packs there are.
        arguments: What `Walk` takes.
    """

    form: Form
    count: int
    arguments: tuple[Any, ...]


Dims = list[tuple[int, ...]]
"""For each dimension its size and the arrays' steps, in elements."""


def facts(array: Any) -> tuple[int, tuple[int, ...], int]:
    """What `layout` wants to know of an array: bytes of an element, steps in elements, and its address modulo 16."""
    item = array.itemsize
    return item, tuple([step // item for step in array.strides]), array.data.ptr & 15


@lru_cache(4096)
def layout(
    shape: tuple[int, ...],
    *operands: tuple[int, tuple[int, ...], int],
    jumps: tuple[int, ...] = (),
    wide: bool = False,
    still: int = 0,
    single: bool = False,
) -> Layout:
    """The layout of arrays of a shape, told by their `facts`.

    Args:
        jumps: Other steps that the second array is moved by, in elements.
        wide: Must an index have 64 bits, for other reasons than these arrays?
        still: So many arrays at the end have one element for all of a pack.
        single: Is a pack one element?
    """
    dims = merged(shape, [steps for _, steps, _ in operands])
    alone = 1, (False,) * len(operands)
    pack, moves = alone if single else _pack(dims, operands, jumps, still)
    inner = dims[-1]
    dims[-1] = (inner[0] // pack, *(s * pack if move else s for s, move in zip(inner[1:], moves)))
    count = 1
    for size, *_ in dims:
        count *= size
    reach = [_reach(dims, k, operands) for k in range(len(operands))]
    wide = wide or max(count, *reach) > LIMIT
    form = Form(len(dims), len(operands), pack, moves, "i64" if wide else "i32")
    return Layout(form, count, _arguments(dims, count, wide))


def broadcast(array: Any, shape: tuple[int, ...]) -> tuple[int, tuple[int, ...], int]:
    """The `facts` of an array that is broadcast to a shape."""
    item, steps, at = facts(array)
    steps = tuple([0 if n == 1 else step for n, step in zip(array.shape, steps)])
    return item, (0,) * (len(shape) - len(steps)) + steps, at


def row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The steps of an array in order, in elements."""
    return tuple([math.prod(shape[i + 1 :]) for i in range(len(shape))])


def merged(shape: Sequence[int], steps: Sequence[Sequence[int]]) -> Dims:
    """Dimensions in the order of the first array's memory, those without meaning left out."""
    dims = [(n, *given) for n, *given in zip(shape, *steps) if n != 1]
    found: Dims = []
    for size, *given in sorted(dims, key=lambda d: -abs(d[1])):
        if found and all(a == size * b for a, b in zip(found[-1][1:], given)):
            found[-1] = (found[-1][0] * size, *given)
        else:
            found.append((size, *given))
    return found or [(1, *(0 for _ in steps))]


def _pack(
    dims: Dims, operands: Sequence[Any], jumps: Sequence[int], still: int
) -> tuple[int, tuple[bool, ...]]:
    """How many neighbours are taken together, and which arrays have one for each."""
    inner = dims[-1][1:]
    fits = inner[0] == 1 and not any(inner[len(inner) - still :])
    pack = 1
    if fits and all(step in (0, 1) for step in inner):
        pack = 16 // max(item for (item, _, _), step in zip(operands, inner) if step)
        while pack > 1 and not _is_aligned(dims, operands, jumps, pack):
            pack //= 2
    return max(pack, 1), tuple([pack > 1 and step == 1 for step in inner])


def _is_aligned(dims: Dims, operands: Sequence[Any], jumps: Sequence[int], pack: int) -> bool:
    """Does every pack of each array begin at a multiple of its size?"""
    if any(n % pack for n in (dims[-1][0], *jumps)):
        return False
    return not any(
        address % (pack * item) or any(d[k + 1] % pack for d in dims[:-1])
        for k, (item, _, address) in enumerate(operands)
        if dims[-1][k + 1]
    )


def _reach(dims: Dims, k: int, operands: Sequence[Any]) -> int:
    return sum(abs(d[k + 1]) * (d[0] - 1) for d in dims) + 16 // operands[k][0]


def _arguments(dims: Dims, count: int, wide: bool) -> tuple[Any, ...]:
    integer = np.int64 if wide else np.int32
    found: list[Any] = [integer(count)]
    for i, (size, *steps) in enumerate(dims):
        if i:
            found.append(integer(size))
            if not wide:
                found += _divisor(size)
        found += map(integer, steps)
    return tuple(found)


def _divisor(n: int) -> tuple[np.int32, np.int32]:
    """The factor and the shift with which numbers below 2**31 are divided by n (Granlund and Montgomery, 1994)."""
    shift = (n - 1).bit_length()
    factor = ((1 << 32) * ((1 << shift) - n)) // n + 1
    return np.uint32(factor).astype(np.int32), np.int32(shift)


class Walk:
    """The code that finds places, in a kernel whose parameters it adds to.

    Attributes:
        count: How many packs there are.
    """

    def __init__(self, code: Thread, form: Form, stem: str = "walk"):
        self.code, self.form, self.stem = code, form, stem
        (self.count,) = code.takes(f"{form.index} {stem}_count")
        self.dims = [self._dimension(i) for i in range(form.ndim)]

    def _dimension(self, i: int) -> list[Value]:
        index, stem = self.form.index, f"{self.stem}{i}"
        listed = [f"{index} {stem}_step{k}" for k in range(self.form.operands)]
        if i and index == "i32":
            listed[:0] = [f"i32 {stem}_size", f"i32 {stem}_factor", f"i32 {stem}_shift"]
        elif i:
            listed[:0] = [f"i64 {stem}_size"]
        return self.code.takes(*listed)

    def places(self, i: Value) -> list[Value]:
        """Where pack i begins in each array, in elements."""
        operands = self.form.operands
        found: list[Value | None] = [None] * operands
        for level in reversed(range(self.form.ndim)):
            dim, here = self.dims[level], i
            if level:
                i = self._quotient(i, dim)
                here = here - i * dim[0]
            for k, step in enumerate(dim[-operands:]):
                by = here * step
                before = found[k]
                found[k] = by if before is None else before + by
        return found  # type: ignore[return-value]

    def _quotient(self, i: Value, dim: list[Value]) -> Value:
        if self.form.index == "i64":
            return quotient(i, dim[0])
        high = (i.widen("i64") * dim[1].widen("i64")).down(32).convert("i32")
        return (high + i).down(dim[2])


__all__ = ["Form", "Layout", "Walk", "broadcast", "facts", "layout", "merged", "row_major"]
