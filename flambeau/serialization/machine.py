"""The opcodes of data.pkl: a stack machine that never imports, and calls nothing by itself."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from .error import SerializationError

MAX_MEMO = 10_000_000
_MARK = object()


class Name:
    """A global of the stream, by its text "module name"; never looked up anywhere but in a table."""

    __slots__ = ("text",)

    def __init__(self, text: str):
        self.text = text


class Machine:
    """Runs a stream. Subclasses say what names mean.

    Raises:
        SerializationError: The stream uses an opcode that checkpoints do not need, or is cut short.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def named(self, text: str) -> Any:
        """What a global means."""
        raise NotImplementedError

    def call(self, function: Any, args: Any) -> Any:
        """The result of a constructor."""
        raise NotImplementedError

    def build(self, target: Any, state: Any) -> None:
        """Set an object's state."""
        raise NotImplementedError

    def persistent(self, parts: Any) -> Any:
        """The storage that a persistent id stands for."""
        raise NotImplementedError

    def run(self, data: bytes) -> Any:
        """The object that the stream makes."""
        stack = self.stack
        for code, argument in operations(data):
            if code in _PUSHES:
                stack.append(argument)
            elif code == b"c":
                stack.append(self.named(argument))
            elif code in b"qr":
                if len(self.memo) >= MAX_MEMO:
                    raise SerializationError(f"data.pkl remembers more than {MAX_MEMO} objects")
                self.memo[argument] = stack[-1]
            elif code in b"hj":
                stack.append(self.memo[argument])
            elif code == b".":
                return stack.pop()
            elif code != b"\x80":
                _PLAIN[code](self)
        raise SerializationError("data.pkl has no end")

    def to_mark(self) -> list[Any]:
        items: list[Any] = []
        while (item := self.stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def tuple_of(self, count: int) -> None:
        items = tuple(self.stack[-count:])
        if len(items) < count:
            raise SerializationError("data.pkl takes more than it has")
        del self.stack[-count:]
        self.stack.append(items)

    def reduce(self) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        self.stack.append(self.call(function, args))

    def set_state(self) -> None:
        state = self.stack.pop()
        self.build(self.stack[-1], state)

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(pairs) % 2:
            raise SerializationError("data.pkl sets items of something that is no dict")
        for key, value in zip(pairs[::2], pairs[1::2]):
            target[key] = value  # TypeError for what cannot be hashed

    def append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise SerializationError("data.pkl appends to something that is no list")
        self.stack[-1].extend(items)


def operations(data: bytes) -> Iterator[tuple[bytes, Any]]:
    """The opcodes of a stream and their arguments, up to the end mark."""
    at = 0
    while at < len(data):
        code = bytes(data[at : at + 1])
        at += 1
        if code in _FIXED:
            size, decode = _FIXED[code]
            yield code, decode(_part(data, at, size))
            at += size
        elif code in _COUNTED:
            width, decode = _COUNTED[code]
            size = int.from_bytes(_part(data, at, width), "little")
            at += width
            yield code, decode(_part(data, at, size))
            at += size
        elif code == b"c":
            end = data.index(b"\n", at)
            last = data.index(b"\n", end + 1)
            yield code, f"{data[at:end].decode()} {data[end + 1 : last].decode()}"
            at = last + 1
        elif code in _CONSTANTS:
            yield code, _CONSTANTS[code]()
        elif code in _PLAIN or code == b".":
            yield code, None
            if code == b".":
                return
        else:
            raise SerializationError(
                f"data.pkl uses the opcode {code!r}, which checkpoints do not need; it is not "
                "run. If you trust the file, load it with PyTorch and save a state_dict()."
            )


def _part(data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise SerializationError("data.pkl is cut short")
    return bytes(data[at : at + size])


def _unsigned(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _signed(raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


_FIXED: dict[bytes, tuple[int, Callable[[bytes], Any]]] = {
    b"\x80": (1, _unsigned),
    b"K": (1, _unsigned),
    b"M": (2, _unsigned),
    b"J": (4, _signed),
    b"G": (8, lambda raw: struct.unpack(">d", raw)[0]),
    b"q": (1, _unsigned),
    b"r": (4, _unsigned),
    b"h": (1, _unsigned),
    b"j": (4, _unsigned),
}
_COUNTED: dict[bytes, tuple[int, Callable[[bytes], Any]]] = {
    b"X": (4, lambda raw: raw.decode("utf-8", "surrogatepass")),
    b"\x8a": (1, _signed),
    b"U": (1, lambda raw: raw.decode("latin1")),
    b"C": (1, bytes),
    b"B": (4, bytes),
}
_CONSTANTS: dict[bytes, Callable[[], Any]] = {
    b"N": lambda: None,
    b"\x88": lambda: True,
    b"\x89": lambda: False,
    b"]": list,
    b"}": dict,
    b")": tuple,
    b"\x8f": set,
}
_PUSHES = frozenset((b"K", b"M", b"J", b"G", *_COUNTED, *_CONSTANTS))
_PLAIN: dict[bytes, Callable[[Machine], Any]] = {
    b"(": lambda vm: vm.stack.append(_MARK),
    b"t": lambda vm: vm.stack.append(tuple(vm.to_mark())),
    b"\x85": lambda vm: vm.tuple_of(1),
    b"\x86": lambda vm: vm.tuple_of(2),
    b"\x87": lambda vm: vm.tuple_of(3),
    b"R": Machine.reduce,
    b"b": Machine.set_state,
    b"Q": lambda vm: vm.stack.append(vm.persistent(vm.stack.pop())),
    b"a": lambda vm: vm.append([vm.stack.pop()]),
    b"e": lambda vm: vm.append(vm.to_mark()),
    b"s": lambda vm: vm.set_items([vm.stack.pop(-2), vm.stack.pop()]),
    b"u": lambda vm: vm.set_items(vm.to_mark()),
}
