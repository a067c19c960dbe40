"""Reads data.pkl: what its names mean. Only the constructors of the table here are ever called, so a
hostile file cannot run code."""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.device import CPU, device
from ..core.dtype import DTYPES, dtype
from ..core.kind import kind_of
from ..core.size import Size
from ..core.tensor import Tensor, wrap
from . import numpy_decoder
from .archive import Archive
from .error import SerializationError
from .location import placer
from .machine import Machine, Name, operations
from .measure import check_extent
from .pickler import CLASSES

MAX_STREAM = 256 << 20
MAX_DIMS = 64
STORAGES = {name: DTYPES[item] for item, name in CLASSES.items()}
_UNTYPED = "torch.storage UntypedStorage"
_KEYS = (str, int, float, complex, tuple, bytes, type(None), dtype, np.generic)


class _Storage:
    __slots__ = ("bytes", "device")

    def __init__(self, held: np.ndarray, place: device):
        self.bytes, self.device = held, place


class Unpickler(Machine):
    """Reads one object.

    Raises:
        SerializationError: The stream uses what is not allowed, or contradicts itself.
    """

    def __init__(self, archive: Archive, map_location: Any = None, mmap: bool = False):
        super().__init__()
        self.archive, self.mmap = archive, mmap
        self.place = placer(map_location)
        self.storages: dict[str, tuple[Any, _Storage]] = {}
        self.calls: dict[str, Callable[..., Any]] = {
            "collections OrderedDict": OrderedDict,
            "collections Counter": Counter,
            "torch Size": Size,
            "torch device": device,
            "__builtin__ set": set,
            "builtins set": set,
            "__builtin__ complex": complex,
            "builtins complex": complex,
            "__builtin__ bytearray": bytearray,
            "builtins bytearray": bytearray,
            "_codecs encode": _encoded,
            "torch._utils _rebuild_tensor_v2": self.tensor,
            "torch._utils _rebuild_tensor_v3": self.tensor_v3,
            "torch._utils _rebuild_parameter": self.parameter,
        }
        numpy_calls = {
            "dtype": numpy_decoder.DType,
            "scalar": numpy_decoder.scalar,
            "_reconstruct": numpy_decoder.empty,
        }
        for name, meaning in numpy_decoder.NAMES.items():
            if meaning in numpy_calls:
                self.calls[name] = numpy_calls[meaning]

    def load(self) -> Any:
        """The object."""
        data = bytes(self.archive.read("data.pkl", MAX_STREAM))
        order = b"little"
        if "byteorder" in self.archive.entries:
            order = bytes(self.archive.read("byteorder", 64))
        if order != b"little":
            raise SerializationError(
                f"the file's byte order is {order!r}; only little-endian files are read"
            )
        try:
            self._check_names(data)
            result = self.run(data)
        except SerializationError:
            raise
        except (
            IndexError,
            KeyError,
            struct.error,
            TypeError,
            ValueError,
            UnicodeDecodeError,
            OverflowError,
            AttributeError,
            RecursionError,
            RuntimeError,
        ) as error:
            raise SerializationError(
                f"data.pkl is damaged: {type(error).__name__}: {error}"
            ) from None
        check_extent(result)
        return result

    def _check_names(self, data: bytes) -> None:
        """Refuses a stream with names that are not allowed, and says them all."""
        asked = {text for code, text in operations(data) if code == b"c"}
        unknown = sorted(text.replace(" ", ".") for text in asked if not self._is_known(text))
        if unknown:
            raise SerializationError(
                f"the file asks for {', '.join(unknown)}, which is not among what checkpoints may "
                "hold; nothing was run. Load the file where it was made and save only tensors, "
                "numbers, strings and containers (model.state_dict())."
            )

    def _is_known(self, text: str) -> bool:
        module, _, name = text.partition(" ")
        if module in ("torch", "torch.cuda") and name in STORAGES:
            return True
        return (
            (module == "torch" and name in DTYPES)
            or text in self.calls
            or text in (_UNTYPED, "numpy ndarray")
        )

    def named(self, text: str) -> Any:
        module, _, name = text.partition(" ")
        return DTYPES[name] if module == "torch" and name in DTYPES else Name(text)

    def call(self, function: Any, args: Any) -> Any:
        text = function.text if isinstance(function, Name) else ""
        if text not in self.calls or not isinstance(args, tuple):
            raise SerializationError(
                "data.pkl calls something that is not a constructor of checkpoints"
            )
        return self.calls[text](*args)

    def build(self, target: Any, state: Any) -> None:
        if isinstance(target, numpy_decoder.DType):
            target.set_state(state)
        elif isinstance(target, np.ndarray):
            numpy_decoder.set_array_state(target, state)
        elif (
            isinstance(target, OrderedDict)
            and isinstance(state, dict)
            and not set(state) - {"_metadata"}
        ):
            target.__dict__.update(state)
        else:
            raise SerializationError(
                "data.pkl sets attributes of something other than a state_dict"
            )

    def set_items(self, pairs: list[Any]) -> None:
        for key in pairs[::2]:
            if not isinstance(key, _KEYS):
                raise SerializationError(f"data.pkl has a dict key of type {type(key).__name__}")
        super().set_items(pairs)

    def persistent(self, parts: Any) -> _Storage:
        """('storage', class, key, location, count): the record data/key."""
        is_storage = isinstance(parts, tuple) and len(parts) == 5 and parts[0] == "storage"
        if not is_storage or not isinstance(parts[1], Name):
            raise SerializationError("data.pkl refers to something that is no storage")
        _, kind, key, location, count = parts
        name = kind.text.partition(" ")[2]
        own = STORAGES.get(name)
        if (
            (name != "UntypedStorage" and own is None)
            or not isinstance(key, str)
            or not key.isalnum()
            or not isinstance(location, str)
        ):
            raise SerializationError(f"data.pkl refers to an unknown storage {name} {key!r}")
        if key not in self.storages:
            self.storages[key] = own, self._storage(key, own, count, location)
        known, storage = self.storages[key]
        if known is not own:
            raise SerializationError(f"the storage {key} is used with two dtypes")
        return storage

    def _storage(self, key: str, own: dtype | None, count: Any, location: str) -> _Storage:
        record = f"data/{key}"
        size = self.archive.size(record)
        if type(count) is not int or count < 0 or count * (own.itemsize if own else 1) != size:
            raise SerializationError(
                f"the storage {key} should hold {count} elements, but its record has {size} bytes"
            )
        held = self.archive.mapped(record) if self.mmap else self.archive.array(record)
        return _Storage(*self.place(held, location))

    # -------------------------------------------------------------------------- constructors

    def tensor(
        self,
        storage: Any,
        offset: int,
        size: tuple,
        stride: tuple,
        requires_grad: bool = False,
        hooks: Any = None,
        metadata: Any = None,
        kind: Any = None,
    ) -> Tensor:
        if not isinstance(storage, _Storage):
            raise SerializationError("a tensor of the file has no storage")
        own = kind or next(k for k, s in self.storages.values() if s is storage)
        if not isinstance(own, dtype) or storage.bytes.nbytes % own.itemsize:
            raise SerializationError("a tensor of the file has no dtype that fits its storage")
        array = _view(storage.bytes.view(own.numpy), offset, tuple(size), tuple(stride))
        result = wrap(array, kind_of(own, CPU))
        if storage.device is not CPU:
            result = result.to(storage.device)
        for change in metadata or ():
            if change not in ("conj", "neg"):
                raise SerializationError(f"a tensor of the file has unknown metadata {change!r}")
            if metadata[change]:
                result = result.conj_physical() if change == "conj" else -result
        return result.requires_grad_() if requires_grad is True else result

    def tensor_v3(
        self,
        storage: Any,
        offset: int,
        size: tuple,
        stride: tuple,
        requires_grad: bool,
        hooks: Any,
        kind: Any,
        metadata: Any = None,
    ) -> Tensor:
        if not isinstance(kind, dtype):
            raise SerializationError("a tensor of the file has no dtype")
        return self.tensor(storage, offset, size, stride, requires_grad, hooks, metadata, kind)

    def parameter(self, data: Tensor, requires_grad: bool, hooks: Any = None) -> Any:
        from ..nn.parameter import Parameter

        if not isinstance(data, Tensor):
            raise SerializationError("a parameter of the file is no tensor")  # type: ignore[unreachable]
        return Parameter(data, requires_grad is True)


def _encoded(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise SerializationError(f"bytes of the file are encoded as {encoding!r}")
    return text.encode("latin1")


def _view(flat: np.ndarray, offset: int, size: tuple, stride: tuple) -> np.ndarray:
    """A view of a storage, after checking that it stays inside."""
    numbers = (offset, *size, *stride)
    if (
        any(type(n) is not int or n < 0 for n in numbers)
        or len(size) != len(stride)
        or len(size) > MAX_DIMS
    ):
        raise SerializationError(
            f"a tensor of the file has impossible sizes {size} or strides {stride}"
        )
    if 0 in size:
        return np.empty(size, flat.dtype)
    reach = offset + sum((n - 1) * s for n, s in zip(size, stride)) + 1
    count = 1
    for n in size:
        count *= n
    if reach > flat.size or (count > max(flat.size, 1) * 64 and count > 1 << 24):
        raise SerializationError(
            f"a tensor of size {size} and strides {stride} at {offset} reaches outside its storage "
            f"of {flat.size} elements"
        )
    item = flat.itemsize
    return np.ndarray(size, flat.dtype, flat, offset * item, tuple(s * item for s in stride))
