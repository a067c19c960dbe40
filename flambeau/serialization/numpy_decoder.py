"""NumPy's scalars, arrays and dtypes in files: made of their bytes, by no code of the file's.

A dtype and an array are whole only when their state is set; until then a draft stands for them, so
no object of NumPy's is ever changed from a file.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np

from ..core.dtype import DTYPES
from .constructor import constructs, wrong
from .error import SerializationError
from .internal import Draft, Name
from .machine import Machine

MAX_DIMS = 64
MAX_FIELDS = 1_000
MAX_LEVELS = 32
_CODE = re.compile(r"[biufcSUmMV][0-9]{1,10}")
_UNITS = frozenset(
    (b"Y", b"M", b"W", b"D", b"h", b"m", b"s", b"ms", b"us", b"ns", b"ps", b"fs", b"as", b"generic")
)
_ALIGNED = 128  # NumPy's flag of a structure laid out as C would

_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
ARRAY_CLASS = "numpy ndarray"


def extension_names() -> set[str]:
    """The classes of the package ml_dtypes that dtypes of ours have."""
    return {f"ml_dtypes {item.name}" for item in DTYPES.values() if item.is_extension}


@constructs("dtype", modules=("numpy",))
def draft_of_dtype(machine: Machine, code: Any, *flags: Any) -> Draft:
    if isinstance(code, Name) and code.text in extension_names():
        return _DType(machine, DTYPES[code.text.partition(" ")[2]].numpy)
    if type(code) is not str or not _CODE.fullmatch(code):
        raise wrong("a NumPy dtype", code)
    return _DType(machine, np.dtype(code))


class _DType(Draft):
    """A dtype whose byte order, fields or unit are not known yet."""

    __slots__ = ("machine", "plain")

    def __init__(self, machine: Machine, plain: np.dtype):
        self.machine, self.plain = machine, plain

    def complete(self, state: Any) -> np.dtype:
        if type(state) is not tuple or not 2 <= len(state) <= 9 or state[1] not in tuple("<>|="):
            raise wrong("a NumPy dtype", state)
        _, order, sub, names, fields, itemsize, _, flags = (*state, *(None,) * 6)[:8]
        if self.plain.kind in "mM" and len(state) == 9:
            return _in_unit(self.plain, state[8]).newbyteorder(order)
        if sub is not None:
            return _checked(self.machine, _sub_array(sub))
        if names is not None:
            return _checked(self.machine, _structure(names, fields, itemsize, flags))
        return self.plain.newbyteorder(order)


def _in_unit(plain: np.dtype, metadata: Any) -> np.dtype:
    parts = metadata[1] if type(metadata) is tuple and len(metadata) == 2 else None
    if type(parts) is not tuple or len(parts) != 4 or parts[0] not in _UNITS:
        raise wrong("a NumPy dtype of times", metadata)
    unit, count = parts[:2]
    if type(count) is not int or not 0 < count < 2**31:
        raise wrong("a NumPy dtype of times", metadata)
    return np.dtype(plain.str if unit == b"generic" else f"{plain.char}8[{count}{unit.decode()}]")


def _sub_array(parts: Any) -> np.dtype:
    if type(parts) is not tuple or len(parts) != 2 or not isinstance(parts[0], np.dtype):
        raise wrong("a NumPy dtype of arrays", parts)
    if not _is_shape(parts[1]):
        raise wrong("a NumPy dtype of arrays", parts[1])
    return np.dtype((parts[0], parts[1]))


def _structure(names: Any, fields: Any, itemsize: Any, flags: Any) -> np.dtype:
    is_known = type(names) is tuple and type(fields) is dict and len(names) <= MAX_FIELDS
    if not is_known or any(type(name) is not str or name not in fields for name in names):
        raise wrong("a NumPy structure", names)
    parts = [fields[name] for name in names]
    for part in parts:
        if type(part) is not tuple or not 2 <= len(part) <= 3 or not isinstance(part[0], np.dtype):
            raise wrong("a field of a NumPy structure", part)
        if type(part[1]) is not int or (len(part) == 3 and type(part[2]) is not str):
            raise wrong("a field of a NumPy structure", part)
    if type(itemsize) is not int or type(flags) is not int:
        raise wrong("a NumPy structure", (itemsize, flags))
    spec: Any = {
        "names": list(names),
        "formats": [part[0] for part in parts],
        "offsets": [part[1] for part in parts],
        "itemsize": itemsize,
    }
    if any(len(part) == 3 for part in parts):
        spec["titles"] = [part[2] if len(part) == 3 else None for part in parts]
    return np.dtype(spec, align=bool(flags & _ALIGNED))


def _checked(machine: Machine, made: np.dtype) -> np.dtype:
    """Refuse a structure of structures that has more fields than anybody can print."""
    count, levels = _size_of(made)
    machine.spend(count)
    if count > MAX_FIELDS or levels > MAX_LEVELS:
        raise SerializationError(
            f"a NumPy dtype of the file has more than {MAX_FIELDS} fields or {MAX_LEVELS} levels"
        )
    return made


def _size_of(made: np.dtype) -> tuple[int, int]:
    """How many fields there are, those of fields included, and how many levels; the parts of `made`
    have been checked."""
    parts = [made.base] if made.subdtype else [made.fields[name][0] for name in made.names or ()]  # type: ignore[index]
    sizes = [_size_of(part) for part in parts]
    return 1 + sum(n for n, _ in sizes), 1 + max((level for _, level in sizes), default=0)


def _is_shape(shape: Any) -> bool:
    is_tuple = type(shape) is tuple and len(shape) <= MAX_DIMS
    return is_tuple and all(type(n) is int and 0 <= n < 2**62 for n in shape)


@constructs("scalar", modules=_MULTIARRAY)
def scalar(machine: Machine, kind: Any, data: Any) -> Any:
    """A NumPy number, string or record of its bytes."""
    return _array(machine, (), kind, data, "C")[()]


@constructs("_reconstruct", modules=_MULTIARRAY)
def draft_of_array(machine: Machine, cls: Any, *args: Any) -> Draft:
    if not isinstance(cls, Name) or cls.text != ARRAY_CLASS:
        raise wrong("a NumPy array", cls)
    return _Array(machine)


class _Array(Draft):
    """An array that gets its shape and bytes yet."""

    __slots__ = ("machine",)

    def __init__(self, machine: Machine):
        self.machine = machine

    def complete(self, state: Any) -> np.ndarray:
        if type(state) is not tuple or len(state) != 5:
            raise wrong("a NumPy array", state)
        _, shape, kind, is_fortran, data = state
        return _array(self.machine, shape, kind, data, "F" if is_fortran is True else "C")


def _array(machine: Machine, shape: Any, kind: Any, data: Any, order: Any) -> np.ndarray:
    """A new array of given bytes, neither more nor fewer than it needs."""
    if type(data) is str:  # as Python 2 wrote it
        data = data.encode("latin1")
    if not _is_shape(shape) or not isinstance(kind, np.dtype) or type(data) is not bytes:
        raise wrong("a NumPy array", (shape, kind, data))
    if len(data) != math.prod(shape) * kind.itemsize:
        raise SerializationError(
            f"a NumPy array of the file should have {math.prod(shape) * kind.itemsize} bytes, but "
            f"{len(data)} are there"
        )
    machine.spend(len(data) + 8 * len(shape))
    made = np.ndarray(shape, kind, data, order=order).copy(order="K")
    check_bools(made)
    return made


def check_bools(array: np.ndarray) -> None:
    """Refuse bools of other bytes than 0 and 1: code that counts before it writes relies on them."""
    if array.dtype.names:
        for name in array.dtype.names:
            check_bools(array[name])
    elif array.dtype.kind == "b" and array.size and array.view(np.uint8).max() > 1:
        raise SerializationError("an array of bools in the file has other bytes than 0 and 1")
