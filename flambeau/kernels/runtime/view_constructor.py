"""Views, made and registered in one step by machine code (see `kernels.makes_views`)."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from typing import Any

from ..llvm import Function, Module, Value, choose
from . import layout
from .layout import BYTES_CONTENT, Flag
from .process import address_of
from .vectorcall import Vectorcall, array_field, fact, item_of, type_of

_SLOTS = ("_array", "_kind", "_node", "_cell", "_base")
_CALLS = ("PyWeakref_NewRef", "PyList_Append", "PyList_Size")
_WORDS = ("class", "prune", *_SLOTS, *_CALLS, "set_base")
_VIEW = ("offset", "ndim", "always", "kind", "descr")
"""What the words of one view begin with: bytes from the first element of what it is of; is it made whatever the
history; and what it has of its own, zero where that is as there. Sizes and strides follow."""
_SET_BASE = 282
"""The position of PyArray_SetBaseObject in NumPy's table of C functions."""


class ViewConstructor:
    """Machine code that makes tensors on other tensors' memory.

    Args:
        cls: The class of tensors.
        smallest: The length of a cell, a power of two, from which on it is pruned at powers of two.
        prune: Takes a cell.
    """

    def __init__(self, cls: type, smallest: int, prune: Callable[[list], None]):
        self.smallest = smallest
        self.words = struct.pack(
            f"{len(_WORDS)}q",
            id(layout.immortal(cls)),
            id(layout.immortal(prune)),
            *(layout.slot_offset(cls, name) for name in _SLOTS),
            *(
                ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0
                for name in _CALLS
            ),
            ctypes.c_void_p.from_address(layout.numpy_table() + 8 * _SET_BASE).value or 0,
        )

    def wrap(self) -> Callable[..., Any]:
        """`wrap_view` of core/tensor.py as machine code."""
        address = address_of(_wrap_text, self.smallest)
        return layout.builtin("wrap_view", address, self.words)

    def view(
        self,
        shape: Sequence[int],
        strides: Sequence[int],
        offset: int,
        fallback: Callable[[Any], Any] | None,
        kind: Any = None,
        dtype: Any = None,
    ) -> Callable[[Any], Any]:
        """A function of a tensor that gives a view of it.

        Args:
            shape, strides, offset: Of the view; strides and offset count bytes.
            fallback: Is asked instead where the tensor has a history; None: the view is made all the same, without.
            kind, dtype: Of the view, where not the tensor's.
        """
        always = fallback is None
        own = (offset, len(shape), always, *(0 if x is None else id(x) for x in (kind, dtype)))
        words = struct.pack(f"{len(own) + 2 * len(shape)}q", *own, *shape, *strides)
        address = address_of(_view_text, self.smallest)
        return layout.builtin("view", address, (self.words + words, fallback, kind, dtype))


class _Words:
    """The words of `ViewConstructor`, in a function of machine code."""

    def __init__(self, table: Value, words: Value):
        self.code, self.table, self.words = table.code, table, words

    def __call__(self, name: str, type: str = "ptr") -> Value:
        return self.code.load(self.words.word(_WORDS.index(name)), type)

    def slot(self, item: Value, name: str) -> Value:
        return item.byte(self(name, "i64"))

    def python(self, name: str, result: str, *given: Value) -> Value:
        return self.code.call(fact(self.table, name), result, *given)


_WRAP = Function("ptr", "wrap", ("ptr", "ptr", "ptr", "ptr", "ptr"))


def _define_wrap(module: Module, smallest: int) -> None:
    """``wrap(table, words, array, kind, of)``: the tensor on an array, registered; null with an exception."""
    code = module.define(
        "internal ptr @wrap(ptr %table, ptr %words, ptr %array, ptr %kind, ptr %of)"
    )
    table, given, array, kind, of = code.parameters
    words = _Words(table, given)
    cell, base = (code.load(words.slot(of, name), "ptr") for name in ("_cell", "_base"))
    none = fact(table, "None")
    made = words.python("PyType_GenericAlloc", "ptr", words("class"), code.integer(0))
    with code.when(made.is_null()):
        code.give(code.null)
    root = choose(base.equals_pointer(none), of, base)
    for name, value in zip(_SLOTS, (array, kind, none, cell, root)):
        words.python("Py_IncRef", "void", value)
        code.store(value, words.slot(made, name))
    reference = code.call(words("PyWeakref_NewRef"), "ptr", made, code.null)
    code.jump_when(reference.is_null(), "drop")
    status = code.call(words("PyList_Append"), "i32", cell, reference)
    words.python("Py_DecRef", "void", reference)
    code.jump_when(status.differs(0), "drop")
    size = code.call(words("PyList_Size"), "i64", cell)
    with code.when(size.equals(size & -size) & (size >= smallest)):  # a power of two
        one, place = code.integer(1), code.slot("ptr", cell)
        pruned = words.python("PyObject_Vectorcall", "ptr", words("prune"), place, one, code.null)
        code.jump_when(pruned.is_null(), "drop")
        words.python("Py_DecRef", "void", pruned)
    code.give(made)
    code.label("drop")
    words.python("Py_DecRef", "void", made)
    code.give(code.null)


def _wrap_text(smallest: int) -> str:
    """``wrap_view(array, of)``, whose self are `_WORDS` as bytes."""
    module = Module()
    _define_wrap(module, smallest)
    f = Vectorcall(module)
    code, words = f.code, _Words(f.table, f.own_words())
    array, of = f.arguments(2)
    kind, cell, base = (
        code.load(words.slot(of, name), "ptr") for name in ("_kind", "_cell", "_base")
    )
    f.require(~(kind.is_null() | cell.is_null() | base.is_null()))
    made = code.run(_WRAP, f.table, words.words, array, kind, of)
    f.require(~made.is_null(), f.RAISED)
    f.give([made])
    f.bad_argument()
    return module.text()


def _view_text(smallest: int) -> str:
    """``view(of)``, whose self is a tuple of `_WORDS` and those of the view as bytes, and the fallback."""
    module = Module()
    _define_wrap(module, smallest)
    f = Vectorcall(module)
    code = f.code
    words = _Words(f.table, item_of(f.own, f.zero).byte(BYTES_CONTENT))
    own = {name: words.words.word(len(_WORDS) + i) for i, name in enumerate(_VIEW)}
    (of,) = f.arguments(1)
    array, kind, node = (
        code.load(words.slot(of, name), "ptr") for name in ("_array", "_kind", "_node")
    )
    always = code.load(own["always"], "i64")
    f.require(node.equals_pointer(f.fact("None")) | always.differs(0))
    f.require(type_of(array).equals_pointer(f.fact("ndarray")))
    ndim = code.load(own["ndim"], "i64")
    dims = words.words.word(len(_WORDS) + len(_VIEW))
    other, retyped = code.load(own["descr"], "ptr"), code.load(own["kind"], "ptr")
    descr = choose(other.is_null(), array_field(array, "descr"), other)
    f.python("Py_IncRef", "void", descr)
    made = f.python(
        "PyArray_NewFromDescr", "ptr", f.fact("ndarray"), descr, ndim.convert("i32"), dims,
        dims.word(ndim), array_field(array, "data").byte(code.load(own["offset"], "i64")),
        array_field(array, "flags", "i32") & int(Flag.WRITEABLE), code.null,
    )  # fmt: skip
    f.require(~made.is_null(), "raised")
    f.python("Py_IncRef", "void", array)
    status = code.call(words("set_base"), "i32", made, array)
    result = code.variable(code.null)
    with code.when(status.equals(0)):
        own_kind = choose(retyped.is_null(), kind, retyped)
        result.value = code.run(_WRAP, f.table, words.words, made, own_kind, of)
    f.python("Py_DecRef", "void", made)
    code.give(result.value)
    code.label("raised")
    code.give(code.null)
    code.label(f.REFUSED)
    call, fallback = f.fact("PyObject_Vectorcall").name, item_of(f.own, code.integer(1)).name
    code.give(
        code.emit(f"tail call ptr {call}(ptr {fallback}, ptr %args, i64 %count, ptr null)", "ptr")
    )
    return module.text()
