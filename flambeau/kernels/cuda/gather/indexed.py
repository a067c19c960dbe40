"""Reading, writing and adding at index arrays: ``x[key]``, ``x[key] = values``, ``np.add.at(x, key, values)``.

What a key means is a `Plan`. Of values that are written to one place the last one in the key's order counts: where there
may be several, each claims its place first, or, where x has many more places, they are sorted by them. Values are added
in the key's order too, sorted by their places, but single numbers of float32 and float64: those are added by atomic
instructions, in the order in which threads come, unless `torch.use_deterministic_algorithms` forbids it. All indices are
looked at before the first value is written: where one is wrong, nothing is.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....formula.dimensions import broadcast_shapes
from ...gather.bounds import outside
from ...gather.plan import Along
from ...runtime import determinism
from .. import driver
from ..array.compress import places
from ..array.copy import contiguous, in_order, overlaps
from ..array.launch import THREADS, blocks, turns
from . import combine, kernel
from .lookup import begin, check
from .plan import Plan, plan_of, row_major

LONG = 8
"""Elements at each index from which sorting indices costs little beside adding what is there."""
MUCH = 8
"""Places for each position from which positions are sorted, so that memory grows with them."""


def take(x: Any, key: tuple) -> Any:
    """``x[key]`` as an array in order.

    Raises:
        IndexError: An index is out of range.
    """
    plan = plan_of(*_merged(in_order(x), key)) if _is_mask(key) else plan_of(x, key)
    made = driver.cupy().empty(plan.shape, x.dtype)
    if _has_places(plan):
        told = plan.layout(made=made)
        size = x.itemsize
        run = kernel.taker(size, told.form, plan.types)
        grid = blocks(told.count // turns(size * told.form.pack))
        run(grid, THREADS, plan.x, made, *plan.lookup, *begin(), *told.arguments)
        check()
    return made


def put_at(x: Any, key: tuple, values: Any) -> None:
    """``x[key] = values``; of repeated indices the last counts.

    Raises:
        IndexError: An index is out of range.
        ValueError: The values do not broadcast.
    """
    plan, values = _written(x, key, values)
    if not _has_places(plan):
        return
    if _is_mask(key) or not any(_differs(values, plan)):
        _put(plan, values, combine.checked(plan))
    elif math.prod(_places(plan, key)) > MUCH * math.prod(plan.index_shape):
        combine.in_order_of("put", plan, values)
    else:
        guard = begin()
        _put(plan, values, guard, _claimed(plan, key, guard))
    check()


def _put(plan: Plan, values: Any, guard: tuple[Any, ...], claims: Plan | None = None) -> None:
    """Write where no other value is written; or where the position's claim stands."""
    told = plan.layout(values, claims=claims)
    given = [values] if claims is None else [values, claims.x]
    jumps = [] if claims is None else map(np.int64, claims.jumps)
    size = plan.x.itemsize
    run = kernel.putter(size, told.form, plan.types, claims is not None)
    grid = blocks(told.count // turns(size * told.form.pack))
    run(grid, THREADS, plan.x, *given, *plan.lookup, *jumps, *guard, *told.arguments)


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
    plan, values = _written(x, key, values)
    if not _has_places(plan):
        return
    exact = x.dtype.kind in "iu"
    short = math.prod(plan.rest) < LONG and not determinism.demanded
    if how != "add" or not (exact or short):
        combine.in_order_of(how, plan, values)
    elif x.dtype.kind == "c":
        combine.in_any_order(*_in_parts(plan, values))
    elif str(x.dtype.name) in combine.ATOMIC:
        combine.in_any_order(plan, values)
    else:
        combine.in_order_of(how, plan, values)


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


def _written(x: Any, key: tuple, values: Any) -> tuple[Plan, Any]:
    """The plan of a write, and the values: of x's dtype, in other memory, and such that they broadcast.

    Raises:
        ValueError: They do not.
    """
    merges = _is_mask(key) and x.flags.c_contiguous
    plan = plan_of(*_merged(x, key)) if merges else plan_of(x, key)
    values = driver.cupy().asarray(values).astype(x.dtype, copy=False)
    while values.ndim > len(plan.shape) and values.shape[0] == 1:
        values = values[0]
    if broadcast_shapes(values.shape, plan.shape) != plan.shape:
        raise ValueError(
            f"shape mismatch: value array of shape {values.shape} could not be broadcast to indexing "
            f"result of shape {plan.shape}"
        )
    if x.size and values.size and overlaps(x, values):
        values = contiguous(values)
    indices = [contiguous(i) if i.size and x.size and overlaps(x, i) else i for i in plan.indices]
    return plan._replace(indices=tuple(indices)), values


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


def _places(plan: Plan, key: tuple) -> tuple[int, ...]:
    """The sizes of the dimensions that indices are for, or that one along a dimension counts along."""
    return plan.x.shape if key.__class__ is Along else plan.sizes


def _claimed(plan: Plan, key: tuple, guard: tuple[Any, ...]) -> Plan:
    """Where each place of the indices keeps the last position that names it: the plan of an array of those."""
    over, sizes = plan.over_indices, _places(plan, key)
    jumps, steps = row_major(sizes), over.steps
    if key.__class__ is Along:
        dim = key.dim  # type: ignore[attr-defined]
        steps = tuple([0 if i == dim else step for i, step in enumerate(jumps)])
        jumps = (jumps[dim],)
    claims = driver.cupy().zeros((math.prod(sizes),), np.int64)
    made = over._replace(x=claims, steps=steps, jumps=jumps)
    told = made.layout()
    run = kernel.claimer(told.form, plan.types)
    run(blocks(told.count), THREADS, claims, *made.lookup, *guard, *told.arguments)
    return made


def _in_parts(plan: Plan, values: Any) -> tuple[Plan, Any]:
    """Complex numbers as pairs of real ones, along one more dimension."""
    part = np.dtype(f"f{plan.x.itemsize // 2}")
    steps = (*(2 * step for step in plan.steps), 1)
    pairs = contiguous(values).reshape(*values.shape, 1).view(part)
    jumps = tuple([2 * jump for jump in plan.jumps])
    return plan._replace(x=plan.x.real, shape=(*plan.shape, 2), steps=steps, jumps=jumps), pairs
