"""NumPy's scalars, arrays and dtypes in old checkpoints: read from their bytes, by no code of the file's."""

from __future__ import annotations

from typing import Any

import numpy as np

from .error import SerializationError

NAMES = {
    "numpy dtype": "dtype",
    "numpy ndarray": "ndarray",
    **{
        f"numpy.{core}.multiarray {name}": name
        for core in ("core", "_core")
        for name in ("scalar", "_reconstruct")
    },
}
"""What a name of the stream means here."""


class DType:
    """A dtype of the stream; its byte order comes afterwards, as its state."""

    __slots__ = ("numpy",)

    def __init__(self, code: Any, *flags: Any):
        if not isinstance(code, str) or not 2 <= len(code) <= 3 or code[0] not in "biufc":
            raise SerializationError(
                f"a NumPy dtype of the file is {code!r}; only numbers are read"
            )
        self.numpy = np.dtype(code)

    def set_state(self, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise SerializationError("a NumPy dtype of the file has an unknown state")
        self.numpy = self.numpy.newbyteorder(state[1])


def scalar(kind: Any, data: Any) -> Any:
    """A NumPy number of its bytes."""
    if not isinstance(kind, DType) or not isinstance(data, bytes):
        raise SerializationError("a NumPy number of the file is not given by its bytes")
    if len(data) != kind.numpy.itemsize:
        raise SerializationError("a NumPy number of the file has the wrong number of bytes")
    return np.frombuffer(data, kind.numpy)[0].astype(kind.numpy.newbyteorder("="))


def empty(*args: Any) -> np.ndarray:
    """An array that gets its shape and bytes afterwards, as its state."""
    return np.empty(0, np.uint8)


def set_array_state(array: np.ndarray, state: Any) -> None:
    """Shape, dtype and bytes of an array that `empty` made."""
    if not isinstance(state, tuple) or len(state) != 5:
        raise SerializationError("a NumPy array of the file has an unknown state")
    _, shape, kind, is_fortran, data = state
    natural = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not natural or len(shape) > 32 or not isinstance(kind, DType) or not isinstance(data, bytes):
        raise SerializationError("a NumPy array of the file is not given by its shape and bytes")
    count = 1
    for n in shape:
        count *= n
    if len(data) != count * kind.numpy.itemsize:
        raise SerializationError("a NumPy array of the file has the wrong number of bytes")
    array.__setstate__((1, shape, kind.numpy, bool(is_fortran), data))  # type: ignore[arg-type]
