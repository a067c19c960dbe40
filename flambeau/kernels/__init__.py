"""Native kernels: a formula's program as machine code for this processor.

`build` gives a function of arrays that computes a program; it takes any arrays that the NumPy interpreter takes and
gives the same results. Programs without a native form (see `nest.Unsupported`) have none. Knows
nothing of tensors.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from ..formula.program import Program

_state: list[bool] = []


def enabled() -> bool:
    """Are kernels compiled? Not with FLAMBEAU_KERNELS=0, without llvmlite, or on an unknown Python."""
    if not _state:
        _state.append(os.environ.get("FLAMBEAU_KERNELS", "1") != "0" and _possible())
    return _state[0]


def _possible() -> bool:
    try:
        from . import machine, runtime
    except ImportError:
        return False
    return machine is not None and runtime.layout_is_known()


def build(
    program: Program,
    inputs: Sequence[Any],
    compute: Any,
    results: Sequence[Any],
    name: str,
    rows: bool,
    interpreter: Callable,
) -> Callable:
    """A function of the program's arrays, parameters and (with `rows`) axes.

    Args:
        program: What to compute.
        inputs: The array dtypes of its inputs.
        compute: The dtype of the arithmetic.
        results: The array dtypes of its roots.
        name: What the function is called in tracebacks and reports.
        rows: Does it take axes?
        interpreter: Computes the same with NumPy, for whatever has no native form.
    """
    if not enabled():
        return interpreter
    from .dispatch import build_native  # the compiler loads with the first operation

    return build_native(program, inputs, compute, results, name, rows, interpreter)
