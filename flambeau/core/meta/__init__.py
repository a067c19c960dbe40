"""The device "meta": tensors that have a shape, strides and a dtype, but no elements.

Operations run on it by their one definition. What they are given instead of an array is a `MetaArray`,
which answers NumPy's functions with what the result would be like (`function.py`, `shape.py`, `linalg.py`,
`ufunc.py`); kernels of machine code have their results' shapes in `kernel.py`. What depends on elements refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..backend import HostBackend
from ..twin import Arrays
from . import kernel, linalg, shape
from .array import MetaArray, without_elements
from .function import elementwise


class Shapes:
    """NumPy for arrays without elements: its functions, except that those that make arrays make such."""

    __name__ = "meta"
    ndarray = MetaArray

    def empty(self, shape: Any, dtype: Any = float, order: str = "C") -> MetaArray:
        return MetaArray(_sizes(shape), dtype)

    zeros = ones = empty

    def full(self, shape: Any, value: Any, dtype: Any = None) -> MetaArray:
        return MetaArray(_sizes(shape), np.asarray(value).dtype if dtype is None else dtype)

    def eye(self, n: int, m: int | None = None, k: int = 0, dtype: Any = float) -> MetaArray:
        return MetaArray((n, n if m is None else m), dtype)

    def asarray(self, array: Any, dtype: Any = None, order: str | None = None) -> Any:
        if not isinstance(array, MetaArray):
            found = np.asarray(array, dtype)
            return MetaArray(found.shape, found.dtype)
        if order is not None:
            array = array.copy(order)
        return array if dtype is None else array.astype(dtype, copy=False)

    def ascontiguousarray(self, array: Any, dtype: Any = None) -> Any:
        array = self.asarray(array, dtype)
        if array.ndim == 0:
            return array.reshape(1)
        return array if array.flags.c_contiguous else array.copy()

    def own(self, function: Any, reduces: bool) -> Any:
        """A function of NumPy's arrays that a formula calls, for arrays without elements."""
        return ARRAYS.exchanged(function) if reduces else elementwise(function)

    @property
    def lib(self) -> Any:
        windows = (
            np.lib.stride_tricks.sliding_window_view
        )  # asks the array, as all functions of NumPy
        tricks = SimpleNamespace(as_strided=shape.as_strided, sliding_window_view=windows)
        return SimpleNamespace(stride_tricks=tricks)

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)


def _sizes(shape: Any) -> tuple[int, ...]:
    return (int(shape),) if np.ndim(shape) == 0 else tuple(int(n) for n in shape)


MetaArray.xp = Shapes()


_MANY = 4096
"""Elements up to which a definition's own arrays are made; a place in a larger one is as good as any."""


class Definitions(Shapes):
    """What definitions see as NumPy: arrays that they make of lists, for their own use, have elements."""

    ndarray: Any = np.ndarray  # which no array without elements is

    def asarray(self, array: Any, dtype: Any = None, order: str | None = None) -> Any:
        known = isinstance(array, MetaArray)
        return super().asarray(array, dtype, order) if known else np.asarray(array, dtype)

    def array(self, array: Any, dtype: Any = None, copy: bool = True) -> Any:
        return self.asarray(array, dtype).copy()

    def arange(self, *bounds: Any, dtype: Any = None) -> Any:
        if all(isinstance(n, int) for n in bounds) and len(range(*bounds)) > _MANY:
            return MetaArray((len(range(*bounds)),), np.int64 if dtype is None else dtype)
        return np.arange(*bounds, dtype=dtype)

    def tri(self, n: int, m: int | None = None, k: int = 0, dtype: Any = float) -> Any:
        return self.eye(n, m, k, dtype)

    def ascontiguousarray(self, array: Any, dtype: Any = None) -> Any:
        if isinstance(array, MetaArray):
            return super().ascontiguousarray(array, dtype)
        return np.ascontiguousarray(array, dtype)


ARRAYS = Arrays(MetaArray, Definitions(), kernel.KERNELS, kernel.MAKES, lambda array: "meta")


class MetaBackend(HostBackend):
    """One device without a number, like the CPU; nothing on it can be moved anywhere else."""

    name = "meta"
    has_elements = False

    def module(self, index: int | None) -> Any:
        return MetaArray.xp

    def build(self, index: int | None, *facts: Any, **options: Any) -> Callable | None:
        return None

    def foreach(self, index: int | None, *facts: Any, **options: Any) -> Callable | None:
        return None

    def number(self, index: int | None, value: Any, dtype: Any) -> Any:
        return MetaArray.xp.asarray(value, dtype)

    def to(self, array: Any, index: int | None, non_blocking: bool = False) -> Any:
        if isinstance(array, MetaArray):
            return array
        return MetaArray(array.shape, array.dtype, array.strides)

    def to_host(self, array: Any, non_blocking: bool = False) -> Any:
        raise NotImplementedError(
            "Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of "
            "torch.nn.Module.to() when moving module from meta to a different device, and "
            "torch.empty_like(x, device=...) for a tensor"
        )


__all__ = ["MetaArray", "MetaBackend", "Shapes", "kernel", "linalg", "shape", "without_elements"]
