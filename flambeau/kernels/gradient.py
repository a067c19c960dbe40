"""What gradients need between operations: sums of two, sums over dimensions that were broadcast, copies.

Large arrays take a kernel, which threads share; small ones are NumPy's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..formula.numeric import row_sum
from . import build

SMALL = 2048
"""Elements below which NumPy is as fast."""


def _built(cls: type, dtype: Any, name: str, plain: Callable, into: bool = False) -> Callable:
    """The kernel for arrays of a dtype, or what NumPy does."""
    from ..formula import primitive  # with the first large gradient
    from ..formula.expression import Domain, symbol
    from ..formula.program import Program

    rows = name == "sum"
    x, y = symbol("x", Domain.REAL), symbol("y", Domain.REAL)
    program = Program((x,), (primitive.sum(x),)) if rows else Program((x, y), (x + y,))
    dtypes = [dtype] * len(program.inputs)
    return (
        BUILD[cls](program, dtypes, dtype, [dtype], f"gradient_{name}", rows, plain, into=into)
        or plain
    )


BUILD: dict[type, Callable] = {np.ndarray: build}
"""By the class of arrays, what makes a kernel of a program."""
_adds: dict[Any, Callable] = {}
_writes: dict[Any, Callable] = {}
_sums: dict[Any, Callable] = {}
_FLOATS = frozenset("fd")


def _is_large(x: Any) -> bool:
    cls = x.__class__
    return cls in BUILD and x.dtype.char in _FLOATS and (x.size >= SMALL or cls is not np.ndarray)


def added(x: Any, y: Any) -> Any:
    """x + y."""
    if not _is_large(x):
        return x + y
    found = _adds.get((x.__class__, x.dtype))
    if found is None:
        found = _adds[x.__class__, x.dtype] = _built(x.__class__, x.dtype, "add", np.add)
    return found(x, y)


def add_into(x: Any, y: Any) -> None:
    """x += y."""
    if not _is_large(x):
        x += y
        return
    found = _writes.get((x.__class__, x.dtype))
    if found is None:
        found = _writes[x.__class__, x.dtype] = _built(
            x.__class__, x.dtype, "add", _add_into, into=True
        )
    found(x, x, y)


def _add_into(target: Any, x: Any, y: Any) -> Any:
    return np.add(x, y, out=target)


def summed(x: Any, axes: tuple[int, ...], keepdims: bool = False) -> Any:
    """The sum over dimensions."""
    if not _is_large(x):
        return row_sum(x, axes, keepdims=keepdims)
    found = _sums.get((x.__class__, x.dtype))
    if found is None:
        found = _sums[x.__class__, x.dtype] = _built(x.__class__, x.dtype, "sum", _row_sum)
    value = found(x, tuple([axis % x.ndim - x.ndim for axis in axes]))
    return value if keepdims else value.squeeze(axes)


def _row_sum(x: Any, axes: tuple[int, ...]) -> Any:
    return row_sum(x, axes, keepdims=True)


def owned(x: Any) -> Any:
    """A copy that nobody else holds."""
    if x.size < SMALL or x.__class__ is not np.ndarray:
        return x.copy()
    from .array import copy as copying

    return copying.contiguous(x)
