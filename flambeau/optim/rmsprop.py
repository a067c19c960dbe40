"""RMSprop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked, checked_lr
from .state import number


class RMSprop(Optimizer):
    """Steps divided by the root of a running mean of squares (Hinton, 2012).

    Args:
        lr: Step size.
        alpha: How much of the running mean a step keeps.
        eps: Added to the root.
        weight_decay: Adds weight_decay p to the gradient.
        momentum: Of the step.
        centered: Divide by the standard deviation: subtract the squared mean of gradients.
        maximize: Ascend.
        foreach: Chooses among PyTorch's implementations; here there is one, with the same result.
        capturable: For CUDA graphs; refused for parameters on the CPU.
        differentiable: Record the step.

    Raises:
        ValueError: An option is out of range.

    Source: torch.optim.RMSprop
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        checked_lr(lr, defaults)
        checked("epsilon value", eps)
        checked("momentum value", momentum)
        checked("weight_decay value", weight_decay)
        checked("alpha value", alpha)
        super().__init__(params, defaults)

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        momentum = ("momentum_buffer",) if group["momentum"] > 0 else ()
        return ("square_avg", *momentum, *(("grad_avg",) if group["centered"] else ()))

    def rule(self, group: dict[str, Any]) -> Callable[..., None]:
        lr, alpha, eps = number(group["lr"], group["differentiable"]), group["alpha"], group["eps"]
        momentum, centered = group["momentum"], group["centered"]

        def change(xp: Any, p: Any, g: Any, t: float, square: Any, *more: Any) -> None:
            square *= alpha
            square += (1 - alpha) * (g * g)
            spread = square
            if centered:
                mean = more[-1]
                mean += (1 - alpha) * (g - mean)
                spread = square - mean * mean
            step = g / (xp.sqrt(spread) + eps)
            if momentum:
                kept = more[0]
                kept *= momentum
                kept += step
                step = kept
            p -= lr * step

        return change
