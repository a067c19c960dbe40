"""Running sums, products, extremes and logarithms of sums along a dimension of an array."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import driver


def running_sum(x: Any, dim: int, narrow: bool = False) -> Any:
    """Running sums: floats in their dtype, rounded once from double; int64 of integers and bools.

    narrow: Of integers in their own dtype, what does not fit cut off.
    """
    return _accumulated(driver.cupy().cumsum, x, dim, narrow)


def running_product(x: Any, dim: int, narrow: bool = False) -> Any:
    """Running products, in the dtypes of `running_sum`."""
    return _accumulated(driver.cupy().cumprod, x, dim, narrow)


def _accumulated(by: Any, x: Any, dim: int, narrow: bool) -> Any:
    kind = x.dtype.kind
    result = x.dtype if narrow or kind in "fcVW" else np.dtype(np.int64)
    wide = np.complex128 if kind in "cW" else np.float64
    return by(x.astype(result if result.kind in "iu" else wide), dim).astype(result, copy=False)


def running_extreme(x: Any, dim: int, largest: bool) -> tuple[Any, Any]:
    """The largest (or smallest) value so far, and the last place where it stood; nan wins."""
    xp = driver.cupy()
    best, index = xp.empty(x.shape, x.dtype), xp.empty(x.shape, np.int64)
    rows, values, places = (xp.moveaxis(a, dim, 0) for a in (x, best, index))
    for i in range(len(rows)):
        values[i], places[i] = rows[i], i
        if i:
            before, row = values[i - 1], rows[i]
            won = (row >= before if largest else row <= before) | (row != row)
            values[i] = xp.where(won, row, before)
            places[i] = xp.where(won, i, places[i - 1])
    return best, index


def running_logsumexp(x: Any, dim: int) -> Any:
    """log of running sums of exp, without overflow."""
    xp = driver.cupy()
    wide = x if x.dtype.itemsize > 2 else x.astype(np.float32)
    made = xp.empty(x.shape, wide.dtype)
    rows, sums = xp.moveaxis(wide, dim, 0), xp.moveaxis(made, dim, 0)
    for i in range(len(rows)):
        sums[i] = rows[i] if not i else xp.logaddexp(sums[i - 1], rows[i])
    return made.astype(x.dtype, copy=False)
