"""Functions without an operator of their own, written with those of others."""

from __future__ import annotations

import math
from typing import Any

from ...core.dtype import finfo
from ..builder import BOOL, Builder, Unsupported, Value, translates
from .reduction import reduced
from .shape import reshaped


def _like(b: Builder, x: Value, value: float) -> Value:
    return b.constant(value, x.type)


def _within(b: Builder, x: Value, bound: float) -> Value:
    """Is its absolute value at most that?"""
    return b.emit("LessOrEqual", b.emit("Abs", x), _like(b, x, bound), kind=BOOL)


@translates("logit")
def logit(b: Builder, input: Any, eps: float | None = None) -> Value:
    x = b.tensor(input, b.out[0].dtype)
    if eps is not None:
        x = b.emit("Min", b.emit("Max", x, _like(b, x, eps)), _like(b, x, 1 - eps))
    return b.emit("Log", b.emit("Div", x, b.emit("Sub", _like(b, x, 1), x)))


@translates("tanhshrink")
def tanhshrink(b: Builder, input: Any) -> Value:
    return b.emit("Sub", input, b.emit("Tanh", input))


@translates("hardshrink")
def hardshrink(b: Builder, input: Any, lambd: float = 0.5) -> Value:
    return b.emit("Where", _within(b, input, lambd), _like(b, input, 0), input, kind=input.type)


@translates("softshrink")
def softshrink(b: Builder, input: Any, lambd: float = 0.5) -> Value:
    shrunk = b.emit("Sub", input, b.emit("Mul", b.emit("Sign", input), _like(b, input, lambd)))
    return b.emit("Where", _within(b, input, lambd), _like(b, input, 0), shrunk, kind=input.type)


@translates("hypot")
def hypot(b: Builder, input: Any, other: Any) -> Value:
    return b.emit("Sqrt", b.emit("Add", b.emit("Mul", input, input), b.emit("Mul", other, other)))


@translates("atan2", "arctan2")
def atan2(b: Builder, input: Any, other: Any) -> Value:
    """The angle of a half plane, and half a turn where the other is negative."""
    zero = _like(b, other, 0)
    half = _like(b, other, math.pi)
    is_left = b.emit("Less", other, zero, kind=BOOL)
    is_below = b.emit("Less", input, _like(b, input, 0), kind=BOOL)
    turn = b.emit("Where", is_below, b.emit("Neg", half), half, kind=other.type)
    quotient = b.emit("Atan", b.emit("Div", input, other))
    angle = b.emit("Add", quotient, b.emit("Where", is_left, turn, zero, kind=other.type))
    is_origin = b.emit(
        "And",
        b.emit("Equal", input, _like(b, input, 0), kind=BOOL),
        b.emit("Equal", other, zero, kind=BOOL),
    )  # where the quotient is no number
    return b.emit("Where", is_origin, zero, angle, kind=other.type)


@translates("nan_to_num")
def nan_to_num(
    b: Builder,
    input: Any,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Value:
    limits = finfo(input.type)
    high = limits.max if posinf is None else posinf
    low = limits.min if neginf is None else neginf
    x = b.emit(
        "Where",
        b.emit("IsNaN", input, kind=BOOL),
        _like(b, input, nan or 0),
        input,
        kind=input.type,
    )
    for mark, value in (("detect_negative", high), ("detect_positive", low)):
        found = b.emit("IsInf", x, kind=BOOL, **{mark: 0})
        x = b.emit("Where", found, _like(b, input, value), x, kind=input.type)
    return x


@translates("softmin")
def softmin(b: Builder, input: Any, dim: int, _stacklevel: int = 3, dtype: Any = None) -> Value:
    x = b.tensor(input, b.out[0].dtype)
    return b.emit("Softmax", b.emit("Neg", x), axis=dim)


@translates("cosine_similarity")
def cosine_similarity(b: Builder, x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Value:
    def unit(x: Value) -> Value:
        length = reduced(b, "ReduceL2", x, dim, True)
        return b.emit("Div", x, b.emit("Max", length, _like(b, x, eps)))

    return reduced(b, "ReduceSum", b.emit("Mul", unit(x1), unit(x2)), dim, False)


@translates("local_response_norm")
def local_response_norm(
    b: Builder, input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Value:
    if size % 2 == 0:
        raise Unsupported(
            "local_response_norm of an even size: ONNX's windows are centred otherwise"
        )
    return b.emit("LRN", input, size=size, alpha=float(alpha), beta=float(beta), bias=float(k))


@translates("meshgrid")
def meshgrid(b: Builder, *tensors: Any, indexing: str | None = None) -> list[Value]:
    lines = (
        list(tensors[0])
        if len(tensors) == 1 and isinstance(tensors[0], (list, tuple))
        else list(tensors)
    )
    order = list(range(len(lines)))
    if indexing == "xy" and len(lines) > 1:
        order[:2] = 1, 0  # the dimension in which each line runs
    lengths: list[Any] = [1] * len(lines)
    for line, place in zip(lines, order):
        lengths[place] = b.size(line, 0) if line.rank else 1
    whole = b.ints(lengths)
    grids = []
    for line, place in zip(lines, order):
        sizes = [1] * len(lines)
        sizes[place] = -1
        grids.append(b.emit("Expand", reshaped(b, line, sizes), whole))
    return grids


# ----------------------------------------------------------------------------- cells of recurrent nets


def _gates(b: Builder, x: Value, w: Any, bias: Any, count: int) -> list[Value]:
    y = b.emit("MatMul", x, b.emit("Transpose", w, perm=[1, 0]))
    if bias is not None:
        y = b.emit("Add", y, bias)
    if count == 1:
        return [y]
    return list(b.emit("Split", y, outputs=count, axis=-1, num_outputs=count))


def _sum_of_gates(b: Builder, input: Any, h: Value, params: tuple, count: int) -> list[Value]:
    w_ih, w_hh, b_ih, b_hh = (*params, *(None,) * (4 - len(params)))
    pairs = zip(_gates(b, input, w_ih, b_ih, count), _gates(b, h, w_hh, b_hh, count))
    return [b.emit("Add", x, y) for x, y in pairs]


@translates("lstm_cell")
def lstm_cell(b: Builder, input: Any, hx: Any, *params: Any) -> list[Value]:
    h, c = hx
    i, f, g, o = _sum_of_gates(b, input, h, params, 4)
    kept = b.emit("Mul", b.emit("Sigmoid", f), c)
    kept = b.emit("Add", kept, b.emit("Mul", b.emit("Sigmoid", i), b.emit("Tanh", g)))
    return [b.emit("Mul", b.emit("Sigmoid", o), b.emit("Tanh", kept)), kept]


@translates("gru_cell")
def gru_cell(b: Builder, input: Any, hx: Any, *params: Any) -> Value:
    w_ih, w_hh, b_ih, b_hh = (*params, *(None,) * (4 - len(params)))
    xr, xz, xn = _gates(b, input, w_ih, b_ih, 3)
    hr, hz, hn = _gates(b, hx, w_hh, b_hh, 3)
    r, z = (b.emit("Sigmoid", b.emit("Add", x, h)) for x, h in ((xr, hr), (xz, hz)))
    n = b.emit("Tanh", b.emit("Add", xn, b.emit("Mul", r, hn)))
    return b.emit("Add", n, b.emit("Mul", z, b.emit("Sub", hx, n)))


def _plain_cell(operator: str) -> Any:
    def write(b: Builder, input: Any, hx: Any, *params: Any) -> Value:
        return b.emit(operator, _sum_of_gates(b, input, hx, params, 1)[0])

    return write


translates("rnn_tanh_cell")(_plain_cell("Tanh"))
translates("rnn_relu_cell")(_plain_cell("Relu"))
