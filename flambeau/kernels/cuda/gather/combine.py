"""Values combined with what is at the places of a key: added, multiplied, the larger or smaller of both.

Positions of the key are sorted by the places that they name, and one thread combines all values of an element, in the key's
order. Where a place is named very often that thread takes long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .. import driver
from ..array.copy import in_order
from ..array.launch import THREADS, blocks
from ..array.layout import LIMIT, broadcast, layout
from ..array.monoid import Element, is_known
from ..array.sort import order
from . import kernel
from .lookup import begin, check
from .plan import Plan, Use, row_major

ATOMIC = {"float32": "float", "float64": "double", "int32": "i32", "uint32": "i32",
          "int64": "i64", "uint64": "i64"}  # fmt: skip
"""The elements that atomic instructions add, and LLVM's types of them."""


def checked(use: Use) -> tuple[Any, ...]:
    """Look at all indices; what the kernels that write take, so that they do not where one was wrong."""
    guard = begin()
    run, grid, numbers, arguments = _over_indices(use.plan, kernel.checker)
    run(grid, THREADS, *use.indices, *numbers, *guard, *arguments)
    return guard


@lru_cache(4096)
def _over_indices(plan: Plan, make: Callable) -> tuple[Any, ...]:
    """A kernel that walks over the indices, how many blocks it has, and its numbers."""
    told = plan.over_indices.layout()
    return make(told.form, plan.types), blocks(told.count), plan.numbers, told.arguments


def in_any_order(use: Use, values: Any) -> None:
    """Add by atomic instructions."""
    run, grid, numbers, arguments = _adding(
        use.plan, str(use.x.dtype.name), broadcast(values, use.plan.shape)
    )
    guard = checked(use)
    run(grid, THREADS, use.x, values, *use.indices, *numbers, *guard, *arguments)
    check()


@lru_cache(4096)
def _adding(plan: Plan, name: str, values: Any) -> tuple[Any, ...]:
    told = plan.layout(values)
    run = kernel.adder(ATOMIC[name], told.form, plan.types)
    return run, blocks(told.count), plan.numbers, told.arguments


def in_order_of(how: str, use: Use, values: Any) -> None:
    """Combine in the order of the key; "put" lets the last one stay.

    Raises:
        TypeError: There are no kernels for such elements.
    """
    x, guard = use.x, begin()
    run, grid, arguments = _folding(use.plan, how, x.dtype, x.size)
    located = _located(use, guard)
    ranks, rows = order(located, 0), in_order(_by_position(use.plan, values))
    run(grid, THREADS, x, rows, ranks, located, *guard[1:], *arguments)
    check()


@lru_cache(4096)
def _folding(plan: Plan, how: str, dtype: Any, size: int) -> tuple[Any, ...]:
    element, parts = _element(how, dtype)
    rest, count = plan.rest, math.prod(plan.index_shape)
    shape = count, *rest
    told = layout(
        shape, (16, row_major(shape), 0), (16, (1,) + (0,) * len(rest), 0),
        (16, (0, *plan.rest_steps), 0), (16, (0, *row_major(rest)), 0),
        wide=plan.is_wide or parts * size > LIMIT,
    )  # fmt: skip
    integer = np.int64 if told.form.index == "i64" else np.int32
    numbers = integer(count), integer(math.prod(rest))
    fold = kernel.folder(how, element, parts, told.form)
    return fold, blocks(told.count), (*numbers, *told.arguments)


def _element(how: str, dtype: Any) -> tuple[Element, int]:
    """What an element is made of, and of how many such parts."""
    if how == "put":
        return Element(f"uint{8 * min(dtype.itemsize, 8)}"), max(1, dtype.itemsize // 8)
    if dtype.kind == "c" and how in ("add", "multiply"):
        return Element(f"float{4 * dtype.itemsize}"), 2
    if not is_known(dtype):
        raise TypeError(f"{how} at indices of {dtype} on cuda: convert to another dtype first")
    return Element(str(dtype.name)), 1


def _located(use: Use, guard: tuple[Any, ...]) -> Any:
    """Where the elements of each position begin in x."""
    made = driver.cupy().empty((math.prod(use.plan.index_shape),), np.int64)
    run, grid, numbers, arguments = _over_indices(use.plan, kernel.locator)
    run(grid, THREADS, made, *use.indices, *numbers, *guard, *arguments)
    return made


def _by_position(plan: Plan, values: Any) -> Any:
    """Values with the indices' dimensions in front."""
    xp, (first, last) = driver.cupy(), plan.over
    whole = xp.broadcast_to(values, plan.shape)
    return xp.moveaxis(whole, list(range(first, last)), list(range(last - first)))


__all__ = ["ATOMIC", "checked", "in_any_order", "in_order_of"]
