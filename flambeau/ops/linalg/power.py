"""Powers and exponentials of matrices, and products of several."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from ...core.tensor import Tensor
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation
from .check import identity, square
from .inverse import inv

PADE = (
    64764752532480000.0,
    32382376266240000.0,
    7771770303897600.0,
    1187353796428800.0,
    129060195264000.0,
    10559470521600.0,
    670442572800.0,
    33522128640.0,
    1323241920.0,
    40840800.0,
    960960.0,
    16380.0,
    182.0,
    1.0,
)
"""Coefficients of the (13, 13) Pade approximant of exp (Higham 2005)."""


def _exponential(a: np.ndarray) -> np.ndarray:
    """Scaling and squaring, one scale for the batch; in double precision, so that nothing is lost."""
    if a.size == 0:
        return a.copy()
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    x = a.astype(wide)
    size = np.abs(x).sum(-2).max()
    squarings = 0
    if np.isfinite(size) and size > 5.37:
        squarings = int(np.ceil(np.log2(size / 5.37)))
        x = x / 2.0**squarings
    eye = np.eye(a.shape[-1])
    x2 = x @ x
    x4 = x2 @ x2
    x6 = x2 @ x4
    b = PADE
    odd = x @ (
        x6 @ (b[13] * x6 + b[11] * x4 + b[9] * x2) + b[7] * x6 + b[5] * x4 + b[3] * x2 + b[1] * eye
    )
    even = (
        x6 @ (b[12] * x6 + b[10] * x4 + b[8] * x2) + b[6] * x6 + b[4] * x4 + b[2] * x2 + b[0] * eye
    )
    if not np.isfinite(x).all():
        return np.full(a.shape, np.nan, a.dtype)
    y = np.linalg.solve(even - odd, even + odd)
    for _ in range(squarings):
        y = y @ y
    return y.astype(a.dtype)


@operation(label="LinalgMatrixExp")
def matrix_exp_(a: Any) -> Any:
    """Exponentials of matrices."""
    return _exponential(a)


@matrix_exp_.gradient
def _(g: Tensor, a: Tensor) -> Tensor:
    from ..join.cat import cat

    # The upper right block of exp([[B, G], [0, B]]) is the derivative of exp at B in direction G.
    n, adjoint = a.shape[-1], a.mH
    above = cat([adjoint, g], -1)
    below = cat([adjoint * 0, adjoint], -1)
    return matrix_exp_(cat([above, below], -2))[..., :n, n:]


@matrix_exp_.tangent
def _(t_a: Tensor, a: Tensor) -> Tensor:
    from ..join.cat import cat

    n = a.shape[-1]
    block = cat([cat([a, t_a], -1), cat([a * 0, a], -1)], -2)
    return matrix_exp_(block)[..., :n, n:]


@public("linalg.matrix_exp", "matrix_exp", method=True, out=True, tensors="A")
def matrix_exp(A: Tensor) -> Tensor:
    """The exponential of square matrices: the sum of A^k / k!.

    Source: torch.linalg.matrix_exp

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.matrix_exp(torch.zeros(2, 2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    square("linalg.matrix_exp", A)
    if A.dtype.category < 2:
        raise RuntimeError(
            f"linalg.matrix_exp: Expected a floating point or complex tensor as input. Got {A.dtype.legacy}"
        )
    return matrix_exp_(A)


@public("linalg.matrix_power", "matrix_power", method=True, out=True, tensors="A")
def matrix_power(A: Tensor, n: int) -> Tensor:
    """The n-th power of square matrices; a negative n raises the inverse.

    Raises:
        LinAlgError: n is negative and a matrix is singular.

    Source: torch.linalg.matrix_power

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.matrix_power(torch.tensor([[1., 1.], [0., 1.]]), 3)
        tensor([[1., 3.],
                [0., 1.]])
    """
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(
            f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}"
        )
    square("linalg.matrix_power", A)
    if n == 0:
        return A * 0 + identity(A.shape[-1], A)
    if n < 0:
        return matrix_power(inv(A), -n)
    if n == 1:
        return A.clone()
    result, square_of = None, A
    while n:
        if n & 1:
            result = square_of if result is None else result @ square_of
        n >>= 1
        if n:
            square_of = square_of @ square_of
    return result  # type: ignore[return-value]


Shape = tuple[int, ...]


@lru_cache(1024)
def _splits(shapes: tuple[Shape, ...]) -> list[list[int]]:
    """Where to split each chain of products so that the fewest multiplications are done.

    Raises:
        RuntimeError: There are fewer than two, or their shapes do not fit.
    """
    _check_chain(shapes)
    first, last = shapes[0], shapes[-1]
    ends = [first if len(first) == 2 else (1, *first)], [last if len(last) == 2 else (*last, 1)]
    chain = [*ends[0], *shapes[1:-1], *ends[1]]
    for i, (x, y) in enumerate(pairwise(chain)):
        if x[-1] != y[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(x)} and {list(y)} cannot be "
                "multiplied"
            )
    sizes = [x[0] for x in chain] + [chain[-1][1]]
    n = len(chain)
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = [
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i][j], split[i][j] = min(options)
    return split


def _product(tensors: list[Tensor], split: list[list[int]], i: int, j: int) -> Tensor:
    if i == j:
        return tensors[i]
    k = split[i][j]
    return _product(tensors, split, i, k) @ _product(tensors, split, k + 1, j)


def _check_chain(shapes: tuple[Shape, ...]) -> None:
    if len(shapes) < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {len(shapes)}")
    last = len(shapes) - 1
    for i, shape in enumerate(shapes):
        n, ends = len(shape), i in (0, last)
        if ends and n not in (1, 2):
            where = "the first tensor" if i == 0 else "the last tensor"
            raise RuntimeError(f"multi_dot(): {where} must be 1D or 2D but got {n}D")
        if not ends and n != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {n}D")


@public("linalg.multi_dot", out=True)
def multi_dot(tensors: Any) -> Tensor:
    """The product of several matrices, in the order of the fewest multiplications.

    Args:
        tensors: Matrices; the first and the last may be vectors.

    Raises:
        RuntimeError: There are fewer than two, or their shapes do not fit.

    Source: torch.linalg.multi_dot

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.multi_dot([torch.ones(2, 3), torch.ones(3, 4), torch.ones(4)])
        tensor([12., 12.])
    """
    chain = list(tensors)
    split = _splits(tuple([tuple(x.shape) for x in chain]))
    if any(x.dtype is not chain[0].dtype for x in chain):
        raise RuntimeError("multi_dot(): all tensors must have be the same dtype")
    row, column = chain[0].ndim == 1, chain[-1].ndim == 1
    if row:
        chain[0] = chain[0][None, :]
    if column:
        chain[-1] = chain[-1][:, None]
    result = _product(chain, split, 0, len(chain) - 1)
    if row:
        result = result.squeeze(0)
    return result.squeeze(-1) if column else result


@public("chain_matmul", out=True)
def chain_matmul(*matrices: Tensor) -> Tensor:
    """The product of several matrices; `torch.linalg.multi_dot` is newer.

    Source: torch.chain_matmul
    """
    if any(x.ndim != 2 for x in matrices):
        raise RuntimeError("chain_matmul: all inputs must be 2D matrices")
    return matrices[0].clone() if len(matrices) == 1 else multi_dot(matrices)
