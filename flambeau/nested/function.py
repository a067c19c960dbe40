"""What functions are for nested tensors.

A handler is called with the function itself and its arguments. What works on single elements is found
in the registry; it runs on all rows at once, or on each part of a strided tensor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap_dim
from ..dispatch.formula.formula_operation import FormulaOperation
from ..dispatch.registry import OPERATIONS
from ..ops.create.data import tensor
from ..ops.join.cat import cat, stack
from .tensor import FINDERS, HANDLERS, NestedTensor, strided

_MORE = frozenset((
    *("dropout", "alpha_dropout", "feature_dropout", "gelu", "silu", "relu6", "hardtanh", "hardswish", "hardsigmoid"),
    *("leaky_relu", "elu", "selu", "celu", "softplus", "mish", "logsigmoid", "tanhshrink", "threshold", "clamp", "clip"),
    *("to", "type", "type_as", "float", "double", "half", "bfloat16", "long", "int", "bool", "masked_fill", "where"),
    *("ones_like", "zeros_like", "empty_like", "full_like", "rand_like", "randn_like", "detach", "nan_to_num", "isclose"),
    *("add", "sub", "subtract", "rsub", "mul", "multiply", "div", "divide", "true_divide", "floor_divide", "remainder"),
    *("fmod", "pow", "float_power", "square", "abs", "absolute", "neg", "negative"),
))  # fmt: skip
"""Functions of single elements that are no formulas, but are made of such or change none."""
_OPERATORS = frozenset(
    f"__{prefix}{name}__"
    for prefix in ("", "r", "i")
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and", "or", "xor")
) | {"__neg__", "__abs__", "__invert__", "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"}


def is_for(*names: str) -> Callable:
    def register(handler: Callable) -> Callable:
        HANDLERS.update(dict.fromkeys(names, handler))
        return handler

    return register


# ------------------------------------------------------------------------------- single elements


@cache
def pointwise_of(name: str) -> Callable | None:
    """The handler of a function of single elements; None for another function."""
    operation = OPERATIONS.get(name) or OPERATIONS.get(name.rstrip("_"))
    formula = isinstance(operation, FormulaOperation) and not operation.rows
    if formula or name in _OPERATORS or name.rstrip("_") in _MORE:
        return _pointwise
    return None


FINDERS.append(pointwise_of)


def _pointwise(func: Callable, *args: Any, **kwargs: Any) -> Any:
    nested = [x for x in (*args, *kwargs.values()) if isinstance(x, NestedTensor)]
    first = nested[0]
    for other in nested[1:]:
        _check_alike(func, first, other)
    if first._parts is not None:
        parts = [
            func(*[_part(x, i) for x in args], **{k: _part(x, i) for k, x in kwargs.items()})
            for i in range(len(first._parts))
        ]
        written = _written(func, first)
        return strided(parts) if written is None else written
    found = func(
        *[_packed(x, first) for x in args], **{k: _packed(x, first) for k, x in kwargs.items()}
    )
    written = _written(func, first)
    return first._of(found) if written is None else written


def _written(func: Callable, first: NestedTensor) -> NestedTensor | None:
    """The tensor itself, of what wrote into it."""
    name = func.__name__
    in_place = name.endswith("_") and not name.endswith("__")
    return first if in_place or (name.startswith("__i") and name != "__invert__") else None


def _check_alike(func: Callable, x: NestedTensor, y: NestedTensor) -> None:
    if x._parts is None and y._parts is None and x._ragged == y._ragged and x._rows == y._rows:
        return
    strided_alike = (
        x._parts is not None
        and y._parts is not None
        and [p.shape for p in x._parts] == [p.shape for p in y._parts]
    )
    if not strided_alike:
        sizes = [[tuple(p.shape) for p in n.unbind()] for n in (x, y)]
        raise RuntimeError(
            f"cannot call binary pointwise function {func.__name__} with inputs of shapes {sizes[0]} and {sizes[1]}: "
            "nested tensors do not broadcast"
        )


def _part(x: Any, i: int) -> Any:
    if isinstance(x, NestedTensor):
        return x._parts[i]  # type: ignore[index]
    if isinstance(x, Tensor) and x.ndim:
        raise RuntimeError(
            "Expected both self and other to be nested, but got a nested self and non-nested other: a strided nested "
            "tensor goes with numbers and with others like it; layout=torch.jagged goes with dense ones"
        )
    return x


def _packed(x: Any, like: NestedTensor) -> Any:
    """An argument as the rows of all parts see it."""
    if isinstance(x, NestedTensor):
        return x._packed
    if not isinstance(x, Tensor) or x.ndim == 0 or (like._ragged == 1 and x.ndim <= like.ndim - 2):
        return x
    if like._ragged == 1 and x.ndim == like.ndim - 1 and x.shape[0] == 1:
        return x.squeeze(0)  # type: ignore[attr-defined]
    if like._ragged == 1 and x.ndim == like.ndim and x.shape[1] == 1:
        if x.shape[0] == 1:
            return x.reshape(x.shape[2:])  # type: ignore[attr-defined]
        if x.shape[0] == len(like._rows.lengths):
            return x.squeeze(1).index_select(0, _batch_of_rows(like))  # type: ignore[attr-defined]
    raise RuntimeError(
        f"a dense tensor of sizes {list(x.shape)} does not broadcast with a nested one of {tuple(like.shape)}: it has to "
        "have size 1 in the ragged dimension"
    )


def _batch_of_rows(x: NestedTensor) -> Tensor:
    lengths = x._rows.lengths
    return tensor(np.repeat(np.arange(len(lengths)), lengths).tolist())


# -------------------------------------------------------------------------------------- rows


def _inner(x: NestedTensor, dim: int) -> int:
    """A dimension behind the ragged one, as the packed rows have it.

    Raises:
        RuntimeError: It is the batch or the ragged dimension, or lies before it.
    """
    at = wrap_dim(dim, x.ndim)
    if x._parts is not None:
        if at == 0:
            raise RuntimeError(
                "a nested tensor is not reduced over its batch: dim must be 1 or more"
            )
        return at - 1
    if at <= x._ragged:
        raise RuntimeError(
            f"the dimension {dim} is not one behind the ragged dimension {x._ragged}"
        )
    return at - 1


@is_for("linear")
def _linear(
    func: Callable, input: NestedTensor, weight: Tensor, bias: Tensor | None = None
) -> NestedTensor:
    return input._map(lambda rows: func(rows, weight, bias))


@is_for("matmul", "__matmul__", "mm", "bmm")
def _matmul(func: Callable, input: Any, other: Any) -> NestedTensor:
    if isinstance(input, NestedTensor) and isinstance(other, NestedTensor):
        pairs = zip(input.unbind(), other.unbind(), strict=True)
        return like_parts_of(input, [a @ b for a, b in pairs])  # type: ignore[operator]
    if not isinstance(input, NestedTensor) or other.ndim != 2:
        raise RuntimeError(
            "matmul(): a nested tensor is multiplied by a matrix, or by another nested tensor"
        )
    return input._map(lambda rows: rows @ other)


@is_for("layer_norm")
def _layer_norm(
    func: Callable,
    input: NestedTensor,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> NestedTensor:
    shape = [normalized_shape] if isinstance(normalized_shape, int) else list(normalized_shape)
    if input._parts is None and len(shape) > input.ndim - 1 - input._ragged:
        raise RuntimeError(
            "layer_norm(): normalizing over the ragged dimension is not supported for nested tensors"
        )
    return input._map(lambda rows: func(rows, shape, weight, bias, eps))


@is_for("rms_norm")
def _rms_norm(
    func: Callable, input: NestedTensor, normalized_shape: Any, weight: Any = None, eps: Any = None
) -> NestedTensor:
    return input._map(lambda rows: func(rows, normalized_shape, weight, eps))


@is_for("softmax", "log_softmax")
def _softmax(
    func: Callable, input: NestedTensor, dim: int, *args: Any, **options: Any
) -> NestedTensor:
    at = wrap_dim(dim, input.ndim)
    if input._parts is None and at > input._ragged:
        return input._of(func(input._packed, at - 1, *args, **options))
    if at == 0:
        raise RuntimeError("softmax(): not over the batch of a nested tensor")
    return like_parts_of(input, [func(part, at - 1, *args, **options) for part in input.unbind()])


@is_for("sum", "mean", "amax", "amin", "prod", "any", "all", "logsumexp", "var", "std", "norm")
def _reduce(
    func: Callable, input: NestedTensor, dim: Any = None, *args: Any, **options: Any
) -> Any:
    if dim is None:
        return func(input.values(), *args, **options)
    if isinstance(dim, (tuple, list)):
        if len(dim) != 1:
            raise NotImplementedError(
                f"{func.__name__}(): one dimension at a time for nested tensors"
            )
        dim = dim[0]
    at = wrap_dim(dim, input.ndim)
    if at == 0:
        raise RuntimeError(f"{func.__name__}(): not over the batch of a nested tensor")
    if input._parts is None and at > input._ragged:
        return input._of(func(input._packed, at - 1, *args, **options))
    parts = [func(part, at - 1, *args, **options) for part in input.unbind()]
    return (
        stack(parts)
        if input._parts is None and at == input._ragged
        else like_parts_of(input, parts)
    )


def like_parts_of(x: NestedTensor, parts: Sequence[Tensor]) -> NestedTensor:
    """Parts of the same ragged sizes as those of x, in its layout."""
    if x._parts is not None:
        return strided(parts)
    front = x._ragged - 1
    return x._of(cat([part.movedim(front, 0) if front else part for part in parts]))  # type: ignore[attr-defined]


@is_for("embedding")
def _embedding(
    func: Callable, input: NestedTensor, weight: Tensor, *args: Any, **options: Any
) -> NestedTensor:
    return input._map(lambda rows: func(rows, weight, *args, **options))


# ------------------------------------------------------------------------------------- shapes


@is_for("transpose", "swapaxes", "swapdims")
def _transpose(func: Callable, input: NestedTensor, dim0: int, dim1: int) -> NestedTensor:
    a, b = sorted(wrap_dim(dim, input.ndim) for dim in (dim0, dim1))
    if a == 0:
        raise RuntimeError("transpose(): Batch dimension is not supported for nested tensors")
    if input._parts is not None:
        return strided([part.transpose(a - 1, b - 1) for part in input._parts])  # type: ignore[attr-defined]
    if input._ragged not in (a, b):
        places = [d if d < input._ragged else d - 1 for d in (a, b)]
        return input._of(input._packed.transpose(*places))  # type: ignore[attr-defined]
    if b - a > 1:
        raise NotImplementedError(
            "transpose(): the ragged dimension changes places with a neighbour only"
        )
    return input._of(input._packed, a + b - input._ragged)


@is_for("unflatten")
def _unflatten(func: Callable, input: NestedTensor, dim: int, sizes: Sequence[int]) -> NestedTensor:
    at = _inner(input, dim)
    return input._map(lambda rows: rows.unflatten(at, sizes))  # type: ignore[attr-defined]


@is_for("flatten")
def _flatten(
    func: Callable, input: NestedTensor, start_dim: int = 0, end_dim: int = -1
) -> NestedTensor:
    a, b = _inner(input, start_dim), _inner(input, end_dim)
    return input._map(lambda rows: rows.flatten(a, b))  # type: ignore[attr-defined]


@is_for("view", "reshape")
def _view(func: Callable, input: NestedTensor, *shape: Any) -> NestedTensor:
    sizes = (
        list(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else list(shape)
    )
    if input._ragged != 1 or sizes[0] not in (-1, len(input)):
        raise NotImplementedError("view(): the batch stays, and the ragged dimension behind it")
    if input._parts is not None:  # -1 is what each part has there
        wanted = [
            [part.shape[i] if n == -1 and i < part.ndim else n for i, n in enumerate(sizes[1:])]
            for part in input._parts
        ]
        return strided([part.reshape(shape) for part, shape in zip(input._parts, wanted)])  # type: ignore[attr-defined]
    if len(sizes) < 2 or sizes[1] not in (-1, input._rows):
        raise RuntimeError(f"view(): the ragged size {input._rows} stays, got {sizes[1:2]}")
    return input._of(input._packed.reshape(-1, *sizes[2:]))  # type: ignore[attr-defined]


@is_for("unsqueeze")
def _unsqueeze(func: Callable, input: NestedTensor, dim: int) -> NestedTensor:
    at = dim % (input.ndim + 1)
    if at <= input._ragged:
        raise RuntimeError(
            f"unsqueeze(): not before the ragged dimension of a nested tensor, got {dim}"
        )
    return input._map(lambda rows: rows.unsqueeze(at - 1))  # type: ignore[attr-defined]


@is_for("squeeze")
def _squeeze(func: Callable, input: NestedTensor, dim: int) -> NestedTensor:
    at = _inner(input, dim)
    return input._map(lambda rows: rows.squeeze(at))  # type: ignore[attr-defined]


@is_for("chunk", "split", "tensor_split")
def _chunk(
    func: Callable, input: NestedTensor, sizes: Any, dim: int = 0
) -> tuple[NestedTensor, ...]:
    at = _inner(input, dim)
    if input._parts is None:
        return tuple(input._of(piece) for piece in func(input._packed, sizes, at))
    pieces = zip(*[func(part, sizes, at) for part in input._parts])
    return tuple(strided(piece) for piece in pieces)


@is_for("cat", "concat", "concatenate")
def _cat(func: Any, tensors: Sequence[Any], dim: int = 0) -> Any:
    if not any(isinstance(x, NestedTensor) for x in tensors):
        return cat(list(tensors), dim)
    first = tensors[0]
    at = wrap_dim(dim, first.ndim)
    for other in tensors[1:]:
        if first._parts is None:
            _check_alike(cat, first, other)
    if first._parts is None and at > first._ragged:
        return first._of(cat([x._packed for x in tensors], at - 1))
    parts = zip(*[x.unbind() for x in tensors], strict=True)
    if at == 0:
        raise NotImplementedError(
            "cat(): nested tensors are joined behind their batch; unbind() and make a new one"
        )
    return strided([cat(list(each), at - 1) for each in parts])


@is_for("__getitem__", "select")
def _getitem(func: Callable, input: NestedTensor, key: Any, *rest: Any) -> Any:
    if func.__name__ == "select":
        if key != 0:
            raise NotImplementedError("select(): along the batch of a nested tensor only")
        (key,) = rest
    if isinstance(key, int):
        return input.unbind()[key]
    if isinstance(key, tuple) and key and isinstance(key[0], int):
        return input.unbind()[key[0]][key[1:]]  # type: ignore[index]
    raise NotImplementedError(
        "a nested tensor is indexed by the number of a part first; unbind() gives all parts"
    )


@is_for("to_padded_tensor", "unbind", "values", "offsets", "size", "dim", "numel", "is_contiguous", "__len__", "__iter__",
     "__repr__", "requires_grad_", "backward")  # fmt: skip
def _own(func: Callable, input: NestedTensor, *args: Any, **options: Any) -> Any:
    return getattr(NestedTensor, func.__name__)(input, *args, **options)


@is_for("clone", "contiguous")
def _clone(func: Any, input: NestedTensor, **options: Any) -> NestedTensor:
    return input._map(lambda rows: rows.clone())  # type: ignore[attr-defined]


@is_for("equal")
def _equal(func: Callable, input: Any, other: Any) -> bool:
    if not (isinstance(input, NestedTensor) and isinstance(other, NestedTensor)) or len(
        input
    ) != len(other):
        return False
    return all(func(a, b) for a, b in zip(input.unbind(), other.unbind()))


__all__ = ["pointwise_of"]
