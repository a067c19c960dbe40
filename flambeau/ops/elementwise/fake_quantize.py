"""Quantised and back again: what training with quantisation in mind computes with."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.dtype import float32
from ...core.kind import kind_of
from ...core.tensor import Tensor, wrap
from ...dispatch.formula.rowwise import wrap_dim
from ...dispatch.registry import public
from ...dispatch.rule.rule_operation import operation


def _levels(x: Any, scale: Any, zero: Any, between: bool) -> Any:
    """The levels before they are limited; NaN lies below all.

    between: The zero point lies between levels, so it is added before the sum is rounded.
    """
    steps = np.where(np.isnan(x), -np.inf, x) * (1 / scale)
    return np.rint(steps + zero) if between else np.rint(steps) + zero


@operation(operands="x scale zero", label="FakeQuantizeAffineCachemask")
def fake_quantized(x: Any, scale: Any, zero: Any, low: int, high: int, between: bool) -> Any:
    """The values that the nearest levels stand for."""
    with np.errstate(over="ignore"):
        levels = np.clip(_levels(x, scale, zero, between), low, high)
    return ((levels - zero) * scale).astype(x.dtype)


@fake_quantized.gradient
def _(
    g: Tensor, x: Tensor, scale: Tensor, zero: Tensor, low: int, high: int, between: bool
) -> tuple:
    with np.errstate(over="ignore"):
        levels = _levels(x._array, scale._array, zero._array, between)
    inside = (levels >= low) & (levels <= high)
    return g * wrap(inside.astype(g._kind.numpy), g._kind), None, None


def _check(input: Tensor, zero: Any, low: int, high: int) -> None:
    if not input.is_floating_point():
        raise NotImplementedError(
            f'"fake_quantize" not implemented for {input.dtype.legacy!r}: convert the input with .float()'
        )
    if low > high:
        raise RuntimeError(
            f"`quant_min` should be less than or equal to `quant_max`, but got {low} and {high}"
        )
    if zero.size and (zero.min() < low or zero.max() > high):
        raise RuntimeError("`zero_point` must be between `quant_min` and `quant_max`.")


def _float(values: Any, like: Tensor) -> Tensor:
    kind = kind_of(float32, like._kind.device)
    return wrap(kind.xp.asarray(values, np.float32), kind)


@public()
def fake_quantize_per_tensor_affine(
    input: Tensor, scale: Any, zero_point: Any, quant_min: int, quant_max: int
) -> Tensor:
    """The input as it would come back from a quantised tensor with one scale.

    The gradient passes where the value is within the levels, and is 0 elsewhere.

    Args:
        input: Floats.
        scale: What a step stands for: a number, or a tensor of one.
        zero_point: The level that stands for 0, of the same kind.
        quant_min, quant_max: The lowest and the highest level.

    Raises:
        RuntimeError: The levels are none, or the zero point is not among them.
        NotImplementedError: The input has integers.

    Source: torch.fake_quantize_per_tensor_affine

    Example:
        >>> import flambeau as torch
        >>> torch.fake_quantize_per_tensor_affine(torch.tensor([0.26, 3.0]), 0.1, 0, -8, 7)
        tensor([0.3000, 0.7000])
    """
    scale, zero = (x.item() if isinstance(x, Tensor) else x for x in (scale, zero_point))
    zero = np.asarray(zero)
    _check(input, zero, quant_min, quant_max)
    return fake_quantized(
        input, _float(scale, input), _float(zero, input), quant_min, quant_max, False
    )


@public(tensors="input scale zero_point")
def fake_quantize_per_channel_affine(
    input: Tensor, scale: Tensor, zero_point: Tensor, axis: int, quant_min: int, quant_max: int
) -> Tensor:
    """The input as it would come back from a quantised tensor with a scale for each index of a dimension.

    Args:
        input: Floats.
        scale: What a step stands for, one for each index.
        zero_point: The levels that stand for 0, of int32 or floats.
        axis: The dimension.
        quant_min, quant_max: The lowest and the highest level.

    Raises:
        RuntimeError: There is not one scale for each index, or the levels do not fit.
        IndexError: There is no such dimension.

    Source: torch.fake_quantize_per_channel_affine
    """
    if zero_point.dtype.name not in ("int32", "float32", "float16"):
        raise RuntimeError(
            f"Zero-point must be Int32, Float or Half, found {zero_point.dtype.legacy}"
        )
    axis = wrap_dim(axis, input.ndim)
    if not tuple(scale.shape) == tuple(zero_point.shape) == (input.shape[axis],):
        raise RuntimeError(
            f"dimensions of scale and zero-point are not consistent with input tensor: {list(scale.shape)} and "
            f"{list(zero_point.shape)} for {input.shape[axis]} indices of dimension {axis}"
        )
    _check(input, zero_point._array, quant_min, quant_max)
    shape = [-1 if i == axis else 1 for i in range(input.ndim)]
    parts = (_float(part._array.reshape(shape), input) for part in (scale, zero_point))
    return fake_quantized(input, *parts, quant_min, quant_max, zero_point.is_floating_point())
