"""A sparse matrix times a dense one, and the products of rows at a sparse matrix's places.

Each is the other's gradient: of ``A @ y`` towards the values of A the products of g's rows with y's, of
those products a sparse times a dense matrix. So both can be differentiated again and again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import kernels
from ..core.sparse import COO, SparseArray, batch_dims, sparse_dims
from ..core.tensor import Tensor
from ..dispatch.rule.rule_operation import operation
from . import index


@operation(operands="values y", label="SparseAddmm")
def spmm(values: Any, y: Any, like: SparseArray, transposed: bool) -> Any:
    """``A @ y``, where A has these values at the places of `like`, or of its transpose."""
    rows = index.by_rows(like, transposed)
    if rows.order is not None:
        values = kernels.gather.indexed.take(values, (rows.order,))
    return kernels.sparse.product.times(rows.pointers, rows.columns, values, y)


@spmm.gradient
def _(
    g: Tensor, values: Tensor, y: Tensor, like: SparseArray, transposed: bool, needs: tuple
) -> tuple:
    return (
        sampled(g, y.conj(), like, transposed) if needs[0] else None,
        spmm(values.conj(), g, like, not transposed) if needs[1] else None,
    )


@operation(operands="x y", label="SparseSampled")
def sampled(x: Any, y: Any, like: SparseArray, transposed: bool) -> Any:
    """The sum of ``x[row] * y[column]`` for each place of `like`, or of its transpose."""
    rows, columns = index.pairs(like)
    if transposed:
        rows, columns = columns, rows
    return kernels.sparse.product.dots(rows, columns, x, y)


@sampled.gradient
def _(g: Tensor, x: Tensor, y: Tensor, like: SparseArray, transposed: bool, needs: tuple) -> tuple:
    return (
        spmm(g, y.conj(), like, transposed) if needs[0] else None,
        spmm(g, x.conj(), like, not transposed) if needs[1] else None,
    )


def matrix(x: SparseArray) -> SparseArray:
    """The matrix of a batch of matrices that has them along its diagonal; its values are the same."""
    dims = batch_dims(x) + sparse_dims(x)
    if dims == 2 and x.layout is COO:
        return x
    sizes = x.shape[:dims]
    number = index.sized(sizes[:-2])
    shape = number * sizes[-2], number * sizes[-1]

    def made() -> Any:
        coordinates = index.coordinates(x)
        batch = index.ravel(coordinates[:-2], sizes[:-2])
        both = np.stack([batch * sizes[-2] + coordinates[-2], batch * sizes[-1] + coordinates[-1]])
        return index.pattern_of(both, False)

    pattern = x.pattern.derived(("matrix", x.layout, sizes, index.block_size(x)), made)
    return SparseArray(COO, shape, pattern, x.values)
