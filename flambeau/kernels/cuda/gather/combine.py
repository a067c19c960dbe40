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
from ..array.layout import layout
from ..array.monoid import Element, is_known
from ..array.sort import order
from . import kernel
from .lookup import check, wrong
from .plan import Plan, row_major

ATOMIC = {"float32": "float", "float64": "double", "int32": "i32", "uint32": "i32",
          "int64": "i64", "uint64": "i64"}  # fmt: skip
"""The elements that atomic instructions add, and LLVM's types of them."""


def in_any_order(plan: Plan, values: Any) -> None:
    """Add by atomic instructions."""
    told = plan.layout(values)
    run = kernel.adder(ATOMIC[str(plan.x.dtype.name)], told.form, plan.types)
    run(blocks(told.count), THREADS, plan.x, values, *plan.lookup, wrong(), *told.arguments)
    check()


def in_order_of(how: str, plan: Plan, values: Any) -> None:
    """Combine in the order of the key.

    Raises:
        TypeError: There are no kernels for such elements.
    """
    x = plan.x
    if not is_known(x.dtype):
        raise TypeError(f"{how} at indices of {x.dtype} on cuda: convert to another dtype first")
    located = _located(plan)
    ranks, rest = order(located, 0), plan.rest
    rows = in_order(_by_position(plan, values))
    count, run = located.size, math.prod(rest)
    shape, inner = (count, *rest), row_major(rest)
    told = layout(
        shape, (16, row_major(shape), 0), (16, (1,) + (0,) * len(rest), 0),
        (16, (0, *plan.rest_steps), 0), (16, (0, *inner), 0), wide=plan.is_wide,
    )  # fmt: skip
    integer = np.int64 if told.form.index == "i64" else np.int32
    fold = kernel.folder(how, Element(str(x.dtype.name)), told.form)
    fold(
        blocks(told.count), THREADS, x, rows, ranks, located, integer(count), integer(run),
        *told.arguments,
    )  # fmt: skip


def _located(plan: Plan) -> Any:
    """Where the elements of each position begin in x."""
    over = plan.over_indices
    made = driver.cupy().empty((over.size,), np.int64)
    told = over.layout()
    run = kernel.locator(told.form, plan.types)
    run(blocks(told.count), THREADS, made, *over.lookup, wrong(), *told.arguments)
    check()
    return made


def _by_position(plan: Plan, values: Any) -> Any:
    """Values with the indices' dimensions in front."""
    xp, (first, last) = driver.cupy(), plan.over
    whole = xp.broadcast_to(values, plan.shape)
    return xp.moveaxis(whole, list(range(first, last)), list(range(last - first)))


__all__ = ["ATOMIC", "in_any_order", "in_order_of"]
