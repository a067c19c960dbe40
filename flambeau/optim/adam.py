"""Adam and AdamW."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.tensor import Tensor, wrap, wrap_numpy
from .optimizer import Optimizer, checked, gradients


class Adam(Optimizer):
    """Steps by running means of the gradient and of its square (Kingma and Ba, 2015).

    Args:
        lr: Step size.
        betas: How much of the running means a step keeps.
        eps: Added to the root of the mean square.
        weight_decay: Adds weight_decay p to the gradient (AdamW: shrinks p itself).
        amsgrad: Divide by the largest mean square so far (Reddi et al., 2018).
        maximize: Ascend.
        decoupled_weight_decay: Decay as AdamW does.

    Source: torch.optim.Adam

    Example:
        >>> import flambeau as torch
        >>> p = torch.nn.Parameter(torch.ones(1))
        >>> (p * 2).sum().backward()
        >>> torch.optim.Adam([p], lr=0.1).step()
        >>> p.data
        tensor([0.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        checked("learning rate", float(lr))
        checked("epsilon value", eps)
        checked("beta parameter at index 0", betas[0], 1.0)
        checked("beta parameter at index 1", betas[1], 1.0)
        checked("weight_decay value", weight_decay)
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
                "foreach": foreach,
                "capturable": capturable,
                "differentiable": differentiable,
                "fused": fused,
                "decoupled_weight_decay": decoupled_weight_decay,
            },
        )

    def update(self, group: dict[str, Any]) -> None:
        lr, (beta1, beta2), decay = float(group["lr"]), group["betas"], group["weight_decay"]
        for p, g in gradients(group):
            value, state = p._array, self.state[p]
            if not state:
                self._start(p, state, group["amsgrad"])
            state["step"]._array += 1
            step = float(state["step"]._array)
            if decay and group["decoupled_weight_decay"]:
                value *= 1 - lr * decay
            elif decay:
                g = g + decay * value
            mean, square = state["exp_avg"]._array, state["exp_avg_sq"]._array
            mean += (1 - beta1) * (g - mean)
            square *= beta2
            square += (1 - beta2) * (g * g.conj()).real
            if group["amsgrad"]:
                largest = state["max_exp_avg_sq"]._array
                np.maximum(largest, square, out=largest)
                square = largest
            scale = np.sqrt(square)
            scale /= math.sqrt(1 - beta2**step)
            scale += group["eps"]
            value -= (lr / (1 - beta1**step)) * (mean / scale)
            p._cell[0] += 1

    def _start(self, p: Tensor, state: dict[str, Any], amsgrad: bool) -> None:
        state["step"] = wrap_numpy(np.zeros((), np.float32))
        for name in ("exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if amsgrad else ())):
            state[name] = wrap(np.zeros_like(p._array), p._kind)


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

    Source: torch.optim.AdamW
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
