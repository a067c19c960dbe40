"""RMSprop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked, checked_lr
from .state import step_size


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

    _lists = ("square_avg", "momentum_buffer", "grad_avg", "step")

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

    def plan(self, group: dict[str, Any]) -> Callable[[Any], tuple[Callable, dict[str, Any]]]:
        lr, alpha = step_size(group), group["alpha"]
        numbers = {"lr": lr, "keep": alpha, "gain": 1 - alpha, "eps": group["eps"]}
        formula: Callable = centered if group["centered"] else rmsprop
        if group["momentum"] > 0:
            numbers["momentum"] = group["momentum"]
            formula = centered_with_momentum if group["centered"] else with_momentum
        return lambda t: (formula, dict(numbers))


def rmsprop(
    xp: Any, p: Any, g: Any, square: Any, *, lr: Any, keep: float, gain: float, eps: float
) -> tuple:
    square = keep * square + gain * (g * g)
    return p - lr * (g / (xp.sqrt(square) + eps)), square


def centered(
    xp: Any,
    p: Any,
    g: Any,
    square: Any,
    mean: Any,
    *,
    lr: Any,
    keep: float,
    gain: float,
    eps: float,
) -> tuple:
    """The squares are those of the distance from the mean gradient."""
    square, mean = keep * square + gain * (g * g), mean + gain * (g - mean)
    return p - lr * (g / (xp.sqrt(square - mean * mean) + eps)), square, mean


def with_momentum(
    xp: Any, p: Any, g: Any, square: Any, moving: Any, *, momentum: float, lr: Any, **numbers: float
) -> tuple:
    ahead, square = rmsprop(xp, 0.0, g, square, lr=-1.0, **numbers)
    moving = momentum * moving + ahead
    return p - lr * moving, square, moving


def centered_with_momentum(
    xp: Any,
    p: Any,
    g: Any,
    square: Any,
    moving: Any,
    mean: Any,
    *,
    momentum: float,
    lr: Any,
    **numbers: float,
) -> tuple:
    ahead, square, mean = centered(xp, 0.0, g, square, mean, lr=-1.0, **numbers)
    moving = momentum * moving + ahead
    return p - lr * moving, square, moving, mean
