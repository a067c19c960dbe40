"""Variance and standard deviation."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

from ..._caller import warn
from ...core.dtype import FLOAT
from ...core.tensor import Tensor
from ...dispatch.formula.rowwise import rowwise, wrap_dims
from ...dispatch.registry import public
from ...formula import primitive as p
from ...formula import statistic
from ...formula.expression import Expression, length

Dims = Any


def _freedom(correction: object) -> Expression:
    return p.maximum(length() - correction, 0.0)


@rowwise(label="Var")
def var_(x: Expression, correction: float = 1.0) -> Expression:
    """The variance of a row."""
    return statistic.variance(x, _freedom(correction))


@rowwise(label="Std")
def std_(x: Expression, correction: float = 1.0) -> Expression:
    """The standard deviation of a row."""
    return statistic.standard_deviation(x, _freedom(correction))


@rowwise(label="VarMean")
def var_mean_(x: Expression, correction: float = 1.0) -> tuple[Expression, Expression]:
    """The variance and the mean of a row."""
    return var_.formula(x, correction), statistic.average(x)


@rowwise(label="StdMean")
def std_mean_(x: Expression, correction: float = 1.0) -> tuple[Expression, Expression]:
    """The standard deviation and the mean of a row."""
    return std_.formula(x, correction), statistic.average(x)


def _correction(dim: Any, unbiased: Any, correction: Any) -> tuple[Any, float]:
    """var(unbiased), var(dim, unbiased) and var(dim, correction=): dims and correction."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        return dim, float(unbiased)
    return dim, 1.0 if correction is None else float(correction)


def _run(
    name: str,
    operation: Any,
    input: Tensor,
    dim: Dims,
    unbiased: bool | None,
    keepdim: bool,
    correction: float | None,
    out: Tensor | None = None,
) -> Any:
    """Run with the correction that the arguments ask for, old and new ones."""
    if input._kind.dtype.category < FLOAT:
        raise RuntimeError(
            f"{name}: std and var only support floating point and complex dtypes, got "
            f"{input.dtype}: convert with .float()"
        )
    dim, c = _correction(dim, unbiased, correction)
    hashable = tuple(dim) if dim.__class__ is list else dim
    if input.__class__ is Tensor and c >= _count(input._array.shape, hashable):
        warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "reduction factor (input numel divided by output numel).",
            UserWarning,
        )
    if out is None:
        return operation.fast[ONE](input, (), (c,), dim, keepdim)
    return operation(input, dim=dim, keepdim=keepdim, out=out, parameters=(c,))


ONE = (True,)


@lru_cache(1024)
def _count(shape: tuple[int, ...], dim: Dims) -> int:
    """How many elements a row has."""
    dims = wrap_dims(None if dim == () else dim, len(shape))
    return math.prod([shape[d] for d in dims]) if shape else 1


@public(method=True)
def var(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The variance: squared distances from the mean, summed and divided by n - correction.

    Source: torch.var
    """
    return _run("var", var_, input, dim, unbiased, keepdim, correction, out)


@public(method=True)
def std(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
    out: Tensor | None = None,
) -> Tensor:
    """The standard deviation: the root of `var`.

    Source: torch.std
    """
    return _run("std", std_, input, dim, unbiased, keepdim, correction, out)


@public()
def var_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Variance and mean.

    Source: torch.var_mean
    """
    return _run("var_mean", var_mean_, input, dim, unbiased, keepdim, correction)


@public()
def std_mean(
    input: Tensor,
    dim: Dims = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean.

    Source: torch.std_mean
    """
    return _run("std_mean", std_mean_, input, dim, unbiased, keepdim, correction)
