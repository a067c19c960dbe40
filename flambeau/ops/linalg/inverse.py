"""Systems of equations and inverses of square matrices, and determinants."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.result import named_result
from ...core.tensor import Tensor
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...dispatch.write import broadcast
from ..elementwise.elementary import log
from . import lapack
from .check import LinAlgError, first_failure, floating, identity, matrices, same_dtype, square
from .cholesky import fits
from .lu import factor
from .svd import svd_

InvEx = named_result("linalg_inv_ex", "inverse info")
SolveEx = named_result("linalg_solve_ex", "result info")
Slogdet = named_result("linalg_slogdet", "sign logabsdet")
OldSlogdet = named_result("slogdet", "sign logabsdet")


def _failed(a: np.ndarray) -> np.ndarray:
    """For each matrix 0, or the number of its first zero pivot."""
    return factor(a)[2]


def _each(a: np.ndarray, info: np.ndarray, run: Any, *others: np.ndarray) -> np.ndarray:
    """`run` with the singular matrices replaced by the identity: their results mean nothing."""
    singular = info != 0
    regular = np.where(singular[..., None, None], np.eye(a.shape[-1], dtype=a.dtype), a)
    return run(regular, *others)


def _inverse(a: Any) -> Any:
    inverse = lapack.inv(a)
    if not lapack.failed(inverse):
        return inverse, np.zeros(a.shape[:-2], np.int32)
    info = _failed(a)
    return _each(a, info, lapack.inv), info


_inverted = kernels.Native("lapack.solving", "inverse", _inverse)


@operation(outputs="inverse info", label="LinalgInvEx")
def inv_(a: Any) -> Any:
    """Inverses of matrices, and codes (0: success)."""
    return _inverted(a)


@inv_.gradient
def _(g_inverse: Tensor | None, inverse: Tensor) -> Tensor | None:
    if g_inverse is None:
        return None
    adjoint = inverse.mH
    return -(adjoint @ g_inverse @ adjoint)


def _solution(a: Any, b: Any) -> Any:
    x = lapack.solve(a, b)
    if not lapack.failed(x):
        return x, np.zeros(a.shape[:-2], np.int32)
    info = _failed(a)
    return _each(a, info, lapack.solve, b), info


_solved = kernels.Native("lapack.solving", "solve", _solution)


@operation(operands="a b", outputs="x info", label="LinalgSolveEx")
def solve_(a: Any, b: Any) -> Any:
    """x of a x = b, and codes (0: success)."""
    return _solved(a, b)


@solve_.gradient
def _(g_x: Tensor | None, a: Tensor, x: Tensor, needs: tuple[bool, bool]) -> tuple:
    if g_x is None:
        return None, None
    gb = solve_(a.mH, g_x)[0]
    return (-(gb @ x.mH) if needs[0] else None), gb


def _singular(name: str, info: Tensor) -> None:
    found = first_failure(info._array)
    if found:
        place, code = found
        raise LinAlgError(
            f"{name}: {place}The diagonal element {code} is zero, the inversion could not be "
            "completed because the input matrix is singular."
        )


@public("linalg.inv_ex", out=True, tensors="A")
def inv_ex(A: Tensor, *, check_errors: bool = False) -> InvEx:  # type: ignore[valid-type]
    """Inverses, and for each matrix 0 or the number of its first zero pivot.

    Args:
        A: Square matrices.
        check_errors: Raise an error for a singular one, as `inv` does.

    Source: torch.linalg.inv_ex
    """
    square("linalg.inv", A)
    floating("linalg.inv", A)
    inverse, info = inv_(A)
    if check_errors:
        _singular("linalg.inv_ex", info)
    return InvEx((inverse, info))


@public("linalg.inv", "inverse", method="inverse", out=True, tensors="A")
def inv(A: Tensor) -> Tensor:
    """The inverse of square matrices.

    Raises:
        LinAlgError: A matrix is singular.

    Source: torch.linalg.inv

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.inv(torch.tensor([[2., 0.], [0., 4.]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.2500]])
    """
    square("linalg.inv", A)
    floating("linalg.inv", A)
    inverse, info = inv_(A)
    _singular("linalg.inv", info)
    return inverse


def _is_vector(A: Tensor, B: Tensor) -> bool:
    """Are the right-hand sides vectors: one dimension, or one fewer than A with fitting sizes?"""
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]))


def _solve(A: Tensor, B: Tensor, left: bool) -> tuple[Tensor, Tensor]:
    name = "linalg.solve"
    square(name, A)
    floating(name, A)
    same_dtype(name, A, B)
    if B.ndim == 0:
        raise RuntimeError(f"{name}: B must have at least 1 dimension, got a 0-d tensor")
    vector = _is_vector(A, B)
    if vector and not left:
        raise RuntimeError(
            f"{name}: Vector broadcasting of the left hand side is not supported for left=False. In "
            "this case linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    right = B.unsqueeze(-1) if vector else B
    fits(name, A, right, left)
    batches = A.shape[:-2], right.shape[:-2]
    if batches[0] != batches[1]:
        broadcast(batches)  # raises where they do not fit
    if left:
        x, info = solve_(A, right)
        return (x.squeeze(-1) if vector else x), info
    x, info = solve_(A.mT, right.mT)
    return x.mT, info


def _unsolved(name: str, info: Tensor) -> None:
    found = first_failure(info._array)
    if found:
        raise LinAlgError(
            f"torch.{name}: {found[0]}The solver failed because the input matrix is singular."
        )


@public("linalg.solve_ex", out=True, tensors="A B")
def solve_ex(A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False) -> SolveEx:  # type: ignore[valid-type]
    """`solve`, and for each matrix 0 or the number of its first zero pivot.

    Source: torch.linalg.solve_ex
    """
    x, info = _solve(A, B, left)
    if check_errors:
        _unsolved("linalg.solve_ex", info)
    return SolveEx((x, info))


@public("linalg.solve", out=True, tensors="A B")
def solve(A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The solution X of A X = B (X A = B if not `left`).

    Args:
        A: Square matrices.
        B: Right-hand sides: matrices, or a vector for each matrix.
        left: On which side of X the matrix A stands.

    Shape:
        A: (..., n, n). B: (..., n, k), (..., k, n) if not `left`, or (..., n).

    Raises:
        LinAlgError: A matrix is singular.
        RuntimeError: The shapes or dtypes do not fit.

    Source: torch.linalg.solve

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.solve(2 * torch.eye(2), torch.tensor([1., 2.]))
        tensor([0.5000, 1.0000])
    """
    x, info = _solve(A, B, left)
    _unsolved("linalg.solve", info)
    return x


@public("linalg.tensorinv", out=True, tensors="A")
def tensorinv(A: Tensor, ind: int = 2) -> Tensor:
    """The inverse of `tensordot` with A over A's last dimensions.

    Args:
        A: A tensor whose first `ind` sizes multiply to the same as the rest.
        ind: How many.

    Source: torch.linalg.tensorinv
    """
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    first, last = A.shape[:ind], A.shape[ind:]
    rows, columns = _size(first), _size(last)
    if rows != columns:
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {columns} != {rows}"
        )
    return inv(A.reshape(rows, columns)).reshape(*last, *first)


@public("linalg.tensorsolve", out=True, tensors="A B")
def tensorsolve(A: Tensor, B: Tensor, dims: Any = None) -> Tensor:
    """The solution X of tensordot(A, X) = B.

    Args:
        A: A tensor whose first sizes are those of B.
        B: The right-hand side.
        dims: Dimensions of A that are moved to its end before.

    Source: torch.linalg.tensorsolve
    """
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = A.shape[B.ndim :]
    size, rows = _size(shape), _size(A.shape[: B.ndim])
    if size != rows:
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {size} != {rows}"
        )
    return solve(A.reshape(size, size), B.reshape(-1)).reshape(shape)


def _size(shape: Any) -> int:
    return int(np.prod(shape, dtype=np.int64))


def _det(a: Any) -> Any:
    return np.linalg.det(a)


def _slogdet(a: Any) -> Any:
    return np.linalg.slogdet(a)


_determinants = kernels.Native("lapack.solving", "det", _det)
_logarithms = kernels.Native("lapack.solving", "slogdet", _slogdet)


@operation(label="LinalgDet")
def det_(a: Any) -> Any:
    """Determinants."""
    return np.asarray(_determinants(a), a.dtype)


@det_.gradient
def _(g: Tensor, a: Tensor, y: Tensor) -> Tensor:
    return (
        (g * y.conj())[..., None, None] * _adjoint_inverse(a)
        if y._array.all()
        else g[..., None, None] * _cofactors(a)
    )


def _adjoint_inverse(a: Tensor) -> Tensor:
    return solve_(a.mH, identity(a.shape[-1], a))[0]


def _cofactors(a: Tensor) -> Tensor:
    """The conjugated cofactors, of singular matrices too: through the singular values."""
    u, s, vh = svd_(a, False)
    n = a.shape[-1]
    others = s[..., None, :].expand(*s.shape, n)
    eye = identity(n, s)
    rest = (others * (1 - eye) + eye).prod(-1)
    phase = (det_(u) * det_(vh)).conj() if a.dtype.is_complex else det_(u) * det_(vh)
    # conj(det(U) det(Vh)) V... : the adjugate's adjoint is U diag(rest) Vh times that phase
    return phase[..., None, None] * ((u * rest[..., None, :]) @ vh)


@public("linalg.det", "det", method=True, out=True, tensors="A")
def det(A: Tensor) -> Tensor:
    """Determinants of square matrices.

    Source: torch.linalg.det

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.det(torch.tensor([[2., 1.], [0., 3.]]))
        tensor(6.)
    """
    square("linalg.det", A)
    floating("linalg.det", A, "lu_cpu")
    return det_(A)


@operation(outputs="sign logabsdet", label="LinalgSlogdet")
def slogdet_(a: Any) -> Any:
    """Signs of determinants, and logarithms of their magnitudes."""
    sign, log_of = _logarithms(a)
    if a.dtype.kind == "f":
        sign = np.where(np.isnan(log_of), 0, sign)  # as that of nan
    return np.asarray(sign, a.dtype), np.asarray(log_of, a.real.dtype)


@slogdet_.gradient
def _(g_sign: Tensor | None, g_logabsdet: Tensor | None, a: Tensor, sign: Tensor) -> Any:
    g = g_logabsdet
    if a.dtype.is_complex and g_sign is not None:
        turn = (g_sign.conj() * sign).imag * -1j
        g = turn if g is None else g + turn
    if g is None:
        return None
    return g[..., None, None] * _adjoint_inverse(a)


@public("linalg.slogdet", out=True, tensors="A")
def slogdet(A: Tensor) -> Slogdet:  # type: ignore[valid-type]
    """The sign of determinants (a phase, for complex ones) and the logarithm of their magnitude.

    Source: torch.linalg.slogdet

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.slogdet(-torch.eye(3)).sign
        tensor(-1.)
    """
    square("linalg.slogdet", A)
    floating("linalg.slogdet", A)
    return Slogdet(slogdet_(A))


@public("slogdet", method="slogdet", out=True, tensors="input")
def old_slogdet(input: Tensor) -> OldSlogdet:  # type: ignore[valid-type]
    """The same as `torch.linalg.slogdet`.

    Source: torch.slogdet
    """
    return OldSlogdet(slogdet(input))


@public("logdet", method=True, out=True, tensors="input")
def logdet(input: Tensor) -> Tensor:
    """The logarithm of determinants: nan for a negative one, -inf for zero.

    Source: torch.logdet
    """
    square("logdet", input)
    floating("logdet", input)
    sign, magnitude = slogdet_(input)
    if input.dtype.is_complex:
        return log(sign) + magnitude
    nan = magnitude.new_full((), float("nan"))
    return nan.where(sign == -1, magnitude)


__all__ = ["det", "inv", "logdet", "matrices", "slogdet", "solve"]
