"""Recurrent layers."""

from __future__ import annotations

from typing import Any

from ..builder import Builder, Unsupported, Value, translates
from .shape import permuted

_ORDERS = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}
"""Where ONNX's gates stand among PyTorch's."""


def _reordered(b: Builder, x: Value, operator: str) -> Value:
    """A weight's gates in ONNX's order, as that of one direction."""
    order = _ORDERS[operator]
    if len(order) > 1:
        parts = b.emit("Split", x, outputs=len(order), axis=0, num_outputs=len(order))
        x = b.emit("Concat", *(parts[i] for i in order), axis=0)
    return b.emit("Unsqueeze", x, b.ints([0]))


def _layers(
    b: Builder,
    operator: str,
    input: Value,
    states: list[Value],
    params: list[Value],
    has_biases: bool,
    num_layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
    **options: Any,
) -> list[Value]:
    """The output of the last layer and the last states of all."""
    if dropout and train and num_layers > 1:
        raise Unsupported(
            "dropout between recurrent layers in training: export the module in eval()"
        )
    ways = 2 if bidirectional else 1
    each = len(params) // (num_layers * ways)
    if each not in (2, 4) or (each == 2) is has_biases:
        raise Unsupported("recurrent layers with projections")
    x = permuted(b, input, [1, 0, 2]) if batch_first else input
    hidden: Any = params[1].shape[1]
    lasts: list[list[Value]] = [[] for _ in states]
    for layer in range(num_layers):
        own = params[layer * ways * each : (layer + 1) * ways * each]
        stacked = []
        for kind in range(2):
            parts = [_reordered(b, own[way * each + kind], operator) for way in range(ways)]
            stacked.append(parts[0] if ways == 1 else b.emit("Concat", *parts, axis=0))
        bias = None
        if has_biases:
            rows = [
                b.emit(
                    "Concat",
                    *(_reordered(b, own[way * each + k], operator) for k in (2, 3)),
                    axis=1,
                )
                for way in range(ways)
            ]
            bias = rows[0] if ways == 1 else b.emit("Concat", *rows, axis=0)
        starts = [
            b.emit("Slice", s, b.ints([layer * ways]), b.ints([(layer + 1) * ways]), b.ints([0]))
            for s in states
        ]
        found = b.emit(
            *(operator, x, *stacked, bias, None, *starts),
            outputs=1 + len(states),
            hidden_size=hidden,
            direction="bidirectional" if bidirectional else "forward",
            **options,
        )
        steps = permuted(
            b, found[0], [0, 2, 1, 3]
        )  # (length, ways, batch, size): the ways side by side
        x = b.emit("Reshape", steps, b.ints([0, 0, ways * hidden]))  # 0: as it is
        for last, state in zip(lasts, found[1:]):
            last.append(state)
    output = permuted(b, x, [1, 0, 2]) if batch_first else x
    joined = [parts[0] if len(parts) == 1 else b.emit("Concat", *parts, axis=0) for parts in lasts]
    return [output, *joined]


def _checked(params: Any) -> None:
    if not isinstance(params, (list, tuple)):
        raise Unsupported("packed sequences")


@translates("lstm")
def lstm(b: Builder, input: Any, hx: Any, params: Any, *rest: Any) -> list[Value]:
    _checked(params)
    return _layers(b, "LSTM", input, list(hx), list(params), *rest)


@translates("gru")
def gru(b: Builder, input: Any, hx: Any, params: Any, *rest: Any) -> list[Value]:
    _checked(params)
    return _layers(b, "GRU", input, [hx], list(params), *rest, linear_before_reset=1)


def _plain(activation: str) -> Any:
    def write(b: Builder, input: Any, hx: Any, params: Any, *rest: Any) -> list[Value]:
        _checked(params)
        ways = 2 if rest[4] else 1
        return _layers(b, "RNN", input, [hx], list(params), *rest, activations=[activation] * ways)

    return write


translates("rnn_tanh")(_plain("Tanh"))
translates("rnn_relu")(_plain("Relu"))
