"""Other shapes of sparse tensors: transposes, parts, and several joined to one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.sparse import BSC, BSR, COO, CSC, CSR, Pattern, SparseTensor, batch_dims
from ..core.tensor import Tensor, wrap_dim, wrap_numpy
from ..ops.join.cat import cat as dense_cat
from . import graph, index, place
from .dispatch import is_sparse, meaning

_TURNED = {CSR: CSC, CSC: CSR, BSR: BSC, BSC: BSR}


def _swapped(shape: tuple[int, ...], i: int, j: int) -> tuple[int, ...]:
    sizes = list(shape)
    sizes[i], sizes[j] = sizes[j], sizes[i]
    return tuple(sizes)


@meaning("transpose", "swapaxes", "swapdims")
def transpose(input: SparseTensor, dim0: int, dim1: int) -> Tensor:
    i, j = wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim)
    if i == j:
        return input
    if input.layout is COO:
        order = list(range(input.ndim))
        order[i], order[j] = j, i
        if (i < input.sparse_dim()) != (j < input.sparse_dim()):
            raise RuntimeError(
                f"sparse transpose: transposed dimensions must be sparse Got sparse_dim: "
                f"{input.sparse_dim()}, d0: {i}, d1: {j}"
            )
        return graph.named(_permuted(input, order), "Transpose")
    array, batch = input._array, batch_dims(input._array)
    if {i, j} != {batch, batch + 1}:
        raise RuntimeError(
            f"transpose(): the layout {input.layout} allows to exchange its two sparse dimensions, {batch} "
            f"and {batch + 1}, and not {i} and {j}: call .to_dense() first"
        )
    values = graph.values_of(input)
    if input.layout in (BSR, BSC):
        values = values.transpose(batch + 1, batch + 2)
    shape = _swapped(array.shape, i, j)
    made = graph.placed(array, values, shape=shape, layout_=_TURNED[input.layout])
    return graph.named(made, "Transpose")


def _permuted(x: SparseTensor, order: list[int]) -> SparseTensor:
    """A tensor of coordinates with its dimensions in another order."""
    array, sparse = x._array, x.sparse_dim()
    values = graph.values_of(x)
    if order[sparse:] != list(range(sparse, x.ndim)):
        values = values.permute(0, *(d - sparse + 1 for d in order[sparse:]))
    front = order[:sparse]
    pattern = array.pattern
    if front != list(range(sparse)):
        pattern = pattern.derived(
            ("permuted", *front), lambda: index.pattern_of(pattern.arrays[0][front], False)
        )
    return graph.placed(array, values, pattern, tuple(array.shape[d] for d in order))


@meaning()
def t(input: SparseTensor) -> Tensor:
    if input.layout is COO and (input.sparse_dim() > 2 or input.dense_dim()):
        raise RuntimeError(
            f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got {input.sparse_dim()} "
            f"sparse and {input.dense_dim()} dense dimensions"
        )
    if input.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D")
    return graph.named(transpose(input, 0, 1), "T") if input.ndim == 2 else input


@meaning("T", "mT", "adjoint", "mH", "H")
def matrix_transpose(self: SparseTensor) -> Tensor:
    return transpose(self, -2, -1)


@meaning()
def permute(input: SparseTensor, dims: Any, *more: int) -> Tensor:
    given = (dims, *more) if isinstance(dims, int) else tuple(dims)
    order = [wrap_dim(d, input.ndim) for d in given]
    if sorted(order) != list(range(input.ndim)):
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of "
            f"the desired ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to "
            f"len(dims) = {len(order)}"
        )
    if input.layout is not COO:
        batch = batch_dims(input._array)
        if order != list(_swapped(tuple(range(input.ndim)), batch, batch + 1)):
            raise NotImplementedError(
                f"permute(): the layout {input.layout} allows to exchange its two sparse dimensions only; "
                "call .to_dense() first"
            )
        return transpose(input, batch, batch + 1)
    sparse = input.sparse_dim()
    if any(d >= sparse for d in order[:sparse]):
        raise RuntimeError(
            "permute(sparse_coo): transpositions between sparse and dense dimensions are not allowed.Only "
            "transpositions within sparse and dense dimensions are supported."
        )
    return graph.named(_permuted(input, order), "Permute")


# ------------------------------------------------------------------------------------------ parts


@meaning()
def select(input: SparseTensor, dim: int, index: int) -> Tensor:
    dim = wrap_dim(dim, input.ndim)
    size = input.shape[dim]
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension {dim}"
        )
    index = index + size if index < 0 else index
    x = input
    ordered = x.layout is not COO
    if ordered:
        if dim < batch_dims(x._array):
            return graph.named(_of_batch(x, dim, index), "Select")
        x = place.as_coordinates(x)
    return graph.named(_selected(x, dim, index, ordered), "Select")


def _selected(x: SparseTensor, dim: int, at: int, ordered: bool) -> Tensor:
    array, sparse = x._array, x.sparse_dim()
    shape = array.shape[:dim] + array.shape[dim + 1 :]
    values = graph.values_of(x)
    if dim >= sparse:
        return graph.placed(array, values.select(dim - sparse + 1, at), shape=shape)
    coordinates = array.pattern.arrays[0]
    met = np.flatnonzero(coordinates[dim] == at)
    values = graph.taken(values, met)
    if sparse == 1:
        return values.sum(0)
    rest = np.delete(coordinates[:, met], dim, 0)
    return graph.placed(array, values, index.pattern_of(rest, ordered), shape)


def _of_batch(x: SparseTensor, dim: int, at: int) -> Tensor:
    array = x._array
    parts = tuple([part.select(dim, at) for part in array.pattern.indices])
    shape = array.shape[:dim] + array.shape[dim + 1 :]
    return graph.placed(array, graph.values_of(x).select(dim, at), Pattern(parts), shape)


@meaning()
def __getitem__(self: SparseTensor, key: Any) -> Tensor:
    items = list(key) if isinstance(key, tuple) else [key]
    if items.count(Ellipsis):
        at = next(i for i, item in enumerate(items) if item is Ellipsis)
        given = sum(item is not None for item in items) - 1
        items[at : at + 1] = [slice(None)] * (self.ndim - given)
    if sum(item is not None for item in items) > self.ndim:
        raise IndexError(f"too many indices for tensor of dimension {self.ndim}")
    x: Any = self
    dim = 0
    for item in items:
        if item is None:
            x = x.unsqueeze(dim)
            dim += 1
        elif isinstance(item, slice) and item == slice(None):
            dim += 1
        elif isinstance(item, (int, np.integer)) and not isinstance(item, bool):
            x = x.select(dim, int(item))
        else:
            raise NotImplementedError(
                f"Could not run 'aten::index' with arguments from the 'SparseCPU' backend: {item!r} is no index "
                "of sparse tensors, which take integers, None, ... and whole dimensions; use narrow_copy(), "
                "index_select(), or .to_dense() first"
            )
    return x


@meaning()
def __setitem__(self: SparseTensor, key: Any, value: Any) -> None:
    raise TypeError(
        "Cannot assign to a sparse tensor: make a new one of other indices and values, or call .to_dense() "
        "first"
    )


@meaning()
def index_select(input: SparseTensor, dim: int, index: Tensor) -> Tensor:
    if input.layout is not COO:
        raise NotImplementedError(
            f"Could not run 'aten::index_select' with arguments of layout {input.layout}: call .to_sparse() "
            "first"
        )
    dim = wrap_dim(dim, input.ndim)
    wanted = np.atleast_1d(index._array).astype(np.int64)
    size = input.shape[dim]
    if wanted.size and (wanted.min() < -size or wanted.max() >= size):
        raise IndexError(
            f"index_select(): index contains {int(wanted.max())} that is out of range for tensor of size "
            f"{list(input.shape)} at dimension {dim}"
        )
    wanted = np.where(wanted < 0, wanted + size, wanted)
    return graph.named(_at(input, dim, wanted), "IndexSelect")


def _at(x: SparseTensor, dim: int, wanted: Any) -> Tensor:
    array, sparse = x._array, x.sparse_dim()
    shape = (*array.shape[:dim], len(wanted), *array.shape[dim + 1 :])
    values = graph.values_of(x)
    if dim >= sparse:
        return graph.placed(
            array, values.index_select(dim - sparse + 1, wrap_numpy(wanted)), shape=shape
        )
    coordinates = array.pattern.arrays[0]
    order = np.argsort(coordinates[dim], kind="stable")
    pointers = index.pointers_of(coordinates[dim][order], array.shape[dim])
    which, found = spans(pointers, wanted)
    found = order[found]
    made = coordinates[:, found]
    made[dim] = which
    return graph.placed(array, graph.taken(values, found), index.pattern_of(made, False), shape)


def spans(pointers: Any, wanted: Any) -> tuple[Any, Any]:
    """All places in the rows that are wanted, after each other, and for each the place of its row."""
    counts = pointers[wanted + 1] - pointers[wanted]
    which = np.repeat(np.arange(len(wanted)), counts)
    begins = np.cumsum(counts) - counts
    return which, np.arange(len(which)) - np.repeat(begins - pointers[wanted], counts)


@meaning()
def narrow_copy(input: SparseTensor, dim: int, start: int, length: int) -> Tensor:
    dim = wrap_dim(dim, input.ndim)
    size = input.shape[dim]
    start = start + size if start < 0 else start
    if not 0 <= start <= size - length or length < 0:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    x = place.as_coordinates(input)
    array, sparse = x._array, x.sparse_dim()
    shape = (*array.shape[:dim], length, *array.shape[dim + 1 :])
    values = graph.values_of(x)
    if dim >= sparse:
        return graph.placed(
            array, values.narrow(dim - sparse + 1, start, length).clone(), shape=shape
        )
    coordinates = array.pattern.arrays[0]
    met = np.flatnonzero((coordinates[dim] >= start) & (coordinates[dim] < start + length))
    made = coordinates[:, met]
    made[dim] -= start
    pattern = index.pattern_of(made, array.pattern.coalesced)
    return graph.named(graph.placed(array, graph.taken(values, met), pattern, shape), "NarrowCopy")


@meaning()
def unbind(input: SparseTensor, dim: int = 0) -> tuple[Tensor, ...]:
    dim = wrap_dim(dim, input.ndim)
    return tuple([select(input, dim, i) for i in range(input.shape[dim])])


@meaning()
def unsqueeze(input: SparseTensor, dim: int) -> Tensor:
    dim = wrap_dim(dim, input.ndim + 1)
    if input.layout is not COO:
        raise NotImplementedError(
            f"Could not run 'aten::unsqueeze' with arguments of layout {input.layout}: call .to_sparse() first"
        )
    array, sparse = input._array, input.sparse_dim()
    shape = (*array.shape[:dim], 1, *array.shape[dim:])
    values = graph.values_of(input)
    if dim > sparse:
        made = graph.placed(array, values.unsqueeze(dim - sparse + 1), shape=shape)
        return graph.named(made, "Unsqueeze")
    coordinates = np.insert(array.pattern.arrays[0], dim, 0, 0)
    made = graph.placed(array, values, index.pattern_of(coordinates, False), shape)
    return graph.named(made, "Unsqueeze")


# ----------------------------------------------------------------------------------------- joined


@meaning("cat", "concat", "concatenate")
def cat(tensors: Any, dim: int = 0) -> Tensor:
    tensors = list(tensors)
    for i, x in enumerate(tensors):
        if not is_sparse(x):
            raise RuntimeError(
                f"Concatenating sparse tensors, but a dense tensor was found at position {i}: call "
                ".to_sparse() on it, or .to_dense() on the others"
            )
        if x.layout is not COO:
            raise RuntimeError(
                f"cat() joins sparse tensors of layout torch.sparse_coo, and that at position {i} is of "
                f"{x.layout}: call .to_sparse() first"
            )
    first = tensors[0]
    dim, sparse = wrap_dim(dim, first.ndim), first.sparse_dim()
    for i, x in enumerate(tensors):
        if x.ndim != first.ndim or x.sparse_dim() != sparse:
            raise RuntimeError(
                "All tensors must have the same number of sparse and dense dimensions to be concatenated, "
                f"but that at position {i} has {x.sparse_dim()} and {x.dense_dim()}, and the first {sparse} "
                f"and {first.dense_dim()}"
            )
        if any(n != m for d, (n, m) in enumerate(zip(x.shape, first.shape)) if d != dim):
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. Expected {list(first.shape)} and got "
                f"{list(x.shape)} for tensor number {i} in the list"
            )
    made = _joined(tensors, dim) if dim < sparse else _side_by_side(tensors, dim - sparse + 1)
    sizes = list(first.shape)
    sizes[dim] = sum(x.shape[dim] for x in tensors)
    coordinates, values = made
    result = graph.placed(first._array, values, index.pattern_of(coordinates, False), tuple(sizes))
    return graph.named(result, "Cat")


def _joined(tensors: list[Any], dim: int) -> tuple[Any, Tensor]:
    parts, start = [], 0
    for x in tensors:
        own = x._array.pattern.arrays[0].copy()
        own[dim] += start
        start += x.shape[dim]
        parts.append(own)
    return np.concatenate(parts, 1), dense_cat([graph.values_of(x) for x in tensors])


def _side_by_side(tensors: list[Any], dim: int) -> tuple[Any, Tensor]:
    """Joined along a dense dimension: the others' part of each value is 0."""
    values, sizes = (
        [graph.values_of(x) for x in tensors],
        [x.shape[dim + x.sparse_dim() - 1] for x in tensors],
    )
    rows = []
    for i, own in enumerate(values):
        parts = [
            own if i == j else own.new_zeros((*own.shape[:dim], n, *own.shape[dim + 1 :]))
            for j, n in enumerate(sizes)
        ]
        rows.append(dense_cat(parts, dim))
    return np.concatenate([x._array.pattern.arrays[0] for x in tensors], 1), dense_cat(rows)


@meaning()
def stack(tensors: Any, dim: int = 0) -> Tensor:
    tensors = list(tensors)
    _all_sparse(tensors)
    dim = wrap_dim(dim, tensors[0].ndim + 1)
    return graph.named(cat([unsqueeze(x, dim) for x in tensors], dim), "Stack")


def _all_sparse(tensors: list[Any]) -> None:
    for i, x in enumerate(tensors):
        if not is_sparse(x):
            raise RuntimeError(
                f"Concatenating sparse tensors, but a dense tensor was found at position {i}: call "
                ".to_sparse() on it, or .to_dense() on the others"
            )


@meaning("vstack", "row_stack")
def vstack(tensors: Any) -> Tensor:
    return cat([x if x.ndim > 1 else x.unsqueeze(0) for x in tensors], 0)


@meaning()
def hstack(tensors: Any) -> Tensor:
    tensors = list(tensors)
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1)


def _no_shape(name: str, text: str) -> None:
    @meaning(name)
    def refuse(*args: Any, **options: Any) -> Tensor:
        raise RuntimeError(f"{text} is not implemented for sparse tensors: call .to_dense() first")


for _name in ("reshape", "flatten", "reshape_as", "outer", "einsum", "unflatten", "ravel"):
    _no_shape(_name, "reshape")
for _name in ("expand", "expand_as", "broadcast_to", "repeat", "tile"):
    _no_shape(_name, "expand")
