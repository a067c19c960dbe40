"""Triangular systems, and the Cholesky factorisation that leads to them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.result import named_result
from ...core.tensor import Tensor
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...formula.dimensions import broadcast_shapes
from . import lapack
from .check import (
    LinAlgError,
    first_failure,
    flat,
    floating,
    identity,
    implemented,
    matrices,
    same_dtype,
    square,
)

CholeskyEx = named_result("linalg_cholesky_ex", "L info")
TriangularSolve = named_result("triangular_solve", "solution cloned_coefficient")


def substitute(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x of upper triangular systems a x = b, row by row; zeros on the diagonal give inf and nan."""
    n = a.shape[-1]
    x = np.array(np.broadcast_to(b, (*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])))
    for i in range(n - 1, -1, -1):
        row = a[..., i : i + 1, i + 1 :]
        x[..., i, :] -= np.matmul(row, x[..., i + 1 :, :])[..., 0, :]
        x[..., i, :] /= a[..., i, i, None]
    return x


def solve_upper(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x of upper triangular systems a x = b. LAPACK's general solver does it without a pivot to
    look for: below the diagonal there are zeros, so its elimination is the substitution."""
    x = lapack.solve(a, b)
    return substitute(a, b) if lapack.failed(x) else x


def _solve_triangle(a: np.ndarray, b: np.ndarray, upper: bool, unitriangular: bool) -> np.ndarray:
    """x of triangular systems a x = b; the other triangle of a (and a unit diagonal) is not read."""
    a = lapack.triangle(a, upper)
    if unitriangular:
        n = a.shape[-1]
        a[..., np.arange(n), np.arange(n)] = 1
    if upper:
        return solve_upper(a, b)
    return solve_upper(a[..., ::-1, ::-1], b[..., ::-1, :])[..., ::-1, :]


solve_triangle = kernels.Native("lapack.solving", "triangle", _solve_triangle)


@operation(operands="a b", label="LinalgSolveTriangular")
def solve_triangular_(a: Any, b: Any, upper: bool, unitriangular: bool) -> Any:
    """x of triangular systems a x = b."""
    return np.ascontiguousarray(solve_triangle(a, b, upper, unitriangular))


@solve_triangular_.gradient
def _(g: Tensor, a: Tensor, y: Tensor, upper: bool, unitriangular: bool, needs: tuple) -> tuple:
    gb = solve_triangular_(a.mH, g, not upper, unitriangular)
    if not needs[0]:
        return None, gb
    ga = -(gb @ y.mH)
    offset = int(unitriangular)
    return (ga.triu(offset) if upper else ga.tril(-offset)), gb


def fits(name: str, a: Tensor, b: Tensor, left: bool) -> None:
    """Raises RuntimeError where A X = B (or X A = B) has no shape."""
    n, size = a.shape[-1], b.shape[-2 if left else -1]
    if n != size:
        equation = "AX = B" if left else "XA = B"
        raise RuntimeError(
            f"{name}: Incompatible shapes of A and B for the equation {equation} "
            f"({a.shape[-2]}x{a.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})"
        )


@public("linalg.solve_triangular", out=True, tensors="A B")
def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """The solution X of A X = B (X A = B if not `left`) with a triangular A.

    Args:
        A: The matrices; only one triangle of them is read.
        B: The right-hand sides.
        upper: Which triangle it is.
        left: On which side of X the matrix A stands.
        unitriangular: Take the diagonal to be ones.

    Shape:
        A: (..., n, n). B: (..., n, k), or (..., k, n) if not `left`. Leading dimensions broadcast.

    Raises:
        RuntimeError: The shapes or dtypes do not fit.

    Source: torch.linalg.solve_triangular

    Example:
        >>> import flambeau as torch
        >>> A = torch.tensor([[2., 0.], [1., 1.]])
        >>> torch.linalg.solve_triangular(A, torch.ones(2, 1), upper=False)
        tensor([[0.5000],
                [0.5000]])
    """
    name = "linalg.solve_triangular"
    square(name, A)
    matrices(name, B, "B")
    same_dtype(name, A, B)
    floating(name, A, "triangular_solve_cpu")
    fits(name, A, B, left)
    if left:
        return solve_triangular_(A, B, upper, unitriangular)
    return solve_triangular_(A.mT, B.mT, not upper, unitriangular).mT


@public("triangular_solve", method=True, out=True, tensors="b A")
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> TriangularSolve:  # type: ignore[valid-type]
    """The solution of A X = b with a triangular A, and A itself; `solve_triangular` is newer.

    Source: torch.triangular_solve
    """
    matrices("triangular_solve", b, "b")
    square("triangular_solve", A)
    same_dtype("triangular_solve", A, b, ("A", "b"))
    floating("triangular_solve", A, "triangular_solve_cpu")
    fits("triangular_solve", A, b, True)
    a = A.mT if transpose else A
    solution = solve_triangular_(a, b, upper != transpose, unitriangular)
    batch = solution.shape[:-2]
    return TriangularSolve((solution, A.expand(*batch, *A.shape[-2:]).clone()))


def _minor(a: np.ndarray) -> tuple[np.ndarray, int]:
    """The lower factor of one matrix as far as it goes, and the order of the minor it stopped at."""
    factor = np.tril(a)
    for j in range(a.shape[0]):
        row = factor[j, :j]
        pivot = (factor[j, j] - (row * row.conj()).sum()).real
        if not pivot > 0:
            return factor, j + 1
        factor[j, j] = np.sqrt(pivot)
        factor[j + 1 :, j] -= factor[j + 1 :, :j] @ row.conj()
        factor[j + 1 :, j] /= factor[j, j]
    return factor, 0


def _cholesky(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    factor = lapack.cholesky(a)
    if not lapack.failed(factor):
        return factor, np.zeros(a.shape[:-2], np.int32)
    parts = [_minor(matrix) for matrix in flat(a, 2)]
    info = np.array([code for _, code in parts], np.int32).reshape(a.shape[:-2])
    return np.stack([factor for factor, _ in parts]).reshape(a.shape), info


_factored = kernels.Native("lapack.solving", "cholesky", _cholesky)


@operation(outputs="factor info", label="LinalgCholeskyEx")
def cholesky_(a: Any) -> Any:
    """The lower factors of positive-definite matrices, and codes (0: success)."""
    return _factored(a)


@cholesky_.gradient
def _(g_factor: Tensor | None, factor: Tensor) -> Tensor | None:
    if g_factor is None:
        return None
    inner = (factor.mH @ g_factor).tril()
    inner = inner - inner.diagonal(0, -2, -1)[..., None] * identity(factor.shape[-1], factor) / 2
    inner = (inner + inner.mH) / 2
    right = solve_triangular_(factor.mH, inner, True, False)  # L^-H S
    return solve_triangular_(factor.mH, right.mH, True, False).mH  # times L^-1


def _checked(name: str, x: Tensor, upper: bool) -> tuple[Tensor, Tensor]:
    square(name, x)
    floating(name, x, "cholesky_cpu")
    factor, info = cholesky_(x.mH if upper else x)
    return (factor.mH if upper else factor), info


@public("linalg.cholesky_ex", out=True, tensors="input")
def cholesky_ex(input: Tensor, *, upper: bool = False, check_errors: bool = False) -> CholeskyEx:  # type: ignore[valid-type]
    """The Cholesky factor, and for each matrix 0 or the order of its first minor that is not positive.

    Args:
        input: Hermitian positive-definite matrices; one triangle of them is read.
        upper: Give the upper factor (and read the upper triangle).
        check_errors: Raise an error, as `cholesky` does.

    Source: torch.linalg.cholesky_ex
    """
    factor, info = _checked("linalg.cholesky_ex", input, upper)
    if check_errors:
        _raise("linalg.cholesky_ex", info)
    return CholeskyEx((factor, info))


def _raise(name: str, info: Tensor) -> None:
    found = first_failure(info._array)
    if found:
        place, code = found
        raise LinAlgError(
            f"{name}: {place}The factorization could not be completed because the input is not "
            f"positive-definite (the leading minor of order {code} is not positive-definite)."
        )


@public("linalg.cholesky", out=True, tensors="A")
def cholesky(A: Tensor, *, upper: bool = False) -> Tensor:
    """The Cholesky factor L of Hermitian positive-definite matrices: A = L L^H.

    Args:
        A: The matrices; one triangle of them is read.
        upper: Give the upper factor, A = U^H U.

    Raises:
        LinAlgError: A matrix is not positive-definite.

    Source: torch.linalg.cholesky

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.cholesky(torch.tensor([[4., 2.], [2., 2.]]))
        tensor([[2., 0.],
                [1., 1.]])
    """
    factor, info = _checked("linalg.cholesky", A, upper)
    _raise("linalg.cholesky", info)
    return factor


@public("cholesky", method="cholesky", out=True, tensors="input")
def old_cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """Gone since PyTorch 2.14.

    Raises:
        RuntimeError: Always.

    Source: torch.cholesky
    """
    raise RuntimeError(
        "This function was deprecated since version 1.9 and is now removed. `torch.cholesky` is deprecated "
        "in favor of `torch.linalg.cholesky`: write torch.linalg.cholesky(A), and for upper=True "
        "torch.linalg.cholesky(A).mH"
    )


def _solved(b: Any, factor: Any, upper: bool) -> Any:
    adjoint = np.conj(np.swapaxes(factor, -1, -2))
    lower, right = (adjoint, factor) if upper else (factor, adjoint)
    half = solve_triangle(lower, b, False, False)
    return np.ascontiguousarray(solve_triangle(right, half, True, False))


_cholesky_solve = kernels.Native("lapack.solving", "cholesky_solve", _solved)


@operation(operands="b factor", label="CholeskySolve")
def cholesky_solve_(b: Any, factor: Any, upper: bool) -> Any:
    """x of A x = b from the Cholesky factor of A."""
    return _cholesky_solve(b, factor, upper)


@cholesky_solve_.gradient
def _(g: Tensor, factor: Tensor, y: Tensor, upper: bool, needs: tuple[bool, bool]) -> tuple:
    gb = cholesky_solve_(g, factor, upper)
    if not needs[1]:
        return gb, None
    common = gb @ y.mH
    common = common + common.mH
    return gb, -(factor @ common if upper else common @ factor)


@public("cholesky_solve", method=True, out=True, tensors="B L")
def cholesky_solve(B: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The solution X of A X = B, given the Cholesky factor of A.

    Args:
        B: The right-hand sides.
        L: The factor.
        upper: It is an upper one.

    Source: torch.cholesky_solve

    Example:
        >>> import flambeau as torch
        >>> torch.cholesky_solve(torch.ones(2, 1), 2 * torch.eye(2))
        tensor([[0.2500],
                [0.2500]])
    """
    for x, letter in ((B, "b"), (L, "u")):
        if x.ndim < 2:
            raise RuntimeError(
                f"{letter} should have at least 2 dimensions, but has {x.ndim} dimensions instead"
            )
    square("cholesky_solve", L)
    if B.shape[-2] != L.shape[-1]:
        raise RuntimeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {L.shape[-1]} by "
            f"{L.shape[-1]} but each b matrix is {B.shape[-2]} by {B.shape[-1]}"
        )
    same_dtype("cholesky_solve", L, B)
    implemented("cholesky_solve_cpu", L)
    return cholesky_solve_(B, L, upper)


def _inverted(factor: Any, upper: bool) -> Any:
    adjoint = np.conj(np.swapaxes(factor, -1, -2))
    half = solve_triangle(
        adjoint if upper else factor, np.eye(factor.shape[-1], dtype=factor.dtype), False, False
    )
    return np.matmul(np.conj(np.swapaxes(half, -1, -2)), half)


_cholesky_inverse = kernels.Native("lapack.solving", "cholesky_inverse", _inverted)


@operation(operands="factor", label="CholeskyInverse")
def cholesky_inverse_(factor: Any, upper: bool) -> Any:
    """The inverse of A from its Cholesky factor."""
    return _cholesky_inverse(factor, upper)


@cholesky_inverse_.gradient
def _(g: Tensor, factor: Tensor, y: Tensor, upper: bool) -> Tensor:
    common = y @ (g + g.mH) @ y
    return -(factor @ common if upper else common @ factor)


@public("cholesky_inverse", method=True, out=True, tensors="L")
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """The inverse of A, given its Cholesky factor.

    Raises:
        LinAlgError: A factor has a zero on its diagonal.

    Source: torch.cholesky_inverse
    """
    square("cholesky_inverse", L)
    floating("cholesky_inverse", L, "cholesky_inverse_out_cpu")
    zero = np.diagonal(L._array, 0, -2, -1) == 0
    if zero.any():
        info = np.where(zero.any(-1), zero.argmax(-1) + 1, 0)
        place, code = first_failure(info) or ("", 0)
        raise LinAlgError(
            f"cholesky_inverse: {place}The diagonal element {code} is zero, the inversion could "
            "not be completed because the input matrix is singular."
        )
    return cholesky_inverse_(L, upper)
