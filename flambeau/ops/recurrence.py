"""A recurrent layer over a whole sequence as one operation.

Each step is one matrix product, of the state and weight_hh, and one kernel: the cell, a formula of gates whose
gradient is derived. The loop runs on arrays; nothing is recorded inside. Gates lie as (time, gate, batch,
hidden), so that each gate of a step is one piece of memory.

A gradient that is to be differentiated again is taken of the steps one by one (`unrolled`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from ..autograd.gradient import grad
from ..core.device import CPU
from ..core.dtype import BY_NUMPY
from ..core.kind import kind_of
from ..core.tensor import Tensor, wrap
from ..formula import primitive as p
from ..formula.expression import Expression
from .activation import relu
from .contraction import linear
from .define import pointwise
from .rule import operation
from .structure import stack


def cell(formula: Any) -> Any:
    """Decorator: an operation of the gates and the state."""
    return pointwise(formula, method=False, inplace=False, namespace="")


@cell
def tanh_cell(a: Expression) -> Expression:
    """The next state of an RNN."""
    return p.tanh(a)


@cell
def relu_cell(a: Expression) -> Expression:
    """The same with relu."""
    return relu.operation.formula(a)


@cell
def lstm_cell(
    i: Expression, f: Expression, g: Expression, o: Expression, c: Expression
) -> tuple[Expression, Expression]:
    """The next state of an LSTM, and its next cell."""
    kept = p.sigmoid(f) * c + p.sigmoid(i) * p.tanh(g)
    return p.sigmoid(o) * p.tanh(kept), kept


@cell
def gru_cell(
    xr: Expression, xz: Expression, xn: Expression,
    hr: Expression, hz: Expression, hn: Expression, h: Expression,
) -> Expression:  # fmt: skip
    """The next state of a GRU, whose gates look at what the state gives apart from what the input gives."""
    n = p.tanh(xn + p.sigmoid(xr + hr) * hn)
    return n + p.sigmoid(xz + hz) * (h - n)


CELLS = {"RNN_TANH": tanh_cell, "RNN_RELU": relu_cell, "LSTM": lstm_cell, "GRU": gru_cell}
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}
"""How many blocks of hidden_size rows the weights of each kind have."""


def _specialization(mode: str, dtype: Any) -> Any:
    operation = CELLS[mode].operation
    kind = kind_of(BY_NUMPY[dtype], CPU)
    return operation.specialize((kind,) * len(operation.operands), kind, ())


@cache
def _gradient(mode: str, dtype: Any) -> tuple[Any, Any]:
    """The cell's gradient, written into given arrays, and what it asks for."""
    spec = _specialization(mode, dtype)
    wanted = (True,) * len(spec.kinds)
    return spec.gradient_into(wanted), spec.plans[wanted].gradient


def _gates(x: Any, count: int) -> Any:
    """(time, batch, gates * hidden) as (time, gates, batch, hidden), in memory of its own."""
    time, batch, width = x.shape
    return x.reshape(time, batch, count, width // count).transpose(0, 2, 1, 3).copy("C")


@operation(operands="x w b h c", outputs="y last gates apart cells", differentiable=(0, 1))
def recurrence(x: Any, w: Any, b: Any, h: Any, c: Any, mode: str) -> tuple:
    """All states and the last cell; and what the gradient wants: gates, those of the input if apart, cells.

    x: (time, batch, gates * hidden), the inputs times weight_ih plus bias_ih. w, b: weight_hh and bias_hh. h, c: the
        first state (batch, hidden) and cell.
    """
    count, width = GATES[mode], h.shape[-1]
    apart, lstm = mode == "GRU", mode == "LSTM"
    inputs = _gates(x, count)
    shift = None if b is None else b.reshape(count, 1, width)
    weight = np.ascontiguousarray(w.reshape(count, width, width).transpose(0, 2, 1))
    gates = np.empty_like(inputs)
    states = np.empty((len(x) + 1, *h.shape), x.dtype)
    cells = np.empty_like(states) if lstm else states[:0]
    states[0] = h
    if lstm:
        cells[0] = c
    if shift is not None and not apart:
        inputs += shift
    into = _specialization(mode, x.dtype).into
    for t in range(len(x)):
        own = gates[t]
        np.matmul(states[t], weight, out=own)
        if not apart:
            own += inputs[t]
        elif shift is not None:
            own += shift
        if lstm:
            into(states[t + 1], cells[t + 1], *own, cells[t])
        elif apart:
            into(states[t + 1], *inputs[t], *own, states[t])
        else:
            into(states[t + 1], own[0])
    return states[1:], cells[-1:], gates, inputs if apart else inputs[:0], cells


@recurrence.gradient
def _(
    g_y: Tensor | None,
    g_last: Tensor | None,
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    h: Tensor,
    c: Tensor | None,
    y: Tensor,
    gates: Tensor,
    apart: Tensor,
    cells: Tensor,
    mode: str,
    needs: tuple[bool, ...],
) -> list[Tensor | None]:
    if any(v is not None and v._node is not None for v in (g_y, g_last, x, w, b, h, c)):
        return _recorded_gradient(g_y, g_last, (x, w, b, h, c), mode, needs)
    time, batch, width = y._array.shape
    given = None if g_y is None else g_y._array
    last = None if g_last is None or mode != "LSTM" else g_last._array[0]
    states = np.concatenate([h._array[None], y._array[:-1]])
    slopes, first = _back(
        given, last, gates._array, apart._array, (states, y._array, cells._array), w._array, mode
    )
    by_state = slopes[1].transpose(0, 2, 1, 3).reshape(time, batch, -1)
    by_input = slopes[0]
    if by_input is not None:
        by_input = by_input.transpose(0, 2, 1, 3).reshape(time, batch, -1)
    rows = by_state.reshape(time * batch, -1)
    parts = [
        by_state if by_input is None else by_input,
        rows.T @ states.reshape(time * batch, width) if needs[1] else None,
        rows.sum(0) if needs[2] else None,
        *first,
    ]
    return [wrap(v, x._kind) if on and v is not None else None for v, on in zip(parts, needs)]


def _back(
    given: Any, last: Any, gates: Any, apart: Any, kept: tuple[Any, Any, Any], w: Any, mode: str
) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """The loop from the end: slopes of the input's gates (None: the same) and the state's, of h and of c."""
    before, after, cells = kept
    time, count, _, width = gates.shape
    kernel, gradient = _gradient(mode, gates.dtype)
    asked, shown = gradient.inputs, gradient.outputs
    weight = w.reshape(count, width, width)
    slopes = np.empty_like(gates)
    others = np.empty_like(gates) if mode == "GRU" else None
    gh = np.zeros_like(before[0])
    gc = np.zeros_like(gh)  # the slope of the cell, which each step writes anew
    if last is not None:
        gc[...] = last
    rest = (gc,) if mode == "LSTM" else (np.empty_like(gh),) if mode == "GRU" else ()
    products = np.empty((count, *gh.shape), gh.dtype)
    for t in range(time - 1, -1, -1):
        if given is not None:
            gh = gh + given[t]
        if mode == "LSTM":
            operands, outputs, coming = (*gates[t], cells[t]), (after[t], cells[t + 1]), (gh, gc)
        elif mode == "GRU":
            operands, outputs, coming = (*apart[t], *gates[t], before[t]), (after[t],), (gh,)
        else:
            operands, outputs, coming = tuple(gates[t]), (after[t],), (gh,)
        own = slopes[t]
        targets = (*own, *rest) if others is None else (*others[t], *own, *rest)
        kernel(*targets, *coming, *[operands[i] for i in asked], *[outputs[i] for i in shown])
        gh = np.add.reduce(np.matmul(own, weight, out=products), 0)
        if mode == "GRU":
            gh += rest[0]
    return (others, slopes), (gh, gc)


def _recorded_gradient(
    g_y: Tensor | None, g_last: Tensor | None, operands: tuple, mode: str, needs: Sequence[bool]
) -> list[Tensor | None]:
    """The gradient as a recorded computation: that of the steps one by one."""
    x, w, b, h, c = operands
    made = unrolled(x, w, b, h, c, mode)
    pairs = [(v, g) for v, g in zip(made, (g_y, g_last)) if g is not None and v is not None]
    wanted = [v for v, on in zip(operands, needs) if on]
    found = iter(
        grad(
            [v for v, _ in pairs],
            wanted,
            [g for _, g in pairs],
            create_graph=True,
            allow_unused=True,
        )
    )
    return [next(found) if on else None for on in needs]


def unrolled(x: Any, w: Any, b: Any, h: Any, c: Any, mode: str) -> tuple[Any, Any]:
    """`recurrence` as operations of each step."""
    states, cell = [], c
    for step in x.unbind(0):
        h, cell = advance(mode, step, h, cell, w, b)
        states.append(h)
    return stack(states), None if cell is None else cell.unsqueeze(0)


def advance(mode: str, x: Any, h: Any, c: Any, w: Any, b: Any) -> tuple[Any, Any]:
    """One step: the next state, and the next cell (None but for an LSTM)."""
    own = linear(h, w, b)
    if mode == "GRU":
        return gru_cell(*x.chunk(3, -1), *own.chunk(3, -1), h), None
    if mode == "LSTM":
        return lstm_cell(*(x + own).chunk(4, -1), c)
    return CELLS[mode](x + own), None


def serves(*values: Any) -> bool:
    """Are these arrays of NumPy of one kind that `recurrence` computes with?"""
    kind = values[0]._kind
    return (
        kind.dtype.name in ("float32", "float64")
        and kind.xp is np
        and all(value is None or value._kind is kind for value in values)
    )


__all__ = ["GATES", "advance", "recurrence", "serves"]
