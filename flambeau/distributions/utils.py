"""What the distributions share: parameters as tensors, probabilities and logits, standard draws."""

from __future__ import annotations

from typing import Any

import flambeau as torch

from ..core.tensor import Tensor

EULER = 0.57721566490153286060


def broadcast_all(*values: Any) -> list[Tensor]:
    """Tensors of one shape; numbers take the dtype of the tensors among them.

    Raises:
        ValueError: A value is neither a number nor a tensor.
    """
    for value in values:
        if not isinstance(value, (Tensor, int, float)):
            raise ValueError(
                "Input arguments must all be instances of Number, torch.Tensor or objects implementing "
                f"__torch_function__, got {type(value).__name__}."
            )
    like = next((v for v in values if isinstance(v, Tensor)), None)
    dtype = torch.get_default_dtype() if like is None else like.dtype
    tensors = [v if isinstance(v, Tensor) else torch.tensor(float(v), dtype=dtype) for v in values]
    if all(x.shape == tensors[0].shape for x in tensors):
        return tensors
    return list(torch.broadcast_tensors(*tensors))


def every(x: Tensor) -> bool:
    """Are all elements of a bool tensor true?"""
    return bool(x._array.all())


def all_numbers(*values: Any) -> bool:
    return all(isinstance(v, (int, float)) for v in values)


def standard_normal(shape: Any, like: Tensor) -> Tensor:
    """Normal numbers, drawn as PyTorch draws them."""
    zeros = torch.zeros(shape, dtype=like.dtype, device=like.device)
    return torch.normal(zeros, torch.ones_like(zeros))


def blank(like: Tensor, shape: Any) -> Tensor:
    """A tensor to draw into, without history."""
    return torch.empty(shape, dtype=like.dtype, device=like.device)


def uniform(shape: Any, like: Tensor) -> Tensor:
    """Uniform numbers in [0, 1)."""
    return torch.rand(shape, dtype=like.dtype, device=like.device)


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities kept away from 0 and 1, so that their logarithms are finite."""
    eps = torch.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    return torch.sigmoid(logits) if is_binary else torch.softmax(logits, -1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    kept = clamp_probs(probs)
    return torch.log(kept) - torch.log1p(-kept) if is_binary else torch.log(kept)


def sum_rightmost(value: Tensor, dim: int) -> Tensor:
    """Summed over the last `dim` dimensions."""
    if dim == 0:
        return value
    return value.reshape(*value.shape[: value.ndim - dim], -1).sum(-1)


class lazy_property:
    """An attribute computed when first asked for, and kept."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped
        self.__doc__ = wrapped.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        with torch.enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def one_of_two(probs: Any, logits: Any) -> None:
    """Raises ValueError unless exactly one of the two is given."""
    if (probs is None) == (logits is None):
        raise ValueError("Either `probs` or `logits` must be specified, but not both.")
