"""Arrays in memory that ends where the process may not read on, with bytes around them that must not change."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np

POISON = 0xA5
ROOM = 8 << 20


class Arena:
    """Pages between two that nobody may touch: a kernel that reads or writes beyond them ends the process."""

    def __init__(self) -> None:
        page = mmap.PAGESIZE
        self.memory = mmap.mmap(-1, ROOM + 2 * page)
        whole = np.frombuffer(self.memory, np.uint8)
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        for at in (whole.ctypes.data, whole.ctypes.data + page + ROOM):
            assert protect(ctypes.c_void_p(at), ctypes.c_size_t(page), 0) == 0
        self.bytes = whole[page : page + ROOM]


class Placed:
    """Values laid into an arena in some way.

    Attributes:
        array: The view that has the values.
    """

    def __init__(self, arena: Arena, values: np.ndarray, rng: np.random.Generator, plain: bool):
        shape, item, dtype = values.shape, values.itemsize, values.dtype
        order = range(len(shape)) if plain else rng.permutation(len(shape))
        strides, reach = [0] * len(shape), item
        steps = [1] if plain else [1, 1, 1, -1, 2, -3]
        low = high = 0
        for axis in reversed(list(order)):
            step = int(rng.choice(steps))
            strides[axis] = step * reach
            last = strides[axis] * (shape[axis] - 1)
            low, high = low + min(0, last), high + max(0, last)
            reach = abs(step) * reach * max(shape[axis], 1)
            if not plain and rng.random() < 0.2:
                reach += item  # a gap between rows
        if not values.size:
            low, high = 0, -item
        size = high - low + item
        odd = 0 if plain or rng.random() < 0.9 else 1  # not aligned
        ends = rng.random() < 0.5
        begin = ROOM - size if ends and not odd else odd
        room = arena.bytes[-size - 512 :] if ends and not odd else arena.bytes[: size + 512]
        self.room = room
        room[...] = POISON
        self.array: Any = np.ndarray(shape, dtype, arena.bytes.data, begin - low, strides)
        self.array[...] = values
        self.before = room.copy()

    def assert_untouched(self) -> None:
        assert (self.room == self.before).all(), "an operand was written to"

    def assert_only_its_elements_changed(self) -> None:
        values = self.array.copy()
        self.array[...] = np.zeros((), values.dtype)
        changed = self.room.copy()
        self.room[...] = self.before
        self.array[...] = np.zeros((), values.dtype)
        same = (changed == self.room).all()
        self.array[...] = values
        assert same, "something beside the result was written to"
