"""Views, made and registered in one step by machine code (see `kernels.makes_views`)."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

from ..llvm import Code, Value
from . import layout
from .process import machine

_SLOTS = ("_array", "_kind", "_node", "_cell", "_base")
_CALLS = ("PyWeakref_NewRef", "PyList_Append", "PyList_Size")
_WORDS = ("class", "prune", *_SLOTS, *_CALLS)


def native(cls: type, smallest: int, prune: Callable[[list], None]) -> Callable[..., Any]:
    """`wrap_view` of core/tensor.py as machine code."""
    words = struct.pack(
        f"{len(_WORDS)}q",
        id(layout.immortal(cls)),
        id(layout.immortal(prune)),
        *(layout.slot_offset(cls, name) for name in _SLOTS),
        *(
            ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0
            for name in _CALLS
        ),
    )
    return layout.builtin("wrap_view", machine().address(_text(smallest)), words)


def _text(smallest: int) -> str:
    code = Code(1)
    args, count = Value(code, "%args", "ptr"), Value(code, "%count", "i64")
    words = code.at(Value(code, "%self", "ptr"), "i8", code.constant(layout.BYTES_CONTENT, "i64"))
    table = code.load(Value(code, "@runtime_SYMBOL", "ptr"), "ptr")
    null, zero, one = Value(code, "null", "ptr"), code.constant(0, "i64"), code.constant(1, "i64")

    def fact(name: str) -> Value:
        return code.load(code.at(table, "ptr", code.constant(layout.INDEX[name], "i64")), "ptr")

    def word(name: str, kind: str) -> Value:
        return code.load(code.at(words, "i64", code.constant(_WORDS.index(name), "i64")), kind)

    def slot(item: Value, name: str) -> Value:
        return code.at(item, "i8", word(name, "i64"))

    def fill(made: Value, name: str, value: Value) -> None:
        code.call(fact("Py_IncRef"), "void", value)
        code.store(value, slot(made, name))

    def pointer_choice(condition: Value, x: Value, y: Value) -> Value:
        return code.emit(f"select i1 {condition.name}, ptr {x.name}, ptr {y.name}", "ptr")

    code.branch(count.equals(2), "look", "wrong")
    code.label("look")
    array, of = (code.load(code.at(args, "ptr", i), "ptr") for i in (zero, one))
    kind, cell, base = (code.load(slot(of, name), "ptr") for name in ("_kind", "_cell", "_base"))
    missing = kind.equals_pointer(null) | cell.equals_pointer(null) | base.equals_pointer(null)
    code.branch(missing, "wrong", "make")
    code.label("make")
    none = fact("None")
    made = code.call(fact("PyType_GenericAlloc"), "ptr", word("class", "ptr"), zero)
    code.branch(made.equals_pointer(null), "failed", "fill")
    code.label("fill")
    root = pointer_choice(base.equals_pointer(none), of, base)
    for name, value in zip(_SLOTS, (array, kind, none, cell, root)):
        fill(made, name, value)
    reference = code.call(word("PyWeakref_NewRef", "ptr"), "ptr", made, null)
    code.branch(reference.equals_pointer(null), "drop", "append")
    code.label("append")
    status = code.call(word("PyList_Append", "ptr"), "i32", cell, reference)
    code.call(fact("Py_DecRef"), "void", reference)
    code.branch(status.equals(0), "measure", "drop")
    code.label("measure")
    size = code.call(word("PyList_Size", "ptr"), "i64", cell)
    full = size.equals(size & -size) & (size >= smallest)  # a power of two
    code.branch(full, "prune", "done")
    code.label("prune")
    place = code.slot("ptr", cell)
    pruned = code.call(fact("PyObject_Vectorcall"), "ptr", word("prune", "ptr"), place, one, null)
    code.branch(pruned.equals_pointer(null), "drop", "pruned")
    code.label("pruned")
    code.call(fact("Py_DecRef"), "void", pruned)
    code.jump("done")
    code.label("done")
    code.line(f"ret ptr {made.name}")
    code.label("drop")
    code.call(fact("Py_DecRef"), "void", made)
    code.jump("failed")
    code.label("wrong")
    code.call(fact("PyErr_BadArgument"), "i32")
    code.jump("failed")
    code.label("failed")
    code.line("ret ptr null")
    body = code.function("@SYMBOL(ptr %self, ptr %args, i64 %count)", "ptr")
    return f"@runtime_SYMBOL = global ptr null\n{body}"
