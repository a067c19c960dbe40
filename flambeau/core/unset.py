"""What memory holds that a program asked for and did not fill: NaN, where it is to be deterministic."""

from __future__ import annotations

from typing import Any

import numpy as np


class unset:
    """Whether it is filled.

    Attributes:
        wanted: Shall it be, where determinism is demanded?
        demanded: Is it?
        filled: Both.
    """

    wanted = True
    demanded = False
    filled = False

    @staticmethod
    def demand(mode: bool) -> None:
        """Determinism is demanded, or no longer."""
        unset.demanded = mode
        unset.filled = unset.wanted and mode


def left(array: Any) -> Any:
    """An array whose elements were left as the memory was: filled, where programs are to be deterministic."""
    if unset.filled and hasattr(array, "fill"):
        poison(array)
    return array


def poison(array: Any) -> None:
    """Fill with what is seen when it is used: NaN, the largest integer, True."""
    kind = array.dtype.kind
    if kind == "b":
        array.fill(True)
    else:
        array.fill(np.iinfo(array.dtype).max if kind in "iu" else np.nan)
