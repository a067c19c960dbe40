"""One value in the places of a mask."""

from __future__ import annotations

from typing import Any

from .. import driver


def filled(x: Any, mask: Any, value: Any) -> Any:
    """``np.where(mask, value, x)`` for one value of x's dtype and a bool mask that broadcasts with x."""
    xp = driver.cupy()
    return xp.where(mask, xp.asarray(value, x.dtype), x)


def fill(x: Any, mask: Any, value: Any) -> None:
    """``x[mask] = value`` for one value and a mask that broadcasts to x's shape."""
    x[...] = filled(x, mask, value)
