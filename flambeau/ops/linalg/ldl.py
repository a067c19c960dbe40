"""The factorisation A = L D L^H of Hermitian and symmetric matrices, with blocks of 1 and 2 in D."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.result import named_result
from ...core.tensor import Tensor
from ...core.twin import on_cpu
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from ...formula.dimensions import broadcast_shapes
from .check import check_pivots, first_failure, flat, implemented, matrices, same_dtype, square
from .lu import _magnitude

LDLFactor = named_result("linalg_ldl_factor", "LD pivots")
LDLFactorEx = named_result("linalg_ldl_factor_ex", "LD pivots info")

ALPHA = (1 + 17**0.5) / 8
"""When a diagonal element is large enough to be a pivot (Bunch and Kaufman 1977)."""


def _swap(a: np.ndarray, k: int, p: int, hermitian: bool) -> None:
    """Swap rows and columns k and p of the part below and right of k, of which the triangle is kept."""
    below = a[p + 1 :, k].copy()
    a[p + 1 :, k], a[p + 1 :, p] = a[p + 1 :, p], below
    between = a[k + 1 : p, k].copy()
    row = a[p, k + 1 : p].copy()
    a[k + 1 : p, k] = row.conj() if hermitian else row
    a[p, k + 1 : p] = between.conj() if hermitian else between
    if hermitian:
        a[p, k] = a[p, k].conj()
    a[k, k], a[p, p] = a[p, p], a[k, k]


def _pivot(a: np.ndarray, k: int, absolute: np.ndarray, hermitian: bool) -> tuple[int, int]:
    """The row to swap with, and the size of the block."""
    n = a.shape[0]
    column = _magnitude(a[k + 1 :, k])
    i = k + 1 + int(column.argmax())
    largest = column.max()
    if absolute >= ALPHA * largest:
        return k, 1
    others = [_magnitude(a[i, k:i]).max()]
    if i + 1 < n:
        others.append(_magnitude(a[i + 1 :, i]).max())
    biggest = max(others)
    if absolute >= ALPHA * largest * (largest / biggest):
        return k, 1
    own = abs(a[i, i].real) if hermitian else _magnitude(a[i, i])
    return (i, 1) if own >= ALPHA * biggest else (i, 2)


def _eliminate(a: np.ndarray, k: int, step: int, hermitian: bool) -> None:
    block = a[k : k + step, k : k + step].copy()
    if step == 2:
        block[0, 1] = block[1, 0].conj() if hermitian else block[1, 0]
    below = a[k + step :, k : k + step].copy()
    factor = np.linalg.solve(block.T, below.T).T
    a[k + step :, k : k + step] = factor
    rest = factor @ (below.conj() if hermitian else below).T
    a[k + step :, k + step :] -= np.tril(rest)


def _factor_one(a: np.ndarray, hermitian: bool) -> tuple[np.ndarray, np.ndarray, int]:
    """One matrix: LAPACK's sytf2 and hetf2 for the lower triangle."""
    n = a.shape[0]
    a = np.tril(a)
    if hermitian and a.dtype.kind == "c":
        a[np.arange(n), np.arange(n)] = a.diagonal().real
    pivots = np.zeros(n, np.int32)
    info = k = 0
    while k < n:
        absolute = abs(a[k, k].real) if hermitian else _magnitude(a[k, k])
        if max(absolute, _magnitude(a[k + 1 :, k]).max(initial=0)) == 0:
            info = info or k + 1
            pivots[k] = k + 1
            k += 1
            continue
        at, step = (k, 1) if k + 1 == n else _pivot(a, k, absolute, hermitian)
        where = k + step - 1
        if at != where:
            if step == 2:  # the first row of the block stays; its element goes along
                _swap(a, where, at, hermitian)
                a[where, k], a[at, k] = a[at, k], a[where, k]
            else:
                _swap(a, where, at, hermitian)
        _eliminate(a, k, step, hermitian)
        pivots[k : k + step] = (at + 1) if step == 1 else -(at + 1)
        k += step
    return a, pivots, info


def _factor(a: np.ndarray, hermitian: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same for a stack of matrices."""
    parts = [_factor_one(matrix, hermitian) for matrix in flat(a, 2)]
    batch, n = a.shape[:-2], a.shape[-1]
    ld = np.stack([p[0] for p in parts]) if parts else np.empty((0, n, n), a.dtype)
    pivots = np.stack([p[1] for p in parts]) if parts else np.empty((0, n), np.int32)
    info = np.array([p[2] for p in parts], np.int32)
    return ld.reshape(a.shape), pivots.reshape(*batch, n), info.reshape(batch)


_factored = kernels.Native("lapack.reflecting", "ldl", _factor)


@on_cpu("linalg.ldl_factor")
def factored(a: np.ndarray, hermitian: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L and D in one array, pivots, and codes (0: success), of a stack of matrices."""
    return _factored(a, hermitian)


@operation(outputs="ld pivots info", label="LinalgLdlFactorEx")
def ldl_(a: Any, hermitian: bool) -> Any:
    """L and D in one array, pivots, and codes (0: success)."""
    return factored(a, hermitian)


@ldl_.gradient
def _(g: Any) -> None:
    raise NotImplementedError(
        "the derivative for 'linalg_ldl_factor_ex' is not implemented: use linalg.eigh or "
        "linalg.cholesky where a gradient is wanted"
    )


@public("linalg.ldl_factor_ex", out=True, tensors="A")
def ldl_factor_ex(A: Tensor, *, hermitian: bool = False, check_errors: bool = False) -> LDLFactorEx:  # type: ignore[valid-type]
    """`ldl_factor`, and for each matrix 0 or the number of its first zero pivot.

    Source: torch.linalg.ldl_factor_ex
    """
    square("torch.linalg.ldl_factor_ex", A)
    implemented("ldl_factor_kernel_cpu", A)
    A._kind.check_elements("linalg_ldl_factor_ex")
    ld, pivots, info = ldl_(A, hermitian and A.dtype.is_complex)
    if check_errors:
        _zero("torch.linalg.ldl_factor_ex", info)
    return LDLFactorEx((ld, pivots, info))


def _zero(name: str, info: Tensor) -> None:
    found = first_failure(info._array)
    if found:
        raise RuntimeError(
            f"{name}: {found[0]}D[{found[1]},{found[1]}] is zero, so systems cannot be solved with "
            "this factorization. Use linalg.ldl_factor_ex to get it nevertheless."
        )


@public("linalg.ldl_factor", out=True, tensors="A")
def ldl_factor(A: Tensor, *, hermitian: bool = False) -> LDLFactor:  # type: ignore[valid-type]
    """The factors of A = L D L^T (L D L^H if `hermitian`) in the form that `ldl_solve` takes.

    Args:
        A: Symmetric or Hermitian matrices, of which the lower triangle is read.
        hermitian: Complex matrices are Hermitian, not symmetric.

    Raises:
        RuntimeError: A pivot is zero.

    Source: torch.linalg.ldl_factor

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.ldl_factor(torch.tensor([[2., 1.], [1., 3.]])).pivots
        tensor([1, 2], dtype=torch.int32)
    """
    ld, pivots, info = ldl_factor_ex(A, hermitian=hermitian)
    _zero("torch.linalg.ldl_factor", info)
    return LDLFactor((ld, pivots))


def _solve_one(ld: np.ndarray, pivots: np.ndarray, b: np.ndarray, hermitian: bool) -> np.ndarray:
    n = ld.shape[0]
    x = b.copy()
    blocks, k = [], 0
    while k < n:
        step = 1 if pivots[k] > 0 else 2
        at = abs(int(pivots[k])) - 1
        where = k + step - 1
        blocks.append((k, step, where, at))
        x[[where, at]] = x[[at, where]]
        x[k + step :] -= ld[k + step :, k : k + step] @ x[k : k + step]
        block = ld[k : k + step, k : k + step].copy()
        if step == 2:
            block[0, 1] = block[1, 0].conj() if hermitian else block[1, 0]
        x[k : k + step] = np.linalg.solve(block, x[k : k + step])
        k += step
    for k, step, where, at in reversed(blocks):
        below = ld[k + step :, k : k + step]
        x[k : k + step] -= (below.conj() if hermitian else below).T @ x[k + step :]
        x[[where, at]] = x[[at, where]]
    return x


def _solve(ld: np.ndarray, pivots: np.ndarray, b: np.ndarray, hermitian: bool) -> np.ndarray:
    """x of A x = b from the factors of A, for stacks that broadcast."""
    batch = broadcast_shapes(ld.shape[:-2], b.shape[:-2])
    n, k = b.shape[-2:]
    systems = (
        flat(np.broadcast_to(ld, (*batch, n, n)), 2),
        flat(np.broadcast_to(pivots, (*batch, n)), 1),
        flat(np.broadcast_to(b, (*batch, n, k)), 2),
    )
    parts = [_solve_one(*system, hermitian) for system in zip(*systems)]
    return (np.stack(parts) if parts else np.empty((0, n, k), b.dtype)).reshape(*batch, n, k)


_solved = kernels.Native("lapack.reflecting", "ldl_solve", _solve)


@on_cpu("linalg.ldl_solve")
def solved(ld: np.ndarray, pivots: np.ndarray, b: np.ndarray, hermitian: bool) -> np.ndarray:
    """x of A x = b from the factors of A, for stacks that broadcast."""
    check_pivots(pivots, ld.shape[-1], in_blocks=True)
    return _solved(ld, pivots, b, hermitian)


@operation(operands="ld pivots b", label="LinalgLdlSolve", linear=False)
def ldl_solve_(ld: Any, pivots: Any, b: Any, hermitian: bool) -> Any:
    """x of A x = b from the factors of A."""
    return solved(ld, pivots, b, hermitian)


@ldl_solve_.gradient
def _(g: Any) -> None:
    raise NotImplementedError(
        "the derivative for 'linalg_ldl_solve' is not implemented: use linalg.solve where a "
        "gradient is wanted"
    )


@public("linalg.ldl_solve", out=True, tensors="LD pivots B")
def ldl_solve(LD: Tensor, pivots: Tensor, B: Tensor, *, hermitian: bool = False) -> Tensor:
    """The solution X of A X = B, given the factors of A.

    Args:
        LD: What `ldl_factor` gives.
        pivots: What it gives.
        B: The right-hand sides.
        hermitian: As for `ldl_factor`.

    Source: torch.linalg.ldl_solve
    """
    name = "torch.linalg.ldl_solve"
    square(name, LD)
    matrices(name, B, "B")
    if pivots.dtype.category != 1:
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {pivots.dtype.legacy}")
    same_dtype(name, LD, B, ("LD", "B"))
    if LD.shape[-1] != B.shape[-2]:
        raise RuntimeError(
            f"{name}: Incompatible matrix sizes: LD is {list(LD.shape)} and B is {list(B.shape)}"
        )
    return ldl_solve_(LD, pivots, B, hermitian and B.dtype.is_complex)
