"""Recurrent networks as functions of their weights: torch.lstm, torch.gru and their like.

Layers of `nn` call them, so that whoever watches functions (a mode, a trace) sees a whole network as one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core.tensor import Tensor
from ...dispatch.registry import public
from ..join.cat import cat, stack
from ..linalg.matmul import linear
from .dropout import dropout as dropped
from .rnn import advance, recurrence, serves

_WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


LARGE = 1 << 23
"""Products of a step from which on a step of its own in a half type is faster than all in one kernel of float32."""


def next_state(mode: str, x: Tensor, state: list[Any], weights: dict[str, Any]) -> list[Any]:
    """The next state.

    Args:
        x: The step's input, times weight_ih plus bias_ih.
        state: [h], or [h, c] of an LSTM.
        weights: weight_hh, and where there are ones bias_hh and weight_hr.
    """
    cell = state[1] if mode == "LSTM" else None
    h, cell = advance(x, weights["weight_hh"], weights.get("bias_hh"), state[0], cell, mode)
    if "weight_hr" in weights:
        h = linear(h, weights["weight_hr"])
    return [h] if cell is None else [h, cell]


def _network(
    mode: str,
    x: Tensor,
    states: Sequence[Tensor],
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    sizes: list[int],
) -> tuple[Tensor, list[Any]]:
    """All layers; x is (time, batch, features), or (sum of sizes, features) if packed."""
    directions = 2 if bidirectional else 1
    last: list[list[Any]] = [[] for _ in states]
    count = len(params) // (num_layers * directions)
    names = [*_WEIGHTS[: 4 if has_biases else 2], "weight_hr"][:count]
    for layer in range(num_layers):
        outputs = []
        for direction in range(directions):
            at = layer * directions + direction
            weights = dict(zip(names, params[at * count : (at + 1) * count]))
            first = [state[at] for state in states]  # type: ignore[index]
            output, final = _pass(mode, x, first, weights, sizes, bool(direction))
            outputs.append(output)
            for kept, state in zip(last, final):
                kept.append(state)
        x = outputs[0] if len(outputs) == 1 else cat(outputs, -1)
        if dropout and layer < num_layers - 1:
            x = dropped(x, dropout, train)
    return x, [stack(kept) for kept in last]


def _pass(
    mode: str, x: Tensor, state: list[Any], weights: dict, sizes: list[int], backwards: bool
) -> tuple[Tensor, list[Any]]:
    """One layer in one direction: its states at all times, and its last ones."""
    projected: Any = linear(x, weights["weight_ih"], weights.get("bias_ih"))
    packed = x.ndim == 2
    hidden, bias = weights["weight_hh"], weights.get("bias_hh")
    halved = projected.dtype is not state[0].dtype
    if halved:  # `autocast` has multiplied: steps are summed in the state's type
        projected = projected.to(state[0].dtype)
    if (
        not packed
        and "weight_hr" not in weights
        and serves(projected, hidden, bias, *state)
        and projected._array.size
        and not (halved and len(projected._array[0]) * hidden._array.size > LARGE)
    ):
        cell = state[1] if mode == "LSTM" else None
        output, last, *_ = recurrence(projected, hidden, bias, state[0], cell, mode, backwards)
        end = output[0 if backwards else -1]
        return output, [end] if cell is None else [end, last[0]]
    steps = projected.split(sizes) if packed else projected.unbind(0)
    count = len(sizes)
    outputs: list[Any] = [None] * count
    current = [s[: sizes[-1]] for s in state] if packed and backwards else state
    finished: list[list[Any]] = []
    for i in range(count):
        t = count - 1 - i if backwards else i
        size = sizes[t]
        have = current[0].shape[0]
        if packed and size < have:  # shorter sequences end here
            finished.append([s[size:] for s in current])
            current = [s[:size] for s in current]
        elif packed and size > have:  # going backwards, longer ones begin
            current = [cat([s, first[have:size]]) for s, first in zip(current, state)]
        current = next_state(mode, steps[t], current, weights)
        outputs[t] = current[0]
    for ended in reversed(finished):
        current = [cat([s, e]) for s, e in zip(current, ended)]
    return (cat(outputs) if packed else stack(outputs)), current


def _layers(mode: str, name: str) -> Callable[..., Any]:
    """The function of one kind of network."""

    def network(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        packed = (len(args) > 2 and isinstance(args[2], (tuple, list))) or "batch_sizes" in kwargs
        return (_packed if packed else _batched)(mode, input, *args, **kwargs)

    network.__name__ = network.__qualname__ = name
    network.__doc__ = f"""A recurrent network ({mode}) of weights in a list.

    Args:
        input: (time, batch, features), or the data of a packed sequence.
        batch_sizes: Only of a packed sequence: how many sequences are there at each time.
        hx: The first state (layers * directions, batch, size); of an LSTM, with the cells in a list.
        params: The weights, one layer and direction after the other.
        has_biases: Are biases among them?
        num_layers, dropout, train, bidirectional: As of the layers of nn.
        batch_first: Has `input` the batch first? Not of a packed sequence.

    Returns:
        The last layer's states at all times, and all layers' last states.

    Source: torch.{name}
    """
    return public(name)(network)


def _batched(
    mode: str,
    x: Any,
    hx: Any,
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> Any:
    x = x.transpose(0, 1) if batch_first else x
    states = list(hx) if mode == "LSTM" else [hx]
    sizes = [x.shape[1]] * x.shape[0]
    output: Any
    output, last = _network(
        *(mode, x, states, params, has_biases, num_layers, dropout, train, bidirectional, sizes)
    )
    return output.transpose(0, 1) if batch_first else output, *last


def _packed(
    mode: str,
    data: Any,
    batch_sizes: Any,
    hx: Any,
    params: Sequence[Tensor],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
) -> Any:
    states = list(hx) if mode == "LSTM" else [hx]
    sizes = batch_sizes.tolist()
    output, last = _network(
        *(mode, data, states, params, has_biases, num_layers, dropout, train, bidirectional, sizes)
    )
    return output, *last


def _cell(mode: str, name: str) -> Callable[..., Any]:
    """The function of one step."""

    def cell(
        input: Tensor,
        hx: Any,
        w_ih: Tensor,
        w_hh: Tensor,
        b_ih: Tensor | None = None,
        b_hh: Tensor | None = None,
    ) -> Any:
        states = list(hx) if mode == "LSTM" else [hx, None]
        made, last = advance(linear(input, w_ih, b_ih), w_hh, b_hh, states[0], states[1], mode)
        return (made, last) if mode == "LSTM" else made

    cell.__name__ = cell.__qualname__ = name
    cell.__doc__ = f"""One step of a recurrent network ({mode}).

    Args:
        input: (batch, features).
        hx: The state (batch, size); of an LSTM, with the cell in a list.
        w_ih, w_hh, b_ih, b_hh: The weights of the input and of the state, and their biases.

    Source: torch.{name}
    """
    return public(name)(cell)


NETWORKS = {
    mode: _layers(mode, name)
    for mode, name in (
        *(("LSTM", "lstm"), ("GRU", "gru"), ("RNN_TANH", "rnn_tanh"), ("RNN_RELU", "rnn_relu")),
    )
}
CELLS = {
    mode: _cell(mode, name)
    for mode, name in (
        *(("LSTM", "lstm_cell"), ("GRU", "gru_cell")),
        *(("RNN_TANH", "rnn_tanh_cell"), ("RNN_RELU", "rnn_relu_cell")),
    )
}
__all__ = ["CELLS", "NETWORKS"]
