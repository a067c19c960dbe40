"""Copies of sparse tensors, in other dtypes and on other devices, and new ones like them."""

from __future__ import annotations

from typing import Any

from ..autograd.node import Leaf
from ..core.dtype import CONVERSIONS
from ..core.dtype import dtype as Dtype
from ..core.layout import strided
from ..core.sparse import BSC, BSR, COO, Pattern, SparseTensor, sparse_tensor
from ..core.tensor import Tensor, make
from ..ops.create.full import zeros
from . import constructor, graph
from .convert import same_layout
from .dispatch import meaning, write

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
