"""New tensors whose dimensions lie in memory as the user says."""

from __future__ import annotations

from typing import Any

from ...core.layout import empty_ordered
from ...core.tensor import Tensor
from ...dispatch.registry import method, public
from ...dispatch.rule.view_operation import strided_view
from .factory import factory, new_array, shape_of


@public()
@factory
def empty_strided(kind: Any, size: Any, stride: Any) -> Any:
    """Uninitialised memory that is looked at with given strides.

    Args:
        size: The sizes.
        stride: How many elements apart neighbours lie, for each dimension.

    Raises:
        RuntimeError: The two differ in length, or one is negative.

    Source: torch.empty_strided

    Example:
        >>> import flambeau as torch
        >>> torch.empty_strided((2, 3), (1, 2)).stride()
        (1, 2)
    """
    shape = shape_of(size, "empty_strided")
    if not isinstance(stride, (tuple, list)):
        raise TypeError(
            "empty_strided(): argument 'stride' (position 2) must be tuple of ints, "
            f"not {type(stride).__name__}"
        )
    steps = tuple(n.__index__() for n in stride)
    if len(shape) != len(steps):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides "
            f"({len(steps)})"
        )
    if steps and min(steps) < 0:
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(shape)} and "
            f"strides={list(steps)}: strides must not be negative"
        )
    chosen = kind()
    count = 0 if 0 in shape else 1 + sum((n - 1) * step for n, step in zip(shape, steps))
    memory = new_array("empty_strided", chosen, (count,))
    item = chosen.numpy.itemsize
    places = tuple(step * item for step in steps)
    return strided_view(memory, shape, places), chosen


@method()
def new_empty_strided(self: Tensor, size: Any, stride: Any, **options: Any) -> Tensor:
    """`empty_strided` with this tensor's dtype and device.

    Source: torch.Tensor.new_empty_strided
    """
    options["dtype"] = options.get("dtype") or self.dtype
    options["device"] = options.get("device") or self.device
    return empty_strided(size, stride, **options)


@public()
@factory
def empty_permuted(kind: Any, size: Any, physical_layout: Any) -> Any:
    """Uninitialised memory whose dimensions lie in a given order.

    Args:
        size: The sizes.
        physical_layout: The dimensions, outermost first.

    Raises:
        RuntimeError: That is no permutation of the dimensions.

    Source: torch.empty_permuted

    Example:
        >>> import flambeau as torch
        >>> torch.empty_permuted((2, 3, 4), (2, 0, 1)).stride()
        (3, 1, 6)
    """
    shape = shape_of(size, "empty_permuted")
    order = tuple(n.__index__() for n in physical_layout)
    if len(order) != len(shape):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(shape)} is not equal to len(physical_layout) = {len(order)}"
        )
    for i, dim in enumerate(order):
        if not 0 <= dim < len(shape):
            raise RuntimeError(
                f"Dimension out of range (expected to be between 0 and {len(shape) - 1}, but got "
                f"{dim} at index {i}). Negative dimensions are not supported here"
            )
    if len(set(order)) != len(order):
        raise RuntimeError(f"Duplicate dim not allowed: {list(order)}")
    chosen = kind()
    return empty_ordered(chosen.xp, shape, chosen.numpy, order), chosen
