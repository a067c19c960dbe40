"""Helpers for gradients and parameter vectors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...autograd.mode import no_grad
from ...core.tensor import Tensor


@no_grad()
def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients so that their joint norm is at most `max_norm`; gives the norm before.

    Raises:
        RuntimeError: The norm is inf or nan, and error_if_nonfinite.

    Source: torch.nn.utils.clip_grad_norm_
    """
    from ... import isfinite, stack, tensor  # type: ignore[attr-defined]

    grads = [p.grad for p in _listed(parameters) if p.grad is not None]
    if not grads:
        return tensor(0.0)
    total = stack([g.norm(norm_type) for g in grads]).norm(norm_type)
    if error_if_nonfinite and not isfinite(total):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so "
            "it cannot be clipped."
        )
    factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
    for g in grads:
        g.mul_(factor)
    return total


@no_grad()
def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every gradient to [-clip_value, clip_value].

    Source: torch.nn.utils.clip_grad_value_
    """
    for p in _listed(parameters):
        if p.grad is not None:
            p.grad.clamp_(min=-clip_value, max=clip_value)


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All parameters as one vector.

    Source: torch.nn.utils.parameters_to_vector
    """
    from ... import cat  # type: ignore[attr-defined]

    return cat([p.reshape(-1) for p in parameters])  # type: ignore[attr-defined]


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy a vector's parts into the parameters.

    Source: torch.nn.utils.vector_to_parameters
    """
    start = 0
    for p in parameters:
        p.data = vec[start : start + p.numel()].view(p.shape).data  # type: ignore[attr-defined,index]
        start += p.numel()


def _listed(parameters: Any) -> list[Any]:
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)
