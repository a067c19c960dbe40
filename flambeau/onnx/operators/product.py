"""Products of matrices, and attention."""

from __future__ import annotations

import math
from typing import Any

from ..builder import BOOL, INT64, Builder, Unsupported, Value, translates
from .shape import permuted, turned


@translates("matmul", "mm", "bmm", "dot", "mv", "vdot")
def matmul(b: Builder, input: Any, other: Any) -> Value:
    return b.emit("MatMul", input, other)


@translates("linear")
def linear(b: Builder, input: Any, weight: Any, bias: Any = None) -> Value:
    if input.rank == 2:
        return b.emit("Gemm", input, weight, bias, transB=1)
    product = b.emit("MatMul", input, turned(b, weight) if weight.rank == 2 else weight)
    return product if bias is None else b.emit("Add", product, bias)


def _scaled(b: Builder, x: Value, factor: float) -> Value:
    return x if factor == 1 else b.emit("Mul", x, b.constant(factor, x.type))


@translates("addmm", "baddbmm", "addmv")
def addmm(
    b: Builder, input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1
) -> Value:
    return b.emit("Add", _scaled(b, input, beta), _scaled(b, b.emit("MatMul", mat1, mat2), alpha))


@translates("outer", "ger")
def outer(b: Builder, input: Any, vec2: Any) -> Value:
    return b.emit("Mul", b.emit("Unsqueeze", input, b.ints([1])), vec2)


@translates("einsum")
def einsum(b: Builder, equation: str, *operands: Any) -> Value:
    tensors = (
        list(operands[0])
        if len(operands) == 1 and isinstance(operands[0], (list, tuple))
        else operands
    )
    if not isinstance(equation, str):
        raise Unsupported("einsum without an equation in letters")
    return b.emit("Einsum", *tensors, equation=equation.replace(" ", ""))


@translates("bilinear")
def bilinear(b: Builder, input1: Any, input2: Any, weight: Any, bias: Any = None) -> Value:
    found = b.emit("Einsum", input1, weight, input2, equation="...i,oij,...j->...o")
    return found if bias is None else b.emit("Add", found, bias)


@translates("scaled_dot_product_attention")
def attention(
    b: Builder,
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Value:
    if dropout_p:
        raise Unsupported(
            "attention with dropout draws random numbers: export the module in eval()"
        )
    if enable_gqa and query.shape[-3] != key.shape[-3]:
        key, value = (_spread(b, x, query.shape[-3] // x.shape[-3]) for x in (key, value))
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    order = list(range(key.rank))
    scores = b.emit("MatMul", query, permuted(b, key, [*order[:-2], order[-1], order[-2]]))
    scores = _scaled(b, scores, factor)
    low = b.constant(-math.inf, query.type)
    if is_causal:
        scores = b.emit("Where", _causal(b, query, key), scores, low, kind=query.type)
    if attn_mask is None:
        return b.emit("MatMul", b.emit("Softmax", scores, axis=-1), value)
    if attn_mask.type is not BOOL:
        scores = b.emit("Add", scores, b.cast(attn_mask, query.type))
        return b.emit("MatMul", b.emit("Softmax", scores, axis=-1), value)
    scores = b.emit("Where", attn_mask, scores, low, kind=query.type)
    weights = b.emit("Softmax", scores, axis=-1)
    hidden = b.emit("IsNaN", weights, kind=BOOL)  # a row that sees nothing is 0
    weights = b.emit("Where", hidden, b.constant(0, query.type), weights, kind=query.type)
    return b.emit("MatMul", weights, value)


def _causal(b: Builder, query: Value, key: Value) -> Value:
    """Where a key is not later than a query."""
    sizes = b.ints([b.size(query, query.rank - 2), b.size(key, key.rank - 2)])
    ones = b.emit("Expand", b.constant(1), sizes, kind=INT64)
    return b.cast(b.emit("Trilu", ones, upper=0), BOOL)


def _spread(b: Builder, x: Value, times: int) -> Value:
    """Heads, each several times."""
    sizes = [b.size(x, i) for i in range(x.rank)]
    wide = b.emit("Unsqueeze", x, b.ints([x.rank - 2]))
    wide = b.emit("Tile", wide, b.ints([1] * (x.rank - 2) + [times, 1, 1]))
    made = b.emit("Reshape", wide, b.ints([*sizes[:-3], sizes[-3] * times, *sizes[-2:]]))
    return b.keep(made, x)
