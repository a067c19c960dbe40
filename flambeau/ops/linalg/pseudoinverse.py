"""What singular values decide: pseudoinverse, rank, condition, least squares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import int64
from ...core.result import named_result
from ...core.tensor import Tensor, wrap
from ...core.twin import of_arrays
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from .check import LinAlgError, implemented, matrices, same_dtype, square
from .eig import eigh_
from .inverse import inv_ex
from .norm import matrix_norm
from .svd import svdvals, svdvals_

Lstsq = named_result("linalg_lstsq", "solution residuals rank singular_values")


def _cutoff(values: np.ndarray, shape: tuple[int, ...], atol: Any, rtol: Any) -> np.ndarray:
    """The magnitude below which singular values (descending, or not) count as zero."""
    atol = _tolerance(atol)
    rtol = _tolerance(rtol)
    eps = np.finfo(values.dtype).eps
    if rtol is None:
        relative = max(shape[-2:]) * eps
        rtol = relative if atol is None else np.where(np.asarray(atol) > 0, 0.0, relative)
    top = values.max(-1) if values.shape[-1] else np.zeros(values.shape[:-1], values.dtype)
    return np.maximum(0.0 if atol is None else atol, rtol * top)


def _tolerance(value: Any) -> Any:
    return value._array if isinstance(value, Tensor) else value


@operation(label="LinalgPinv")
def pinv_(a: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """Pseudoinverses: singular values below a tolerance count as zero."""
    if hermitian:
        values, u = np.linalg.eigh(a)
        vh = np.conj(np.swapaxes(u, -1, -2))
    else:
        try:
            u, values, vh = np.linalg.svd(a, False)
        except np.linalg.LinAlgError as error:
            raise LinAlgError(
                "linalg.svd: The algorithm failed to converge because the input matrix contained "
                "non-finite values."
            ) from error
    size = np.abs(values)
    keep = size > np.asarray(_cutoff(size, a.shape, atol, rtol))[..., None]
    inverse = np.where(keep, 1 / np.where(keep, values, 1), 0).astype(values.dtype)
    left = np.conj(np.swapaxes(vh, -1, -2)) * inverse[..., None, :]
    return np.matmul(left, np.conj(np.swapaxes(u, -1, -2))).astype(a.dtype)


def pinv_rule(g: Tensor, a: Tensor, y: Tensor) -> Tensor:
    """What a matrix receives when its pseudoinverse y receives g, the rank staying as it is."""
    yh, gh = y.mH, g.mH
    result = -(yh @ g @ yh)
    left = gh @ y @ yh
    right = yh @ y @ gh
    return result + (left - a @ (y @ left)) + (right - (right @ y) @ a)


@pinv_.gradient
def _(g: Tensor, a: Tensor, y: Tensor) -> Tensor:
    return pinv_rule(g, a, y)


def _combined(rcond: Any, rtol: Any) -> Any:
    return rtol if rcond is None else rcond


def _numbers(name: str, **options: Any) -> None:
    for key, value in options.items():
        if value is not None and not isinstance(value, (Tensor, float, int)):
            raise TypeError(
                f"{name}(): argument '{key}' must be Tensor or float, not {type(value).__name__}"
            )


@public("linalg.pinv", out=True, tensors="A")
def pinv(
    A: Tensor,
    rcond: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """The pseudoinverse (Moore and Penrose).

    Args:
        A: Matrices of any shape.
        rcond: An older name of `rtol`.
        hermitian: A is Hermitian, which is faster.
        atol: Singular values up to this count as zero.
        rtol: And those up to this share of the largest. Default: max(m, n) eps.

    Raises:
        RuntimeError: The dtype is not floating, or there are fewer than two dimensions.

    Source: torch.linalg.pinv

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.pinv(torch.tensor([[2., 0.], [0., 0.]]))
        tensor([[0.5000, 0.0000],
                [0.0000, 0.0000]])
    """
    if A.ndim < 2 or A.dtype.category < 2 or A.dtype.is_reduced:
        raise RuntimeError(
            f"linalg.pinv({A.dtype.legacy}{{{list(A.shape)}}}): expected a tensor with 2 or more dimensions "
            "of float, double, cfloat or cdouble types"
        )
    _numbers("linalg_pinv", atol=atol, rtol=rtol, rcond=rcond)
    if hermitian:
        square("linalg.pinv", A)
    if A.numel() == 0:
        return A.mH.clone()
    return pinv_(A, atol, _combined(rcond, rtol), hermitian)


@public("pinverse", method=True, out=True, tensors="input")
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """The pseudoinverse; `torch.linalg.pinv` is newer.

    Source: torch.pinverse
    """
    return pinv(input, rcond)


@public("linalg.matrix_rank", out=True, tensors="A")
def matrix_rank(
    A: Tensor,
    tol: Any = None,
    hermitian: bool = False,
    *,
    atol: Any = None,
    rtol: Any = None,
) -> Tensor:
    """The number of singular values above a tolerance.

    Args:
        A: Matrices of any shape.
        tol: An older name of `atol`.
        hermitian: A is Hermitian, which is faster.
        atol: Singular values up to this count as zero.
        rtol: And those up to this share of the largest. Default: max(m, n) eps.

    Source: torch.linalg.matrix_rank

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.matrix_rank(torch.ones(2, 2))
        tensor(1)
    """
    matrices("torch.linalg.matrix_rank", A, "input")
    if A.dtype.category < 2 or A.dtype.is_reduced:
        raise RuntimeError("This function doesn't handle types other than float and double")
    _numbers("linalg_matrix_rank", atol=atol, rtol=rtol, tol=tol)
    with_no_history = A.detach()
    if hermitian:
        square("linalg.matrix_rank", A)
        values = eigh_(with_no_history, "L")[0]._array
    else:
        values = svdvals_(with_no_history)._array
    if not A._kind.has_elements:
        ranks = A._kind.with_dtype(int64)
        return wrap(ranks.xp.empty(values.shape[:-1], np.int64), ranks)
    if tol is not None:
        atol, rtol = tol, 0.0
    ranks = A._kind.with_dtype(int64)
    return wrap(_counted(values, A.shape, _tolerance(atol), _tolerance(rtol)), ranks)


@of_arrays
def _counted(values: Any, shape: tuple[int, ...], atol: Any, rtol: Any) -> Any:
    """How many singular values are above what counts as zero, of each matrix."""
    size = np.abs(values)
    cut = np.asarray(_cutoff(size, shape, atol, rtol))[..., None]
    return np.asarray((size > cut).sum(-1), np.int64)


@public("linalg.cond", out=True, tensors="A")
def cond(A: Tensor, p: Any = None) -> Tensor:
    """The condition number for a matrix norm: |A| |A^-1|.

    Args:
        A: Matrices; square ones, unless p is None, 2 or -2.
        p: The norm, as for `matrix_norm`. None means 2.

    Source: torch.linalg.cond

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.cond(torch.tensor([[4., 0.], [0., 1.]]))
        tensor(4.)
    """
    if A.ndim < 2:
        raise RuntimeError("linalg.cond: The input tensor must have at least 2 dimensions.")
    if isinstance(p, str) and p not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if isinstance(p, (int, float)) and abs(p) not in (1, 2, math.inf):
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if p is None or p in (2, -2):
        if A.numel() == 0:
            return A.new_zeros(A.shape[:-2]).abs()
        s = svdvals(A)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    square("linalg.cond", A)
    if A.numel() == 0:
        return A.new_zeros(A.shape[:-2]).abs()
    inverse, info = inv_ex(A)
    norm = matrix_norm(A, p) * matrix_norm(inverse, p)
    if info._array.any():
        norm = norm.masked_fill(info != 0, math.inf)
    return norm


@of_arrays
def _rank(s: Any, rtol: float) -> Any:
    """How many singular values count, of each matrix."""
    return np.asarray((s > rtol * np.max(s, -1, keepdims=True, initial=0)).sum(-1))


def _least(a: Any, b: Any, rtol: float) -> Any:
    s = np.linalg.svd(a, compute_uv=False)
    return lstsq_.compute(a, b, rtol), np.asarray(_rank(s, rtol), np.int64)


_gelsy = kernels.Native("lapack.decomposing", "lstsq", _least)


@operation(operands="a b", outputs="x rank", label="LinalgLstsq")
def gelsy_(a: Any, b: Any, rtol: float) -> Any:
    """The least-squares solutions of smallest norm, and ranks."""
    return _gelsy(a, b, rtol)


@gelsy_.gradient
def _(g_x: Tensor | None, a: Tensor, b: Tensor, rtol: float, needs: tuple[bool, bool]) -> tuple:
    return (None, None) if g_x is None else _lstsq_back(g_x, a, b, rtol, needs)


def _lstsq_back(g: Tensor, a: Tensor, b: Tensor, rtol: float, needs: tuple[bool, bool]) -> tuple:
    inverse = pinv_(a, None, rtol, False)
    gb = inverse.mH @ g if needs[1] else None
    return (pinv_rule(g @ b.mH, a, inverse) if needs[0] else None), gb


@operation(operands="a b", label="LinalgLstsq")
def lstsq_(a: Any, b: Any, rtol: float) -> Any:
    """The least-squares solutions of smallest norm."""
    u, s, vh = np.linalg.svd(a, False)
    top = np.max(s, -1, keepdims=True, initial=0.0)
    keep = s > rtol * top
    inverse = np.where(keep, 1 / np.where(keep, s, 1), 0).astype(s.dtype)
    projected = np.matmul(np.conj(np.swapaxes(u, -1, -2)), b) * inverse[..., None]
    found = np.matmul(np.conj(np.swapaxes(vh, -1, -2)), projected)
    # LAPACK leaves it, column by column, in the place of the right-hand sides.
    *lead, n, k = found.shape
    x = np.empty((*lead, k, max(a.shape[-2:])), found.dtype)[..., :n].swapaxes(-1, -2)
    x[...] = found
    return x


lstsq_.gradient(_lstsq_back)


DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def _check_lstsq(A: Tensor, B: Tensor, driver: str | None) -> bool:
    """Checks the operands; says whether B holds vectors."""
    name = "torch.linalg.lstsq"
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if B.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    implemented("linalg_lstsq_cpu", A)
    same_dtype(name, A, B, ("input", "other"))
    if driver is not None and driver not in DRIVERS:
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), not {driver}"
        )
    off = A.ndim - B.ndim
    if off not in (0, 1) and not (off < 0):
        raise RuntimeError(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )
    if off < 0:
        raise RuntimeError(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1"
        )
    vector = off == 1 and tuple(A.shape[:-1]) == tuple(B.shape)
    if not vector and A.shape[-2] != B.shape[-2 if B.ndim > 1 else -1]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-2)")
    return vector


@public("linalg.lstsq", out=True, tensors="A B")
def lstsq(A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None) -> Lstsq:  # type: ignore[valid-type]
    """Least squares: the X of smallest norm that minimises |A X - B|.

    Args:
        A: Matrices of any shape.
        B: Right-hand sides: matrices, or a vector for each matrix.
        rcond: Singular values up to this share of the largest count as zero. Default: max(m, n) eps.
        driver: LAPACK's routine: "gelsy" (default), "gelsd", "gelss", or "gels" for full rank. The
            solutions of all but "gelsy" are computed from the singular values; the driver decides
            which of rank and singular_values are filled in.

    Returns:
        solution, residuals (sums of squares, where there are more equations than unknowns and
        the rank is full), rank, singular_values.

    Source: torch.linalg.lstsq

    Example:
        >>> import flambeau as torch
        >>> A, B = torch.tensor([[2.], [0.]]), torch.tensor([[4.], [3.]])
        >>> torch.linalg.lstsq(A, B).solution
        tensor([[2.]])
    """
    vector = _check_lstsq(A, B, driver)
    driver = driver or "gelsy"
    m, n = A.shape[-2:]
    rtol = max(m, n) * float(np.finfo(A._array.dtype).eps) if rcond is None else float(rcond)
    right = B.unsqueeze(-1) if vector else B
    A._kind.check_elements("linalg_lstsq")
    if driver == "gelsy":
        x, rank = gelsy_(A, right, rtol)
        residuals = x.reshape(-1)[:0].abs()
        values = A.new_empty(0).abs()
        return Lstsq((x.squeeze(-1) if vector else x, residuals, rank, values))
    full = driver == "gels"
    x = lstsq_(A, right, 0.0 if full else rtol)
    s = svdvals_(A.detach())
    counted = _rank(s._array, rtol)
    ranks = s._kind.with_dtype(int64)
    rank = wrap(counted.astype(np.int64) if not full else ranks.xp.empty(0, np.int64), ranks)
    residuals = x.reshape(-1)[:0].abs()
    if m > n and (full or (counted == n).all()):
        gap = A @ x - right
        residuals = (gap.abs() if gap.dtype.is_complex else gap).square().sum(-2)
        residuals = residuals.squeeze(-1) if vector else residuals
    values = s if driver in ("gelsd", "gelss") else A.new_empty(0).abs()
    return Lstsq((x.squeeze(-1) if vector else x, residuals, rank, values))
