"""Do the objects of this process lie in memory as machine code expects? Found out without trusting that they do.

Nothing here follows a pointer that may be none. All memory is read through the operating system, which says that an
address is unreadable where a load would end the process; and what is read is compared with what Python's own
functions say. Functions of NumPy's table are called only after its own version number said which table it is.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from . import layout
from .layout import ARRAY, DESCRIPTION, HEAD, OBJECT_TYPE, TUPLE_ITEMS, TUPLE_SIZE, Flag

_ABI = 0x02000000
"""NumPy 2's, in whose table no function ever moves."""
_PLACES = {np.ndarray: 2, np.dtype: 3}
"""Types in that table, and where."""


def fault() -> str:
    """The first thing that lies elsewhere than kernels expect; empty if all is as it should be."""
    if sys.implementation.name != "cpython" or HEAD != 16 or sys.byteorder != "little":
        return "this is not CPython for a 64-bit processor"
    for name, check in _CHECKS.items():
        try:
            known = all(check())
        except (OSError, AttributeError, ImportError, ValueError, TypeError):
            known = False
        if not known:
            return f"{name} do not lie in memory as expected"
    return ""


# ------------------------------------------------------------------------------------ reading


def memory_at(address: int, count: int) -> bytes:
    """So many bytes from an address, which may be any number.

    Raises:
        OSError: They cannot be read.
    """
    return (_through_windows if os.name == "nt" else _through_pipe)(address, count)


@cache
def _write() -> Any:
    write = ctypes.CDLL(None, use_errno=True).write
    write.argtypes, write.restype = (
        [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t],
        ctypes.c_ssize_t,
    )
    return write


def _through_pipe(address: int, count: int) -> bytes:
    """The system copies the bytes into a pipe, or answers EFAULT. A pipe holds at least 512."""
    back, into = os.pipe()
    try:
        if _write()(into, address, count) != count:
            raise OSError(ctypes.get_errno(), f"{count} bytes at {address:#x} cannot be read")
        return os.read(back, count)
    finally:
        os.close(back)
        os.close(into)


def _through_windows(address: int, count: int) -> bytes:
    library = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
    read, size = library.ReadProcessMemory, ctypes.c_size_t
    library.GetCurrentProcess.restype = ctypes.c_void_p
    read.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, size, ctypes.POINTER(size)]
    held, done = ctypes.create_string_buffer(count), size()
    here = library.GetCurrentProcess()
    if not read(here, address, held, count, ctypes.byref(done)) or done.value != count:
        raise OSError(f"{count} bytes at {address:#x} cannot be read")
    return held.raw


def words_at(address: int, count: int = 1) -> tuple[int, ...]:
    return struct.unpack(f"{count}Q", memory_at(address, 8 * count))


def _word(item: Any, offset: int) -> int:
    return words_at(id(item) + offset)[0]


# ------------------------------------------------------------------------------------- Python


def _objects() -> Iterator[bool]:
    for item in (2.5, 7, (), np.zeros(1), np.dtype("float32"), None):
        yield _word(item, OBJECT_TYPE) == id(type(item))
    yield struct.unpack("d", memory_at(id(item := 2.5) + layout.FLOAT_VALUE, 8))[0] == item
    yield all(hasattr(ctypes.pythonapi, name) for name in layout.PYTHON)


def _tuples() -> Iterator[bool]:
    for given in ((object(), object()), (1, "two", None)):
        yield _word(given, TUPLE_SIZE) == len(given)
        yield words_at(id(given) + TUPLE_ITEMS, len(given)) == tuple(map(id, given))


def _bytes() -> Iterator[bool]:
    content = bytes(range(100, 140))
    yield memory_at(id(content) + layout.BYTES_CONTENT, 40) == content


class _Slotted:
    __slots__ = ("first", "second")


def _slots() -> Iterator[bool]:
    """Each once, within the object."""
    first, second = layout.slot_offset(_Slotted, "first"), layout.slot_offset(_Slotted, "second")
    item = _Slotted()
    item.first, item.second = object(), object()
    yield _word(item, first) == id(item.first)
    yield _word(item, second) == id(item.second)


def _builtins() -> Iterator[bool]:
    """One of our own, whose two words are known: they are what `watching` exchanges. It is never called."""
    own, address = object(), ctypes.cast(ctypes.pythonapi.Py_IncRef, ctypes.c_void_p).value
    definition = layout.immortal(layout.MethodDefinition(b"probe", address, layout.FASTCALL, None))
    made = layout.function_of(definition, own)
    yield words_at(id(made) + HEAD, 2) == (ctypes.addressof(definition), id(own))


# -------------------------------------------------------------------------------------- NumPy


def _samples() -> list[Any]:
    base = np.arange(24, dtype=np.float32)
    odd = np.zeros(33, np.int8)[1:].view(np.int64)
    fixed = np.arange(6.0)
    fixed.flags.writeable = False
    views = [base, base.reshape(4, 6)[:, 1:], base.reshape(2, 3, 4).T, odd, fixed]
    return [*views, np.broadcast_to(base, (2, 24)), np.array(1.5), np.zeros((0, 3), np.complex128)]


def _arrays() -> Iterator[bool]:
    for array in _samples():
        at = id(array)
        dims, strides = _word(array, ARRAY["dims"]), _word(array, ARRAY["strides"])
        yield _word(array, ARRAY["data"]) == array.__array_interface__["data"][0]
        yield _int(array, ARRAY["ndim"]) == array.ndim
        yield words_at(dims, array.ndim) == array.shape if array.ndim else True
        yield words_at(strides, array.ndim) == array.strides if array.ndim else True
        yield _word(array, ARRAY["base"]) == (0 if array.base is None else id(array.base))
        yield words_at(at + ARRAY["descr"])[0] == id(array.dtype)


def _flags() -> Iterator[bool]:
    for array in _samples():
        flags, said = _int(array, ARRAY["flags"]), array.flags
        yield bool(flags & Flag.C_CONTIGUOUS) == said.c_contiguous
        yield bool(flags & Flag.F_CONTIGUOUS) == said.f_contiguous
        yield bool(flags & Flag.OWNDATA) == said.owndata
        yield bool(flags & Flag.ALIGNED) == said.aligned
        yield bool(flags & Flag.WRITEABLE) == said.writeable


def _dtypes() -> Iterator[bool]:
    for name in ("bool", "int8", "float16", "float64", "complex128", "O", "V20", "U3"):
        dtype = np.dtype(name)
        yield _word(dtype, DESCRIPTION["elsize"]) == dtype.itemsize
        yield _word(dtype, DESCRIPTION["flags"]) == dtype.flags


def _handlers() -> Iterator[bool]:
    """An array that owns its memory has a capsule of a name and a version, which NumPy tells."""
    from numpy._core import _multiarray_umath as umath

    owner = np.empty(100)
    capsule = _word(owner, ARRAY["handler"])
    yield words_at(capsule + OBJECT_TYPE)[0] == id(type(umath._ARRAY_API))
    get = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(
        ("PyCapsule_GetPointer", ctypes.pythonapi)
    )
    name = umath.get_handler_name(owner).encode()
    content = memory_at(get(capsule, b"mem_handler"), 128)
    yield content[:127].rstrip(b"\0").partition(b"\0")[0] == name
    yield content[127] == umath.get_handler_version(owner) == 1


def _table() -> Iterator[bool]:
    """NumPy's functions: its version first, which is the first entry of all versions' tables."""
    table = layout.numpy_table()
    (first,) = words_at(table)
    yield ctypes.PYFUNCTYPE(ctypes.c_uint)(first)() == _ABI
    for item, place in _PLACES.items():
        yield words_at(table + 8 * place)[0] == id(item)
    make = ctypes.PYFUNCTYPE(
        ctypes.py_object, ctypes.py_object, ctypes.py_object, ctypes.c_int, ctypes.c_void_p,
        ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p,
    )(words_at(table + 8 * layout.NEW_FROM_DESCR)[0])  # fmt: skip
    dtype, dims = layout.immortal(np.dtype("int16")), (ctypes.c_int64 * 2)(3, 5)  # it keeps one
    made = make(np.ndarray, dtype, 2, ctypes.addressof(dims), None, None, 0, None)
    yield type(made) is np.ndarray and made.shape == (3, 5) and made.dtype == dtype


def _int(item: Any, offset: int) -> int:
    return struct.unpack("i", memory_at(id(item) + offset, 4))[0]


_CHECKS: dict[str, Callable[[], Iterator[bool]]] = {
    "objects of Python": _objects,
    "tuples": _tuples,
    "bytes": _bytes,
    "slots": _slots,
    "builtin functions": _builtins,
    "NumPy's arrays": _arrays,
    "flags of NumPy's arrays": _flags,
    "NumPy's dtypes": _dtypes,
    "NumPy's memory handlers": _handlers,
    "NumPy's functions": _table,
}
