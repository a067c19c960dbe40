"""The memory behind arrays: whose it is, and arrays at a place in it.

A view's NumPy array knows the array that owns its memory (``base``); tensors share a storage if and
only if their arrays have one owner.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from .twin import module_of


class _Holder:
    """Keeps another's array alive where NumPy would look through an array to the memory's owner."""

    __slots__ = ("__array_interface__", "array")

    def __init__(self, array: np.ndarray, writable: bool):
        self.array, self.__array_interface__ = array, array.__array_interface__
        if array.dtype.isbuiltin == 2:  # a package's own type, whose name NumPy cannot read
            self.__array_interface__ |= {"typestr": f"|V{array.itemsize}", "descr": None}
        if writable:
            self.__array_interface__["data"] = address(array), False


def foreign(array: np.ndarray, writable: bool = False) -> np.ndarray:
    """A plain array on another's memory, which counts as the owner of what is seen through it.

    Without it the storage of a tensor made from ``array[2:]`` would be all of ``array``'s memory. With
    `writable` it may be written to even if `array` does not say so.
    """
    if not array.size:
        return array.view(np.ndarray)
    if not writable and array.base is None and array.flags.carray:
        return array.view(np.ndarray)  # all of its memory
    held = np.asarray(_Holder(array, writable))
    return held if held.dtype == array.dtype else held.view(array.dtype)


def is_writable(array: Any) -> bool:
    """May it be written to? Only NumPy's arrays can be locked."""
    return getattr(array.flags, "writeable", True)


def set_writable(array: Any, allowed: bool) -> None:
    """Lock an array, or let it be written to, where arrays can be locked."""
    if hasattr(array.flags, "writeable"):
        array.flags.writeable = allowed


def owner(array: Any) -> Any:
    """The array that holds the memory of `array`, possibly itself."""
    base = array.base
    while base.__class__ is array.__class__:
        array = base
        base = array.base
    return array


_watchers: dict[int, list[Any]] = {}
"""Who wants to know that somebody may write to memory uncounted, by the id of the array that owns it."""


def watch(array: Any, watcher: Any) -> None:
    """Let ``watcher.exposed()`` be called when somebody gets hold of the memory that an array owns: once.

    A tensor's version counts what operations write. It does not count what is written through `.data`, storages, and
    arrays and addresses that are given to others.
    """
    _watchers.setdefault(id(array), []).append(watcher)


def unwatch(place: int, watcher: Any) -> None:
    """End that; `place` is the array's id."""
    found = _watchers.get(place)
    if found is not None and watcher in found:
        found.remove(watcher)
        if not found:
            del _watchers[place]


def expose(array: Any) -> Any:
    """Say that somebody gets hold of an array's memory; gives it back."""
    if _watchers:
        for watcher in _watchers.pop(id(owner(array)), ()):
            watcher.exposed()
    return array


def extent(array: Any) -> tuple[int, int]:
    """The first address of an array's memory, and how many bytes it has."""
    first = address(array)
    if array.flags.c_contiguous:
        return first, array.nbytes
    if not array.size:
        return first, 0
    reach = [step * (n - 1) for step, n in zip(array.strides, array.shape)]
    before = -sum(step for step in reach if step < 0)
    return first - before, before + sum(step for step in reach if step > 0) + array.itemsize


def address(array: Any) -> int:
    """Where the first element lies in memory."""
    if isinstance(array, np.ndarray):
        if _LAID_OUT:
            return _word(id(array) + _DATA).value
        return array.__array_interface__["data"][0]
    return array.data.ptr  # CuPy's


_word = ctypes.c_size_t.from_address
_DATA = object.__basicsize__
"""Where NumPy's array object, as its stable binary interface has it, keeps the address of its elements."""


def _is_laid_out() -> bool:
    """Is an array's id the address of such an object? The interface that NumPy offers takes ten times as long to ask."""
    array = np.empty(1)
    asked = array.__array_interface__["data"][0]
    return sys.implementation.name == "cpython" and _word(id(array) + _DATA).value == asked


_LAID_OUT = _is_laid_out()


def placed(
    buffer: Any, offset: int, shape: Sequence[int], dtype: Any, strides: Sequence[int]
) -> Any:
    """An array at a place of another's memory; `offset` and `strides` count bytes from that one's first element."""
    if isinstance(buffer, np.ndarray):
        return np.ndarray(tuple(shape), dtype, buffer, offset, tuple(strides))
    return type(buffer)(tuple(shape), dtype, buffer.data + offset, tuple(strides))  # CuPy's


def memory_of(array: Any) -> Any:
    """All memory of an owner, as bytes."""
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
    elif not isinstance(array, np.ndarray):  # whose owners have no gaps
        order = sorted(range(array.ndim), key=array.strides.__getitem__, reverse=True)
        flat = array.transpose(order).reshape(-1)
    else:
        low, size = extent(array)
        count = size // array.itemsize
        ahead = (low - address(array)) // array.itemsize
        if ahead:
            raise RuntimeError("memory that begins after its array's first element has no storage")
        flat = module_of(array).lib.stride_tricks.as_strided(array, (count,), (array.itemsize,))
    return flat.view(np.uint8)


def at(
    memory: Any, dtype: Any, offset: int, shape: Sequence[int], strides: Sequence[int], xp: Any = np
) -> Any:
    """An array in memory given as bytes; `offset` and `strides` count elements. xp: the module of its arrays.

    Raises:
        RuntimeError: It would reach beyond the memory.
    """
    size = dtype.itemsize
    last = offset + sum(step * (n - 1) for n, step in zip(shape, strides))
    needed = 0 if 0 in shape else (last + 1) * size
    if needed > memory.nbytes:
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(strides)}, storage offset {offset}, and "
            f"itemsize {size} requiring a storage size of {needed} are out of bounds for storage of "
            f"size {memory.nbytes}"
        )
    if not needed:
        return memory[:0].view(dtype).reshape(tuple(shape))
    room = memory[offset * size : memory.nbytes - memory.nbytes % size].view(dtype)
    steps = tuple(step * size for step in strides)
    if xp is not np:
        return xp.lib.stride_tricks.as_strided(room, tuple(shape), steps)
    return placed(room, 0, shape, dtype, steps)


def may_overlap(shape: Sequence[int], strides: Sequence[int]) -> bool:
    """May two elements lie at one place? Never for what slices, transposes and reshapes give.

    Each dimension has to step over all that the dimensions of smaller steps reach.
    """
    if 0 in shape:
        return False
    reach = 0
    for step, n in sorted((abs(step), n) for step, n in zip(strides, shape) if n > 1):
        if step <= reach:
            return True
        reach += step * (n - 1)
    return False


def share_elements(x: Any, y: Any) -> bool:
    """Does some element of one array lie in the other, as far as can be found out quickly?"""
    if not np.may_share_memory(x, y):
        return False
    try:
        return np.shares_memory(x, y, max_work=1000)  # type: ignore[arg-type]  # any number
    except np.exceptions.TooHardError:
        return True


def keep_alive(x: Any, memo: dict) -> None:
    """Let what deepcopy's `memo` knows by its id live as long as `memo`, or another object gets that id.

    The copy module does the same, but only for what is copied by a call of it.
    """
    memo.setdefault(id(memo), []).append(x)
