"""The order of the elements of each row."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import driver


def order(x: Any, dim: int, descending: bool = False) -> Any:
    """The indices (int64) that sort a dimension, equal elements in their order; nan is the largest."""
    xp = driver.cupy()
    if x.dtype.isbuiltin == 2:
        x = x.astype(np.float32)
    if not descending:
        return xp.argsort(x, dim)
    back = xp.flip(xp.argsort(xp.flip(x, dim), dim), dim)
    return x.shape[dim] - 1 - back


def first(x: Any, k: int, dim: int, descending: bool = False) -> Any:
    """The first `k` of `order`."""
    found = order(x, dim, descending)[(*(slice(None),) * (dim % x.ndim), slice(k))]
    return driver.cupy().ascontiguousarray(found)
