"""The code that finds elements by indices, and what happens where one is wrong.

A wrong index reads nothing. The kernel that finds it stores the size of its dimension in a word of the CPU's memory,
which is looked at after each launch without waiting: an error is raised by the call that made it where launches wait
(in the simulator, and with CUDA_LAUNCH_BLOCKING=1), else by a later one, or where the host waits (`report.ask`). It also
stores the call's number in a word of the GPU's, by which the call's later kernels know that they must not write.
"""

from __future__ import annotations

import ctypes
from functools import cache
from itertools import count
from typing import Any, NamedTuple

import numpy as np

from ...gather.bounds import outside
from ...llvm import Value, choose
from .. import driver, report
from ..thread import Thread


class Indices(NamedTuple):
    """What a kernel knows of index arrays: the type of their elements, and whether these may count from the end."""

    types: tuple[str, ...]
    signed: bool


class Lookup:
    """The indices of a kernel, whose parameters it adds to.

    targets: How many arrays are looked into at the same indices, each with its own jumps.
    """

    def __init__(self, code: Thread, given: Indices, index: str, targets: int = 1):
        self.code, self.given, self.index = code, given, index
        numbers = range(len(given.types))
        self.arrays = code.takes(*(f"ptr index{k} readonly" for k in numbers))
        self.sizes = code.takes(*(f"i64 bound{k}" for k in numbers))
        self.jumps = [
            code.takes(*(f"i64 jump{target}_{k}" for k in numbers)) for target in range(targets)
        ]
        self.wrong, self.stopped, self.call = code.takes("ptr wrong", "ptr stopped", "i64 call")

    def allowed(self) -> Value:
        """Has no earlier kernel of this call found a wrong index?"""
        return self.code.load(self.stopped, "i64").differs(self.call)

    def moved(self, starts: list[Value], places: list[Value]) -> tuple[Value, list[Value]]:
        """Is there an element at the indices, and where is it in each array? Where there is none, at 0.

        Args:
            starts: Where it would be for indices 0.
            places: Where the index arrays' elements are.
        """
        indices, valid = self._read(places)
        found = []
        for at, jumps in zip(starts, self.jumps):
            for index, jump in zip(indices, jumps):
                at = at + (index * jump).convert(self.index)
            found.append(choose(valid, at, 0))
        return valid, found

    def _read(self, places: list[Value]) -> tuple[list[Value], Value]:
        """The indices, counted from the front, and whether all are in range."""
        code, found = self.code, []
        valid = code.constant(1, "i1")
        for array, type, size, place in zip(self.arrays, self.given.types, self.sizes, places):
            index = code.load(code.at(array, type, place), type).convert("i64")
            if self.given.signed:
                index = choose(index < 0, index + size, index)
            inside = index.below(size)
            with code.unless(inside):
                code.store(size, self.wrong)
                code.store(self.call, self.stopped)
            found.append(index)
            valid = valid & inside
        return found, valid


class Word:
    """Where one GPU's kernels say that an index was wrong.

    Attributes:
        held: The word of the CPU's memory.
        address: Where the GPU finds that.
        stopped: The word of the GPU's memory.
        calls: Numbers the calls.
    """

    def __init__(self) -> None:
        xp = driver.cupy()
        self.memory = xp.cuda.PinnedMemory(8, xp.cuda.runtime.hostAllocMapped)
        self.address = xp.cuda.runtime.pointerGetAttributes(self.memory.ptr).devicePointer
        self.held = ctypes.c_int64.from_address(self.memory.ptr)
        self.held.value = 0
        self.stopped = xp.zeros(1, np.int64)
        self.calls = count(1)
        report.register(check)


@cache
def _word(device: int) -> Word:
    return Word()


def _here() -> Word:
    return _word(driver.device())


def begin() -> tuple[Any, ...]:
    """What `Lookup` takes to say that an index is wrong, for the kernels of one call on the current GPU."""
    word = _here()
    return np.int64(word.address), word.stopped, np.int64(next(word.calls))


def check() -> None:
    """Has a kernel of the current GPU met an index that was out of range?

    Raises:
        IndexError: It has.
    """
    word = _here()
    size = word.held.value
    if size:
        word.held.value = 0
        word.stopped.fill(0)
        raise outside((size,))


__all__ = ["Indices", "Lookup", "begin", "check"]
