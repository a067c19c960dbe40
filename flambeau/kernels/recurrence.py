"""Recurrent layers as functions of arrays: all steps of a sequence, and back.

The rows of a batch do not depend on each other, so threads share blocks of them, and each walks its block
through the whole sequence (`recurrence_kernel` writes the code).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from . import memory, product_kernel, recurrence_kernel
from .process import machine
from .product import ELEMENTS, STRETCH
from .recurrence_kernel import Cell
from .tile import Shape, fitting

BLOCK, BLOCKS = 8, 8
"""Rows of a block at least, and how many blocks are wanted."""


def forward(cell: Cell, x: Any, w: Any, b: Any, h: Any, c: Any) -> Any:
    """The states (time + 1, batch, hidden) from the first on, the cells likewise, and the gates.

    Args:
        cell: What a step computes.
        x: (time, batch, gates * hidden), what the input gives to the gates.
        w, b: (gates * hidden, hidden) and (gates * hidden) or None, for the state.
        h, c: The first state (batch, hidden), and the first cell or None.
    """
    if not serves(x, w, b, h, c):
        return NotImplemented
    time, batch, wide = x.shape
    width = h.shape[-1]
    x = near(x)
    gates = memory.empty((time, batch, wide), x.dtype)
    states = memory.empty((time + 1, batch, width), x.dtype)
    states[0] = h
    cells = states
    if c is not None:
        cells = memory.empty(states.shape, x.dtype)
        cells[0] = c
    block = rows_of_block(batch)
    tile = fitting(ELEMENTS[x.dtype], machine().bits, block, wide)
    item = x.itemsize
    recurrence_kernel.forward(cell, tile)(
        x, panels(w.T, tile), states if b is None else near(b), states, cells, gates,
        offsets(width, tile.columns), -(-batch // block), 1, work(x, width, tile), 0,
        time, batch, width, block, x.strides[0] // item, x.strides[1] // item, b is not None,
    )  # fmt: skip
    return states, cells[:0] if c is None else cells, gates


def backward(
    cell: Cell, given: Any, last: Any, gates: Any, x: Any, states: Any, cells: Any, w: Any
) -> Any:
    """The slopes of the gates, of the input's gates where those are apart, of the first state and cell.

    Args:
        given: The slopes of the states after each step, or None.
        last: The slopes of the last cell, or None.
        gates, states, cells: What `forward` gave.
        x: What it was given, where the cell looks at it apart.
    """
    if not serves(gates, w, given, last):
        return NotImplemented
    time, batch, wide = gates.shape
    width = states.shape[-1]
    slopes = memory.empty(gates.shape, gates.dtype)
    others = memory.empty(gates.shape, gates.dtype) if cell.apart else slopes
    gh = np.zeros((batch, width), gates.dtype)
    gc = np.zeros_like(gh) if last is None else np.array(last, order="C")
    block = rows_of_block(batch)
    tile = fitting(ELEMENTS[gates.dtype], machine().bits, block, width)
    steps = (0, 0)
    if given is not None:
        given = near(given)
        steps = given.strides[0] // given.itemsize, given.strides[1] // given.itemsize
    recurrence_kernel.backward(cell, tile)(
        gh if given is None else given, panels(w, tile), near(x) if cell.apart else gates,
        np.ascontiguousarray(states), np.ascontiguousarray(cells) if cell.lasting else states,
        np.ascontiguousarray(gates), slopes, others, gh, gc, offsets(wide, tile.columns),
        -(-batch // block), 1, 2 * work(gates, width, tile), 0,
        time, batch, width, block, *steps, *apart_steps(cell, x), given is not None,
    )  # fmt: skip
    return slopes, others if cell.apart else None, gh, gc


def serves(first: Any, w: Any, *others: Any) -> bool:
    """Are these what the kernels are made for? None stands for an operand that is not there."""
    dtype = first.dtype
    return (
        dtype in ELEMENTS
        and bool(first.size)
        and all(
            v is None or (type(v) is np.ndarray and v.dtype == dtype) for v in (first, w, *others)
        )
    )


def near(x: Any) -> Any:
    """The array, or a copy if the elements of its last dimension are not side by side."""
    item = x.itemsize
    fits = x.strides[-1] == item and not any(stride % item for stride in x.strides)
    return x if fits and x.flags.aligned else np.array(x, order="C", subok=False)


def apart_steps(cell: Cell, x: Any) -> tuple[int, int]:
    if not cell.apart:
        return 0, 0
    x = near(x)
    return x.strides[0] // x.itemsize, x.strides[1] // x.itemsize


def rows_of_block(batch: int) -> int:
    return max(BLOCK, -(-batch // BLOCKS))


def work(x: Any, width: int, tile: Shape) -> int:
    """About how many elementary steps there are."""
    return int(x.size * (width + 64) // tile.lanes)


def panels(w: Any, tile: Shape) -> Any:
    """A right operand (inner, columns), packed."""
    w = w if w.itemsize in w.strides and w.flags.aligned else np.ascontiguousarray(w)
    k, n = w.shape
    made = memory.empty(-(-n // tile.columns) * tile.columns * k, w.dtype)
    along, across = w.strides[0] // w.itemsize, w.strides[1] // w.itemsize
    product_kernel.packing(tile)(
        w, made, offsets(1, 0), -(-k // STRETCH), 1, k * n, 0, n, k, across, along, STRETCH
    )
    return made


@lru_cache(256)
def offsets(count: int, columns: int) -> Any:
    """Where the rows of a packed panel begin."""
    return np.arange(count, dtype=np.int64) * columns
