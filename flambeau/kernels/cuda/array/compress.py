"""Where a mask is true: what selects its elements.

A block counts what its piece of the mask holds, the counts are added up, and each block writes the places of its piece
behind those of the ones before.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...llvm import Value, choose, quotient, remainder, smaller
from .. import driver
from ..driver import Kernel
from ..thread import WARP, Thread
from . import scan
from .block import Block
from .copy import in_order
from .launch import THREADS, blocks
from .layout import Form, Walk, layout, row_major
from .monoid import Element, Monoid

PIECE = 8 * THREADS
"""Elements of a mask for a block."""
_COUNT = Monoid("sum", Element("int32"))


def places(mask: Any) -> Any:
    """The numbers, in row-major order, of the elements that are true: a vector of int64."""
    xp = driver.cupy()
    pieces = -(-mask.size // PIECE)
    if not pieces:
        return xp.empty((0,), np.int64)
    mask, counts = in_order(mask), xp.empty((pieces,), np.int32)
    _counter()(pieces, THREADS, mask, counts, np.int64(mask.size))
    ends = scan.running_sum(counts, 0)
    made = xp.empty((int(ends[-1]),), np.int64)
    if made.size:
        _packer()(pieces, THREADS, mask, counts, ends, made, np.int64(mask.size))
    return made


def unravelled(numbers: Any, shape: tuple[int, ...]) -> list[Any]:
    """The coordinates of elements of an array of this shape, by their numbers in row-major order: a vector for each
    dimension."""
    made = [driver.cupy().empty_like(numbers) for _ in shape]
    if numbers.size:
        ndim = len(shape)
        steps = [tuple([int(i == k) for i in range(ndim)]) for k in range(ndim)]
        told = layout(shape, (16, row_major(shape), 0), *((16, step, 0) for step in steps))
        kernel = _unraveller(told.form)
        kernel(
            blocks(numbers.size), THREADS, numbers, *made, np.int64(numbers.size), *told.arguments
        )
    return made


@cache
def _unraveller(form: Form) -> Kernel:
    """Places in arrays that move by one along one dimension are coordinates."""
    code = Thread()
    (numbers,) = code.takes("ptr numbers readonly")
    made = code.takes(*(f"ptr made{k} alone" for k in range(form.operands - 1)))
    (size,) = code.takes("i64 size")
    walk = Walk(code, form)
    with code.loop(code.first("i64"), size, code.threads("i64")) as i:
        number = code.load(code.at(numbers, "i64", i), "i64").convert(form.index)
        for target, coordinate in zip(made, walk.places(number)[1:]):
            code.store(coordinate.convert("i64"), code.at(target, "i64", i))
    return Kernel("unravel", code.kernel("unravel"))


class Piece:
    """The code of a block at its piece of the mask: a warp's turn is of neighbours."""

    def __init__(self, code: Thread, mask: Value, size: Value):
        self.code, self.mask = code, mask
        self.thread = code.special("tid")
        self.lane, self.warp = remainder(self.thread, WARP), quotient(self.thread, WARP)
        self.start = code.special("ctaid", "i64") * PIECE
        self.left = smaller(size - self.start, PIECE).convert("i32")

    def flags(self, turn: Value) -> Value:
        """1 where the thread's element of this turn is there and true, else 0."""
        code = self.code
        at = turn + self.thread
        inside = at < self.left
        place = self.start + choose(inside, at, 0).widen("i64")
        here = code.load(code.at(self.mask, "i8", place), "i8").differs(0)
        return (here & inside).widen("i32")

    def turns(self) -> Any:
        return self.code.loop(
            self.code.constant(0, "i32"), self.code.constant(PIECE, "i32"), THREADS
        )


@cache
def _counter() -> Kernel:
    code = Thread()
    mask, counts, size = code.takes("ptr mask readonly", "ptr counts alone", "i64 size")
    piece, count = Piece(code, mask, size), code.variable(0, "i32")
    with piece.turns() as turn:
        count.value = count.value + piece.flags(turn)
    total = Block(code, _COUNT, THREADS).total([count.value.convert("i64")])[0].convert("i32")
    with code.when(piece.thread.equals(0)):
        code.store(total, code.at(counts, "i32", code.special("ctaid")))
    return Kernel("count_true", code.kernel("count_true"))


@cache
def _packer() -> Kernel:
    """A thread's place is behind those of the threads before, and of the turns before."""
    code = Thread()
    mask, counts, ends, made, size = code.takes(
        "ptr mask readonly",
        "ptr counts readonly",
        "ptr ends readonly",
        "ptr made alone",
        "i64 size",
    )
    piece, number = Piece(code, mask, size), code.special("ctaid")
    end = code.load(code.at(ends, "i64", number), "i64")
    begin = end - code.load(code.at(counts, "i32", number), "i32").convert("i64")
    before = code.variable(begin, "i64")
    block = Block(code, _COUNT, THREADS)
    with piece.turns() as turn:
        flag = piece.flags(turn)
        (behind,), (total,) = block.running([flag.convert("i64")])
        so_far = before.value
        with code.when(flag.differs(0)):
            here = piece.start + (turn + piece.thread).convert("i64")
            code.store(here, code.at(made, "i64", so_far + behind))
        before.value = so_far + total
    return Kernel("places", code.kernel("places"))


__all__ = ["places", "unravelled"]
