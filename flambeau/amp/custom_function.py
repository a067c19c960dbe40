"""What an autograd.Function does under autocast.

Source: torch.amp.custom_fwd, torch.amp.custom_bwd
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from ..core.dtype import dtype
from ..core.tensor import Tensor
from .autocast_mode import autocast, get_autocast_dtype, is_autocast_enabled


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: dtype | None = None
) -> Callable[..., Any]:
    """Decorator for `forward` of a Function: what autocast does to its inputs.

    Args:
        device_type: Whose autocast: "cpu", "cuda".
        cast_inputs: Where autocast is on, floating point inputs on that device come in this dtype
            and the function runs with autocast off. None: it runs with autocast as it is.

    Example:
        >>> import flambeau as torch
        >>> from flambeau.amp import custom_bwd, custom_fwd
        >>> class Double(torch.autograd.Function):
        ...     @staticmethod
        ...     @custom_fwd(device_type="cpu", cast_inputs=torch.float32)
        ...     def forward(ctx, x):
        ...         return x * 2
        ...     @staticmethod
        ...     @custom_bwd(device_type="cpu")
        ...     def backward(ctx, g):
        ...         return g * 2
        >>> with torch.autocast("cpu"):
        ...     Double.apply(torch.ones(2, dtype=torch.bfloat16)).dtype
        torch.float32
    """
    _check("custom_fwd", device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        enabled = is_autocast_enabled(device_type)
        ctx._dtype = get_autocast_dtype(device_type)
        ctx._fwd_used_autocast = enabled and cast_inputs is None
        if not enabled or cast_inputs is None:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            cast = _cast((args, kwargs), device_type, cast_inputs)
            return fwd(ctx, *cast[0], **cast[1])

    return forward


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Callable[..., Any]:
    """Decorator for `backward` of a Function: it runs under the autocast that `forward` ran under.

    Args:
        device_type: Whose autocast: "cpu", "cuda".

    Example: see `custom_fwd`.
    """
    _check("custom_bwd", device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        used = ctx._fwd_used_autocast
        with autocast(device_type, enabled=used, dtype=ctx._dtype if used else None):
            return bwd(ctx, *args, **kwargs)

    return backward


def _check(name: str, device_type: Any) -> None:
    if not isinstance(device_type, str):
        raise ValueError(
            f"Expected `device_type` of type `str`, got: `{type(device_type)}`: {name} wants 'cpu' or 'cuda'"
        )


def _cast(value: Any, device_type: str, to: dtype) -> Any:
    """Floating point tensors of the device, but for float64, in another dtype; containers too."""
    if isinstance(value, Tensor):
        wanted = value.is_floating_point() and value.dtype.itemsize < 8
        return value.to(to) if wanted and value.device.type == device_type else value
    if isinstance(value, Mapping):
        return {k: _cast(v, device_type, to) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_cast(v, device_type, to) for v in value)
    return value
