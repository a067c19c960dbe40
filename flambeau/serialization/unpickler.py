"""Reads data.pkl: a small machine for the opcodes of checkpoints. It never imports and calls nothing
but the constructors in its own table, so a hostile file cannot run code."""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

from ..core.device import device
from ..core.dtype import DTYPES, dtype
from ..core.size import Size
from ..core.tensor import Tensor, wrap_numpy
from .archive import Archive
from .error import SerializationError
from .pickler import CLASSES

MAX_STREAM = 256 << 20
MAX_DIMS = 64
STORAGES = {name: DTYPES[item] for item, name in CLASSES.items()}
_MARK = object()


class _Name:
    """A global of the stream: a key of `CALLS`, never looked up anywhere else."""

    def __init__(self, text: str):
        self.text = text


class _Storage:
    def __init__(self, array: np.ndarray):
        self.array = array


class Unpickler:
    """Reads one object.

    Raises:
        SerializationError: The stream uses what is not allowed, or contradicts itself.
    """

    def __init__(self, archive: Archive, map_location: Any = None):
        self.archive, self.map_location = archive, map_location
        self.storages: dict[str, tuple[Any, _Storage]] = {}
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.calls: dict[str, Callable[..., Any]] = {
            "collections OrderedDict": self.ordered,
            "collections Counter": Counter,
            "torch Size": Size,
            "torch device": device,
            "__builtin__ set": set,
            "builtins set": set,
            "__builtin__ complex": complex,
            "builtins complex": complex,
            "__builtin__ bytearray": bytearray,
            "_codecs encode": self.encoded,
            "torch._utils _rebuild_tensor_v2": self.tensor,
            "torch._utils _rebuild_tensor_v3": self.tensor_v3,
            "torch._utils _rebuild_parameter": self.parameter,
        }

    def load(self) -> Any:
        """The object."""
        data = self.archive.read("data.pkl", MAX_STREAM)
        order = (
            self.archive.read("byteorder", 64) if "byteorder" in self.archive.entries else b"little"
        )
        if order != b"little":
            raise SerializationError(
                f"the file's byte order is {order!r}; only little-endian files are read"
            )
        try:
            return self.run(data)
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
            RuntimeError,
        ) as error:
            raise SerializationError(
                f"data.pkl is damaged: {type(error).__name__}: {error}"
            ) from None

    def run(self, data: bytes) -> Any:
        at, stack = 0, self.stack
        while True:
            code = data[at : at + 1]
            at += 1
            if code == b".":
                return stack.pop()
            size = _SIZES.get(code)
            if size is not None:
                raw = data[at : at + size]
                if len(raw) < size:
                    raise SerializationError("data.pkl is cut short")
                at += size
                at = self.sized(code, raw, data, at)
            elif code == b"c":
                end = data.index(b"\n", at)
                last = data.index(b"\n", end + 1)
                stack.append(self.named(f"{data[at:end].decode()} {data[end + 1 : last].decode()}"))
                at = last + 1
            elif code in _PLAIN:
                _PLAIN[code](self)
            else:
                raise SerializationError(
                    f"data.pkl uses the opcode {code!r}, which checkpoints do not need; it is not "
                    "run. If you trust the file, load it with PyTorch and save a state_dict()."
                )

    def sized(self, code: bytes, raw: bytes, data: bytes, at: int) -> int:
        """An opcode with an argument; gives the place after it."""
        stack = self.stack
        if code == b"\x80":
            return at
        if code in b"KMJ":
            stack.append(int.from_bytes(raw, "little", signed=code == b"J"))
        elif code == b"G":
            stack.append(struct.unpack(">d", raw)[0])
        elif code in (b"X", b"\x8a", b"U"):
            count = int.from_bytes(raw, "little")
            if at + count > len(data):
                raise SerializationError("data.pkl is cut short")
            part = data[at : at + count]
            stack.append(
                part.decode("utf-8", "surrogatepass")
                if code == b"X"
                else part.decode("latin1")
                if code == b"U"
                else int.from_bytes(part, "little", signed=True)
            )
            return at + count
        elif code in b"qr":
            self.memo[int.from_bytes(raw, "little")] = stack[-1]
        else:
            stack.append(self.memo[int.from_bytes(raw, "little")])
        return at

    def named(self, text: str) -> Any:
        module, _, name = text.partition(" ")
        if module == "torch" and name in DTYPES:
            return DTYPES[name]
        if (
            text in self.calls
            or text == "torch.storage UntypedStorage"
            or (module == "torch" and name in STORAGES)
        ):
            return _Name(text)
        raise SerializationError(
            f"the file asks for {text.replace(' ', '.')}, which is not among what checkpoints may "
            "hold; nothing was run. Load the file where it was made and save only tensors, numbers, "
            "strings and containers (model.state_dict())."
        )

    # ------------------------------------------------------------------------------- opcodes

    def to_mark(self) -> list[Any]:
        items: list[Any] = []
        while (item := self.stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def reduce(self) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        if (
            not isinstance(function, _Name)
            or function.text not in self.calls
            or not isinstance(args, tuple)
        ):
            raise SerializationError(
                "data.pkl calls something that is not a constructor of checkpoints"
            )
        self.stack.append(self.calls[function.text](*args))

    def build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if (
            not isinstance(target, OrderedDict)
            or not isinstance(state, dict)
            or set(state) - {"_metadata"}
        ):
            raise SerializationError(
                "data.pkl sets attributes of something other than a state_dict"
            )
        target.__dict__.update(state)

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(pairs) % 2:
            raise SerializationError("data.pkl sets items of something that is no dict")
        for key, value in zip(pairs[::2], pairs[1::2]):
            if not isinstance(key, (str, int, float, tuple, bool, type(None), dtype)):
                raise SerializationError(f"data.pkl has a dict key of type {type(key).__name__}")
            target[key] = value

    def append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise SerializationError("data.pkl appends to something that is no list")
        self.stack[-1].extend(items)

    def persistent(self) -> None:
        """('storage', class, key, location, count): the record data/key."""
        parts = self.stack.pop()
        if (
            not isinstance(parts, tuple)
            or len(parts) != 5
            or parts[0] != "storage"
            or not isinstance(parts[1], _Name)
        ):
            raise SerializationError("data.pkl refers to something that is no storage")
        _, kind, key, _, count = parts
        name = kind.text.partition(" ")[2]
        own = STORAGES.get(name)
        if (
            (name != "UntypedStorage" and own is None)
            or not isinstance(key, str)
            or not key.isalnum()
        ):
            raise SerializationError(f"data.pkl refers to an unknown storage {name} {key!r}")
        if key not in self.storages:
            size = self.archive.size(f"data/{key}")
            if type(count) is not int or count < 0 or count * (own.itemsize if own else 1) != size:
                raise SerializationError(
                    f"the storage {key} should hold {count} elements, but its record has {size} bytes"
                )
            raw = np.frombuffer(bytearray(self.archive.read(f"data/{key}")), np.uint8)
            self.storages[key] = own, _Storage(raw if own is None else raw.view(own.numpy))
        known, storage = self.storages[key]
        if known is not own:
            raise SerializationError(f"the storage {key} is used with two dtypes")
        self.stack.append(storage)

    # -------------------------------------------------------------------------- constructors

    def ordered(self, items: Any = ()) -> OrderedDict:
        return OrderedDict(items)

    def encoded(self, text: str, encoding: str = "latin1") -> bytes:
        return text.encode("latin1")

    def tensor(
        self,
        storage: Any,
        offset: int,
        size: tuple,
        stride: tuple,
        requires_grad: bool = False,
        hooks: Any = None,
        metadata: Any = None,
    ) -> Tensor:
        if not isinstance(storage, _Storage):
            raise SerializationError("a tensor of the file has no storage")
        result = wrap_numpy(_view(storage.array, offset, tuple(size), tuple(stride)))
        return result.requires_grad_() if requires_grad is True else result  # type: ignore[attr-defined]

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
        if not isinstance(storage, _Storage) or not isinstance(kind, dtype):
            raise SerializationError("a tensor of the file has no storage or dtype")
        if storage.array.nbytes % kind.itemsize:
            raise SerializationError("a storage's size is no multiple of its tensor's element size")
        return self.tensor(
            _Storage(storage.array.view(kind.numpy)), offset, size, stride, requires_grad
        )

    def parameter(self, data: Tensor, requires_grad: bool, hooks: Any = None) -> Any:
        from ..nn.parameter import Parameter

        return Parameter(data, requires_grad is True)


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


_SIZES = {
    b"\x80": 1,
    b"K": 1,
    b"M": 2,
    b"J": 4,
    b"G": 8,
    b"X": 4,
    b"\x8a": 1,
    b"U": 1,
    b"q": 1,
    b"r": 4,
    b"h": 1,
    b"j": 4,
}
_PLAIN: dict[bytes, Callable[[Unpickler], Any]] = {
    b"(": lambda vm: vm.stack.append(_MARK),
    b"N": lambda vm: vm.stack.append(None),
    b"\x88": lambda vm: vm.stack.append(True),
    b"\x89": lambda vm: vm.stack.append(False),
    b"]": lambda vm: vm.stack.append([]),
    b"}": lambda vm: vm.stack.append({}),
    b")": lambda vm: vm.stack.append(()),
    b"\x8f": lambda vm: vm.stack.append(set()),
    b"t": lambda vm: vm.stack.append(tuple(vm.to_mark())),
    b"\x85": lambda vm: vm.stack.append((vm.stack.pop(),)),
    b"\x86": lambda vm: vm.stack.append((vm.stack.pop(-2), vm.stack.pop())),
    b"\x87": lambda vm: vm.stack.append((vm.stack.pop(-3), vm.stack.pop(-2), vm.stack.pop())),
    b"R": Unpickler.reduce,
    b"b": Unpickler.build,
    b"Q": Unpickler.persistent,
    b"a": lambda vm: vm.append([vm.stack.pop()]),
    b"e": lambda vm: vm.append(vm.to_mark()),
    b"s": lambda vm: vm.set_items([vm.stack.pop(-2), vm.stack.pop()]),
    b"u": lambda vm: vm.set_items(vm.to_mark()),
}
