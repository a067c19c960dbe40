"""What gradients need between operations: sums of two, sums over dimensions that were broadcast, copies.

Large arrays take a kernel, which threads share; small ones are NumPy's. Those of devices take their device's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..formula.numeric import row_sum
from . import build
from .runtime.process import enabled

SMALL = 2048
"""Elements below which NumPy is as fast."""
BUILDERS: dict[type, Callable[[Any], Callable]] = {}
"""For arrays of devices, by their class: from an array to what builds kernels for its device, as `build` does."""
_FLOATS = frozenset(("float16", "bfloat16", "float32", "float64"))
_kernels: dict[tuple, Callable] = {}


def _kernel(x: Any, name: str, plain: Callable, into: bool = False) -> Callable | None:
    """The kernel for arrays of a dtype on a device; None where the array's own functions do as well."""
    if x.__class__ is np.ndarray:
        # Of the half types NumPy adds in steps that are each rounded.
        if not x.size or x.dtype.char not in ("fdeE" if x.size >= SMALL else "eE"):
            return None
        key = name, into, x.dtype, -1
    elif x.__class__ not in BUILDERS or not x.size or x.dtype.name not in _FLOATS:
        return None
    else:
        key = name, into, x.dtype, x.device.id
    found = _kernels.get(key)
    if found is None:
        found = _kernels[key] = _built(x, name, plain, into)
    return found


def _built(x: Any, name: str, plain: Callable, into: bool) -> Callable:
    from ..formula import primitive  # with the first large gradient
    from ..formula.expression import Domain, symbol
    from ..formula.program import Program

    rows, dtype = name == "sum", x.dtype
    a, b = symbol("x", Domain.REAL), symbol("y", Domain.REAL)
    program = Program((a,), (primitive.sum(a),)) if rows else Program((a, b), (a + b,))
    compute = np.dtype(np.float32) if dtype.itemsize == 2 else dtype
    builds = BUILDERS[x.__class__](x) if x.__class__ in BUILDERS else build
    facts = program, [dtype] * len(program.inputs), compute, [dtype], f"gradient_{name}"
    return builds(*facts, rows, plain, into=into) or plain


def added(x: Any, y: Any) -> Any:
    """x + y."""
    if x.__class__ is np.ndarray and x.size < SMALL and x.dtype.itemsize > 2:
        return x + y
    found = _kernel(x, "add", np.add)
    return x + y if found is None or y.__class__ is not x.__class__ else found(x, y)


def add_into(x: Any, y: Any) -> None:
    """x += y."""
    if x.__class__ is np.ndarray and x.size < SMALL and x.dtype.itemsize > 2:
        x += y
        return
    found = _kernel(x, "add", _add_into, into=True)
    if found is None or y.__class__ is not x.__class__:
        x += y
    else:
        found(x, x, y)


def _add_into(target: Any, x: Any, y: Any) -> Any:
    return np.add(x, y, out=target)


def summed(x: Any, axes: tuple[int, ...], keepdims: bool = False) -> Any:
    """The sum over dimensions."""
    found = _kernel(x, "sum", _row_sum)
    if found is None:
        return row_sum(x, axes, keepdims=keepdims)
    value = found(x, tuple([axis % x.ndim - x.ndim for axis in axes]))
    return value if keepdims else value.squeeze(axes)


def _row_sum(x: Any, axes: tuple[int, ...]) -> Any:
    return row_sum(x, axes, keepdims=True)


def converted(x: Any, dtype: Any) -> Any:
    """The values in another dtype; None where there is no machine code for it."""
    if x.__class__ is not np.ndarray or not enabled():
        return None
    from .loops import convert

    return convert.converted(x, dtype)


def owned(x: Any) -> Any:
    """A copy that nobody else holds."""
    if x.size < SMALL or x.__class__ is not np.ndarray:
        return x.copy()
    from .array import copy as copying

    return copying.contiguous(x)
