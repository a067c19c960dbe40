"""The LU factorisation with partial pivoting, and systems solved with it.

LAPACK's factorisation is called where NumPy's library has it. Otherwise the elimination is done here: panels of a
few columns, and a matrix product for the rest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import DTYPES
from ...core.kind import kind_of
from ...core.result import named_result
from ...core.tensor import Tensor, wrap
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...formula.dimensions import broadcast_shapes
from .check import (
    by_columns,
    check_pivots,
    first_failure,
    flat,
    identity,
    implemented,
    matrices,
    same_dtype,
    square,
)
from .cholesky import fits, solve_triangle, solve_triangular_

LU = named_result("linalg_lu", "P L U")
LUFactor = named_result("linalg_lu_factor", "LU pivots")
LUFactorEx = named_result("linalg_lu_factor_ex", "LU pivots info")
LUWithInfo = named_result("_lu_with_info", "LU pivots info")
LUUnpack = named_result("lu_unpack", "P L U")

_INT64 = DTYPES["int64"]
PANEL = 32
"""Columns that are eliminated one by one before the rest of the matrix is brought up to date."""


def _magnitude(x: np.ndarray) -> np.ndarray:
    """What LAPACK compares pivots by."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind == "c" else np.abs(x)


def _panel(a: np.ndarray, pivots: np.ndarray, start: int, stop: int) -> None:
    """Eliminate columns start to stop of each matrix; rows are swapped over their whole length."""
    every = np.arange(a.shape[0])
    for j in range(start, stop):
        at = _magnitude(a[:, j:, j]).argmax(1) + j
        pivots[:, j] = at + 1
        row = a[every, at].copy()
        a[every, at] = a[:, j]
        a[:, j] = row
        pivot = a[:, j, j]
        below = a[:, j + 1 :, j]
        below /= np.where(pivot == 0, 1, pivot)[:, None]
        a[:, j + 1 :, j + 1 : stop] -= below[:, :, None] * a[:, j, None, j + 1 : stop]


def _panel_of_one(a: np.ndarray, pivots: np.ndarray, start: int, stop: int) -> None:
    """The same for one matrix, without the steps that a batch needs."""
    complex_ = a.dtype.kind == "c"
    for j in range(start, stop):
        column = a[j:, j]
        at = int((_magnitude(column) if complex_ else np.abs(column)).argmax()) + j
        pivots[j] = at + 1
        if at != j:
            a[[j, at]] = a[[at, j]]
        pivot = a[j, j]
        if j + 1 < a.shape[0] and pivot != 0:
            below = a[j + 1 :, j]
            below /= pivot
            if j + 1 < stop:
                a[j + 1 :, j + 1 : stop] -= below[:, None] * a[j, j + 1 : stop]


def _factor(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L and U in one array, the row that each row was swapped with (from 1), and the first zero pivot."""
    m, n = a.shape[-2:]
    k = min(m, n)
    lu = np.array(flat(a, 2))
    pivots = np.zeros((lu.shape[0], k), np.int32)
    for start in range(0, k, PANEL):
        stop = min(start + PANEL, k)
        if len(lu) == 1:
            _panel_of_one(lu[0], pivots[0], start, stop)
        else:
            _panel(lu, pivots, start, stop)
        if stop < n:
            block = lu[:, start:stop, start:stop]
            right = solve_triangle(block, lu[:, start:stop, stop:], False, True)
            lu[:, start:stop, stop:] = right
            lu[:, stop:, stop:] -= np.matmul(lu[:, stop:, start:stop], right)
    zero = lu[:, np.arange(k), np.arange(k)] == 0
    info = np.where(zero.any(1), zero.argmax(1) + 1, 0) if k else np.zeros(len(lu))
    batch = a.shape[:-2]
    return (
        by_columns(lu.reshape(a.shape)),
        pivots.reshape(*batch, k),
        info.astype(np.int32).reshape(batch),
    )


factor = kernels.Native("lapack.solving", "factor", _factor)


def _swapped(swaps: list[int], m: int) -> list[int]:
    rows = list(range(m))
    for j, at in enumerate(swaps):
        rows[j], rows[at - 1] = rows[at - 1], rows[j]
    return rows


SEVERAL = 32
"""Matrices from which on NumPy swaps faster, two rows of all of them at a time."""


def _order(pivots: np.ndarray, m: int) -> np.ndarray:
    if pivots.__class__ is not np.ndarray:  # one order is as good as another for shapes
        return np.broadcast_to(np.arange(m), (*pivots.shape[:-1], m))
    swaps = flat(pivots, 1)
    if len(swaps) < SEVERAL:
        listed = [_swapped(found, m) for found in swaps.tolist()]
        return np.array(listed, np.int64).reshape(*pivots.shape[:-1], m)
    rows = np.tile(np.arange(m), (swaps.shape[0], 1))
    every = np.arange(swaps.shape[0])
    for j in range(swaps.shape[1]):
        at = swaps[:, j] - 1
        row = rows[every, at].copy()
        rows[every, at] = rows[:, j]
        rows[:, j] = row
    return rows.reshape(*pivots.shape[:-1], m)


_ordered = kernels.Native("lapack.reflecting", "order", _order)


def order(pivots: np.ndarray, m: int) -> np.ndarray:
    """The order in which swapping leaves the rows: row i of the swapped matrix was row order[i].

    Raises:
        IndexError: A pivot names no row.
    """
    check_pivots(pivots, m)
    return _ordered(pivots, m)  # type: ignore[no-any-return]


def permutation(pivots: Tensor, m: int, like: Tensor) -> Tensor:
    """P of A = P L U, as a matrix."""
    rows = order(pivots._array, m)
    matrix = np.zeros((*rows.shape, m), like._kind.numpy)
    places = np.arange(m)
    if rows.ndim == 1:
        matrix[rows, places] = 1
    else:
        np.put_along_axis(matrix, rows[..., None, :], 1, -2)
    return wrap(matrix, like._kind)


def swapped(pivots: Tensor, x: Tensor, back: bool) -> Any:
    """P^T x, or P x if `back`, of matrices whose leading dimensions broadcast."""
    rows = order(pivots._array, x._array.shape[-2])
    if back:
        rows = rows.argsort(-1)
    index: Any = wrap(rows, kind_of(_INT64, pivots.device))
    if rows.ndim == 1:
        return x.index_select(-2, index)  # type: ignore[attr-defined]
    lead = broadcast_shapes(rows.shape[:-1], x._array.shape[:-2])
    shape = (*lead, *x._array.shape[-2:])
    return x.expand(shape).gather(-2, index[..., None].expand(shape))  # type: ignore[attr-defined]


@operation(outputs="lu pivots info", label="LinalgLuFactorEx")
def factor_(a: Any) -> Any:
    """LAPACK's getrf: L and U in one array, pivots, and codes (0: success)."""
    return factor(a)


@factor_.gradient
def _(g_lu: Tensor | None, lu: Tensor, pivots: Tensor) -> Tensor | None:
    if g_lu is None:
        return None
    m, n = lu.shape[-2:]
    k = min(m, n)
    lower = lu[..., :, :k].tril(-1)
    upper = lu[..., :k, :].triu()
    gl, gu = g_lu[..., :, :k].tril(-1), g_lu[..., :k, :].triu()
    from ..join.cat import cat

    eye = identity(k, lu)
    top, u1 = lower[..., :k, :] + eye, upper[..., :, :k]
    gl1, gu1 = gl[..., :k, :], gu[..., :, :k]
    parts = []
    if m > k:  # the rows below: L2 = A2 U^-1
        low = solve_triangular_(u1, gl[..., k:, :].mH, True, False).mH
        gu1 = (gu1 - lower[..., k:, :].mH @ low).triu()
        parts = [low]
    if n > k:  # the columns on the right: U2 = L^-1 A2
        right = solve_triangular_(top.mH, gu[..., :, k:], True, True)
        gl1 = (gl1 - right @ upper[..., :, k:].mH).tril(-1)
        parts = [right]
    inner = (top.mH @ gl1).tril(-1) + (gu1 @ u1.mH).triu()
    left = solve_triangular_(top.mH, inner, True, True)
    whole = solve_triangular_(u1.conj(), left.mT, True, False).mT
    if parts:
        whole = cat([whole, *parts], -2 if m > k else -1)
    return swapped(pivots, whole, True)


def _pivoted(name: str, A: Tensor, pivot: bool) -> tuple:
    if A.ndim < 2:
        raise RuntimeError(
            f"{name}: Expected tensor with 2 or more dimensions. Got size: {list(A.shape)} instead"
        )
    implemented("lu_cpu", A)
    if not pivot:
        raise RuntimeError(
            f"{name}: LU without pivoting is not implemented on the CPU: leave pivot=True"
        )
    return factor_(A)


def _zero_pivot(name: str, info: Tensor) -> None:
    found = first_failure(info._array)
    if found:
        place, i = found
        raise RuntimeError(
            f"{name}: {place}U[{i},{i}] is zero and using it on lu_solve would result in a "
            "division by zero. If you still want to perform the factorization, consider calling "
            "linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
        )


@public("linalg.lu_factor_ex", out=True, tensors="A")
def lu_factor_ex(A: Tensor, *, pivot: bool = True, check_errors: bool = False) -> LUFactorEx:  # type: ignore[valid-type]
    """`lu_factor`, and for each matrix 0 or the number of its first zero pivot.

    Source: torch.linalg.lu_factor_ex
    """
    lu, pivots, info = _pivoted("linalg.lu_factor", A, pivot)
    if check_errors:
        _zero_pivot("torch.linalg.lu_factor_ex", info)
    return LUFactorEx((lu, pivots, info))


@public("linalg.lu_factor", out=True, tensors="A")
def lu_factor(A: Tensor, *, pivot: bool = True) -> LUFactor:  # type: ignore[valid-type]
    """The factors of A = P L U in the compact form that `lu_solve` takes.

    Args:
        A: Matrices of any shape.
        pivot: Swap rows. On a CPU it must be True.

    Raises:
        RuntimeError: A pivot is zero.

    Source: torch.linalg.lu_factor

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.lu_factor(torch.tensor([[1., 2.], [4., 4.]])).pivots
        tensor([2, 2], dtype=torch.int32)
    """
    lu, pivots, info = _pivoted("linalg.lu_factor", A, pivot)
    _zero_pivot("torch.linalg.lu_factor", info)
    return LUFactor((lu, pivots))


def _triangles(lu: Tensor) -> tuple[Tensor, Tensor]:
    k = min(lu.shape[-2:])
    return unit_lower_(lu[..., :, :k]), lu[..., :k, :].triu()


@operation(label="Tril", linear=False)
def unit_lower_(x: Any) -> Any:
    """The lower triangle with ones on its diagonal."""
    made = np.tril(x, -1)
    places = np.arange(x.shape[-1])
    made[..., places, places] = 1
    return made


@unit_lower_.gradient
def _(g: Tensor) -> Tensor:
    return g.tril(-1)


def _empty(like: Tensor) -> Tensor:
    return like.new_empty(0)


@public("linalg.lu", out=True, tensors="A")
def lu(A: Tensor, *, pivot: bool = True) -> LU:  # type: ignore[valid-type]
    """P, L and U of A = P L U.

    Source: torch.linalg.lu

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.lu(torch.tensor([[1., 2.], [4., 4.]])).U
        tensor([[4., 4.],
                [0., 1.]])
    """
    compact, pivots, _ = _pivoted("linalg.lu", A, pivot)
    lower, upper = _triangles(compact)
    return LU((permutation(pivots, A.shape[-2], A), lower, upper))


@public("lu", method=True, out=True, tensors="A")
def old_lu(A: Tensor, pivot: bool = True, get_infos: bool = False) -> Any:
    """The compact LU factorisation and its pivots; `torch.linalg.lu_factor` is newer.

    Source: torch.lu
    """
    compact, pivots, info = _pivoted("linalg.lu_factor", A, pivot)
    return LUWithInfo((compact, pivots, info)) if get_infos else (compact, pivots)


@public("lu_unpack", out=True, tensors="LU_data LU_pivots")
def lu_unpack(
    LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = True, unpack_pivots: bool = True
) -> LUUnpack:  # type: ignore[valid-type]
    """P, L and U of a compact factorisation.

    Args:
        LU_data: What `lu_factor` gives.
        LU_pivots: What it gives.
        unpack_data: Give L and U (else they are empty).
        unpack_pivots: Give P (else it is empty).

    Source: torch.lu_unpack
    """
    if unpack_pivots and LU_pivots.dtype.name != "int32":
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype, "
            "as torch.linalg.lu_factor gives it"
        )
    lower, upper = _triangles(LU_data) if unpack_data else (_empty(LU_data), _empty(LU_data))
    rows = LU_data.shape[-2]
    p = permutation(LU_pivots, rows, LU_data) if unpack_pivots else _empty(LU_data)
    return LUUnpack((p, lower, upper))


def _check_solve(LU: Tensor, pivots: Tensor, B: Tensor, left: bool) -> None:
    name = "linalg.lu_solve"
    implemented("lu_solve_cpu", LU)
    if pivots.dtype.name != "int32":
        raise RuntimeError(f"{name}: pivots should be a Tensor of scalar type torch.int32")
    square(name, LU)
    matrices(name, B, "B")
    same_dtype(name, LU, B, ("LU", "B"))
    fits(name, LU, B, left)
    if pivots.ndim == 0 or LU.shape[-1] != pivots.shape[-1]:
        raise RuntimeError(
            f"{name}: Number of pivots per batch should be same as the dimension of the matrix"
        )
    if tuple(LU.shape[:-2]) != tuple(pivots.shape[:-1]):
        raise RuntimeError(
            f"{name}: Expected LU.shape[:-1] and pivots.shape to be the same, but got pivots with "
            f"shape {list(pivots.shape)} instead"
        )


@public("linalg.lu_solve", out=True, tensors="LU pivots B")
def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False
) -> Tensor:
    """The solution X of A X = B, given the factors of A.

    Args:
        LU: What `lu_factor` gives.
        pivots: What it gives.
        B: The right-hand sides.
        left: A stands on the left of X.
        adjoint: Solve with A^H.

    Raises:
        RuntimeError: The shapes or dtypes do not fit.

    Source: torch.linalg.lu_solve
    """
    _check_solve(LU, pivots, B, left)
    if not left:  # X A = B is A^H X^H = B^H
        return lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH
    if adjoint:
        half = solve_triangular_(LU.mH, B, False, False)
        return swapped(pivots, solve_triangular_(LU.mH, half, True, True), True)
    half = solve_triangular_(LU, swapped(pivots, B, False), False, True)
    return solve_triangular_(LU, half, True, False)


@public("lu_solve", method="lu_solve", out=True, tensors="b LU_data LU_pivots")
def old_lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) -> Tensor:
    """The solution of A x = b, given the factors of A; `torch.linalg.lu_solve` is newer.

    Source: torch.lu_solve
    """
    return lu_solve(LU_data, LU_pivots, b)
