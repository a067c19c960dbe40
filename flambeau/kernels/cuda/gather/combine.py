"""Values combined with what is at the places of a key: added, multiplied, the larger or smaller of both.

Positions of the key are sorted by the places that they name, and combined in the key's order (`fold.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from .. import driver
from ..array.copy import in_order
from ..array.launch import THREADS, blocks
from ..array.layout import LIMIT, Layout, broadcast, layout, row_major
from ..array.monoid import Element, is_known
from ..array.scan import NUMPY
from ..array.sort import order
from . import fold, kernel
from .lookup import begin, check
from .plan import Plan, Use

ATOMIC = {"float32": "float", "float64": "double", "int32": "i32", "uint32": "i32",
          "int64": "i64", "uint64": "i64"}  # fmt: skip
"""The elements that atomic instructions add, and LLVM's types of them."""
LEAST = 32
"""Ranks of a chunk at least; with many ranks their root, so that chunks are as many as the ranks of one."""


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
    located = _located(use, guard)
    ranks, rows = order(located, 0), in_order(_by_position(use.plan, values))
    told = _folding(use.plan, how, x.dtype, x.size)
    given, begins = (rows, ranks, located, *guard[1:]), x
    if told.begin is not None:
        begins = driver.cupy().empty(told.begins, told.dtype)
        run, grid, arguments = told.begin
        run(grid, THREADS, *given, *arguments, begins)
    run, grid, arguments = told.fold
    run(grid, THREADS, *given, *arguments, begins, x)
    check()


class Folding(NamedTuple):
    """Launches: a kernel, its blocks, its numbers.

    Attributes:
        begin: The first one, where there are several chunks of ranks.
        fold: The last one.
        begins, dtype: How much memory they share, and of what.
    """

    begin: tuple[Any, ...] | None
    fold: tuple[Any, ...]
    begins: int
    dtype: Any


@lru_cache(4096)
def _folding(plan: Plan, how: str, dtype: Any, size: int) -> Folding:
    element, parts = _element(how, dtype)
    count, run = math.prod(plan.index_shape), math.prod(plan.rest)
    chunk = max(LEAST, 1 << (count.bit_length() // 2))
    chunks = -(-count // chunk)
    facts = how, element, parts

    def launch(make: Callable, rows: int) -> tuple[Any, ...]:
        told = _ranks(plan, rows, parts * size)
        integer = np.int64 if told.form.index == "i64" else np.int32
        numbers = map(integer, (count, run, chunk))
        return make(*facts, told.form), blocks(told.count), (*numbers, *told.arguments)

    begin = launch(fold.beginner, chunks - 1) if chunks > 1 else None
    memory = chunks * run * parts
    return Folding(begin, launch(fold.folder, count), memory, NUMPY[element.number])


def _ranks(plan: Plan, rows: int, size: int) -> Layout:
    """How elements lie: by their number, their rank, from the place on, and among the values of a position."""
    rest = plan.rest
    shape = rows, *rest
    return layout(
        shape, (16, row_major(shape), 0), (16, (1,) + (0,) * len(rest), 0),
        (16, (0, *plan.rest_steps), 0), (16, (0, *row_major(rest)), 0),
        wide=plan.is_wide or size > LIMIT,
    )  # fmt: skip


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
