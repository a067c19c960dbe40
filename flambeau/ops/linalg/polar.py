"""The square root of a Hermitian matrix, and the polar decomposition.

With X = sqrt(A), a change of A changes X by the solution of X dX + dX X = dA. The gradients of both operations
are such solutions, and so are theirs, so they can be differentiated as often as one likes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.result import named_result
from ...core.tensor import Tensor
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from . import lapack
from .check import LinAlgError, floating, matrices, square
from .inverse import solve

Polar = named_result("linalg_polar", "U H")


def _adjoint(x: np.ndarray) -> np.ndarray:
    return np.conj(np.swapaxes(x, -1, -2))


@operation(operands="x c", label="Sylvester")
def sylvester_(x: Any, c: Any) -> Any:
    """The solution Z of X Z + Z X = C for a Hermitian X."""
    values, vectors = lapack.eigh(x, "L")
    inner = _adjoint(vectors) @ c @ vectors
    inner = inner / (values[..., :, None] + values[..., None, :])
    return vectors @ inner @ _adjoint(vectors)


@sylvester_.gradient
def _(g: Tensor, x: Tensor, y: Tensor, needs: tuple[bool, bool]) -> tuple:
    gc = sylvester_(x, g)
    return (-(gc @ y.mH + y.mH @ gc) if needs[0] else None), gc


@operation(label="LinalgMatrixSqrth")
def matrix_sqrth_(a: Any) -> Any:
    """The square root of a Hermitian matrix, of which the lower triangle is read."""
    values, vectors = lapack.eigh(a, "L")
    if values.size and not np.isfinite(values).all():
        raise LinAlgError(
            "linalg.eigh: The algorithm failed to converge because the input matrix contained non-finite "
            "values."
        )
    roots = np.sqrt(np.maximum(values, 0))
    return (vectors * roots[..., None, :]) @ _adjoint(vectors)


@matrix_sqrth_.gradient
def _(g: Tensor, y: Tensor) -> Tensor:
    return sylvester_(y, (g + g.mH) / 2)


@public("linalg.matrix_sqrth")
def matrix_sqrth(A: Tensor) -> Tensor:
    """The square root of symmetric or Hermitian positive-definite matrices.

    Args:
        A: (..., n, n), of which the lower triangles are read.

    Raises:
        RuntimeError: They are not square, or not of floating or complex numbers.
        LinAlgError: They are not finite.

    Source: torch.linalg.matrix_sqrth

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.matrix_sqrth(torch.tensor([[4., 0.], [0., 9.]]))
        tensor([[2., 0.],
                [0., 3.]])
    """
    square("linalg.matrix_sqrth", A)
    floating("linalg.matrix_sqrth", A)
    return matrix_sqrth_(A)


@operation(outputs="u h", label="LinalgPolar")
def polar_(a: Any) -> Any:
    """Orthonormal columns times a Hermitian positive semidefinite matrix, from the singular values."""
    w, s, vh = lapack.svd(a, False)
    if s.size and not s.max() < np.inf:
        raise LinAlgError(
            "linalg.polar: The algorithm failed to converge because the input matrix contained non-finite "
            "values."
        )
    return w @ vh, (_adjoint(vh) * s[..., None, :]) @ vh


@polar_.gradient
def _(g_u: Tensor | None, g_h: Tensor | None, u: Tensor, h: Tensor) -> Any:
    """With M = U^H dA, Omega = U^H dU solves H Omega + Omega H = M - M^H, and dH = M - Omega H."""
    change: Any = 0
    if g_h is not None:
        g_h = (g_h + g_h.mH) / 2
        change = -(g_h @ h)
    if g_u is not None:
        change = change + u.mH @ g_u
    turn = sylvester_(h, change)
    inner = turn - turn.mH
    result = u @ (inner if g_h is None else inner + g_h)
    if g_u is None or u.shape[-2] == u.shape[-1]:
        return result
    rest = g_u - u @ (u.mH @ g_u)  # what leaves the space of the columns
    return result + solve(h, rest.mH).mH


@public("linalg.polar", out=True, tensors="A")
def polar(A: Tensor) -> Polar:  # type: ignore[valid-type]
    """The polar decomposition A = U H: orthonormal columns times a Hermitian positive semidefinite matrix.

    `torch.polar` is another function: it makes complex numbers of lengths and angles.

    Args:
        A: (..., m, n) with m >= n. There is a gradient where the columns are independent.

    Raises:
        RuntimeError: There are more columns than rows, or the numbers are not floating or complex.
        LinAlgError: They are not finite.

    Source: torch.linalg.polar

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.polar(torch.tensor([[0., -2.], [3., 0.]])).H
        tensor([[3., 0.],
                [0., 2.]])
    """
    matrices("linalg.polar", A)
    if A.shape[-2] < A.shape[-1]:
        raise RuntimeError(
            "linalg.polar: input must have at least as many rows as columns, but got "
            f"{A.shape[-2]} by {A.shape[-1]} matrices"
        )
    floating("linalg.polar", A, "linalg_svd_cpu")
    return Polar(polar_(A))
