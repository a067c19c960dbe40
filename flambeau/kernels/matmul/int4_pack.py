"""Weights of four bits as bytes, two numbers each, in the order that `weight_only_kernel` describes."""

from __future__ import annotations

from typing import Any

import numpy as np

BLOCK, HALF = 64, 32
"""Columns of a block of weights of four bits, and bytes of one of its inner numbers."""
MIDDLE = 8
"""The number of four bits that stands for the zero."""
UINT8 = np.dtype("uint8")


def packed_int4(numbers: Any) -> Any:
    """Numbers of four bits (columns, inner) as bytes, half as many, in the order that `weight_only_kernel` describes."""
    n, k = numbers.shape
    numbers = (numbers & 15).astype(UINT8)
    whole = n // BLOCK * BLOCK
    halves = numbers[:whole].reshape(-1, 2, HALF, k)
    made = np.empty(n * k // 2, UINT8)
    made[: whole * k // 2] = (halves[:, 0] | halves[:, 1] << 4).swapaxes(1, 2).reshape(-1)
    rest = numbers[whole:].reshape(-1, 2, k)
    made[whole * k // 2 :] = (rest[:, 0] | rest[:, 1] << 4).T.reshape(-1)
    return made.reshape(n, k // 2)


def unpacked_int4(packed: Any) -> Any:
    """The numbers again."""
    n, k = len(packed), packed.shape[1] * 2
    whole, flat = n // BLOCK * BLOCK, np.ascontiguousarray(packed).reshape(-1)
    made = np.empty((n, k), UINT8)
    halves = flat[: whole * k // 2].reshape(-1, k, HALF).swapaxes(1, 2)
    blocks = made[:whole].reshape(-1, 2, HALF, k)
    blocks[:, 0], blocks[:, 1] = halves & 15, halves >> 4
    if whole < n:
        rest = flat[whole * k // 2 :].reshape(k, -1).T
        made[whole::2], made[whole + 1 :: 2] = rest & 15, rest >> 4
    return made
