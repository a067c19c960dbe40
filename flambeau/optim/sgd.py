"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked, checked_lr
from .rows import step_rows
from .state import step_size, zeros_like


class SGD(Optimizer):
    """p -= lr * g, with momentum: b = momentum b + (1 - dampening) g, p -= lr b.

    Args:
        lr: Step size.
        momentum, dampening: Of the running direction b.
        weight_decay: Adds weight_decay p to the gradient.
        nesterov: Step along g + momentum b.
        maximize: Ascend.
        foreach, fused: Choose among PyTorch's implementations; here there is one, with the same result.
        differentiable: Record the step.

    Raises:
        ValueError: An option is out of range.
        RuntimeError: fused together with foreach or differentiable.

    Source: torch.optim.SGD; momentum as in Sutskever et al. (2013)

    Example:
        >>> import flambeau as torch
        >>> p = torch.nn.Parameter(torch.ones(1))
        >>> (p * 2).sum().backward()
        >>> torch.optim.SGD([p], lr=0.1).step()
        >>> p.data
        tensor([0.8000])
    """

    _lists = ("momentum_buffer",)

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        checked_lr(lr)
        checked("momentum value", momentum)
        checked("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, defaults)

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] else ()

    def prepare(
        self, p: Tensor, group: dict[str, Any], names: tuple[str, ...]
    ) -> tuple[bool, Sequence[Tensor]]:
        """Is it the first step with momentum? Steps are not counted, and without momentum nothing is kept."""
        if not names:
            return _ALONE
        state = self.state[p]
        kept = state.get("momentum_buffer")
        if kept is not None:
            return False, [kept]
        kept = state["momentum_buffer"] = zeros_like(p)
        return True, [kept]

    def sparse_gradient(self, p: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor | None:
        """Without momentum only the rows that the gradient has step; with it the others go on."""
        if group["weight_decay"]:
            raise RuntimeError(
                "add(sparse, dense) is not supported: weight_decay makes a sparse gradient dense; use 0"
            )
        if group["momentum"] or group["differentiable"]:
            return grad.to_dense()
        step_rows(self, p, grad, group)
        return None

    def plan(self, group: dict[str, Any]) -> Callable[[Any], tuple[Callable, dict[str, Any]]]:
        lr, momentum = step_size(group), group["momentum"]
        if not momentum:
            return lambda first: (sgd, {"lr": lr})
        formula = nesterov if group["nesterov"] else with_momentum
        gain = 1 - group["dampening"]

        def numbers(first: bool) -> tuple[Callable, dict[str, Any]]:
            return formula, {"lr": lr, "momentum": momentum, "gain": 1 if first else gain}

        return numbers


_ALONE = False, ()
"""What `prepare` says without momentum."""


def sgd(xp: Any, p: Any, g: Any, *, lr: Any) -> tuple:
    return (p - lr * g,)


def with_momentum(
    xp: Any, p: Any, g: Any, b: Any, *, lr: Any, momentum: float, gain: float
) -> tuple:
    """Along the running direction b."""
    b = momentum * b + gain * g
    return p - lr * b, b


def nesterov(xp: Any, p: Any, g: Any, b: Any, *, lr: Any, momentum: float, gain: float) -> tuple:
    """Along where the running direction will lead."""
    b = momentum * b + gain * g
    return p - lr * (g + momentum * b), b
