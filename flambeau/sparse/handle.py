"""What tensors of sparse layouts are asked, and how they are copied, converted and printed."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.node import Leaf
from ..core.dtype import CONVERSIONS, state
from ..core.dtype import dtype as Dtype
from ..core.layout import strided
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
from ..ops.create.full import zeros
from . import constructor, graph
from .convert import expect, same_layout
from .dispatch import meaning, own, write


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


# ---------------------------------------------------------------------------------------- copies


@meaning()
def detach(input: SparseTensor) -> Tensor:
    return sparse_tensor(input._array, None, input._cell)


meaning("data", "alias")(detach)


@meaning("data=")
def set_data(self: Tensor, value: Any) -> None:
    """``x.data = y``: another tensor's values, of any layout and dtype."""
    if not isinstance(value, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {value.__class__.__name__}")
    if not (isinstance(self, SparseTensor) and isinstance(value, SparseTensor)):
        raise RuntimeError(
            "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have incompatible "
            "tensor type: one is sparse and one is dense; call .to_sparse() or .to_dense()"
        )
    if self._node is not None and not value.dtype.is_floating_point and not value.dtype.is_complex:
        raise RuntimeError(
            "data set to a tensor that requires gradients must be floating point or complex dtype"
        )
    self._array, self._kind = value._array, value._kind
    if isinstance(self._node, Leaf):
        self._node.kind, self._node.shape = value._kind.strided, value._array.shape


@meaning()
def clone(input: SparseTensor, *, memory_format: Any = None) -> Tensor:
    copied = graph.values_of(input).clone()
    pattern = input._array.pattern
    copies = tuple([_copied(x) for x in pattern.indices])
    return graph.named(
        graph.placed(input._array, copied, Pattern(copies, pattern.coalesced)), "Clone"
    )


def _copied(x: Tensor) -> Tensor:
    return make(x._array.copy(), x._kind, None, [0], None)


@meaning()
def __deepcopy__(self: SparseTensor, memo: dict) -> Tensor:
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at "
            "the moment: use detach() first"
        )
    made: Any = clone(detach(self))
    memo[id(self)] = made
    if self.requires_grad:
        made.requires_grad_()
    if getattr(self, "_grad", None) is not None:
        made._grad = self._grad.__deepcopy__(memo)  # type: ignore[union-attr]
    made.__dict__.update(self.__dict__)
    return made


@meaning()
def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    if not (isinstance(self, SparseTensor) and isinstance(src, SparseTensor)):
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            f"{kind_name(self)} and src type = {kind_name(src)}: call .to_dense() or .to_sparse() first"
        )
    source: Any = clone(src)
    return write(
        self, source if src.layout is self.layout else same_layout(source, self._array), "copy_"
    )


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


@meaning("data_ptr", "untyped_storage", "storage", "_typed_storage", "tolist")
def _storage(self: SparseTensor, *args: Any) -> Any:
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


# ------------------------------------------------------------------------------- dtype and device


@meaning()
def to(self: SparseTensor, *args: Any, **kwargs: Any) -> Tensor:
    values = graph.values_of(self)
    copy = bool(kwargs.pop("copy", False))
    if args and isinstance(args[0], SparseTensor):
        args = (args[0]._array.values, *args[1:])
    moved = values.to(*args, **kwargs)
    if moved is values or (moved._array is values._array and moved.dtype is values.dtype):
        return clone(self) if copy else self
    return graph.named(graph.placed(self._array, moved), "ToCopy")


def _conversion(name: str) -> None:
    @meaning(name)
    def convert(self: SparseTensor, *args: Any, **options: Any) -> Tensor:
        values = graph.values_of(self)
        moved = getattr(values, name)(*args, **options)
        same = moved._array is values._array
        return self if same else graph.named(graph.placed(self._array, moved), "ToCopy")


for _name in (*CONVERSIONS, "cpu", "cuda"):
    _conversion(_name)


def kind_name(x: Tensor) -> str:
    """PyTorch's old name of a tensor's type."""
    if not isinstance(x, SparseTensor):
        return x.type()
    return "torch.sparse." + x._array.values.type().removeprefix("torch.")


@meaning()
def type(self: SparseTensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    if dtype is not None:
        return to(self, dtype if isinstance(dtype, Dtype) else self._array.values.type(dtype).dtype)
    if self.layout is not COO:
        raise RuntimeError("Unimplemented backend SparseCsrCPU: ask .dtype and .layout")
    return kind_name(self)


@meaning()
def type_as(self: SparseTensor, other: Tensor) -> Tensor:
    return to(self, other.dtype)


# ------------------------------------------------------------------------------------ new tensors


@meaning()
def zeros_like(
    input: SparseTensor,
    *,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    **options: Any,
) -> Tensor:
    chosen = input.layout if layout is None else layout
    dtype = dtype or input.dtype
    if chosen is strided:
        return zeros(input.shape, dtype=dtype, device=device, requires_grad=requires_grad)
    if chosen is COO and input.layout is COO:
        sparse = input.sparse_dim()
        none = zeros((0, *input.shape[sparse:]), dtype=dtype, device=device)
        made = constructor.empty_coordinates(tuple(input.shape), sparse, none)
    elif chosen in (BSR, BSC) and input.layout is chosen:
        made = _without_blocks(input, dtype)
    else:
        made = constructor.empty_of(chosen, tuple(input.shape), dtype, device)
    return made.requires_grad_() if requires_grad else made


def _without_blocks(x: SparseTensor, dtype: Any) -> SparseTensor:
    array = x._array
    pointers, plain = array.pattern.indices
    at = pointers.ndim - 1
    none = plain.narrow(at, 0, 0)
    values = array.values.narrow(at, 0, 0).to(dtype)
    return graph.placed(array, values, Pattern((pointers * 0, none)))


meaning("empty_like")(zeros_like)


@meaning("new_zeros", "new_empty", "new")
def new_zeros(self: SparseTensor, *size: Any, dtype: Any = None, **options: Any) -> Tensor:
    sizes = size[0] if len(size) == 1 and isinstance(size[0], (tuple, list)) else size
    return constructor.empty_of(self.layout, tuple(sizes), dtype or self.dtype, self.device)


@meaning()
def new_tensor(self: SparseTensor, data: Any, **options: Any) -> Tensor:
    return self._array.values.new_tensor(data, **options)


@meaning()
def zero_(self: SparseTensor) -> Tensor:
    return write(self, zeros_like(self), "zero_")


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
