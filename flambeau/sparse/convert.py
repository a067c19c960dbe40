"""From one layout to another: to_dense, to_sparse and its relatives, coalesce, sparse_mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.mode import mode
from ..autograd.record import record
from ..core.layout import layout as Layout
from ..core.layout import strided
from ..core.sparse import (
    BLOCKS,
    BSC,
    BSR,
    COO,
    CSC,
    CSR,
    ROWS,
    TITLES,
    Pattern,
    SparseArray,
    SparseTensor,
    sparse_dims,
)
from ..core.tensor import Tensor, wrap_numpy
from . import graph, index, place
from .dispatch import is_sparse, own


@own()
def to_dense(self: Tensor, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """A dense tensor of all elements; a dense one is given as it is.

    Args:
        dtype: Of a dense tensor; sparse ones are converted by ``to``.
        masked_grad: Has the gradient the places of this tensor only? It does, unless False is given.

    Raises:
        RuntimeError: A dtype for a sparse tensor.


    Source: torch.Tensor.to_dense

    Example:
        >>> import flambeau as torch
        >>> torch.sparse_coo_tensor([[1]], [5.0], (3,)).to_dense()
        tensor([0., 5., 0.])
    """
    if not isinstance(self, SparseTensor):
        return self if dtype is None else self.to(dtype)
    if dtype is not None:
        kind = "sparse" if self._array.layout is COO else "sparse_csr"
        raise RuntimeError(
            f"dtype argument is not supported by {kind}_to_dense: convert before, or after, with .to(dtype)"
        )
    if masked_grad in (None, True) or self._node is None or not mode.recording:
        return graph.named(graph.dense(self), "ToDense")
    result = graph.dense(self.detach())  # type: ignore[arg-type]
    record(UnmaskedBackward0(self, result, self._array), (result,))
    return graph.named(result, "ToDense")


class UnmaskedBackward0(graph.SparseNode):
    """The gradient is all that arrives, and not only what stands at the tensor's places."""

    __slots__ = ()

    def turn_back(self, g: Tensor) -> Tensor:
        return to_sparse(g, layout=self.like.layout, blocksize=index.block_size(self.like))


def _shaped(like: SparseArray) -> SparseArray:
    """The same with as many values as its pattern has places."""
    tail = like.values._array.shape[1:]
    zero = wrap_numpy(np.zeros((1, *tail), like.values._array.dtype))
    return like.like(zero.expand((like.pattern.arrays[0].shape[1], *tail)))


@own()
def coalesce(self: Tensor) -> Tensor:
    """Coordinates sorted and each there once: the values of equal ones are added.

    Raises:
        RuntimeError: The tensor is not of layout sparse_coo.


    Source: torch.Tensor.coalesce

    Example:
        >>> import flambeau as torch
        >>> torch.sparse_coo_tensor([[1, 1]], [5.0, 2.0], (3,)).coalesce().values()
        tensor([7.])
    """
    expect(self, "coalesce", COO)
    result = place.coalesced(self)  # type: ignore[arg-type]
    return result if result is self else graph.named(result, "Coalesce")


def expect(x: Tensor, name: str, *layouts: Layout) -> None:
    """Raises RuntimeError for a tensor of another layout, TypeError for what is no tensor."""
    if not isinstance(x, Tensor):
        raise TypeError(f"{name}(): argument must be Tensor, not {type(x).__name__}")
    if x.layout in layouts:
        return
    wanted = {
        (COO,): "sparse coordinate tensor",
        (CSR, BSR): "sparse row compressed tensor",
        (CSC, BSC): "sparse column compressed tensor",
    }.get(layouts, "sparse tensor")
    raise RuntimeError(f"{name} expected {wanted} layout but got {TITLES.get(x.layout, 'Strided')}")


# ------------------------------------------------------------------------------------ to a layout


@own()
def to_sparse(
    self: Tensor,
    sparseDims: int | None = None,
    *,
    layout: Any = None,
    blocksize: Any = None,
    dense_dim: int | None = None,
) -> Tensor:
    """The same tensor in a sparse layout.

    Args:
        sparseDims: How many of the first dimensions are sparse; all, if not given.
        layout: torch.sparse_coo, if not given, or one of the others.
        blocksize: The size of the blocks of sparse_bsr and sparse_bsc.
        dense_dim: How many of the last dimensions are dense, in a compressed layout.

    Raises:
        RuntimeError: The layout and the options do not fit, or a batch has another number of values.

    Source: torch.Tensor.to_sparse

    Example:
        >>> import flambeau as torch
        >>> torch.tensor([[0.0, 2.0], [3.0, 0.0]]).to_sparse()
        tensor(indices=tensor([[0, 1],
                               [1, 0]]),
               values=tensor([2., 3.]),
               size=(2, 2), nnz=2, layout=torch.sparse_coo)
    """
    if isinstance(sparseDims, Layout):
        sparseDims, layout = None, sparseDims
    if layout is strided:
        return to_dense(self)
    if layout is not None and layout not in TITLES:
        raise RuntimeError(
            f"to_sparse: conversion to {layout} is not supported: layout must be one of torch.sparse_coo, "
            "sparse_csr, sparse_csc, sparse_bsr, sparse_bsc"
        )
    if layout in (None, COO):
        return _to_coordinates(self, sparseDims)
    if sparseDims is not None:
        raise RuntimeError("to_sparse: sparse_dim is for torch.sparse_coo; leave it out")
    return _to_compressed(self, layout, blocksize, dense_dim)


def _to_coordinates(x: Tensor, count: int | None) -> Tensor:
    if isinstance(x, SparseTensor):
        made = place.as_coordinates(x)
        if count is not None and count != sparse_dims(made._array):
            raise RuntimeError(
                f"to_sparse: conversion from {TITLES[x.layout]} to Sparse with sparse_dim argument "
                "!=self.sparse_dim() is not supported"
            )
        return made if made is x else graph.named(made, "ToSparse")
    count = x.ndim if count is None else count
    if not 0 <= count <= x.ndim or (count == 0 and x.ndim):
        raise RuntimeError(
            f"sparse_dim must be in (0, {x.ndim}] for a tensor of {x.ndim} dimensions, got {count}"
        )
    graph.expect_on_cpu(x)
    array = x._array
    coordinates, flat = index.met_coordinates(_met(array, count))
    pattern = index.pattern_of(coordinates, True)
    like = _shaped(SparseArray(COO, array.shape, pattern, _tail(x, count)))
    index.place_at(like, flat)
    return graph.named(graph.placed(like, graph.gathered(x, like)), "ToSparse")


def _met(array: Any, count: int) -> Any:
    """Which places of the first `count` dimensions have an element that is not 0."""
    met = array != 0
    return met if count == array.ndim else met.any(tuple(range(count, array.ndim)))


def _tail(x: Tensor, count: int) -> Tensor:
    return wrap_numpy(np.zeros((1, *x.shape[count:]), x._kind.numpy))


def _to_compressed(
    x: Tensor, layout: Layout, blocksize: Any = None, dense_dim: int | None = None
) -> Tensor:
    if isinstance(x, SparseTensor):
        array = x._array
        if array.layout is layout and (layout not in BLOCKS or _same(blocksize, array)):
            return x
        if dense_dim is not None and dense_dim != x.dense_dim():
            raise RuntimeError(
                "to_sparse: conversion with dense_dim argument !=self.dense_dim() is not supported"
            )
        source = place.coalesced(place.as_coordinates(x))
        dims, title = sparse_dims(source._array), TITLES[array.layout]
        if dims < 2:
            raise RuntimeError(
                f"to_sparse: a tensor with sparse_dim {dims} cannot be of layout {layout}: 2 are compressed"
            )
    else:
        title = "Strided"
        dims = x.ndim - (dense_dim or 0)
        if dims < 2:
            raise RuntimeError(
                f"to_sparse: a tensor of {x.ndim} dimensions and dense_dim {dense_dim or 0} cannot be of "
                f"layout {layout}: 2 are compressed"
            )
        source = None
    block = _block(layout, blocksize, x.shape[dims - 2 : dims], title)
    return graph.named(
        _compressed(x, source, layout, dims, block),
        f"ToSparse{TITLES[layout].removeprefix('Sparse')}",
    )


def _same(blocksize: Any, array: SparseArray) -> bool:
    return blocksize is None or _pair(blocksize, "bsr") == index.block_size(array)


def _block(layout: Layout, blocksize: Any, sizes: Any, title: str) -> tuple[int, int] | None:
    name = layout.name.removeprefix("sparse_")
    if layout not in BLOCKS:
        if blocksize is not None:
            raise RuntimeError(
                f"to_sparse_{name}: blocksize is for torch.sparse_bsr and torch.sparse_bsc; leave it out"
            )
        return None
    if blocksize is None:
        raise RuntimeError(
            f"to_sparse: conversion from {title} to {TITLES[layout]} without blocksize argument given is "
            "not supported"
        )
    height, width = _pair(blocksize, name)
    if height < 1 or width < 1 or sizes[0] % height or sizes[1] % width:
        raise RuntimeError(
            f"to_sparse_{name}: tensor sparse size ({sizes[0]},{sizes[1]}) must be divisible by given "
            f"blocksize ({height},{width})"
        )
    return height, width


def _pair(blocksize: Any, name: str) -> tuple[int, int]:
    """The height and width of a block; one number is both.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(blocksize, int):
        return blocksize, blocksize
    if isinstance(blocksize, (tuple, list)) and all(isinstance(n, int) for n in blocksize):
        if len(blocksize) == 2:
            return blocksize[0], blocksize[1]
        raise RuntimeError(
            f"to_sparse_{name}: blocksize needs to have 2 elements, but got {len(blocksize)}: a height and "
            "a width"
        )
    raise TypeError(
        f"to_sparse_{name}(): argument 'blocksize' must be a tuple of 2 ints, not "
        f"{type(blocksize).__name__}"
    )


def _compressed(
    x: Tensor,
    source: SparseTensor | None,
    layout: Layout,
    dims: int,
    block: tuple[int, int] | None,
) -> SparseTensor:
    """The pattern of a tensor's blocks (of 1 by 1 where there are none), and its values there."""
    if source is None:
        graph.expect_on_cpu(x)
        pointers, plain, flat = _blocks_of_dense(x._array, layout, dims, block or (1, 1))
    else:
        pointers, plain, order = _blocks_of_sparse(source, layout, dims, block or (1, 1))
    pattern = Pattern((wrap_numpy(pointers), wrap_numpy(plain)))
    shape = (*plain.shape, *(block or ()), *x.shape[dims:])
    zero = wrap_numpy(np.zeros((1,) * len(shape), x._kind.numpy))
    like = SparseArray(layout, tuple(x.shape), pattern, zero.expand(shape))
    if source is None:
        index.place_at(like, flat)
        values = graph.gathered(x, like)
    elif block is None:  # one value is one block, and they differ
        values = graph.taken(graph.values_of(source), order).reshape(shape)
    else:
        values = graph.looked_up(source, like)
    return graph.placed(like, values)


def _blocks_of_dense(
    array: Any, layout: Layout, dims: int, block: tuple[int, int]
) -> tuple[Any, Any, Any]:
    """Pointers, plain indices, and the place of each element of the blocks that have one that is not 0.

    Raises:
        RuntimeError: Those of a batch have different numbers.
    """
    met, (height, width) = _met(array, dims), block
    *batch, tall, wide = met.shape
    rows, columns = tall // height, wide // width
    if block != (1, 1):
        met = met.reshape(*batch, rows, height, columns, width).any((-3, -1))
    by_row = layout in ROWS
    found = index.met(met if by_row else met.swapaxes(-1, -2))
    pointers = np.zeros((*batch, found.counts.shape[-1] + 1), np.int64)
    np.add.accumulate(found.counts, -1, out=pointers[..., 1:])
    totals = pointers[..., -1]
    if batch and (totals != totals.reshape(-1)[:1]).any():
        raise RuntimeError("Expect the same number of specified elements per batch.")
    plain = found.column.reshape(*batch, int(totals.flat[0]) if totals.size else 0)
    if by_row and block == (1, 1):
        return pointers, plain, found.flat
    row, column = found.row, found.column
    if not by_row:
        front, column = np.divmod(row, max(columns, 1)) if batch else (0, row)
        row = found.column + front * rows
    flat = row * (height * wide) + column * width
    if block != (1, 1):
        inside = np.arange(height)[:, None] * wide + np.arange(width)
        flat = (flat[:, None, None] + inside).reshape(-1)
    return pointers, plain, flat


def _blocks_of_sparse(
    source: SparseTensor, layout: Layout, dims: int, block: tuple[int, int]
) -> tuple[Any, Any, Any]:
    """Pointers, plain indices, and the order of the values by blocks (None: as they are) of coordinates."""
    (height, width), sizes = block, tuple(source.shape[:dims])
    coordinates = index.coordinates(source._array)
    batch, rows, columns = sizes[:-2], sizes[-2] // height, sizes[-1] // width
    major, minor, counts = coordinates[-2] // height, coordinates[-1] // width, (rows, columns)
    if layout not in ROWS:
        major, minor, counts = minor, major, (columns, rows)
    keys = index.ravel(np.stack([*coordinates[:-2], major, minor]), (*batch, *counts))
    blocks = index.groups(keys)
    return (*_pointers(blocks.met, batch, counts), blocks.order)


def _pointers(met: Any, batch: tuple[int, ...], counts: tuple[int, int]) -> tuple[Any, Any]:
    """Pointers and plain indices of sorted blocks, by batch.

    Raises:
        RuntimeError: Those of a batch have different numbers.
    """
    *front, major, minor = index.unravel(met, (*batch, *counts))
    number = index.sized(batch)
    if not batch:
        return index.pointers_of(major, counts[0]), np.ascontiguousarray(minor)
    which = index.ravel(np.stack(front), batch)
    each = np.bincount(which, minlength=number)
    if number and (each != each[0]).any():
        raise RuntimeError("Expect the same number of specified elements per batch.")
    count = int(each[0]) if number else 0
    pointers = [index.pointers_of(own, counts[0]) for own in major.reshape(number, count)]
    stacked = np.array(pointers, np.int64).reshape((*batch, counts[0] + 1))
    return stacked, np.ascontiguousarray(minor).reshape((*batch, count))


@own()
def to_sparse_coo(self: Tensor) -> Tensor:
    """The same tensor in the layout sparse_coo.


    Source: torch.Tensor.to_sparse_coo

    Example:
        >>> import flambeau as torch
        >>> torch.eye(2).to_sparse_csr().to_sparse_coo().layout
        torch.sparse_coo
    """
    return _to_coordinates(self, None)


@own()
def to_sparse_csr(self: Tensor, dense_dim: int | None = None) -> Tensor:
    """The same tensor with compressed rows.

    Args:
        dense_dim: How many of the last dimensions are dense; none, if not given.

    Raises:
        RuntimeError: There are fewer than two other dimensions, or a batch has another number of values.


    Source: torch.Tensor.to_sparse_csr

    Example:
        >>> import flambeau as torch
        >>> torch.eye(2).to_sparse_csr().crow_indices()
        tensor([0, 1, 2])
    """
    return _to_compressed(self, CSR, None, dense_dim)


@own()
def to_sparse_csc(self: Tensor, dense_dim: int | None = None) -> Tensor:
    """The same tensor with compressed columns.

    Args:
        dense_dim: How many of the last dimensions are dense; none, if not given.

    Raises:
        RuntimeError: There are fewer than two other dimensions, or a batch has another number of values.


    Source: torch.Tensor.to_sparse_csc

    Example:
        >>> import flambeau as torch
        >>> torch.eye(2).to_sparse_csc().ccol_indices()
        tensor([0, 1, 2])
    """
    return _to_compressed(self, CSC, None, dense_dim)


@own()
def to_sparse_bsr(self: Tensor, blocksize: Any, dense_dim: int | None = None) -> Tensor:
    """The same tensor with compressed rows of blocks.

    Args:
        blocksize: The height and width of a block; they divide the sizes.
        dense_dim: How many of the last dimensions are dense; none, if not given.

    Raises:
        RuntimeError: The blocks do not fit.


    Source: torch.Tensor.to_sparse_bsr

    Example:
        >>> import flambeau as torch
        >>> torch.eye(4).to_sparse_bsr((2, 2)).values().shape
        torch.Size([2, 2, 2])
    """
    return _to_compressed(self, BSR, blocksize, dense_dim)


@own()
def to_sparse_bsc(self: Tensor, blocksize: Any, dense_dim: int | None = None) -> Tensor:
    """The same tensor with compressed columns of blocks.

    Args:
        blocksize: The height and width of a block; they divide the sizes.
        dense_dim: How many of the last dimensions are dense; none, if not given.

    Raises:
        RuntimeError: The blocks do not fit.


    Source: torch.Tensor.to_sparse_bsc

    Example:
        >>> import flambeau as torch
        >>> torch.eye(4).to_sparse_bsc((2, 2)).values().shape
        torch.Size([2, 2, 2])
    """
    return _to_compressed(self, BSC, blocksize, dense_dim)


# ------------------------------------------------------------------------------------------ masks


@own()
def sparse_mask(self: Tensor, mask: Tensor) -> Tensor:
    """The elements of a tensor at the places of a sparse one.

    Raises:
        RuntimeError: The mask is dense, or of another size.

    Source: torch.Tensor.sparse_mask

    Example:
        >>> import flambeau as torch
        >>> torch.ones(2, 2).sparse_mask(torch.eye(2).to_sparse()).values()
        tensor([1., 1.])
    """
    if not isinstance(mask, SparseTensor):
        raise RuntimeError(
            "sparse_mask(): expects a sparse mask, and got one of layout torch.strided: call .to_sparse()"
        )
    like = mask._array
    if self.shape != mask.shape:
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(self.shape)} but mask "
            f"has size {list(mask.shape)}"
        )
    source = like.like(_other_dtype(like.values, self))
    values = graph.values_at(self, source)
    if is_sparse(self) and self._array.pattern is like.pattern:
        values = values.clone()
    return graph.named(graph.placed(source, values), "SparseMask")


def _other_dtype(values: Tensor, of: Tensor) -> Tensor:
    zero = wrap_numpy(np.zeros((1,) * values.ndim, of._kind.numpy))
    return zero.expand(tuple(values.shape))


def same_layout(x: SparseTensor, like: SparseArray) -> SparseTensor:
    """Coordinates in the layout that they came from."""
    if like.layout is COO:
        return x
    made: Any = _to_compressed(x, like.layout, index.block_size(like))
    return made
