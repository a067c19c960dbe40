"""Conversions: dtype, device, copies, NumPy, and how tensors are shown and copied."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.mode import mode
from ..autograd.node import Leaf
from ..core.device import device as Device
from ..core.device import resolve, transfer
from ..core.dtype import DTYPES, dtype, state
from ..core.kind import kind_of
from ..core.printing import format_tensor
from ..core.promotion import result_dtype
from ..core.tensor import Tensor, wrap, wrap_view
from .registry import method, public
from .rule import operation
from .write import check_writable, finish_write, store


@operation(label="ToCopy")
def to_copy(x: Any, target: Any) -> Any:
    """The values in another dtype."""
    if x.dtype.kind == "c" and target.kind != "c" and target.kind != "b":
        x = x.real
    return x.astype(target)


@to_copy.gradient
def _(g: Tensor) -> Tensor:
    return g  # the engine casts it back


@operation(label="Clone")
def clone_(x: Any) -> Any:
    """A copy."""
    return x.copy(order="K")


@clone_.gradient
def _(g: Tensor) -> Tensor:
    return g


@public(method=True)
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """A copy with the same history.

    Source: torch.clone
    """
    return clone_(input)


@method()
def to(
    self: Tensor,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """In another dtype or on another device; itself if nothing changes.

    Args:
        args: A dtype, a device, both, or a tensor to be like.
        copy: Give a copy even so.

    Source: torch.Tensor.to

    Example:
        >>> import flambeau as torch
        >>> torch.ones(2).to(torch.int64)
        tensor([1, 1])
    """
    for arg in args:
        if isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif isinstance(arg, type(self.dtype)):
            dtype = arg
        elif isinstance(arg, (str, Device)) or (isinstance(arg, int) and not isinstance(arg, bool)):
            device = arg
        elif arg is not None and not isinstance(arg, bool):
            raise TypeError(
                f"to() received an invalid combination of arguments - got {type(arg).__name__}"
            )
    result = self
    if device is not None:
        target = resolve(device)
        if target is not self.device:
            moved = transfer(self._array, self.device, target, non_blocking)
            result = wrap(moved, kind_of(self.dtype, target))
    if dtype is not None and dtype is not result.dtype:
        return to_copy(result, dtype.numpy)
    return clone_(result) if copy and result is self else result


def _conversion(name: str, target: Any) -> None:
    def convert(self: Tensor, memory_format: Any = None) -> Tensor:
        return self if self._kind.dtype is target else to_copy(self, target.numpy)

    convert.__name__ = convert.__qualname__ = name
    convert.__doc__ = f"The values as {target}.\n\n    Source: torch.Tensor.{name}\n    "
    method(name)(convert)


for _name, _target in {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "bfloat16": "bfloat16",
    "int": "int32",
    "long": "int64",
    "short": "int16",
    "char": "int8",
    "byte": "uint8",
    "bool": "bool",
    "cfloat": "complex64",
    "cdouble": "complex128",
}.items():
    _conversion(_name, DTYPES[_target])


@method()
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """In another tensor's dtype."""
    return self.to(other.dtype)  # type: ignore[attr-defined]


@method("type")
def as_type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the old tensor class, or the values in another dtype.

    Source: torch.Tensor.type
    """
    from ..core.dtype import legacy_name, parse_legacy_name

    if dtype is None:
        return legacy_name(self.dtype, self.device.type)
    if isinstance(dtype, str):
        dtype = parse_legacy_name(dtype)[0]
    return self.to(dtype)  # type: ignore[attr-defined]


@method()
def cpu(self: Tensor, memory_format: Any = None) -> Tensor:
    """On the CPU."""
    return self.to("cpu")  # type: ignore[attr-defined]


@method()
def cuda(
    self: Tensor, device: Any = None, non_blocking: bool = False, memory_format: Any = None
) -> Tensor:
    """On a CUDA device."""
    return self.to("cuda" if device is None else device)  # type: ignore[attr-defined]


@method()
def numpy(self: Tensor, *, force: bool = False) -> Any:
    """The NumPy array that holds the values; each sees what is written to the other.

    Raises:
        RuntimeError: It requires grad.
        TypeError: It is on another device, or of a dtype that NumPy lacks.

    Source: torch.Tensor.numpy
    """
    if force:
        return self.detach().cpu()._array  # type: ignore[attr-defined]
    if self._node is not None:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if self.device.type != "cpu":
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the "
            "tensor to host memory first."
        )
    if self.dtype.name == "bfloat16":
        raise TypeError("Got unsupported ScalarType BFloat16: convert with .float() first")
    return self._array


@method()
def __array__(self: Tensor, dtype: Any = None, copy: bool | None = None) -> Any:
    array = self.numpy()  # type: ignore[attr-defined]
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise ValueError(f"a {dtype} array of a {self.dtype} tensor needs a copy")
        return array.astype(dtype)
    return array.copy() if copy else array


@method()
def detach(self: Tensor) -> Tensor:
    """The same memory without history.

    Source: torch.Tensor.detach
    """
    result = wrap_view(self._array, self)
    result._cell.pop()
    result._base = None if self._base is None else detached_root(self._base)
    return result


def detached_root(base: Tensor) -> Tensor:
    """What a detached view is a view of: the base's memory (storage_offset asks) without its history."""
    root = wrap(base._array, base._kind)
    root._cell = base._cell
    return root


@method()
def detach_(self: Tensor) -> Tensor:
    """Drop the history in place."""
    if self._base is not None:
        raise RuntimeError(
            "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel "
            "(DDP) for training, and gradient_as_bucket_view is set as True, gradients are views of DDP "
            "buckets, and hence detach_() cannot be called on these gradients."
        )
    self._node = None
    return self


def _get_data(self: Tensor) -> Tensor:
    """The same memory without history; assigning takes another tensor's memory."""
    result = wrap(self._array, self._kind)
    result._base = None if self._base is None else detached_root(self._base)
    return result


def _set_data(self: Tensor, other: Tensor) -> None:
    if not isinstance(other, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {other.__class__.__name__}")
    self._array, self._kind = other._array, other._kind
    if isinstance(self._node, Leaf):
        self._node.shape, self._node.kind = other._array.shape, other._kind


Tensor.data = property(_get_data, _set_data)  # type: ignore[attr-defined]


@operation(operands="x source", label="Copy")
def copied(x: Any, source: Any) -> Any:
    """`source` in the shape and dtype of x."""
    if source.dtype.kind == "c" and x.dtype.kind != "c":
        source = source.real
    return np.broadcast_to(source, x.shape).astype(x.dtype)


@copied.gradient
def _(g: Tensor) -> tuple:
    return None, g


@method()
def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Write another tensor's values here, broadcast and cast.

    Raises:
        RuntimeError: The shape does not broadcast.

    Source: torch.Tensor.copy_
    """
    if not isinstance(src, Tensor):
        src = wrap(np.asarray(src, self._kind.numpy), self._kind)  # type: ignore[unreachable]
    if _needs_move(src, self):
        src = src.to(self.device)  # type: ignore[attr-defined]
    from .write import broadcast

    if broadcast([self._array.shape, src._array.shape]) != self._array.shape:
        raise RuntimeError(
            f"output with shape {list(self.shape)} doesn't match the broadcast shape "
            f"{list(broadcast([self._array.shape, src._array.shape]))}"
        )
    check_writable(self, (self, src))
    recording = mode.recording and (src._node is not None or self._node is not None)
    result = copied(self, src) if recording else None
    if result is None:
        source = src._array
        store(
            self,
            source.real if source.dtype.kind == "c" and self._array.dtype.kind != "c" else source,
        )
    else:
        store(self, result._array)
    finish_write(self, None if result is None else result._node)
    return self


def _needs_move(src: Tensor, target: Tensor) -> bool:
    return src.device is not target.device


@method()
def fill_(self: Tensor, value: Any) -> Tensor:
    """Write one value everywhere.

    Source: torch.Tensor.fill_
    """
    if isinstance(value, Tensor):
        if value.ndim:
            raise RuntimeError(
                f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} "
                "dimensions."
            )
        return self.copy_(value)  # type: ignore[attr-defined]
    from .formula import number_array

    return self.copy_(
        wrap(
            number_array(value, self._kind.xp, self.dtype).astype(  # type: ignore[attr-defined]
                self._kind.numpy
            ),
            self._kind,
        )
    )


@method()
def zero_(self: Tensor) -> Tensor:
    """Write zeros.

    Source: torch.Tensor.zero_
    """
    return self.fill_(0)  # type: ignore[attr-defined]


@public()
def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype that an operation on these operands would give.

    Source: torch.result_type
    """
    both = (tensor1, tensor2)
    return result_dtype(
        [x.dtype for x in both if isinstance(x, Tensor) and x.ndim],
        [x.dtype for x in both if isinstance(x, Tensor) and not x.ndim],
        [x for x in both if not isinstance(x, Tensor)],
    )


@public()
def is_floating_point(input: Tensor) -> bool:
    """Is the dtype a floating-point one?

    Source: torch.is_floating_point
    """
    return input.dtype.is_floating_point


@public()
def is_complex(input: Tensor) -> bool:
    """Is the dtype complex?

    Source: torch.is_complex
    """
    return input.dtype.is_complex


@public()
def numel(input: Tensor) -> int:
    """The number of elements.

    Source: torch.numel
    """
    return input.numel()


# ------------------------------------------------------------------------------------- showing


@method("__repr__")
def _repr(self: Tensor, *, tensor_contents: Any = None) -> str:
    suffixes = []
    name = _gradient_name(self)
    if name:
        suffixes.append(f"grad_fn=<{name}>")
    elif self.requires_grad:
        suffixes.append("requires_grad=True")
    return format_tensor(
        self._array,
        dtype_name=self.dtype.name,
        default_dtype_name=state.default.name,
        suffixes=suffixes,
        device=None if self.device.type == "cpu" else str(self.device),
    )


def _gradient_name(self: Tensor) -> str:
    node = self.grad_fn
    return "" if node is None else node.name()


@method()
def __format__(self: Tensor, spec: str) -> str:
    if self.ndim == 0:
        return self.item().__format__(spec)
    return object.__format__(self, spec) if spec else repr(self)


# ------------------------------------------------------------------------------------- copying


@method()
def __deepcopy__(self: Tensor, memo: dict) -> Tensor:
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at "
            "the moment.  If you were attempting to deepcopy a module, this may be because of a computed "
            "tensor kept as an attribute: detach() it."
        )
    if id(self) in memo:
        return memo[id(self)]
    result = object.__new__(self.__class__)
    fresh = wrap(self._array.copy(order="K"), self._kind)
    for slot in ("_array", "_kind", "_node", "_cell", "_base"):
        setattr(result, slot, getattr(fresh, slot))
    memo[id(self)] = result
    if self.requires_grad:
        result.requires_grad_()  # type: ignore[attr-defined]
    if self.grad is not None:
        result._grad = self.grad.__deepcopy__(memo)  # type: ignore[attr-defined]
    import copy

    result.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return result


def _unpickled(cls: Any, array: Any, requires_grad: bool, attributes: dict) -> Tensor:
    from ..core.tensor import wrap_numpy

    fresh = wrap_numpy(array)
    result = object.__new__(cls)
    for slot in ("_array", "_kind", "_node", "_cell", "_base"):
        setattr(result, slot, getattr(fresh, slot))
    result.__dict__.update(attributes)
    return result.requires_grad_() if requires_grad else result  # type: ignore[attr-defined]


@method()
def __reduce_ex__(self: Tensor, protocol: Any) -> tuple:
    return _unpickled, (
        self.__class__,
        np.array(self._array),
        self.requires_grad,
        dict(self.__dict__),
    )
