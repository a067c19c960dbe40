"""Storages and tensors in files: views of records, after checking that they stay inside."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core import layout
from ..core.device import CPU, device
from ..core.dtype import CONVERSIONS, DTYPES, bool_, complex32, dtype
from ..core.kind import Kind, kind_of
from ..core.memory import at
from ..core.quantized_dtype import INTEGERS, QUANTIZED, SCHEMES, qscheme
from ..core.size import Size
from ..core.storage import TypedStorage, UntypedStorage, storage_of
from ..core.tensor import Tensor, wrap
from .constructor import constructs, wrong
from .error import SerializationError
from .internal import Name
from .location import placer
from .message import shown
from .nested import NJT, NJT_CLASS
from .numpy_decoder import check_bools

CLASSES = {
    item.name: f"{item.legacy}Storage" for item in CONVERSIONS.values() if item is not complex32
}
"""dtypes with a storage class of their own in the format, which came to an end before complex32 did."""
STORAGES = {name: DTYPES[item] for item, name in CLASSES.items()}
STORAGES |= {f"{item.legacy}Storage": item for item in QUANTIZED.values()}
UNTYPED = "torch.storage UntypedStorage"

VALUES: dict[str, Any] = {f"torch {name}": item for name, item in DTYPES.items()}
VALUES |= {f"torch {name}": item for name, item in layout.NAMES.items()}
VALUES |= {f"torch {name}": item for name, item in (QUANTIZED | SCHEMES).items()}
"""Names that stand for objects."""

_TENSOR_CLASSES = {"torch Tensor": None, "torch.nn.parameter Parameter": "parameter"}
_OF_TENSORS = frozenset(
    f"torch._utils _rebuild_{name}"
    for name in ("tensor", "tensor_v2", "tensor_v3", "meta_tensor_no_storage", "parameter")
)
"""Functions that make the tensor that a subclass or attributes are added to."""
MAX_DIMS = 64
_LIMIT = 2**62


def is_class(text: str) -> bool:
    """Does it name a class of storages, or one of tensors?"""
    module, _, name = text.partition(" ")
    is_storage = module in ("torch", "torch.cuda") and name in STORAGES
    return is_storage or text in (UNTYPED, NJT_CLASS) or text in _TENSOR_CLASSES


class Storages:
    """The storages of one file, each made when it is first asked for.

    Args:
        records: Gives the bytes of a record.
        map_location: See `load`.
        mmap: Leave them in the file.
        spend: Counts the bytes that are copied.
    """

    def __init__(self, records: Any, map_location: Any, mmap: bool, spend: Any):
        self.records, self.mmap, self.spend = records, mmap, spend
        self.place = placer(map_location)
        self.made: dict[str, tuple[dtype | None, Any]] = {}
        self.flat: dict[tuple, Any] = {}  # by a storage's id, a dtype, and what is changed

    def persistent(self, parts: Any) -> Any:
        """('storage', class, key, location, count): the record data/key."""
        is_storage = type(parts) is tuple and parts[:1] == ("storage",)
        if not is_storage or len(parts) not in (5, 6) or parts[5:] not in ((), (None,)):
            raise SerializationError("data.pkl refers to something that is no storage")
        _, kind, key, location, count = parts[:5]
        if not isinstance(kind, Name) or not is_class(kind.text) or kind.text in _TENSOR_CLASSES:
            raise SerializationError(f"data.pkl refers to an unknown storage {shown(key)}")
        own = STORAGES.get(kind.text.partition(" ")[2])
        if type(key) is not str or not key.isalnum() or type(location) is not str:
            raise SerializationError(f"data.pkl refers to an unknown storage {shown(key)}")
        if key not in self.made:
            self.made[key] = own, self._new(key, own, count, location)
        known, storage = self.made[key]
        if known is not own:
            raise SerializationError(f"the storage {shown(key)} is used with two dtypes")
        return storage

    def _new(self, key: str, own: dtype | None, count: Any, location: str) -> Any:
        record = f"data/{key}"
        size = self.records.size(record)
        itemsize = own.itemsize if own else 1
        if type(count) is not int or not 0 <= count < _LIMIT or count * itemsize != size:
            raise SerializationError(
                f"the storage {shown(key)} should hold {shown(count)} elements of {itemsize} bytes, "
                f"but its record has {size} bytes"
            )
        held = self.records.mapped(record) if self.mmap else self.records.array(record)
        placed, target = self.place(held, location)
        untyped = storage_of(placed)
        if target is not CPU:
            self.spend(size)
            untyped = untyped.to(device=target)
        return untyped if own is None else TypedStorage(wrap_storage=untyped, dtype=own)

    def view(self, storage: Any, kind: dtype, place: tuple, changes: tuple) -> Any:
        """A view of a storage, of its own memory or of that where it is conjugated or negated."""
        key = id(storage), kind, changes
        flat = self.flat.get(key)
        if flat is None:
            held = storage.untyped()._bytes
            if held.nbytes % kind.itemsize:
                raise SerializationError(f"a storage of {held.nbytes} bytes cannot hold {kind}")
            flat = held.view(kind.numpy)
            if kind is bool_:
                check_bools(storage.cpu().untyped()._bytes.view(bool))
            flat = self.flat[key] = self._changed(flat, kind_of(kind, storage.device), changes)
        return view_of(flat, *place, xp=kind_of(kind, storage.device).xp)

    def _changed(self, flat: Any, kind: Kind, changes: tuple) -> Any:
        """All of a storage conjugated or negated: once, however many tensors look at it so."""
        if not changes:
            return flat
        own = kind.dtype
        if ("conj" in changes and not own.is_complex) or not (
            own.is_complex or own.is_floating_point
        ):
            raise SerializationError(f"a tensor of the file is {' and '.join(changes)} of {own}")
        self.spend(len(changes) * flat.nbytes)
        result = wrap(flat, kind)
        if "conj" in changes:
            result = result.conj_physical()
        return (-result if "neg" in changes else result)._array


def view_of(flat: Any, offset: Any, size: Any, stride: Any, xp: Any = np) -> Any:
    """A view of a storage, after checking that it stays inside. xp: the module of its arrays."""
    check_place(offset, size, stride)
    if 0 in size:
        return xp.empty(size, flat.dtype)
    reach = offset + sum((n - 1) * s for n, s in zip(size, stride)) + 1
    if reach > flat.size:
        raise SerializationError(
            f"a tensor of size {shown(tuple(size))} and strides {shown(tuple(stride))} at {offset} "
            f"reaches outside its storage of {flat.size} elements"
        )
    item = flat.itemsize
    if xp is not np:
        return at(flat.view(np.uint8), flat.dtype, offset, size, stride, xp)
    return np.ndarray(size, flat.dtype, flat, offset * item, tuple([s * item for s in stride]))


def check_place(offset: Any, size: Any, stride: Any) -> None:
    """Refuse what is no place of a tensor in any storage."""
    for numbers in (size, stride):
        if type(numbers) is not Size and type(numbers) is not tuple:
            raise wrong("a tensor", numbers)
    if not len(size) == len(stride) <= MAX_DIMS or any(
        type(n) is not int or not 0 <= n < _LIMIT for n in (offset, *size, *stride)
    ):
        raise SerializationError(
            f"a tensor of the file has impossible sizes {shown(tuple(size))} or strides "
            f"{shown(tuple(stride))}"
        )


# ------------------------------------------------------------------------------- constructors


@constructs("_rebuild_tensor_v2", "_rebuild_tensor", modules=("torch._utils",))
def tensor(
    machine: Any,
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any = False,
    hooks: Any = None,
    metadata: Any = None,
) -> Tensor:
    if not isinstance(storage, TypedStorage):
        raise wrong("a tensor", storage)
    return _tensor(machine, storage, storage.dtype, (offset, size, stride), requires_grad, metadata)


@constructs("_rebuild_tensor_v3", modules=("torch._utils",))
def tensor_of_bytes(
    machine: Any,
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    kind: Any,
    metadata: Any = None,
) -> Tensor:
    if not isinstance(storage, (UntypedStorage, TypedStorage)) or not isinstance(kind, dtype):
        raise wrong("a tensor", (storage, kind))
    return _tensor(machine, storage, kind, (offset, size, stride), requires_grad, metadata)


def _tensor(
    machine: Any, storage: Any, kind: dtype, place: tuple, requires_grad: Any, metadata: Any
) -> Tensor:
    changes = _changes(metadata)
    array = machine.storages.view(storage, kind, place, changes)
    result = wrap(array, kind_of(kind, storage.device))
    return result.requires_grad_() if requires_grad is True else result


@constructs("_rebuild_meta_tensor_no_storage", modules=("torch._utils",))
def tensor_without_elements(
    machine: Any, kind: Any, size: Any, stride: Any, requires_grad: Any
) -> Tensor:
    """A tensor on the device "meta", which has no storage; map_location does not move it."""
    if not isinstance(kind, dtype):
        raise wrong("a tensor", kind)
    check_place(0, size, stride)
    meta = kind_of(kind, device("meta"))
    steps = [step * kind.itemsize for step in stride]
    result = wrap(meta.xp.ndarray(size, kind.numpy, steps), meta)
    return result.requires_grad_() if requires_grad is True else result


@constructs("_rebuild_sparse_tensor", modules=("torch._utils",))
def sparse_tensor(machine: Any, kind: Any, data: Any) -> Tensor:
    """A sparse tensor, after looking at all its indices: files may say anything."""
    from ..sparse import constructor

    count = 3 if kind is layout.NAMES["sparse_coo"] else 4
    is_sparse = isinstance(kind, layout.layout) and kind.name.startswith("sparse_")
    if not is_sparse or type(data) is not tuple or len(data) not in (count, 4):
        raise wrong("a sparse tensor", (kind, data))
    *parts, size = data[:count]
    coalesced = data[3] if count == 3 and len(data) == 4 else None
    if any(type(part) is not Tensor for part in parts) or type(size) is not Size:
        raise wrong("a sparse tensor", data)
    for index in parts[:-1]:
        if index.dtype.name not in ("int64", "int32"):
            raise wrong("indices of a sparse tensor", index)
        machine.spend(8 * index.numel())
    try:
        if count == 3:
            return constructor.sparse_coo_tensor(
                *parts, size, check_invariants=True, is_coalesced=coalesced is True
            )
        return constructor.sparse_compressed_tensor(
            *parts, size, layout=kind, check_invariants=True
        )
    except (RuntimeError, IndexError, ValueError) as error:
        raise SerializationError(f"a sparse tensor of the file cannot be made: {error}") from None


@constructs("_rebuild_qtensor", modules=("torch._utils",))
def quantized_tensor(
    machine: Any, storage: Any, offset: Any, size: Any, stride: Any, params: Any, requires_grad: Any = False,
    hooks: Any = None,
) -> Tensor:  # fmt: skip
    """A tensor of integers with their scale and zero point, or those of the channels."""
    kind = getattr(storage, "dtype", None)
    if kind not in QUANTIZED.values() or type(params) is not tuple or not params:
        raise wrong("a quantised tensor", (storage, params))
    scheme, *facts = params
    each = isinstance(scheme, qscheme) and "channel" in scheme.name
    known = (Tensor, Tensor, int) if each else (float, int)
    if not isinstance(scheme, qscheme) or tuple(map(type, facts)) != known:
        raise wrong("a quantised tensor", params)
    integers, name = INTEGERS[kind], str(kind).removeprefix("torch.")
    array = machine.storages.view(storage, integers, (offset, size, stride), ())
    scale, zero, axis = facts if each else (*facts, None)
    if each and not (
        0 <= axis < len(size) and tuple(scale.shape) == tuple(zero.shape) == (size[axis],)
    ):
        raise wrong("a quantised tensor", params)
    low, step = (x._array if each else x for x in (zero, scale))
    from ..quantized import rebuilt

    return rebuilt(wrap(array, kind_of(integers, storage.device)), step, low, axis, name)


def _changes(metadata: Any) -> tuple[str, ...]:
    """Which of the two lazy operations a tensor still waits for."""
    if not metadata:
        return ()
    if type(metadata) is not dict or not metadata.keys() <= {"conj", "neg"}:
        raise wrong("a tensor", metadata)
    return tuple(name for name in ("conj", "neg") if metadata.get(name) is True)


@constructs("_rebuild_parameter", modules=("torch._utils",))
def parameter(machine: Any, data: Any, requires_grad: Any, hooks: Any = None) -> Any:
    from ..nn.parameter import Parameter

    if type(data) is not Tensor:
        raise wrong("a parameter", data)
    made = Parameter(data, requires_grad is True)
    made.__dict__.update(data.__dict__)
    machine.enter(made, data)
    return made


@constructs("_rebuild_parameter_with_state", modules=("torch._utils",))
def parameter_with_state(
    machine: Any, data: Any, requires_grad: Any, hooks: Any, state: Any
) -> Any:
    made = parameter(machine, data, requires_grad)
    _set_state(machine, made, state)
    return made


@constructs("_rebuild_from_type_v2", modules=("torch._tensor",))
def with_state(machine: Any, function: Any, cls: Any, args: Any, state: Any) -> Any:
    """A tensor with attributes, or of a subclass that the user allows."""
    text = function.text if isinstance(function, Name) else ""
    if text == NJT and isinstance(cls, Name) and cls.text == NJT_CLASS and type(args) is tuple:
        return machine.call(function, args)  # a nested tensor's attributes are its parts
    if text not in _OF_TENSORS or type(args) is not tuple:
        raise wrong("a tensor", text or function)
    made = machine.call(function, args)
    if not isinstance(made, Tensor):
        raise wrong("a tensor", made)
    if not isinstance(cls, Name):
        made = made.as_subclass(cls) if machine.allowed.covers(cls) else None
    elif _TENSOR_CLASSES.get(cls.text, "") not in (None, type(made).__name__.lower()):
        raise wrong("a tensor", made)
    if made is None:
        raise wrong("a tensor", cls)
    _set_state(machine, made, state)
    return made


def _set_state(machine: Any, made: Tensor, state: Any) -> None:
    if type(state) is not dict or any(type(name) is not str for name in state):
        raise wrong("attributes of a tensor", state)
    machine.enter(made, state)
    made.__dict__.update(state)


@constructs("Size", modules=("torch",))
def size(machine: Any, sizes: Any = ()) -> Size:
    if type(sizes) is not tuple or any(type(n) is not int for n in sizes):
        raise wrong("a torch.Size", sizes)
    machine.spend(8 * len(sizes))
    return Size(sizes)


@constructs("device", modules=("torch",))
def place(machine: Any, name: Any, index: Any = None) -> device:
    if type(name) is not str or len(name) > 100 or type(index) not in (int, type(None)):
        raise wrong("a device", (name, index))
    return device(name) if index is None else device(name, index)


@constructs("_get_layout", modules=("torch.serialization",))
def layout_named(machine: Any, name: Any) -> Any:
    found = layout.NAMES.get(name.removeprefix("torch.")) if type(name) is str else None
    if not isinstance(found, layout.layout):
        raise wrong("a layout", name)
    return found
