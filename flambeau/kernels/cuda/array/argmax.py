"""Where the largest or smallest element along a dimension stands."""

from __future__ import annotations

from typing import Any


def place(x: Any, dim: int, largest: bool) -> Any:
    """``np.argmax(x, dim)``, or argmin: the first nan, or else the first of the extreme elements."""
    return x.argmax(dim) if largest else x.argmin(dim)
