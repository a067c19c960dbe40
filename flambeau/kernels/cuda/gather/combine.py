"""Values combined with what is at the places of a key: added, multiplied, the larger or smaller of both.

Positions of the key are sorted by the places that they name, and one thread combines all values of an element, in the key's
order. Where a place is named very often that thread takes long.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import driver
from ..array.copy import in_order
from ..array.launch import THREADS, blocks
from ..array.layout import LIMIT, layout
from ..array.monoid import Element, is_known
from ..array.sort import order
from . import kernel
from .lookup import begin, check
from .plan import Plan, row_major

ATOMIC = {"float32": "float", "float64": "double", "int32": "i32", "uint32": "i32",
          "int64": "i64", "uint64": "i64"}  # fmt: skip
"""The elements that atomic instructions add, and LLVM's types of them."""


def checked(plan: Plan) -> tuple[Any, ...]:
    """Look at all indices; what the kernels that write take, so that they do not where one was wrong."""
    over, told = plan.over_indices, begin()
    form = over.layout()
    run = kernel.checker(form.form, plan.types)
    run(blocks(form.count), THREADS, *over.lookup, *told, *form.arguments)
    return told


def in_any_order(plan: Plan, values: Any) -> None:
    """Add by atomic instructions."""
    told = plan.layout(values)
    run = kernel.adder(ATOMIC[str(plan.x.dtype.name)], told.form, plan.types)
    guard = checked(plan)
    run(blocks(told.count), THREADS, plan.x, values, *plan.lookup, *guard, *told.arguments)
    check()


def in_order_of(how: str, plan: Plan, values: Any) -> None:
    """Combine in the order of the key; "put" lets the last one stay.

    Raises:
        TypeError: There are no kernels for such elements.
    """
    x = plan.x
    element, parts = _element(how, x.dtype)
    guard = begin()
    located, rest = _located(plan, guard), plan.rest
    ranks, rows = order(located, 0), in_order(_by_position(plan, values))
    count, shape = located.size, (located.size, *rest)
    told = layout(
        shape, (16, row_major(shape), 0), (16, (1,) + (0,) * len(rest), 0),
        (16, (0, *plan.rest_steps), 0), (16, (0, *row_major(rest)), 0),
        wide=plan.is_wide or parts * x.size > LIMIT,
    )  # fmt: skip
    integer = np.int64 if told.form.index == "i64" else np.int32
    numbers = integer(count), integer(math.prod(rest))
    fold = kernel.folder(how, element, parts, told.form)
    arrays = x, rows, ranks, located
    fold(blocks(told.count), THREADS, *arrays, *guard[1:], *numbers, *told.arguments)
    check()


def _element(how: str, dtype: Any) -> tuple[Element, int]:
    """What an element is made of, and of how many such parts."""
    if how == "put":
        return Element(f"uint{8 * min(dtype.itemsize, 8)}"), max(1, dtype.itemsize // 8)
    if dtype.kind == "c" and how in ("add", "multiply"):
        return Element(f"float{4 * dtype.itemsize}"), 2
    if not is_known(dtype):
        raise TypeError(f"{how} at indices of {dtype} on cuda: convert to another dtype first")
    return Element(str(dtype.name)), 1


def _located(plan: Plan, guard: tuple[Any, ...]) -> Any:
    """Where the elements of each position begin in x."""
    over = plan.over_indices
    made = driver.cupy().empty((over.size,), np.int64)
    told = over.layout()
    run = kernel.locator(told.form, plan.types)
    run(blocks(told.count), THREADS, made, *over.lookup, *guard, *told.arguments)
    return made


def _by_position(plan: Plan, values: Any) -> Any:
    """Values with the indices' dimensions in front."""
    xp, (first, last) = driver.cupy(), plan.over
    whole = xp.broadcast_to(values, plan.shape)
    return xp.moveaxis(whole, list(range(first, last)), list(range(last - first)))


__all__ = ["ATOMIC", "checked", "in_any_order", "in_order_of"]
