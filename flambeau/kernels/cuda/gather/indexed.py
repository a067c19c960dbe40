"""Reading, writing and adding at index arrays: ``x[key]``, ``x[key] = values``, ``np.add.at(x, key, values)``.

What a key means is a `Plan`. Of values that are written to one place the last one in the key's order counts: where there
may be several, each claims its place first, or, where x has many more places, they are sorted by them. Values are added
in the key's order too, sorted by their places, but single numbers of float32 and float64: those are added by atomic
instructions, in the order in which threads come, unless `torch.use_deterministic_algorithms` forbids it. All indices are
looked at before the first value is written: where one is wrong, nothing is.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ....formula.dimensions import broadcast_shapes
from ...gather.bounds import outside
from ...runtime import determinism
from .. import driver
from ..array.compress import places
from ..array.copy import contiguous, converted, in_order, overlaps
from ..array.launch import THREADS, blocks, turns
from ..array.layout import broadcast
from . import combine, kernel
from .lookup import begin, check
from .plan import Plan, Use, use_of

LONG = 8
"""Elements at each index from which sorting indices costs little beside adding what is there."""
MUCH = 8
"""Places for each position from which positions are sorted, so that memory grows with them."""


def take(x: Any, key: tuple) -> Any:
    """``x[key]`` as an array in order.

    Raises:
        IndexError: An index is out of range.
    """
    plan, x, indices = use_of(*_merged(in_order(x), key)) if _is_mask(key) else use_of(x, key)
    made = driver.cupy().empty(plan.shape, x.dtype)
    if _has_places(plan):
        run, grid, numbers, arguments = _taking(plan)
        run(grid, THREADS, x, made, *indices, *numbers, *begin(), *arguments)
        check()
    return made


@lru_cache(4096)
def _taking(plan: Plan) -> tuple[Any, ...]:
    """A kernel that reads, how many blocks it has, and its numbers."""
    told, size = plan.layout(made=True), plan.x[0]
    run = kernel.taker(size, told.form, plan.types)
    return run, blocks(told.count // turns(size * told.form.pack)), plan.numbers, told.arguments


def put_at(x: Any, key: tuple, values: Any) -> None:
    """``x[key] = values``; of repeated indices the last counts.

    Raises:
        IndexError: An index is out of range.
        ValueError: The values do not broadcast.
    """
    use, values = _written(x, key, values)
    plan = use.plan
    if not _has_places(plan):
        return
    if _is_mask(key) or not any(_differs(values, plan)):
        _put(use, values, combine.checked(use))
    elif math.prod(plan.places) > MUCH * math.prod(plan.index_shape):
        combine.in_order_of("put", use, values)
    else:
        guard = begin()
        _put(use, values, guard, _claimed(use, guard))
    check()


def _put(use: Use, values: Any, guard: tuple[Any, ...], claims: Any = None) -> None:
    """Write where no other value is written; or where the position's claim stands."""
    plan, given = use.plan, [values] if claims is None else [values, claims]
    run, grid, numbers, arguments = _putting(
        plan, broadcast(values, plan.shape), claims is not None
    )
    run(grid, THREADS, use.x, *given, *use.indices, *numbers, *guard, *arguments)


@lru_cache(4096)
def _putting(plan: Plan, values: Any, claimed: bool) -> tuple[Any, ...]:
    """A kernel that writes, how many blocks it has, and its numbers."""
    claims = plan.claims if claimed else None
    told, size = plan.layout(values, claims=claims), plan.x[0]
    jumps = () if claims is None else map(np.int64, claims.jumps)
    run = kernel.putter(size, told.form, plan.types, claimed)
    grid = blocks(told.count // turns(size * told.form.pack))
    return run, grid, (*plan.numbers, *jumps), told.arguments


def _claimed(use: Use, guard: tuple[Any, ...]) -> Any:
    """The last position, from 1, that names each place of the indices."""
    claims = driver.cupy().zeros((math.prod(use.plan.places),), np.int64)
    run, grid, numbers, arguments = _claiming(use.plan)
    run(grid, THREADS, claims, *use.indices, *numbers, *guard, *arguments)
    return claims


@lru_cache(4096)
def _claiming(plan: Plan) -> tuple[Any, ...]:
    claims = plan.claims
    told = claims.layout()
    run = kernel.claimer(told.form, plan.types)
    return run, blocks(told.count), claims.numbers, told.arguments


def add_at(x: Any, key: tuple, values: Any) -> None:
    """``np.add.at(x, key, values)``: repeated indices add again.

    Raises:
        IndexError: An index is out of range.
        ValueError: The values do not broadcast.
    """
    combine_at("add", x, key, values)


def combine_at(how: str, x: Any, key: tuple, values: Any) -> None:
    """``ufunc.at(x, key, values)`` for "add", "multiply", "maximum" or "minimum".

    Raises:
        IndexError: An index is out of range.
        ValueError: The values do not broadcast.
        TypeError: There are no kernels for such elements.
    """
    use, values = _written(x, key, values)
    if not _has_places(use.plan):
        return
    exact = x.dtype.kind in "iu"
    short = math.prod(use.plan.rest) < LONG and not determinism.demanded
    if how != "add" or not (exact or short):
        combine.in_order_of(how, use, values)
    elif x.dtype.kind == "c":
        combine.in_any_order(*_in_parts(use, values))
    elif str(x.dtype.name) in combine.ATOMIC:
        combine.in_any_order(use, values)
    else:
        combine.in_order_of(how, use, values)


def placed(x: Any, key: tuple, values: Any, add: bool) -> Any:
    """A copy of x in which `values` are written, or added, at the key.

    Raises:
        IndexError: An index is out of range.
    """
    made = contiguous(x)
    (add_at if add else put_at)(made, key, values)
    return made


def spread(shape: tuple[int, ...], key: tuple, values: Any) -> Any:
    """Zeros to which `values` are added at the key.

    Raises:
        IndexError: An index is out of range.
    """
    made = driver.cupy().zeros(shape, values.dtype)
    add_at(made, key, values)
    return made


# ------------------------------------------------------------------------------------ beforehand


def _is_mask(key: tuple) -> bool:
    """Is it one mask, whose places are all different?"""
    return len(key) == 1 and key[0].__class__ is not slice and key[0].dtype.kind == "b"


def _merged(x: Any, key: tuple) -> tuple[Any, tuple]:
    """An array in order with a mask's dimensions as one, and the places where the mask is true."""
    mask = driver.cupy().asarray(key[0])
    if mask.shape != x.shape[: mask.ndim]:
        raise IndexError(f"a mask of shape {mask.shape} does not fit an array of shape {x.shape}")
    return x.reshape(mask.size, *x.shape[mask.ndim :]), (places(mask),)


def _written(x: Any, key: tuple, values: Any) -> tuple[Use, Any]:
    """The use of a key that is written at, and the values: of x's dtype, in other memory, and such that they broadcast.

    Raises:
        ValueError: They do not.
    """
    merges = _is_mask(key) and x.flags.c_contiguous
    use = use_of(*_merged(x, key)) if merges else use_of(x, key, writes=True)
    shape = use.plan.shape
    values = converted(driver.cupy().asarray(values), x.dtype)
    while values.ndim > len(shape) and values.shape[0] == 1:
        values = values[0]
    if broadcast_shapes(values.shape, shape) != shape:
        raise ValueError(
            f"shape mismatch: value array of shape {values.shape} could not be broadcast to indexing "
            f"result of shape {shape}"
        )
    if x.size and values.size and overlaps(x, values):
        values = contiguous(values)
    return use, values


def _has_places(plan: Plan) -> bool:
    """Does the key name anything?

    Raises:
        IndexError: It does, in a dimension without elements.
    """
    if plan.size and 0 in plan.sizes:
        raise outside(plan.sizes)
    return plan.size > 0


def _differs(values: Any, plan: Plan) -> tuple[bool, ...]:
    """Along which of the indices' dimensions are values different?"""
    lead = len(plan.shape) - values.ndim
    first, last = (max(at - lead, 0) for at in plan.over)
    return tuple([n > 1 for n in values.shape[first:last]])


def _in_parts(use: Use, values: Any) -> tuple[Use, Any]:
    """Complex numbers as pairs of real ones, along one more dimension."""
    part = np.dtype(f"f{use.x.itemsize // 2}")
    pairs = contiguous(values).reshape(*values.shape, 1).view(part)
    return use._replace(plan=use.plan.in_parts, x=use.x.real), pairs


__all__ = ["add_at", "combine_at", "placed", "put_at", "spread", "take"]
