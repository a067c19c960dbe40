"""The step of those elements that a sparse gradient has; all others, and their state, stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..autograd.location import count_writes
from ..core.tensor import Tensor

if TYPE_CHECKING:
    from .optimizer import Optimizer


def step_rows(optimizer: Optimizer, p: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
    """Run an optimiser's formula where a gradient of coordinates has elements."""
    grad = grad.to_sparse().coalesce()
    g, xp = grad.values()._array, p._kind.xp
    clock, state = optimizer.prepare(p, group, optimizer.slots(group))
    if not len(g):
        return
    formula, numbers = optimizer.plan(group)(clock)
    if group.get("maximize"):
        g = -g
    where = tuple(grad.indices()._array)
    arrays = [p._array, *(x._array for x in state)]
    numbers = {name: float(value) for name, value in numbers.items()}
    found = formula(xp, arrays[0][where], g, *(x[where] for x in arrays[1:]), **numbers)
    for array, new in zip(arrays, found):
        array[where] = new
    count_writes((p,), f"{type(optimizer).__name__}.step()")
