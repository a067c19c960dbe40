"""Files of PyTorch before 1.6: five pickles, then the storages' bytes one after the other."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

from ..kernels.array import zeros
from .archive import read_into
from .error import SerializationError
from .internal import Name
from .machine import Machine
from .message import shown
from .tensor_decoder import STORAGES, UNTYPED, is_class

MAGIC = 0x1950A86A20F9469CFC6C
START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
_PROTOCOL = 1001


class LegacyFile:
    """Records of a file of this format: "data/KEY" for each storage; `at` is where the object's
    stream starts in `data`.

    Raises:
        SerializationError: It is damaged.
    """

    def __init__(self, file: Any, encoding: str):
        self.file, self.encoding = file, encoding
        self.data, self.size_of_file = _all_of(file)
        self.at = 0
        if self._plain(0) != MAGIC or self._plain(self.at) != _PROTOCOL:
            raise SerializationError("the file starts as one of PyTorch before 1.6, but is none")
        system = self._plain(self.at)
        if not isinstance(system, dict) or system.get("little_endian") is not True:
            raise SerializationError("the file was written on a machine of another byte order")
        start = self.at
        outline = Outline(self.data, start, encoding)
        outline.load()
        keys = self._plain(outline.at)
        self.records = self._located(keys, outline.storages)
        self.at = start

    def _plain(self, at: int) -> Any:
        """An object of numbers, strings and containers."""
        reader = Machine(self.data, at, encoding=self.encoding)
        result = reader.load()
        self.at = reader.at
        return result

    def _located(self, keys: Any, storages: dict[str, tuple[int, int]]) -> dict[str, tuple]:
        """Where each storage's bytes are, and how many."""
        is_list = type(keys) is list and all(type(key) is str for key in keys)
        if not is_list or len(keys) != len(storages) or set(keys) != storages.keys():
            raise SerializationError("the file's storages are not those that its object refers to")
        found, at = {}, self.at
        for key in keys:
            count, itemsize = storages[key]
            if int.from_bytes(self.data[at : at + 8], "little") != count:
                raise SerializationError(
                    f"the storage {shown(key)} is not of the size it should be"
                )
            found[f"data/{key}"] = at + 8, count * itemsize
            at += 8 + count * itemsize
            if at > self.size_of_file:
                raise SerializationError(f"the storage {shown(key)} is cut short")
        if at != self.size_of_file:
            raise SerializationError("the file goes on after its last storage")
        return found

    def total(self) -> int:
        """Bytes of the file."""
        return self.size_of_file

    def size(self, name: str) -> int:
        """Bytes of a record."""
        return self.records[name][1]

    def array(self, name: str) -> np.ndarray:
        """A record's bytes as an array of its own; the format has no checksums."""
        at, size = self.records[name]
        payload = zeros.fresh((size,), np.dtype(np.uint8))
        self.file.seek(at)
        read_into(self.file, memoryview(payload), name)
        return payload


class Outline(Machine):
    """Reads a stream only for the storages that it refers to, and makes nothing of what it calls."""

    def __init__(self, data: Any, at: int, encoding: str):
        super().__init__(data, at, encoding=encoding)
        self.storages: dict[str, tuple[int, int]] = {}

    def named(self, text: str) -> Any:
        return Name(text) if is_class(text) else None

    def call(self, function: Any, args: tuple) -> Any:
        return None

    def new(self, cls: Any, args: tuple) -> Any:
        return None

    def build(self, target: Any, state: Any) -> None:
        pass

    def set_items(self, pairs: list[Any]) -> None:
        pass

    def append(self, items: list[Any]) -> None:
        pass

    def persistent(self, parts: Any) -> Any:
        if type(parts) is tuple and len(parts) == 6 and parts[0] == "storage":
            _, kind, key, _, count, view = parts
            text = kind.text if isinstance(kind, Name) else ""
            own = STORAGES.get(text.partition(" ")[2])
            if type(key) is not str or type(count) is not int or not 0 <= count < 2**62:
                raise SerializationError("the file refers to an impossible storage")
            if view is not None or (own is None and text != UNTYPED):
                raise SerializationError(f"the file refers to a storage of an unknown kind {text}")
            self.storages[key] = count, own.itemsize if own else 1
        return None


def _all_of(file: Any) -> tuple[Any, int]:
    """The file as bytes that can be looked at: mapped where that can be, since the storages come
    last and are not read twice."""
    try:
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (AttributeError, OSError, ValueError):
        file.seek(0)
        data = file.read()
        return data, len(data)
    return mapping, len(mapping)
