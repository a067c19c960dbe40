"""The device "meta": tensors that have a shape, strides and a dtype, but no elements.

They say what a tensor would be like: the sizes of a model before it has memory, a tensor of a file
that was saved so. Nothing can be computed with them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np

from .backend import HostBackend


class MetaArray:
    """What stands for an array of a meta tensor; it has those of NumPy's attributes that need no
    elements."""

    __slots__ = ("dtype", "shape", "strides")

    base = None
    data = SimpleNamespace(ptr=0)
    xp: Any = None  # the functions that make such arrays

    def __init__(self, shape: Sequence[int], dtype: Any, strides: Sequence[int] | None = None):
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self.strides = _steps(self.shape, self.itemsize) if strides is None else tuple(strides)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def flags(self) -> Any:
        pairs = zip(self.shape, self.strides, _steps(self.shape, self.itemsize))
        is_plain = not self.size or all(n == 1 or a == b for n, a, b in pairs)
        return SimpleNamespace(
            c_contiguous=is_plain, forc=is_plain, f_contiguous=self.ndim < 2, writeable=True
        )

    def copy(self, order: str = "C") -> MetaArray:
        """Another one like it."""
        return MetaArray(self.shape, self.dtype, self.strides)

    def astype(self, dtype: Any, copy: bool = True) -> MetaArray:
        """One of another dtype, without gaps."""
        return self if not copy and self.dtype == dtype else MetaArray(self.shape, dtype)

    def transpose(self, axes: Sequence[int] | None = None) -> MetaArray:
        """The dimensions in another order, or turned round."""
        order = range(self.ndim)[::-1] if axes is None else axes
        shape, strides = [self.shape[i] for i in order], [self.strides[i] for i in order]
        return MetaArray(shape, self.dtype, strides)

    def fill(self, value: Any) -> None:
        """Nothing: there is nothing to fill."""

    def __getattr__(self, name: str) -> NoReturn:
        raise without_elements(name)

    def __array_function__(self, function: Any, types: Any, args: tuple, kwargs: dict) -> None:
        """NumPy's functions refuse, except that what is written here is gone."""
        if function is not np.copyto or args[0] is not self:
            raise without_elements(function.__name__)
        np.broadcast_shapes(getattr(args[1], "shape", ()), self.shape)

    def __array_ufunc__(self, function: Any, *args: Any, **kwargs: Any) -> NoReturn:
        raise without_elements(function.__name__)

    def _refuse(self, *operands: Any) -> NoReturn:
        raise without_elements("it")

    __getitem__ = __setitem__ = __iter__ = __bool__ = __array__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse  # type: ignore[assignment]
    __hash__ = object.__hash__


def _steps(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    steps, step = [], itemsize
    for n in reversed(shape):
        steps.append(step)
        step *= max(n, 1)
    return tuple(reversed(steps))


def without_elements(name: str) -> NotImplementedError:
    """The refusal of what needs elements."""
    return NotImplementedError(
        f"Cannot copy out of meta tensor; no data! ({name} needs elements; a tensor on the device "
        "'meta' has only a shape and a dtype. Make one with torch.empty(x.shape, dtype=x.dtype))"
    )


class _Functions:
    """The module of array functions: those that make arrays."""

    __name__ = "meta"
    ndarray = MetaArray

    def empty(self, shape: Any, dtype: Any = float) -> MetaArray:
        return MetaArray((shape,) if isinstance(shape, int) else shape, dtype)

    zeros = ones = empty

    def full(self, shape: Any, value: Any, dtype: Any = float) -> MetaArray:
        return self.empty(shape, dtype)

    def copyto(self, target: MetaArray, source: Any, casting: str = "same_kind") -> None:
        np.copyto(target, source)  # type: ignore[arg-type]

    def asarray(self, array: Any, dtype: Any = None) -> MetaArray:
        return array if isinstance(array, MetaArray) else MetaArray(np.shape(array), dtype)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise without_elements(name)


MetaArray.xp = _Functions()


class MetaBackend(HostBackend):
    """One device without a number, like the CPU; nothing on it can be moved anywhere else."""

    name = "meta"
    xp: Any = MetaArray.xp

    def to(self, array: Any, index: int | None, non_blocking: bool = False) -> Any:
        if isinstance(array, MetaArray):
            return array
        return MetaArray(array.shape, array.dtype, array.strides)

    def to_host(self, array: Any) -> Any:
        raise without_elements("moving it to another device")
