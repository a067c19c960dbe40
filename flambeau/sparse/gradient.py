"""What rooms below ask of sparse tensors: sums and conversions of gradients, copies, and new tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import kernels
from ..autograd.mode import no_grad
from ..core.dtype import BY_NUMPY, convertible
from ..core.kind import kind_of
from ..core.layout import layout as Layout
from ..core.sparse import (
    COO,
    Pattern,
    SparseArray,
    SparseTensor,
    sparse_tensor,
    without_meaning,
)
from ..core.tensor import Tensor, wrap, wrap_numpy
from . import graph, index, place


def converted(x: SparseArray, dtype: Any) -> SparseArray:
    """Another array dtype."""
    values = convertible(x.values._array, dtype).astype(dtype)
    return x.like(wrap(values, kind_of(BY_NUMPY[np.dtype(dtype)], x.values.device)))


def added(x: Any, y: Any, out: Any = None) -> Any:
    """The sum of two gradients, of which one is sparse, or both are; into a dense one where that is `out`."""
    if not isinstance(x, SparseArray):
        x, y = y, x
    if not isinstance(y, SparseArray):
        return _added_to_dense(y, x, out is not None)
    if x.pattern is y.pattern and x.layout is y.layout:
        return x.like(wrap(x.values._array + y.values._array, x.values._kind))
    return _joined(x, y)


def _added_to_dense(y: Any, x: SparseArray, into: bool) -> Any:
    where = index.places(x)
    result = y if into else np.array(y)
    rows = result.reshape((index.sized(where.sizes), *where.tail))
    kernels.gather.indexed.add_at(
        rows, (where.flat,), x.values._array.reshape((len(where.flat), *where.tail))
    )
    if into and not np.shares_memory(rows, result):
        result[...] = rows.reshape(result.shape)
    return result


def _joined(x: SparseArray, y: SparseArray) -> SparseArray:
    with no_grad():
        layout = x.layout
        a, b = (place.as_coordinates(sparse_tensor(item))._array for item in (x, y))
        if a.pattern.arrays[0].shape[0] != b.pattern.arrays[0].shape[0]:
            raise RuntimeError(
                "the gradients of a tensor have different sparse_dim: "
                f"{a.pattern.arrays[0].shape[0]} and {b.pattern.arrays[0].shape[0]}"
            )
        both = np.concatenate([a.pattern.arrays[0], b.pattern.arrays[0]], 1)
        values = np.concatenate([a.values._array, b.values._array])
        pattern = Pattern((wrap_numpy(both),), both.shape[1] < 2)
        made = SparseArray(COO, x.shape, pattern, wrap(values, a.values._kind))
        if layout is COO:
            return made
        result: Tensor = sparse_tensor(made).to_sparse(layout=layout)
        return result._array


def of_coordinates(indices: Any, values: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A tensor of coordinates that are not coalesced."""
    pattern = index.pattern_of(indices, False)
    return graph.placed(SparseArray(COO, shape, pattern, values), values)


def reduced(x: SparseTensor) -> tuple:
    """For pickle and copy: parts that are dense; like PyTorch's, it does not keep requires_grad."""
    array = x._array
    parts = (*(index.detach() for index in array.pattern.indices), array.values)
    return restored, (array.layout, parts, array.shape, array.pattern.coalesced)


def restored(layout: Layout, parts: tuple, shape: tuple[int, ...], coalesced: bool) -> Tensor:
    """The inverse of `reduced`."""
    *indices, values = parts
    pattern = Pattern(tuple(indices), coalesced)
    return graph.placed(SparseArray(layout, tuple(shape), pattern, values), values)


def on_values(function: Callable, inputs: tuple) -> tuple[Callable, tuple]:
    """A function of sparse tensors as one of their values, and those."""

    def of_values(*found: Any) -> Any:
        given = [
            graph.placed(x._array, value) if isinstance(x, SparseTensor) else value
            for x, value in zip(inputs, found)
        ]
        result = function(*given)
        several = isinstance(result, (tuple, list))
        made = tuple([_value(y) for y in (result if several else (result,))])
        return made if several else made[0]

    return of_values, tuple([_variable(x) for x in inputs])


def _variable(x: Any) -> Any:
    if not isinstance(x, SparseTensor):
        return x
    values = x._array.values.detach().clone()
    return values.requires_grad_() if x.requires_grad else values


def _value(x: Any) -> Any:
    return graph.values_of(x) if isinstance(x, SparseTensor) else x


def scaled(function: Any, *operands: Any) -> SparseArray:
    """A gradient times, or over, a dense array that broadcasts to it; or its negative."""
    like = next(x for x in operands if isinstance(x, SparseArray))
    arrays = []
    for x in operands:
        if isinstance(x, SparseArray):
            arrays.append(x.values._array)
        else:
            every = np.broadcast_to(np.asarray(x), like.shape)
            arrays.append(graph.gathered(wrap_numpy(every), like)._array)
    if len(operands) == 2 and operands[1] is like and function is np.true_divide:
        raise without_meaning("division by it", like.layout)
    return like.like(wrap(function(*arrays), like.values._kind))
