"""Sparse tensors: layouts of coordinates and of compressed rows and columns.

A sparse tensor is a Tensor whose ``layout`` is one of torch.sparse_coo, sparse_csr, sparse_csc,
sparse_bsr and sparse_bsc; ``torch.sparse_coo_tensor`` and its relatives and ``x.to_sparse()`` make
them. What torch.add, ``@``, torch.cat and all others mean for them is in one table (`dispatch`), and
what is not there is refused. Here are the functions of torch.sparse.

The gradient of a sparse tensor is sparse and has its places: elements that are not specified are
constant.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .._lazy import attach
from ..core.tensor import Tensor
from ..ops.create.constructor import LEGACY
from ..ops.linalg.matmul import mm as dense_mm
from . import dispatch, product, reduction
from .diagonal import spdiags
from .exchange import from_scipy, spsolve, to_scipy
from .invariant import check_sparse_tensor_invariants
from .product import sampled_addmm

__all__ = [
    "SparseSemiStructuredTensor",
    "SparseSemiStructuredTensorCUSPARSELT",
    "SparseSemiStructuredTensorCUTLASS",
    "addmm",
    "as_sparse_gradcheck",
    "check_sparse_tensor_invariants",
    "from_scipy",
    "log_softmax",
    "mm",
    "sampled_addmm",
    "softmax",
    "solve",
    "spdiags",
    "spsolve",
    "sum",
    "to_scipy",
    "to_sparse_semi_structured",
]


def mm(input: Tensor, mat2: Tensor, reduce: str | None = None, *, out: Any = None) -> Tensor:
    """The product of two matrices of any layout.

    Args:
        reduce: "sum", "mean", "amax" (or "max") or "amin" (or "min") of the terms of a row, for
            layout sparse_csr.

    Raises:
        RuntimeError: The sizes or dtypes do not fit.

    Source: torch.sparse.mm

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([[0.0, 2.0], [3.0, 0.0]]).to_sparse()
        >>> torch.sparse.mm(x, torch.ones(2, 1))
        tensor([[2.],
                [3.]])
    """
    if reduce is None and not (dispatch.is_sparse(input) or dispatch.is_sparse(mat2)):
        return dense_mm(input, mat2, out=out)
    result = product.mm(input, mat2) if reduce is None else product.reduced(input, mat2, reduce)
    return result if out is None else dispatch.give(out, result, "mm")


def addmm(
    mat: Tensor, mat1: Tensor, mat2: Tensor, *, beta: float = 1.0, alpha: float = 1.0
) -> Tensor:
    """``beta * mat + alpha * (mat1 @ mat2)`` of a sparse mat1.

    Source: torch.sparse.addmm

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([[0.0, 2.0], [3.0, 0.0]]).to_sparse()
        >>> torch.sparse.addmm(torch.ones(2, 1), x, torch.ones(2, 1))
        tensor([[3.],
                [4.]])
    """
    return product.addmm(mat, mat1, mat2, beta=beta, alpha=alpha)


def sum(input: Tensor, dim: Any = None, dtype: Any = None) -> Tensor:
    """The sum of all elements, or over some dimensions: dense where no sparse dimension is left.

    Source: torch.sparse.sum

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([[0.0, 2.0], [3.0, 0.0]]).to_sparse()
        >>> torch.sparse.sum(x)
        tensor(5.)
        >>> torch.sparse.sum(x, 0).to_dense()
        tensor([3., 2.])
    """
    if not dispatch.is_sparse(input):
        raise RuntimeError("torch.sparse.sum: expected a sparse tensor: use torch.sum()")
    if dim is not None and not isinstance(dim, int) and len(dim) == input.ndim:
        dim = None
    return reduction.sum(input, dim, dtype=dtype)


def softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The softmax of the specified elements: all others count as -inf.

    Source: torch.sparse.softmax

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([[0.0, 2.0], [3.0, 3.0]]).to_sparse()
        >>> torch.sparse.softmax(x, 1).values()
        tensor([1.0000, 0.5000, 0.5000])
    """
    return reduction.softmax_of(input, dim, dtype, False)


def log_softmax(input: Tensor, dim: int, *, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`.

    Source: torch.sparse.log_softmax

    Example:
        >>> import flambeau as torch
        >>> x = torch.tensor([[0.0, 2.0], [3.0, 3.0]]).to_sparse()
        >>> torch.sparse.log_softmax(x, 1).values()
        tensor([ 0.0000, -0.6931, -0.6931])
    """
    return reduction.softmax_of(input, dim, dtype, True)


def as_sparse_gradcheck(gradcheck: Callable) -> Callable:
    """`autograd.gradcheck` for functions of sparse tensors, whose gradient is that of their values.

    Source: torch.sparse.as_sparse_gradcheck

    Example:
        >>> import flambeau as torch
        >>> check = torch.sparse.as_sparse_gradcheck(torch.autograd.gradcheck)
        >>> x = torch.eye(2, dtype=torch.float64).to_sparse().requires_grad_()
        >>> check(lambda x: torch.sparse.mm(x, x).to_dense(), x)
        True
    """

    @functools.wraps(gradcheck)
    def check(func: Callable, inputs: Any, **options: Any) -> bool:
        options.setdefault("masked", True)
        return gradcheck(func, inputs, **options)

    return check


def to_sparse_semi_structured(original_tensor: Tensor, transposed: bool = False) -> Tensor:
    """Refused: the 2:4 pattern exists for NVIDIA's sparse tensor cores.

    Raises:
        RuntimeError: Always.

    Source: torch.sparse.to_sparse_semi_structured
    """
    raise RuntimeError(
        "semi-structured (2:4) sparsity runs on NVIDIA's sparse tensor cores, for which flambeau has no "
        "kernels: use .to_sparse_csr(), or keep the matrix dense with zeros"
    )


class SparseSemiStructuredTensor:
    """Refused, as `to_sparse_semi_structured` is.

    Source: torch.sparse.SparseSemiStructuredTensor
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        to_sparse_semi_structured(*args[:1] or (None,))


SparseSemiStructuredTensorCUTLASS = SparseSemiStructuredTensor
SparseSemiStructuredTensorCUSPARSELT = SparseSemiStructuredTensor
solve = spsolve

__getattr__, _listed = attach(__name__, names=dict.fromkeys(LEGACY, "legacy"))
