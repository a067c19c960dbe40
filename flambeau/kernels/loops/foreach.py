"""One elementwise program over many groups of arrays in one call, changing some of them in place.

An optimiser's step is such a program over every parameter with its gradient and state. The entry point
(`foreach_kernel`) reads all arrays where they lie and makes a frame of each group. The groups stand one behind the
other on one long line, which the pool cuts into pieces as it cuts the row of one large array: many small
parameters share a piece, and a large one is shared by the threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...formula.evaluate import silently, writing
from ...formula.program import Program
from ..array.copy import contiguous
from ..array.half import HALF, widened
from ..runtime.layout import builtin
from ..runtime.process import machine
from ..runtime.recipe import Recipe, noted
from .foreach_kernel import module_text
from .nest import Nest
from .values import Unsupported

FLOAT32 = np.dtype(np.float32)


class ForeachRecipe(Recipe):
    """Of a kernel over many groups of `width` arrays, which changes the first of them."""

    __slots__ = ("numbers", "width")
    updates = True

    def __init__(self, text: Callable, nest: Callable, changed: int, width: int, numbers: int):
        super().__init__(text, nest, changed)
        self.width, self.numbers = width, numbers

    def written(self, given: Sequence[Any]) -> int:
        return self.targets * ((len(given) - self.numbers) // self.width)

    def extent(self, given: Sequence[Any]) -> tuple[int, int]:
        groups = (len(given) - self.numbers) // self.width
        return 1, sum(x.size for x in given[:groups])


def build(program: Program, dtype: Any, name: str, interpreter: Callable) -> Callable:
    """A function ``f(*first inputs, *second inputs, ..., *numbers)`` that changes the first inputs.

    Args:
        program: Elementwise; its results are the new values of its first inputs.
        dtype: Of all arrays, and of the arithmetic; that of half types is float32.
        name: What the function is called in tracebacks and reports.
        interpreter: Computes the program with NumPy, for arrays that the machine code is not made for.

    Returns:
        The function; one that computes with NumPy where this processor has no kernel for the dtype.
    """
    dtype, width, changed = np.dtype(dtype), len(program.inputs), len(program.roots)
    dtypes, numbers = [dtype] * width, len(program.parameters)
    compute = FLOAT32 if dtype.name in HALF else dtype

    def nest() -> Nest:
        return Nest(program, dtypes, compute, dtypes[:changed], machine().bits, False)

    by_numpy = _by_numpy(interpreter, changed, width)
    try:
        address = machine().address(module_text(nest()))
    except Unsupported:
        return _one_by_one(by_numpy, width, numbers)
    recipe = ForeachRecipe(lambda: module_text(nest()), nest, changed, width, numbers)
    one = builtin(name, address, noted(by_numpy, recipe))
    each = builtin(name, address, noted(_one_by_one(one, width, numbers), recipe))
    return builtin(name, address, noted(_in_order(each, changed, width, numbers), recipe))


def _in_order(step: Callable, changed: int, width: int, numbers: int) -> Callable:
    """Arrays that are only read, as gradients are, are copied into the order of the first ones."""

    def fallback(*given: Any) -> Any:
        count, rest = divmod(len(given) - numbers, width)
        if count < 1 or rest:
            raise TypeError(
                f"{step.__name__} takes {width} arrays for each group and then {numbers} numbers, "
                f"but got {len(given)} arguments"
            )
        firsts = given[:count]
        listed = list(given)
        for i in range(changed * count, width * count):
            listed[i] = _like(listed[i], firsts[i % count])
        return step(*listed)

    return fallback


def _like(array: Any, first: Any) -> Any:
    if array.shape != first.shape or array.strides == first.strides:
        return array
    if first.flags.c_contiguous:
        return contiguous(array)
    return contiguous(array.T).T if first.flags.f_contiguous else array


def _one_by_one(step: Callable, width: int, numbers: int) -> Callable:
    """Groups that share memory step one after the other."""

    def fallback(*given: Any) -> None:
        count = (len(given) - numbers) // width
        for i in range(count):
            step(*given[i : count * width : count], *given[count * width :])

    return fallback


def _by_numpy(interpreter: Callable, changed: int, width: int) -> Callable:
    """One group by NumPy: whatever its arrays share, all values are computed before the first is written."""
    into = writing(silently(interpreter), changed)

    def fallback(*given: Any) -> None:
        into(*given[:changed], *(widened(*given[:width]) or given[:width]), *given[width:])

    return fallback
