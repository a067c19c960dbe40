"""Reductions and normalisations that leave elements out: torch.masked.

Each function takes `mask`, a bool tensor that broadcasts to the input: True for elements that count.
What does not count is replaced by a value that changes nothing: 0 in a sum, -inf in a maximum.
"""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.tensor import Tensor


def _where(input: Tensor, mask: Tensor | None) -> Tensor | None:
    """The mask in the input's shape.

    Raises:
        IndexError: It has more dimensions.
    """
    if mask is None:
        return None
    if mask.ndim > input.ndim:
        raise IndexError(
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)"
        )
    if mask.shape != input.shape:
        mask = mask.expand(input.shape)
    return mask if mask.dtype is torch.bool else mask.bool()


def _filled(input: Tensor, mask: Tensor | None, value: Any) -> Tensor:
    mask = _where(input, mask)
    return input if mask is None else input.masked_fill(~mask, value)


def _cast(input: Tensor, dtype: Any) -> Tensor:
    return input if dtype is None else input.to(dtype)


def _ends(input: Tensor) -> tuple[Any, Any]:
    """The least and the greatest value of the dtype."""
    if input.dtype.is_floating_point:
        return -math.inf, math.inf
    if input.dtype is torch.bool:
        return False, True
    info = torch.iinfo(input.dtype)
    return info.min, info.max


def _axes(input: Tensor, dim: Any) -> Any:
    return tuple(range(input.ndim)) if dim is None else dim


def sum(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The sum of what counts; 0 where nothing does.

    Source: torch.masked.sum

    Example:
        >>> import flambeau as torch
        >>> torch.masked.sum(torch.tensor([1, 2, 4]), mask=torch.tensor([True, False, True]))
        tensor(5)
    """
    x = _filled(_cast(input, dtype), mask, 0)
    return torch.sum(x, _axes(x, dim), keepdim)


def prod(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The product of what counts; 1 where nothing does.

    Source: torch.masked.prod
    """
    x = _filled(_cast(input, dtype), mask, 1)
    axes = _axes(x, dim)
    for axis in sorted((a % x.ndim for a in _tuple(axes)), reverse=True) if x.ndim else ():
        x = torch.prod(x, axis, keepdim)
    return torch.prod(x) if not input.ndim else x


def _tuple(dim: Any) -> tuple[int, ...]:
    return (dim,) if isinstance(dim, int) else tuple(dim)


def _count(input: Tensor, dim: Any, keepdim: bool, mask: Tensor | None) -> Tensor:
    """How many elements count."""
    mask = _where(input, mask)
    ones = torch.ones(input.shape, dtype=torch.int64, device=input.device)
    counted = ones if mask is None else mask.long()
    return torch.sum(counted, _axes(input, dim), keepdim)


def mean(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The mean of what counts; nan where nothing does.

    Source: torch.masked.mean
    """
    total = sum(input, dim, keepdim=keepdim, dtype=dtype, mask=mask)
    return total / _count(input, dim, keepdim, mask)


def amax(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The largest of what counts; the dtype's least value where nothing does.

    Source: torch.masked.amax
    """
    x = _cast(input, dtype)
    return torch.amax(_filled(x, mask, _ends(x)[0]), _axes(x, dim), keepdim)


def amin(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The smallest of what counts; the dtype's greatest value where nothing does.

    Source: torch.masked.amin
    """
    x = _cast(input, dtype)
    return torch.amin(_filled(x, mask, _ends(x)[1]), _axes(x, dim), keepdim)


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Where the largest of what counts stands, as a number of the input's dtype (as in PyTorch).

    Source: torch.masked.argmax
    """
    x = _cast(input, dtype)
    return torch.argmax(_filled(x, mask, _ends(x)[0]), dim, keepdim).to(x.dtype)


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Where the smallest of what counts stands, as a number of the input's dtype (as in PyTorch).

    Source: torch.masked.argmin
    """
    x = _cast(input, dtype)
    return torch.argmin(_filled(x, mask, _ends(x)[1]), dim, keepdim).to(x.dtype)


def logsumexp(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """log(sum(exp(x))) over what counts; -inf where nothing does.

    Source: torch.masked.logsumexp
    """
    x = _cast(input, dtype)
    least = _ends(x)[0] if x.dtype.category < 2 else -math.inf
    return torch.logsumexp(_filled(x, mask, least), _axes(x, dim), keepdim).to(x.dtype)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Any = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """log(exp(input) + exp(other)); what does not count is -inf.

    Source: torch.masked.logaddexp
    """
    a = _filled(_cast(input, dtype), input_mask, -math.inf)
    return torch.logaddexp(a, _filled(_cast(other, dtype), other_mask, -math.inf))


def norm(
    input: Tensor,
    ord: float = 2.0,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The vector norm of what counts; 0 where nothing does (inf, for a negative order).

    Source: torch.masked.norm
    """
    x = _filled(_cast(input, dtype), mask, 0 if ord >= 0 else math.inf)
    return torch.linalg.vector_norm(x, ord, _axes(x, dim), keepdim)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance of what counts.

    Args:
        input: The values.
        dim: Over which dimensions; default: all.
        unbiased: The same as correction=1 or 0.
        correction: What is subtracted from the count. Default: 1.
        keepdim: Keep reduced dimensions with size 1.
        dtype: Convert first.
        mask: True for elements that count.

    Source: torch.masked.var
    """
    if correction is None:
        correction = 0 if unbiased is False else 1
    x = _cast(input, dtype)
    if x.dtype.category < 2:
        x = x.to(torch.get_default_dtype())
    count = _count(x, dim, True, mask)
    gap = x - sum(x, dim, keepdim=True, mask=mask) / count
    square = gap.abs().square() if x.is_complex() else gap.square()
    total = sum(square, dim, keepdim=keepdim, mask=mask)
    left = (count if keepdim else count.reshape(total.shape)) - correction
    return (total / left.clamp(min=0).to(total.dtype)).to(x.dtype)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The standard deviation of what counts.

    Source: torch.masked.std
    """
    options: dict[str, Any] = {"keepdim": keepdim, "dtype": dtype, "mask": mask}
    return var(input, dim, unbiased, correction=correction, **options).sqrt()


def median(
    input: Tensor,
    dim: int = -1,
    *,
    keepdim: bool = False,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The lower median of what counts; nan where nothing does.

    Raises:
        ValueError: The input is not floating, so that there is no nan, and something is left out.

    Source: torch.masked.median
    """
    x = _cast(input, dtype)
    if not x.dtype.is_floating_point:
        where = _where(x, mask)
        if where is not None and not bool(where.all()):
            raise ValueError(
                "masked median expects no fully masked out rows if dtype is not floating point"
            )
        return torch.median(x, dim, keepdim).values
    return torch.nanmedian(_filled(x, mask, math.nan), dim, keepdim).values


def cumsum(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Running sums of what counts.

    Source: torch.masked.cumsum
    """
    x = _cast(input, dtype)
    return torch.cumsum(_filled(x, mask, 0), dim).to(x.dtype)


def cumprod(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """Running products of what counts.

    Source: torch.masked.cumprod
    """
    x = _cast(input, dtype)
    return torch.cumprod(_filled(x, mask, 1), dim).to(x.dtype)


def softmax(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """exp(x), divided by its sum over what counts; nan where nothing does.

    Source: torch.masked.softmax

    Example:
        >>> import flambeau as torch
        >>> torch.masked.softmax(torch.zeros(3), 0, mask=torch.tensor([True, True, False]))
        tensor([0.5000, 0.5000, 0.0000])
    """
    return torch.softmax(_filled(_cast(input, dtype), mask, -math.inf), dim)


def log_softmax(
    input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None
) -> Tensor:
    """The logarithm of `softmax`.

    Source: torch.masked.log_softmax
    """
    return torch.log_softmax(_filled(_cast(input, dtype), mask, -math.inf), dim)


def softmin(input: Tensor, dim: int, *, dtype: Any = None, mask: Tensor | None = None) -> Tensor:
    """`softmax` of -x.

    Source: torch.masked.softmin
    """
    x = _filled(_cast(input, dtype), mask, math.inf)
    return torch.nn.functional.softmin(x, dim)


def normalize(
    input: Tensor,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: Any = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Vectors over the norm of what counts of them; the rest becomes 0.

    Source: torch.masked.normalize
    """
    x = _cast(input, dtype)
    length = norm(x, ord, dim, keepdim=True, mask=mask)
    return _filled(x, mask, 0) / length.clamp(min=eps)
