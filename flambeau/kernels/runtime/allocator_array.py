"""Arrays in the allocator's memory, as machine code: for kernels, and for Python's `memory.empty`."""

from __future__ import annotations

from ..llvm import Code, Function, Module, Value, multiply_checked
from .layout import ARRAY, DESCRIPTION, Flag
from .vectorcall import Vectorcall, fact, field, item_of, size_of, type_of

MOST_DIMS = 64
"""NumPy's own limit."""


def define_array(module: Module, malloc: Function, free: Function) -> Function:
    """The array of a dtype and a shape whose values are whatever the memory held; null with an exception."""
    code = module.define("ptr @array_SYMBOL(ptr %table, ptr %descr, i32 %nd, ptr %dims)")
    table, descr, nd, dims = code.parameters
    null = code.null
    bytes = _bytes(code, table, descr, nd, dims)
    with code.when(bytes.equals(0)):  # what has no elements, NumPy lays out in its own way
        code.give(_new(table, descr, nd, dims, null, 0))
    data = code.run(malloc, null, bytes)
    with code.when(data.is_null()):
        _no_memory(code, table)
    array = _new(table, descr, nd, dims, data, Flag.CARRAY)
    with code.when(array.is_null()):
        code.run(free, null, data, 0)
        code.give(null)
    _let_own(code, table, array)
    code.give(array)
    return code.handle


def _bytes(code: Code, table: Value, descr: Value, nd: Value, dims: Value) -> Value:
    """Of all elements; returns from the function where they are more than can be counted."""
    bytes = code.variable(field(descr, DESCRIPTION["elsize"], "i64"))
    with code.loop(code.integer(0), nd.convert("i64")) as i:
        product, lost = multiply_checked(bytes.value, code.load(dims.word(i), "i64"))
        with code.when(lost):
            _no_memory(code, table)
        bytes.value = product
    return bytes.value


def _new(table: Value, descr: Value, nd: Value, dims: Value, data: Value, flags: int) -> Value:
    """NumPy's own function, which keeps the reference to the dtype."""
    code = table.code
    null = code.null
    code.call(fact(table, "Py_IncRef"), "void", descr)
    return code.call(
        fact(table, "PyArray_NewFromDescr"), "ptr", fact(table, "ndarray"), descr, nd, dims, null,
        data, code.integer(flags, "i32"), null,
    )  # fmt: skip


def _let_own(code: Code, table: Value, array: Value) -> None:
    """The array frees its memory, by the allocator's handler."""
    flags = array.byte(ARRAY["flags"])
    code.store(code.load(flags, "i32") | Flag.OWNDATA, flags)
    handler = fact(table, "memory_handler")
    code.call(fact(table, "Py_IncRef"), "void", handler)
    code.store(handler, array.byte(ARRAY["handler"]))


def _no_memory(code: Code, table: Value) -> None:
    code.call(fact(table, "PyErr_NoMemory"), "ptr")
    code.give(code.null)


def define_empty(module: Module, array: Function) -> None:
    """empty(shape, dtype): anything but a whole number or a tuple of them, and a dtype without objects, is NumPy's to
    judge."""
    call = Vectorcall(module)
    code = call.code
    shape, descr = call.arguments(2)
    # The type of a dtype's type is NumPy's own.
    call.require(type_of(type_of(descr)).equals_pointer(call.fact("dtype_type")))
    call.require(field(descr, DESCRIPTION["flags"], "i64").equals(0))
    count = code.variable(1)
    dims = code.slot(f"[{MOST_DIMS} x i64]")
    with code.either(call.is_a(shape, "tuple")) as (several, single):
        with several:
            count.value = size_of(shape)
            call.require(count.value.at_most(MOST_DIMS))
            with code.loop(call.zero, count.value) as i:
                code.store(_size(call, item_of(shape, i)), dims.word(i))
        with single:
            code.store(_size(call, shape), dims.word(0))
    code.give(code.run(array, call.table, descr, count.value.convert("i32"), dims))
    call.fall_back()


def _size(call: Vectorcall, item: Value) -> Value:
    """A dimension that is a Python int, and not negative."""
    call.require(call.is_a(item, "int"))
    size = call.python("PyLong_AsLongLong", "i64", item)
    with call.code.when(size < 0):
        call.python("PyErr_Clear", "void")
    call.require(size >= 0)
    return size
