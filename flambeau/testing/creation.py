"""make_tensor: random tensors for tests, within sensible limits for each dtype."""

from __future__ import annotations

import math
from typing import Any

from ..core.dtype import FLOAT, finfo, iinfo
from ..core.dtype import dtype as DType
from ..core.tensor import Tensor
from ..dispatch.registry import NAMESPACES
from ..ops.create.full import empty
from ..ops.view.complex import view_as_complex


def _limits(dtype: DType, low: float | None, high: float | None) -> tuple[Any, Any]:
    """The lowest value, and the one that is just not reached."""
    if dtype.category == 0:
        bounds, usual = (0, 2), (0, 2)
    elif dtype.category == 1:
        info = iinfo(dtype)
        bounds, usual = (info.min, info.max + 1), (-9 if dtype.is_signed else 0, 10)
    else:
        real = dtype.to_real() if dtype.is_complex else dtype
        bounds, usual = (finfo(real).min, finfo(real).max), (-9, 9)
    given = low, high
    low, high = (u if g is None else g for g, u in zip(given, usual))
    if any(isinstance(x, float) and math.isnan(x) for x in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low} and high={high}")
    if low == high and dtype.category >= FLOAT:
        return low, high
    if low >= high:
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    if high < bounds[0] or low >= bounds[1]:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low}, {high}), but {dtype} only "
            f"supports [{bounds[0]}, {bounds[1]})"
        )
    low, high = max(low, bounds[0]), min(high, bounds[1])
    if dtype.category < 2:
        low, high = math.ceil(low), math.ceil(high)
    return low, high


def _drawn(shape: tuple[int, ...], dtype: DType, device: Any, low: Any, high: Any) -> Tensor:
    if dtype.category < 2:
        return NAMESPACES["torch"]["randint"](low, high, shape, device=device, dtype=dtype)
    if dtype.is_complex:
        pairs = empty((*shape, 2), dtype=dtype.to_real(), device=device).uniform_(low, high)
        return view_as_complex(pairs)
    return empty(shape, dtype=dtype, device=device).uniform_(low, high)


def make_tensor(
    *shape: Any,
    dtype: DType,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of random values.

    Args:
        shape: The sizes, as numbers or as one sequence.
        dtype: Of the result.
        device: Of the result.
        low: The least value. Default: -9 (0 for unsigned integers and bools).
        high: Values are less than it. Default: 9 (10 for integers, 2 for bools).
        requires_grad: Record operations on it.
        noncontiguous: Leave gaps between the elements.
        exclude_zero: Replace zeros by the smallest positive value.
        memory_format: torch.contiguous_format, and not together with `noncontiguous`.

    Raises:
        ValueError: low is not less than high, or an option does not suit the dtype.

    Source: torch.testing.make_tensor

    Example:
        >>> import flambeau as torch
        >>> torch.testing.make_tensor(2, 3, dtype=torch.float32, device="cpu").shape
        torch.Size([2, 3])
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else tuple(shape)
    if requires_grad and dtype.category < 2:
        raise ValueError(
            "`requires_grad=True` is not supported for boolean and integral dtypes, but got "
            f"dtype={dtype}"
        )
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"noncontiguous={noncontiguous!r} and memory_format={memory_format!r}"
        )
    low, high = _limits(dtype, low, high)
    spread = noncontiguous and math.prod(sizes) > 1
    wide = (*sizes[:-1], 2 * sizes[-1]) if spread else sizes
    x = _drawn(wide, dtype, device, low, high)
    if spread:
        x = x[..., 1::2]
    elif memory_format is not None:
        x = x.contiguous(memory_format=memory_format)
    if exclude_zero:
        least = 1 if dtype.category < 2 else _tiny(dtype)
        x = x.masked_fill_(x == 0, least)
    return x.requires_grad_() if requires_grad else x


def _tiny(dtype: DType) -> Any:
    return finfo(dtype.to_real() if dtype.is_complex else dtype).tiny
