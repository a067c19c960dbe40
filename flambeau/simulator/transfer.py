"""What brings an array's elements to the host and back, and what is refused: implicit copies."""

from __future__ import annotations

from typing import Any

import numpy as np

from .capture import run, synchronizes
from .cuda.pinned_memory import is_pinned


class Transfers:
    """Methods of arrays whose elements leave the device, or come to it.

    They wait for the GPU, so a stream that is captured refuses them.
    """

    __slots__ = ()

    _host: np.ndarray

    def get(
        self,
        stream: Any = None,
        order: Any = "C",
        out: np.ndarray | None = None,
        blocking: bool = True,
    ) -> np.ndarray:
        """A copy in host memory; into `out`, of the same shape and dtype, where that is given."""
        synchronizes()
        host = self._host
        if out is None:
            if order == "A":
                flags = host.flags
                order = "F" if flags.f_contiguous and not flags.c_contiguous else "C"
            return np.array(host, order=order, copy=True)  # type: ignore[call-overload, no-any-return]
        if type(out) is not np.ndarray:
            raise TypeError("Only numpy.ndarray can be obtained from cupy.ndarray")
        if out.shape != host.shape:
            raise ValueError(
                f"Shape mismatch. Expected shape: {host.shape}, actual shape: {out.shape}"
            )
        if out.dtype != host.dtype:
            raise TypeError(
                f"{host.dtype.name} array cannot be obtained from {out.dtype.name} array"
            )
        if not out.flags.forc:
            raise RuntimeError("Cannot copy to non-contiguous array")
        out[...] = host
        return out

    def set(self, arr: Any, stream: Any = None) -> None:
        """Copy a host array of the same shape and dtype into it.

        A captured copy reads the array at each replay, so it is taken of page-locked memory only.
        """
        if not is_pinned(arr):
            synchronizes()
        host = self._host
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if host.dtype != arr.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {host.dtype} array")
        if host.shape != arr.shape:
            raise ValueError(f"Shape mismatch. Old shape: {host.shape}, new shape: {arr.shape}")
        if not host.flags.forc:
            raise RuntimeError("Cannot set to non-contiguous array")
        run(lambda: np.copyto(host, arr))

    def item(self) -> Any:
        """Its only element, as Python's number."""
        if self._host.size != 1:
            raise ValueError("can only convert an array of size 1 to a Python scalar")
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def tobytes(self, order: Any = "C") -> bytes:
        return self.get().tobytes(order)

    def __array__(self, dtype: Any = None) -> np.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __bool__(self) -> bool:
        return bool(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __float__(self) -> float:
        return float(self.get())

    def __complex__(self) -> complex:
        return complex(self.get())

    def __repr__(self) -> str:
        return repr(self.get())

    def __str__(self) -> str:
        return str(self.get())

    def __format__(self, text: str) -> str:
        return format(self.get(), text)
