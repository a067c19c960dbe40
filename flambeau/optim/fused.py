"""A parameter's step as a formula of its value, gradient and state: one pass over memory, by all threads.

The formula is a plain function ``f(xp, p, g, *state, **numbers)`` that gives the new value and state; xp has the
functions it needs. It is called with arrays, with tensors (where the step is recorded) and with symbols,
of which a kernel is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from .. import kernels
from ..formula import primitive
from ..formula.evaluate import compile_program
from ..formula.expression import parameter, symbol
from ..formula.program import Program


def step(xp: Any, formula: Callable, p: Any, g: Any, state: Sequence[Any], numbers: dict) -> None:
    """Do the step with arrays or tensors, in place."""
    for target, value in zip((p, *state), formula(xp, p, g, *state, **numbers)):
        if xp is np:
            target[...] = value
        else:
            target.copy_(value)


@cache
def kernel(
    formula: Callable, dtype: Any, state: int, numbers: tuple[str, ...], maximize: bool, decay: str
) -> Callable | None:
    """The step as a function ``(*targets, p, g, *state, *numbers)``; None without kernels.

    decay: "" for none; "gradient" adds the number `decay` times p to the gradient; "value" first multiplies
        p by it.
    """
    p, g = symbol("p"), symbol("g")
    kept = [symbol(f"state{i}") for i in range(state)]
    value: Any = p * parameter("decay") if decay == "value" else p
    gradient: Any = -g if maximize else g
    if decay == "gradient":
        gradient = gradient + p * parameter("decay")
    given = {name: parameter(name) for name in numbers}
    roots = tuple(formula(primitive, value, gradient, *kept, **given))
    parameters = (*numbers, "decay") if decay else numbers
    program = Program((p, g, *kept), roots, parameters)
    dtypes = [dtype] * (2 + state)
    interpreter = compile_program(program, np, dtype, formula.__name__)
    return kernels.build(
        program, dtypes, dtype, dtypes[1:], formula.__name__, False, interpreter, into=True
    )


def fits(p: Any, g: Any, state: Sequence[Any]) -> bool:
    """Does a kernel take these arrays as they lie?"""
    dtype = p.dtype
    return (
        dtype.char in "fd"
        and p.__class__ is np.ndarray
        and all(x.dtype is dtype and x.shape == p.shape for x in (g, *state))
    )
