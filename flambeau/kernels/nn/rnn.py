"""Recurrent layers as functions of arrays: all steps of a sequence, and back.

The rows of a batch do not depend on each other, so threads share blocks of them, and each walks its block
through the whole sequence (`rnn_kernel` writes the code).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..matmul import matmul_kernel
from ..matmul.matmul import ELEMENTS, told_of_packing
from ..matmul.microkernel import Shape, fitting
from ..runtime import memory
from ..runtime.entry import Job
from ..runtime.process import machine
from . import rnn_kernel
from .rnn_cell import Cell

BLOCK, BLOCKS = 8, 8
"""Rows of a block at least, and how many blocks are wanted."""


def forward(cell: Cell, backwards: bool, x: Any, w: Any, b: Any, h: Any, c: Any) -> Any:
    """The states (time + 1, batch, hidden) from the first on, the cells likewise, and the gates.

    Args:
        cell: What a step computes.
        backwards: Is the last step the first one? Then the first state is the last of the states.
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
    first = time if backwards else 0
    states[first] = h
    cells = states
    if c is not None:
        cells = memory.empty(states.shape, x.dtype)
        cells[first] = c
    from_x, *walked = in_turn(backwards, x, states, cells, gates)
    tile, integers = _forward_plan(
        x.dtype, x.shape, width, steps_of(from_x), b is not None, backwards
    )
    arrays = rnn_kernel.ForwardArrays(
        from_x, panels(w.T, tile), states if b is None else near(b), *walked,
        offsets=offsets(width, tile.columns),
    )  # fmt: skip
    rnn_kernel.forward(cell, tile)(*arrays, *integers)
    return states, cells[:0] if c is None else cells, gates


@lru_cache(1024)
def _forward_plan(
    dtype: Any, shape: tuple[int, int, int], width: int, steps: tuple[int, int], biased: bool,
    backwards: bool,
) -> tuple[Shape, tuple[int, ...]]:  # fmt: skip
    """The tile, and what the pool and the kernel are told."""
    (time, batch, wide), (x_time, x_batch) = shape, steps
    block = rows_of_block(batch)
    tile = fitting(ELEMENTS[dtype], machine().bits, min(batch, block), wide)
    weight = work(time * batch * wide, width, tile)
    job = Job(rows=-(-batch // block), length=1, weight=weight, divisible=False)
    numbers = rnn_kernel.ForwardNumbers(
        time=time, batch=batch, turn=-batch if backwards else batch, width=width, block=block,
        x_time=x_time, x_batch=x_batch, biased=biased,
    )  # fmt: skip
    return tile, (*job, *numbers)


def backward(
    cell: Cell, backwards: bool, given: Any, last: Any, gates: Any, x: Any, states: Any, cells: Any,
    w: Any,
) -> Any:  # fmt: skip
    """The slopes of the gates, of the input's gates where those are apart, of the first state and cell.

    Args:
        backwards: As `forward` was told.
        given: The slopes of the states after each step, or None.
        last: The slopes of the last cell, or None.
        gates, states, cells: What `forward` gave.
        x: What it was given, where the cell looks at it apart.
    """
    if not serves(gates, w, given, last):
        return NotImplemented
    batch, wide = gates.shape[1:]
    width = states.shape[-1]
    slopes = memory.empty(gates.shape, gates.dtype)
    others = memory.empty(gates.shape, gates.dtype) if cell.apart else slopes
    gh = np.zeros((batch, width), gates.dtype)
    gc = np.zeros_like(gh) if last is None else np.array(last, order="C")
    arrives = given is not None
    given, x, states, cells, gates, *made = in_turn(
        backwards, near(given) if arrives else gh[None], near(x) if cell.apart else gates,
        *map(np.ascontiguousarray, (states, cells if cell.lasting else states, gates)), slopes, others,
    )  # fmt: skip
    tile, integers = _backward_plan(
        gates.dtype, gates.shape, width, steps_of(given) if arrives else None,
        steps_of(x) if cell.apart else (0, 0), backwards,
    )  # fmt: skip
    arrays = rnn_kernel.BackwardArrays(
        given, panels(w, tile), x, states, cells, gates, *made, gh=gh, gc=gc,
        offsets=offsets(wide, tile.columns),
    )  # fmt: skip
    rnn_kernel.backward(cell, tile)(*arrays, *integers)
    return slopes, others if cell.apart else None, gh, gc


@lru_cache(1024)
def _backward_plan(
    dtype: Any, shape: tuple[int, int, int], width: int, given: tuple[int, int] | None,
    x: tuple[int, int], backwards: bool,
) -> tuple[Shape, tuple[int, ...]]:  # fmt: skip
    """The tile, and what the pool and the kernel are told; `given` and `x` are the steps of those arrays."""
    time, batch, wide = shape
    block = rows_of_block(batch)
    tile = fitting(ELEMENTS[dtype], machine().bits, min(batch, block), width)
    weight = 2 * work(time * batch * wide, width, tile)
    job = Job(rows=-(-batch // block), length=1, weight=weight, divisible=False)
    given_time, given_batch = given or (0, 0)
    numbers = rnn_kernel.BackwardNumbers(
        time=time, batch=batch, turn=-batch if backwards else batch, width=width, block=block,
        given_time=given_time, given_batch=given_batch, x_time=x[0], x_batch=x[1], arrives=given is not None,
    )  # fmt: skip
    return tile, (*job, *numbers)


def in_turn(backwards: bool, *arrays: Any) -> list[Any]:
    """Arrays whose first dimension is walked from its end, if so, without a copy."""
    return [v[::-1] for v in arrays] if backwards else [*arrays]


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


def steps_of(x: Any) -> tuple[int, int]:
    """Elements from step to step of time, and from row to row of the batch."""
    return x.strides[0] // x.itemsize, x.strides[1] // x.itemsize


def rows_of_block(batch: int) -> int:
    return max(BLOCK, -(-batch // BLOCKS))


def work(size: int, width: int, tile: Shape) -> int:
    """About how many elementary steps there are, for so many elements of gates."""
    return size * (width + 64) // tile.lanes


def panels(w: Any, tile: Shape) -> Any:
    """A right operand (inner, columns), packed."""
    w = w if w.itemsize in w.strides and w.flags.aligned else np.ascontiguousarray(w)
    k, n = w.shape
    made = memory.empty(-(-n // tile.columns) * tile.columns * k, w.dtype)
    along, across = steps_of(w)
    told = told_of_packing(1, n * k, (n, k), across, along)
    matmul_kernel.packing(tile)(w, made, offsets(1, 0), *told)
    return made


@lru_cache(256)
def offsets(count: int, columns: int) -> Any:
    """Where the rows of a packed panel begin."""
    return np.arange(count, dtype=np.int64) * columns
