"""Gradients kept small."""

from __future__ import annotations

from typing import Any

from ..._caller import warn
from ...autograd.mode import no_grad
from ...core.tensor import Tensor


def _listed(parameters: Any) -> list[Any]:
    return [parameters] if isinstance(parameters, Tensor) else list(parameters)


def _gradients(parameters: Any) -> list[Any]:
    return [p.grad for p in _listed(parameters) if p.grad is not None]


def _at_once(alike: list[Tensor]) -> bool:
    """Are tensors of a kind better taken together? Dense ones are, where each call is a launch."""
    kind = alike[0]._kind
    return kind.backend.is_accelerator and kind.strided is kind


def _by_kind(tensors: list[Any]) -> list[list[Any]]:
    """Tensors by their dtype and device."""
    kinds: dict[Any, list[Any]] = {}
    for x in tensors:
        kinds.setdefault(x._kind, []).append(x)
    return list(kinds.values())


@no_grad()
def get_total_norm(
    tensors: Any,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """The norm of all tensors' elements together.

    Args:
        norm_type: The p of the p-norm; inf for the maximum.
        error_if_nonfinite: Refuse a norm that is inf or nan.
        foreach: Chooses among PyTorch's implementations; the result is the same.

    Raises:
        RuntimeError: The norm is inf or nan, and error_if_nonfinite.

    Source: torch.nn.utils.get_total_norm
    """
    from ... import _foreach_norm, isfinite, linalg, stack, tensor  # type: ignore[attr-defined]

    listed = _listed(tensors)
    if not listed:
        return tensor(0.0)
    order = float(norm_type)
    place, norms = listed[0].device, []
    for alike in _by_kind(listed):
        if _at_once(alike):
            found: Any = _foreach_norm(alike, order)
        else:
            found = [linalg.vector_norm(x, order) for x in alike]
        norms += [x if x.device is place else x.to(place, non_blocking=True) for x in found]
    total = linalg.vector_norm(stack(norms), order)
    if error_if_nonfinite and not bool(isfinite(total)):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it "
            "cannot be clipped. To disable this error and scale the gradients by the non-finite norm "
            "anyway, set `error_if_nonfinite=False`"
        )
    return total


@no_grad()
def clip_grads_with_norm_(
    parameters: Any, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale all gradients by max_norm / total_norm, where that is less than 1.

    Source: torch.nn.utils.clip_grads_with_norm_
    """
    from ... import _foreach_mul_  # type: ignore[attr-defined]

    factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
    for grads in _by_kind(_gradients(parameters)):
        kind = grads[0]._kind
        same = factor._kind is kind.strided
        scale = factor if same else factor.to(kind.device, kind.dtype)
        if _at_once(grads):
            _foreach_mul_(grads, scale)
        else:
            for g in grads:
                g.mul_(scale)


@no_grad()
def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients so that their joint norm is at most `max_norm`; gives the norm before.

    Args:
        parameters: A parameter, or several.
        norm_type: The p of the p-norm; inf for the maximum.
        error_if_nonfinite: Refuse a norm that is inf or nan.
        foreach: Chooses among PyTorch's implementations; the result is the same.

    Raises:
        RuntimeError: The norm is inf or nan, and error_if_nonfinite.

    Source: torch.nn.utils.clip_grad_norm_

    Example:
        >>> import flambeau as torch
        >>> p = torch.nn.Parameter(torch.zeros(2))
        >>> p.grad = torch.tensor([3.0, 4.0])
        >>> torch.nn.utils.clip_grad_norm_(p, max_norm=1.0)
        tensor(5.)
        >>> p.grad
        tensor([0.6000, 0.8000])
    """
    listed = _listed(parameters)
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(listed, max_norm, total, foreach)
    return total


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """`clip_grad_norm_` under its old name.

    Source: torch.nn.utils.clip_grad_norm
    """

    warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
    )
    return clip_grad_norm_(*args, **kwargs)


@no_grad()
def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every gradient to [-clip_value, clip_value].

    Source: torch.nn.utils.clip_grad_value_
    """
    bound = float(clip_value)
    for g in _gradients(parameters):
        g.clamp_(min=-bound, max=bound)


_get_total_norm, _clip_grads_with_norm_ = get_total_norm, clip_grads_with_norm_
"""PyTorch's names of before these were public."""
