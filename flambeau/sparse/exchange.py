"""SciPy's sparse arrays, both ways, and its solver."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from ..autograd.function import Function
from ..core.sparse import BSR, COO, CSC, CSR, Pattern, SparseArray, SparseTensor
from ..core.tensor import Tensor, wrap_numpy
from . import graph, index
from .multiply import sampled
from .product import matrix_of

_LAYOUTS = {"coo": COO, "csr": CSR, "csc": CSC, "bsr": BSR}


def _scipy() -> Any:
    try:
        sparse = import_module("scipy.sparse")
        import_module("scipy.sparse.linalg")
    except ImportError as error:
        raise ImportError(
            "this needs SciPy, which is not installed: pip install 'flambeau[sparse]'"
        ) from error
    return sparse


def from_scipy(array: Any) -> Tensor:
    """A sparse tensor of one of SciPy's sparse arrays or matrices, in the same layout.

    The values keep the array's memory; indices are copied where they are not int64. Other formats than
    coo, csr, csc and bsr become coo.

    Example:
        >>> import flambeau as torch
        >>> import scipy.sparse
        >>> torch.sparse.from_scipy(scipy.sparse.csr_array([[0.0, 2.0]])).layout
        torch.sparse_csr
    """
    if array.format not in _LAYOUTS:
        array = array.tocoo()
    layout = _LAYOUTS[array.format]
    values = wrap_numpy(array.data)
    if layout is COO:
        coordinates = np.stack(
            [
                np.asarray(c, np.int64)
                for c in (getattr(array, "coords", None) or (array.row, array.col))
            ]
        )
        pattern = index.pattern_of(coordinates, False)
    else:
        if layout is not BSR and not array.has_sorted_indices:
            array = array.sorted_indices()
            values = wrap_numpy(array.data)
        parts = (array.indptr, array.indices)
        pattern = Pattern(tuple([wrap_numpy(part.astype(np.int64)) for part in parts]))
    return graph.placed(SparseArray(layout, tuple(array.shape), pattern, values), values)


def to_scipy(input: Tensor) -> Any:
    """One of SciPy's sparse arrays of a sparse matrix, in the same layout, on the memory of its values.

    Raises:
        TypeError: The tensor is dense.
        ValueError: It has not two dimensions, or a layout that SciPy has not.
        RuntimeError: It requires grad.

    Example:
        >>> import flambeau as torch
        >>> torch.sparse.to_scipy(torch.eye(2).to_sparse_csr()).nnz
        2
    """
    if not isinstance(input, SparseTensor):
        raise TypeError("to_scipy() takes a sparse tensor: use .numpy(), or .to_sparse() first")
    if input.requires_grad:
        raise RuntimeError(
            "to_scipy() takes a tensor that does not require grad: use detach() first"
        )
    scipy = _scipy()
    names = {layout: name for name, layout in _LAYOUTS.items()}
    if input.layout not in names or input.ndim != 2 or input.dense_dim():
        raise ValueError(
            f"SciPy has no arrays of layout {input.layout} with {input.ndim} dimensions: convert with "
            ".to_sparse_csr(), one matrix at a time"
        )
    make = getattr(scipy, f"{names[input.layout]}_array")
    values = input._array.values.numpy()
    if input.layout is COO:
        rows, columns = input._array.pattern.arrays[0]
        return make((values, (rows, columns)), shape=tuple(input.shape))
    pointers, plain = input._array.pattern.arrays
    return make((values, plain, pointers), shape=tuple(input.shape))


def spsolve(input: Tensor, other: Tensor, *, left: bool = True) -> Tensor:
    """The solution x of ``input @ x = other`` for a sparse square matrix, by SciPy's SuperLU.

    Args:
        input: (n, n), of any sparse layout.
        other: (n,) or (n, k), dense.

    Raises:
        RuntimeError: The matrix is not sparse, not square, or singular; the sizes do not fit.
        ImportError: SciPy is not installed.

    Source: torch.sparse.spsolve

    Example:
        >>> import flambeau as torch
        >>> torch.sparse.spsolve((2 * torch.eye(2)).to_sparse_csr(), torch.ones(2))
        tensor([0.5000, 0.5000])
    """
    if not isinstance(input, SparseTensor):
        raise RuntimeError("spsolve: expected a sparse matrix: use torch.linalg.solve()")
    if not left:
        raise RuntimeError("spsolve: only left=True is supported: solve with the transposes")
    rows, columns = input.shape[-2:] if input.ndim == 2 else (0, 1)
    if rows != columns or other.shape[0] != rows:
        raise RuntimeError(
            f"spsolve: a square matrix and a right side of as many rows are expected, not of shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    return _solved(input, other)


def _solved(x: SparseTensor, b: Tensor) -> Tensor:
    like, values = matrix_of(x)

    class Solve(Function):
        """The solution, whose gradient solves with the transpose."""

        @staticmethod
        def forward(ctx: Any, values: Tensor, b: Tensor, transposed: bool) -> Tensor:
            found = _factor(like, values._array, b._array, transposed)
            made = wrap_numpy(found)
            ctx.save_for_backward(values, made)
            ctx.transposed = transposed
            return made

        @staticmethod
        def backward(ctx: Any, g: Tensor) -> Any:
            values, made = ctx.saved_tensors
            back = Solve.apply(values, g, not ctx.transposed)
            left, right = (back, made) if back.ndim == 2 else (back.unsqueeze(1), made.unsqueeze(1))
            return -sampled(left, right, like, ctx.transposed), back, None

    return Solve.apply(values, b, False)


def _factor(like: SparseArray, values: Any, b: Any, transposed: bool) -> Any:
    scipy = _scipy()
    rows, columns = index.coordinates(like)[-2:]
    matrix = scipy.csc_array((values, (rows, columns)), shape=like.shape[-2:])
    try:
        solver = scipy.linalg.splu(matrix)
    except RuntimeError as error:
        raise RuntimeError(
            f"spsolve: the matrix is singular ({error}): there is no one solution"
        ) from None
    found = solver.solve(np.ascontiguousarray(b), "T" if transposed else "N")
    return found.astype(b.dtype, copy=False)
