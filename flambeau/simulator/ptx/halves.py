"""Arithmetic of float16 and bfloat16 as GPUs do it: each result rounded once, from the exact one.

A bfloat16 is the upper half of a float32, and kept as its 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

NAN = 0x7FFF
"""The NaN that GPUs make of both types, as 16 bits."""
_EXPONENT = np.uint64(0x7FF0000000000000)


def from_bfloat16(x: Any) -> Any:
    """bfloat16's bits as float32."""
    return (x.astype(np.uint32) << np.uint32(16)).view(np.float32)


def to_bfloat16(x: Any) -> Any:
    """float32 as bfloat16's bits, to the nearest, and of two to the even one."""
    word = x.view(np.uint32)
    odd = (word >> np.uint32(16)) & np.uint32(1)
    rounded = (word + (np.uint32(0x7FFF) + odd)) >> np.uint32(16)
    return np.where(np.isnan(x), np.uint32(NAN), rounded).astype(np.uint16)[()]


def to_float16(x: Any) -> Any:
    """float32 or float64 as float16."""
    made = x.astype(np.float16)
    return np.where(np.isnan(x), np.uint16(NAN), made.view(np.uint16)).view(np.float16)[()]


def sticky_sum(p: Any, c: Any) -> Any:
    """p + c in float64, its last bit set where the sum is not exact: rounding it once more rounds the exact sum."""
    s = np.asarray(p + c)
    back = s - p
    rest = (p - (s - back)) + (c - back)
    word = s.view(np.int64)
    inexact = (rest != 0) & ((word & 1) == 0) & ((s.view(np.uint64) & _EXPONENT) != _EXPONENT)
    onward = np.where((rest > 0) == (s > 0), 1, -1)
    return np.where(inexact, word + onward, word).view(np.float64)


def _odd_float32(x: Any) -> Any:
    """float64 as float32, towards zero, the last bit set where that is not exact."""
    near = x.astype(np.float32)
    word = near.view(np.uint32)
    over = np.abs(near.astype(np.float64)) > np.abs(x)
    word = word - over.astype(np.uint32)
    inexact = word.view(np.float32).astype(np.float64) != x
    return np.where(np.isnan(x), near.view(np.uint32), word | inexact).view(np.float32)


def fma_float16(a: Any, b: Any, c: Any) -> Any:
    product = a.astype(np.float64) * b.astype(np.float64)
    return to_float16(sticky_sum(product, c.astype(np.float64)))


def fma_bfloat16(a: Any, b: Any, c: Any) -> Any:
    a, b, c = (from_bfloat16(x).astype(np.float64) for x in (a, b, c))
    return double_to_bfloat16(sticky_sum(a * b, c))


def double_to_bfloat16(x: Any) -> Any:
    """float64 as bfloat16's bits, rounded once."""
    return to_bfloat16(_odd_float32(np.asarray(x)))


def in_bfloat16(op: Callable[..., Any]) -> Callable[..., Any]:
    """A function of float32 for bfloat16's bits: of sums and products, whose second rounding changes nothing."""
    return lambda *items: to_bfloat16(op(*map(from_bfloat16, items)))


def compared(op: Callable[..., Any]) -> Callable[..., Any]:
    """A comparison for bfloat16's bits."""
    return lambda *items: op(*map(from_bfloat16, items))


def packed(op: Callable[..., Any], kind: str) -> Callable[..., Any]:
    """A function of 16-bit numbers for both halves of words."""

    def both(*words: Any) -> Any:
        halves = (np.reshape(word, (-1, 1)).view(kind) for word in words)
        made = np.ascontiguousarray(op(*halves)).view(np.uint32)[:, 0]
        return made if any(np.ndim(word) for word in words) else made[0]

    return both


__all__ = [
    "compared", "double_to_bfloat16", "fma_bfloat16", "fma_float16", "from_bfloat16", "in_bfloat16", "packed",
    "sticky_sum", "to_bfloat16", "to_float16",
]  # fmt: skip
