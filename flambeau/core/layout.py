"""How elements lie in memory: torch.layout, torch.memory_format, and new arrays laid out by them.

The four arguments ``layout=``, ``pin_memory=``, ``memory_format=`` and ``non_blocking=`` are checked
here, by `check_options` and `check_memory_format`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from .. import kernels
from .device import backends
from .twin import KNOWN


class _Named:
    """A fixed set of objects that are known by name and can neither be made nor copied."""

    __slots__ = ("name",)

    name: str

    def __new__(cls, *args: object, **kwargs: object) -> NoReturn:  # type: ignore[misc]
        raise TypeError(f"cannot create 'torch.{cls.__name__}' instances")

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return named, (self.name,)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: object) -> Any:
        return self


class layout(_Named):
    """The scheme by which a tensor stores its elements; flambeau's tensors are all `strided`.

    Source: torch.layout
    """

    __module__ = "flambeau"
    __slots__ = ()


class memory_format(_Named):
    """The order in which a new tensor's dimensions lie in memory.

    Source: torch.memory_format
    """

    __module__ = "flambeau"
    __slots__ = ()


NAMES: dict[str, Any] = {}
"""Every layout and memory format by its public name."""


def named(name: str) -> Any:
    """The inverse of pickling."""
    return NAMES[name]


def _define(cls: type, *names: str) -> None:
    for name in names:
        made: Any = object.__new__(cls)
        NAMES[name] = made
        made.name = name


_define(layout, "strided", "sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
_define(layout, "jagged", "_mkldnn")
_define(memory_format, "contiguous_format", "preserve_format", "channels_last", "channels_last_3d")
strided: layout = NAMES["strided"]
contiguous_format: memory_format = NAMES["contiguous_format"]
preserve_format: memory_format = NAMES["preserve_format"]
channels_last: memory_format = NAMES["channels_last"]
channels_last_3d: memory_format = NAMES["channels_last_3d"]
NAMES["legacy_contiguous_format"] = contiguous_format

CHANNELS_LAST = {channels_last: (0, 2, 3, 1), channels_last_3d: (0, 2, 3, 4, 1)}
"""The dimensions of the formats with channels last, from the outermost in memory to the innermost."""


# -------------------------------------------------------------------------------------- checks


def check_options(function: str, layout_: Any = None, pin_memory: Any = None) -> None:
    """Refuse a layout= or pin_memory= that a function that makes tensors cannot honour.

    Call it only where one of them was given: ``if layout is not None or pin_memory: ...``.

    Raises:
        TypeError: One is of the wrong type.
        NotImplementedError: A layout other than strided.
        RuntimeError: pin_memory, and there is no page-locked memory.
    """
    if layout_ is not None and layout_ is not strided:
        if not isinstance(layout_, layout):
            raise TypeError(
                f"{function}(): argument 'layout' must be torch.layout, not "
                f"{type(layout_).__name__}"
            )
        raise NotImplementedError(
            f"{function}() cannot make a tensor with layout={layout_!r}: tensors here are dense; "
            "leave layout out, or pass torch.strided"
        )
    if pin_memory is not None and not isinstance(pin_memory, bool):
        raise TypeError(
            f"{function}(): argument 'pin_memory' must be bool, not {type(pin_memory).__name__}"
        )
    if pin_memory and backends.accelerator() is None:
        raise RuntimeError(
            "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory "
            f"allocator is available on this system. Call {function}() without it."
        )


def check_memory_format(function: str, given: Any, ndim: int | None = None) -> None:
    """Refuse a memory_format= of the wrong type, or one that `ndim` dimensions do not fit.

    Raises:
        TypeError: It is no memory format.
        RuntimeError: channels_last for a rank other than 4, channels_last_3d for other than 5.
    """
    if not isinstance(given, memory_format):
        raise TypeError(
            f"{function}(): argument 'memory_format' must be torch.memory_format, not "
            f"{type(given).__name__}"
        )
    order = CHANNELS_LAST.get(given)
    if order is not None and ndim is not None and ndim != len(order):
        raise RuntimeError(
            f"required rank {len(order)} tensor to use {given.name} format, but {function}() has "
            f"one of rank {ndim}"
        )


# -------------------------------------------------------------------------------------- arrays


def memory_order(shape: Sequence[int], strides: Sequence[int]) -> list[int]:
    """The dimensions of a strided array from the outermost in memory to the innermost.

    Steps of zero (expanded dimensions) say nothing: such a dimension stays where it is among its
    neighbours. Of equal steps the longer dimension is the outer one.
    """
    order = list(range(len(shape) - 1, -1, -1))  # from the innermost
    for i in range(1, len(order)):
        at = i
        for j in range(i - 1, -1, -1):
            inside = _is_inside(shape, strides, order[at], order[j])
            if inside:
                order[j], order[at] = order[at], order[j]
                at = j
            elif inside is False:
                break
    return order[::-1]


def _is_inside(shape: Sequence[int], strides: Sequence[int], i: int, j: int) -> bool | None:
    """Does dimension i lie inside j in memory? None where their steps do not tell."""
    a, b = abs(strides[i]), abs(strides[j])
    if not a or not b:
        return None
    if a == b:
        return True if shape[i] < shape[j] else None
    return a < b


def _empty(xp: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    return kernels.array.zeros.fresh(shape, np.dtype(dtype)) if xp is np else xp.empty(shape, dtype)


def empty_ordered(xp: Any, shape: Sequence[int], dtype: Any, order: Sequence[int]) -> Any:
    """An array without gaps, not initialised, whose dimensions lie in memory in `order`."""
    made = _empty(xp, tuple([shape[i] for i in order]), dtype)
    inverse = [0] * len(order)
    for position, i in enumerate(order):
        inverse[i] = position
    return made.transpose(inverse)


def empty(xp: Any, shape: Sequence[int], dtype: Any, given: memory_format) -> Any:
    """An array without gaps, not initialised, in a memory format that was checked.

    Raises:
        RuntimeError: For preserve_format, which needs a tensor to preserve the format of.
    """
    if given is preserve_format:
        raise RuntimeError(
            "unsupported memory format Preserve: there is no tensor whose format could be kept; "
            "use torch.contiguous_format"
        )
    order = CHANNELS_LAST.get(given)
    return (
        _empty(xp, tuple(shape), dtype) if order is None else empty_ordered(xp, shape, dtype, order)
    )


def module_of(array: Any) -> Any:
    """The module whose functions work on an array: numpy, cupy."""
    cls = array.__class__
    if cls is np.ndarray:
        return np
    found = KNOWN.get(cls)
    if found is not None:
        return getattr(cls, "xp", found.numpy)
    return sys.modules[cls.__module__.partition(".")[0]]


def empty_like(array: Any, dtype: Any, given: memory_format | None = None, xp: Any = None) -> Any:
    """An array of `array`'s shape, not initialised; by default in the order of its dimensions, and
    where `array` is."""
    xp = xp or module_of(array)
    if given is not None and given is not preserve_format:
        return empty(xp, array.shape, dtype, given)
    if array.flags.c_contiguous:
        return _with_steps_of(xp, _empty(xp, array.shape, dtype), array)
    made = empty_ordered(xp, array.shape, dtype, memory_order(array.shape, array.strides))
    return _with_steps_of(xp, made, array)


def _with_steps_of(xp: Any, made: Any, array: Any) -> Any:
    """`made` with the very strides of an array without gaps, dimensions of size 1 included."""
    wanted, size = array.strides, array.itemsize
    if made.itemsize != size:
        wanted = tuple([step // size * made.itemsize for step in wanted])
    if wanted == made.strides or not array.size:
        return made
    if any(a != b and n != 1 for a, b, n in zip(wanted, made.strides, made.shape)):
        return made
    return xp.lib.stride_tricks.as_strided(made, made.shape, wanted)


def copy_of(array: Any, dtype: Any, given: memory_format | None = None) -> Any:
    """A copy of `array` in another dtype or memory format."""
    made = empty_like(array, dtype, given)
    if array.__class__ is np.ndarray:
        kernels.array.copy.copy_into(made, array)
    else:
        module_of(array).copyto(made, array, casting="unsafe")
    return made


def is_contiguous(array: Any, given: memory_format = contiguous_format) -> bool:
    """Do the elements lie in this format, without gaps?"""
    order = CHANNELS_LAST.get(given)
    if order is None:
        return bool(array.flags.c_contiguous)
    if array.ndim != len(order):
        return False
    expected = array.itemsize
    for i in reversed(order):
        size = array.shape[i]
        if size != 1:
            if array.strides[i] != expected:
                return array.size == 0
            expected *= size
    return True
