"""Single elements: functions that leave zero at zero, products, sums, quotients and powers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.promotion import promote_types
from ..core.sparse import COO, SparseArray, SparseTensor
from ..core.tensor import Tensor, wrap_numpy
from ..dispatch.registry import NAMESPACES
from ..formula.dimensions import broadcast_shapes
from ..ops.join.cat import cat
from . import graph, index, place
from .convert import same_layout
from .dispatch import is_sparse, meaning, write

_KEEPING = ("neg", "negative", "positive", "conj_physical", "conj", "real", "imag")
"""Functions that are linear, so that equal coordinates need not be added first."""
_UNARY = (
    *("abs", "absolute", "sin", "sqrt", "relu", "floor", "round", "sign", "isnan", "isinf"),
    *("deg2rad", "rad2deg", "erf", "erfinv", "expm1", "log1p", "tan", "tanh", "asin", "asinh"),
    *("atan", "atanh", "trunc", "fix", "signbit", "frac", "isneginf", "isposinf", "sgn", "sinh"),
    *("square", "ceil", "nan_to_num", "angle", "arcsin", "arcsinh", "arctan", "arctanh"),
)
"""Functions that leave zero at zero."""


def _values(x: SparseTensor) -> tuple[SparseArray, Tensor]:
    return x._array, graph.values_of(x)


def _label(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _unary(name: str, linear: bool) -> None:
    @meaning(name, inplace=True)
    def compute(input: SparseTensor, *args: Any, **options: Any) -> Tensor:
        x = input if linear or input.layout is not COO else place.coalesced(input)
        array, values = _values(x)
        result = _dense(name)(values, *args, **options)
        return graph.named(graph.placed(array, result), _label(name))


def _dense(name: str) -> Any:
    """The function or attribute of this name, of dense tensors."""
    found = NAMESPACES["torch"].get(name) or getattr(Tensor, name)
    return found.fget if isinstance(found, property) else found


for _name in _KEEPING:
    _unary(_name, True)
for _name in _UNARY:
    _unary(_name, False)


@meaning()
def dropout(
    input: SparseTensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    array, values = _values(input)
    made = graph.placed(array, NAMESPACES["nn.functional"]["dropout"](values, p, training))
    return write(input, made, "dropout_") if inplace else made


# --------------------------------------------------------------------------------------- products


def _is_number(x: Any) -> bool:
    return not isinstance(x, Tensor) or (not is_sparse(x) and x.ndim == 0)


@meaning("mul", "multiply", inplace=True)
def mul(input: Any, other: Any) -> Tensor:
    x, y = (input, other) if is_sparse(input) else (other, input)
    array, values = _values(x)
    if _is_number(y):
        return graph.named(graph.placed(array, values * y), "Mul")
    if is_sparse(y):
        return _product(input, other)
    if tuple(broadcast_shapes(array.shape, y.shape)) != tuple(array.shape):
        raise RuntimeError(
            f"mul(): a sparse tensor of shape {list(array.shape)} cannot be broadcast to the shape of the "
            f"dense one, {list(y.shape)}: call .to_dense() first"
        )
    other_values = graph.gathered(y.expand(array.shape), array)
    return graph.named(graph.placed(array, values * other_values), "Mul")


def _product(x: SparseTensor, y: SparseTensor) -> Tensor:
    """The product of two sparse tensors: at the places that both have."""
    a, b = x._array, y._array
    if a.shape != b.shape:
        raise RuntimeError(
            f"mul operands have incompatible sizes: {list(a.shape)} and {list(b.shape)}: sparse tensors do "
            "not broadcast"
        )
    if a.pattern is b.pattern and a.layout is b.layout and a.pattern.coalesced:
        return graph.named(graph.placed(a, graph.values_of(x) * graph.values_of(y)), "Mul")
    like = a if a.layout is not COO else b
    x, y = (place.coalesced(place.as_coordinates(item)) for item in (x, y))
    x, y = _same_dims(x, y)
    first, second = index.places(x._array), index.places(y._array)
    at, found = index.matching(second.flat, first.flat)
    mine = None if found.all() else found.nonzero()[0]
    at = at if mine is None else at[mine]
    left = graph.taken(graph.values_of(x), mine)
    right = graph.taken(graph.values_of(y), at)
    pattern = x._array.pattern
    if mine is not None:
        pattern = index.pattern_of(pattern.arrays[0][:, mine], True)
    made = graph.placed(x._array, left * right, pattern)
    return graph.named(same_layout(made, like), "Mul")


def _same_dims(x: SparseTensor, y: SparseTensor) -> tuple[SparseTensor, SparseTensor]:
    if x.sparse_dim() != y.sparse_dim():
        raise RuntimeError(
            f"operands have different sparse_dim, {x.sparse_dim()} and {y.sparse_dim()}: make them of one by "
            ".to_dense().to_sparse(sparse_dim)"
        )
    return x, y


@meaning("div", "divide", "true_divide", "__truediv__", inplace=True)
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    if not _is_number(other) or not is_sparse(input):
        shape = list(other.shape) if isinstance(other, Tensor) else []
        raise RuntimeError(
            f"Sparse division requires a scalar or zero-dim dense tensor divisor (got shape {shape} for "
            "divisor): divide .values(), or call .to_dense() first"
        )
    x = input
    if rounding_mode is not None and x.layout is COO:
        x = place.coalesced(x)
    array, values = _values(x)
    result = values.div(other, rounding_mode=rounding_mode)
    return graph.named(graph.placed(array, result), "Div")


@meaning("floor_divide", "__floordiv__", inplace=True)
def floor_divide(input: Any, other: Any) -> Tensor:
    return div(input, other, rounding_mode="floor")


@meaning("pow", "__pow__", inplace=True)
def pow(input: Any, exponent: Any) -> Tensor:
    if not is_sparse(input) or not _is_number(exponent):
        raise NotImplementedError(
            "Could not run 'aten::pow' with arguments from the 'SparseCPU' backend: the exponent must be a "
            "number; call .to_dense() first"
        )
    if exponent == 0:
        raise RuntimeError(
            "pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor dense"
        )
    x = place.coalesced(input) if input.layout is COO else input
    array, values = _values(x)
    return graph.named(graph.placed(array, values**exponent), "Pow")


# ------------------------------------------------------------------------------------------- sums


@meaning(inplace=True)
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    if is_sparse(input) and is_sparse(other):
        return graph.named(_sum(input, other, alpha), "Add")
    x, y = (input, other) if is_sparse(input) else (other, input)
    if not isinstance(y, Tensor) or (x is input and x.layout is COO):
        raise RuntimeError(
            "add(sparse, dense) is not supported. Use add(dense, sparse) instead: the sum is dense"
        )
    if x is input:
        return graph.named(_added(y * alpha, x, 1), "Add")
    return graph.named(_added(y, x, alpha), "Add")


@meaning("sub", "subtract", inplace=True)
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    return graph.named(add(input, other, alpha=-alpha), "Sub")


@meaning()
def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    return sub(other, input, alpha=alpha)


def _scaled(values: Tensor, alpha: Any) -> Tensor:
    return values if alpha.__class__ is int and alpha == 1 else values * alpha


def _added(y: Tensor, x: SparseTensor, alpha: Any) -> Tensor:
    """A dense tensor, with a sparse one added."""
    if y.shape != x.shape:
        raise RuntimeError(
            f"add: expected sizes of dense and sparse operands to be equal, but {list(y.shape)} != "
            f"{list(x.shape)}: expand() the dense one first"
        )
    where = index.places(x._array)
    values = _scaled(graph.rows_of(x._array, graph.values_of(x)), alpha)
    if values.dtype is not y.dtype:
        common = promote_types(values.dtype, y.dtype)
        values, y = values.to(common), y.to(common)
    rows = y.reshape((index.sized(where.sizes), *where.tail))
    return rows.index_add(0, wrap_numpy(where.flat), values).reshape(y.shape)


def _sum(x: SparseTensor, y: SparseTensor, alpha: Any) -> SparseTensor:
    """The sum of two sparse tensors: at the places that either has."""
    a, b = x._array, y._array
    if a.shape != b.shape:
        raise RuntimeError(
            f"add: expected sizes of 'self' and 'other' to match, but {list(a.shape)} != {list(b.shape)}"
        )
    if a.pattern is b.pattern and a.layout is b.layout:
        return graph.placed(a, graph.values_of(x) + _scaled(graph.values_of(y), alpha))
    coalesced = (a.layout is not COO or a.pattern.coalesced) and (
        b.layout is not COO or b.pattern.coalesced
    )
    x, y = _same_dims(place.as_coordinates(x), place.as_coordinates(y))
    if coalesced and np.array_equal(x._array.pattern.arrays[0], y._array.pattern.arrays[0]):
        made = graph.placed(x._array, graph.values_of(x) + _scaled(graph.values_of(y), alpha))
        return same_layout(made, a)
    both, values = _joined(x, y, alpha)
    made = graph.placed(x._array, values, index.pattern_of(both, False))
    if coalesced:
        made = place.coalesced(made)
    return same_layout(made, a)


def _joined(x: SparseTensor, y: SparseTensor, alpha: Any) -> tuple[Any, Tensor]:
    both = np.concatenate([x._array.pattern.arrays[0], y._array.pattern.arrays[0]], 1)
    left, right = graph.values_of(x), _scaled(graph.values_of(y), alpha)
    common = promote_types(left.dtype, right.dtype)
    return both, cat([left.to(common), right.to(common)])
