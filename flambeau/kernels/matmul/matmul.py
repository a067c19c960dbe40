"""Products of matrices and of stacks of them, as functions of arrays (`matmul_kernel` writes the code).

Everything that shapes and strides say is worked out once and kept in a `Plan`; a call makes the result
and hands the arrays over.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...formula.dimensions import broadcast_shapes
from ..elementary.half import FLOAT32, as_type
from ..llvm import BITS
from ..runtime import memory
from ..runtime.entry import Job
from ..runtime.process import machine
from . import few_rows, half, matmul_kernel
from .microkernel import INNER, PERIOD, WAYS, Shape, shapes
from .stack import starts

ELEMENTS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
BLOCK = 1024
"""Bytes of a column of the left operand that a block has at most."""
LEAST, LEAST_BIASED = 1 << 16, 1 << 11
"""Multiplications: fewer are quicker through NumPy, without a bias and with one. From 2^18 on OpenBLAS would
use its threads, which stall each other where a core is busy with something else."""
FLAT = 16
"""Rows of a result below which it is not worth it to turn a right operand for a small product."""
FAR = 96 * 4096
"""Bytes over which rows that are read together lie, from which on they need more pages than are at hand."""
LINE = 64
"""Bytes of a line of the cache."""
THIN, THIN_STEPS = 64, 32
"""Rows of a left operand up to which a right one is read where it lies, and the inner steps that are taken
together at least."""
FEWEST = 8
"""Rows and inner steps below which no left operand is packed."""
CROWDED_ROWS = 96
"""Rows from which on it pays to pack what meets in the same places of the cache."""
TURNED_LEFT, CROWDED_LEFT = 64, 512
"""Columns from which on it pays to pack a left operand too: one whose columns lie in memory, far apart, and one whose
rows meet in the same places of the cache."""
LEFT_COLUMNS, LEFT_ROWS = 512, 192
"""Columns of a block, of thin left operands and of those that are packed, and rows that the latter have at least."""
SECOND_CACHE = 3.5
"""Cycles in which the second cache gives a line."""
K_BLOCK, GROUP = 2048, 1 << 17
"""Bytes of a row of the left operand, and elements of the right one, that are packed at once where they are used."""
COPY = 3
"""Cycles in which an inner step of a left operand's tile is copied to its panel, for few rows and for many."""
TILE = 60
"""Cycles that a tile costs besides its arithmetic."""
LOAD, POINTERS = 0.08, 8
"""Cycles by which a load delays the multiply-adds beside it, and rows of a left operand whose places stay in registers
while it is read where it lies."""
ITEMS, MOST_ITEMS, SHARE = 16, 256, 1 << 22
"""Blocks that are wanted, so that threads have something to share: at least, at most, and the
multiplications of each."""
PACKED = 1 << 22
"""Elements of the right operand that are packed at once."""
STRETCH = 64
"""Inner steps that are packed together."""


def product(x: Any, y: Any, bias: Any = None) -> Any:
    """x @ y, plus a bias for the columns, for matrices or stacks of them whose leading dimensions
    broadcast.

    NotImplemented where NumPy is faster.
    """
    if type(x) is not np.ndarray or type(y) is not np.ndarray or x.dtype is not y.dtype:
        return NotImplemented
    x_shape, y_shape = x.shape, y.shape
    if x.itemsize == 2:
        return _of_halves(x, y, bias)
    if bias is None and x.size * y_shape[-1] < LEAST > y.size * x_shape[-2]:
        return NotImplemented
    found = plan(x.dtype, x_shape, x.strides, y_shape, y.strides)
    if found is None:
        return NotImplemented
    if bias is None:
        if found.work < LEAST:
            return NotImplemented
    elif found.work < LEAST_BIASED or bias.dtype is not x.dtype or bias.shape != y.shape[-1:]:
        return NotImplemented
    return run(found, x, y, memory.empty(found.shape, x.dtype), bias)


def added(x: Any, y: Any, start: Any) -> Any:
    """x @ y plus an array that is broadcast to it: a number a column is added as a bias, anything else
    is copied and added to.

    NotImplemented where NumPy is faster.
    """
    n = y.shape[-1]
    if start.size == n and start.shape[-1:] == (n,):
        return product(x, y, start.reshape(n))
    if type(x) is not np.ndarray or type(y) is not np.ndarray or x.dtype is not y.dtype:
        return NotImplemented
    found = plan(x.dtype, x.shape, x.strides, y.shape, y.strides)
    if found is None:
        return _of_halves(x, y, start)
    if found.work < LEAST_BIASED or start.dtype is not x.dtype:
        return NotImplemented
    result = memory.empty(found.shape, x.dtype)
    np.copyto(result, start)
    return run(found, x, y, result, None, True)


def _of_halves(x: Any, y: Any, start: Any) -> Any:
    """The same of half types: by what the processor has for them, or else in float32, rounded once."""
    found = half.product(x, y, start)
    if found is not NotImplemented or x.dtype.name not in half.BLOCKS:
        return found
    if start is not None and start.dtype is not x.dtype:
        return found
    wide = [None if a is None else as_type(a, FLOAT32) for a in (x, y, start)]
    found = product(*wide[:2]) if start is None else added(*wide)
    return found if found is NotImplemented else as_type(found, x.dtype)


def multiplied(x: Any, y: Any, result: Any, bias: Any = None, add: bool = False) -> Any:
    """Write x @ y into the result, or add it: with all leading dimensions; no size is 0. It is C-contiguous, or
    a matrix whose rows lie further apart."""
    apart = 0 if result.flags.c_contiguous else result.strides[0]
    found = plan(x.dtype, x.shape, x.strides, y.shape, y.strides, apart)
    assert found is not None
    return run(found, x, y, result, bias, add)


class Plan(NamedTuple):
    """All that a product needs to know besides its arrays.

    Attributes:
        shape: The result's.
        work: Multiplications, as `LEAST` counts them: 0 where NumPy is faster in any case.
        multiply: The kernel; None where an operand has to be copied first.
        facts: What it is given besides operands.
        told: What it is told, by whether it adds to the result and whether there is a bias.
        panels: Elements of packed right operands, if they are packed first.
        packing: What the kernel that packs them is told.
        begin: Where the right operands begin.
        inner: How much of the inner dimension is taken at once.
        tile: The form of the tiles.
    """

    shape: tuple[int, ...]
    work: int
    multiply: Callable[..., int] | None
    facts: Any
    told: tuple[tuple[tuple[int, ...], ...], ...]
    panels: int
    packing: tuple[int, ...]
    begin: Any
    inner: int
    tile: Any


def run(found: Plan, x: Any, y: Any, result: Any, bias: Any, add: bool = False) -> Any:
    """Compute by a plan."""
    if found.multiply is None or not (x.flags.aligned and y.flags.aligned):
        x, y = np.array(x, order="C", subok=False), np.array(y, order="C", subok=False)
        return multiplied(x, y, result, bias, add)
    biased = bias is not None
    if biased and bias.strides[0] != bias.itemsize:
        bias = np.ascontiguousarray(bias)
    k = x.shape[-1]
    if found.inner < k:
        for first in range(0, k, found.inner):
            part = slice(first, first + found.inner)
            multiplied(x[..., part], y[..., part, :], result, bias if not first else None,
                       add or first > 0)  # fmt: skip
        return result
    if found.panels:
        y = packed(found, y)
    found.multiply(x, y, result, bias if biased else x, found.facts, *found.told[add][biased])
    return result


def packed(found: Plan, y: Any) -> Any:
    """A right operand as panels."""
    panels = memory.empty(found.panels, y.dtype)
    matmul_kernel.packing(found.tile)(y, panels, found.begin, *found.packing)
    return panels


@lru_cache(4096)
def plan(
    dtype: Any, x_shape: tuple[int, ...], x_strides: tuple[int, ...],
    y_shape: tuple[int, ...], y_strides: tuple[int, ...], apart: int = 0,
) -> Plan | None:  # fmt: skip
    """How stacks of such shapes and strides are multiplied; None if they are not.

    Args:
        apart: Bytes from row to row of the result, where it is not contiguous.
    """
    element = ELEMENTS.get(dtype)
    if element is None or x_shape[-1] != y_shape[-2]:
        return None
    (m, k), n = x_shape[-2:], y_shape[-1]
    lead = broadcast_shapes(x_shape[:-2], y_shape[:-2])
    count, item = math.prod(lead), BITS[element] // 8
    one = m * k * n
    if not one * count:
        return None
    few = 2 * n < machine().bits // 8 // item
    flat = m < FLAT and y_strides[-1] != item and one * count < 1 << 18
    dots = not apart and x_strides[-1] == item == y_strides[-2] != y_strides[-1]
    dots = dots and few_rows.serves(m, k, flat)
    flat = flat and not dots
    work = 0 if few or flat else one * count
    whole = not any(stride % item for stride in (*x_strides, *y_strides))
    if not whole or item not in y_strides[-2:]:
        return Plan((*lead, m, n), work, None, None, (), 0, (), None, k, None)
    x_begin, begin = (
        starts(lead, shape, strides, item)
        for shape, strides in ((x_shape, x_strides), (y_shape, y_strides))
    )
    if dots:
        steps = x_strides[-2], y_strides[-1]
        return with_few_rows(element, (*lead, m, n), k, work, (x_begin, begin), steps)
    b_along, b_across = y_strides[-2] // item, y_strides[-1] // item
    a_across, a_along = x_strides[-2] // item, x_strides[-1] // item
    packing = how_packed((m, n, k), x_strides[-2:], y_strides[-2:], item)
    packs, packed, thin = packing > Packing.NONE, packing == Packing.BOTH, packing == Packing.THIN
    most = WAYS if crowds(x_strides[-2], WAYS + 1, 1) else 1 << 30
    tile = form(element, m, n, k, most, packing)
    panels = k * -(-n // tile.columns) * tile.columns
    # where several blocks of rows need the same panels, these are packed first
    first = packs and m > BLOCK // item and (count == 1 or count * panels <= PACKED)
    inner = k
    if first and panels > PACKED:
        inner = max(STRETCH, k // -(-panels // PACKED) // STRETCH * STRETCH)
    (block, blocks), (col_block, col_blocks) = parts(tile, (m, n, k), count, packing, first)
    right = (b_across, b_along, b_across * tile.columns)
    if first:
        right = (0, tile.columns, k * tile.columns)
    k_block = min(k, min(max(THIN_STEPS, 2 * m), 4 * THIN_STEPS) if thin else K_BLOCK // item)
    group = max(1, GROUP // (k_block * tile.columns)) * tile.columns
    group = min(group, col_block) if packs and not first else col_block
    left_space = block * k_block if packed else 0
    left_space = (-(-left_space // tile.lanes) + tile.rows) * tile.lanes
    right_space = k_block * (group if packs and not first else tile.columns)
    sizes = matmul_kernel.Sizes(
        m=m, n=n, k=k, c_across=apart // item or n, block=block, blocks=blocks, col_block=col_block, col_blocks=col_blocks,
        k_block=k_block, group=group, packs=packs and not first,
        short=not packs, a_across=a_across, a_along=a_along,
        b_across=right[0], b_along=right[1], b_panel=right[2], space=left_space + right_space,
        right=left_space, count=count,
    )  # fmt: skip
    facts = np.concatenate([
        np.array(sizes, np.int64), x_begin,
        np.arange(count) * panels if first else begin,
    ])  # fmt: skip
    job = Job(
        rows=count * blocks * col_blocks, length=1, weight=one * count // tile.lanes,
        divisible=False,
    )  # fmt: skip
    told = tuple(
        tuple((*job, *matmul_kernel.Numbers(add=add, biased=biased)) for biased in (False, True))
        for add in (False, True)
    )
    told_first = told_of_packing(begin.size, panels, (n, k), b_across, b_along)
    return Plan(
        (*lead, m, n), work, matmul_kernel.multiplying(tile, packed), facts, told,
        panels * begin.size * first, told_first, begin, inner, tile,
    )  # fmt: skip


def with_few_rows(
    element: str, shape: tuple[int, ...], k: int, work: int, begins: tuple[Any, Any],
    strides: tuple[int, int],
) -> Plan:  # fmt: skip
    """How few rows are multiplied with columns that lie in memory.

    Args:
        shape: The result's.
        begins: Where the operands of each product begin.
        strides: Bytes from row to row of the left operand, and from column to column of the right one.
    """
    (m, n), (across, column) = shape[-2:], strides
    bits, item, count = machine().bits, BITS[element] // 8, len(begins[0])
    blocks = -(-n // few_rows.COLUMNS)
    weight = count * m * n * k * BITS[element] // bits
    job = Job(rows=count * blocks, length=1, weight=weight, divisible=False)
    numbers = few_rows.Numbers(
        count=count, blocks=blocks, m=m, n=n, k=k, across=across // item, column=column // item,
        add=False, biased=False,
    )  # fmt: skip
    told = tuple(
        tuple((*job, *numbers._replace(add=add, biased=biased)) for biased in (False, True))
        for add in (False, True)
    )
    multiply = few_rows.multiplying(element, bits, few_rows.together(m, bits))
    return Plan(shape, work, multiply, np.concatenate(begins), told, 0, (), None, k, None)


def crowds(apart: int, rows: int, lines: int) -> bool:
    """Do so many rows, of which each has some lines side by side, fill the first cache's places that they reach?

    Args:
        apart: Bytes between the rows: those of a power of two leave most of the cache's places unused.
    """
    if not apart:
        return False
    reached = min(PERIOD // LINE, PERIOD // math.gcd(apart, PERIOD) * lines)
    return rows * lines >= reached * WAYS


class Packing(IntEnum):
    """What is packed of a product's operands."""

    THIN, NONE, RIGHT, BOTH = range(-1, 3)


def how_packed(
    sizes: tuple[int, int, int], x_strides: tuple[int, ...], y_strides: tuple[int, ...], item: int
) -> Packing:
    """What is packed: what lies so that reading it again and again costs more than a copy.

    A thin left operand meets each element of the right one so seldom that a copy is not worth it. There
    the inner dimension is taken in short steps, so that the rows of the right operand are read from their
    start to their end, and what is summed so far stays in the caches.
    """
    (m, n, k), (across, along) = sizes, x_strides
    rows = min(k, INNER)
    scattered = 2 * rows * abs(along) >= FAR or crowds(along, rows - 1, 1)
    if across == item != along and n >= TURNED_LEFT and min(m, k) >= FEWEST and scattered:
        return Packing.BOTH
    full = along == item and crowds(across, WAYS, rows * item // LINE)
    if full and n >= CROWDED_LEFT and m >= CROWDED_ROWS:
        return Packing.BOTH
    if y_strides[1] != item:
        return Packing.RIGHT
    far = rows * abs(y_strides[0]) >= FAR
    if m <= THIN and far:
        return Packing.THIN
    crowded = m >= CROWDED_ROWS and crowds(y_strides[0], rows, 2)
    return Packing.RIGHT if m > THIN and (far or crowded) else Packing.NONE


@lru_cache(4096)
def form(
    element: str, m: int, n: int, k: int, most: int = 1 << 30, packing: Packing = Packing.RIGHT
) -> Shape:
    """The form of tile that takes the least time for a product of such sizes, about, in cycles.

    Args:
        most: Rows that a tile may have.
        packing: Rows of left operands are packed by powers of two, no more than lanes; what is not packed of
            right ones comes from the second cache.
    """

    def cycles(rows: int, vectors: int) -> float:
        """Of a tile: two multiply-adds and two loads at a time, each of which others wait 4 cycles for."""
        step = max(rows * vectors / 2, (rows + vectors + 1) / 2, 4, lines * vectors)
        step += LOAD * (rows + vectors + max(0, rows - POINTERS) * (packing < Packing.BOTH))
        return k * step + -(-k // INNER) * (TILE + 2 * rows * vectors)

    def all_cycles(shape: Shape) -> float:
        whole, rest = divmod(n, shape.columns)
        row = whole * cycles(shape.rows, shape.vectors)
        if rest:
            row += cycles(shape.rows, -(-rest // shape.lanes))
        copied = k * COPY if packing == Packing.BOTH else 0
        return -(-m // shape.rows) * (row + copied)

    found = shapes(element, machine().bits)
    lines = SECOND_CACHE if packing <= Packing.NONE else 0
    if packing == Packing.BOTH:
        found = [s for s in found if s.rows <= s.lanes and not s.rows & (s.rows - 1)]
    return min((s for s in found if s.rows <= most), key=all_cycles)


@lru_cache(1024)
def told_of_packing(
    count: int, panels: int, sizes: tuple[int, int], across: int, along: int
) -> tuple[int, ...]:
    """What the kernel that packs is told: `count` operands of so many elements, about."""
    n, k = sizes
    job = Job(rows=count * -(-k // STRETCH), length=1, weight=count * panels, divisible=False)
    numbers = matmul_kernel.PackNumbers(n=n, k=k, across=across, along=along, block=STRETCH)
    return *job, *numbers


def parts(
    shape: Shape, sizes: tuple[int, int, int], count: int, packing: Packing, first: bool
) -> tuple[tuple, tuple]:
    """Each of `count` results cut into blocks of rows and of columns: how large, and how many.

    A right operand that each block packs is packed for each block of rows, so it is cut along its
    columns first. One that was packed before is best shared by long blocks of rows.
    """
    m, n, k = sizes
    most = BLOCK // shape.item
    wanted = -(-max(ITEMS, min(MOST_ITEMS, count * m * n * k // SHARE)) // count)
    panels = -(-n // shape.columns)
    if packing == Packing.BOTH:
        across = max(1, n // LEFT_COLUMNS)
        down = max(-(-m // most), min(-(-wanted // across), m // LEFT_ROWS), 1)
    elif packing == Packing.THIN:
        across, down = max(1, n // LEFT_COLUMNS), 1
    elif packing == Packing.RIGHT and not first:
        across = min(panels, wanted)
        down = min(-(-m // (most // 2)), -(-wanted // across))
    else:
        least = -(-m // most)
        down = least if first else max(least, min(wanted, m // (4 * shape.rows)))
        across = min(panels, -(-wanted // down))
    block = -(-m // max(down, 1) // shape.rows) * shape.rows
    col_block = -(-panels // across) * shape.columns
    return (block, -(-m // block)), (col_block, -(-n // col_block))
