"""Objects of slotted classes, made in one step by machine code (see `kernels.constructor`)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from ..llvm import Module, Value
from . import layout
from .process import address_of
from .vectorcall import Vectorcall


def native(cls: type, *names: str) -> Callable[..., Any]:
    """The constructor as machine code."""
    words = struct.pack(
        f"{len(names) + 2}q", id(cls), len(names), *(layout.slot_offset(cls, n) for n in names)
    )
    _alive.append(cls)
    return layout.builtin(f"make_{cls.__name__}", address_of(_text), words)


_alive: list[type] = []


def _text() -> str:
    """``f(*values)``, whose self are the class, the number of slots and the place of each, as bytes."""
    module = Module()
    f = Vectorcall(module)
    code, words = f.code, f.own_words()

    def word(index: Value) -> Value:
        return code.load(code.at(words, "i64", index), "i64")

    f.require(f.count.equals(word(code.integer(1))))
    made = f.python("PyType_GenericAlloc", "ptr", code.load(words, "ptr"), f.zero)
    f.require(~made.is_null(), f.RAISED)
    increase = f.fact("Py_IncRef")
    with code.loop(f.zero, f.count) as i:
        value = f.argument(i)
        code.call(increase, "void", value)
        code.store(value, code.at(made, "i8", word(i + 2)))
    f.give([made])
    f.bad_argument()
    return module.text()
