"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...core.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters as one vector.

    Source: torch.nn.utils.parameters_to_vector
    """
    from ... import cat  # type: ignore[attr-defined]

    return cat([p.reshape(-1) for p in parameters])  # type: ignore[attr-defined]


def vector_to_parameters(vec: Any, parameters: Iterable[Tensor]) -> None:
    """Make the parameters views of a vector's parts.

    Raises:
        TypeError: It is no tensor.

    Source: torch.nn.utils.vector_to_parameters
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        count = p.numel()
        p.data = vec[start : start + count].view(p.shape).data  # type: ignore[attr-defined,index]
        start += count
