"""Groups of channels less their mean, by their standard deviation: what batch, group and instance norm share.

The input is (N, C, L) for this, one row for each channel of each sample. One pass takes every row's mean, what rounding
took from that, and the norm of the deviations; groups of rows are joined from those, which loses no digits, over the
batch or over the channels of a group; a second pass scales. The gradient takes two passes in the same way.

A group's rows lie along `axis` of (N, G, K), where C = G K: 0 joins the batch, 2 the K channels of a group.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np

from ...core.device import device_of
from ...core.dtype import BY_NUMPY
from ...core.kind import kind_of
from ...core.tensor import Tensor
from ...dispatch.formula.rowwise import RowOperation, rowwise
from ...dispatch.rule.rule_operation import operation
from ...formula import primitive as p
from ...formula import statistic
from ...formula.expression import Expression
from ..elementwise.elementary import rsqrt
from ..index.advanced import sibling
from ..reduction.sum import sum

ROWS = (-1,)


@rowwise
def row_moments(x: Expression) -> tuple[Expression, Expression, Expression]:
    """A row's mean, what rounding took from that, and the norm of its deviations."""
    return statistic.parts(x)


@rowwise
def joined_moments(
    mean: Expression, rest: Expression, size: Expression, length: float = 1.0
) -> tuple[Expression, Expression, Expression]:
    """The mean, what rounding took from it and the standard deviation of rows of one length together."""
    whole = statistic.plain_average(mean)
    left = p.mean(mean - whole + rest)
    moved = mean - whole + (rest - left)

    def square(scale: Expression | float) -> Expression:
        inside = p.mean(p.square(size * scale)) / length
        return inside + p.mean(p.square(moved * scale))

    scale = p.unit_scale(p.maximum(p.amax(size), p.amax(p.absolute(moved))))
    usual = square(1.0)
    return whole, left, p.usually(p.in_range(usual), p.sqrt(usual), p.sqrt(square(scale)) / scale)


@rowwise
def inverse_(x: Expression, eps: float = 1e-5) -> Expression:
    """1 / sqrt(x^2 + eps)."""
    total = p.square(x) + eps
    other = p.reciprocal(p.hypot(x, p.sqrt(p.maximum(eps, 0.0))))
    return p.where(p.logical_or(p.in_range(total), p.less(total, 0)), p.rsqrt(total), other)


@inverse_.gradient
def _(g: Expression, x: Expression, y: Expression) -> Expression:
    return -(g * y) * (x * y) * y


@rowwise(reduced="mean rest scale shift")
def scaled_rows(
    x: Expression, mean: Expression, rest: Expression, scale: Expression, shift: Expression
) -> Expression:
    """(x - mean - rest) scale + shift, with one of each a row."""
    return (x - mean - rest) * scale + shift


@rowwise(reduced="mean rest scale")
def row_products(
    g: Expression, x: Expression, mean: Expression, rest: Expression, scale: Expression
) -> tuple[Expression, Expression]:
    """The sums of g and of g (x - mean - rest) scale over a row."""
    return p.sum(g), p.sum(g * ((x - mean - rest) * scale))


@rowwise(reduced="mean rest scale factor slope shift")
def combined_rows(
    g: Expression,
    x: Expression,
    mean: Expression,
    rest: Expression,
    scale: Expression,
    factor: Expression,
    slope: Expression,
    shift: Expression,
) -> Expression:
    """g factor + (x - mean - rest) scale slope + shift, with one of each a row."""
    return g * factor + (x - mean - rest) * scale * slope + shift


@rowwise(reduced="r weight")
def coefficients(
    total: Expression,
    product: Expression,
    r: Expression,
    weight: Expression,
    share: float = 1.0,
) -> tuple[Expression, ...]:
    """What `combined_rows` is told of groups that join whole rows, and the sums of both operands."""
    factor, outer, inner = r * weight, p.sum(total), p.sum(product)
    return factor, inner * factor * -share, outer * factor * -share, inner, outer


@rowwise(reduced="r")
def plain_coefficients(
    total: Expression, product: Expression, r: Expression, share: float = 1.0
) -> tuple[Expression, ...]:
    """The same without weights."""
    outer, inner = p.sum(total), p.sum(product)
    return inner * r * -share, outer * r * -share, inner, outer


def _run(of: RowOperation, arrays: tuple[Any, ...], axes: tuple[int, ...], *numbers: float) -> Any:
    """A row formula of arrays of one dtype, without tensors."""
    first = arrays[0]
    return _specialization(of, first.dtype, device_of(first), len(arrays)).run(
        *arrays, *numbers, axes
    )


@lru_cache(None)
def _specialization(of: RowOperation, dtype: Any, place: Any, count: int) -> Any:
    kind = kind_of(BY_NUMPY[dtype], place)
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


def _scaled(
    x: Any, mean: Any, rest: Any, scale: Any, weight: Any, bias: Any, groups: int
) -> Any:  # fmt: skip
    rows, grouped, _ = _sizes(x.shape, groups)
    inner = (1, *grouped[1:])
    scale = scale if weight is None else scale * weight.reshape(inner)
    shift = x.dtype.type(0) if bias is None else bias.reshape(inner)
    values = [_spread(v, grouped, rows) for v in (mean, rest, scale, shift)]
    return _run(scaled_rows, (x.reshape(rows), *values), ROWS).reshape(x.shape)


@operation(operands="x weight bias", outputs="y mean rest deviation", label="NativeBatchNorm")
def standardized(x: Any, weight: Any, bias: Any, axis: int, groups: int, eps: float) -> tuple:
    """The result, and each group's mean, what rounding took from that, and standard deviation."""
    last = channels_last(x)
    x = np.ascontiguousarray(x)
    rows, grouped, length = _sizes(x.shape, groups)
    moments = _run(row_moments, (x.reshape(rows),), ROWS)
    n, _, inside = grouped
    flat, kept = ((n, groups * inside), (1, *grouped[1:])) if axis == 0 else (
        (n * groups, inside), (n, groups, 1),
    )  # fmt: skip
    of_rows = tuple([part.reshape(flat) for part in moments])
    joined = _run(joined_moments, of_rows, (axis // 2 - 2,), float(length))
    mean, rest, deviation = (part.reshape(kept) for part in joined)
    scale = _run(inverse_, (deviation,), ROWS, eps)
    y = _scaled(x, mean, rest, scale, weight, bias, groups)
    if last:  # a result lies in memory as its operand does
        y = np.moveaxis(np.ascontiguousarray(np.moveaxis(y, 1, -1)), -1, 1)
    return y, mean, rest, deviation


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
    g_rest: Tensor | None,
    g_deviation: Tensor | None,
    x: Tensor,
    weight: Tensor | None,
    mean: Tensor,
    rest: Tensor,
    deviation: Tensor,
    axis: int,
    groups: int,
    eps: float,
    needs: tuple[bool, ...],
) -> list[Tensor | None]:
    """`rest` belongs to the mean and receives nothing for itself."""
    shape = x._array.shape
    rows, grouped, length = _sizes(shape, groups)
    count = length * grouped[axis]
    if g_y is None:
        g_y = x.new_zeros(shape)  # type: ignore[attr-defined]
    r = inverse_(deviation, dim=-1, parameters=(eps,))
    flat, g = x.reshape(rows), g_y.reshape(rows)  # type: ignore[attr-defined]
    centred = [_rows(v, grouped, rows) for v in (mean, rest, r)]
    total, product = (
        part.reshape(grouped) for part in row_products(g, flat, *centred, dim=-1, keepdim=True)
    )
    parts: list[Tensor | None] = [None, None, None]
    w = None if weight is None else weight.reshape((1, *grouped[1:]))  # type: ignore[attr-defined]
    factor, slope, shift, of_weight, of_bias = _coefficients(total, product, r, w, axis, 1 / count)
    if needs[0]:
        shift = shift if g_mean is None else shift + g_mean * (1 / count)
        if g_deviation is not None:
            share = (deviation * r).masked_fill(deviation == 0, math.inf)  # type: ignore[operator]
            slope = slope + g_deviation / share * (1 / count)
        spread = [_rows(v, grouped, rows) for v in (factor, slope, shift)]
        parts[0] = combined_rows(g, flat, *centred, *spread, dim=-1).reshape(shape)
    if needs[1]:
        parts[1] = (sum(product, 0) if of_weight is None else of_weight).reshape(shape[1])  # type: ignore[attr-defined]
    if needs[2]:
        parts[2] = (sum(total, 0) if of_bias is None else of_bias).reshape(shape[1])  # type: ignore[attr-defined]
    return parts


def _coefficients(
    total: Tensor, product: Tensor, r: Tensor, w: Tensor | None, axis: int, share: float
) -> tuple:
    """The factor, slope and shift that `combined_rows` is told, and the gradients of the weight and the bias where
    these come along."""
    if axis:  # a group has several weights
        weighted = (total, product) if w is None else (total * w, product * w)  # type: ignore[operator]
        shift, slope = (sum(x, axis, True) * r * -share for x in weighted)  # type: ignore[operator]
        return (r if w is None else r * w), slope, shift, None, None  # type: ignore[operator]
    options = {"dim": 0, "keepdim": True, "parameters": (share,)}
    if w is None:
        return (r, *plain_coefficients(total, product, r, **options))
    return coefficients(total, product, r, w, **options)


@operation(operands="x weight bias mean var", label="NativeBatchNorm")
def by_statistics(x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float) -> Any:
    """The same by statistics that are given, (C), which get no gradient."""
    inner = (1, -1, 1)
    x = np.ascontiguousarray(x)
    scale = 1 / np.sqrt(var.reshape(inner) + x.dtype.type(eps))
    return _scaled(x, mean.reshape(inner), x.dtype.type(0), scale, weight, bias, x.shape[1])


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
        values = [v.reshape(1, -1, 1) for v in (mean, mean.new_zeros(mean.shape), r)]  # type: ignore[attr-defined]
        centred = [_rows(v, grouped, rows) for v in values]
        total, product = row_products(flat, x.reshape(rows), *centred, dim=-1)  # type: ignore[attr-defined]
        parts[1] = sum(product, 0) if needs[1] else None
        parts[2] = sum(total, 0) if needs[2] else None
    return parts


group_standardized = sibling(standardized, "NativeGroupNorm")

__all__ = ["by_statistics", "channels_last", "group_standardized", "standardized"]
