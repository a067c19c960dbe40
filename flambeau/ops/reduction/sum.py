"""Reductions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core import tensor as handle
from ...core.device import CPU
from ...core.dtype import COMPLEX, FLOAT, bool_, uint8
from ...core.promotion import PromotionKind
from ...core.tensor import Tensor
from ...dispatch.formula.rowwise import one_dim, rowwise
from ...dispatch.registry import public
from ...dispatch.write import write_out
from ...formula import primitive as p
from ...formula import statistic
from ...formula.expression import Domain, Expression
from ..elementwise.comparison import ne

Dims = Any
FEW = 4096
"""Elements up to which a call costs more than what it does."""


@rowwise(label="Sum", kind=PromotionKind.BOOL_TO_LONG)
def sum_(x: Expression) -> Expression:
    """The sum of a row."""
    return p.sum(x)


@rowwise(label="Mean")
def mean_(x: Expression) -> Expression:
    """The average of a row."""
    return statistic.plain_average(x)


@rowwise(label="Prod", kind=PromotionKind.BOOL_TO_LONG)
def prod_(x: Expression) -> Expression:
    """The product of a row."""
    return p.prod(x)


@rowwise(kind=PromotionKind.ALWAYS_BOOL)
def any_(x: Expression) -> Expression:
    """Is anything in the row true?"""
    return p.any(x)


@rowwise(kind=PromotionKind.ALWAYS_BOOL)
def all_(x: Expression) -> Expression:
    """Is everything in the row true?"""
    return p.all(x)


@rowwise(label="Logsumexp", kind=PromotionKind.INT_TO_FLOAT)
def logsumexp_(x: Expression) -> Expression:
    """log(sum(exp(x))) of a row, without overflow."""
    m, power = _powers(x)
    return p.log(p.sum(power)) + m


@logsumexp_.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    """Not exp(x - y), which would magnify y's rounding error."""
    _, power = _powers(x)
    return p.conj(power / p.sum(power)) * g


def _powers(x: Expression) -> tuple[Expression, Expression]:
    """A row's largest element m, and exp(x - m), which is 1 of what is infinite as m is."""
    m = p.held(p.amax(p.real(x)))
    infinite = p.logical_and(p.isinf(m), p.equal(p.real(x), m))
    if x.domain == Domain.COMPLEX:
        m = p.where(p.isfinite(m), m, 0.0)
        return m, p.exp(x - m)
    return m, p.exp(p.where(infinite, 0.0, x - m))


@rowwise(label="Nansum", kind=PromotionKind.BOOL_TO_LONG)
def nansum_(x: Expression) -> Expression:
    """The sum of what is not nan."""
    return p.sum(x if x.domain < Domain.REAL else p.where(p.isnan(x), 0, x))


@rowwise(label="Div")
def nanmean_(x: Expression) -> Expression:
    """The average of what is not nan."""
    lost = p.isnan(x)
    return p.sum(p.where(lost, 0.0, x)) / p.sum(p.where(lost, 0.0, 1.0))


def _floating(name: str, input: Tensor, dtype: Any) -> None:
    wanted = input.dtype if dtype is None else dtype
    if not (wanted.is_floating_point or wanted.is_complex):
        raise RuntimeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {wanted.legacy}: convert with .float() or pass dtype="
        )


@public(method=True, usual=sum_.over)
def sum(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """The sum over dimensions (all, if none are given); integers and bools give int64.

    Raises:
        IndexError: A dimension is out of range.
        RuntimeError: One is named twice.

    Source: torch.sum

    Example:
        >>> import flambeau as torch
        >>> torch.sum(torch.tensor([[1., 2.], [3., 4.]]), 0)
        tensor([4., 6.])
    """
    return sum_.over(input, dim, keepdim, dtype, out)


def _mean(input: Tensor, dim: Dims, keepdim: bool) -> Tensor:
    if input._kind.dtype.category < FLOAT:
        _floating("mean", input, None)
    return mean_.over(input, dim, keepdim)


@public(method=True, usual=_mean)
def mean(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """The average over dimensions.

    Raises:
        RuntimeError: The dtype is neither floating nor complex.

    Source: torch.mean
    """
    if dtype is not None or input._kind.dtype.category < FLOAT:
        _floating("mean", input, dtype)
    return mean_.over(input, dim, keepdim, dtype, out)


@public(method=True)
def nansum(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """The sum with nan counted as zero.

    Source: torch.nansum
    """
    _no_complex("nansum", input)
    return nansum_.over(input, dim, keepdim, dtype, out)


def _no_complex(name: str, input: Tensor) -> None:
    if input._kind.dtype.category == COMPLEX:
        raise RuntimeError(
            f"{name} on CPU does not support complex inputs: sum the parts, .real and .imag"
        )


@public(method=True)
def nanmean(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """The average of what is not nan.

    Raises:
        RuntimeError: The dtype is neither floating nor complex.

    Source: torch.nanmean

    Example:
        >>> import flambeau as torch
        >>> torch.nanmean(torch.tensor([1., float("nan"), 4.]))
        tensor(2.5000)
    """
    if input._kind.dtype.category < FLOAT:
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got "
            f"{input.dtype.legacy}: convert with .float()"
        )
    _no_complex("nanmean", input)
    return nanmean_.over(input, dim, keepdim, dtype, out)


@public(method=True)
def prod(
    input: Tensor,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """The product over one dimension, or of all elements.

    Raises:
        TypeError: Several dimensions are given.

    Source: torch.prod
    """
    if dim.__class__ is not int:
        one_dim("prod", dim)
    return prod_.over(input, dim, keepdim, dtype, out)


@public(method=True)
def any(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Is any element true (not zero)?

    Source: torch.any
    """
    return _truth("any", any_, input, dim, keepdim, out)


@public(method=True)
def all(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Are all elements true (not zero)?

    Source: torch.all
    """
    return _truth("all", all_, input, dim, keepdim, out)


def _truth(
    name: str, operation: Any, input: Tensor, dim: Dims, keepdim: bool, out: Tensor | None
) -> Tensor:
    """An empty `dim` reduces nothing; uint8 answers in uint8, as it did before there was bool."""
    nothing = dim.__class__ is not int and dim in ((), [])
    if input._kind.dtype is bool_ and input._array.size <= FEW and input._kind.device is CPU:
        # As bytes: machine code has no bools to compute with, and for few NumPy's call takes longer than that.
        input = handle.make(
            input._array.view(np.uint8), input._kind.with_dtype(uint8), None, [0], None
        )
        result = ne(input, 0) if nothing else operation.over(input, dim, keepdim)
        return result if out is None else write_out(out, result, name)
    result = ne(input, 0) if nothing else operation.over(input, dim, keepdim)
    if input._kind.dtype is uint8:
        result = result.to(input.dtype)
    return result if out is None else write_out(out, result, name)


@public("logsumexp", "special.logsumexp", method=True)
def logsumexp(
    input: Tensor, dim: Dims, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """log(sum(exp(input))) over dimensions, without overflow.

    Source: torch.logsumexp
    """
    if not input._array.size:  # there is no largest element to take out
        result = sum(input.exp(), dim, keepdim).log()  # type: ignore[attr-defined]
        return result if out is None else write_out(out, result, "logsumexp")
    return logsumexp_.over(input, dim, keepdim, None, out)


@public(method=True)
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements over dimensions are not zero.

    Source: torch.count_nonzero
    """
    dims = None if dim.__class__ is not int and dim in (None, (), []) else dim
    return sum_.over(input if input._kind.dtype is bool_ else ne(input, 0), dims)  # type: ignore[no-any-return]
