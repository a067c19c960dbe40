"""Numbers that may be symbols in PyTorch's graphs: always Python's own here, and their functions.

`SymInt`, `SymFloat` and `SymBool` are there for `isinstance`, and no number is one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


class _Symbol:
    def __init__(self, node: Any) -> None:
        raise TypeError(
            f"{type(self).__name__} stands for a number that is not known yet: flambeau knows all, write the number"
        )


class SymInt(_Symbol):
    """An int that a graph of PyTorch does not know; no object is one here.

    Source: torch.SymInt
    """


class SymFloat(_Symbol):
    """A float that a graph of PyTorch does not know; no object is one here.

    Source: torch.SymFloat
    """


class SymBool(_Symbol):
    """A bool that a graph of PyTorch does not know; no object is one here.

    Source: torch.SymBool
    """


def sym_int(a: Any) -> int:
    """The number without its fraction.

    Source: torch.sym_int
    """
    return int(a)


def sym_float(a: Any) -> float:
    """The number as a float.

    Source: torch.sym_float
    """
    return float(a)


def sym_not(a: Any) -> bool:
    """Is it false?

    Source: torch.sym_not
    """
    return not a


def sym_max(a: Any, b: Any) -> Any:
    """The larger number: a float if either is one.

    Source: torch.sym_max

    Example:
        >>> import flambeau as torch
        >>> torch.sym_max(3, 4), torch.sym_max(3.0, 4)
        (4, 4.0)
    """
    found = max(a, b)
    return float(found) if isinstance(a, float) or isinstance(b, float) else found


def sym_min(a: Any, b: Any) -> Any:
    """The smaller number: a float if either is one.

    Source: torch.sym_min
    """
    found = min(a, b)
    return float(found) if isinstance(a, float) or isinstance(b, float) else found


def sym_sum(*args: Any) -> Any:
    """The sum of numbers, or of those in a sequence.

    Source: torch.sym_sum
    """
    if len(args) == 1 and isinstance(args[0], Iterable):
        return sum(args[0])
    return sum(args)


def sym_ite(b: bool, t: Any, f: Any) -> Any:
    """`t` if `b` holds, else `f`.

    Source: torch.sym_ite
    """
    return t if b else f


def sym_sqrt(a: Any) -> float:
    """The square root.

    Source: torch.sym_sqrt
    """
    return math.sqrt(a)


def sym_fresh_size(expr: int) -> int:
    """A size that a graph would take for an unknown one: the number itself.

    Source: torch.sym_fresh_size
    """
    return int(expr)


def sym_constrain_range(size: int, *, min: int | None = None, max: int | None = None) -> None:
    """Check that a number lies in a range.

    Raises:
        RuntimeError: It does not.

    Source: torch.sym_constrain_range
    """
    if (min is not None and size < min) or (max is not None and size > max):
        raise RuntimeError(f"Invalid value range for {size} between [{min}, {max}].")


def sym_constrain_range_for_size(
    size: int, *, min: int | None = None, max: int | None = None
) -> None:
    """Check that a number can be a size and lies in a range.

    Raises:
        RuntimeError: It does not.

    Source: torch.sym_constrain_range_for_size
    """
    sym_constrain_range(size, min=min or 0, max=max)
