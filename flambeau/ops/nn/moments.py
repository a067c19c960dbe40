"""Groups of channels less their mean, by their standard deviation: what batch, group and instance norm share.

The input is (N, C, L) for this, one row for each channel of each sample. One pass takes every row's mean and
sum of squared deviations; groups of rows are joined from those, which loses no digits, over the batch
or over the channels of a group; a second pass scales. The gradient takes two passes in the same way.

A group's rows lie along `axis` of (N, G, K), where C = G K: 0 joins the batch, 2 the K channels of a group.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ...core.device import CPU
from ...core.dtype import BY_NUMPY
from ...core.kind import kind_of
from ...core.tensor import Tensor
from ...dispatch.formula.rowwise import RowOperation, rowwise
from ...dispatch.rule.rule_operation import operation
from ...formula import primitive as p
from ...formula.expression import Expression
from ..elementwise.elementary import rsqrt
from ..index.advanced import sibling
from ..reduction.sum import sum

ROWS = (-1,)


@rowwise
def row_moments(x: Expression) -> tuple[Expression, Expression]:
    """A row's mean and its sum of squared deviations."""
    mean = p.mean(x)
    return mean, p.sum(p.square(x - mean))


@rowwise
def joined_moments(mean: Expression, squares: Expression, length: float = 1.0) -> tuple:
    """The mean and variance of rows of one length together."""
    whole = p.mean(mean)
    return whole, p.mean(squares) / length + p.mean(p.square(mean - whole))


@rowwise(reduced="mean scale shift")
def scaled_rows(
    x: Expression, mean: Expression, scale: Expression, shift: Expression
) -> Expression:
    """(x - mean) scale + shift, with one of each a row."""
    return (x - mean) * scale + shift


@rowwise(reduced="mean")
def row_products(g: Expression, x: Expression, mean: Expression) -> tuple[Expression, Expression]:
    """The sums of g and of g (x - mean) over a row."""
    return p.sum(g), p.sum(g * (x - mean))


@rowwise(reduced="mean scale slope shift")
def combined_rows(
    g: Expression,
    x: Expression,
    mean: Expression,
    scale: Expression,
    slope: Expression,
    shift: Expression,
) -> Expression:
    """g scale + (x - mean) slope + shift, with one of each a row."""
    return g * scale + (x - mean) * slope + shift


def _run(of: RowOperation, arrays: tuple[Any, ...], axes: tuple[int, ...], *numbers: float) -> Any:
    """A row formula of arrays of one dtype, without tensors."""
    return _specialization(of, arrays[0].dtype, len(arrays)).run(*arrays, *numbers, axes)


@lru_cache(None)
def _specialization(of: RowOperation, dtype: Any, count: int) -> Any:
    kind = kind_of(BY_NUMPY[dtype], CPU)
    return of.specialize((kind,) * count, kind, ())


@lru_cache(256)
def _sizes(shape: tuple[int, ...], groups: int) -> tuple[tuple[int, int, int], tuple, int]:
    """(N, C, L), (N, G, K), and the number of elements in a channel of a sample."""
    n, channels = shape[:2]
    length = 1
    for size in shape[2:]:
        length *= size
    return (n, channels, length), (n, groups, channels // groups), length


def _spread(value: Any, grouped: tuple, rows: tuple) -> Any:
    """One value for each row (N, C, 1), of an array that broadcasts to (N, G, K)."""
    made = np.empty(grouped, value.dtype)
    made[...] = value
    return made.reshape(*rows[:2], 1)


def _scaled(x: Any, mean: Any, var: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    rows, grouped, _ = _sizes(x.shape, groups)
    inner = (1, *grouped[1:])
    scale = 1 / np.sqrt(var + x.dtype.type(eps))
    scale = scale if weight is None else scale * weight.reshape(inner)
    shift = x.dtype.type(0) if bias is None else bias.reshape(inner)
    values = [_spread(v, grouped, rows) for v in (mean, scale, shift)]
    return _run(scaled_rows, (x.reshape(rows), *values), ROWS).reshape(x.shape)


@operation(operands="x weight bias", outputs="y mean var", label="NativeBatchNorm")
def standardized(x: Any, weight: Any, bias: Any, axis: int, groups: int, eps: float) -> tuple:
    """The result, and the mean and variance of each group."""
    last = channels_last(x)
    x = np.ascontiguousarray(x)
    rows, grouped, length = _sizes(x.shape, groups)
    moments = _run(row_moments, (x.reshape(rows),), ROWS)
    n, _, inside = grouped
    flat, kept = ((n, groups * inside), (1, *grouped[1:])) if axis == 0 else (
        (n * groups, inside), (n, groups, 1),
    )  # fmt: skip
    first, second = (part.reshape(flat) for part in moments)
    mean, var = (
        part.reshape(kept)
        for part in _run(joined_moments, (first, second), (axis // 2 - 2,), float(length))
    )
    y = _scaled(x, mean, var, weight, bias, groups, eps)
    if last:  # a result lies in memory as its operand does
        y = np.moveaxis(np.ascontiguousarray(np.moveaxis(y, 1, -1)), -1, 1)
    return y, mean, var


def channels_last(array: Any) -> bool:
    """Do the channels lie next to each other in memory, and not the elements of a channel?"""
    flags = array.flags
    return not flags.c_contiguous and np.moveaxis(array, 1, -1).flags.c_contiguous


def _rows(value: Tensor, grouped: tuple, rows: tuple) -> Tensor:
    """`_spread` of tensors."""
    return value.expand(grouped).contiguous().reshape(*rows[:2], 1)  # type: ignore[attr-defined]


@standardized.gradient
def _(
    g_y: Tensor | None,
    g_mean: Tensor | None,
    g_var: Tensor | None,
    x: Tensor,
    weight: Tensor | None,
    mean: Tensor,
    var: Tensor,
    axis: int,
    groups: int,
    eps: float,
    needs: tuple[bool, ...],
) -> list[Tensor | None]:
    shape = x._array.shape
    rows, grouped, length = _sizes(shape, groups)
    count = length * grouped[axis]
    if g_y is None:
        g_y = x.new_zeros(shape)  # type: ignore[attr-defined]
    centre, flat, g = _rows(mean, grouped, rows), x.reshape(rows), g_y.reshape(rows)  # type: ignore[attr-defined]
    total, product = (
        part.reshape(grouped) for part in row_products(g, flat, centre, dim=-1, keepdim=True)
    )
    r = rsqrt(var + eps)  # type: ignore[operator]
    parts: list[Tensor | None] = [None, None, None]
    if needs[0]:
        scale: Any = r
        outer, inner = total, product
        if weight is not None:
            w = weight.reshape((1, *grouped[1:]))  # type: ignore[attr-defined]
            scale, outer, inner = r * w, total * w, product * w
        shift = sum(outer, axis, True) * r * (-1 / count)  # type: ignore[operator]
        slope = sum(inner, axis, True) * (r * r * r) * (-1 / count)  # type: ignore[operator]
        shift = shift if g_mean is None else shift + g_mean * (1 / count)
        slope = slope if g_var is None else slope + g_var * (2 / count)
        spread = [_rows(v, grouped, rows) for v in (scale, slope, shift)]
        parts[0] = combined_rows(g, flat, centre, *spread, dim=-1).reshape(shape)
    if needs[1]:
        parts[1] = sum(product * r, 0).reshape(shape[1])  # type: ignore[attr-defined]
    if needs[2]:
        parts[2] = sum(total, 0).reshape(shape[1])  # type: ignore[attr-defined]
    return parts


@operation(operands="x weight bias mean var", label="NativeBatchNorm")
def by_statistics(x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float) -> Any:
    """The same by statistics that are given, (C), which get no gradient."""
    inner = (1, -1, 1)
    x = np.ascontiguousarray(x)
    return _scaled(x, mean.reshape(inner), var.reshape(inner), weight, bias, x.shape[1], eps)


@by_statistics.gradient
def _(
    g: Tensor,
    x: Tensor,
    weight: Tensor | None,
    mean: Tensor,
    var: Tensor,
    eps: float,
    needs: tuple[bool, ...],
) -> list[Tensor | None]:
    shape = x._array.shape
    rows, grouped, _ = _sizes(shape, shape[1])
    r = rsqrt(var + eps)  # type: ignore[operator]
    flat = g.reshape(rows)  # type: ignore[attr-defined]
    parts: list[Tensor | None] = [None] * 5
    if needs[0]:
        scale: Any = r if weight is None else r * weight
        spread = _rows(scale.reshape(1, -1, 1), grouped, rows)
        parts[0] = (flat * spread).reshape(shape)  # type: ignore[operator]
    if needs[1] or needs[2]:
        centre = _rows(mean.reshape(1, -1, 1), grouped, rows)  # type: ignore[attr-defined]
        total, product = row_products(flat, x.reshape(rows), centre, dim=-1)  # type: ignore[attr-defined]
        parts[1] = sum(product, 0) * r if needs[1] else None  # type: ignore[operator]
        parts[2] = sum(total, 0) if needs[2] else None
    return parts


group_standardized = sibling(standardized, "NativeGroupNorm")

__all__ = ["by_statistics", "channels_last", "group_standardized", "standardized"]
