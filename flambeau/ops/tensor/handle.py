"""What a tensor is besides its values: its class, memory, layout, old type, and what it is not."""

from __future__ import annotations

from typing import Any

from ...autograd.location import count_writes
from ...autograd.node import Leaf
from ...core import layout
from ...core.device import backends
from ...core.dtype import dtype as DType
from ...core.dtype import legacy_name, parse_legacy_name
from ...core.memory import at, expose, owner
from ...core.tensor import Tensor, become, class_name, register, wrap
from ...dispatch.registry import method, public
from ..view.shape import alias_
from .convert import pinned_
from .copying import parts_of

# ----------------------------------------------------------------------------------- its class


@method()
def as_subclass(self: Tensor, cls: type) -> Any:
    """The same tensor, with its history, as one of a subclass of Tensor.

    Raises:
        TypeError: `cls` is no subclass.

    Source: torch.Tensor.as_subclass

    Example:
        >>> import flambeau as torch
        >>> class Tagged(torch.Tensor):
        ...     pass
        >>> torch.ones(2).as_subclass(Tagged) + 1
        Tagged([2., 2.])
    """
    return become(alias_(self), cls)


def _make_subclass(cls: type, data: Tensor, require_grad: bool = False, **options: Any) -> Any:
    """A tensor of class `cls` on the memory of `data`, without its history."""
    if not isinstance(data, Tensor):
        raise TypeError(
            f"_make_subclass(): argument 'data' (position 2) must be Tensor, not {class_name(data)}"
        )
    result = become(bare(data), cls)
    return Tensor.requires_grad_(result, require_grad)


Tensor._make_subclass = staticmethod(_make_subclass)  # type: ignore[attr-defined]


def bare(x: Tensor) -> Tensor:
    """A new plain handle on a tensor's memory, without its history."""
    result = wrap(x._array, x._kind)
    result._cell, result._base = x._cell, _bare_root(x)
    _register(result)
    return result


def _register(x: Tensor) -> None:
    if x._base is not None:
        register(x, x._cell)


def _bare_root(x: Tensor) -> Tensor | None:
    """What a handle without history is a view of: the same memory, without history too."""
    return None if x._base is None else bare(x._base)


# ------------------------------------------------------------------------------------- its data


def _get_data(self: Tensor) -> Tensor:
    """The same memory without history; assigning takes another tensor's memory."""
    result = wrap(expose(self._array), self._kind)
    result._base = _bare_root(self)
    _register(result)
    return result


def _set_data(self: Tensor, other: Tensor) -> None:
    if not isinstance(other, Tensor):
        raise TypeError(f"Variable data has to be a tensor, but got {other.__class__.__name__}")
    if self._node is not None and other._kind.dtype.category < 2:
        raise RuntimeError(
            "data set to a tensor that requires gradients must be floating point or complex dtype, not "
            f"{other.dtype}"
        )
    self._array, self._kind = other._array, other._kind
    if isinstance(self._node, Leaf):
        self._node.shape, self._node.kind = other._array.shape, other._kind


Tensor.data = property(_get_data, _set_data)  # type: ignore[attr-defined]


@method()
def untyped_storage(self: Tensor) -> Any:
    """The memory that this tensor and its views share, as bytes.

    Raises:
        NotImplementedError: It is on the device meta, and has no memory.

    Source: torch.Tensor.untyped_storage

    Example:
        >>> import flambeau as torch
        >>> x = torch.zeros(2, 3)
        >>> x[1].untyped_storage() is x.untyped_storage()
        True
    """
    return parts_of(self)[0]


@method("storage", "_typed_storage")
def storage(self: Tensor) -> Any:
    """The memory that this tensor and its views share, as elements of its dtype.

    Source: torch.Tensor.storage
    """
    from ...core.storage import TypedStorage

    return TypedStorage(wrap_storage=parts_of(self)[0], dtype=self._kind.dtype)


@method()
def share_memory_(self: Tensor) -> Tensor:
    """Move the memory to where other processes can have it (`torch.multiprocessing`), with all views of it; itself.

    Handles without history that were made of it before (`detach()`, a `state_dict`) keep the old memory.

    Raises:
        OSError: There is no room for it.

    Source: torch.Tensor.share_memory_

    Example:
        >>> import flambeau as torch
        >>> x = torch.zeros(3)
        >>> x.is_shared(), x.share_memory_().is_shared()
        (False, True)
    """
    from ...core.shared import share  # rare, so not loaded with the library

    share(self)
    return self


@method()
def is_shared(self: Tensor) -> bool:
    """Can other processes have the memory too? That of a mapped file, and what `share_memory_` has moved.

    Source: torch.Tensor.is_shared
    """
    from ...core.shared import is_shared

    return is_shared(self)


@method()
def storage_type(self: Tensor) -> Any:
    """The old class of its storage.

    Source: torch.Tensor.storage_type
    """
    from ...core.storage import legacy_class

    return legacy_class(f"{self._kind.dtype.legacy}Storage")


@method()
def set_(
    self: Tensor,
    source: Any = None,
    storage_offset: int = 0,
    size: Any = None,
    stride: Any = None,
) -> Tensor:
    """Look at other memory from now on.

    Args:
        source: A tensor or a storage; nothing for an empty tensor.
        storage_offset, size, stride: The place in a storage, in elements; all of it by default.

    Raises:
        RuntimeError: The dtypes differ, or the place is out of bounds.

    Source: torch.Tensor.set_

    Example:
        >>> import flambeau as torch
        >>> x = torch.arange(6.)
        >>> torch.empty(0).set_(x.untyped_storage(), 1, (2, 2), (2, 1))
        tensor([[1., 2.],
                [3., 4.]])
    """
    if source is None:
        array = self._kind.xp.empty(0, self._kind.numpy)
    elif isinstance(source, Tensor) and size is None:
        _check_same("tensor", self, source._kind.dtype)
        array = source._array
    else:
        array = _placed(self, source, storage_offset, size, stride)
    self._array, self._base = array, None
    self._cell = source._cell if isinstance(source, Tensor) else [self._cell[0]]
    count_writes((self,))
    if isinstance(self._node, Leaf):
        self._node.shape = array.shape
    return self


def _check_same(what: str, target: Tensor, given: DType) -> None:
    if given is not target._kind.dtype:
        raise RuntimeError(
            f"Could not set {what} of type {given.name} to a tensor of type "
            f"{target._kind.dtype.name}: convert it first"
        )


def _placed(self: Tensor, source: Any, offset: int, size: Any, stride: Any) -> Any:
    """The array at a place in a storage."""
    if isinstance(source, Tensor):
        _check_same("tensor", self, source._kind.dtype)
        source = parts_of(source)[0]
    elif hasattr(source, "dtype"):
        _check_same("storage", self, source.dtype)
    held, kept = source.untyped()._bytes, self._kind.dtype
    if size is None:
        size = (held.nbytes // kept.itemsize - offset,)
    if stride is None:
        stride, step = [], 1
        for n in reversed(tuple(size)):
            stride.insert(0, step)
            step *= max(n, 1)
    if source.device is not self._kind.device:
        raise RuntimeError(
            f'Attempted to set the storage of a tensor on device "{self._kind.device}" to a storage on different '
            f'device "{source.device}".  This is no longer allowed; the devices must match.'
        )
    return at(held, kept.numpy, offset, tuple(size), tuple(stride), self._kind.xp)


@method()
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Is it the same place of the same memory, with the same shape and strides?

    Source: torch.Tensor.is_set_to
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"is_set_to(): argument 'tensor' (position 1) must be Tensor, not {class_name(tensor)}"
        )
    a, b = self._array, tensor._array
    return (
        owner(a) is owner(b)
        and self.data_ptr() == tensor.data_ptr()
        and self.shape == tensor.shape
        and self.stride() == tensor.stride()
    )


@public(method=True)
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Is it of the same shape?

    Raises:
        TypeError: It is no tensor.

    Source: torch.is_same_size
    """
    if not isinstance(other, Tensor):
        raise TypeError(
            f"is_same_size(): argument 'other' (position 1) must be Tensor, not {type(other).__name__}"
        )
    return input._array.shape == other._array.shape


# -------------------------------------------------------------------------------- what it is not


def _attribute(name: str, get: Any, text: str) -> None:
    get.__name__ = get.__qualname__ = name
    get.__doc__ = text
    setattr(Tensor, name, property(get))


_attribute("layout", lambda self: layout.strided, "How the elements are stored: torch.strided.")
_attribute("name", lambda self: None, "Nothing: tensors have no names.")
_attribute("volatile", lambda self: False, "False: replaced by no_grad.")
for _name in ("cpu", "cuda", "meta", "mps", "xpu", "xla", "mtia", "maia", "ipu", "vulkan"):
    _attribute(
        f"is_{_name}",
        lambda self, place=_name: self._kind.device.type == place,
        f"Is it on a device of type {_name}?",
    )
for _name in ("sparse", "sparse_csr", "quantized", "mkldnn", "nested"):
    _attribute(f"is_{_name}", lambda self: False, "False: every tensor here is dense.")


@public(method=True)
def get_device(input: Tensor) -> int:
    """The number of its device; -1 for the CPU.

    Source: torch.get_device
    """
    index = input._kind.device.index
    return -1 if index is None else index


@method()
def const_data_ptr(self: Tensor) -> int:
    """The address of its first element, for who only reads there.

    Source: torch.Tensor.const_data_ptr
    """
    return self.data_ptr()


@public("is_conj", "is_neg", method="is_conj is_neg")
def is_conj(input: Tensor) -> bool:
    """Does it wait to be conjugated or negated when it is read? Never: `conj` and `imag` compute at once.

    Source: torch.is_conj, torch.is_neg
    """
    return False


@public(method=True)
def is_distributed(input: Tensor) -> bool:
    """Do its elements lie on several machines? A tensor's memory is always in one process.

    Source: torch.is_distributed
    """
    return False


@method()
def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Is its memory page-locked, so that an accelerator reads it by itself?

    Args:
        device: Of the accelerator's type; there is no need to say it.

    Source: torch.Tensor.is_pinned

    Example:
        >>> import flambeau as torch
        >>> torch.ones(1).is_pinned()
        False
    """
    return self._kind.device.type == "cpu" and any(
        backend.is_pinned(self._array) for backend in backends.values()
    )


@method()
def pin_memory(self: Tensor, device: Any = None) -> Tensor:
    """The tensor in page-locked memory, which an accelerator reads by itself; itself if it is there.

    Args:
        device: Of the accelerator's type; there is no need to say it.

    Raises:
        RuntimeError: There is no accelerator to lock it for, or the tensor is not on the CPU.

    Source: torch.Tensor.pin_memory
    """
    if backends.accelerator() is None:
        raise RuntimeError(
            "Cannot access accelerator device when none is available: memory is pinned for copies to an "
            "accelerator; leave pin_memory() out"
        )
    if self._kind.device.type != "cpu":
        raise RuntimeError(
            f"cannot pin '{self.type()}' only dense CPU tensors can be pinned"  # type: ignore[attr-defined]
        )
    if self.is_pinned():  # type: ignore[attr-defined]
        return self
    return pinned_(self)


@method()
def record_stream(self: Tensor, s: Any) -> None:
    """Let its memory be reused only when a stream has done what it was told until the tensor is gone.

    Memory is reused in the order of the stream where the tensor was made; who uses it in another one says so.

    Args:
        s: The other stream.

    Raises:
        NotImplementedError: The tensor is on the CPU, where nothing runs later.
        RuntimeError: The stream is of another type of device.

    Source: torch.Tensor.record_stream
    """
    if not self._kind.device.backend.is_accelerator:
        raise NotImplementedError(
            f"record_stream() is for tensors of accelerators, and this one is on {self._kind.device}: leave it out"
        )
    if s.device.type != self._kind.device.type:
        raise RuntimeError(
            f"record_stream(): expected a stream of a {self._kind.device.type} device, not of {s.device}"
        )
    self._kind.device.backend.record(self._array, s._handle)


@method()
def sparse_dim(self: Tensor) -> int:
    """0: no dimension is sparse.

    Source: torch.Tensor.sparse_dim
    """
    return 0


@method()
def dense_dim(self: Tensor) -> int:
    """The number of dimensions: all are dense.

    Source: torch.Tensor.dense_dim
    """
    return self._array.ndim


@method()
def dim_order(self: Tensor, *, ambiguity_check: Any = False) -> tuple[int, ...]:
    """The dimensions from the outermost in memory to the innermost.

    Source: torch.Tensor.dim_order
    """
    if ambiguity_check is not False:
        raise NotImplementedError(
            "dim_order() does not look for other orders that fit as well: leave ambiguity_check out"
        )
    strides = Tensor.stride(self)
    return tuple(sorted(range(len(strides)), key=lambda i: -strides[i]))


# ------------------------------------------------------------------------------------ its type


@method("type")
def as_type(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the old tensor class, or the values in another dtype.

    Args:
        dtype: A dtype, an old tensor class such as `FloatTensor`, or its name.
        non_blocking: A copy from page-locked memory need not be waited for.

    Raises:
        TypeError, ValueError: It is nothing of these.

    Source: torch.Tensor.type

    Example:
        >>> import flambeau as torch
        >>> torch.ones(2).type()
        'torch.FloatTensor'
        >>> torch.ones(2).type(torch.int64)
        tensor([1, 1])
    """
    if dtype.__class__ is DType:
        return self.to(dtype)  # type: ignore[attr-defined]
    if dtype is None:
        return legacy_name(self._kind.dtype, self._kind.device.type)
    place = None
    if isinstance(dtype, str):
        dtype, place = parse_legacy_name(dtype)
    elif not isinstance(dtype, DType):
        target = getattr(dtype, "dtype", None)
        if not isinstance(target, DType):
            raise TypeError("dtype must be a type, str, or dtype object")
        dtype, place = target, getattr(dtype, "device_type", "cpu")
    if place is not None and place == self._kind.device.type:
        place = None
    return self.to(place, dtype, non_blocking)  # type: ignore[attr-defined]
