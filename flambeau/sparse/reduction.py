"""Sums, norms and softmax of sparse tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.sparse import COO, SparseTensor
from ..core.tensor import Tensor, wrap, wrap_dim
from . import graph, index, place
from .convert import same_layout
from .dispatch import meaning


def _dims(x: Tensor, dim: Any) -> list[int]:
    given = [dim] if isinstance(dim, int) else list(dim)
    found = sorted(wrap_dim(d, x.ndim) for d in given)
    if len({*found}) < len(found):
        raise RuntimeError(f"dim {found} appears multiple times in the list of dims")
    return found


@meaning("sum")
def sum(
    input: SparseTensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None
) -> Tensor:
    x = input if dtype is None else input.to(dtype)
    if dim is None or (isinstance(dim, Sequence) and not dim):
        return graph.named(graph.values_of(x).sum(), "Sum")
    dims = _dims(x, dim)
    if x.layout is COO:
        return graph.named(_over(x, dims, keepdim), "SparseSum")
    if not keepdim:
        raise RuntimeError(
            "reduction operations on CSR tensors with keepdim=False is unsupported: pass keepdim=True"
        )
    made: Any = _over(place.as_coordinates(x), dims, True)
    return graph.named(same_layout(made, x._array), "Sum")


def _over(x: SparseTensor, dims: list[int], keepdim: bool) -> Tensor:
    """Sums over some dimensions of a tensor of coordinates: dense where no sparse dimension is left."""
    array, sparse = x._array, x.sparse_dim()
    inner = [d - sparse + 1 for d in dims if d >= sparse]
    values = graph.values_of(x)
    if inner:
        values = values.sum(inner, keepdim)
    shape = tuple(
        1 if d in dims else n for d, n in enumerate(array.shape) if keepdim or d not in dims
    )
    kept = [d for d in range(sparse) if d not in dims]
    if not kept and not keepdim:
        return values.sum(0)
    if len(kept) == sparse and array.pattern.coalesced:
        return graph.placed(array, values, shape=shape)
    coordinates = array.pattern.arrays[0]
    if keepdim:
        coordinates = coordinates.copy()
        coordinates[[d for d in dims if d < sparse]] = 0
    else:
        coordinates = coordinates[kept]
    made = graph.placed(array, values, index.pattern_of(coordinates, False), shape)
    return place.coalesced(made)


@meaning()
def norm(input: SparseTensor, p: Any = "fro", dim: Any = None, keepdim: bool = False) -> Tensor:
    if dim is not None:
        raise RuntimeError(
            "norm_sparse currently does not support a dim: take the norm of .to_dense() there"
        )
    x = place.coalesced(input) if input.layout is COO else input
    return graph.values_of(x).norm(p)


meaning("native_norm")(norm)


@meaning("vector_norm", "linalg.vector_norm")
def vector_norm(x: SparseTensor, ord: Any = 2, *args: Any, **options: Any) -> Tensor:
    found = place.coalesced(x) if x.layout is COO else x
    return graph.values_of(found).norm(ord)


@meaning()
def any(input: SparseTensor, *args: Any) -> Tensor:
    if args:
        raise NotImplementedError(
            "Could not run 'aten::any.dim' with arguments from the 'SparseCPU' backend: leave dim out, or "
            "call .to_dense() first"
        )
    return graph.values_of(input).any()


# ---------------------------------------------------------------------------------------- softmax


def softmax_of(input: Tensor, dim: int, dtype: Any, log: bool) -> Tensor:
    """softmax, or its logarithm, of the elements that are specified."""
    if not isinstance(input, SparseTensor) or input.layout is not COO:
        raise NotImplementedError(
            "Could not run 'aten::_sparse_softmax': sparse.softmax() is for tensors of layout sparse_coo; "
            "call .to_sparse() first"
        )
    x = place.coalesced(input if dtype is None else input.to(dtype))
    dim, sparse = wrap_dim(dim, x.ndim), x.sparse_dim()
    values = graph.values_of(x)
    if dim >= sparse:
        result = (values.log_softmax if log else values.softmax)(dim - sparse + 1)
    else:
        result = _along(x, values, dim, log)
    name = "SparseLogSoftmax" if log else "SparseSoftmax"
    return graph.named(graph.placed(x._array, result), name)


def _along(x: SparseTensor, values: Tensor, dim: int, log: bool) -> Tensor:
    """softmax over the values that differ in a sparse dimension only."""
    if not values.shape[0]:
        return values
    order, begins, group = x._array.pattern.derived(
        ("pools", dim, x._array.shape), lambda: _pools(x, dim)
    )
    array = values._array if order is None else values._array[order]
    top = np.maximum.reduceat(array, begins, 0)[group]
    shifted = graph.taken(values, order) - wrap(top, values._kind)
    powers = shifted.exp()
    totals = graph.taken(graph.summed(powers, group, len(begins)), group)
    result = shifted - totals.log() if log else powers / totals
    if order is None:
        return result
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return graph.taken(result, back)


def _pools(x: SparseTensor, dim: int) -> tuple[Any, Any, Any]:
    """The order of values by all coordinates but one, where a pool begins, and the pool of each."""
    coordinates, sparse = x._array.pattern.arrays[0], x.sparse_dim()
    others = [d for d in range(sparse) if d != dim]
    keys = index.ravel(coordinates[others], tuple(x.shape[d] for d in others))
    found = index.groups(keys)
    group = np.arange(len(keys)) if found.group is None else found.group
    begins = np.flatnonzero(np.diff(group, prepend=-1))
    return found.order, begins, group
