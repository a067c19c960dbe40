"""Distances between vectors, norms held below a bound, bilinear forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import kernels
from ...core.tensor import Tensor, wrap_dim, wrap_numpy
from ...dispatch.decided import decided
from ...dispatch.formula.pointwise import pointwise
from ...dispatch.registry import method, public
from ...dispatch.rule.rule_operation import operation
from ...formula import primitive
from ...formula.expression import Expression
from ..index.advanced import add_advanced
from ..reduction.norm import vector_norm
from .matmul import bmm_

SMALL = 25
"""Up to so many rows distances come from differences; above, from a matrix product."""

MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


def _between(x1: Any, x2: Any, p: float) -> Any:
    """Distances between the rows of matrices with NumPy."""
    if p != 2:
        gap = np.abs(x1[..., :, None, :] - x2[..., None, :, :])
        if p == 0:
            return (gap != 0).sum(-1).astype(x1.dtype)
        return gap.sum(-1) if p == 1 else gap.max(-1, initial=0)
    if max(x1.shape[-2], x2.shape[-2]) <= SMALL:
        gap = x1[..., :, None, :] - x2[..., None, :, :]
        squares = np.square(gap, dtype=np.float64).sum(-1)  # those of float32 leave its range
        return np.sqrt(squares).astype(x1.dtype)
    a, b = x1.astype(np.float64), x2.astype(np.float64)
    squares = (a * a).sum(-1)[..., :, None] + (b * b).sum(-1)[..., None, :]
    squares -= 2 * np.matmul(a, np.swapaxes(b, -1, -2))
    return np.sqrt(np.maximum(squares, 0)).astype(x1.dtype)


_between_map = kernels.Native("nn.distance", "between", _between)


@operation(operands="x1 x2", label="EuclideanDist")
def euclidean_(x1: Any, x2: Any) -> Any:
    """Euclidean distances between the rows of two matrices."""
    return _between_map(x1, x2, 2)


@euclidean_.gradient
def _(g: Tensor, x1: Tensor, x2: Tensor, y: Tensor) -> tuple:
    zero = y == 0  # there the distance has no slope; 0 is one of its subgradients
    ratio = (g / y.masked_fill(zero, 1)).masked_fill(zero, 0)
    g1 = ratio.sum(-1)[..., None] * x1 - ratio @ x2
    g2 = ratio.sum(-2)[..., None] * x2 - ratio.mT @ x1
    return g1, g2


@operation(operands="x1 x2", label="Cdist", linear=False)
def distances_(x1: Any, x2: Any, p: float) -> Any:
    """Distances between the rows of two matrices, for p of 0, 1 and inf."""
    return _between_map(x1, x2, p)


@distances_.gradient
def _(g: Tensor, x1: Tensor, x2: Tensor, y: Tensor, p: float) -> tuple[Tensor, Tensor]:
    parts = _sloped(g, x1[..., :, None, :] - x2[..., None, :, :], y, p)
    return parts.sum(-2), 0 - parts.sum(-3)


def _sloped(g: Tensor, gap: Tensor, y: Tensor, p: float) -> Tensor:
    """What each element of a gap receives of the gradient of its norm y, for p of 0, 1 and inf; all equal maxima do."""
    if p == 0:
        return gap.new_zeros(gap.shape)
    slope = gap.sign()
    if p != 1:
        slope = slope * (gap.abs() == y[..., None])
    return slope * g[..., None]


def _composed(x1: Tensor, x2: Tensor, p: float) -> Tensor:
    return vector_norm(x1[..., :, None, :] - x2[..., None, :, :], p, -1)


def _check_cdist(x1: Tensor, x2: Tensor, p: float, mode: Any) -> None:
    for x, name in ((x1, "X1"), (x2, "X2")):
        if not x.dtype.is_floating_point:
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {x.dtype.legacy}"
            )
        if x.dtype.is_reduced:
            raise NotImplementedError(f"\"cdist\" not implemented for '{x.dtype.legacy}'")
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
    if x1.dtype is not x2.dtype:
        raise RuntimeError(f"expected scalar type {x1.dtype.legacy} but found {x2.dtype.legacy}")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError(f"cdist only supports non-negative p values, got {p}")
    if mode is not None and mode not in MODES:
        raise ValueError(f"{mode} is not a valid value for compute_mode; it is one of {MODES}")


@public("cdist", out=True, tensors="x1 x2")
def cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: Any = MODES[0]) -> Tensor:
    """Distances between each row of one matrix and each row of another.

    Args:
        x1: Vectors.
        x2: Others.
        p: The norm: 0, 1, 2, inf or any other non-negative number.
        compute_mode: Whether Euclidean distances may come from a matrix product, which is less exact: none
            does where there are kernels.

    Shape:
        (..., m, k) and (..., n, k) give (..., m, n).

    Raises:
        RuntimeError: The shapes or dtypes do not fit, or p is negative.

    Source: torch.cdist

    Example:
        >>> import flambeau as torch
        >>> torch.cdist(torch.zeros(1, 2), torch.tensor([[3., 4.]]))
        tensor([[5.]])
    """
    _check_cdist(x1, x2, p, compute_mode)
    if p == 2:
        return euclidean_(x1, x2)
    if p in (0, 1, math.inf) and x1.shape[:-2] == x2.shape[:-2]:
        return distances_(x1, x2, float(p))
    return _composed(x1, x2, p)


@public("pdist", "nn.functional.pdist", out=True, tensors="input")
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Distances between all pairs of rows.

    Shape: (n, k) gives (n (n - 1) / 2).

    Source: torch.nn.functional.pdist

    Example:
        >>> import flambeau as torch
        >>> torch.nn.functional.pdist(torch.tensor([[0., 0.], [3., 4.]]))
        tensor([5.])
    """
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if not input.dtype.is_floating_point:
        raise RuntimeError(f"pdist only supports floating-point dtypes, got {input.dtype.legacy}")
    if p < 0:
        raise RuntimeError(f"pdist only supports non-negative p values, got {p}")
    if p in (0, 1, 2, math.inf) and not input.dtype.is_reduced:
        return pairs_(input, float(p))
    return vector_norm(_gaps(input), p, 1)


def _gaps(input: Tensor) -> Tensor:
    """The differences of all pairs of rows."""
    first, second = np.triu_indices(input.shape[0], 1)
    return input[wrap_numpy(first)] - input[wrap_numpy(second)]


def _among(x: Any, p: float) -> Any:
    """The distances of all pairs of rows with NumPy."""
    return _between(x, x, p)[np.triu_indices(x.shape[0], 1)]


_among_map = kernels.Native("nn.distance", "among", _among)


@operation(label="PdistForward", linear=False)
def pairs_(x: Any, p: float) -> Any:
    """The distances of all pairs of rows, for p of 0, 1, 2 and inf."""
    return _among_map(x, p)


@pairs_.gradient
def _(g: Tensor, x: Tensor, y: Tensor, p: float) -> Tensor:
    n = x.shape[0]
    first, second = np.triu_indices(n, 1)
    if p != 2:
        parts = _sloped(g, _gaps(x), y, p)
        return add_advanced(parts, (first,), x.shape) - add_advanced(parts, (second,), x.shape)
    zero = y == 0
    ratio = (g / y.masked_fill(zero, 1)).masked_fill(zero, 0)
    upper = add_advanced(ratio, (first * n + second,), (n * n,)).reshape(n, n)
    both = upper + upper.mT
    return both.sum(-1)[:, None] * x - both @ x


@public("dist", method=True, out=True, tensors="input other")
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """The p-norm of the difference of two tensors, which broadcast.

    Source: torch.dist

    Example:
        >>> import flambeau as torch
        >>> torch.dist(torch.tensor([3., 0.]), torch.tensor([0., 4.]))
        tensor(5.)
    """
    gap = input - other
    if gap.dtype.category < 2:
        raise RuntimeError(
            f"norm(): input dtype should be either floating point or complex. Got {gap.dtype.legacy} instead."
        )
    return vector_norm(gap, p)


@pointwise(label="Renorm", namespace="", method=False, inplace=False, numbers="")
def shrunk(x: Expression, norm: Expression, most: float = 1.0) -> Expression:
    """x, scaled so that its norm is `most` where it is more."""
    return x * primitive.where(norm > most, most / (norm + 1e-7), 1.0)


@public("renorm", method=True, out=True, tensors="input")
@decided
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Any:
    """The slices along a dimension, those of a p-norm above maxnorm scaled down to it.

    Raises:
        RuntimeError: p is not positive, maxnorm is negative, or there are fewer than two dimensions.

    Source: torch.renorm

    Example:
        >>> import flambeau as torch
        >>> torch.renorm(torch.tensor([[3., 4.], [0., 1.]]), 2, 0, 1)
        tensor([[0.6000, 0.8000],
                [0.0000, 1.0000]])
    """
    if isinstance(dim, bool) or not isinstance(dim, int):
        raise TypeError(
            f"renorm(): argument 'dim' (position 3) must be int, not {type(dim).__name__}"
        )
    if isinstance(p, complex) or not p > 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    if input.ndim < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions"
        )
    at = wrap_dim(dim, input.ndim)
    others = [i for i in range(input.ndim) if i != at]
    most = float(maxnorm)
    return lambda x: shrunk(x, vector_norm(x, p, others, True), most)


@method()
def renorm_(self: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """The in-place form of `renorm`."""
    return self.copy_(renorm(self, p, dim, maxnorm))


@public("bilinear", "nn.functional.bilinear", out=True, tensors="input1 input2 weight")
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """input1^T W_k input2 + bias_k for each output k.

    Shape:
        (..., m), (..., n), weight (out, m, n), bias (out): (..., out).

    Raises:
        RuntimeError: The sizes do not fit.

    Source: torch.nn.functional.bilinear
    """
    if input1.ndim != input2.ndim:
        raise RuntimeError(
            f"bilinear(): input dimensions do not match: got {input1.ndim} and {input2.ndim}"
        )
    for i in range(input1.ndim - 1):
        if input1.shape[i] != input2.shape[i]:
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {i}: got {input1.shape[i]} "
                f"and {input2.shape[i]}"
            )
    for x, at, name in ((input1, 1, "input1"), (input2, 2, "input2")):
        if x.shape[-1] != weight.shape[at]:
            raise RuntimeError(
                f"bilinear(): {name} size does not match weight size: got {x.shape[-1]} but expected "
                f"{weight.shape[at]}"
            )
    if bias is not None and bias.shape[0] != weight.shape[0]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.shape[0]} but expected "
            f"{weight.shape[0]}"
        )
    out, m, n = weight.shape
    lead = list(input1.shape[:-1])
    rows = math.prod(lead)
    a, b = input1.reshape(rows, m), input2.reshape(rows, n)
    product = (a @ weight.permute(1, 0, 2).reshape(m, out * n)).reshape(rows, out, n)
    y = bmm_(product, b[:, :, None]).squeeze(-1).reshape(*lead, out)
    return y if bias is None else y + bias
