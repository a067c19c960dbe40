"""Recurrent layers as functions of device arrays: all steps of a sequence, and back.

A step is two launches: the product of the state and the weight by cuBLAS, and the cell, fused.
"""

from __future__ import annotations

from typing import Any

from .. import driver
from ..array.copy import copy_into, in_order
from ..array.launch import THREADS, blocks
from ..floats import ELEMENTS
from ..matmul.matmul import multiply
from . import rnn_kernel
from .rnn_kernel import Numbers


def serves(first: Any, *others: Any) -> bool:
    """Are these what the kernels are made for? None stands for an operand that is not there."""
    return (
        first.dtype.name in ELEMENTS
        and first.size > 0
        and all(v is None or v.dtype == first.dtype for v in others)
    )


def forward(cell: Any, backwards: bool, x: Any, w: Any, b: Any, h: Any, c: Any) -> Any:
    """The states (time + 1, batch, hidden) from the first on, the cells likewise, and the gates.

    Args:
        cell: What a step computes: `flambeau.kernels.nn.rnn_cell.Cell`.
        backwards: Is the last step the first one? Then the first state is the last of the states.
        x: (time, batch, gates * hidden), what the input gives to the gates.
        w, b: (gates * hidden, hidden) and (gates * hidden) or None, for the state.
        h, c: The first state (batch, hidden), and the first cell or None.
    """
    if not serves(x, w, b, h, c):
        return NotImplemented
    if backwards:
        return tuple([in_order(v[::-1]) for v in forward(cell, False, x[::-1], w, b, h, c)])
    xp, dtype = driver.cupy(), x.dtype
    time, batch, wide = x.shape
    width = h.shape[-1]
    x, bias = _near(x), x if b is None else in_order(b)
    gates = xp.empty((time, batch, wide), dtype)
    states = xp.empty((time + 1, batch, width), dtype)
    copy_into(states[0], h)
    cells = states
    if c is not None:
        cells = xp.empty(states.shape, dtype)
        copy_into(cells[0], c)
    step = rnn_kernel.forward(cell, ELEMENTS[dtype.name], b is not None)
    turned, grid = w.T, blocks(batch * width)
    for t in range(time):
        multiply(states[t], turned, gates[t])
        numbers = Numbers(t, batch, width, *_steps(x), 0, 0)
        step(grid, THREADS, x, bias, gates, states, cells, *numbers)
    return states, cells[:0] if c is None else cells, gates


def backward(
    cell: Any, backwards: bool, given: Any, last: Any, gates: Any, x: Any, states: Any, cells: Any, w: Any
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
    if backwards:
        arrives = None if given is None else given[::-1]
        gates, x, states, cells = (v[::-1] for v in (gates, x, states, cells))
        slopes, others, *first = backward(cell, False, arrives, last, gates, x, states, cells, w)
        return in_order(slopes[::-1]), None if others is None else in_order(others[::-1]), *first
    xp, dtype = driver.cupy(), gates.dtype
    time, batch, _ = gates.shape
    width = states.shape[-1]
    gates, states = in_order(gates), in_order(states)
    cells = in_order(cells) if cell.lasting else states
    slopes = xp.empty(gates.shape, dtype)
    others = xp.empty(gates.shape, dtype) if cell.apart else slopes
    gh = xp.zeros((batch, width), dtype)
    gc = xp.zeros_like(gh)
    if last is not None:
        copy_into(gc, last)
    arrives = given is not None
    given = _near(given) if arrives else gh
    x = _near(x) if cell.apart else gates
    step = rnn_kernel.backward(cell, ELEMENTS[dtype.name], arrives)
    grid, strides = blocks(batch * width), (*_steps(x), *(_steps(given) if arrives else (0, 0)))
    for t in range(time - 1, -1, -1):
        arrays = given, gates, x, states, cells, slopes, others, gh, gc
        step(grid, THREADS, *arrays, *Numbers(t, batch, width, *strides))
        multiply(slopes[t], w, gh, add=cell.apart)
    return slopes, others if cell.apart else None, gh, gc


def _near(x: Any) -> Any:
    """The array, or a copy if the elements of its last dimension are not side by side."""
    return x if x.strides[-1] == x.itemsize else in_order(x)


def _steps(x: Any) -> tuple[int, int]:
    """Elements from step to step of time, and from row to row of the batch."""
    return x.strides[0] // x.itemsize, x.strides[1] // x.itemsize


__all__ = ["backward", "forward"]
