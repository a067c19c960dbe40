"""Objects of slotted classes, made in one step by machine code (see `kernels.constructor`)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from . import runtime
from .code import Code, Value
from .process import machine


def native(cls: type, *names: str) -> Callable[..., Any]:
    """The constructor as machine code."""
    words = struct.pack(
        f"{len(names) + 2}q", id(cls), len(names), *(runtime.slot_offset(cls, n) for n in names)
    )
    _alive.append(cls)
    return runtime.builtin(f"make_{cls.__name__}", machine().address(_text()), words)


_alive: list[type] = []


def _text() -> str:
    code = Code(1)
    words, args = Value(code, "%words", "ptr"), Value(code, "%args", "ptr")
    count = Value(code, "%count", "i64")
    table = code.load(Value(code, "@runtime_SYMBOL", "ptr"), "ptr")

    def fact(name: str) -> Value:
        return code.load(code.at(table, "ptr", code.constant(runtime.INDEX[name], "i64")), "ptr")

    def word(index: Value) -> Value:
        return code.load(code.at(words, "i64", index), "i64")

    words = code.at(Value(code, "%self", "ptr"), "i8", code.constant(runtime.BYTES_CONTENT, "i64"))
    zero = code.constant(0, "i64")
    null = Value(code, "null", "ptr")
    expected = word(code.constant(1, "i64"))
    code.branch(count.equals(expected), "go", "wrong")
    code.label("go")
    cls = code.load(words, "ptr")
    made = code.call(fact("PyType_GenericAlloc"), "ptr", cls, zero)
    code.branch(made.equals_pointer(null), "failed", "fill")
    code.label("fill")
    increase = fact("Py_IncRef")
    with code.loop(zero, count) as i:
        value = code.load(code.at(args, "ptr", i), "ptr")
        code.call(increase, "void", value)
        place = code.at(made, "i8", word(i + 2))
        code.store(value, place)
    code.line(f"ret ptr {made.name}")
    code.label("wrong")
    code.call(fact("PyErr_BadArgument"), "i32")
    code.jump("failed")
    code.label("failed")
    code.line("ret ptr null")
    body = code.function("@SYMBOL(ptr %self, ptr %args, i64 %count)", "ptr")
    return f"@runtime_SYMBOL = global ptr null\n{body}"
