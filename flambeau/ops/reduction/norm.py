"""Vector norms."""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

from ...core.dtype import FLOAT
from ...core.tensor import Tensor
from ...dispatch.formula.rowwise import rowwise, wrap_dims
from ...dispatch.registry import public
from ...formula import primitive as p
from ...formula import statistic
from ...formula.expression import Expression

Dims = Any


@rowwise(label="LinalgVectorNorm")
def norm2_(x: Expression) -> Expression:
    """The root of the sum of squares of a row."""
    return statistic.norm(x)


@rowwise(label="Div")
def direction_(x: Expression, eps: float = 1e-12) -> Expression:
    """A row by its norm, or by eps where that is more."""
    return statistic.direction(x, eps)


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
    return statistic.norm_of_order(x, order)


def _check(x: Tensor, ord: float, dim: Dims, dtype: Any) -> None:
    """Raises RuntimeError for integers, and for norms that have no value for no elements."""
    wanted = x.dtype if dtype is None else dtype
    if not (wanted.is_floating_point or wanted.is_complex):
        raise RuntimeError(
            f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{wanted.legacy}: convert with .float() or pass dtype="
        )
    if x._array.size == 0 and (ord < 0 or math.isinf(ord)):
        dims = wrap_dims(None if dim == () else dim, x._array.ndim)
        if any(x._array.shape[d] == 0 for d in dims):
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {ord:g} norm on an empty tensor or "
                "dimension because the operation does not have an identity"
            )


def direction(x: Tensor, dim: Dims, eps: float, out: Tensor | None) -> Tensor:
    """`x` by its 2-norm along dimensions, or by eps where that is more.

    Raises:
        RuntimeError: It has integers.
    """
    _check(x, 2.0, dim, None)
    return direction_(x, dim=dim, out=out, parameters=(float(eps),))


@public("linalg.vector_norm")
def vector_norm(
    x: Tensor,
    ord: Any = 2,
    dim: Dims = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
    out: Tensor | None = None,
) -> Tensor:
    """A vector norm over dimensions: (sum |x|^ord)^(1/ord), or the largest or smallest magnitude.

    Source: torch.linalg.vector_norm
    """
    if isinstance(ord, str):
        raise TypeError(
            f"linalg_vector_norm(): argument 'ord' (position 2) must be Number, not str: {ord!r}; "
            "matrix norms have names"
        )
    if dtype is not None or x._kind.dtype.category < FLOAT or not x._array.size:
        _check(x, float(ord), dim, dtype)
    named = _NAMED.get(ord)
    if named is not None:
        return named.over(x, dim, keepdim, dtype, out)  # type: ignore[no-any-return]
    if dtype is None and out is None:
        return normp_.fast[True,](x, (), (float(ord),), dim, keepdim)  # type: ignore[no-any-return]
    return normp_(x, parameters=(float(ord),), dim=dim, keepdim=keepdim, dtype=dtype, out=out)


_NAMED: dict[float, Any] = {
    2: norm2_, 1: norm1_, 0: norm0_, math.inf: norm_inf_, -math.inf: norm_ninf_,
}  # fmt: skip


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

    Args:
        p: The order, "fro" for 2, or "nuc" for the sum of a matrix's singular values.

    Source: torch.norm

    Example:
        >>> import flambeau as torch
        >>> torch.norm(torch.tensor([3., 4.]))
        tensor(5.)
    """
    if p == "nuc":
        matrix_norm = import_module("flambeau.linalg").matrix_norm
        return matrix_norm(
            input, "nuc", (-2, -1) if dim is None else dim, keepdim, dtype=dtype, out=out
        )
    order = 2 if p.__class__ is not int and p in (None, "fro") else p
    return vector_norm(input, order, dim, keepdim, dtype=dtype, out=out)


@public("nuclear_norm", out=True, tensors="input")
def nuclear_norm(input: Tensor, dim: Any = (-2, -1), keepdim: bool = False) -> Tensor:
    """The sum of a matrix's singular values; `keepdim` may stand in the place of `dim`.

    Source: torch.nuclear_norm

    Example:
        >>> import flambeau as torch
        >>> torch.nuclear_norm(torch.eye(3))
        tensor(3.)
    """
    if isinstance(dim, bool):
        dim, keepdim = (-2, -1), dim
    return norm(input, "nuc", dim, keepdim)


@public("frobenius_norm", out=True, tensors="input")
def frobenius_norm(input: Tensor, dim: Dims, keepdim: bool = False) -> Tensor:
    """The root of the sum of squares along dimensions; of all, if none is named.

    Source: torch.frobenius_norm

    Example:
        >>> import flambeau as torch
        >>> torch.frobenius_norm(torch.tensor([[3.0, 0.0], [4.0, 2.0]]), 0)
        tensor([5., 2.])
    """
    return vector_norm(input, 2, None if dim in ((), []) else dim, keepdim)
