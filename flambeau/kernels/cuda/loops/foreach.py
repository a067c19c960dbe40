"""One elementwise program over many groups of arrays, changing some of them in place, in few launches.

An optimiser's step is such a program over every parameter with its gradient and state. One launch takes as many groups
as its arguments have room for, 80 of four arrays each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from ....formula.program import Program
from ...elementary.lower import Unsupported
from .. import driver
from .foreach_kernel import NEVER, PIECE, THREADS, WORDS, Foreach, groups_at_once

_TABLE = np.dtype([("words", np.int64, (WORDS,))])


def build(program: Program, dtype: Any, name: str) -> Callable | None:
    """A function ``f(*first inputs, *second inputs, ..., *numbers)`` that changes the first inputs.

    A number is a Python number, or an array on the device of one float64 for each group. Groups may not share memory
    with one another, since all change at once; the arrays of one group may be the same.

    Args:
        program: Elementwise; its results are the new values of its first inputs.
        dtype: Of all arrays. Half types are computed in float32 and rounded once.
        name: Part of the kernel's name.

    Returns:
        The function; None where the program has no native form.
    """
    try:
        return Step(program, np.dtype(dtype), name)
    except Unsupported:
        return None


class Step:
    """What `build` makes."""

    def __init__(self, program: Program, dtype: np.dtype, name: str):
        self.program, self.dtype, self.__name__ = program, dtype, name
        self.width, self.changed = len(program.inputs), len(program.roots)
        self.at_once = groups_at_once(self.width)
        self.kernels: dict[tuple[str, ...], driver.Kernel] = {}
        self.kernel(())

    def kernel(self, listed: tuple[str, ...]) -> driver.Kernel:
        """The kernel where these numbers are arrays."""
        found = self.kernels.get(listed)
        if found is None:
            compute = np.dtype(np.float32) if self.dtype.itemsize == 2 else self.dtype
            kernel, name = (
                Foreach(self.program, self.dtype, compute, listed),
                f"foreach_{self.__name__}",
            )
            found = self.kernels[listed] = driver.Kernel(name, kernel.text(name))
        return found

    def __call__(self, *given: Any) -> None:
        arrays = given[: len(given) - len(self.program.parameters)]
        numbers = given[len(arrays) :]
        count, rest = divmod(len(arrays), self.width)
        if count < 1 or rest:
            raise TypeError(
                f"{self.__name__} takes {self.width} arrays for each group and then {len(numbers)} numbers, "
                f"but got {len(given)} arguments"
            )
        groups = [Group(arrays[i::count], self.changed) for i in range(count)]
        full = [i for i, group in enumerate(groups) if group.size]
        numbers = [x[full] if is_array(x) and len(full) < count else x for x in numbers]
        names = zip(self.program.parameters, numbers)
        kernel = self.kernel(tuple(name for name, x in names if is_array(x)))
        for start in range(0, len(full), self.at_once):
            blocks, words = table([groups[i] for i in full[start : start + self.at_once]])
            kernel(blocks, THREADS, words, np.int32(start), *numbers)
        for group in groups:
            group.finish()


def table(groups: Sequence[Group]) -> tuple[int, np.ndarray]:
    """How many blocks these groups take, and what their launch brings along."""
    sizes = [group.size for group in groups]
    *first, blocks = accumulate((-(-size // PIECE) for size in sizes), initial=0)
    columns = [first, sizes, *zip(*(group.pointers for group in groups))]
    at_once = groups_at_once(len(columns) - 2)
    made = np.zeros((), _TABLE)
    words = made["words"][: at_once * len(columns)].reshape(len(columns), at_once)
    words[0] = NEVER
    words[:, : len(groups)] = columns
    return blocks, made


class Group:
    """Arrays whose elements belong together, place by place: all lie in memory alike.

    Arrays that lie otherwise are copied, and what was changed is copied back by `finish`.
    """

    __slots__ = ("arrays", "back", "pointers", "size")

    def __init__(self, arrays: Sequence[Any], changed: int):
        first = arrays[0]
        self.size: int = first.size
        self.back: list[tuple[Any, Any]] = []
        if not alike(arrays):
            xp = driver.cupy()
            own = [xp.broadcast_to(x, first.shape).astype(x.dtype, "C") for x in arrays]
            self.back = list(zip(arrays[:changed], own))
            arrays = own
        self.arrays = arrays  # copies live until the launch
        self.pointers = [x.data.ptr for x in arrays]

    def finish(self) -> None:
        for array, copy in self.back:
            array[...] = copy


def alike(arrays: Sequence[Any]) -> bool:
    """Have they one shape, and the same order in memory, without gaps?"""
    first = arrays[0]
    shape, strides = first.shape, first.strides
    if any(x.shape != shape for x in arrays):
        return False
    if all(x.flags.c_contiguous for x in arrays):
        return True
    return all(x.strides == strides for x in arrays) and is_dense(first)


def is_dense(array: Any) -> bool:
    """Do its elements lie side by side, in some order of its dimensions?"""
    run = array.itemsize
    for stride, count in sorted((s, n) for s, n in zip(array.strides, array.shape) if n != 1):
        if stride != run:
            return False
        run *= count
    return True


def is_array(x: Any) -> bool:
    return isinstance(x, driver.cupy().ndarray)


__all__ = ["Step", "build"]
