"""Objects of slotted classes, made in one step by machine code (see `kernels.constructor`)."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from typing import Any

from . import runtime
from .code import Code, Value
from .process import machine

_BYTES = runtime.HEAD + 16  # where the content of a bytes object begins
_MEMBER_OFFSET = 16  # of the slot's offset, within its PyMemberDef
_MEMBER = runtime.HEAD + 24  # where a member descriptor keeps its PyMemberDef


def slot_offset(cls: type, name: str) -> int:
    """Where a slot's value lies in an object of the class."""
    for base in cls.__mro__:
        if name in base.__dict__:
            address = ctypes.c_void_p.from_address(id(base.__dict__[name]) + _MEMBER).value or 0
            return ctypes.c_ssize_t.from_address(address + _MEMBER_OFFSET).value
    raise AttributeError(f"{cls.__name__} has no slot {name}")


def native(cls: type, *names: str) -> Callable[..., Any] | None:
    """The constructor as machine code; None where objects do not lie as expected."""
    if not _layout_is_known():
        return None
    words = struct.pack(
        f"{len(names) + 2}q", id(cls), len(names), *(slot_offset(cls, n) for n in names)
    )
    _alive.append(cls)
    return runtime.builtin(f"make_{cls.__name__}", machine().address(_text()), words)


_alive: list[type] = []


class _Probe:
    __slots__ = ("first", "second")


def _layout_is_known() -> bool:
    """Are slots where they are expected? Tried on an object, not assumed."""
    probe = object.__new__(_Probe)
    probe.first, probe.second = runtime.ARRAY, runtime.INDEX
    return all(
        ctypes.c_void_p.from_address(id(probe) + slot_offset(_Probe, name)).value == id(value)
        for name, value in (("first", runtime.ARRAY), ("second", runtime.INDEX))
    )


def _text() -> str:
    code = Code(1)
    words, args = Value(code, "%words", "ptr"), Value(code, "%args", "ptr")
    count = Value(code, "%count", "i64")
    table = code.load(Value(code, "@runtime_SYMBOL", "ptr"), "ptr")

    def fact(name: str) -> Value:
        return code.load(code.at(table, "ptr", code.constant(runtime.INDEX[name], "i64")), "ptr")

    def word(index: Value) -> Value:
        return code.load(code.at(words, "i64", index), "i64")

    words = code.at(Value(code, "%self", "ptr"), "i8", code.constant(_BYTES, "i64"))
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
