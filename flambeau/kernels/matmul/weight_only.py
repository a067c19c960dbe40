"""Products of float32 and weights of eight or four bits (`weight_only_kernel` writes the code), as functions of arrays.

Sums are scaled once. For few rows weights become floats in
registers, so that they are read from memory as the bytes that they are; for many they are widened first, and multiplied as
matrices of float32.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..runtime import memory
from ..runtime.entry import Job
from ..runtime.process import enabled
from . import matmul
from .int4_pack import BLOCK, MIDDLE, unpacked_int4

FLOAT32 = np.dtype("float32")
FEW = 16
"""Rows up to which weights are widened in registers."""


def by_int8(x: Any, weight: Any, scales: Any) -> Any:
    """``x @ (weight * scales[:, None]).T`` for rows of float32 and a weight (columns, inner) of int8."""
    x, (m, k), n = np.ascontiguousarray(x), x.shape, len(weight)
    if not (_has_kernels(x) and m and n and k):
        return np.matmul(x, weight.T.astype(FLOAT32)) * scales
    if m > FEW:
        made = _multiplied(x, weight.astype(FLOAT32).T)
        made *= scales
    else:
        made = memory.empty((m, n), FLOAT32)
        function, told = _plan8(m, n, k)
        function(x, np.ascontiguousarray(weight), np.ascontiguousarray(scales), made, *told)
    return made


def by_int4(x: Any, packed: Any, group: int, scales: Any) -> Any:
    """The product of rows of float32 and a weight that `packed_int4` made, with (groups, columns, 2) scales and zeros."""
    x, (m, k), n = np.ascontiguousarray(x), x.shape, len(packed)
    if not (_has_kernels(x) and m and n and k):
        numbers = unpacked_int4(packed).astype(FLOAT32) - MIDDLE
        each = np.repeat(scales, group, 0)
        return np.matmul(x, numbers.T * each[..., 0] + each[..., 1])
    few = m <= FEW
    made = memory.empty((m, n) if few else (k, n), FLOAT32)
    function, told = _plan4(m if few else 0, n, k, group)
    packed = np.ascontiguousarray(packed)
    if few:
        function(x, packed, np.ascontiguousarray(scales), made, *told)
    else:
        function(packed, np.ascontiguousarray(scales), made, *told)
        made = _multiplied(x, made)
    return made


@lru_cache(1024)
def _plan8(m: int, n: int, k: int) -> tuple[Any, tuple[int, ...]]:
    from .weight_only_kernel import COLUMNS, Numbers8, by_int8

    job = Job(rows=-(-n // COLUMNS), length=1, weight=m * n * k // 8, divisible=False)
    return by_int8(1 if m == 1 else 4), tuple(map(int, (*job, *Numbers8(m=m, n=n, k=k))))


@lru_cache(1024)
def _plan4(m: int, n: int, k: int, group: int) -> tuple[Any, tuple[int, ...]]:
    """For so many rows, or, if there are none, of what widens the weight."""
    from .weight_only_kernel import Numbers4, by_int4, parts, widening_int4

    rows = -(-n // BLOCK) * parts()
    job = Job(rows=rows, length=1, weight=max(m, 1) * n * k // 8, divisible=False)
    function = by_int4(1 if m == 1 else 4) if m else widening_int4()
    return function, tuple(map(int, (*job, *Numbers4(m=m, n=n, k=k, group=group))))


def _has_kernels(x: Any) -> bool:
    return enabled() and x.__class__ is np.ndarray


def _multiplied(x: Any, y: Any) -> Any:
    found = matmul.product(x, y)
    return np.matmul(x, y) if found is NotImplemented else found


__all__ = ["by_int4", "by_int8"]
