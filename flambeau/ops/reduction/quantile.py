"""Quantiles: between the elements of a sorted dimension."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...core.device import CPU
from ...core.dtype import bool_, int64
from ...core.tensor import Tensor, wrap, wrap_dim
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.registry import public
from ...dispatch.write import write_out
from ...formula import primitive as p
from ...formula.expression import Expression
from ..create.data import tensor
from ..elementwise.comparison import where
from ..index.scatter import gather
from .selection import nan_count
from .sort import sort

_WAYS = ("linear", "lower", "higher", "midpoint", "nearest")


@pointwise(label="Lerp", method=False, inplace=False, namespace="", unsupported="complex")
def between(x: Expression, y: Expression, w: Expression) -> Expression:
    """(1 - w) x + w y; x or y itself where w is 0 or 1, or they are the same infinity."""
    step = y - x
    near = p.where(p.less(w, 0.5), x + w * step, y - step * (1 - w))
    value = p.where(p.isfinite(step), near, (1 - w) * x + w * y)
    begins, ends = p.logical_or(p.equal(w, 0), p.equal(x, y)), p.equal(w, 1)
    return p.where(begins, x, p.where(ends, y, value))


@between.gradient
def _(g: Expression, x: Expression, y: Expression, w: Expression, out: Expression) -> tuple:
    return g * (1 - w), g * w, g * p.where(p.equal(x, y), 0.0, y - x)


def _checked(input: Tensor, q: Any, interpolation: str) -> Tensor:
    """q as a tensor of the input's dtype.

    Raises:
        RuntimeError: It, the input or the interpolation are not right.
    """
    if input.dtype.name not in ("float32", "float64"):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if input._array.size == 0:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if interpolation not in _WAYS:
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if not isinstance(q, Tensor):
        if not 0 <= q <= 1:
            raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q}")
        return tensor(float(q), dtype=input.dtype, device=input.device)
    if q._array.ndim > 1:
        raise RuntimeError("quantile() q must be a scalar or 1D tensor")
    if q.dtype is not input.dtype:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if not ((q._array >= 0) & (q._array <= 1)).all():
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    return q


def _quantile(
    input: Tensor, q: Any, dim: int | None, keepdim: bool, way: str, ignore: bool
) -> Tensor:
    wanted = _checked(input, q, way)
    ndim, at = input._array.ndim, 0 if dim is None else wrap_dim(dim, input._array.ndim)
    if way == "linear" and not (ignore or isinstance(q, Tensor)) and input._kind.device is CPU:
        return _at_share(input, float(q), None if dim is None or not ndim else at, keepdim)
    x = input.reshape(-1) if dim is None or not ndim else input.movedim(at, -1)
    rows = sort(x, -1).values
    size, lost = rows._array.shape[-1], nan_count(rows._array, rows._array.ndim - 1)
    one = rows._array.dtype.type
    count = (size - lost).astype(one) if ignore else np.full_like(lost, size).astype(one)
    ranks = wanted.reshape(-1) * wrap(np.maximum(count - one(1), one(0)), input._kind)
    if not ignore and lost.any():
        ranks = ranks.masked_fill(wrap(lost > 0, rows._kind.with_dtype(bool_)), size - 1)
    if way in ("lower", "higher", "nearest"):
        ranks = {"lower": ranks.floor, "higher": ranks.ceil, "nearest": ranks.round}[way]()
        result = gather(rows, -1, ranks.to(int64))
    else:
        below = ranks.to(int64)
        share = ranks.detach() - below if way == "linear" else 0.5
        share = ranks - below if ranks.requires_grad and way == "linear" else share
        low, high = gather(rows, -1, below), gather(rows, -1, ranks.detach().ceil().to(int64))
        result = between(low, high, share)
    result = result.movedim(-1, 0)
    if keepdim:
        shape = (1,) * ndim if dim is None else None
        result = (
            result.reshape((len(result), *shape))
            if shape is not None
            else result.unsqueeze(at + 1 if ndim else -1)
        )
        if not ndim:
            result = result.reshape((len(result),))
    return result if wanted._array.ndim else result.squeeze(0)


def _at_share(input: Tensor, q: float, dim: int | None, keepdim: bool) -> Tensor:
    """One linear quantile: two elements of each row, and nan where a row has one."""
    x, at = (input.reshape(-1), 0) if dim is None else (input, dim)  # type: ignore[attr-defined]
    rows = sort(x, at).values
    size, one = rows._array.shape[at], rows._array.dtype.type
    rank = one(q) * one(size - 1)
    low, high = int(rank), math.ceil(rank)
    below = rows.select(at, low)
    result = below if low == high else between(below, rows.select(at, high), float(rank - low))
    last = rows._array.take(size - 1, at)
    if (last != last).any():  # nan is sorted to the end
        lost = wrap(last != last, rows._kind.with_dtype(bool_))
        result = where(lost, rows.select(at, size - 1), result)
    elif result is below:
        result = below.clone()
    if not keepdim:
        return result  # type: ignore[no-any-return]
    return result.reshape((1,) * input._array.ndim) if dim is None else result.unsqueeze(dim)  # type: ignore[no-any-return]


def _form(name: str, ignore: bool) -> None:
    def function(
        input: Tensor,
        q: Any,
        dim: int | None = None,
        keepdim: bool = False,
        *,
        interpolation: str = "linear",
        out: Tensor | None = None,
    ) -> Tensor:
        result = _quantile(input, q, dim, keepdim, interpolation, ignore)
        return result if out is None else write_out(out, result, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""The value below which a share q of the elements lies{", nan passed over" if ignore else ""}.

    Args:
        input: A float32 or float64 tensor.
        q: The share, or a vector of shares, which becomes the first dimension of the result.
        dim: The dimension; None for all elements.
        keepdim: Keep the dimension, with size 1?
        interpolation: Between two elements: "linear", "lower", "higher", "midpoint" or "nearest".
        out: Where to write the result.

    Raises:
        RuntimeError: q lies outside 0 to 1, or dtypes are not right.

    Source: torch.{name}

    Example:
        >>> import flambeau as torch
        >>> torch.{name}(torch.tensor([1., 2., 3., 4.]), 0.5)
        tensor(2.5000)
    """
    public(method=True)(function)


_form("quantile", False)
_form("nanquantile", True)
