"""Parameters' steps as formulas of their value, gradient and state: one pass over memory for all of them.

A formula is a plain function ``f(xp, p, g, *state, **numbers)`` that gives the new value and state; xp has the
functions it needs. It is called with arrays, with tensors (where the step is recorded) and with symbols,
of which a kernel is made that takes all parameters at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

import numpy as np

from ..autograd.location import count_writes
from ..core.tensor import Tensor
from ..ops.elementwise import together
from ..ops.elementwise.together import number_of
from .state import handles

_PARAMETER = itemgetter(0)
"""Of a member of a batch."""


class Batch:
    """Parameters of one dtype that step by one formula with the same numbers.

    Args:
        kind: Of the parameters (see `core.kind`).
        formula, numbers: What an algorithm's `plan` gives, `completed` where that has to be.
        states: How many arrays of state a parameter has.
        recorded: Is the step to be differentiated?

    Attributes:
        members: (parameter, gradient, state) of each.
    """

    __slots__ = ("formula", "kernel", "members", "numbers", "recorded", "states")

    def __init__(
        self, kind: Any, formula: Callable, numbers: dict[str, Any], states: int, recorded: bool
    ):
        self.formula, self.numbers, self.recorded, self.states = formula, numbers, recorded, states
        self.members: list[tuple[Tensor, Tensor, Sequence[Tensor]]] = []
        self.kernel = None if recorded else kernel(formula, kind, states, tuple(numbers))

    def run(self, by: str) -> None:
        """Let them step; `by` says who wrote, for messages."""
        members = self.members
        if self.kernel is None:
            for place, member in enumerate(members):
                self.one(place, *member)
        else:
            arrays = [p._array for p, _, _ in members]
            for i in range(self.states):
                arrays += [state[i]._array for _, _, state in members]
            arrays += [grad._array for _, grad, _ in members]
            self.kernel(*arrays, *(number_of(x, len(members)) for x in self.numbers.values()))
        if not self.recorded:
            count_writes(map(_PARAMETER, members), by)

    def one(self, place: int, p: Tensor, grad: Tensor, state: Sequence[Tensor]) -> None:
        xp, value, g, *kept = handles(self.recorded, p, grad, state)
        numbers = self.numbers if self.recorded else self.own_numbers(place)
        found = self.formula(xp, value, g, *kept, **numbers)
        for i, (target, new) in enumerate(zip((value, *kept), found)):
            if self.recorded:
                target.copy_(new)
            else:
                target[...] = settled(xp, new, target.dtype) if i else new

    def own_numbers(self, place: int) -> dict[str, Any]:
        """One member's numbers, where some are tensors."""
        count = len(self.members)
        return {
            name: number_of(x, count)[place].astype(x._kind.compute) if isinstance(x, Tensor) else x
            for name, x in self.numbers.items()
        }


def settled(xp: Any, value: Any, dtype: Any) -> Any:
    """State with 0 in place of subnormal numbers.

    Where gradients have stopped, running means shrink by a factor a step until they are subnormal, stay
    so for ever, and arithmetic on such numbers is some thirty times as slow.
    """
    if dtype.kind != "f":
        return value
    return xp.where(abs(value) < float(np.finfo(dtype).tiny), 0.0, value)


@cache
def completed(formula: Callable, maximize: bool, decay: str) -> Callable:
    """A formula with what most algorithms have in common.

    decay: "" for none; "gradient" adds the number `decay` times p to the gradient; "value" first multiplies
        p by it.
    """

    def complete(xp: Any, p: Any, g: Any, *state: Any, decay: Any = None, **numbers: Any) -> tuple:
        if maximize:
            g = -g
        if where == "gradient":
            g = g + decay * p
        elif where == "value":
            p = p * decay
        return formula(xp, p, g, *state, **numbers)

    where = decay
    complete.__name__ = formula.__name__
    return complete


@cache
def kernel(formula: Callable, kind: Any, states: int, numbers: tuple[str, ...]) -> Callable | None:
    """The step of many parameters: ``f(*values, *first states, ..., *gradients, *numbers)``; None if there is none."""
    dtype = kind.numpy

    def step(xp: Any, p: Any, *others: Any, **numbers: Any) -> tuple:
        *state, g = others
        first, *rest = formula(xp, p, g, *state, **numbers)
        return first, *(settled(xp, x, dtype) for x in rest)

    step.__name__ = formula.__name__
    return together.kernel(step, kind, states + 2, numbers)


def change(tensors: Sequence[Tensor], formula: Callable, **numbers: Any) -> None:
    """Change tensors of one kind in place, by a formula ``f(xp, x, **numbers)``."""
    batch = Batch(tensors[0]._kind, _alone(formula), numbers, 0, False)
    batch.members = [(x, x, ()) for x in tensors]
    batch.run(formula.__name__)


@cache
def _alone(formula: Callable) -> Callable:
    """A formula that looks at no gradient, as one that might."""

    def alone(xp: Any, p: Any, g: Any, **numbers: Any) -> tuple:
        return (formula(xp, p, **numbers),)

    alone.__name__ = formula.__name__
    return alone
