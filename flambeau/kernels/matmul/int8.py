"""Products of bytes: of two matrices of them, and linear maps of floats, whose rows are quantised as they come.

Sums are whole numbers of 32 bits, so they are the same whatever the processor multiplies with: tiles, its
instruction for fours of bytes, or pairs of wider numbers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..runtime import memory
from ..runtime.entry import Job
from ..runtime.process import enabled, machine
from . import amx

INT8, UINT8, INT32, FLOAT32 = map(np.dtype, ("int8", "uint8", "int32", "float32"))
TALL, WIDE = 64, 512
"""Rows and columns of a row of the job, about."""
RAISED = np.uint8(128)
LEAST_ROWS = 3
"""Rows for which tiles are worth while: fewer leave most of a tile empty."""
NEAR, TALLEST, ITEMS = 1 << 20, 512, 8
"""With tiles: bytes of the left operand that stay near, rows of a row of the job at most, and rows that are wanted."""


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
            self._panels = panels_of(self.weight.T)
        return self._panels

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_panels": None}  # their form is the processor's


def panels_of(y: Any) -> Any:
    """A right operand (k, n) as fours of bytes: (columns over lanes, inner fours, lanes, 4), with zeros at the ends."""
    if 1 not in y.strides:
        y = np.ascontiguousarray(y)
    function, shape, told = _packing(y.shape, y.strides)
    made = memory.empty(shape, INT8)
    function(y, made, *told)
    return made


@lru_cache(1024)
def _packing(shape: tuple[int, int], strides: tuple[int, int]) -> tuple[Any, tuple, tuple]:
    """The kernel that packs, the panels' shape, and what the kernel is told."""
    from .int8_pack import GROUP, PackNumbers, packing

    (k, n), (inner_step, column_step) = shape, strides
    if column_step != 1:
        inner_step = 1  # which means nothing where there is one
    lanes, tiled = machine().bits // 32, amx.available("int8")
    fours, apart = padded(k) // 4, lanes * (2 if tiled else 1)
    panels = -(-n // apart) * apart // lanes
    job = Job(rows=-(-panels // GROUP), length=1, weight=panels * fours * lanes, divisible=False)
    numbers = PackNumbers(
        n=n, k=k, panels=panels, fours=fours, column_step=column_step, inner_step=inner_step
    )
    return packing(), (panels, fours, lanes, 4), tuple(map(int, (*job, *numbers)))


def padded(k: int) -> int:
    """Bytes of a left operand's row: whole vectors of 32 bits each, as the quantising writes them, or whole tiles."""
    lanes = machine().bits // 32 if enabled() else 16
    step = amx.BYTES if enabled() and amx.available("int8") else lanes
    return -(-k // step) * step


def quantized_rows(x: Any) -> tuple[Any, Any, Any]:
    """Rows of float32 as unsigned bytes, with what a step of each row is and which byte stands for 0."""
    rows, k = x.shape
    if enabled() and x.__class__ is np.ndarray and rows:
        function, width, told = _quantizing(rows, k)
        made = memory.empty((rows, width), UINT8)
        scales, zeros = memory.empty((rows,), FLOAT32), memory.empty((rows,), INT32)
        function(np.ascontiguousarray(x), made, scales, zeros, *told)
        return made, scales, zeros
    width = padded(k)
    low = x.min(1, initial=0, keepdims=True)
    span = x.max(1, initial=0, keepdims=True) - low
    step = np.maximum(span / np.float32(255), np.finfo(np.float32).tiny)
    step = np.where(span > 0, step, np.float32(1))
    inverse = np.float32(1) / step
    zero = np.rint(-low * inverse)
    made = np.zeros((rows, width), np.uint8)
    finite = np.isfinite(x).all(1, keepdims=True)
    step, zero = np.where(finite, step, np.float32(1)), np.where(finite, zero, 0)
    levels = np.rint(np.where(finite, x, 0) * np.where(finite, inverse, 1)) + zero
    made[:, :k] = np.clip(levels, 0, 255)
    return made, np.where(finite, step, np.float32(np.nan))[:, 0], zero[:, 0].astype(np.int32)


@lru_cache(1024)
def _quantizing(rows: int, k: int) -> tuple[Any, int, tuple[int, ...]]:
    """The kernel, bytes of a quantised row, and what the kernel is told."""
    from .int8_kernel import RowNumbers, quantizing

    width = padded(k)
    job = Job(rows=rows, length=1, weight=2 * rows * width, divisible=False)
    return quantizing(), width, tuple(map(int, (*job, *RowNumbers(k=k, padded=width))))


def linear(x: Any, packed: Packed, bias: Any) -> Any:
    """``x @ w.T + bias`` for float32 rows, computed with bytes."""
    a, scales, zeros = quantized_rows(x)
    m, n = len(x), len(packed.weight)
    if not (enabled() and x.__class__ is np.ndarray and m and n):
        return _by_numpy(a[:, : x.shape[1]], scales, zeros, packed, bias)
    y = memory.empty((m, n), FLOAT32)
    shift = packed.steps if bias is None else np.ascontiguousarray(bias, np.float32)
    arrays = a, scales, zeros, packed.panels, packed.steps, packed.sums, shift, y
    function, told = _plan("float", False, m, n, a.shape[1], bias is not None)
    function(*arrays, *told)
    return y


class Plan(NamedTuple):
    """What a product of bytes of some layouts needs to know.

    Attributes:
        shape: The result's.
        copied: Bytes of a row of the left operand's copy; None where it is read as it lies.
        raised: Is 128 added to the left operand's bytes, so that they have no sign?
        sums, zeros: What an offset of the left operand's bytes takes from each sum; None for sums of the right one.
        multiply, told: The kernel, and what it is told.
    """

    shape: tuple[int, int]
    copied: int | None
    raised: bool
    sums: Any
    zeros: Any
    multiply: Any
    told: tuple[Any, ...]


def product(x: Any, y: Any) -> Any:
    """x @ y for matrices of bytes, the left one's with or without a sign, as int32; NotImplemented without kernels."""
    if not (enabled() and x.__class__ is np.ndarray and y.__class__ is np.ndarray):
        return NotImplemented
    plan = _product_plan(x.dtype is INT8, x.flags.c_contiguous, x.shape, y.shape[1])
    if plan is None:
        return np.zeros((len(x), y.shape[1]), INT32)
    if plan.copied is not None:
        made = np.zeros((len(x), plan.copied), x.dtype)
        made[:, : x.shape[1]] = x
        x = made
    if plan.raised:
        x = x.view(UINT8) ^ RAISED
    sums = y.sum(0, dtype=INT32) if plan.sums is None else plan.sums
    result = memory.empty(plan.shape, INT32)
    plan.multiply(x, plan.zeros, plan.zeros, panels_of(y), sums, sums, sums, result, *plan.told)
    return result


@lru_cache(1024)
def _product_plan(signed: bool, lies: bool, shape: tuple[int, int], n: int) -> Plan | None:
    """For left operands of such a shape, which lie one row behind the other or not; None where there is nothing to do."""
    m, k = shape
    if not (m and n and k):
        return None
    width, tiled = padded(k), m >= LEAST_ROWS and amx.available("int8")
    raised = signed and not tiled
    zeros = np.full(m, 128 if raised else 0, INT32)
    function, told = _plan("i32", signed, m, n, width, False)
    sums = np.zeros(n, INT32) if tiled else None
    copied = None if lies and width == k else width
    return Plan((m, n), copied, raised, sums, zeros, function, told)


@lru_cache(1024)
def _plan(
    result: str, signed: bool, m: int, n: int, width: int, biased: bool
) -> tuple[Any, tuple[Any, ...]]:
    """The kernel, and what it is told beside operands; width: bytes of a left operand's row."""
    if m >= LEAST_ROWS and amx.available("int8"):
        return _tiles(result, signed, m, n, width, biased)
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
    weight = m * n * (width // 4)
    job = Job(rows=blocks * -(-m // height), length=1, weight=weight, divisible=False)
    numbers = Numbers(
        m=m, n=n, fours=width // 4, block=block, blocks=blocks, height=height, biased=biased
    )
    return multiplying(tile, result), (*job, *map(int, numbers))


def _tiles(
    result: str, signed: bool, m: int, n: int, width: int, biased: bool
) -> tuple[Any, tuple[Any, ...]]:
    from .int8_tiles import LANES, TileNumbers, multiplying

    rows, columns = 2 * amx.ROWS, 2 * LANES
    tall = min(m, max(rows, min(TALLEST, NEAR // width) // rows * rows))
    down = -(-m // tall)
    across = min(-(-n // columns), -(-ITEMS // down))
    pairs = -(-n // columns)
    block = -(-pairs // across) * columns
    blocks = -(-n // block)
    weight = m * n * (width // 4) // 16
    job = Job(rows=blocks * down, length=1, weight=weight, divisible=False)
    height = min(m, amx.ROWS)
    numbers = TileNumbers(
        m=m, n=n, fours=width // 4, row=width, height=height, block=block, blocks=blocks, tall=tall,
        biased=biased,
    )  # fmt: skip
    told = amx.configuration(height), *job, *map(int, numbers)
    return multiplying(result, signed), told


def _by_numpy(a: Any, scales: Any, zeros: Any, packed: Packed, bias: Any) -> Any:
    """The same with NumPy; sums of so many products of bytes are whole numbers in float64."""
    products = np.matmul(a.astype(np.float64), packed.weight.T.astype(np.float64))
    products -= zeros[:, None].astype(np.float64) * packed.sums
    y = products.astype(np.float32) * (scales[:, None] * packed.steps)
    return y if bias is None else y + bias.astype(np.float32)


__all__ = ["Packed", "linear", "product", "quantized_rows"]
