"""What the distributions share: parameters as tensors, probabilities and logits, standard draws."""

from __future__ import annotations

import math
from typing import Any

import flambeau as torch

from ..core.tensor import Tensor

EULER = 0.57721566490153286060


def broadcast_all(*values: Any) -> list[Tensor]:
    """Tensors of one shape; numbers take the dtype and the device of the tensors among them.

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
    dtype, device = (torch.get_default_dtype(), None) if like is None else (like.dtype, like.device)
    tensors = [
        v if isinstance(v, Tensor) else torch.tensor(float(v), dtype=dtype, device=device)
        for v in values
    ]
    if all(x.shape == tensors[0].shape for x in tensors):
        return tensors
    return list(torch.broadcast_tensors(*tensors))


def every(x: Tensor) -> bool:
    """Are all elements of a bool tensor true?"""
    return bool(x._kind.xp.all(x._array))


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


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Vectors as the lower triangles of matrices, row by row, up to the diagonal `diag`.

    Raises:
        ValueError: No triangle has so many elements.

    Source: torch.distributions.utils.vec_to_tril_matrix
    """
    count = vec.shape[-1]
    n = (
        -(1 + 2 * diag) + math.sqrt((1 + 2 * diag) ** 2 + 8 * count + 4 * abs(diag) * (diag + 1))
    ) / 2
    if not round(n) - n == 0:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower triangular part "
            "of a square D x D matrix."
        )
    rows, columns = torch.tril_indices(round(n), round(n), diag, device=vec.device)
    matrix = vec.new_zeros((*vec.shape[:-1], round(n), round(n)))
    matrix[..., rows, columns] = vec
    return matrix


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements of matrices below and on the diagonal `diag`, row by row.

    Raises:
        ValueError: There is no such diagonal.

    Source: torch.distributions.utils.tril_matrix_to_vec
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    rows, columns = torch.tril_indices(n, n, diag, device=mat.device)
    return mat[..., rows, columns]


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


# What subclasses elsewhere know under PyTorch's names.
euler_constant, _sum_rightmost = EULER, sum_rightmost


def _standard_normal(shape: Any, dtype: Any, device: Any) -> Tensor:
    return standard_normal(shape, torch.empty(0, dtype=dtype, device=device))
