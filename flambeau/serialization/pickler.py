"""Writes an object as the pickle opcodes that readers of .pt files accept; runs no object's own code."""

from __future__ import annotations

import struct
from collections import OrderedDict
from typing import Any

import numpy as np

from ..autograd.hook import warn_if_has_hooks
from ..core.device import device
from ..core.dtype import CONVERSIONS, dtype
from ..core.memory import address
from ..core.size import Size
from ..core.tensor import Tensor
from ..ops.tensor.copying import parts_of

CLASSES = {item.name: f"{item.legacy}Storage" for item in CONVERSIONS.values()}
"""dtypes with a storage class of their own in the format."""


class Pickler:
    """Turns an object into the bytes of data.pkl; `storages` are the arrays that it mentions."""

    def __init__(self) -> None:
        self.out = bytearray(b"\x80\x02")
        self.storages: list[Any] = []
        self.keys: dict[tuple[int, str], tuple[str, str | None]] = {}
        self.memo: dict[int, int] = {}
        self.kept: list[Any] = []

    def dump(self, obj: Any) -> bytes:
        """The whole stream."""
        self.save(obj)
        self.out += b"."
        return bytes(self.out)

    def save(self, obj: Any) -> None:
        """Append one object.

        Raises:
            TypeError: There is no safe way to write it.
        """
        number = self.memo.get(id(obj))
        if number is not None:
            self.out += b"j" + struct.pack("<I", number)
            return
        kind = type(obj)
        if obj is None or kind is bool:
            self.out += {None: b"N", True: b"\x88", False: b"\x89"}[obj]
        elif kind is int:
            self.integer(obj)
        elif kind is float:
            self.out += b"G" + struct.pack(">d", obj)
        elif kind is str:
            data = obj.encode("utf-8", "surrogatepass")
            self.out += b"X" + struct.pack("<I", len(data)) + data
            self.remember(obj)
        elif isinstance(obj, Tensor):
            self.tensor(obj)
        elif isinstance(obj, np.generic):
            self.save(obj.item())
        elif isinstance(obj, Size):
            self.call("torch Size", (tuple(obj),))
        elif isinstance(obj, dtype):
            self.name(f"torch {obj.name}")
        elif isinstance(obj, device):
            self.call("torch device", (str(obj),))
        elif kind is complex:
            self.call("__builtin__ complex", (obj.real, obj.imag))
        elif isinstance(obj, dict):
            self.mapping(obj)
        elif kind is list:
            self.out += b"]"
            self.remember(obj)
            self.items(obj, b"e")
        elif isinstance(obj, tuple):
            self.out += b"("
            for item in obj:
                self.save(item)
            self.out += b"t"
        elif kind is bytes or kind is bytearray:
            self.call("_codecs encode", (obj.decode("latin1"), "latin1"))
        elif kind is set:
            self.call("__builtin__ set", (sorted(obj, key=repr),))
        else:
            raise TypeError(
                f"cannot save an object of type {kind.__module__}.{kind.__qualname__}: checkpoints hold "
                "tensors, numbers, strings and containers of them; save model.state_dict(), not the model"
            )

    def remember(self, obj: Any) -> None:
        self.memo[id(obj)] = len(self.memo)
        self.kept.append(obj)
        self.out += b"r" + struct.pack("<I", self.memo[id(obj)])

    def integer(self, value: int) -> None:
        if -(2**31) <= value < 2**31:
            self.out += b"J" + struct.pack("<i", value)
            return
        data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        self.out += b"\x8a" + bytes((len(data),)) + data

    def items(self, values: list, end: bytes) -> None:
        if values:
            self.out += b"("
            for value in values:
                self.save(value)
            self.out += end

    def name(self, text: str) -> None:
        module, _, name = text.partition(" ")
        self.out += b"c" + module.encode() + b"\n" + name.encode() + b"\n"

    def call(self, text: str, args: tuple) -> None:
        self.name(text)
        self.save(args)
        self.out += b"R"

    def mapping(self, obj: dict) -> None:
        if isinstance(obj, OrderedDict):
            self.call("collections OrderedDict", ())
        else:
            self.out += b"}"
        self.remember(obj)
        self.items([part for pair in obj.items() for part in pair], b"u")
        metadata = getattr(obj, "_metadata", None)
        if metadata is not None:
            self.save({"_metadata": metadata})
            self.out += b"b"

    def tensor(self, obj: Tensor) -> None:
        from ..nn.parameter import Parameter

        if isinstance(obj, Parameter):
            self.name("torch._utils _rebuild_parameter")
            self.out += b"("
            self.rebuilt(obj, False)
            self.save(obj.requires_grad)
            self.call("collections OrderedDict", ())
            self.out += b"tR"
        else:
            warn_if_has_hooks(obj)
            self.rebuilt(obj, obj.requires_grad)

    def rebuilt(self, obj: Tensor, requires_grad: bool) -> None:
        location = str(obj.device)
        host = obj if location == "cpu" else obj.detach().cpu()
        storage, (kind, offset, shape, strides) = parts_of(host)
        held = storage._bytes
        own = CLASSES.get(kind.name) if held.nbytes % kind.itemsize == 0 else None
        self.name("torch._utils _rebuild_tensor_v2" if own else "torch._utils _rebuild_tensor_v3")
        self.out += b"("
        self.storage(held, own, kind.itemsize if own else 1, location)
        for part in (offset, tuple(shape), tuple(strides), requires_grad):
            self.save(part)
        self.call("collections OrderedDict", ())
        if not own:
            self.name(f"torch {kind.name}")
        self.out += b"tR"

    def storage(self, held: Any, own: str | None, itemsize: int, location: str) -> None:
        key = address(held) if held.size else id(held), location
        known = self.keys.get(key)
        if known is None:
            known = self.keys[key] = str(len(self.storages)), own
            self.storages.append(held)
        number, first = known
        if first != own:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types: "
                f"{first} and {own}; clone() one of them"
            )
        self.out += b"("
        self.save("storage")
        self.name(f"torch {own}" if own else "torch.storage UntypedStorage")
        for part in (number, location, held.nbytes // itemsize):
            self.save(part)
        self.out += b"tQ"
