"""A table of what was decided for a call, found by what decides it: layouts of arrays, kinds, and options.

Most of what a call works out (dimensions counted from the front, shapes that fit, strides of the result) depends on
shapes, strides, dtypes and options alone. `CaseTable.find` looks it up in one step of machine code: the arguments are
written down as a key of words, whose digest says where in the table to look. An argument that has no such words (a
subclass of a number, an array of another kind) has no case, and the call is worked out anew.

The table has a fixed number of places. A case that finds none free takes that of another.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..llvm import Definition, Function, Module, Value
from . import layout
from .layout import BYTES_CONTENT, FLOAT_VALUE, HEAD
from .process import address_of
from .vectorcall import Vectorcall, array_field, field, item_of, size_of, type_of

PLACES = 1 << 13
PROBES = 8
"""How many places a case may have, one behind the other."""
ROOM = 112
"""Words of a key at most."""
_IDENTICAL = 6
"""How many classes there may be whose objects are known by their address."""

_CALLS = ("PyType_IsSubtype", "PyBytes_FromStringAndSize")
_TYPES = ("true", "false", "str", "list", "size", "slice", "ellipsis")
_NAMES = ("places", "class", "array", "kind", *_TYPES, *_CALLS)

_PLACE = ("digest", "key", "length", "case")
"""The words of a place: what is left of a key, where it lies, how many bytes it has, and the object."""


class CaseTable:
    """Cases by the arguments of calls.

    Args:
        cls: The class of tensors, whose arrays and kinds count.
        array, kind: Its slots for these.
        size: A class of tuples that counts as one.
        identical: Classes whose objects are known by their address, as they live as long as the process.

    Attributes:
        find: The case of these arguments, or None.
    """

    find: Callable[..., Any]

    def __init__(self, cls: type, array: str, kind: str, size: type, identical: Sequence[type]):
        self.places = np.zeros((PLACES, len(_PLACE)), np.int64)
        self.kept: dict[int, tuple] = {}
        given = {
            "places": self.places.ctypes.data, "class": id(layout.immortal(cls)),
            "array": layout.slot_offset(cls, array), "kind": layout.slot_offset(cls, kind),
            "true": id(True), "false": id(False), "str": id(str), "list": id(list),
            "size": id(size), "slice": id(slice), "ellipsis": id(Ellipsis),
        }  # fmt: skip
        for name in _CALLS:
            given[name] = ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0
        known = [id(layout.immortal(c)) for c in identical]
        known += [0] * (_IDENTICAL - len(known))
        words = struct.pack(f"{len(_NAMES) + _IDENTICAL}q", *(given[n] for n in _NAMES), *known)
        self.find = layout.builtin("find", address_of(_text, True), words)
        self._key = layout.builtin("key", address_of(_text, False), words)

    def key(self, *args: Any) -> bytes | None:
        """The key of these arguments, its digest first; None where there is none."""
        key: bytes | None = self._key(*args)
        return key

    def keep(self, key: bytes, case: Any, *alive: Any) -> None:
        """Let `find` give `case` for the arguments of this key.

        Args:
            alive: Objects that the key knows by their address.
        """
        (digest,) = struct.unpack_from("Q", key)
        tried = [(digest + i) % PLACES for i in range(PROBES)]
        at = next((i for i in tried if not self.places[i, 3]), tried[digest >> 32 & PROBES - 1])
        # A thread that looks meanwhile finds nothing here.
        self.places[at] = 0
        self.kept[at] = key, case, alive
        signed = digest - (1 << 64) if digest >> 63 else digest
        self.places[at, 1:] = id(key) + BYTES_CONTENT + 8, len(key) - 8, id(case)
        self.places[at, 0] = signed


# ------------------------------------------------------------------------------- in machine code

_DIGEST = Function("i64", "digest", ("ptr", "i64"))
_WRITE = Function("i64", "item", ("ptr", "ptr", "ptr", "ptr", "i64"))
_TENSOR, _ARRAY, _NONE, _TRUE, _FALSE, _INT, _FLOAT, _TUPLE, _LIST, _SLICE, _ELLIPSIS, _OTHER = (
    range(1, 13)
)
LIST_SIZE, LIST_ITEMS = HEAD, HEAD + 8
SLICE_ITEMS = HEAD
_REFUSED = -1


def _text(finds: bool) -> str:
    """``find(*args)`` or ``key(*args)``, whose self are `_NAMES` as bytes."""
    module = Module()
    _define_item(module)
    _define_digest(module)
    f = Vectorcall(module)
    code, words = f.code, f.own_words()
    buffer, at = code.slot(f"[{ROOM} x i64]"), code.variable(0)
    none = f.fact("None")
    with code.loop(f.zero, f.count) as i:
        at.value = code.run(_WRITE, f.table, words, f.argument(i), buffer, at.value)
        with code.when(at.value < 0):
            _give_object(f, none)
    bytes = at.value * 8
    digest = code.run(_DIGEST, buffer, at.value)
    if not finds:
        make = code.load(words.word(_NAMES.index("PyBytes_FromStringAndSize")), "ptr")
        made = code.call(make, "ptr", code.null, bytes + 8)
        with code.when(made.is_null()):
            code.give(code.null)
        content = made.byte(BYTES_CONTENT)
        code.line(f"store i64 {digest.name}, ptr {content.name}, align 1")
        code.copy_bytes(content.byte(8), buffer, bytes)
        code.give(made)
        return module.text()
    places = code.load(words, "ptr")
    with code.loop(f.zero, code.integer(PROBES)) as i:
        place = places.word((digest + i & PLACES - 1) * len(_PLACE))
        own, key, length, case = (code.load(place.word(j), "i64") for j in range(4))
        with code.when(own.equals(digest) & length.equals(bytes)):
            _compare(code, buffer, key.as_pointer(), at.value)
            _give_object(f, case.as_pointer())
            code.label("unlike")
    _give_object(f, none)
    return module.text()


def _give_object(f: Vectorcall, item: Value) -> None:
    f.python("Py_IncRef", "void", item)
    f.code.give(item)


def _compare(code: Definition, x: Value, y: Value, words: Value) -> None:
    """Go on where so many words are the same; else at the label "unlike"."""
    with code.loop(code.integer(0), words) as i:
        own = code.emit(f"load i64, ptr {y.word(i).name}, align 1", "i64")
        code.jump_unless(code.load(x.word(i), "i64").equals(own), "unlike")


def _define_digest(module: Module) -> None:
    code = module.define("internal i64 @digest(ptr %words, i64 %count)")
    words, count = code.parameters
    digest = code.variable(count)
    with code.loop(code.integer(0), count) as i:
        mixed = (digest.value ^ code.load(words.word(i), "i64")) * -7046029254386353131
        digest.value = mixed ^ mixed.down(29)
    code.give(digest.value | 1)


def _define_item(module: Module) -> None:
    """``item(table, words, item, buffer, at)``: the item's words behind those before it; where they end, or -1."""
    code = module.define(
        "internal i64 @item(ptr %table, ptr %words, ptr %item, ptr %buffer, i64 %at)"
    )
    _Item(code).write()


class _Item:
    """Writes the function `item`."""

    def __init__(self, code: Definition):
        self.code = code
        self.table, self.words, self.item, self.buffer, self.at = code.parameters

    def known(self, name: str) -> Value:
        return self.code.load(self.words.word(_NAMES.index(name)), "ptr")

    def fact(self, name: str) -> Value:
        code = self.code
        return code.load(code.at(self.table, "ptr", code.integer(layout.INDEX[name])), "ptr")

    def give(self, *words: Value | int) -> None:
        """The item is these words."""
        code = self.code
        for i, word in enumerate(words):
            value = word.address() if isinstance(word, Value) and word.type == "ptr" else word
            code.store(code.integer(value), self.buffer.word(self.at + i))
        code.give(self.at + len(words))

    def write(self) -> None:
        code, item = self.code, self.item
        with code.when(self.at > ROOM - 8):
            code.give(code.integer(_REFUSED))
        cls = type_of(item)
        with code.when(cls.equals_pointer(self.fact("int"))):
            self.number()
        for name, tag in (("None", _NONE), ("true", _TRUE), ("false", _FALSE)):
            one = self.fact(name) if name == "None" else self.known(name)
            with code.when(item.equals_pointer(one)):
                self.give(tag)
        with code.when(cls.equals_pointer(self.known("class"))):
            self.tensor()
        for name in ("tuple", "size"):
            one = self.fact(name) if name == "tuple" else self.known(name)
            with code.when(cls.equals_pointer(one)):
                self.items(_TUPLE, size_of(item), lambda i: item_of(item, i))
        with code.when(cls.equals_pointer(self.known("list"))):
            self.items(
                _LIST, field(item, LIST_SIZE, "i64"),
                lambda i: code.load(code.at(field(item, LIST_ITEMS), "ptr", i), "ptr"),
            )  # fmt: skip
        with code.when(cls.equals_pointer(self.known("slice"))):
            first = item.byte(SLICE_ITEMS)
            self.items(
                _SLICE, code.integer(3), lambda i: code.load(code.at(first, "ptr", i), "ptr")
            )
        with code.when(cls.equals_pointer(self.fact("float"))):
            self.give(_FLOAT, field(item, FLOAT_VALUE, "i64"))
        with code.when(item.equals_pointer(self.known("ellipsis"))):
            self.give(_ELLIPSIS)
        with code.when(cls.equals_pointer(self.fact("ndarray"))):
            self.layout(_ARRAY, item, array_field(item, "descr"))
        for i in range(_IDENTICAL):
            with code.when(cls.equals_pointer(code.load(self.words.word(len(_NAMES) + i), "ptr"))):
                self.give(_OTHER, item)
        with code.when(cls.equals_pointer(self.known("str"))):
            self.give(_OTHER, item)
        subtype = code.call(self.known("PyType_IsSubtype"), "i32", cls, self.known("class"))
        with code.when(subtype.differs(0)):
            self.tensor()
        code.give(code.integer(_REFUSED))

    def number(self) -> None:
        code = self.code
        value = code.call(self.fact("PyLong_AsLongLong"), "i64", self.item)
        with code.when(value.equals(-1)):
            error = code.call(self.fact("PyErr_Occurred"), "ptr")
            with code.unless(error.is_null()):
                code.call(self.fact("PyErr_Clear"), "void")
                code.give(code.integer(_REFUSED))
        self.give(_INT, value)

    def tensor(self) -> None:
        code = self.code
        array, kind = (
            code.load(self.item.byte(code.load(self.words.word(_NAMES.index(n)), "i64")), "ptr")
            for n in ("array", "kind")
        )
        with code.when(array.is_null() | kind.is_null()):
            code.give(code.integer(_REFUSED))
        with code.unless(type_of(array).equals_pointer(self.fact("ndarray"))):
            code.give(code.integer(_REFUSED))
        self.layout(_TENSOR, array, kind)

    def layout(self, tag: int, array: Value, kind: Value) -> None:
        """The sizes and strides of an array."""
        code = self.code
        ndim = array_field(array, "ndim", "i32").convert("i64")
        end = self.at + (ndim * 2 + 2)
        with code.when(end > ROOM):
            code.give(code.integer(_REFUSED))
        code.store(ndim * 256 + tag, self.buffer.word(self.at))
        code.store(kind.address(), self.buffer.word(self.at + 1))
        dims, strides = array_field(array, "dims"), array_field(array, "strides")
        with code.loop(code.integer(0), ndim) as i:
            code.store(code.load(dims.word(i), "i64"), self.buffer.word(self.at + 2 + i))
            code.store(code.load(strides.word(i), "i64"), self.buffer.word(self.at + 2 + ndim + i))
        code.give(end)

    def items(self, tag: int, count: Value, item: Callable[[Value], Value]) -> None:
        code = self.code
        code.store(count * 256 + tag, self.buffer.word(self.at))
        at = code.variable(self.at + 1)
        with code.loop(code.integer(0), count) as i:
            at.value = code.run(_WRITE, self.table, self.words, item(i), self.buffer, at.value)
            with code.when(at.value < 0):
                code.give(code.integer(_REFUSED))
        code.give(at.value)
