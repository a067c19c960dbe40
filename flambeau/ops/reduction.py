"""Reductions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.promotion import PromotionKind
from ..core.tensor import Tensor, wrap
from ..formula import primitive as p
from ..formula.expression import Expression, length
from .registry import public
from .row import rowwise, wrap_dims
from .rule import operation

Dims = Any


@rowwise(label="Sum", kind=PromotionKind.BOOL_TO_LONG)
def sum_(x: Expression) -> Expression:
    """The sum of a row."""
    return p.sum(x)


@rowwise(label="Mean")
def mean_(x: Expression) -> Expression:
    """The average of a row."""
    return p.sum(x) / length()


@rowwise(label="Prod", kind=PromotionKind.BOOL_TO_LONG)
def prod_(x: Expression) -> Expression:
    """The product of a row."""
    return p.prod(x)


@rowwise(label="Amax")
def amax_(x: Expression) -> Expression:
    """The largest of a row."""
    return p.amax(x)


@rowwise(label="Amin")
def amin_(x: Expression) -> Expression:
    """The smallest of a row."""
    return p.amin(x)


@rowwise(kind=PromotionKind.ALWAYS_BOOL)
def any_(x: Expression) -> Expression:
    """Is anything in the row true?"""
    return p.any(x)


@rowwise(kind=PromotionKind.ALWAYS_BOOL)
def all_(x: Expression) -> Expression:
    """Is everything in the row true?"""
    return p.all(x)


def _squares(x: Expression) -> Expression:
    """The squared distances from the mean."""
    c = x - p.sum(x) / length()
    return p.real(c * p.conj(c))


@rowwise(label="Var")
def var_(x: Expression, correction: float = 1.0) -> Expression:
    """The variance of a row, in two passes."""
    return p.sum(_squares(x)) / p.maximum(length() - correction, 0.0)


@rowwise(label="Std")
def std_(x: Expression, correction: float = 1.0) -> Expression:
    """The standard deviation of a row."""
    return p.sqrt(p.sum(_squares(x)) / p.maximum(length() - correction, 0.0))


@std_.gradient
def _(g: Expression, x: Expression, y: Expression, correction: Expression) -> Expression:
    slope = (x - p.sum(x) / length()) / (y * p.maximum(length() - correction, 0.0))
    return p.where(p.equal(y, 0), 0, g * slope)


@rowwise(label="Logsumexp", kind=PromotionKind.INT_TO_FLOAT)
def logsumexp_(x: Expression) -> Expression:
    """log(sum(exp(x))) of a row, without overflow."""
    m = p.held(p.amax(x))
    m = p.where(p.isfinite(m), m, 0)
    return p.log(p.sum(p.exp(x - m))) + m


@logsumexp_.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return g * p.exp(x - y)


@rowwise(label="LinalgVectorNorm")
def norm2_(x: Expression) -> Expression:
    """The root of the sum of squares of a row."""
    return p.sqrt(p.sum(p.square(p.absolute(x))))


@norm2_.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return p.where(p.equal(y, 0), 0, x * (g / y))


@rowwise(label="LinalgVectorNorm")
def norm1_(x: Expression) -> Expression:
    """The sum of magnitudes of a row."""
    return p.sum(p.absolute(x))


@rowwise(label="LinalgVectorNorm")
def norm_inf_(x: Expression) -> Expression:
    """The largest magnitude of a row."""
    return p.amax(p.absolute(x))


@rowwise(label="LinalgVectorNorm")
def norm_ninf_(x: Expression) -> Expression:
    """The smallest magnitude of a row."""
    return p.amin(p.absolute(x))


@rowwise(label="LinalgVectorNorm")
def norm0_(x: Expression) -> Expression:
    """How many of a row are not zero."""
    return p.sum(p.where(p.equal(x, 0), 0.0, 1.0))


@rowwise(label="LinalgVectorNorm")
def normp_(x: Expression, order: float = 2.0) -> Expression:
    """(sum of |x|^order)^(1 / order) of a row."""
    return p.power(p.sum(p.power(p.absolute(x), order)), p.reciprocal(order))


def _floating(name: str, input: Tensor, dtype: Any) -> None:
    wanted = input.dtype if dtype is None else dtype
    if not (wanted.is_floating_point or wanted.is_complex):
        raise RuntimeError(
            f"{name}(): could not infer output dtype. Input dtype must be either a floating point or "
            f"complex dtype. Got: {wanted}: convert with .float() or pass dtype="
        )


@public(method=True)
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


@public(method=True)
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
    if dtype is not None or input._kind.dtype.category < 2:
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
    from .comparison import where  # type: ignore[attr-defined]

    return sum(where(input != input, 0, input), dim, keepdim, dtype=dtype, out=out)


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

    Source: torch.prod
    """
    return prod_.over(input, dim, keepdim, dtype, out)


def _not_empty(name: str, input: Tensor, dim: Dims) -> None:
    """Raises IndexError where a largest or smallest element is asked of nothing."""
    array = input._array
    if array.size:
        return
    if dim is None or dim == ():
        raise RuntimeError(
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the "
            "reduction dim with the 'dim' argument."
        )
    for d in wrap_dims(dim, array.ndim):
        if array.shape[d] == 0:
            raise IndexError(f"{name}(): Expected reduction dim {d} to have non-zero size.")


@public(method=True)
def amax(
    input: Tensor, dim: Dims = (), keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The largest over dimensions; ties share the gradient.

    Source: torch.amax
    """
    _not_empty("amax", input, dim)
    return amax_(input, dim=dim, keepdim=keepdim, out=out)


@public(method=True)
def amin(
    input: Tensor, dim: Dims = (), keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """The smallest over dimensions; ties share the gradient.

    Source: torch.amin
    """
    _not_empty("amin", input, dim)
    return amin_(input, dim=dim, keepdim=keepdim, out=out)


@public(method=True)
def any(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Is any element true (not zero)?

    Source: torch.any
    """
    return _byte(input, any_(input, dim=dim, keepdim=keepdim), out)


@public(method=True)
def all(
    input: Tensor, dim: Dims = None, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """Are all elements true (not zero)?

    Source: torch.all
    """
    return _byte(input, all_(input, dim=dim, keepdim=keepdim), out)


def _byte(input: Tensor, result: Tensor, out: Tensor | None) -> Tensor:
    """uint8 answers in uint8, as it did before there was bool."""
    if input.dtype.name == "uint8":
        result = result.to(input.dtype)
    if out is None:
        return result
    from .write import write_out

    return write_out(out, result, "any")


def _correction(dim: Any, unbiased: Any, correction: Any) -> tuple[Any, float]:
    """var(unbiased), var(dim, unbiased) and var(dim, correction=): dims and correction."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        return dim, float(unbiased)
    return dim, 1.0 if correction is None else float(correction)


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
    dim, c = _correction(dim, unbiased, correction)
    _floating("var", input, None)
    return var_(input, dim=dim, keepdim=keepdim, out=out, parameters=(c,))


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
    dim, c = _correction(dim, unbiased, correction)
    _floating("std", input, None)
    return std_(input, dim=dim, keepdim=keepdim, out=out, parameters=(c,))


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
    dim, c = _correction(dim, unbiased, correction)
    return var(input, dim, keepdim=keepdim, correction=c), mean(input, dim, keepdim)


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
    dim, c = _correction(dim, unbiased, correction)
    return std(input, dim, keepdim=keepdim, correction=c), mean(input, dim, keepdim)


@public("logsumexp", "special.logsumexp", method=True)
def logsumexp(
    input: Tensor, dim: Dims, keepdim: bool = False, *, out: Tensor | None = None
) -> Tensor:
    """log(sum(exp(input))) over dimensions, without overflow.

    Source: torch.logsumexp
    """
    return logsumexp_(input, dim=dim, keepdim=keepdim, out=out)


@public("linalg.vector_norm")
def vector_norm(
    x: Tensor,
    ord: float = 2,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """A vector norm over dimensions: (sum |x|^ord)^(1/ord), or the largest or smallest magnitude.

    Source: torch.linalg.vector_norm
    """
    _floating("linalg.vector_norm", x, dtype)
    options: dict[str, Any] = {"dim": dim, "keepdim": keepdim, "dtype": dtype, "out": out}
    named = {2: norm2_, 1: norm1_, 0: norm0_, math.inf: norm_inf_, -math.inf: norm_ninf_}.get(
        float(ord)
    )
    return named(x, **options) if named else normp_(x, parameters=(float(ord),), **options)


@public(method=True)
def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Dims = None,
    keepdim: bool = False,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """A vector norm (the Frobenius norm of matrices is the 2-norm of their elements).

    Source: torch.norm
    """
    return vector_norm(input, 2 if p in (None, "fro") else p, dim, keepdim, dtype=dtype, out=out)


@operation(label="NoGradient")
def count_nonzero_(x: Any, axes: Any) -> Any:
    """How many elements are not zero."""
    return np.asarray(np.count_nonzero(x, axis=axes), np.int64)


@public(method=True)
def count_nonzero(input: Tensor, dim: Dims = None) -> Tensor:
    """How many elements over dimensions are not zero.

    Source: torch.count_nonzero
    """
    return count_nonzero_(input, None if dim is None else wrap_dims(dim, input.ndim))


def _extreme(name: str, find: Any) -> Any:
    def function(
        input: Tensor, dim: int | None = None, keepdim: bool = False, *, out: Tensor | None = None
    ) -> Tensor:
        array = input._array
        _not_empty(name, input, dim)
        if dim is None:
            values = np.asarray(find(array.reshape(-1)))
            values = values.reshape((1,) * array.ndim) if keepdim else values
        else:
            axis = wrap_dims(dim, array.ndim)[0]
            values = (
                np.asarray(find(array, axis=axis, keepdims=keepdim))
                if array.ndim
                else np.asarray(0)
            )
        result = wrap(values.astype(np.int64, copy=False), input._kind.with_dtype(_int64()))
        if out is None:
            return result
        from .write import write_out

        return write_out(out, result, name)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"The index of the {'largest' if name == 'argmax' else 'smallest'} element, over one "
        f"dimension or of all elements.\n\n    Source: torch.{name}\n    "
    )
    return public(name, method=name)(function)


def _int64() -> Any:
    from ..core.dtype import int64

    return int64


argmax, argmin = _extreme("argmax", np.argmax), _extreme("argmin", np.argmin)
