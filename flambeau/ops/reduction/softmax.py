"""Softmax and normalisation of rows."""

from __future__ import annotations

import math
from typing import Any

from ..._caller import warn
from ...core.dtype import finfo, float32
from ...core.promotion import PromotionKind
from ...core.tensor import Tensor, wrap_dim
from ...dispatch.formula.formula_operation import Operand as operand
from ...dispatch.formula.rowwise import one_dim, rowwise
from ...dispatch.registry import public
from ...formula import primitive as p
from ...formula import statistic
from ...formula.expression import Domain, Expression

FLOAT = PromotionKind.INT_TO_FLOAT


@rowwise(label="Softmax", unsupported="bool int complex")
def softmax_(x: Expression) -> Expression:
    """exp(x) / sum(exp(x)) of a row."""
    e = p.exp(x - p.held(p.amax(x)))
    return e / p.sum(e)


@softmax_.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return y * (g - p.sum(g * y))


@rowwise(label="SafeSoftmax", unsupported="bool int complex")
def safe_softmax_(x: Expression) -> Expression:
    """`softmax_`, and zeros for a row of nothing but -inf: one that a mask left nothing of.

    Weights are multiplied next, and processors take a hundred times as long to multiply subnormal numbers, which
    scores that differ by 88 and more give: so these are zeros, here and in the gradient, as in one pass.
    """
    most = p.held(p.amax(x))
    e = p.exp(x - p.where(p.equal(most, -math.inf), 0.0, most))
    share = e / p.maximum(p.sum(e), 1.0)  # the largest element's share of the sum is 1
    return p.flushed(share)


@safe_softmax_.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return p.flushed(y * (g - p.sum(g * y)))


@rowwise(label="LogSoftmax", unsupported="bool int complex")
def log_softmax_(x: Expression) -> Expression:
    """x - log(sum(exp(x))) of a row."""
    c = x - p.held(p.amax(x))
    return c - p.log(p.sum(p.exp(c)))


@log_softmax_.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return g - p.exp(y) * p.sum(g)


def _default_dim(name: str, ndim: int) -> int:
    """What dim=None has meant: deprecated, with a warning."""

    warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an "
        "argument.",
        UserWarning,
    )
    return 0 if ndim in (0, 1, 3) else 1


def _row_function(name: str, operation: Any, doc: str) -> Any:
    def functional(
        input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
    ) -> Tensor:
        if dim is None:
            dim = _default_dim(name, input.ndim)
        return run(input, dim, dtype)

    def function(
        input: Tensor, dim: int, dtype: Any = None, *, out: Tensor | None = None
    ) -> Tensor:
        return run(input, dim, dtype, out)

    def run(input: Tensor, dim: int, dtype: Any, out: Tensor | None = None) -> Tensor:
        if dim.__class__ is not int:
            one_dim(name, dim)
        if input._array.size == 0:
            wrap_dim(dim, input._array.ndim)
            return input.to(dtype or input.dtype, copy=True)  # type: ignore[attr-defined]
        return operation.over(input, dim, False, dtype, out)

    for made in (functional, function):
        made.__name__ = made.__qualname__ = name
        made.__doc__ = (
            f"{doc}\n\n    Args:\n        dim: The dimension along which rows lie.\n        dtype: Convert the "
            f"input to it first.\n\n    Source: torch.nn.functional.{name}\n    "
        )
    public(f"nn.functional.{name}")(functional)
    return public(name, f"special.{name}", method=name, usual=run)(function)


softmax = _row_function("softmax", softmax_, "exp(input) / sum(exp(input)) along a dimension.")
log_softmax = _row_function("log_softmax", log_softmax_, "log(softmax(input)), without overflow.")


@public("_safe_softmax")
def safe_softmax(input: Tensor, dim: int = -1, dtype: Any = None) -> Tensor:
    """softmax(input), and zeros for a row of nothing but -inf: one that a mask left nothing of.

    Args:
        dim: Along which dimension.
        dtype: Convert to this dtype first.

    Source: torch._safe_softmax
    """
    x: Any = input if dtype is None else input.to(dtype)  # type: ignore[attr-defined]
    return safe_softmax_.over(x, wrap_dim(dim, x.ndim)) if x._array.size else x  # type: ignore[no-any-return]


@public("nn.functional.softmin")
def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """softmax(-input).

    Source: torch.nn.functional.softmin
    """
    return softmax(-input, _default_dim("softmin", input.ndim) if dim is None else dim, dtype)  # type: ignore


@rowwise(label="NativeLayerNorm", unsupported="bool int complex")
def layer_norm_(
    x: Expression,
    weight: operand = None,
    bias: operand = None,  # type: ignore[assignment]
    eps: float = 1e-5,
) -> Expression:
    """A row less its mean, by its standard deviation, times weight plus bias."""
    y = statistic.standardized(x, eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def _row_dims(
    name: str,
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None,
    bias: Tensor | None = None,
) -> tuple[int, ...]:
    """The dimensions of a row: the input's last ones; checks what has to fit it."""
    if isinstance(normalized_shape, int):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not int: "
            f"pass ({normalized_shape},)"
        )
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    if input._array.shape[-len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape "
            f"[*, {', '.join(map(str, shape))}], but got input of size{list(input.shape)}"
        )
    for title, value in (("weight", weight), ("bias", bias)):
        if value is not None and value._array.shape != shape:
            raise RuntimeError(
                f"Expected {title} to be of same shape as normalized_shape, but got {title} of shape "
                f"{list(value.shape)} and normalized_shape = {list(shape)}"
            )
    return _LAST[len(shape)] if len(shape) < len(_LAST) else tuple(range(-len(shape), 0))


_LAST = tuple(tuple(range(-n, 0)) for n in range(5))


@public("layer_norm", "nn.functional.layer_norm")
def layer_norm(
    input: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Rows (the last dimensions, of normalized_shape) less their mean, by their standard deviation.

    Args:
        weight, bias: Of normalized_shape.

    Raises:
        RuntimeError: The input does not end in normalized_shape.

    Source: torch.nn.functional.layer_norm; Ba, Kiros and Hinton (2016)
    """
    dim = _row_dims("layer_norm", input, normalized_shape, weight, bias)
    there = True, weight is not None, bias is not None
    return layer_norm_.fast[there](input, weight, bias, (), (float(eps),), dim, False)


def _of_unit_size(x: Expression, eps: float) -> Expression:
    if x.domain is Domain.COMPLEX:  # in PyTorch its squares are no magnitudes
        return x * p.rsqrt(p.mean(p.square(x)) + eps)
    return statistic.of_unit_size(x, eps)


@rowwise(label="RmsNorm")
def rms_norm_(x: Expression, weight: operand = None, eps: float = 1e-6) -> Expression:  # type: ignore[assignment]
    """A row by its root mean square, times weight."""
    y = _of_unit_size(x, eps)
    return y if weight is None else y * weight


@public("rms_norm", "nn.functional.rms_norm")
def rms_norm(
    input: Tensor, normalized_shape: Any, weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Rows by their root mean square.

    Args:
        eps: Added to the mean square; by default the dtype's epsilon, of half types that of float32.

    Source: torch.nn.functional.rms_norm; Zhang and Sennrich (2019)
    """
    dim = _row_dims("rms_norm", input, normalized_shape, weight)
    if eps is None:  # that of the type in which it is computed, which is no half type
        eps = min(finfo(input.dtype).eps, finfo(float32).eps)
    there = True, weight is not None
    return rms_norm_.fast[there](input, weight, (), (float(eps),), dim, False)
