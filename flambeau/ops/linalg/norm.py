"""Norms of matrices."""

from __future__ import annotations

import math
from typing import Any

from ...core.tensor import Tensor, wrap_dim
from ...dispatch.registry import public
from ..reduction.norm import vector_norm
from .check import matrices
from .svd import svdvals_


def _checked(A: Tensor, ord: Any, dim: Any) -> tuple[int, int]:
    name = "linalg.matrix_norm"
    matrices(name, A)
    if A.dtype.category < 2:
        raise RuntimeError(
            f"{name}: Expected a floating point or complex tensor as input. Got {A.dtype.legacy}"
        )
    if not isinstance(dim, (tuple, list)) or len(dim) != 2:
        shown = dim if isinstance(dim, int) else list(dim)
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {shown}")
    known = ("fro", "nuc") if isinstance(ord, str) else (1, -1, 2, -2, math.inf, -math.inf)
    if ord not in known:
        raise RuntimeError(f"{name}: Order {ord} not supported.")
    first, second = wrap_dim(dim[0], A.ndim), wrap_dim(dim[1], A.ndim)
    if first == second:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    return first, second


@public("linalg.matrix_norm", out=True, tensors="A")
def matrix_norm(
    A: Tensor,
    ord: Any = "fro",
    dim: Any = (-2, -1),
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Tensor:
    """A norm of matrices.

    Args:
        A: The matrices.
        ord: "fro", "nuc" (the sum of the singular values), 2 or -2 (the largest or smallest of them),
            1 or -1 (the largest or smallest sum of magnitudes of a column), inf or -inf (of a row).
        dim: Rows and columns.
        keepdim: Leave dimensions of size 1 where the matrices were.
        dtype: Convert the matrices first.

    Raises:
        RuntimeError: There is no such norm, or the dimensions are not two.

    Source: torch.linalg.matrix_norm

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.matrix_norm(torch.ones(2, 2), 1)
        tensor(2.)
    """
    rows, columns = _checked(A, ord, dim)
    x = A if dtype is None else A.to(dtype)
    if ord == "fro":
        whole = x.ndim == 2 and not keepdim  # over all elements it is faster
        return vector_norm(x, 2, None if whole else (rows, columns), keepdim)
    if ord == "nuc" or abs(ord) == 2:
        return _by_singular_values(x, ord, rows, columns, keepdim)
    summed, picked = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = vector_norm(x, 1, summed, True)
    if ord > 0 and sums.shape[picked] == 0:
        result = sums.sum(picked, True)  # the norm of nothing is 0
    else:
        result = sums.amax(picked, True) if ord > 0 else sums.amin(picked, True)
    if keepdim:
        return result
    return result.squeeze((rows, columns))


def _by_singular_values(x: Tensor, ord: Any, rows: int, columns: int, keepdim: bool) -> Tensor:
    s = svdvals_(x.movedim((rows, columns), (-2, -1)))
    summed = ord == "nuc" or (ord > 0 and s.shape[-1] == 0)  # the norm of nothing is 0
    result = s.sum(-1) if summed else s.amax(-1) if ord > 0 else s.amin(-1)
    for at in sorted((rows, columns)) if keepdim else ():
        result = result.unsqueeze(at)
    return result


@public("linalg.norm", out=True, tensors="A")
def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    """A norm of vectors or of matrices, as `ord` and `dim` say.

    Args:
        A: A tensor.
        ord: As for `vector_norm` and `matrix_norm`; None means the 2-norm of all elements.
        dim: One dimension means vectors, two mean matrices. None: the tensor as it is, one or two
            dimensions of it, or flattened if `ord` is None too.
        keepdim: Keep reduced dimensions with size 1.
        dtype: Convert first.

    Source: torch.linalg.norm

    Example:
        >>> import flambeau as torch
        >>> torch.linalg.norm(torch.tensor([3., 4.]))
        tensor(5.)
    """
    if dim is not None and isinstance(dim, int):
        dim = (dim,)
    if ord is None:
        return vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is not None and len(dim) not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}"
        )
    if dim is None and A.ndim not in (1, 2):
        raise RuntimeError(
            f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {A.ndim}D."
        )
    if isinstance(ord, str):
        return matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    axes = tuple(range(A.ndim)) if dim is None else tuple(dim)
    if len(axes) == 2:
        return matrix_norm(A, ord, axes, keepdim, dtype=dtype)
    return vector_norm(A, ord, axes, keepdim, dtype=dtype)
