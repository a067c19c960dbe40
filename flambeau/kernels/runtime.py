"""What compiled kernels need to know of the running process: layouts of objects, and a table of addresses."""

from __future__ import annotations

import ctypes
import sysconfig
from typing import Any

import numpy as np

HEAD = object.__basicsize__
OBJECT_TYPE = HEAD - 8
TUPLE_ITEMS = HEAD + 8
ARRAY = {
    name: HEAD + offset
    for name, offset in {
        "data": 0, "ndim": 8, "dims": 16, "strides": 24, "base": 32, "descr": 40, "flags": 48,
        "handler": 72,
    }.items()
}  # fmt: skip
"""Offsets within NumPy's array object, part of its stable binary interface."""
DESCRIPTION = {"flags": HEAD + 16, "elsize": HEAD + 24}
"""Offsets within NumPy's dtype objects."""

_NEW_FROM_DESCR = 94  # position in NumPy's table of C functions, part of the same interface
_PYTHON = (
    "PyEval_SaveThread", "PyEval_RestoreThread", "PyObject_Vectorcall", "PyTuple_New",
    "PyTuple_SetItem", "PyLong_AsDouble", "PyLong_AsLongLong", "PyLong_FromLongLong",
    "PyErr_Occurred", "PyErr_Clear", "PyErr_BadArgument", "PyErr_NoMemory", "PyType_GenericAlloc",
    "Py_IncRef", "Py_DecRef", "PyMem_RawMalloc", "PyMem_RawFree",
)  # fmt: skip
_DTYPES = ("bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64")
_OBJECTS: dict[str, Any] = {
    "ndarray": np.ndarray, "float": float, "int": int, "tuple": tuple, "None": None,
    "minus_one": -1, "dtype_type": type(type(np.dtype("float32"))),
    **{f"descr_{name}": np.dtype(name) for name in _DTYPES},
}  # fmt: skip

_SETTINGS = (
    "pool",
    "pool_run",
    "descr_bfloat16",
    "memory_handler",
    "new_array",
)  # zero where there are no threads, no such type, or no memory of our own
WORDS = (*_OBJECTS, *_PYTHON, "PyArray_NewFromDescr", *_SETTINGS)
INDEX = {name: i for i, name in enumerate(WORDS)}
TABLE = (ctypes.c_void_p * len(WORDS))()
"""What kernels read their addresses from."""


def _numpy_function(position: int) -> int:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    from numpy._core import _multiarray_umath

    table = ctypes.cast(get(_multiarray_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
    return int(table[position] or 0)


def fill_table() -> None:
    """Put the addresses of this process into the table."""
    addresses = [id(item) for item in _OBJECTS.values()]
    addresses += [
        int(ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0)
        for name in _PYTHON
    ]
    addresses.append(_numpy_function(_NEW_FROM_DESCR))
    TABLE[: len(addresses)] = addresses


def set_fact(name: str, value: int) -> None:
    """Change a word of the table."""
    TABLE[INDEX[name]] = value


def layout_is_known() -> bool:
    """Do the objects of this process lie as the kernels expect? Checked, not assumed."""
    if sysconfig.get_config_var("Py_GIL_DISABLED") or HEAD != 16:
        return False
    probe = np.arange(6, dtype=np.float32).reshape(2, 3)[:, 1:]  # its base has the memory
    word = lambda name: ctypes.c_void_p.from_address(id(probe) + ARRAY[name]).value  # noqa: E731
    return (
        ctypes.c_void_p.from_address(id(probe) + OBJECT_TYPE).value == id(np.ndarray)
        and word("data") == probe.ctypes.data
        and ctypes.c_int.from_address(id(probe) + ARRAY["ndim"]).value == 2
        and (ctypes.c_int64 * 2).from_address(word("dims") or 0)[:] == [2, 2]
        and (ctypes.c_int64 * 2).from_address(word("strides") or 0)[:] == [12, 4]
        and word("descr") == id(probe.dtype)
        and ctypes.c_int.from_address(id(probe) + ARRAY["flags"]).value & 257 == 256
        and ctypes.c_int64.from_address(id(probe.dtype) + DESCRIPTION["elsize"]).value == 4
        and ctypes.c_int64.from_address(id(np.dtype(object)) + DESCRIPTION["flags"]).value & 1 == 1
        and ctypes.c_int64.from_address(id(probe.dtype) + DESCRIPTION["flags"]).value == 0
        and _is_capsule(ctypes.c_void_p.from_address(id(probe.base) + ARRAY["handler"]).value)
        and ctypes.c_double.from_address(id(2.5) + HEAD).value == 2.5
        and ctypes.c_void_p.from_address(id((probe,)) + TUPLE_ITEMS).value is not None
    )


def _is_capsule(address: int | None) -> bool:
    from numpy._core import _multiarray_umath

    kind = id(type(_multiarray_umath._ARRAY_API))
    return bool(address) and ctypes.c_void_p.from_address(address + OBJECT_TYPE).value == kind  # type: ignore[operator]


class MethodDefinition(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


FASTCALL = 0x80


def immortal(item: Any) -> Any:
    """An object that is never freed: native code may look at it while Python ends."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(item))
    return item


def builtin(name: str, address: int, fallback: Any) -> Any:
    """A Python function whose body is the machine code at `address`; its self is `fallback`."""
    # The collector reads the definitions of functions that outlive this module.
    definition = immortal(MethodDefinition(name.encode(), address, FASTCALL, None))
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return make(ctypes.addressof(definition), fallback, None)
