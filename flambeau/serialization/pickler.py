"""Writes an object as the pickle opcodes that readers of .pt files accept.

Containers are walked with a stack of their own instead of recursion. What the reader bounds is bounded
here too, so that what is written can be read.
"""

from __future__ import annotations

import copyreg
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..core.device import backends, device
from ..core.memory import address
from .extent import check, is_key
from .layers import VARIABLE_FUNCTIONS, functions, state_in_files, torch_function
from .plain import is_ours, resolves
from .safe_globals import Allowed, name_in_files

Parts = Iterator[Any] | None
"""What a writer leaves to be written: nothing, or the parts that it yields in their places."""

WRITERS: dict[type, Callable[[Pickler, Any], Parts]] = {}
"""How objects of a class are written."""

FAMILIES: list[Callable[[type], Callable[[Pickler, Any], Parts] | None]] = []
"""Find the writer of a class that is not in the table: one of many, or of a user's."""


class _Frame:
    """A container that is being written."""

    __slots__ = ("below", "item", "nodes", "parts")

    def __init__(self, item: Any, parts: Iterator[Any], nodes: int):
        self.item, self.parts, self.nodes, self.below = item, parts, nodes, 0


class Pickler:
    """Turns an object into the bytes of data.pkl; `storages` are the arrays that it mentions.

    Raises:
        TypeError: There is no safe way to write a part of it.
        ValueError: It contains itself, or is nested too deep.
        RuntimeError: Two tensors look at the same memory as different dtypes.
    """

    def __init__(self) -> None:
        self.out = bytearray(b"\x80\x02")
        self.storages: list[Any] = []
        self.keys: dict[tuple[int, str], tuple[str, str | None, Any]] = {}
        self.memo: dict[int, int] = {}
        self.names: dict[str, int] = {}
        self.kept: list[Any] = []
        self.nodes = 0
        self.extents: dict[int, tuple[int, int]] = {}  # of what is in the memo and has parts
        self.open: set[int] = set()
        self.allowed = Allowed(layers=True)

    @property
    def mentioned(self) -> int:
        """How many objects are in the memo."""
        return len(self.kept)

    def dump(self, obj: Any) -> bytes:
        """The whole stream."""
        frames = [_Frame(None, iter((obj,)), 0)]
        while frames:
            frame = frames[-1]
            for item in frame.parts:
                parts = self.begin(item, frame)
                if parts is not None:
                    self.open.add(id(item))
                    frames.append(_Frame(item, parts, self.nodes - 1))
                    break
            else:
                frames.pop()
                if frames:
                    self.end(frame, frames[-1])
            check(self.nodes, len(frames) - 1, error=ValueError)
        self.out += b"."
        return bytes(self.out)

    def begin(self, item: Any, frame: _Frame) -> Parts:
        """Write a part of a container, or the start of it."""
        self.nodes += 1
        place = self.memo.get(id(item))
        if place is None:
            if id(item) in self.open:
                raise _contains_itself(item)
            writer = WRITERS.get(type(item)) or _of_family(type(item))
            return writer(self, item)
        if id(item) in self.open:
            raise _contains_itself(item)
        nodes, depth = self.extents.get(id(item), (1, 0))
        self.nodes += nodes - 1
        frame.below = max(frame.below, depth)
        self.recall(place)
        return None

    def end(self, frame: _Frame, outer: _Frame) -> None:
        """A container is written: note how large it is."""
        item, depth = frame.item, frame.below + 1
        self.open.discard(id(item))
        outer.below = max(outer.below, depth)
        if id(item) in self.memo:
            self.extents[id(item)] = self.nodes - frame.nodes, depth

    # ------------------------------------------------------------------ opcodes, and small objects

    def remember(self, obj: Any) -> None:
        """Let later mentions of the object refer to this place."""
        place = self.memo[id(obj)] = len(self.kept)
        self.kept.append(obj)
        self.out += bytes((113, place)) if place < 256 else b"r" + struct.pack("<I", place)

    def name(self, text: str) -> None:
        """A class or function."""
        place = self.names.get(text)
        if place is None:
            self.out += f"c{text.replace(' ', chr(10), 1)}\n".encode()
            self.names[text] = len(self.kept)
            self.remember(text)
        else:
            self.recall(place)

    def recall(self, place: int) -> None:
        """An object that was written before."""
        if place < 256:
            self.out += bytes((104, place))
        else:
            self.out += b"j" + struct.pack("<I", place)

    def plain(self, value: Any) -> None:
        """A number, a string, None, bytes, or a tuple of them."""
        if type(value) is tuple:
            size = len(value)
            self.out += b"" if 0 < size < 4 else b"("
            for part in value:
                self.plain(part)
            self.out += (b"t", b"\x85", b"\x86", b"\x87")[size if size < 4 else 0]
        else:
            WRITERS[type(value)](self, value)

    def text(self, value: str) -> None:
        """A string, without a place in the memo."""
        data = value.encode("utf-8", "surrogatepass")
        if len(data) >= 1 << 32:
            raise ValueError(
                f"a string or bytes of {len(data)} bytes is more than the format holds"
            )
        self.out += b"X" + struct.pack("<I", len(data)) + data

    def call(self, text: str, *args: Any) -> None:
        """The result of a constructor of plain arguments."""
        self.name(text)
        self.plain(args)
        self.out += b"R"

    def storage(self, held: Any, own: str | None, itemsize: int, location: str) -> None:
        """A mention of memory, which is written after the object."""
        key = address(held) if held.size else id(held), location
        known = self.keys.get(key)
        if known is None:
            known = self.keys[key] = (
                str(len(self.storages)),
                own,
                held,
            )  # whose address stays its own
            self.storages.append(backends[device(location).type].to_host(held))
        number, first, _ = known
        if first != own:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different types: "
                f"{first or 'UntypedStorage'} and {own or 'UntypedStorage'}; clone() one of them"
            )
        self.out += b"("
        self.plain("storage")
        self.name(f"torch {own}" if own else "torch.storage UntypedStorage")
        self.text(number)
        self.plain(location)
        self.plain(held.nbytes // itemsize)
        self.out += b"tQ"


def check_keys(keys: Iterable[Any]) -> None:
    """Raises TypeError unless all can be keys of dicts and members of sets."""
    for key in keys:
        if not is_key(key):
            raise TypeError(
                f"cannot save a dict or set with a key of type {type(key).__qualname__}: keys are "
                "numbers, strings, tensors, and tuples of them"
            )


def _contains_itself(item: Any) -> ValueError:
    return ValueError(
        f"cannot save a {type(item).__name__} that contains itself: load() would refuse it"
    )


def writes(*classes: Any) -> Callable[[Any], Any]:
    """Put a function into the table."""

    def put(function: Any) -> Any:
        for cls in classes:
            WRITERS[cls] = function
        return function

    return put


# ------------------------------------------------------------------------------ other classes


def _of_family(cls: type) -> Callable[[Pickler, Any], Parts]:
    """The writer of a class that is not in the table, which it is entered into."""
    for family in FAMILIES:
        found = family(cls)
        if found is not None:
            WRITERS[cls] = found
            return found
    return _object


def _object(pickler: Pickler, obj: Any) -> Parts:
    """A module, or an object of any class that pickle can write; or a class or function itself.

    `load` reads them back as far as it may (see `safe_globals.Allowed`).
    """
    cls = type(obj)
    if isinstance(obj, type) or cls.__name__ in ("function", "builtin_function_or_method"):
        _reference(pickler, obj)
        return None
    if hasattr(cls, "_reduce_in_files"):
        return _reduced(pickler, obj, obj._reduce_in_files())
    if is_ours(cls.__module__) and pickler.allowed.find(name_in_files(cls)) is not cls:
        raise refusal(cls)
    return _reduced(pickler, obj, obj.__reduce_ex__(2))


def _reference(pickler: Pickler, item: Any) -> None:
    """A class or function, by its name.

    Raises:
        TypeError: It is not found under that.
    """
    name = name_in_files(item)
    own = item.__name__
    if (
        name not in functions() and torch_function(own) is item
    ):  # PyTorch's files ask a class for it
        pickler.name("__builtin__ getattr")
        pickler.out += b"("
        pickler.name(VARIABLE_FUNCTIONS)
        pickler.text(own)
        pickler.out += b"tR"
        return
    if pickler.allowed.find(name) is not item and not resolves(item):
        raise refusal(type(item), f"{item!r}, which is not found as {name.replace(' ', '.')}")
    pickler.name(name)


def _reduced(pickler: Pickler, obj: Any, reduced: Any) -> Iterator[Any]:
    """An object as it asks pickle to write it."""
    if isinstance(reduced, str):
        raise refusal(type(obj), f"{obj!r}, which is known by a name alone")
    function, args, *more = reduced
    state, items, pairs = (*more, None, None, None)[:3]
    is_bare = function is copyreg.__newobj__
    if is_bare:
        function, *args = args
    _reference(pickler, function)
    yield tuple(args)
    pickler.out += b"\x81" if is_bare else b"R"
    pickler.remember(obj)
    if items is not None:
        pickler.out += b"("
        yield from items
        pickler.out += b"e"
    if pairs is not None:
        listed = [part for pair in pairs for part in pair]
        check_keys(listed[::2])
        pickler.out += b"("
        yield from listed
        pickler.out += b"u"
    if state is not None:
        yield state_in_files(obj, state)
        pickler.out += b"b"


def refusal(cls: type, what: str = "") -> TypeError:
    what = what or f"an object of type {cls.__module__}.{cls.__qualname__}"
    return TypeError(
        f"cannot save {what}: checkpoints hold tensors, numbers, strings and containers of them, NumPy "
        "arrays, modules, and objects of classes that are found by their names. Save model.state_dict() or another "
        "such form of it"
    )


def refuse(cls: type, what: str = "") -> Callable[[Pickler, Any], Parts]:
    """A writer that refuses."""

    def writer(pickler: Pickler, obj: Any) -> Parts:
        raise refusal(cls, what)

    return writer
