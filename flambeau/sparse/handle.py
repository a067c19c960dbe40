"""What tensors of sparse layouts are asked: their parts, their memory, their sizes, their text."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.dtype import dtype as Dtype
from ..core.dtype import state
from ..core.printing import format_values, join_suffixes
from ..core.sparse import (
    BSC,
    BSR,
    COMPRESSED,
    COO,
    CSC,
    CSR,
    INDEX_NAMES,
    Pattern,
    SparseArray,
    SparseTensor,
    sparse_tensor,
)
from ..core.tensor import Tensor, make
from . import constructor, graph
from .convert import expect
from .dispatch import meaning, own


def _fresh(x: Tensor) -> Tensor:
    """Another handle on a tensor's memory."""
    return make(x._array, x._kind, None, x._cell, None)


# -------------------------------------------------------------------------------------- its parts


@own()
def is_coalesced(self: Tensor) -> bool:
    """Are the coordinates in order, and each there once?

    Raises:
        RuntimeError: It is not of the layout sparse_coo.

    Source: torch.Tensor.is_coalesced
    """
    expect(self, "is_coalesced", COO)
    return self._array.pattern.coalesced


@own()
def indices(self: Tensor) -> Tensor:
    """The coordinates of a coalesced tensor, (sparse dimensions, values), on its own memory.

    Raises:
        RuntimeError: It is not of the layout sparse_coo, or not coalesced.

    Source: torch.Tensor.indices
    """
    expect(self, "indices", COO)
    _coalesced(self, "indices")
    return _fresh(self._array.pattern.indices[0])


@own()
def values(self: Tensor) -> Tensor:
    """The values of a sparse tensor on its own memory, with their gradient.

    Raises:
        RuntimeError: It is dense, or not coalesced.

    Source: torch.Tensor.values
    """
    expect(self, "values", COO, *COMPRESSED)
    if self.layout is COO:
        _coalesced(self, "values")
    return graph.values_of(self)  # type: ignore[arg-type]


def _coalesced(x: Tensor, name: str) -> None:
    if not x._array.pattern.coalesced:
        raise RuntimeError(
            f"Cannot get {name} on an uncoalesced tensor, please call .coalesce() first"
        )


@own()
def _indices(self: Tensor) -> Tensor:
    expect(self, "_indices", COO)
    return _fresh(self._array.pattern.indices[0])


@own()
def _values(self: Tensor) -> Tensor:
    expect(self, "_values", COO, *COMPRESSED)
    return _fresh(self._array.values)


@own()
def _coalesced_(self: Tensor, coalesced: bool) -> Tensor:
    expect(self, "_coalesced_", COO)
    array = self._array
    self._array = SparseArray(
        COO, array.shape, Pattern(array.pattern.indices, coalesced), array.values
    )
    return self


def _part(name: str, which: int, *layouts: Any) -> None:
    def get(self: Tensor) -> Tensor:
        expect(self, name, *layouts)
        return _fresh(self._array.pattern.indices[which])

    get.__name__ = get.__qualname__ = name
    get.__doc__ = f"The {name} of a compressed tensor.\n\nSource: torch.Tensor.{name}"
    own()(get)


_part("crow_indices", 0, CSR, BSR)
_part("col_indices", 1, CSR, BSR)
_part("ccol_indices", 0, CSC, BSC)
_part("row_indices", 1, CSC, BSC)


@own()
def _nnz(self: Tensor) -> int:
    if not isinstance(self, SparseTensor):
        raise NotImplementedError(
            "Could not run 'aten::_nnz' with arguments from the 'CPU' backend: only sparse tensors have "
            "specified elements; count others with .count_nonzero()"
        )
    return SparseTensor._nnz(self)


# -------------------------------------------------------------------------------------- its memory


@meaning()
def contiguous(input: SparseTensor, memory_format: Any = None) -> Tensor:
    raise RuntimeError(
        "unsupported memory format option Contiguous: sparse tensors have none; leave contiguous() out"
    )


@meaning()
def is_contiguous(self: SparseTensor, memory_format: Any = None) -> bool:
    if self.layout is not COO:
        raise RuntimeError(
            "Tensors of type SparseCsrTensorImpl do not have is_contiguous: look at .values()"
        )
    return False


@meaning()
def stride(self: SparseTensor, dim: int | None = None) -> Any:
    if self.layout is not COO:
        raise RuntimeError("Sparse CSR tensors do not have strides: look at those of .values()")
    return (0,) * self.ndim if dim is None else 0


@meaning()
def storage_offset(self: SparseTensor) -> int:
    if self.layout is not COO:
        raise RuntimeError("Sparse CSR tensors do not have storage offsets: ask .values()")
    return 0


@meaning("untyped_storage", "storage", "_typed_storage")
def _storage(self: SparseTensor, *args: Any) -> Any:
    raise NotImplementedError(
        "Cannot access storage of a sparse tensor, which has indices and values: ask those, or .to_dense()"
    )


@meaning("data_ptr", "tolist")
def _memory(self: SparseTensor, *args: Any) -> Any:
    raise RuntimeError(
        "Cannot access data pointer of Tensor that doesn't have storage: a sparse tensor has indices and "
        "values; ask those, or .to_dense()"
    )


@meaning("numpy", "__array__")
def _numpy(self: SparseTensor, *args: Any, **options: Any) -> Any:
    raise TypeError(
        "can't convert Sparse layout tensor to numpy. Use Tensor.to_dense() first, or "
        "flambeau.sparse.to_scipy()."
    )


@meaning()
def nbytes(self: SparseTensor) -> int:
    raise RuntimeError(
        "nbytes is not defined for sparse tensors: add the nbytes of the indices and values, or multiply "
        "numel() by element_size()"
    )


# -------------------------------------------------------------------------------------- its sizes


def _resized(self: Tensor, size: Any, sparse_dim: int, dense_dim: int, clear: bool) -> Tensor:
    expect(self, "sparse_resize_", COO)
    size, array = tuple(size), self._array
    if len(size) != sparse_dim + dense_dim:
        raise RuntimeError(
            f"number of dimensions must be sparse_dim ({sparse_dim}) + dense_dim ({dense_dim}), but got {len(size)}"
        )
    if clear or not self._nnz():
        zeros = array.values.new_zeros((0, *size[sparse_dim:]))
        return write_as(self, constructor.empty_coordinates(size, sparse_dim, zeros))
    if (sparse_dim, dense_dim) != (self.sparse_dim(), self.dense_dim()):
        raise RuntimeError(
            "changing the number of sparse or dense dimensions on a non-empty sparse tensor is not "
            "supported: use sparse_resize_and_clear_()"
        )
    if any(new < old for new, old in zip(size, array.shape)):
        raise RuntimeError(
            f"shrinking the size of sparse dimensions (from {list(array.shape)} to {list(size)}) on a "
            "non-empty sparse tensor is not supported: use sparse_resize_and_clear_()"
        )
    values = array.values
    if size[sparse_dim:] != array.shape[sparse_dim:]:
        grown = np.zeros((len(values._array), *size[sparse_dim:]), values._array.dtype)
        grown[tuple(slice(n) for n in values._array.shape)] = values._array
        values = make(grown, values._kind, None, [0], None)
    pattern = Pattern(array.pattern.indices, array.pattern.coalesced)
    return write_as(self, sparse_tensor(SparseArray(COO, size, pattern, values)))


def write_as(x: Tensor, made: Tensor) -> Tensor:
    """Make a tensor what another is, of whatever size."""
    if x._node is not None:
        raise RuntimeError("cannot resize variables that require grad: use detach() first")
    x._array = made._array
    x._cell[0] += 1
    return x


@own()
def sparse_resize_(self: Tensor, size: Any, sparse_dim: int, dense_dim: int) -> Tensor:
    """Other sizes, in place; what is there stays.

    Raises:
        RuntimeError: A size would shrink below what is there, or the dimensions are others.

    Source: torch.Tensor.sparse_resize_
    """
    return _resized(self, size, sparse_dim, dense_dim, False)


@own()
def sparse_resize_and_clear_(self: Tensor, size: Any, sparse_dim: int, dense_dim: int) -> Tensor:
    """Other sizes, in place, and no values.

    Source: torch.Tensor.sparse_resize_and_clear_
    """
    return _resized(self, size, sparse_dim, dense_dim, True)


@meaning()
def resize_as_(self: SparseTensor, the_template: SparseTensor, **options: Any) -> Tensor:
    expect(the_template, "resize_as_", COO)
    return _resized(
        self, the_template.shape, the_template.sparse_dim(), the_template.dense_dim(), False
    )


resize_as_sparse_ = meaning("resize_as_sparse_")(resize_as_)


# ---------------------------------------------------------------------------------------- printing


@meaning("__repr__", "__str__")
def shown(self: SparseTensor, *, tensor_contents: Any = None) -> str:
    array, indent = self._array, len("tensor(")
    names = (*INDEX_NAMES[array.layout], "values")
    parts = [
        _part_shown(name, part._array, indent)
        for name, part in zip(names, (*array.pattern.indices, array.values))
    ]
    text = f",\n{' ' * indent}".join(parts) if tensor_contents is None else tensor_contents
    lead = "Parameter containing:\n" if "_is_param" in self.__dict__ else ""
    suffixes = [f"size={tuple(self.shape)}", f"nnz={self._nnz()}"]
    if not goes_without_saying(self.dtype):
        suffixes.append(f"dtype={self.dtype}")
    suffixes.append(f"layout={array.layout}")
    if self._node is not None:
        leaf = self.is_leaf
        suffixes.append("requires_grad=True" if leaf else f"grad_fn=<{self.grad_fn.name()}>")
    return join_suffixes(
        f"{lead}tensor({text}", suffixes, indent, first_on_new_line=array.layout is COO
    )


def _part_shown(name: str, array: Any, indent: int) -> str:
    lead = f"{name}=tensor("
    size = "" if array.size else f", size={tuple(array.shape)}"
    return f"{lead}{format_values(array, indent + len(lead))}{size})"


def goes_without_saying(dtype: Dtype) -> bool:
    """Is a dtype one that printing leaves out?"""
    pair = "complex128" if state.default.name == "float64" else "complex64"
    return dtype is state.default or dtype.name in (pair, "int64", "bool")


@meaning()
def __format__(self: SparseTensor, spec: str) -> str:
    return object.__format__(self, spec)


@meaning("resolve_conj", "resolve_neg")
def _itself(input: SparseTensor) -> Tensor:
    return input


@meaning()
def set_(self: SparseTensor, *args: Any) -> Tensor:
    raise RuntimeError("set_() is for dense tensors: assign to .data, or use copy_()")
