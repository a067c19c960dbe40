"""How a window slides over the last dimensions of an array."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Window(NamedTuple):
    """Every entry has one number a spatial dimension; padding is before and after."""

    size: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    def places(self, sizes: Sequence[int]) -> tuple[int, ...]:
        """How many places it takes over dimensions of these sizes."""
        return tuple(
            (n + low + high - d * (k - 1) - 1) // s + 1
            for n, k, s, d, low, high in zip(sizes, *self)
        )

    @property
    def elements(self) -> int:
        """The number of elements it covers."""
        return math.prod(self.size)

    @property
    def is_point(self) -> bool:
        """Does it see each element once, alone?"""
        ones = (1,) * len(self.size)
        return self.size == ones == self.stride and not any(self.before + self.after)


POINT = Window((1,), (1,), (1,), (0,), (0,))


def flattened(window: Window, sizes: Sequence[int]) -> tuple[Window, tuple[int, ...]]:
    """The window and the sizes that it slides over: of a point one dimension, since neighbours are all alike."""
    return (POINT, (math.prod(sizes),)) if window.is_point else (window, tuple(sizes))
