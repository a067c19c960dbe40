"""Draws that do not choose: the fuzzer's recipes give the arguments of a row of a given size, dtype and layout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ..fuzz.arguments import Call
from ..fuzz.case import mapped
from ..fuzz.draw import Draw
from ..fuzz.operand import DTYPES, Operand, contiguous, plain

Item = TypeVar("Item")


class Size(NamedTuple):
    """How large the operands of a row are.

    Attributes:
        shape: Of most operands; others have about as many elements.
        order: Of square matrices that are decomposed, which costs the third power.
        batch: Matrices, sequences or images at once.
        channels: Of images; the features of a layer.
    """

    name: str
    shape: tuple[int, int]
    order: int
    batch: int
    channels: int

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    def image(self, dims: int, least: int = 4) -> tuple[int, ...]:
        """The shape of a batch of images of about as many elements."""
        rest = self.count / (self.batch * self.channels)
        side = max(least, round(rest ** (1 / dims)))
        return (self.batch, self.channels, *(side,) * dims)


SIZES = {
    size.name: size
    for size in (
        Size("tiny", (3, 5), 4, 2, 2),
        Size("middle", (60, 170), 60, 4, 8),
        Size("big", (900, 1100), 300, 8, 32),
    )
}
LAYOUTS = ("contiguous", "transposed", "strided", "broadcast")


class NoMeaningError(Exception):
    """The function takes no operand of this dtype or layout."""


class Sized(Draw):
    """Gives the recipes what a row asks for where they would draw at random.

    Args:
        strict: A recipe that takes other dtypes alone has no row; else it has one of its own first dtype.

    Attributes:
        given, dtype, layout: What the row asks for.
    """

    def __init__(
        self, name: str, size: Size, dtype: str, layout: str = "contiguous", strict: bool = False
    ):
        super().__init__(name, 0)
        self.given, self.dtype, self.layout, self.strict = size, dtype, layout, strict
        self.asked = self.narrowed = 0
        self.axis = -1

    def has(self, feature: str, probability: float) -> bool:
        return False

    def chance(self, probability: float) -> bool:
        return False

    def integer(self, low: int, high: int) -> int:
        """Two thirds of the way from low to high."""
        return low + (2 * (high - low) + 2) // 3

    def one(self, items: Sequence[Item]) -> Item:
        if not all(isinstance(item, str) and item in DTYPES for item in items):
            return items[0]
        if self.dtype in items:
            return items[items.index(self.dtype)]  # type: ignore[arg-type]
        if self.strict:
            raise NoMeaningError(self.dtype)
        return items[0]

    def size(self) -> int:
        """The two sizes in turns."""
        self.asked += 1
        return self.given.shape[(self.asked - 1) % 2]

    def small(self) -> int:
        """Sizes of which three or four multiply."""
        return max(2, round(self.given.count ** (1 / 3)))

    def shape(self, least: int = 0, most: int = 4, limit: int = 4096) -> tuple[int, ...]:
        n, m = self.given.shape
        if most == 0:
            return ()
        if most == 1:
            return (min(n * m, limit) if limit < 100 else n * m,)
        return (n, m) if least <= 2 else (1,) * (least - 2) + (n, m)

    def narrower(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """In rows of broadcasts a column, and then a row."""
        if self.layout != "broadcast" or len(shape) < 2:
            return shape
        self.narrowed += 1
        return (*shape[:-1], 1) if self.narrowed % 2 else shape[-1:]

    def dim(self, ndim: int) -> int:
        return self.axis if ndim else 0

    def dims(self, ndim: int) -> tuple[int, ...]:
        return (self.axis if ndim else 0,)

    def number(self) -> Any:
        return 2


def laid_out(call: Call, draw: Sized) -> Call:
    """The call with operands that lie as the row asks for."""
    if draw.layout == "contiguous":
        return mapped(call, lambda x: plain(x.array))
    if draw.layout == "broadcast" and draw.narrowed:
        return mapped(call, lambda x: plain(x.array))
    changed = False

    def change(x: Operand) -> Operand:
        nonlocal changed
        if len(x.shape) < (1 if draw.layout == "strided" else 2):
            return plain(x.array)
        changed = True
        return CHANGES[draw.layout](x.array)

    made = mapped(call, change)
    if not changed:
        raise NoMeaningError(draw.layout)
    return made


def transposed(array: np.ndarray) -> Operand:
    """The last two dimensions lie in the other order."""
    made = plain(np.swapaxes(array, -1, -2))
    strides = list(made.strides)
    strides[-1], strides[-2] = strides[-2], strides[-1]
    return Operand(made.block, array.shape, tuple(strides))


def strided(array: np.ndarray) -> Operand:
    """Every second element of a block."""
    block = np.repeat(np.ascontiguousarray(array).reshape(-1), 2)
    return Operand(block, array.shape, tuple(2 * s for s in contiguous(array.shape)))


def expanded(array: np.ndarray) -> Operand:
    """One row that is seen as all rows."""
    made = plain(array[:1])
    return Operand(made.block, array.shape, (0, *made.strides[1:]))


CHANGES = {"transposed": transposed, "strided": strided, "broadcast": expanded}
