"""Launches of a formula's kernels, with all that is known before the arrays' addresses are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from . import driver

WAVES = 32
"""Blocks for each multiprocessor at most: kernels go on to other elements in steps of the whole grid."""


class Launch(NamedTuple):
    """A kernel, how many blocks of how many threads, and its numbers."""

    kernel: driver.Kernel
    grid: int
    block: int
    numbers: tuple[Any, ...]


class Result(NamedTuple):
    """An array to make: its shape, and the order of dimensions back from the one in which it lies."""

    shape: tuple[int, ...]
    dtype: Any
    back: tuple[int, ...] | None = None

    def seen(self, made: Any) -> Any:
        return made if self.back is None else made.transpose(self.back)


class Plan:
    """Launches one after the other, with the memory that they share.

    Attributes:
        results: What they make.
        launches: The kernels.
        scratch: Words of 64 bits that the first leaves for the second; 0 if there is one only.
    """

    __slots__ = ("empty", "launches", "only", "results", "scratch")

    def __init__(self, results: Sequence[Result], launches: Sequence[Launch], scratch: int = 0):
        self.results, self.launches, self.scratch = tuple(results), tuple(launches), scratch
        self.empty = driver.cupy().empty
        is_single = len(self.results) == len(self.launches) == 1 and self.results[0].back is None
        self.only = (*self.results[0][:2], *self.launches[0]) if is_single else None

    def made(self) -> list[Any]:
        """Arrays such as the results."""
        return [result.seen(self.empty(result.shape, result.dtype)) for result in self.results]

    def __call__(self, arrays: Sequence[Any], numbers: Sequence[float]) -> Any:
        if self.only is not None:
            shape, dtype, kernel, grid, block, given = self.only
            made = self.empty(shape, dtype)
            kernel(grid, block, made, *arrays, *given, *(map(float, numbers) if numbers else ()))
            return made
        results = [self.empty(result.shape, result.dtype) for result in self.results]
        self.run(results, arrays, numbers)
        seen = [result.seen(x) for result, x in zip(self.results, results)]
        return seen[0] if len(seen) == 1 else tuple(seen)

    def run(self, made: Sequence[Any], arrays: Sequence[Any], numbers: Sequence[float]) -> None:
        """Write the results into arrays."""
        numbers = [float(x) for x in numbers]
        if not self.scratch:
            for kernel, grid, block, given in self.launches:
                kernel(grid, block, *made, *arrays, *given, *numbers)
            return
        scratch = self.empty(self.scratch, np.int64)
        for kernel, grid, block, (rows, length, *given) in self.launches:
            kernel(grid, block, *made, *arrays, rows, length, scratch, *given, *numbers)


class Staged:
    """A plan whose results are row values that another takes behind its operands."""

    __slots__ = ("first", "rest")

    def __init__(self, first: Plan | Staged, rest: Plan | Staged):
        self.first, self.rest = first, rest

    def made(self) -> list[Any]:
        return self.rest.made()

    def __call__(self, arrays: Sequence[Any], numbers: Sequence[float]) -> Any:
        values = self.first(arrays, numbers)
        return self.rest((*arrays, *(values if type(values) is tuple else (values,))), numbers)


def new_array(
    shape: tuple[int, ...], dtype: Any, lies: Sequence[int] | None = None
) -> tuple[Result, tuple[int, ...]]:
    """A new array of a shape, which lies in memory in this order of its dimensions, and its steps."""
    lies = range(len(shape)) if lies is None else lies
    steps, step = [0] * len(shape), 1
    for i in reversed(lies):
        steps[i], step = step, step * shape[i]
    if list(lies) == list(range(len(shape))):
        return Result(shape, dtype), tuple(steps)
    back = tuple(int(i) for i in np.argsort(lies))
    return Result(tuple(shape[i] for i in lies), dtype, back), tuple(steps)


def grid_of(items: int, block: int, waves: int | None = None) -> int:
    """Blocks for so many items, a thread or (`block` 1) a block each; at most `waves` for each multiprocessor."""
    most = driver.processors(driver.device()) * (WAVES if waves is None else waves)
    return max(1, min(-(-items // block), most))
