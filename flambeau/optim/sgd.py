"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from typing import Any

from ..core.tensor import wrap
from .optimizer import Optimizer, checked, gradients


class SGD(Optimizer):
    """p -= lr * g, with momentum: b = momentum b + (1 - dampening) g, p -= lr b.

    Args:
        lr: Step size.
        momentum, dampening: Of the running direction b.
        weight_decay: Adds weight_decay p to the gradient.
        nesterov: Step along g + momentum b.
        maximize: Ascend.

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
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        checked("learning rate", lr)
        checked("momentum value", momentum)
        checked("weight_decay value", weight_decay)
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
                "foreach": foreach,
                "differentiable": differentiable,
                "fused": fused,
            },
        )

    def update(self, group: dict[str, Any]) -> None:
        lr, momentum, decay = group["lr"], group["momentum"], group["weight_decay"]
        for p, g in gradients(group):
            value = p._array
            if decay:
                g = g + decay * value
            if momentum:
                state = self.state[p]
                buffer = state.get("momentum_buffer")
                if buffer is None:
                    state["momentum_buffer"] = buffer = wrap(g.copy(), p._kind)
                else:
                    b = buffer._array
                    b *= momentum
                    b += (1 - group["dampening"]) * g
                g = g + momentum * buffer._array if group["nesterov"] else buffer._array
            value -= lr * g
            p._cell[0] += 1
