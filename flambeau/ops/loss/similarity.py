"""Distances and similarities of rows."""

from __future__ import annotations

from typing import Any

from ...core.dtype import FLOAT
from ...core.tensor import Tensor
from ...dispatch.formula.rowwise import rowwise
from ...dispatch.registry import public
from ...formula import primitive as p
from ...formula import statistic
from ...formula.expression import Expression
from ..elementwise.division import quotient
from ..reduction.norm import direction, vector_norm


def _at_least(length: Tensor, eps: float) -> Tensor:
    """Lengths, small ones raised to eps; the gradient does not see it."""
    held = length.detach()
    return length + (held.clamp_min(eps) - held)  # type: ignore[attr-defined, operator]


@rowwise(label="CosineSimilarity", names="x1 x2 eps", unsupported="bool int complex")
def cosine_(x: Expression, y: Expression, eps: float = 1e-8) -> Expression:
    """The product of two rows' directions; the gradient does not see that short ones are raised to eps."""

    def directed(x: Expression) -> Expression:
        length = statistic.norm(x)
        return x / (length + p.held(p.maximum(length, eps) - length))

    return p.sum(directed(x) * directed(y))


@rowwise(label="LinalgVectorNorm", names="x1 x2 eps", unsupported="bool int")
def distance_(x: Expression, y: Expression, eps: float = 1e-6) -> Expression:
    """The norm of x - y + eps of a row."""
    return statistic.norm(x - y + eps)


def _are_rows(x: Tensor, y: Tensor, dim: int) -> bool:
    """Are they floating tensors of one kind, with rows of one length, the second of which broadcasts to the first?

    The formulas above take no others: their rows are those of the first operand.
    """
    a, b = x._array.shape, y._array.shape
    if x._kind is not y._kind or x._kind.dtype.category != FLOAT or 0 in a:
        return False
    if a == b:
        return True
    fits = len(a) == len(b) and all(n in (m, 1) for m, n in zip(a, b))
    return fits and -len(a) <= dim < len(a) and a[dim] == b[dim]


@public("cosine_similarity", "nn.functional.cosine_similarity")
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between the rows of two tensors.

    Args:
        x1, x2: They broadcast.
        dim: The dimension along which rows lie.
        eps: The smallest length that is divided by.

    Source: torch.nn.functional.cosine_similarity

    Example:
        >>> import flambeau as torch
        >>> torch.cosine_similarity(torch.tensor([[1., 0.]]), torch.tensor([[1., 1.]]))
        tensor([0.7071])
    """
    if x1._kind.dtype.category < FLOAT or x2._kind.dtype.category < FLOAT:
        kinds = f"{x1.dtype} and {x2.dtype}"
        if max(x1.dtype.category, x2.dtype.category) < 2:
            raise RuntimeError(
                f"expected common dtype to be floating point, yet common dtype is not: got {kinds}"
            )
    if _are_rows(x1, x2, dim):
        return cosine_.fast[True, True](x1, x2, (), (float(eps),), dim, False)  # type: ignore[no-any-return]
    a = x1 / _at_least(vector_norm(_as(x1, x2), 2, dim, True), eps)  # type: ignore[operator]
    b = x2 / _at_least(vector_norm(_as(x2, x1), 2, dim, True), eps)  # type: ignore[operator]
    return (a * b).sum(dim)


def _as(x: Tensor, y: Tensor) -> Tensor:
    """x in the shape and dtype that both have together."""
    if x.shape == y.shape and x.dtype is y.dtype:
        return x
    return x + y.detach() * 0  # type: ignore[operator]


@public("pairwise_distance", "nn.functional.pairwise_distance")
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension.

    Args:
        x1, x2: (N, D) or (D); they broadcast.
        p: The norm's order.
        eps: Added to each difference, so that no gradient is infinite.
        keepdim: Keep the last dimension with size 1.

    Source: torch.nn.functional.pairwise_distance

    Example:
        >>> import flambeau as torch
        >>> torch.pairwise_distance(torch.tensor([[0., 3.]]), torch.tensor([[4., 0.]]))
        tensor([5.])
    """
    if p == 2 and _are_rows(x1, x2, -1):
        return distance_.fast[True, True](x1, x2, (), (float(eps),), -1, keepdim)  # type: ignore[no-any-return]
    return vector_norm(x1 - x2 + eps, p, -1, keepdim)  # type: ignore[operator]


@public("nn.functional.normalize")
def normalize(
    input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Rows by their norm.

    Args:
        input: The tensor.
        p: The norm's order.
        dim: The dimension, or dimensions, along which rows lie.
        eps: The smallest norm that is divided by.
        out: Where to write the result.

    Source: torch.nn.functional.normalize

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.normalize(torch.tensor([[3., 4.]]))
        tensor([[0.6000, 0.8000]])
    """
    if p == 2:
        return direction(input, dim, eps, out)
    length = vector_norm(input, p, dim, True).clamp_min(eps)  # type: ignore[attr-defined]
    return quotient(input, length, out=out)
