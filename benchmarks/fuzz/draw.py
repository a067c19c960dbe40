"""Random choices of one case, some of which are features that can be left out to make the case smaller."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")

FEATURES = (
    "layout",  # operands that are not contiguous
    "overlap",  # operands whose elements share memory
    "special",  # nan, infinities, zeros of both signs, subnormals, extremes
    "wide",  # numbers of very different or very unusual magnitude
    "mixed",  # operands of several dtypes
    "broadcast",  # operands of several shapes
    "number",  # Python numbers in place of tensors
    "many",  # more than 5 dimensions
    "large",  # enough elements for several threads
    "empty",  # sizes of 0
    "form",  # methods, in-place forms and out= instead of functions
    "option",  # arguments that have a default
    "invalid",  # arguments out of range
)
SIZES = (1, 1, 2, 2, 3, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 32, 33, 61, 64, 67)
LARGE = ((40_007,), (220, 191), (5, 90, 81), (2, 33_001), (33_001, 2))


class Draw:
    """What a case is drawn with.

    Attributes:
        used: The features that the case has so far.
        without: The features that it must not have.
        always: Those that it has wherever it can.
    """

    def __init__(
        self, name: str, seed: int, without: Iterable[str] = (), always: Iterable[str] = ()
    ):
        self.key = (zlib.crc32(name.encode()), seed)
        self.rng = np.random.default_rng(self.key)
        self.without, self.always = frozenset(without), frozenset(always)
        self.used: set[str] = set()

    def has(self, feature: str, probability: float) -> bool:
        """Does the case have a feature here?"""
        drawn = self.rng.random() < probability or feature in self.always
        if not drawn or feature in self.without:
            return False
        self.used.add(feature)
        return True

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def integer(self, low: int, high: int) -> int:
        """From low to high, both included."""
        return int(self.rng.integers(low, high + 1))

    def one(self, items: Sequence[Item]) -> Item:
        return items[int(self.rng.integers(len(items)))]

    def size(self) -> int:
        return 0 if self.has("empty", 0.03) else self.one(SIZES)

    def small(self) -> int:
        """A size where sizes multiply."""
        return 0 if self.has("empty", 0.02) else self.one((1, 2, 3, 4, 5, 7, 8, 9))

    def shape(self, least: int = 0, most: int = 4, limit: int = 4096) -> tuple[int, ...]:
        """A shape of so many dimensions and elements."""
        if least <= 2 and most >= 3 and limit >= 4096 and self.has("large", 0.02):
            return self.one([s for s in LARGE if least <= len(s) <= most])
        if most >= 4 and self.has("many", 0.02):
            return self.many()
        ndim = self.integer(least, most)
        shape: list[int] = []
        for _ in range(ndim):
            n = self.size()
            shape.append(n if int(np.prod(shape, dtype=int)) * n <= limit else self.integer(1, 2))
        return tuple(shape)

    def many(self) -> tuple[int, ...]:
        """A shape of up to 64 dimensions, few of which are longer than 1."""
        shape = [1] * self.integer(6, 64)
        for place in self.rng.integers(0, len(shape), 5):
            shape[place] = self.integer(1, 3)
        return tuple(shape)

    def narrower(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """A shape that broadcasts to this one."""
        if not self.has("broadcast", 0.3):
            return shape
        kept = [1 if self.chance(0.4) else n for n in shape]
        return tuple(kept[self.integer(0, len(kept)) if self.chance(0.5) else 0 :])

    def dim(self, ndim: int) -> int:
        """A dimension, counted from either end."""
        if self.has("invalid", 0.02):
            return ndim + self.integer(0, 2)
        bound = max(ndim, 1)
        return self.integer(-bound, bound - 1)

    def dims(self, ndim: int) -> tuple[int, ...]:
        """Several dimensions, each once."""
        count = self.integer(1, max(ndim, 1))
        chosen = [int(d) for d in self.rng.permutation(max(ndim, 1))[:count]]
        return tuple(d - max(ndim, 1) if self.chance(0.3) else d for d in chosen)

    def number(self) -> Any:
        """A Python number."""
        return self.one((0, 1, 2, 3, -1, -2, 0.0, 0.5, 1.5, -0.25, 2.0, True))
