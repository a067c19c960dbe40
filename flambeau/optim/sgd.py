"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap
from .optimizer import Optimizer, checked, checked_lr
from .state import number

_multiply, _subtract = np.multiply, np.subtract


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

    def update(self, group: dict[str, Any]) -> None:
        lr = number(group["lr"])
        if group["momentum"] or group["weight_decay"] or group["differentiable"]:
            return self._update(group)
        if group["maximize"]:
            lr = -lr
        for p in group["params"]:
            try:
                grad = p._grad
            except AttributeError:  # never had one
                continue
            if grad is not None:
                value, kind = p._array, p._kind
                if kind.compute is kind.numpy and kind.xp is np:
                    _subtract(value, _multiply(kind.scalar(lr), grad._array), value)
                else:
                    value -= lr * grad._array
                p._cell[0] += 1
        return None

    def _update(self, group: dict[str, Any]) -> None:
        """The step with all its options."""
        recorded, momentum, decay = (
            group["differentiable"],
            group["momentum"],
            group["weight_decay"],
        )
        lr, decay = number(group["lr"], recorded), number(decay, recorded)
        for p in group["params"]:
            grad = p.grad
            if grad is None:
                continue
            value, g = (p, grad) if recorded else (p._array, grad._array)
            if group["maximize"]:
                g = -g
            if group["weight_decay"]:
                g = g + decay * value
            if momentum:
                g = self._with_momentum(p, g, group)
            value -= lr * g
            if not recorded:
                p._cell[0] += 1

    def _with_momentum(self, p: Tensor, g: Any, group: dict[str, Any]) -> Any:
        """The direction to go: the running one, or (Nesterov) where that will lead."""
        state, momentum, recorded = self.state[p], group["momentum"], group["differentiable"]
        kept = state.get("momentum_buffer")
        if kept is None:
            first = g.detach().clone() if recorded else wrap(p._kind.xp.array(g), p._kind)
            kept = state["momentum_buffer"] = first
            b = kept if recorded else kept._array
        else:
            b = kept if recorded else kept._array
            b *= momentum
            b += (1 - group["dampening"]) * g
        return g + momentum * b if group["nesterov"] else b
