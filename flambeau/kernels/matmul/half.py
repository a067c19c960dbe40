"""Products of half types, as functions of arrays: sums of float32, rounded once (`half_kernel` writes the code)."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...formula.dimensions import broadcast_shapes
from ..runtime import memory
from ..runtime.entry import Job
from . import amx, half_few, half_kernel
from .half_few import Few
from .half_kernel import LANES, STEP
from .half_pack import BLOCKS, GROUP, PackNumbers, block_bytes, packing
from .stack import starts

BLOCK = 512
"""Rows of the left operand that a block has at most."""
NEAR, PACKED = 1 << 20, 1 << 17
"""Bytes of a right operand that blocks of rows share, and that a single one packs: they should stay in the second cache."""
ITEMS, MOST_ITEMS, SHARE = 8, 256, 1 << 26
"""Blocks that are wanted, so that threads have something to share: at least, at most, and the multiplications of each."""
ALONE, WEIGHT = 1 << 22, 1 << 8
"""Multiplications that are not worth sharing, and how many count as one step."""
BYTE = np.dtype(np.uint8)
LINE, AGAIN = 64, 512
"""Left operands whose rows do not begin with a line of the cache, of so many bytes, are packed if they are read for so many
columns: each row of a tile would take two lines."""
ITEM = 2
"""Bytes of a number."""


class Packing(NamedTuple):
    """How an operand is packed before.

    Attributes:
        size: Bytes of all panels.
        function, begin, told: The kernel, where the operands begin, and what else it is told.
    """

    size: int
    function: Callable[..., int]
    begin: Any
    told: tuple[int, ...]


class Plan(NamedTuple):
    """All that a product needs to know besides its arrays.

    Attributes:
        shape: The result's.
        turned: Is the right operand the kernel's left one?
        copied: Which operands have to be copied first, since neither dimension's numbers lie side by side.
        left, right: How they are packed before, if they are.
        multiply: The kernel.
        facts: What it is given besides operands.
        job: What the pool is told.
        plain: The same and the kernel's numbers, where nothing is added.
        few: How few rows or columns are multiplied instead.
    """

    shape: tuple[int, ...]
    turned: bool
    copied: tuple[bool, bool]
    left: Packing | None
    right: Packing | None
    multiply: Callable[..., int]
    facts: Any
    job: tuple[int, ...]
    plain: tuple[int, ...]
    few: Few | None = None


def product(x: Any, y: Any, start: Any = None) -> Any:
    """x @ y, plus what is broadcast to it, for matrices or stacks of them whose leading dimensions broadcast.

    NotImplemented where there are no tiles for more than a few rows or columns, or something is not finite in float16.
    """
    if type(x) is not np.ndarray or type(y) is not np.ndarray or x.dtype is not y.dtype:
        return NotImplemented
    found = plan(x.dtype, x.shape, x.strides, y.shape, y.strides)
    if found is None:
        return NotImplemented
    if found.copied[0] or found.copied[1]:
        x, y = (
            np.array(v, order="C", subok=False) if c else v for v, c in zip((x, y), found.copied)
        )
        return product(x, y, start)
    told, added, row, item = found.plain, None, 0, 0
    if start is not None:
        if start.dtype is not x.dtype:
            return NotImplemented
        added, row, item = laid_out(start, found.shape)
        told = (*found.job, 1, row, item)
    result = memory.empty(found.shape, x.dtype)
    if found.few is not None:
        found.few.run(x, y, result, added, (row, item))
        return result
    a, b = (y, x) if found.turned else (x, y)
    if found.left is not None:
        a = _panels(found.left, a)
    if found.right is not None:
        b = _panels(found.right, b)
    if a is None or b is None:
        return NotImplemented
    if found.multiply(a, b, result, result if added is None else added, found.facts, *told):
        return NotImplemented
    return result


def _panels(how: Packing, given: Any) -> Any:
    """An operand as panels; None where a number has no sum of two parts."""
    panels = memory.empty((how.size,), BYTE)
    return None if how.function(given, panels, how.begin, *how.told) else panels


def laid_out(start: Any, shape: tuple[int, ...]) -> tuple[Any, int, int]:
    """A start whose rows lie side by side, and its steps from row to row and from result to result."""
    n = shape[-1]
    if start.size == n and start.shape[-1:] == (n,):
        return np.ascontiguousarray(start), 0, 0
    start = np.ascontiguousarray(np.broadcast_to(start, shape))
    return start, n, shape[-2] * n


class Operand(NamedTuple):
    """A stack of operands, seen so that their inner dimension is the second.

    Attributes:
        rows, inner: Sizes.
        row_step, inner_step: In bytes.
        begin: Where each of the product's begins, in bytes.
        own: Where each that is in memory begins, and which of them each product takes.
    """

    rows: int
    inner: int
    row_step: int
    inner_step: int
    begin: Any
    own: tuple[Any, Any]

    @property
    def is_near(self) -> bool:
        return self.inner_step == ITEM

    @property
    def is_apart(self) -> bool:
        """Are neither rows nor inner numbers side by side?"""
        return not (self.is_near or self.rows == 1 or self.row_step == ITEM)


def operand(lead: tuple[int, ...], shape: tuple[int, ...], strides: tuple[int, ...]) -> Operand:
    """Of a stack (..., rows, inner), broadcast to leading dimensions."""
    begin = starts(lead, shape, strides, 1)
    own, which = np.unique(begin, return_inverse=True)
    (rows, inner), (row_step, inner_step) = shape[-2:], strides[-2:]
    return Operand(rows, inner, row_step, ITEM if inner == 1 else inner_step, begin, (own, which))


@lru_cache(4096)
def plan(
    dtype: Any, x_shape: tuple[int, ...], x_strides: tuple[int, ...],
    y_shape: tuple[int, ...], y_strides: tuple[int, ...],
) -> Plan | None:  # fmt: skip
    """How stacks of such shapes and strides are multiplied; None if they are not."""
    element = dtype.name
    if element not in BLOCKS or x_shape[-1] != y_shape[-2]:
        return None
    lead = broadcast_shapes(x_shape[:-2], y_shape[:-2])
    shape = (*lead, x_shape[-2], y_shape[-1])
    if not math.prod(shape) * x_shape[-1]:
        return None
    x = operand(lead, x_shape, x_strides)
    y = operand(lead, *((*v[:-2], v[-1], v[-2]) for v in (y_shape, y_strides)))
    if (x.is_apart or y.is_apart) and amx.available():
        return Plan(shape, False, (x.is_apart, y.is_apart), None, None, _nothing, None, (), ())
    if element == "float16" or not amx.available():
        turned = y.rows < x.rows
        few = half_few.plan(element, shape, turned, *((y, x) if turned else (x, y)))
        if few is not None:
            return Plan(shape, turned, (False, False), None, None, _nothing, None, (), (), few)
        if not amx.available():
            return None
    # The left operand is read where it lies if it can be; of two that can, the longer.
    turned = x.rows < y.rows
    if element == "bfloat16" and x.is_near != y.is_near:
        turned = y.is_near
    left, right = (y, x) if turned else (x, y)
    return _planned(element, shape, turned, left, right)


def _nothing(*given: Any) -> int:
    raise AssertionError("operands are copied first")


def _planned(
    element: str, shape: tuple[int, ...], turned: bool, left: Operand, right: Operand
) -> Plan:
    m, n, k, count = left.rows, right.rows, left.inner, len(left.begin)
    size, blocks_inner = block_bytes(element, LANES), -(-k // STEP)
    height = min(m, LANES)
    in_place = element == "bfloat16" and left.is_near and (left.row_step % LINE == 0 or n < AGAIN)
    (block, blocks), (col_block, col_blocks) = parts(m, n, k, count, ITEM * BLOCKS[element])
    packs = blocks == 1
    left_begin, left_packing = left.begin, None
    if not in_place:
        left_packing, left_begin = packed(element, left, True)
    right_begin, right_packing = right.begin, None
    if not packs:
        right_packing, right_begin = packed(element, right, False)
    sizes = half_kernel.Sizes(
        m=m, n=n, k=k, height=height, block=block, blocks=blocks, col_block=col_block,
        col_blocks=col_blocks, packs=packs, right_row=right.row_step, right_inner=right.inner_step,
        left_row=left.row_step if in_place else amx.BYTES,
        left_step=amx.BYTES if in_place else size,
        left_tile=0 if in_place else size * blocks_inner,
        steps=k // STEP if in_place else blocks_inner, tail=k % STEP if in_place else 0,
        turned=turned, wide=shape[-1], whole=m * n, count=count,
    )  # fmt: skip
    facts = np.concatenate(
        [amx.configuration(height), np.array(sizes, np.int64), left_begin, right_begin]
    )
    work = count * m * n * k
    weight = work // WEIGHT if work > ALONE else 1
    job = Job(rows=count * blocks * col_blocks, length=1, weight=weight, divisible=False)
    return Plan(
        shape, turned, (False, False), left_packing, right_packing,
        half_kernel.multiplying(element), facts, tuple(map(int, job)),
        (*map(int, job), *half_kernel.Numbers(started=0, start_row=0, start_item=0)),
    )  # fmt: skip


def packed(
    element: str, given: Operand, is_left: bool, multiple: int = 1, watches: bool = False
) -> tuple[Packing, Any]:
    """How a stack of operands is packed before, each in a multiple of so many panels, and where each product's begin."""
    own, which = given.own
    panels, panel = -(-given.rows // LANES), panel_bytes(element, given.inner)
    panels = -(-panels // multiple) * multiple
    last = given.rows - min(given.rows, LANES) if is_left else given.rows
    weight = len(own) * given.rows * given.inner // 8
    job = Job(rows=len(own) * -(-panels // GROUP), length=1, weight=weight, divisible=False)
    numbers = PackNumbers(
        rows=given.rows, inner=given.inner, panels=panels, row_step=given.row_step,
        inner_step=given.inner_step, size=panel, last=last,
    )  # fmt: skip
    told = tuple(map(int, (*job, *numbers)))
    how = Packing(len(own) * panels * panel, packing(element, is_left, LANES, watches), own, told)
    return how, which.reshape(-1).astype(np.int64) * (panels * panel)


def panel_bytes(element: str, inner: int) -> int:
    return -(-inner // STEP) * block_bytes(element, LANES)


def parts(m: int, n: int, k: int, count: int, item: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Each of `count` results cut into blocks of rows and of columns: how large, and how many.

    Blocks of rows that follow each other meet the same columns. Where there is one block of rows, it packs its columns.

    Args:
        item: Bytes of a number in a panel.
    """
    pair, work = 2 * LANES, count * m * n * k
    items = 1 if work <= ALONE else max(ITEMS, min(MOST_ITEMS, work // SHARE))
    across = -(-n * k * item // NEAR)
    down = max(-(-m // BLOCK), min(-(-m // pair), -(-items // (count * across))))
    if down == 1:
        across = max(-(-n * k * item // PACKED), min(-(-n // pair), -(-items // count)))
    block, col_block = (
        -(-size // number // pair) * pair for size, number in ((m, down), (n, across))
    )
    return (block, -(-m // block)), (col_block, -(-n // col_block))
