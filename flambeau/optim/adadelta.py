"""Adadelta."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked, checked_lr
from .state import step_size


class Adadelta(Optimizer):
    """Steps scaled by running means of squares, of gradients and of steps (Zeiler, 2012).

    Args:
        lr: Factor of the step.
        rho: How much of the running means a step keeps.
        eps: Added under the roots.
        weight_decay: Adds weight_decay p to the gradient.
        maximize: Ascend.
        foreach: Chooses among PyTorch's implementations; here there is one, with the same result.
        capturable: For CUDA graphs; refused for parameters on the CPU.
        differentiable: Record the step.

    Raises:
        ValueError: An option is out of range.

    Source: torch.optim.Adadelta
    """

    _lists = ("square_avg", "acc_delta", "step")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        checked_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        checked("epsilon value", eps)
        checked("weight_decay value", weight_decay)
        super().__init__(params, defaults)

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "square_avg", "acc_delta"

    def plan(self, group: dict[str, Any]) -> Callable[[Any], tuple[Callable, dict[str, Any]]]:
        lr, rho = step_size(group), group["rho"]
        numbers = {"lr": lr, "keep": rho, "gain": 1 - rho, "eps": group["eps"]}
        return lambda t: (adadelta, dict(numbers))


def adadelta(
    xp: Any,
    p: Any,
    g: Any,
    square: Any,
    moved: Any,
    *,
    lr: Any,
    keep: float,
    gain: float,
    eps: float,
) -> tuple:
    square = keep * square + gain * (g * g)
    delta = xp.sqrt(moved + eps) / xp.sqrt(square + eps) * g
    return p - lr * delta, square, keep * moved + gain * (delta * delta)
