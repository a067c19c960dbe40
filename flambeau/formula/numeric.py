"""Array functions that NumPy lacks, or that do not do quite what a primitive wants.

They take what a ufunc takes (``out``; for a reduction ``axes, dtype, out, keepdims``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

BLOCK = 32
"""How many numbers are added plainly, one after the other, before the sums themselves are added."""
LARGE = 4096
"""Arrays with fewer elements lose too little to be worth a second look."""

_reduce: Any = np.add.reduce


def row_sum(
    x: Any, axes: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
) -> Any:
    """The sum over axes, in blocks where NumPy would add up thousands of numbers one by one.

    NumPy adds pairwise along the axis that is contiguous in memory only: the float32 mean of 1e5 rows
    was wrong in the sixth digit.
    """
    if x.__class__ is not ndarray:  # a device's array, which knows best
        return x.sum(axis=axes, dtype=dtype, keepdims=keepdims)
    if x.size < LARGE or x.dtype.char not in "fdFD":
        return _reduce(x, axes, dtype, out, keepdims)
    return _large_sum(x, axes, keepdims)


def _large_sum(x: Any, axes: Any, keepdims: bool) -> Any:
    ndim = x.ndim
    dims = range(ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    along = sorted((d % ndim for d in dims), key=lambda d: abs(x.strides[d]))
    if along == list(range(ndim - 1, ndim - 1 - len(along), -1)) and x.flags.c_contiguous:
        return _reduce(x, axes, None, None, keepdims)  # NumPy sees one long contiguous axis
    total = x
    for i, d in enumerate(along):
        pairwise = i == 0 and abs(x.strides[d]) == x.itemsize
        total = _reduce(total, d, None, None, True) if pairwise else _blocked(total, d)
    return (
        total if keepdims else total.reshape([n for d, n in enumerate(x.shape) if d not in along])
    )


def _blocked(x: Any, axis: int) -> Any:
    """The sum over an axis, which stays with size 1."""
    n = x.shape[axis]
    if n <= 2 * BLOCK:
        return _reduce(x, axis, None, None, True)
    blocks = n // BLOCK
    before = (slice(None),) * axis
    head = x[(*before, slice(0, blocks * BLOCK))]
    # Splitting an axis never copies.
    head = head.reshape(*x.shape[:axis], blocks, BLOCK, *x.shape[axis + 1 :])
    total = _blocked(_reduce(head, axis + 1), axis)
    if n % BLOCK:
        total = total + _reduce(x[(*before, slice(blocks * BLOCK, n))], axis, None, None, True)
    return total


def in_range(x: Any) -> Any:
    """Is a sum of squares so far from the ends of its type that none that matters was lost there?"""
    facts = np.finfo(np.asarray(x).dtype)
    return (x >= facts.tiny / facts.eps) & (x < np.inf)


def flushed(x: Any) -> Any:
    """x, and 0 where it is subnormal."""
    x = np.asarray(x)
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, x.dtype.type(0), x)


def unit_scale(x: Any) -> Any:
    """A power of two that takes |x| to [1, 2), or as near to it as the type has one."""
    x = np.asarray(x)
    facts = np.finfo(x.dtype)
    exponent = np.clip(1 - np.frexp(x)[1], facts.minexp, facts.maxexp - 1)
    return np.ldexp(x.dtype.type(1), exponent)


def sign(x: Any, out: Any = None) -> Any:
    """-1, 0 or 1; 0 for nan."""
    y = np.sign(x, out=out)
    if y.dtype.kind not in "fV":
        return y
    wrong = y != y
    if y.ndim == 0:
        return y.dtype.type(0) if wrong else y
    if wrong.any():
        np.copyto(y, 0, where=wrong)
    return y


def logaddexp(x: Any, y: Any, out: Any = None) -> Any:
    """log(exp(x) + exp(y)); a complex one has the phase of the larger, turned by less than a half."""
    if not np.iscomplexobj(x):
        return np.logaddexp(x, y, out=out)
    first = x.real >= y.real
    larger, smaller = np.where(first, x, y), np.where(first, y, x)
    nothing = np.isneginf(smaller.real)
    step = np.log1p(np.exp(np.where(nothing, 0, smaller - larger)))
    value = np.where(
        nothing & np.isneginf(larger.real), smaller, larger + np.where(nothing, 0, step)
    )
    if out is None:
        return value
    np.copyto(out, value)
    return out


FURTHEST = 4200
"""An exponent beyond which 2 to its power takes every finite number to zero or infinity."""


def ldexp(x: Any, y: Any) -> Any:
    """x times 2 to the power of y, rounded once where y is whole: 2 to that power may not be a number."""
    if np.iscomplexobj(y):
        if y.imag.any():
            return x * np.power(2, y)
        y = y.real
    if np.iscomplexobj(x):
        parts = ldexp(x.real, y), ldexp(x.imag, y)
        value = np.empty(parts[0].shape, x.dtype)
        value.real, value.imag = parts
        return value
    whole = np.floor(y)
    part = np.where(np.isinf(y), 0, y - whole)
    exponent = np.nan_to_num(np.clip(whole, -FURTHEST, FURTHEST)).astype(np.int32)
    return np.ldexp(x * np.exp2(part, dtype=x.dtype), exponent)


def integer_power(x: Any, y: Any, out: Any = None) -> Any:
    """x to the power of y, of integers; below y = 0 the reciprocal, rounded towards zero."""
    try:
        return np.power(x, y, out=out)
    except ValueError:  # NumPy refuses negative exponents
        below = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (y & 1), 0))
        found = np.where(y < 0, below, np.power(x, np.maximum(y, 0))).astype(x.dtype)
        if out is None:
            return found
        np.copyto(out, found)
        return out
