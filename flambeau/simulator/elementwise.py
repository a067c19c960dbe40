"""Elementwise functions that CuPy computes otherwise than NumPy, or has for other dtypes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np


def _is_short(x: Any) -> bool:
    return getattr(getattr(x, "dtype", None), "name", "") == "bfloat16"


def _power(x: Any, y: Any, **options: Any) -> Any:
    """Integers to negative powers are 0, and those of 1 and -1 are 1 and -1; NumPy refuses them."""
    exponents = np.asarray(y)
    if (
        exponents.dtype.kind != "i"
        or np.asarray(x).dtype.kind not in "iub"
        or exponents.min(initial=0) >= 0
    ):
        return np.power(x, y, **options)
    usual = np.power(x, np.maximum(y, 0), **options)
    odd = np.where(np.bitwise_and(y, 1) == 1, -1, 1)
    inverse = np.where(np.equal(x, -1), odd, np.equal(x, 1))
    np.copyto(usual, inverse, "unsafe", np.broadcast_to(np.less(y, 0), usual.shape))
    return usual


def _of_real(function: Any) -> Callable:
    """A function that CuPy does not have for complex numbers."""

    def real(*xs: Any, **options: Any) -> Any:
        if any(np.iscomplexobj(x) for x in xs):
            raise TypeError(f"ufunc 'cupy_{function.__name__}' not supported for the input types")
        return function(*xs, **options)

    return real


def _of_wide(function: Any) -> Callable:
    """A function that takes bfloat16 as float32."""

    @functools.wraps(function)
    def wide(*xs: Any, **options: Any) -> Any:
        return function(*(np.asarray(x, np.float32) if _is_short(x) else x for x in xs), **options)

    return wide


def _short(function: Any) -> Callable:
    """A function that CuPy has for bfloat16, and NumPy not."""

    def short(x: Any, *rest: Any, **options: Any) -> Any:
        made = function(x, *rest, **options)
        return made.astype(x.dtype) if _is_short(x) and not options else made

    return short


OWN: dict[str, Callable] = {
    "power": _power,
    "pow": _power,
    "divmod": _of_wide(np.divmod),
    "degrees": _short(np.degrees),
    "rad2deg": _short(np.rad2deg),
    "radians": _short(np.radians),
    "deg2rad": _short(np.deg2rad),
    "sinc": _short(np.sinc),
    "ldexp": _short(np.ldexp),
    "logical_and": _of_real(_of_wide(np.logical_and)),
    "logical_or": _of_real(_of_wide(np.logical_or)),
    "logical_xor": _of_real(_of_wide(np.logical_xor)),
    "logical_not": _of_real(np.logical_not),
}
"""By name, what computes it."""

__all__ = ["OWN"]
