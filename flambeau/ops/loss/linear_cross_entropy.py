"""nn.functional.linear_cross_entropy."""

from __future__ import annotations

import math
from typing import Any

from ...core.tensor import Tensor
from ...dispatch.registry import NAMESPACES, public

_F = NAMESPACES["nn.functional"]


@public("nn.functional.linear_cross_entropy")
def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    weight: Tensor | None = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """The cross entropy of linear(input, linear_weight, linear_bias) and the target.

    Args:
        input: (..., features)
        linear_weight: (classes, ..., features)
        target, weight, reduction, label_smoothing: As for `cross_entropy`.
        ignore_index: A class that does not count. Default: -100 for classes.
        options: How PyTorch may compute it in chunks; here the result is the same.

    Source: torch.nn.functional.linear_cross_entropy
    """
    if ignore_index is not None and target.is_floating_point():
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    sizes = tuple(linear_weight.shape[:-1])
    table = linear_weight.reshape(math.prod(sizes), linear_weight.shape[-1])
    if linear_bias is not None and tuple(linear_bias.shape) != sizes:
        raise RuntimeError(f"expected linear_bias shape {sizes}, got {tuple(linear_bias.shape)}")
    bias = None if linear_bias is None else linear_bias.reshape(-1)
    logits = _F["linear"](input, table, bias)
    if len(sizes) > 1:
        logits = logits.reshape(*input.shape[:-1], *sizes)
    return _F["cross_entropy"](
        logits,
        target,
        weight=weight,
        reduction=reduction,
        ignore_index=-100 if ignore_index is None else ignore_index,
        label_smoothing=label_smoothing,
    )
