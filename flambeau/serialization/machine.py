"""The opcodes of data.pkl: a stack machine that never imports, and calls nothing by itself."""

from __future__ import annotations

import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from typing import Any

from .error import SerializationError
from .extent import CLOSED, EMPTY, Extents, Keys
from .internal import Draft
from .message import reason

MAX_OBJECTS = 20_000_000
"""Objects that are made, and places of the memo: what a byte of the stream takes many bytes of memory
for."""

MAX_ARGUMENTS = 256
_DICTS = (dict, OrderedDict, Counter, defaultdict)
_LISTS = (list, deque)
_DAMAGE = (
    *(IndexError, KeyError, struct.error, TypeError, ValueError, OverflowError),
    *(AttributeError, RecursionError, RuntimeError),
)
_STOP, _GLOBAL = ord("."), ord("c")
_MAKING = frozenset(b"]}t\x85\x86\x87R\x81")


class Machine:
    """Runs a stream. Subclasses say what names mean.

    Args:
        data: The stream, perhaps followed by others.
        at: Where it starts.
        spend: Called with the number of bytes that are copied, which it may refuse.
        encoding: Of the strings of Python 2.

    Raises:
        SerializationError: The stream uses an opcode that checkpoints do not need, is cut short, or
            makes objects beyond the bounds of extent.py.
    """

    def __init__(
        self,
        data: Any,
        at: int,
        spend: Callable[[int], object] = lambda count: None,
        encoding: str = "utf-8",
    ) -> None:
        self.data, self.at, self.encoding = data, at, encoding
        self.size = len(data)
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.objects = 0
        self.entered: Any = None  # the last object that a constructor entered into the extents
        self.spend = spend
        self.extents, self.keys = Extents(), Keys(spend)

    def named(self, text: str) -> Any:
        """What a global means."""
        raise NotImplementedError

    def call(self, function: Any, args: tuple) -> Any:
        """The result of a constructor."""
        raise NotImplementedError

    def new(self, cls: Any, args: tuple) -> Any:
        """An object of a class, before its state is set."""
        raise NotImplementedError

    def build(self, target: Any, state: Any) -> None:
        """Set an object's state."""
        raise NotImplementedError

    def persistent(self, parts: Any) -> Any:
        """The storage that a persistent id stands for."""
        raise NotImplementedError

    def load(self) -> Any:
        """The object that the stream makes, or one kind of error for every damage."""
        try:
            return self.run()
        except SerializationError:
            raise
        except _DAMAGE as error:
            raise SerializationError(f"data.pkl is damaged: {reason(error)}") from None

    def run(self) -> Any:
        """The object that the stream makes; `at` is behind the stream then."""
        opcodes = OPCODES
        while (code := self.opcode()) != _STOP:
            read, act = opcodes[code]
            if read is None:
                act(self)
            else:
                act(self, read(self))
        if len(self.stack) != 1 or self.marks:
            raise SerializationError("data.pkl does not make one object")
        result = self.stack.pop()
        self.extents.value(result)
        return result

    def opened(self, made: Any) -> Any:
        """Enter a container that has just been made and is empty."""
        self.count()
        self.extents.known[id(made)] = EMPTY
        self.keys.forget(made)
        self.entered = made
        return made

    def enter(self, made: Any, source: Any, state: int = CLOSED) -> None:
        """Enter a constructor's result, which has the parts of an argument."""
        self.extents.like(made, source, state)
        self.entered = made

    def count(self) -> None:
        """Count an object."""
        self.objects += 1
        if self.objects > MAX_OBJECTS:
            raise SerializationError(f"data.pkl makes more than {MAX_OBJECTS:,} objects")

    # ----------------------------------------------------------------------------- the stream

    def opcode(self) -> int:
        at = self.at
        if at >= self.size:
            raise SerializationError("data.pkl has no end")
        self.at = at + 1
        return self.data[at]

    def byte(self) -> int:
        at = self.at
        self.at = at + 1
        return self.data[at]

    def take(self, size: int) -> bytes:
        start, self.at = self.at, self.at + size
        if self.at > self.size:
            raise SerializationError("data.pkl is cut short")
        return self.data[start : self.at]

    def line(self) -> str:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise SerializationError("data.pkl is cut short")
        text = self.data[self.at : end].decode()
        self.at = end + 1
        return text

    def old_text(self, raw: bytes) -> Any:
        """A string that Python 2 wrote, where text and bytes were one class."""
        return raw if self.encoding == "bytes" else raw.decode(self.encoding)

    # ----------------------------------------------------------------------------- the opcodes

    def push(self, item: Any) -> None:
        self.stack.append(item)

    def push_global(self, text: str) -> None:
        self.stack.append(self.named(text))

    def remember(self, place: int) -> None:
        if len(self.memo) >= MAX_OBJECTS:
            raise SerializationError(f"data.pkl remembers more than {MAX_OBJECTS:,} objects")
        self.memo[place] = self.stack[-1]

    def recall(self, place: int) -> None:
        item = self.memo[place]
        if isinstance(item, Draft):  # its state has been set meanwhile
            item = getattr(item, "value", item)
        self.stack.append(item)

    def mark(self) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def to_mark(self) -> list[Any]:
        items = self.stack
        self.stack = self.marks.pop()
        return items

    def push_tuple(self, items: tuple) -> None:
        self.count()
        self.extents.tuple(items)
        self.stack.append(items)

    def tuple_of_one(self) -> None:
        self.push_tuple((self.stack.pop(),))

    def tuple_of(self, count: int) -> None:
        if len(self.stack) < count:
            raise SerializationError("data.pkl takes more than it has")
        items = tuple(self.stack[-count:])
        del self.stack[-count:]
        self.push_tuple(items)

    def reduce(self) -> None:
        args, function = self.stack.pop(), self.stack.pop()
        self.count()
        self._push_made(self.call(function, _arguments(args)))

    def new_object(self) -> None:
        args, cls = self.stack.pop(), self.stack.pop()
        self.count()
        self._push_made(self.new(cls, _arguments(args)))

    def _push_made(self, made: Any) -> None:
        if made is not self.entered:  # an object without parts, perhaps where another was
            self.extents.known.pop(id(made), None)
        self.stack.append(made)

    def set_state(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if isinstance(target, Draft):
            if hasattr(target, "value"):
                raise SerializationError("data.pkl sets the state of an object twice")
            self.extents.value(state)
            self.stack[-1] = target.value = target.complete(state)
        else:
            self.build(target, state)

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        kind = type(target)
        if not (kind in _DICTS or isinstance(target, dict)) or len(pairs) % 2:
            raise SerializationError("data.pkl sets items of something that is no dict")
        self.extents.grow(target, pairs)
        self.keys.check(target, pairs[::2])
        # What a class of the program's has made of this is not asked.
        put = (OrderedDict if isinstance(target, OrderedDict) else dict).__setitem__
        for key, value in zip(pairs[::2], pairs[1::2]):
            put(target, key, value)

    def append(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, _LISTS):
            raise SerializationError("data.pkl appends to something that is no list")
        self.extents.grow(target, items)
        (list if isinstance(target, list) else deque).extend(target, items)  # type: ignore[arg-type]

    def refuse(self) -> None:
        code = self.data[self.at - 1 : self.at]
        raise SerializationError(
            f"data.pkl uses the opcode {code!r}, which checkpoints do not need; it is not run. If you "
            "trust the file, load it with PyTorch and save a state_dict()."
        )


def _arguments(args: Any) -> tuple:
    if type(args) is not tuple or len(args) > MAX_ARGUMENTS:
        raise SerializationError("data.pkl calls something without arguments that it takes")
    return args


def names_in(data: bytes, at: int) -> set[str]:
    """The globals of a stream, by reading it alone, up to its end or to where it is damaged."""
    reader = Machine(data, at)
    found: set[str] = set()
    try:
        while (code := reader.opcode()) != _STOP:
            read = OPCODES[code][0]
            argument = read(reader) if read else None
            if code == _GLOBAL:
                found.add(str(argument))
    except (SerializationError, UnicodeDecodeError, IndexError):
        pass
    return found


def objects_in(data: bytes) -> int:
    """How many objects a stream makes."""
    reader = Machine(data, 0)
    count = 0
    while (code := reader.opcode()) != _STOP:
        read = OPCODES[code][0]
        if read is not None:
            read(reader)
        count += code in _MAKING
    return count


def _global(machine: Machine) -> str:
    return f"{machine.line()} {machine.line()}"


def _whole(size: int) -> Callable[[Machine], int]:
    return lambda machine: int.from_bytes(machine.take(size), "little")


def _counted(width: int, decode: Callable[[Machine, bytes], Any]) -> Callable[[Machine], Any]:
    """A reader of an argument that is preceded by its size."""

    def read(machine: Machine) -> Any:
        return decode(machine, machine.take(int.from_bytes(machine.take(width), "little")))

    return read


def _text(machine: Machine, raw: bytes) -> str:
    return raw.decode("utf-8", "surrogatepass")


def _integer(machine: Machine, raw: bytes) -> int:
    return int.from_bytes(raw, "little", signed=True)


def _bytes(machine: Machine, raw: bytes) -> bytes:
    return raw


_PLACE = _whole(4)

_MEANINGS: dict[bytes, tuple[Callable[[Machine], Any] | None, Callable[..., Any]]] = {
    b"\x80": (Machine.byte, lambda vm, version: None),
    b".": (None, lambda vm: None),
    b"c": (_global, Machine.push_global),
    b"K": (Machine.byte, Machine.push),
    b"M": (_whole(2), Machine.push),
    b"J": (lambda vm: _integer(vm, vm.take(4)), Machine.push),
    b"\x8a": (_counted(1, _integer), Machine.push),
    b"\x8b": (_counted(4, _integer), Machine.push),
    b"G": (lambda vm: struct.unpack(">d", vm.take(8))[0], Machine.push),
    b"X": (_counted(4, _text), Machine.push),
    b"U": (_counted(1, Machine.old_text), Machine.push),
    b"T": (_counted(4, Machine.old_text), Machine.push),
    b"C": (_counted(1, _bytes), Machine.push),
    b"B": (_counted(4, _bytes), Machine.push),
    b"q": (Machine.byte, Machine.remember),
    b"r": (_PLACE, Machine.remember),
    b"h": (Machine.byte, Machine.recall),
    b"j": (_PLACE, Machine.recall),
    b"N": (None, lambda vm: vm.push(None)),
    b"\x88": (None, lambda vm: vm.push(True)),
    b"\x89": (None, lambda vm: vm.push(False)),
    b")": (None, lambda vm: vm.push(())),
    b"]": (None, lambda vm: vm.push(vm.opened([]))),
    b"}": (None, lambda vm: vm.push(vm.opened({}))),
    b"(": (None, Machine.mark),
    b"t": (None, lambda vm: vm.push_tuple(tuple(vm.to_mark()))),
    b"\x85": (None, Machine.tuple_of_one),
    b"\x86": (None, lambda vm: vm.tuple_of(2)),
    b"\x87": (None, lambda vm: vm.tuple_of(3)),
    b"R": (None, Machine.reduce),
    b"\x81": (None, Machine.new_object),
    b"b": (None, Machine.set_state),
    b"Q": (None, lambda vm: vm.push(vm.persistent(vm.stack.pop()))),
    b"a": (None, lambda vm: vm.append([vm.stack.pop()])),
    b"e": (None, lambda vm: vm.append(vm.to_mark())),
    b"s": (None, lambda vm: vm.set_items([vm.stack.pop(-2), vm.stack.pop()])),
    b"u": (None, lambda vm: vm.set_items(vm.to_mark())),
}
OPCODES = [_MEANINGS.get(bytes((code,)), (None, Machine.refuse)) for code in range(256)]
"""How the argument of an opcode is read, if it has one, and what the opcode does."""
