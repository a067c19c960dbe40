"""Products of vectors and the matrices built from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import BY_NUMPY
from ...core.promotion import promote_types
from ...core.tensor import Tensor, wrap_dim
from ...dispatch.decided import decided
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ..view.complex import view_as_complex
from ..view.slice import diagonal
from .check import conjugated


@public("linalg.cross", out=True, tensors="input other")
def cross(input: Tensor, other: Tensor, *, dim: int = -1) -> Tensor:
    """The cross product of vectors of three elements.

    Args:
        input: One factor.
        other: The other; the two broadcast.
        dim: The dimension of size 3.

    Source: torch.linalg.cross

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.cross(torch.tensor([1., 0., 0.]), torch.tensor([0., 1., 0.]))
        tensor([0., 0., 1.])
    """
    own, given = input._array.shape, other._array.shape
    if len(own) != len(given):
        raise RuntimeError(
            f"linalg.cross: inputs must have the same number of dimensions, got {input.ndim} and {other.ndim}."
        )
    at = wrap_dim(dim, len(own))
    a, b = own[at], given[at]
    if a != 3 or b != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a} and {b}"
        )
    if input._kind is not other._kind:
        common = promote_types(input.dtype, other.dtype)
        input, other = input.to(common), other.to(common)
    return cross_(input, other, at)


def _crossed(x: Any, y: Any, dim: int) -> Any:
    """Cross products with NumPy."""
    before = (slice(None),) * dim
    a, b = ([z[(*before, k)] for k in range(3)] for z in (x, y))
    parts = [a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.stack(parts, dim)


_cross_map = kernels.Native("array.cross", "crossed", _crossed)


@operation(operands="x y", label="LinalgCross")
def cross_(x: Any, y: Any, dim: int) -> Any:
    """Cross products along a dimension; the half types are rounded once."""
    wide = BY_NUMPY[x.dtype].compute
    if wide is x.dtype:
        return _cross_map(x, y, dim)
    made = _cross_map(x.astype(wide, copy=False), y.astype(wide, copy=False), dim)
    return made.astype(x.dtype, copy=False)


@cross_.gradient
def _(
    g: Tensor, x: Tensor, y: Tensor, dim: int, needs: tuple[bool, ...],
    shape_x: tuple[int, ...], shape_y: tuple[int, ...],
) -> list[Tensor | None]:  # fmt: skip
    return [
        cross_(conjugated(y), g, dim)._fit(shape_x) if needs[0] else None,
        cross_(g, conjugated(x), dim)._fit(shape_y) if needs[1] else None,
    ]


@public("cross", method="cross", out=True, tensors="input other")
def old_cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """The cross product; without `dim`, over the first dimension of size 3.

    Source: torch.cross
    """
    if dim is None:
        found = [i for i, size in enumerate(input.shape) if size == 3]
        if not found:
            raise RuntimeError("no dimension of size 3 in input")
        dim = found[0]
    return cross(input, other, dim=dim)


@public("linalg.vecdot", out=True, tensors="x y")
def vecdot(x: Tensor, y: Tensor, *, dim: int = -1) -> Tensor:
    """Dot products of vectors along a dimension, the first vector conjugated.

    Source: torch.linalg.vecdot

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.vecdot(torch.ones(2, 3), torch.ones(3))
        tensor([3., 3.])
    """
    return (conjugated(x) * y).sum(dim)


@public("linalg.vander", out=True, tensors="x")
def vander(x: Tensor, N: int | None = None) -> Tensor:
    """Rows 1, x, x^2, ... of each element.

    Args:
        x: The elements.
        N: How many powers. Default: as many as the last dimension has elements.

    Source: torch.linalg.vander

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.vander(torch.tensor([2, 3]), N=3)
        tensor([[1, 2, 4],
                [1, 3, 9]])
    """
    if x.ndim == 0 and N is None:
        raise RuntimeError("linalg.vander: x has 0 dimensions, so N must be given")
    x = x[None] if x.ndim == 0 else x
    n = x.shape[-1] if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    return _powers(x, n)


def _powers(x: Tensor, n: int) -> Tensor:
    from ..join.cat import stack

    if x.dtype.category < 2:
        x = x.long()
    columns = [x.new_ones(x.shape)]  # nan ** 0 is 1
    for _ in range(n - 1):
        columns.append(columns[-1] * x)
    return stack(columns, -1)


@public("linalg.diagonal", out=True, tensors="A")
def matrix_diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """A view of the diagonals of matrices.

    Source: torch.linalg.diagonal
    """
    return diagonal(A, offset, dim1, dim2)


@public("kron", method=True, out=True, tensors="input other")
@decided
def kron(input: Tensor, other: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """The Kronecker product: blocks of `other`, one for each element of `input`.

    Source: torch.kron

    Example:
        >>> import flambeau as torch
        >>> torch.kron(torch.tensor([1, 2]), torch.tensor([1, 1]))
        tensor([1, 1, 2, 2])
    """
    n = max(input.ndim, other.ndim)
    a = (1,) * (n - input.ndim) + tuple(input.shape)
    b = (1,) * (n - other.ndim) + tuple(other.shape)
    left = [size for pair in zip(a, (1,) * n) for size in pair]
    right = [size for pair in zip((1,) * n, b) for size in pair]
    whole = [i * j for i, j in zip(a, b)]
    return lambda x, y: (x.reshape(left) * y.reshape(right)).reshape(whole)


def cov_of(x: Tensor, correction: int, fweights: Any, aweights: Any) -> Tensor:
    """The covariance of the rows of a matrix."""
    columns = x.shape[1]
    w = None
    if fweights is not None:
        w = fweights
    if aweights is not None:
        w = aweights if w is None else w * aweights
    total: Any = columns if w is None else w.sum()
    mean = (x.mean(1) if w is None else (x * w).sum(1) / total) if columns else x.sum(1)
    if w is None:
        norm: Any = float(columns - correction)
    elif aweights is None or correction == 0:
        norm = total - correction
    else:
        norm = total - correction * (w * aweights).sum() / total
    centred = x - mean[:, None]
    scaled = centred if w is None else centred * w
    product = centred @ conjugated(scaled).mT
    if isinstance(norm, float):
        return product / max(norm, 0.0)
    return product / norm.clamp(min=0)


def _weights(name: str, weights: Any, columns: int, category: int, wanted: str) -> None:
    if weights is None:
        return
    if weights.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
            f"{weights.ndim} dimensions"
        )
    if weights.dtype.category != category:
        raise RuntimeError(
            f"cov(): expected {name} to have {wanted} dtype but got {name} with {weights.dtype} dtype"
        )
    if weights.numel() != columns:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input "
            f"but got {weights.numel()} != {columns}"
        )
    if bool((weights < 0).any()):
        raise RuntimeError(f"cov(): {name} cannot be negative")


@public("cov", method=True, out=True, tensors="input")
def cov(
    input: Tensor, *, correction: int = 1, fweights: Any = None, aweights: Any = None
) -> Tensor:
    """The covariance matrix of variables (rows) over observations (columns).

    Args:
        input: A matrix, or a vector for one variable.
        correction: What is subtracted from the number of observations.
        fweights: How often each observation was made.
        aweights: The importance of each.

    Source: torch.cov

    Example:
        >>> import flambeau as torch
        >>> torch.cov(torch.tensor([[1., 2., 3.], [3., 2., 1.]]))
        tensor([[ 1., -1.],
                [-1.,  1.]])
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    if input.dtype.category == 0:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input.reshape(1, -1) if input.ndim < 2 else input
    if x.dtype.category == 1:
        from ...core.dtype import get_default_dtype

        x = x.to(get_default_dtype())
    _weights("fweights", fweights, x.shape[1], 1, "integral")
    _weights("aweights", aweights, x.shape[1], 2, "floating point")
    result = cov_of(x, correction, fweights, aweights)
    return result.squeeze()


@public("corrcoef", method=True, out=True, tensors="input")
def corrcoef(input: Tensor) -> Tensor:
    """The correlation coefficients of variables (rows) over observations (columns).

    Source: torch.corrcoef
    """
    if input.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    c = cov(input)
    if c.ndim == 0:
        return c / c
    spread = c.diagonal(0, 0, 1).sqrt()
    c = c / spread[:, None] / spread[None, :]
    if c.dtype.is_complex:
        from ..join.cat import stack

        return view_as_complex(stack([c.real.clip(-1, 1), c.imag.clip(-1, 1)], -1))
    return c.clip(-1, 1)
