"""Dropout that keeps mean and variance, and dropout of whole features; gumbel_softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core import draws
from ..core.tensor import Tensor, wrap
from .registry import NAMESPACES, public

SELU_LIMIT = -1.7580993408473766
"""What selu goes to on the left: -scale alpha. Dropped elements take this value."""


def _checked(p: float) -> None:
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _alpha(input: Tensor, p: float, shape: tuple[int, ...], inplace: bool) -> Tensor:
    if p == 1:
        return input.mul_(0) if inplace else input * 0
    keep = draws.dropout_mask(shape, p)
    a = 1 / math.sqrt((SELU_LIMIT**2 * p + 1) * (1 - p))
    kind = input._kind
    scale = wrap((keep * a).astype(kind.numpy), kind)
    shift = np.where(keep, 0, SELU_LIMIT * a) - SELU_LIMIT * a * p
    offset = wrap(shift.astype(kind.numpy), kind)
    return input.mul_(scale).add_(offset) if inplace else input * scale + offset


def _features(input: Tensor) -> tuple[int, ...]:
    if input.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return (*input.shape[:2], *(1,) * (input.ndim - 2))


@public("alpha_dropout", "nn.functional.alpha_dropout")
def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Elements set to selu's limit with probability p, then scaled to the old mean and variance.

    Raises:
        ValueError: p is not between 0 and 1.

    Source: torch.nn.functional.alpha_dropout; Klambauer et al. (2017)
    """
    _checked(p)
    if not training or p == 0:
        return input
    return _alpha(input, p, tuple(input.shape), inplace)


@public("feature_alpha_dropout", "nn.functional.feature_alpha_dropout")
def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels.

    Raises:
        ValueError: p is not between 0 and 1.

    Source: torch.nn.functional.feature_alpha_dropout
    """
    _checked(p)
    if not training or p == 0:
        return input
    return _alpha(input, p, _features(input), inplace)


@public("nn.functional.gumbel_softmax")
def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """A sample of a softened categorical distribution (Jang et al., 2017).

    Args:
        tau: Temperature.
        hard: Give ones and zeros, with the gradient of the soft sample.
        eps: Not used; PyTorch warns of it.

    Source: torch.nn.functional.gumbel_softmax
    """
    if eps != 1e-10:
        import warnings

        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    torch: dict[str, Any] = NAMESPACES["torch"]
    noise = -torch["empty_like"](logits).exponential_().log()
    soft = NAMESPACES["nn.functional"]["softmax"]((logits + noise) / tau, dim)
    if not hard:
        return soft
    chosen = soft.detach().argmax(dim, keepdim=True)
    ones = torch["zeros_like"](soft.detach()).scatter_(dim, chosen, 1.0)
    return ones - soft.detach() + soft
