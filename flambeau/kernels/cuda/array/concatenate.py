"""Arrays one after the other along a dimension, or along a new one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import driver


def concatenate(arrays: Sequence[Any], dim: int) -> Any:
    """np.concatenate, in the order of C."""
    return driver.cupy().concatenate(arrays, dim)


def stack(arrays: Sequence[Any], dim: int) -> Any:
    """np.stack, in the order of C."""
    return driver.cupy().stack(arrays, dim)
