"""Sparse tensors of indices and values: torch.sparse_coo_tensor and its relatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.mode import no_grad
from ..core.layout import check_options
from ..core.layout import layout as Layout
from ..core.sparse import (
    BLOCKS,
    BSC,
    BSR,
    COMPRESSED,
    COO,
    CSC,
    CSR,
    ROWS,
    Pattern,
    SparseArray,
    SparseTensor,
)
from ..core.tensor import Tensor, wrap_numpy
from ..dispatch.registry import public
from ..ops.create.data import tensor
from ..ops.create.full import zeros
from . import graph, invariant


def _values(data: Any, dtype: Any, device: Any) -> Tensor:
    """Values as a tensor; one that is given keeps its memory and history."""
    if isinstance(data, Tensor):
        moved = data if dtype is None or data.dtype is dtype else data.to(dtype)
        return moved if device is None else moved.to(device)
    return tensor(data, dtype=dtype, device=device)


def _indices(data: Any, keep32: bool = False) -> Tensor:
    """Indices as a tensor of int64 (or int32, which compressed layouts keep)."""
    given = data if isinstance(data, Tensor) else _values(data, None, None)
    with no_grad():
        given = given.detach()
        if given.dtype.name == "int64" or (keep32 and given.dtype.name == "int32"):
            return given
        return wrap_numpy(given._array.astype(np.int64))


def _finished(x: SparseTensor, check: bool | None, requires_grad: bool) -> SparseTensor:
    if invariant.wanted(check):
        invariant.check(x._array)
    if requires_grad and x._node is None:
        return x.requires_grad_()
    return x


@public()
def sparse_coo_tensor(
    indices: Any = None,
    values: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
) -> Tensor:
    """A sparse tensor of coordinates and the values that stand there; equal coordinates add up.

    ``sparse_coo_tensor(size)`` has no values.

    Args:
        indices: (sparse dimensions, values), integers.
        values: (values, *dense dimensions)
        size: Of the tensor; as small as the indices allow, if not given.
        dtype, device: Of the values.
        pin_memory: Only False.
        requires_grad: Is its gradient wanted? Values that require grad get it in any case.
        check_invariants: Look at the indices; not, if not given, unless
            `torch.sparse.check_sparse_tensor_invariants` says so.
        is_coalesced: The coordinates are in order, and each is there once.

    Raises:
        RuntimeError: The sizes of indices, values and size do not fit; an index is out of range.

    Source: torch.sparse_coo_tensor

    Example:
        >>> import flambeau as torch
        >>> torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)).to_dense()
        tensor([[0., 0., 3.],
                [4., 0., 0.]])
    """
    if pin_memory:
        check_options("sparse_coo_tensor", None, pin_memory)
        raise NotImplementedError("sparse tensors are not pinned: leave pin_memory out")
    if values is None:  # sizes only
        return _empty(indices if size is None else size, dtype, device, requires_grad)
    if indices is None:
        raise TypeError("sparse_coo_tensor() has values and no indices: say where they stand")
    where, what = _indices(indices), _values(values, dtype, device)
    if where.ndim != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(where.shape)}")
    if what.ndim == 0:
        what = what.expand(where.shape[1])
    if where.shape[1] != what.shape[0]:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {where.shape[1]}, nnz from "
            f"values: {what.shape[0]}"
        )
    shape = _inferred(where, what) if size is None else tuple(size)
    if len(shape) != where.shape[0] + what.ndim - 1:
        raise RuntimeError(
            f"number of dimensions must be sparse_dim ({where.shape[0]}) + dense_dim ({what.ndim - 1}), but "
            f"got {len(shape)}"
        )
    if shape[where.shape[0] :] != tuple(what.shape[1:]):
        raise RuntimeError(
            f"values has incorrect size, expected {[what.shape[0], *shape[where.shape[0] :]]}, got "
            f"{list(what.shape)}"
        )
    pattern = Pattern((where,), bool(is_coalesced) or where.shape[1] < 2)
    made = graph.placed(SparseArray(COO, shape, pattern, what), what)
    graph.named(made, "SparseCooTensorWithDimsAndTensors")
    return _finished(made, check_invariants, requires_grad)


def _inferred(where: Tensor, what: Tensor) -> tuple[int, ...]:
    """The smallest size that the indices allow."""
    array = where._array
    if not array.size:
        return (0,) * array.shape[0] + tuple(what.shape[1:])
    low = array.min(1)
    if (low < 0).any():
        at = int((low < 0).argmax())
        raise RuntimeError(f"found negative index {int(low[at])} for dim {at}")
    return tuple(int(n) + 1 for n in array.max(1)) + tuple(what.shape[1:])


def empty_coordinates(shape: tuple[int, ...], sparse: int, values: Tensor) -> SparseTensor:
    """A tensor of coordinates without values; `values` has none."""
    pattern = Pattern((wrap_numpy(np.zeros((sparse, 0), np.int64)),))
    return graph.placed(SparseArray(COO, shape, pattern, values), values)


def _empty(size: Any, dtype: Any, device: Any, requires_grad: bool) -> Tensor:
    shape = tuple(size)
    made = empty_coordinates(shape, len(shape), zeros(0, dtype=dtype, device=device))
    return _finished(made, False, requires_grad)


def empty_of(layout: Layout, shape: tuple[int, ...], dtype: Any, device: Any) -> SparseTensor:
    """A tensor of a layout without values, for ``torch.zeros(size, layout=...)``.

    Raises:
        RuntimeError: A layout of blocks, whose size nobody gave; or of fewer than two dimensions.
    """
    if layout is COO:
        return empty_coordinates(shape, len(shape), zeros(0, dtype=dtype, device=device))
    if layout in BLOCKS or len(shape) < 2:
        raise RuntimeError(
            f"torch.empty: Only batched sparse compressed (non-block) tensors are supported, but got size "
            f"{list(shape)}"
        )
    *batch, rows, columns = shape
    pointers = np.zeros((*batch, (rows if layout in ROWS else columns) + 1), np.int64)
    plain = np.zeros((*batch, 0), np.int64)
    values = zeros((*batch, 0), dtype=dtype, device=device)
    pattern = Pattern((wrap_numpy(pointers), wrap_numpy(plain)))
    return graph.placed(SparseArray(layout, shape, pattern, values), values)


# -------------------------------------------------------------------------------------- compressed


@public()
def sparse_compressed_tensor(
    compressed_indices: Any,
    plain_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:
    """A sparse tensor of compressed rows or columns, of single values or of blocks.

    Args:
        compressed_indices: (*batch, rows + 1): where each row's (column's) values begin.
        plain_indices: (*batch, values): their columns (rows).
        values: (*batch, values, *dense dimensions), with the sizes of a block after the values.
        size: Of the tensor; as small as the indices allow, if not given.
        layout: torch.sparse_csr, sparse_csc, sparse_bsr or sparse_bsc.
        dtype, device, pin_memory, requires_grad, check_invariants: As for `sparse_coo_tensor`.

    Raises:
        RuntimeError: The layout is none of these; the sizes do not fit; an index is out of range.

    Source: torch.sparse_compressed_tensor

    Example:
        >>> import flambeau as torch
        >>> x = torch.sparse_compressed_tensor([0, 1, 2], [2, 0], [3.0, 4.0], (2, 3), layout=torch.sparse_csr)
        >>> x.to_dense()
        tensor([[0., 0., 3.],
                [4., 0., 0.]])
    """
    if layout not in COMPRESSED:
        raise RuntimeError(
            f"sparse_compressed_tensor expected sparse compressed tensor layout but got {layout or 'none'}"
        )
    if pin_memory:
        check_options("sparse_compressed_tensor", None, pin_memory)
        raise NotImplementedError("sparse tensors are not pinned: leave pin_memory out")
    pointers, plain = _indices(compressed_indices, True), _indices(plain_indices, True)
    what = _values(values, dtype, device)
    invariant.check_ranks(layout, pointers, plain, what)
    shape = _inferred_size(layout, pointers, plain, what) if size is None else tuple(size)
    like = SparseArray(layout, shape, Pattern((pointers, plain)), what)
    invariant.check_sizes(like)
    made = graph.placed(like, what)
    graph.named(made, "SparseCompressedTensor")
    return _finished(made, check_invariants, requires_grad)


def _inferred_size(
    layout: Layout, pointers: Tensor, plain: Tensor, what: Tensor
) -> tuple[int, ...]:
    batch = pointers.ndim - 1
    major = pointers.shape[-1] - 1
    minor = int(plain._array.max()) + 1 if plain._array.size else 0
    after = batch + 1
    height, width = 1, 1
    if layout in BLOCKS:
        height, width = what.shape[after : after + 2]
        after += 2
    rows, columns = (major, minor) if layout in ROWS else (minor, major)
    return (*pointers.shape[:-1], rows * height, columns * width, *what.shape[after:])


@public()
def sparse_csr_tensor(
    crow_indices: Any,
    col_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:
    """A sparse tensor of compressed rows; see `sparse_compressed_tensor`.

    Source: torch.sparse_csr_tensor

    Example:
        >>> import flambeau as torch
        >>> x = torch.sparse_csr_tensor([0, 1, 2], [2, 0], [3.0, 4.0], (2, 3))
        >>> x.to_dense()
        tensor([[0., 0., 3.],
                [4., 0., 0.]])
    """
    return sparse_compressed_tensor(
        crow_indices,
        col_indices,
        values,
        size,
        dtype=dtype,
        layout=CSR,
        device=device,
        pin_memory=pin_memory,
        requires_grad=requires_grad,
        check_invariants=check_invariants,
    )


@public()
def sparse_csc_tensor(
    ccol_indices: Any,
    row_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:
    """A sparse tensor of compressed columns; see `sparse_compressed_tensor`.

    Source: torch.sparse_csc_tensor

    Example:
        >>> import flambeau as torch
        >>> x = torch.sparse_csc_tensor([0, 1, 1, 2], [1, 0], [4.0, 3.0], (2, 3))
        >>> x.to_dense()
        tensor([[0., 0., 3.],
                [4., 0., 0.]])
    """
    return sparse_compressed_tensor(
        ccol_indices,
        row_indices,
        values,
        size,
        dtype=dtype,
        layout=CSC,
        device=device,
        pin_memory=pin_memory,
        requires_grad=requires_grad,
        check_invariants=check_invariants,
    )


@public()
def sparse_bsr_tensor(
    crow_indices: Any,
    col_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:
    """A sparse tensor of compressed rows of blocks; see `sparse_compressed_tensor`.

    Source: torch.sparse_bsr_tensor

    Example:
        >>> import flambeau as torch
        >>> x = torch.sparse_bsr_tensor([0, 1, 2], [2, 0], [[[3.0]], [[4.0]]], (2, 3))
        >>> x.to_dense()
        tensor([[0., 0., 3.],
                [4., 0., 0.]])
    """
    return sparse_compressed_tensor(
        crow_indices,
        col_indices,
        values,
        size,
        dtype=dtype,
        layout=BSR,
        device=device,
        pin_memory=pin_memory,
        requires_grad=requires_grad,
        check_invariants=check_invariants,
    )


@public()
def sparse_bsc_tensor(
    ccol_indices: Any,
    row_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
) -> Tensor:
    """A sparse tensor of compressed columns of blocks; see `sparse_compressed_tensor`.

    Source: torch.sparse_bsc_tensor

    Example:
        >>> import flambeau as torch
        >>> x = torch.sparse_bsc_tensor([0, 1, 1, 2], [1, 0], [[[4.0]], [[3.0]]], (2, 3))
        >>> x.to_dense()
        tensor([[0., 0., 3.],
                [4., 0., 0.]])
    """
    return sparse_compressed_tensor(
        ccol_indices,
        row_indices,
        values,
        size,
        dtype=dtype,
        layout=BSC,
        device=device,
        pin_memory=pin_memory,
        requires_grad=requires_grad,
        check_invariants=check_invariants,
    )
