"""Storages and tensors, as the pickler writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..autograd.hook import warn_if_has_hooks
from ..core.sparse import COO, SparseTensor
from ..core.storage import TypedStorage, UntypedStorage
from ..core.tensor import Tensor
from ..ops.tensor.copying import parts_of
from . import nested
from .pickler import FAMILIES, Parts, Pickler, refuse, writes
from .safe_globals import name_in_files
from .tensor_decoder import CLASSES


@writes(UntypedStorage)
def _untyped(pickler: Pickler, obj: UntypedStorage) -> None:
    pickler.storage(obj._bytes, None, 1, str(obj.device))


@writes(TypedStorage)
def _typed(pickler: Pickler, obj: TypedStorage) -> None:
    own = CLASSES.get(obj.dtype.name)
    if own is None:
        raise TypeError(
            f"cannot save a TypedStorage of {obj.dtype}: the format has no class for it; save "
            "storage.untyped(), or a tensor"
        )
    pickler.storage(obj._untyped._bytes, own, obj.dtype.itemsize, str(obj.device))


def _writer(cls: type) -> Callable[[Pickler, Any], Parts] | None:
    """How tensors of a class are written."""
    from ..nn.parameter import Parameter, UninitializedTensorMixin

    if not issubclass(cls, Tensor):
        return None
    if hasattr(cls, "q_scale"):
        return _quantized
    if issubclass(cls, UninitializedTensorMixin):
        return refuse(cls, f"a {cls.__name__}, which has no shape yet (call the module once)")
    if issubclass(cls, Parameter):
        return _parameter
    if cls is SparseTensor:
        return _sparse
    if cls is Tensor:
        return _tensor
    from ..nested.tensor import NestedTensor

    return nested.write if cls is NestedTensor else _of_type


def _tensor(pickler: Pickler, obj: Tensor) -> Parts:
    warn_if_has_hooks(obj)
    if obj.__dict__:
        return _of_type(pickler, obj)
    _rebuilt(pickler, obj, obj.requires_grad)
    pickler.out += b"R"
    pickler.remember(obj)
    return None


def _sparse(pickler: Pickler, obj: SparseTensor) -> Parts:
    """A layout, and the tensors that are stored in it; like PyTorch's, files do not keep requires_grad."""
    warn_if_has_hooks(obj)
    array = obj._array
    pickler.name("torch._utils _rebuild_sparse_tensor")
    pickler.call("torch.serialization _get_layout", f"{array.layout}")
    pickler.out += b"("
    for part in (*array.pattern.indices, array.values):
        _rebuilt(pickler, part, False)
        pickler.out += b"R"
    pickler.call("torch Size", tuple(obj.shape))
    if array.layout is COO:
        pickler.plain(array.pattern.coalesced)
    pickler.out += b"t\x86R"
    pickler.remember(obj)
    return None


def _of_type(pickler: Pickler, obj: Tensor) -> Iterator[Any]:
    """A tensor with attributes, or of a subclass."""
    cls = type(obj)
    pickler.name("torch._tensor _rebuild_from_type_v2")
    pickler.out += b"("
    _rebuilt(pickler, obj, obj.requires_grad, name_in_files(cls))
    yield dict(obj.__dict__)
    pickler.out += b"tR"
    pickler.remember(obj)


def _quantized(pickler: Pickler, obj: Any) -> Iterator[Any]:
    """Its integers, and what they stand for."""
    kind, *_, axis = obj._quantized
    storage, (held, offset, shape, strides) = parts_of(obj.int_repr())
    pickler.name("torch._utils _rebuild_qtensor")
    pickler.out += b"("
    pickler.storage(storage._bytes, f"{kind.legacy}Storage", held.itemsize, "cpu")
    for part in (offset, tuple(shape), tuple(strides)):
        pickler.plain(part)
    if axis is None:
        yield obj.qscheme(), obj.q_scale(), obj.q_zero_point()
    else:
        yield obj.qscheme(), obj.q_per_channel_scales(), obj.q_per_channel_zero_points(), axis
    pickler.plain(False)
    pickler.call("collections OrderedDict")
    pickler.out += b"tR"
    pickler.remember(obj)


def _parameter(pickler: Pickler, obj: Tensor) -> Parts:
    if obj.__dict__:
        return _parameter_with_state(pickler, obj)
    _start_parameter(pickler, obj, "_rebuild_parameter")
    pickler.out += b"tR"
    pickler.remember(obj)
    return None


def _parameter_with_state(pickler: Pickler, obj: Tensor) -> Iterator[Any]:
    _start_parameter(pickler, obj, "_rebuild_parameter_with_state")
    yield dict(obj.__dict__)
    pickler.out += b"tR"
    pickler.remember(obj)


def _start_parameter(pickler: Pickler, obj: Tensor, function: str) -> None:
    pickler.name(f"torch._utils {function}")
    pickler.out += b"("
    _rebuilt(pickler, obj, False)
    pickler.out += b"R"
    pickler.plain(obj.requires_grad)
    pickler.call("collections OrderedDict")


def _rebuilt(pickler: Pickler, obj: Tensor, requires_grad: bool, cls: str = "") -> None:
    """The function that makes a tensor, the class if there is to be one, and the arguments."""
    location = str(obj.device)
    if location == "meta":
        _without_elements(pickler, obj, requires_grad, cls)
        return
    storage, (kind, offset, shape, strides) = parts_of(obj)
    held = storage._bytes
    own = CLASSES.get(kind.name) if held.nbytes % kind.itemsize == 0 else None
    pickler.name("torch._utils _rebuild_tensor_v2" if own else "torch._utils _rebuild_tensor_v3")
    if cls:
        pickler.name(cls)
    pickler.out += b"("
    pickler.storage(held, own, kind.itemsize if own else 1, location)
    for part in (offset, tuple(shape), tuple(strides), requires_grad):
        pickler.plain(part)
    pickler.call("collections OrderedDict")
    if not own:
        pickler.name(f"torch {kind.name}")
    pickler.out += b"t"


def _without_elements(pickler: Pickler, obj: Tensor, requires_grad: bool, cls: str) -> None:
    pickler.name("torch._utils _rebuild_meta_tensor_no_storage")
    if cls:
        pickler.name(cls)
    pickler.out += b"("
    pickler.name(f"torch {obj.dtype.name}")
    for part in (tuple(obj.shape), obj.stride(), requires_grad):
        pickler.plain(part)
    pickler.out += b"t"


FAMILIES.append(_writer)
