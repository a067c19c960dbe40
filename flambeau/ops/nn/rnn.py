"""A recurrent layer over a whole sequence as one operation.

Each step is one matrix product, of the state and weight_hh, and the cell, a formula of gates whose gradient is
derived. All steps are one kernel (`kernels/nn/rnn.py`), or a loop of NumPy calls; nothing is recorded
inside. Gates lie as (time, batch, gate * hidden), as products give them.

A gradient that is to be differentiated again is taken of the steps one by one (`unrolled`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ... import kernels
from ...autograd.gradient import grad
from ...core.device import CPU, device_of
from ...core.dtype import BY_NUMPY, DTYPES
from ...core.handler import mapped
from ...core.kind import kind_of
from ...core.tensor import Tensor, address, wrap
from ...core.twin import host
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.rule.rule_operation import operation
from ...formula import primitive as p
from ...formula.expression import Expression
from ...kernels.runtime import memory
from ..elementwise.activation import relu
from ..join.cat import stack
from ..linalg.matmul import linear, mm_


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


@cache
def _specialization(mode: str, dtype: Any, place: Any = CPU) -> Any:
    operation = CELLS[mode].operation
    kind = kind_of(BY_NUMPY[dtype], place)
    return operation.specialize((kind,) * len(operation.operands), kind, ())


@host
@cache
def _cell(mode: str, dtype: Any) -> Any:
    """What kernels are told of a cell."""
    from ...kernels.nn.rnn_cell import Cell

    spec = _specialization(mode, dtype)
    gradient = spec.program.gradient((True,) * len(spec.program.roots), (True,) * len(spec.kinds))
    return Cell(spec.program, gradient, GATES[mode], mode == "GRU", mode == "LSTM")


@cache
def _gradient(mode: str, dtype: Any, place: Any) -> tuple[Any, Any]:
    """The cell's gradient, written into given arrays, and what it asks for."""
    spec = _specialization(mode, dtype, place)
    wanted = (True,) * len(spec.kinds)
    return spec.gradient_into(wanted), spec.plans[wanted].gradient


def _each_gate(x: Any, count: int) -> Any:
    """The gates of a step, (batch, gates * hidden), one by one."""
    return x.reshape(len(x), count, -1).swapaxes(0, 1)


def _walk(mode: str, x: Any, w: Any, b: Any, h: Any, c: Any) -> tuple:
    """All states, cells and gates, step by step with NumPy."""
    count = GATES[mode]
    gates = memory.empty(x.shape, x.dtype)
    states = memory.empty((len(x) + 1, *h.shape), x.dtype)
    cells = memory.empty(states.shape, states.dtype) if mode == "LSTM" else states[:0]
    states[0] = h
    if mode == "LSTM":
        cells[0] = c
    into, shift = _specialization(mode, x.dtype, device_of(x)).into, 0 if b is None else b
    for t in range(len(x)):
        np.matmul(states[t], w.T, out=gates[t])
        gates[t] += shift
        if mode == "GRU":
            operands = (*_each_gate(x[t], count), *_each_gate(gates[t], count), states[t])
            into(states[t + 1], *operands)
            continue
        gates[t] += x[t]
        if mode == "LSTM":
            into(states[t + 1], cells[t + 1], *_each_gate(gates[t], count), cells[t])
        else:
            into(states[t + 1], gates[t])
    return states, cells, gates


def _none(cell: Any, *arrays: Any) -> Any:
    """There is a plain form of all steps, but it is told of the cell otherwise."""
    return NotImplemented


_forward_map = kernels.Native("nn.rnn", "forward", _none)
_backward_map = kernels.Native("nn.rnn", "backward", _none)


def _forward(mode: str, backwards: bool, x: Any, *rest: Any) -> tuple:
    found = _forward_map(_cell(mode, x.dtype), backwards, x, *rest)
    if found is not NotImplemented:
        return found  # type: ignore[no-any-return]
    made = _walk(mode, x[::-1] if backwards else x, *rest)
    return tuple([v[::-1].copy() for v in made]) if backwards else made


@operation(operands="x w b h c", outputs="y last gates apart cells", differentiable=(0, 1))
def recurrence(x: Any, w: Any, b: Any, h: Any, c: Any, mode: str, backwards: bool = False) -> tuple:
    """All states and the last cell; and what the gradient wants: gates, those of the input if apart, cells.

    x: (time, batch, gates * hidden), the inputs times weight_ih plus bias_ih. w, b: weight_hh and bias_hh. h, c: the
        first state (batch, hidden) and cell. With `backwards` the sequence is walked from its end, which has that state
        behind it, and what is given back lies in the order of the sequence all the same.
    """
    states, cells, gates = _forward(mode, backwards, x, w, b, h, c)
    apart = x if mode == "GRU" else x[:0]
    if backwards:
        return states[:-1], cells[:1], gates, apart, cells
    return states[1:], cells[-1:], gates, apart, cells


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
    backwards: bool,
    needs: tuple[bool, ...],
) -> list[Tensor | None]:
    operands = x, w, b, h, c
    if any(v is not None and v._node is not None for v in (g_y, g_last, *operands)):
        return _recorded_gradient(unrolled, g_y, g_last, operands, (mode, backwards), needs)
    time, batch, width = y._array.shape
    given = None if g_y is None else g_y._array
    last = None if g_last is None or mode != "LSTM" else g_last._array[0]
    states = _with_first(y._array, h._array, backwards)
    slopes, others, *first = _backward(
        mode, backwards, given, last, gates._array, apart._array, states, cells._array, w._array
    )
    rows = wrap(slopes.reshape(time * batch, -1), x._kind)
    passed = states[1:] if backwards else states[:-1]
    before = wrap(passed.reshape(time * batch, width), x._kind)
    parts = [
        slopes if others is None else others,
        mm_(rows.mT, before)._array if needs[1] else None,
        rows.sum(0)._array if needs[2] else None,
        *first,
    ]
    return [wrap(v, x._kind) if on and v is not None else None for v, on in zip(parts, needs)]


def _with_first(y: Any, h: Any, backwards: bool) -> Any:
    """All states with the first one, as the forward kernel made them, or put together where only these are left."""
    base = getattr(y, "base", None)
    if base.__class__ is np.ndarray and base.shape == (len(y) + 1, *h.shape):
        part = base[:-1] if backwards else base[1:]
        if part.strides == y.strides and address(part) == address(y):
            return base
    return np.concatenate([y, h[None]] if backwards else [h[None], y])


@recurrence.tangent
def _(
    t_x: Tensor | None,
    t_w: Tensor | None,
    t_b: Tensor | None,
    t_h: Tensor | None,
    t_c: Tensor | None,
    x: Tensor,
    w: Tensor,
    b: Tensor | None,
    h: Tensor,
    c: Tensor | None,
    mode: str,
    backwards: bool,
) -> list[Tensor | None]:
    made = _tangents(unrolled, (x, w, b, h, c), (t_x, t_w, t_b, t_h, t_c), mode, backwards)
    return [*made, None, None, None]


def _tangents(steps: Callable, operands: tuple, tangents: tuple, *told: Any) -> Any:
    """The tangents of the states and of the cell that steps give."""
    from ...autograd.forward import through  # loaded: it asks for the tangents

    return through(lambda *values: steps(*values, *told), operands, tangents)


def _backward(
    mode: str, backwards: bool, given: Any, last: Any, gates: Any, x: Any, states: Any, cells: Any,
    w: Any,
) -> Any:  # fmt: skip
    """The slopes of the state's gates and of the input's (None: the same), of h and of c."""
    facts = given, last, gates, x, states, cells, w
    found = _backward_map(_cell(mode, gates.dtype), backwards, *facts)
    if found is not NotImplemented:
        return found
    if not backwards:
        return _walk_back(mode, *facts)
    given = None if given is None else given[::-1]
    gates, x, states, cells = (v[::-1] for v in (gates, x, states, cells))
    slopes, others, *first = _walk_back(mode, given, last, gates, x, states, cells, w)
    return slopes[::-1].copy(), None if others is None else others[::-1].copy(), *first


def _walk_back(
    mode: str, given: Any, last: Any, gates: Any, x: Any, states: Any, cells: Any, w: Any
) -> tuple:
    """The same with NumPy, from the end."""
    count = GATES[mode]
    kernel, gradient = _gradient(mode, gates.dtype, device_of(gates))
    asked, shown = gradient.inputs, gradient.outputs
    slopes = memory.empty(gates.shape, gates.dtype)
    others = memory.empty(gates.shape, gates.dtype) if mode == "GRU" else None
    gh = np.zeros_like(states[0])
    gc = np.zeros_like(gh)  # the slope of the cell, which each step writes anew
    if last is not None:
        gc[...] = last
    rest = memory.empty(gh.shape, gh.dtype)
    for t in range(len(gates) - 1, -1, -1):
        if given is not None:
            gh = gh + given[t]
        own, targets = _each_gate(gates[t], count), _each_gate(slopes[t], count)
        outputs: tuple = (states[t + 1],)
        if mode == "LSTM":
            operands, outputs, coming = (*own, cells[t]), (states[t + 1], cells[t + 1]), (gh, gc)
            targets = (*targets, gc)
        elif mode == "GRU":
            operands, coming = (*_each_gate(x[t], count), *own, states[t]), (gh,)
            targets = (*_each_gate(others[t], count), *targets, rest)  # type: ignore[index]
        else:
            operands, coming = tuple(own), (gh,)
        kernel(*targets, *coming, *[operands[i] for i in asked], *[outputs[i] for i in shown])
        gh = np.matmul(slopes[t], w)
        if mode == "GRU":
            gh += rest
    return slopes, others, gh, gc


def _recorded_gradient(
    steps: Callable,
    g_y: Tensor | None,
    g_last: Tensor | None,
    operands: tuple,
    told: tuple,
    needs: Sequence[bool],
) -> list[Tensor | None]:
    """The gradient as a recorded computation: that of the steps one by one.

    An operand may be computed from another, as a first state from the weights: seen through views of their own,
    none gets what reaches it by way of the other.
    """
    operands = tuple([None if v is None else v.view(v.shape) for v in operands])
    made = steps(*operands, *told)
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


def unrolled(
    x: Any, w: Any, b: Any, h: Any, c: Any, mode: str, backwards: bool = False
) -> tuple[Any, Any]:
    """`recurrence` as operations of each step."""
    states, cell, steps = [], c, x.unbind(0)
    for step in reversed(steps) if backwards else steps:
        h, cell = advance(step, w, b, h, cell, mode)
        states.append(h)
    made = stack(states[::-1] if backwards else states)
    return made, None if cell is None else cell.unsqueeze(0)


def advance(x: Any, w: Any, b: Any, h: Any, c: Any, mode: str) -> tuple[Any, Any]:
    """One step: the next state, and the next cell (None but for an LSTM)."""
    own = linear(h, w, b)
    if mode == "GRU":
        return all_gates(x, own, h, mode)[0], None
    return all_gates(x, own, c, mode) if mode == "LSTM" else (CELLS[mode](x + own), None)


def all_gates(x: Any, own: Any, state: Any, mode: str) -> tuple[Any, Any]:
    """What an LSTM or a GRU makes of all gates: one operation where nothing has to be broadcast."""
    if x.dtype is not state.dtype or own.dtype is not state.dtype:  # `autocast` has multiplied
        x, own = x.to(state.dtype), own.to(state.dtype)
    if serves(x, own, state):
        shape = state._array.shape
        if len(shape) == 2 and 0 not in shape:
            wide = shape[0], GATES[mode] * shape[1]
            if x._array.shape == wide == own._array.shape:
                return gated(x, own, state, mode)[:2]
    return gate_by_gate(x, own, state, mode)


def gate_by_gate(x: Any, own: Any, state: Any, mode: str) -> tuple[Any, Any]:
    """`gated` as operations."""
    if mode == "GRU":
        return gru_cell(*x.chunk(3, -1), *own.chunk(3, -1), state), None
    return lstm_cell(*(x + own).chunk(4, -1), state)


@operation(operands="x own state", outputs="y last gates", differentiable=(0, 1))
def gated(x: Any, own: Any, state: Any, mode: str) -> tuple:
    """The next state of an LSTM or a GRU, and an LSTM's next cell; and what its gradient wants, the sums of its gates.

    x, own: (batch, gates * hidden), what the input and what the state give to the gates. state: (batch, hidden), the
        cell of an LSTM, and else the state.
    """
    count, y = GATES[mode], np.empty_like(state)
    into = _specialization(mode, x.dtype, device_of(x)).into
    if mode == "GRU":
        into(y, *_each_gate(x, count), *_each_gate(own, count), state)
        return y, y[:0], y[:0]
    gates, last = x + own, np.empty_like(state)
    into(y, last, *_each_gate(gates, count), state)
    return y, last, gates


@gated.gradient
def _(
    g_y: Tensor | None,
    g_last: Tensor | None,
    x: Tensor,
    own: Tensor,
    state: Tensor,
    y: Tensor,
    last: Tensor,
    gates: Tensor,
    mode: str,
    needs: tuple[bool, ...],
) -> list[Tensor | None]:
    operands = x, own, state
    if any(v is not None and v._node is not None for v in (g_y, g_last, *operands)):
        return _recorded_gradient(gate_by_gate, g_y, g_last, operands, (mode,), needs)
    count, lasting = GATES[mode], mode == "LSTM"
    before, shown = state._array, [y._array, last._array] if lasting else [y._array]
    coming = [
        np.zeros_like(before) if g is None else g._array
        for g in ((g_y, g_last) if lasting else (g_y,))
    ]
    kernel, gradient = _gradient(mode, before.dtype, device_of(before))
    known = [gates._array] if lasting else [x._array, own._array]
    apart = [
        np.empty_like(v).reshape(count, *before.shape) for v in known
    ]  # kernels write in order
    targets, rest = [part for v in apart for part in v], np.empty_like(before)
    given = [*(part for v in known for part in _each_gate(v, count)), before]
    kernel(
        *(*targets, rest, *coming),
        *[given[i] for i in gradient.inputs],
        *[shown[i] for i in gradient.outputs],
    )
    slopes = [v.swapaxes(0, 1).reshape(x._array.shape) for v in apart]
    found = (slopes[0], slopes[-1], rest)
    return [wrap(v, x._kind) if on else None for v, on in zip(found, needs)]


@gated.tangent
def _(
    t_x: Tensor | None,
    t_own: Tensor | None,
    t_state: Tensor | None,
    x: Tensor,
    own: Tensor,
    state: Tensor,
    mode: str,
) -> list[Tensor | None]:
    return [*_tangents(gate_by_gate, (x, own, state), (t_x, t_own, t_state), mode), None]


_SERVED = DTYPES["float32"], DTYPES["float64"]


def serves(*values: Any) -> bool:
    """Are these arrays with elements, of one kind that `recurrence` computes with?"""
    kind = values[0]._kind
    return (
        kind.dtype in _SERVED
        and kind.has_elements
        and mapped() is None
        and all(value is None or value._kind is kind for value in values)
    )


__all__ = ["GATES", "advance", "recurrence", "serves"]
