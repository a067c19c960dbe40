"""Eigenvalues."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.result import named_result
from ...core.tensor import Tensor
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from . import lapack
from .check import identity, implemented, square
from .inverse import solve_
from .svd import check_phase, diag_embed, differences

Eigh = named_result("linalg_eigh", "eigenvalues eigenvectors")
Eig = named_result("linalg_eig", "eigenvalues eigenvectors")


# --------------------------------------------------------------------------- Hermitian matrices


@operation(outputs="values vectors", label="LinalgEigh")
def eigh_(a: Any, uplo: Any) -> Any:
    """Eigenvalues and vectors of Hermitian matrices, of which one triangle is read."""
    return lapack.eigh(a, uplo)


@eigh_.gradient
def _(g_values: Tensor | None, g_vectors: Tensor | None, values: Tensor, vectors: Tensor) -> Any:
    if g_vectors is None:
        if g_values is None:
            return None
        return (vectors * g_values[..., None, :]) @ vectors.mH
    inner = vectors.mH @ g_vectors
    check_phase("linalg_eigh_backward", inner.diagonal(0, -2, -1))
    # Vectors only turn: of the gradient in their basis the skew part counts, and makes it Hermitian.
    turn = (inner - inner.mH) * 0.5
    inner = turn / differences(values) * (1 - identity(values.shape[-1], values))
    if g_values is not None:
        inner = inner + diag_embed(g_values)
    return vectors @ inner @ vectors.mH


def _values(a: Any, uplo: str) -> Any:
    values = lapack.eigh(a, uplo)[0]
    return values, np.zeros(a.shape[:-2], np.int32)


_eigvalsh = kernels.Native("lapack.decomposing", "eigvalsh", _values)


@operation(label="LinalgEigh")
def eigvalsh_(a: Any, uplo: Any) -> Any:
    """Eigenvalues alone; nan where the iteration does not converge."""
    values, info = _eigvalsh(a, uplo)
    if info.any():
        values[info != 0] = np.nan
    return values


@eigvalsh_.gradient
def _(g: Tensor, a: Tensor, uplo: str) -> Tensor:
    vectors = eigh_(a, uplo)[1]
    return (vectors * g[..., None, :]) @ vectors.mH


def _triangle(name: str, UPLO: str) -> str:
    uplo = UPLO.upper()
    if uplo not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return uplo


@public("linalg.eigh", out=True, tensors="A")
def eigh(A: Tensor, UPLO: str = "L") -> Eigh:  # type: ignore[valid-type]
    """Eigenvalues (ascending) and eigenvectors (columns) of Hermitian matrices.

    Args:
        A: The matrices.
        UPLO: Which triangle of them is read, "L" or "U".

    Source: torch.linalg.eigh

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.eigh(torch.tensor([[2., 0.], [0., 1.]])).eigenvalues
        tensor([1., 2.])
    """
    square("linalg.eigh", A)
    implemented("linalg_eigh_cpu", A)
    return Eigh(eigh_(A, _triangle("linalg.eigh", UPLO)))


@public("linalg.eigvalsh", out=True, tensors="A")
def eigvalsh(A: Tensor, UPLO: str = "L") -> Tensor:
    """Eigenvalues of Hermitian matrices, ascending.

    Source: torch.linalg.eigvalsh
    """
    square("linalg.eigvalsh", A)
    implemented("linalg_eigh_cpu", A)
    return eigvalsh_(A, _triangle("linalg.eigvalsh", UPLO))


# ------------------------------------------------------------------------------- other matrices


@operation(outputs="values vectors", label="LinalgEig")
def eig_(a: Any) -> Any:
    """Eigenvalues and vectors of square matrices, complex always."""
    wide = np.result_type(a.dtype, np.complex64)
    values, vectors = lapack.in_parts(lambda part: tuple(np.linalg.eig(part)))(a)
    return values.astype(wide), vectors.astype(wide)


@eig_.gradient
def _(g_values: Tensor | None, g_vectors: Tensor | None, values: Tensor, vectors: Tensor) -> Any:
    adjoint = vectors.mH
    if g_vectors is None:
        if g_values is None:
            return None
        return solve_(adjoint, g_values[..., :, None] * adjoint)[0].contiguous()
    inner = adjoint @ g_vectors
    diagonal = inner.diagonal(0, -2, -1)
    check_phase("linalg_eig_backward", diagonal)
    inner = inner - (adjoint @ vectors) * diagonal.real[..., None, :]
    inner = inner / differences(values).conj() * (1 - identity(values.shape[-1], values))
    if g_values is not None:
        inner = inner + diag_embed(g_values)
    return solve_(adjoint, inner @ adjoint)[0].contiguous()  # wherever it was solved


def _complex_values(a: Any) -> Any:
    return eig_.compute(a)[0], np.zeros(a.shape[:-2], np.int32)


_eigvals = kernels.Native("lapack.decomposing", "eigvals", _complex_values)


@operation(label="LinalgEig")
def eigvals_(a: Any) -> Any:
    """Eigenvalues alone, complex always. It has no gradient: that needs vectors, and eigenvalues in their order."""
    values, info = _eigvals(a)
    return _complex_values(a)[0] if info.any() else values


def _check_general(name: str, A: Tensor) -> None:
    square(name, A)
    implemented("linalg_eig_out_cpu", A)
    if not np.isfinite(A._array).all():
        raise RuntimeError(f"torch.{name}: input tensor should not contain infs or NaNs.")


@public("linalg.eig", out=True, tensors="A")
def eig(A: Tensor) -> Eig:  # type: ignore[valid-type]
    """Eigenvalues and eigenvectors (columns, of norm 1) of square matrices; both are complex.

    Raises:
        RuntimeError: A matrix is not square, or not finite.

    Source: torch.linalg.eig

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.eig(torch.tensor([[0., 1.], [-1., 0.]])).eigenvalues
        tensor([0.+1.j, 0.-1.j])
    """
    _check_general("linalg.eig", A)
    return Eig(eig_(A))


@public("linalg.eigvals", out=True, tensors="A")
def eigvals(A: Tensor) -> Tensor:
    """Eigenvalues of square matrices, complex.

    Source: torch.linalg.eigvals
    """
    _check_general("linalg.eigvals", A)
    return eigvals_(A) if A._node is None else eig_(A)[0]
