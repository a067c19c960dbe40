"""Views, made and registered in one step by machine code (see `kernels.makes_views`)."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

from ..llvm import Module, Value, choose
from . import layout
from .process import machine
from .vectorcall import Vectorcall

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
    """``wrap_view(array, of)``, whose self are `_WORDS` as bytes."""
    module = Module()
    f = Vectorcall(module)
    code, words = f.code, f.own_words()

    def word(name: str, type: str = "ptr") -> Value:
        return code.load(code.at(words, "i64", code.integer(_WORDS.index(name))), type)

    def slot(item: Value, name: str) -> Value:
        return code.at(item, "i8", word(name, "i64"))

    array, of = f.arguments(2)
    kind, cell, base = (code.load(slot(of, name), "ptr") for name in ("_kind", "_cell", "_base"))
    f.require(~(kind.is_null() | cell.is_null() | base.is_null()))
    none = f.fact("None")
    made = f.python("PyType_GenericAlloc", "ptr", word("class"), f.zero)
    f.require(~made.is_null(), f.RAISED)
    root = choose(base.equals_pointer(none), of, base)
    for name, value in zip(_SLOTS, (array, kind, none, cell, root)):
        f.python("Py_IncRef", "void", value)
        code.store(value, slot(made, name))
    reference = code.call(word("PyWeakref_NewRef"), "ptr", made, code.null)
    f.require(~reference.is_null(), "drop")
    status = code.call(word("PyList_Append"), "i32", cell, reference)
    f.python("Py_DecRef", "void", reference)
    f.require(status.equals(0), "drop")
    size = code.call(word("PyList_Size"), "i64", cell)
    with code.when(size.equals(size & -size) & (size >= smallest)):  # a power of two
        one, place = code.integer(1), code.slot("ptr", cell)
        pruned = f.python("PyObject_Vectorcall", "ptr", word("prune"), place, one, code.null)
        f.require(~pruned.is_null(), "drop")
        f.python("Py_DecRef", "void", pruned)
    f.give([made])
    code.label("drop")
    f.python("Py_DecRef", "void", made)
    code.jump(f.RAISED)
    f.bad_argument()
    return module.text()
