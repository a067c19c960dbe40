"""NumPy's arrays, scalars and dtypes, as the pickler writes them: by their bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .numpy_decoder import ARRAY_CLASS
from .pickler import FAMILIES, Parts, Pickler, refuse

_RECONSTRUCT = np.zeros(0).__reduce__()[0]
_MODULE = _RECONSTRUCT.__module__  # numpy.core.multiarray before NumPy 2


def _writer(cls: type) -> Callable[[Pickler, Any], Parts] | None:
    """How objects of a class of NumPy's are written."""
    if cls is np.ndarray:
        return _array
    if issubclass(cls, np.ndarray):
        return refuse(cls, f"a NumPy {cls.__name__} (np.asarray(x) makes a plain array of it)")
    if issubclass(cls, np.generic):
        return _scalar
    return _dtype if issubclass(cls, np.dtype) else None


def _scalar(pickler: Pickler, obj: np.generic) -> None:
    pickler.name(f"{_MODULE} scalar")
    pickler.out += b"("
    _dtype(pickler, obj.dtype)
    pickler.plain(obj.tobytes())
    pickler.out += b"tR"


def _array(pickler: Pickler, obj: np.ndarray) -> None:
    _check(obj.dtype)
    pickler.name(f"{_MODULE} _reconstruct")
    pickler.out += b"("
    pickler.name(ARRAY_CLASS)
    pickler.plain((0,))
    pickler.plain(b"b")
    pickler.out += b"tR"
    pickler.remember(obj)
    is_fortran = obj.flags.f_contiguous and not obj.flags.c_contiguous
    pickler.out += b"("
    pickler.plain(1)
    pickler.plain(obj.shape)
    _dtype(pickler, obj.dtype)
    pickler.plain(is_fortran)
    pickler.plain(obj.tobytes("F" if is_fortran else "C"))
    pickler.out += b"tb"


def _check(kind: np.dtype) -> None:
    if kind.hasobject:
        raise TypeError(
            f"cannot save a NumPy array of {kind}: its elements are Python objects; save a list, or "
            "convert it with .astype(...)"
        )


def _dtype(pickler: Pickler, obj: np.dtype) -> None:
    _check(obj)
    place = pickler.memo.get(id(obj))
    if place is not None:
        pickler.recall(place)
        return
    parts: Any = obj.__reduce__()
    code, state = parts[1][0], parts[2]
    pickler.name("numpy dtype")
    pickler.out += b"("
    if isinstance(code, type):
        pickler.name(f"{code.__module__} {code.__name__}")
    else:
        pickler.plain(code)
    pickler.out += b"\x89\x88tR"
    pickler.remember(obj)
    _state(pickler, state)
    pickler.out += b"b"


def _state(pickler: Pickler, value: Any) -> None:
    """A part of a dtype's state: tuples, dicts and dtypes of plain values."""
    if isinstance(value, np.dtype):
        _dtype(pickler, value)
    elif isinstance(value, tuple):
        pickler.out += b"("
        for part in value:
            _state(pickler, part)
        pickler.out += b"t"
    elif isinstance(value, dict) or type(value).__name__ == "mappingproxy":
        pickler.out += b"}("
        for key, part in value.items():
            pickler.plain(key)
            _state(pickler, part)
        pickler.out += b"u"
    else:
        pickler.plain(value)


FAMILIES.append(_writer)
