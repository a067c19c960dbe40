"""What compiled kernels need to know of the running process: layouts of objects, and a table of addresses."""

from __future__ import annotations

import ctypes
import struct
from enum import IntEnum, IntFlag
from typing import Any

import numpy as np

HEAD = object.__basicsize__
OBJECT_TYPE = HEAD - 8
FLOAT_VALUE = HEAD
TUPLE_SIZE = HEAD
TUPLE_ITEMS = tuple.__basicsize__  # behind its length and, since 3.14, its hash
BYTES_CONTENT = bytes.__basicsize__ - 1  # which counts the zero at the end
ARRAY = {
    name: HEAD + offset
    for name, offset in {
        "data": 0, "ndim": 8, "dims": 16, "strides": 24, "base": 32, "descr": 40, "flags": 48,
        "handler": 72,
    }.items()
}  # fmt: skip
"""Offsets within NumPy's array object, part of its stable binary interface."""


class Flag(IntFlag):
    """What NumPy notes of an array, by its own names: bits of the array's flags."""

    C_CONTIGUOUS = 0x1
    F_CONTIGUOUS = 0x2
    OWNDATA = 0x4
    ALIGNED = 0x100
    WRITEABLE = 0x400
    CARRAY_RO = C_CONTIGUOUS | ALIGNED
    CARRAY = CARRAY_RO | WRITEABLE


class Watch(IntEnum):
    """The words by which a call looks out for signals (see `interrupt`): a place on its stack."""

    OWNER = 0  # the thread that called, if it is the one to which Python gives signals, or 0
    STATE = 1  # that thread's state, which the interpreter lock wants
    LAST = 2  # when it looked last
    STOPPED = 3  # has a handler raised?


DESCRIPTION = {"flags": HEAD + 16, "elsize": HEAD + 24}
"""Offsets within NumPy's dtype objects."""

NEW_FROM_DESCR = 94  # position in NumPy's table of C functions, part of the same interface
PYTHON = (
    "PyEval_SaveThread", "PyEval_RestoreThread", "PyObject_Vectorcall", "PyTuple_New",
    "PyTuple_SetItem", "PyLong_AsDouble", "PyLong_AsLongLong", "PyLong_FromLongLong",
    "PyErr_CheckSignals", "PyErr_Occurred", "PyErr_Clear", "PyErr_BadArgument", "PyErr_NoMemory", "PyType_GenericAlloc",
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
    "poll",
    "main_thread",
    "descr_bfloat16",
    "memory_handler",
    "new_array",
    "fit",
    "arrange",
    "broadcast_strided",
    "make_strided",
    "rows_strided",
    "stage_strided",
    "unstage_strided",
)  # zero where there are no threads, no such type, no memory of our own, or nothing that lies in strides yet
WORDS = (*_OBJECTS, *PYTHON, "PyArray_NewFromDescr", *_SETTINGS)
INDEX = {name: i for i, name in enumerate(WORDS)}
TABLE = (ctypes.c_void_p * len(WORDS))()
"""What kernels read their addresses from."""


def numpy_table() -> int:
    """Where NumPy's table of C functions is."""
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    from numpy._core import _multiarray_umath

    return int(get(_multiarray_umath._ARRAY_API, None))


def fill_table() -> None:
    """Put the addresses of this process into the table."""
    addresses = [id(item) for item in _OBJECTS.values()]
    addresses += [
        int(ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0)
        for name in PYTHON
    ]
    place = numpy_table() + 8 * NEW_FROM_DESCR
    addresses.append(ctypes.c_void_p.from_address(place).value or 0)
    TABLE[: len(addresses)] = addresses


def set_fact(name: str, value: int) -> None:
    """Change a word of the table."""
    TABLE[INDEX[name]] = value


def slot_offset(cls: type, name: str) -> int:
    """Where a slot's value lies in an object of the class: looked up in an object that has one."""
    descriptor = next((b.__dict__[name] for b in cls.__mro__ if name in b.__dict__), None)
    if descriptor is None:
        raise AttributeError(f"{cls.__name__} has no slot {name}")
    probe: Any = object.__new__(cls)
    value = object()
    descriptor.__set__(probe, value)
    content = ctypes.string_at(id(probe), cls.__basicsize__)
    words = struct.unpack(f"{len(content) // 8}q", content)
    if words.count(id(value)) != 1:
        raise ValueError(f"{cls.__name__}.{name} is not kept within the object")
    return 8 * words.index(id(value))


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
    return function_of(definition, fallback)


def function_of(definition: MethodDefinition, own: Any) -> Any:
    """A Python function with this definition and self."""
    make = ctypes.pythonapi.PyCFunction_NewEx
    make.restype = ctypes.py_object
    make.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    return make(ctypes.addressof(definition), own, None)
