"""Sparse matrices of diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.sparse import COO, CSC, CSR, Pattern, SparseArray
from ..core.tensor import Tensor, wrap_numpy
from . import graph, place


def spdiags(diagonals: Tensor, offsets: Tensor, shape: Any, layout: Any = None) -> Tensor:
    """A sparse matrix that has the rows of `diagonals` along its diagonals.

    Args:
        diagonals: (diagonals, n) or (n,). Element j of a row stands in column j.
        offsets: (diagonals,), int64: which diagonal each is; above the main one they count up.
        shape: Of the matrix.
        layout: torch.sparse_coo, if not given, sparse_csr or sparse_csc.

    Raises:
        RuntimeError: The sizes do not fit, or a diagonal is given twice.

    Source: torch.sparse.spdiags

    Example:
        >>> import flambeau as torch
        >>> torch.sparse.spdiags(torch.tensor([1.0, 2.0]), torch.tensor([-1]), (3, 3)).to_dense()
        tensor([[0., 0., 0.],
                [1., 0., 0.],
                [0., 2., 0.]])
    """
    rows = diagonals.unsqueeze(0) if diagonals.ndim == 1 else diagonals
    steps = np.atleast_1d(offsets._array)
    height, width = _checked(rows, steps, offsets, tuple(shape), layout)
    columns = np.arange(min(rows.shape[1], width))
    line = columns[None] - steps[:, None]
    which, at = np.nonzero((line >= 0) & (line < height))
    values = rows.flatten()[wrap_numpy(which * rows.shape[1] + at)]
    both = np.ascontiguousarray([line[which, at], at], np.int64).reshape(2, -1)
    pattern = Pattern((wrap_numpy(both),), both.shape[1] < 2)
    made = graph.placed(SparseArray(COO, (height, width), pattern, values), values)
    return made if layout in (None, COO) else place.coalesced(made).to_sparse(layout=layout)


def _checked(
    rows: Tensor, steps: Any, offsets: Tensor, shape: tuple[int, ...], layout: Any
) -> tuple[int, int]:
    """The sizes of the matrix.

    Raises:
        RuntimeError: Something does not fit.
    """
    if offsets.dtype.name != "int64":
        raise RuntimeError(f"Offset Tensor must have dtype Long but got {offsets.dtype.legacy}")
    if layout not in (None, COO, CSR, CSC):
        raise RuntimeError(
            f"Only output layouts (Sparse, SparseCsc, SparseCsr) are supported, got {layout}"
        )
    if len(shape) != 2:
        raise RuntimeError(f"Output shape must be 2d, got {len(shape)} sizes")
    if rows.ndim != 2 or steps.ndim != 1 or rows.shape[0] != len(steps):
        raise RuntimeError(
            f"Number of diagonals ({rows.shape[0]}) does not match the number of offsets ({len(steps)})"
        )
    if len(np.unique(steps)) != len(steps):
        raise RuntimeError("Offset tensor contains duplicate values")
    return int(shape[0]), int(shape[1])
