"""Values combined at the places of a key, with the old ones or without: what scatter_reduce and index_reduce run."""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import kernels
from ...core.dtype import BOOL, BY_NUMPY
from ...core.kind import kind_of
from ...core.tensor import Tensor, wrap
from ...dispatch.rule.rule_operation import operation
from ...kernels.gather.part import WIDE, Whole, is_half, part_of
from ...kernels.gather.plan import snapshot
from ..elementwise.comparison import where
from .advanced import add_at, index_advanced, put_advanced


def _lowest(dtype: Any) -> Any:
    if dtype.kind in "iu":
        return np.iinfo(dtype).min
    return False if dtype.kind == "b" else -np.inf


def _highest(dtype: Any) -> Any:
    if dtype.kind in "iu":
        return np.iinfo(dtype).max
    return True if dtype.kind == "b" else np.inf


START = {
    "sum": lambda dtype: 0,
    "mean": lambda dtype: 0,
    "prod": lambda dtype: 1,
    "amax": _lowest,
    "amin": _highest,
}
"""For each way to combine: what changes nothing."""
_COMBINE = {"prod": "multiply", "amax": "maximum", "amin": "minimum"}
"""The others: what they do with each value, by NumPy's names; sums and means add."""


def check_reduction(name: str, dtype: Any, how: str) -> None:
    """Raises NotImplementedError for what has no meaning: means of bools, extremes of complex numbers."""
    if (how == "mean" and dtype.category == BOOL) or (how in ("amax", "amin") and dtype.is_complex):
        raise NotImplementedError(
            f'"{name}_{how}" not implemented for {dtype.legacy!r}: convert with .to(dtype) first'
        )


def _combine(x: Any, src: Any, key: tuple, how: str, include: bool) -> None:
    """Half types in float32; a mean counts at the places of the key only."""
    put_at, key = kernels.gather.indexed.put_at, snapshot(key)
    dtype = WIDE if is_half(x.dtype) else x.dtype
    alone = dtype is x.dtype and how != "mean"
    part = Whole(x, key, dtype) if alone else part_of(x, key, dtype)
    values = part.fitted(src).astype(dtype, copy=False)
    if not include:
        put_at(part.array, part.key, np.asarray(START[how](dtype), dtype))
    kernels.gather.indexed.combine_at(_COMBINE.get(how, "add"), part.array, part.key, values)
    if how == "mean":
        count = _counts(part.array.shape, part.key, include)
        if dtype.kind in "iu":
            part.array //= count.astype(dtype)
        else:
            part.array /= count
    part.store()


def _counts(shape: tuple[int, ...], key: tuple, include: bool) -> Any:
    """How many values a mean is of; 1 where there is none."""
    count = np.full(shape, int(include), np.int64)
    add_at(count, key, np.asarray(1))
    return np.maximum(count, 1, out=count)


@operation(operands="x src", label="ScatterReduce", writes=True)
def summed(x: Any, src: Any, key: tuple, how: str, include: bool) -> None:
    """`x` with the "sum" or "mean" of the values for each place of the key, and of the old one if that is included."""
    _combine(x, src, key, how, include)


@summed.gradient
def _(g: Tensor, key: tuple, how: str, include: bool) -> list[Any]:
    if how == "mean":
        kind = kind_of(BY_NUMPY[g._kind.compute], g.device)
        count = _counts(g._array.shape, key, include).astype(kind.numpy)
        g = (g / wrap(count, kind)).to(g.dtype)
    own = g if include else put_advanced(g, g.new_zeros(()), key, False)
    return [own, index_advanced(g, key)]


@operation(operands="x src", label="ScatterReduce", writes=True)
def combined(x: Any, src: Any, key: tuple, how: str, include: bool) -> None:
    """`x` with the "prod", "amax" or "amin" of the values for each place, and of the old one if that is included."""
    _combine(x, src, key, how, include)


@combined.gradient
def _(
    g: Tensor, x: Tensor, src: Tensor, y: Tensor, key: tuple, how: str, include: bool
) -> list[Any]:
    dtype, wide = x.dtype, BY_NUMPY[x._kind.compute]
    g, x, src, y = (t.to(wide) for t in (g, x, src, y))
    if how == "prod":
        plain = where(x == 0, 1.0, x)
        own = g * combined(plain, src, key, "prod", include) / plain
        given = product_shares(g, x, src, y, key, include)
    else:
        at = index_advanced(y, key)
        mine, theirs = (x == y).to(wide), (src == at).to(wide)
        share = g / put_advanced(mine, theirs, key, True)
        own, given = mine * share, theirs * index_advanced(share, key)
    if not include:
        own = put_advanced(own, own.new_zeros(()), key, False)
    return [own.to(dtype), given.to(dtype)]


def product_shares(
    g: Tensor, x: Tensor, src: Tensor, y: Tensor, key: tuple, include: bool
) -> Tensor:
    """The gradient of products towards `src`: the product of the others.

    Where one factor is zero it is left out instead of divided by.
    """
    zero = src == 0
    zeros = put_advanced(x.new_zeros(x.shape), zero.to(x.dtype), key, True)
    if include:
        zeros = zeros + (x == 0).to(x.dtype)
    single = zero & (index_advanced(zeros, key) == 1)
    others = combined(x, where(single, 1.0, src), key, "prod", include)
    safe = where(zero, 1.0, src)
    return where(
        single, index_advanced(g * others, key), where(zero, 0.0, index_advanced(g * y, key) / safe)
    )
