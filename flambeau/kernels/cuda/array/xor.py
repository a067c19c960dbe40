"""The exclusive or of all words along dimensions."""

from __future__ import annotations

import math
from typing import Any

from .. import driver
from .copy import in_order
from .scan import last, monoid, shape_of


def reduce(bits: Any, dims: tuple[int, ...], keepdims: bool) -> Any:
    """``np.bitwise_xor.reduce(bits, dims, keepdims=keepdims)`` of unsigned words of 64 bits."""
    xp, kept = driver.cupy(), [i for i in range(bits.ndim) if i not in dims]
    rows = math.prod(bits.shape[i] for i in kept)
    made = xp.zeros((rows,), bits.dtype)
    if bits.size:
        words = in_order(bits.transpose(*kept, *dims)).reshape(rows, -1)
        last(monoid("xor", words), words, shape_of(words.shape, 1), made, False)
    sizes = [1 if i in dims else n for i, n in enumerate(bits.shape) if keepdims or i in kept]
    return made.reshape(sizes)


__all__ = ["reduce"]
