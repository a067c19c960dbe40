"""Batch, instance and group norm of small float32 arrays: one operation whose kernel does all of it.

Large arrays go through `moments`, whose passes share the work among threads. Gradients of gradients are taken there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ... import kernels
from ...autograd.mode import mode
from ...core import tensor as handle
from ...core.dtype import float32, float64
from ...core.tensor import Tensor, wrap
from ...dispatch.rule.rule_operation import Operation, operation
from ...dispatch.write import check_writable, finish_write
from ..elementwise.elementary import rsqrt
from ..reduction.sum import sum
from .moments import standardized

MOST = 1 << 14
"""Elements up to which one thread is fast enough."""
BATCH, GROUP = 0, 2
"""Do groups join the batch, or the channels of a group? As `moments` counts these."""


def is_small(input: Tensor, *values: Tensor | None) -> bool:
    """Are these operands what the operations here are made for?"""
    kind, array = input._kind, input._array
    return (
        kind.dtype is float32
        and kind.xp is np
        and 0 < array.size <= MOST
        and array.flags.c_contiguous
        and all(value is None or value._kind is kind for value in values)
    )


@lru_cache(1024)
def groups_of(shape: tuple[int, ...], axis: int, groups: int) -> tuple[int, ...]:
    """`kernels.nn.normalization.Groups` of an array (N, C, ...)."""
    n, channels, length = shape[0], shape[1], math.prod(shape[2:])
    if axis == BATCH:
        return channels, length, n, channels * length, 1, length, channels
    inside = channels // groups
    return n * groups, inside * length, 1, 0, inside, length, channels


def _normalized(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float, *groups: int
) -> tuple[Any, Any, Any]:
    rows = _in_groups(x, groups)
    if mean is None:
        mean = rows.mean((1, 2, 3))
        var = np.square(rows - mean[:, None, None, None]).mean((1, 2, 3))
    mean, var = mean.astype(np.float64), var.astype(np.float64)
    y = (rows - mean[:, None, None, None]) / np.sqrt(var + eps)[:, None, None, None]
    y = _out_of_groups(y, x.shape, groups)
    inner = (1, -1) + (1,) * (x.ndim - 2)
    y = y if weight is None else y * weight.reshape(inner)
    y = y if bias is None else y + bias.reshape(inner)
    return y.astype(x.dtype), mean, var


def _in_groups(x: Any, groups: tuple[int, ...]) -> Any:
    """(group, block, row, element), in double."""
    count, _, outer, _, rows, length, _ = groups
    wide = x.astype(np.float64)
    if outer > 1:
        return wide.reshape(outer, count, rows, length).swapaxes(0, 1)
    return wide.reshape(count, outer, rows, length)


def _out_of_groups(x: Any, shape: tuple[int, ...], groups: tuple[int, ...]) -> Any:
    return (x.swapaxes(0, 1) if groups[2] > 1 else x).reshape(shape)


def _back(
    g: Any, x: Any, weight: Any, mean: Any, var: Any, eps: float, given: bool, *groups: int
) -> tuple[Any, Any, Any]:
    inner, rest = (1, -1) + (1,) * (x.ndim - 2), (0, *range(2, x.ndim))
    factor = 1 / np.sqrt(var + eps)[:, None, None, None]
    apart = (_in_groups(x, groups) - mean[:, None, None, None]) * factor
    of_weight = (g * _out_of_groups(apart, x.shape, groups)).sum(rest, dtype=np.float64)
    of_bias = g.sum(rest, dtype=np.float64)
    slopes = _in_groups(g if weight is None else g * weight.reshape(inner), groups)
    if not given:
        share = (slopes * apart).mean((1, 2, 3), keepdims=True)
        slopes = slopes - slopes.mean((1, 2, 3), keepdims=True) - apart * share
    part = _out_of_groups(factor * slopes, x.shape, groups)
    return tuple(v.astype(x.dtype) for v in (part, of_weight, of_bias))  # type: ignore[return-value]


_forward_map = kernels.Native("nn.normalization", "normalized", _normalized)
_backward_map = kernels.Native("nn.normalization", "back", _back)


def _operation(name: str, label: str) -> Operation:
    def compute(
        x: Any, weight: Any, bias: Any, axis: int, groups: int, eps: float
    ) -> tuple[Any, Any, Any]:
        return _forward_map(x, weight, bias, None, None, eps, *groups_of(x.shape, axis, groups))  # type: ignore[no-any-return]

    compute.__name__ = name
    compute.__doc__ = "Groups of channels less their mean, by their standard deviation."
    made: Operation = operation(
        compute, operands="x weight bias", outputs="y mean var", differentiable=(0,), label=label
    )

    @made.gradient
    def _(
        g_y: Tensor, x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor,
        var: Tensor, axis: int, groups: int, eps: float, needs: tuple[bool, ...],
    ) -> Any:  # fmt: skip
        if mode.recording:  # to be differentiated again
            found = standardized(x, weight, bias, axis, groups, eps)
            return standardized.rule(  # type: ignore[misc]
                g_y, None, None, None, x, weight, *found[1:], axis, groups, eps, needs
            )
        told = groups_of(x._array.shape, axis, groups)
        return _parts(g_y, x, weight, mean, var, eps, False, told, needs)

    return made


def _parts(
    g: Tensor, x: Tensor, weight: Tensor | None, mean: Tensor, var: Tensor, eps: float, given: bool,
    groups: tuple[int, ...], needs: tuple[bool, ...],
) -> list[Tensor | None]:  # fmt: skip
    scale = None if weight is None else weight._array
    slopes = kernels.array.copy.in_order(g._array)
    found = _backward_map(slopes, x._array, scale, mean._array, var._array, eps, given, *groups)
    return [wrap(part, x._kind) if need else None for part, need in zip(found, needs)]


small_batch_norm = _operation("small_batch_norm", "NativeBatchNorm")
small_group_norm = _operation("small_group_norm", "NativeGroupNorm")


@operation(
    operands="x weight bias mean var", outputs="y middle spread", differentiable=(0,),
    label="NativeBatchNorm",
)  # fmt: skip
def small_by_statistics(
    x: Any, weight: Any, bias: Any, mean: Any, var: Any, eps: float
) -> tuple[Any, Any, Any]:
    """Channels less means that are given, by deviations that are."""
    return _forward_map(x, weight, bias, mean, var, eps, *groups_of(x.shape, BATCH, x.shape[1]))  # type: ignore[no-any-return]


@small_by_statistics.gradient
def _(
    g_y: Tensor, x: Tensor, weight: Tensor | None, middle: Tensor, spread: Tensor, eps: float,
    needs: tuple[bool, ...],
) -> list[Tensor | None]:  # fmt: skip
    shape = x._array.shape
    if not mode.recording:
        told = groups_of(shape, BATCH, shape[1])
        return [*_parts(g_y, x, weight, middle, spread, eps, True, told, needs), None, None]
    inner, rest = (1, -1) + (1,) * (len(shape) - 2), (0, *range(2, len(shape)))
    scale = rsqrt(spread + eps).to(float32).reshape(inner)  # type: ignore[operator]
    apart = (x - middle.to(float32).reshape(inner)) * scale  # type: ignore[attr-defined, operator]
    slope = g_y if weight is None else g_y * weight.reshape(inner)  # type: ignore[attr-defined]
    return [
        slope * scale if needs[0] else None,
        sum(g_y * apart, rest) if needs[1] else None,
        sum(g_y, rest) if needs[2] else None,
        None,
        None,
    ]


def normalizing(of: Operation, like: Tensor, axis: int, groups: int, eps: float) -> Callable:
    """`of` for inputs like one: the operation where a gradient is wanted, else its kernel."""
    told, kind = groups_of(like._array.shape, axis, groups), like._kind
    wide = kind.with_dtype(float64)

    def run(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        if mode.recording and _wants(x, weight, bias):
            return of(x, weight, bias, axis, groups, eps)  # type: ignore[no-any-return]
        y, mean, var = _forward_map(x._array, _array(weight), _array(bias), None, None, eps, *told)
        return (
            handle.make(y, kind, None, [0], None),
            handle.make(mean, wide, None, [0], None),
            handle.make(var, wide, None, [0], None),
        )

    return run


def normalizing_by(like: Tensor, eps: float) -> Callable:
    """The same of `small_by_statistics`."""
    shape, kind = like._array.shape, like._kind
    told = groups_of(shape, BATCH, shape[1])

    def run(x: Tensor, weight: Any, bias: Any, mean: Tensor, var: Tensor) -> Tensor:
        if mode.recording and _wants(x, weight, bias):
            return small_by_statistics(x, weight, bias, mean, var, eps)[0]  # type: ignore[no-any-return]
        facts = _array(weight), _array(bias), mean._array, var._array
        y = _forward_map(x._array, *facts, eps, *told)[0]
        return handle.make(y, kind, None, [0], None)

    return run


def _wants(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> bool:
    return (
        x._node is not None
        or (weight is not None and weight._node is not None)
        or (bias is not None and bias._node is not None)
    )


def _array(x: Tensor | None) -> Any:
    return None if x is None else x._array


def _update(running_mean: Any, running_var: Any, *rest: Any) -> Any:
    return NotImplemented


_running_map: Callable = kernels.Native("nn.normalization", "update", _update)


def moved(
    running_mean: Tensor, running_var: Tensor, mean: Tensor, var: Tensor, momentum: float, count: int
) -> bool:  # fmt: skip
    """Move running statistics towards those of groups of `count` elements; False where they lie otherwise."""
    for running in (running_mean, running_var):
        check_writable(running)
    found = _running_map(
        running_mean._array, running_var._array, mean._array, var._array, momentum,
        count / (count - 1),
    )  # fmt: skip
    if found is NotImplemented:
        return False
    for running in (running_mean, running_var):
        finish_write(running, None)
    return True
