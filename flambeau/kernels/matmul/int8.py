"""Linear maps by a matrix of signed bytes: rows of floats are quantised as they come, and multiplied as integers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..runtime import memory
from ..runtime.entry import Job
from ..runtime.process import enabled, machine

UINT8, INT32, FLOAT32 = map(np.dtype, ("uint8", "int32", "float32"))
TALL, WIDE = 64, 512
"""Rows and columns of a row of the job, about."""


class Packed:
    """A matrix (n, k) of signed bytes with a step a row, as `linear` wants it.

    Attributes:
        weight: The matrix itself.
        steps: What 1 stands for in each of its rows, float32.
        sums: The sums of its rows, int32.
    """

    def __init__(self, weight: Any, steps: Any):
        self.weight = np.ascontiguousarray(weight)
        self.steps = np.ascontiguousarray(np.broadcast_to(steps, weight.shape[:1]), np.float32)
        self.sums = weight.sum(1, dtype=np.int32)
        self._panels: Any = None

    @property
    def panels(self) -> Any:
        """Fours of bytes: (columns over lanes, inner fours, lanes, 4), with zeros at the ends."""
        if self._panels is None:
            lanes = machine().bits // 32
            n, k = self.weight.shape
            whole = np.zeros((-(-n // lanes) * lanes, padded(k)), np.int8)
            whole[:n, :k] = self.weight
            fours = whole.reshape(-1, lanes, padded(k) // 4, 4)
            self._panels = np.ascontiguousarray(fours.swapaxes(1, 2))
        return self._panels


def padded(k: int) -> int:
    """Bytes of a quantised row: whole vectors of 32 bits each, as the quantising writes them."""
    lanes = machine().bits // 32 if enabled() else 16
    return -(-k // lanes) * lanes


def quantized_rows(x: Any) -> tuple[Any, Any, Any]:
    """Rows of float32 as unsigned bytes, with what a step of each row is and which byte stands for 0."""
    rows, k = x.shape
    width = padded(k)
    if enabled() and x.__class__ is np.ndarray and rows:
        from .int8_kernel import RowNumbers, quantizing

        made = memory.empty((rows, width), UINT8)
        scales, zeros = memory.empty((rows,), FLOAT32), memory.empty((rows,), INT32)
        job = Job(rows=rows, length=1, weight=2 * rows * width, divisible=False)
        quantizing()(
            np.ascontiguousarray(x), made, scales, zeros, *job, *RowNumbers(k=k, padded=width)
        )
        return made, scales, zeros
    low = x.min(1, initial=0, keepdims=True)
    span = x.max(1, initial=0, keepdims=True) - low
    step = np.where(span > 0, span / np.float32(255), np.float32(1))
    zero = np.rint(-low / step)
    made = np.zeros((rows, width), np.uint8)
    finite = np.isfinite(x).all(1, keepdims=True)
    step, zero = np.where(finite, step, np.float32(1)), np.where(finite, zero, 0)
    levels = np.rint(np.where(finite, x, 0) / step) + zero
    made[:, :k] = np.clip(levels, 0, 255)
    return made, np.where(finite, step, np.float32(np.nan))[:, 0], zero[:, 0].astype(np.int32)


def linear(x: Any, packed: Packed, bias: Any) -> Any:
    """``x @ w.T + bias`` for float32 rows, computed with bytes."""
    a, scales, zeros = quantized_rows(x)
    m, n = len(x), len(packed.weight)
    if not (enabled() and x.__class__ is np.ndarray and m and n):
        return _by_numpy(a[:, : x.shape[1]], scales, zeros, packed, bias)
    y = memory.empty((m, n), FLOAT32)
    function, numbers = _plan(m, n, a.shape[1] // 4, bias is not None)
    shift = packed.steps if bias is None else np.ascontiguousarray(bias, np.float32)
    function(a, scales, zeros, packed.panels, packed.steps, packed.sums, shift, y, *numbers)
    return y


@lru_cache(1024)
def _plan(m: int, n: int, fours: int, biased: bool) -> tuple[Any, tuple[int, ...]]:
    """The kernel, and what it is told."""
    from .int8_kernel import Numbers, Tile, multiplying

    lanes, many = machine().bits // 32, machine().bits == 512
    tile = (
        Tile(1, 8)
        if m == 1
        else Tile(2, 4)
        if m == 2 or not many
        else Tile(4, 5)
        if m <= 4
        else Tile(8, 3)
    )
    columns = lanes * tile.vectors
    block = max(columns, WIDE // columns * columns) if m > 1 else columns
    blocks, height = -(-n // block), min(m, TALL)
    job = Job(rows=blocks * -(-m // height), length=1, weight=m * n * fours, divisible=False)
    numbers = Numbers(
        m=m, n=n, fours=fours, block=block, blocks=blocks, height=height, biased=biased
    )
    return multiplying(tile), (*job, *map(int, numbers))


def _by_numpy(a: Any, scales: Any, zeros: Any, packed: Packed, bias: Any) -> Any:
    """The same with NumPy; sums of so many products of bytes are whole numbers in float64."""
    products = np.matmul(a.astype(np.float64), packed.weight.T.astype(np.float64))
    products -= zeros[:, None].astype(np.float64) * packed.sums
    y = products.astype(np.float32) * (scales[:, None] * packed.steps)
    return y if bias is None else y + bias.astype(np.float32)


__all__ = ["Packed", "linear", "quantized_rows"]
