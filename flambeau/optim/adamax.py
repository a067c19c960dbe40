"""Adamax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked, checked_betas, checked_lr
from .state import step_size


class Adamax(Optimizer):
    """Adam with the largest gradient in place of the mean square (Kingma and Ba, 2015).

    Args:
        lr: Step size.
        betas: How much of the running mean and of the maximum a step keeps.
        eps: Added to the gradient's magnitude.
        weight_decay: Adds weight_decay p to the gradient.
        maximize: Ascend.
        foreach: Chooses among PyTorch's implementations; here there is one, with the same result.
        capturable: For CUDA graphs; refused for parameters on the CPU.
        differentiable: Record the step.

    Raises:
        ValueError: An option is out of range.

    Source: torch.optim.Adamax
    """

    _lists = ("exp_avg", "exp_inf", "step")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        checked_lr(lr, defaults)
        checked("epsilon value", eps)
        checked_betas(betas)
        checked("weight_decay value", weight_decay)
        super().__init__(params, defaults)

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "exp_avg", "exp_inf"

    def plan(self, group: dict[str, Any]) -> Callable[[Any], tuple[Callable, dict[str, Any]]]:
        lr, (beta1, beta2) = step_size(group), group["betas"]

        def numbers(t: float) -> tuple[Callable, dict[str, Any]]:
            given = {"gain1": 1 - beta1, "keep2": beta2, "eps": group["eps"]}
            return adamax, {**given, "rate": lr / (1 - beta1**t)}

        return numbers


def adamax(
    xp: Any,
    p: Any,
    g: Any,
    mean: Any,
    largest: Any,
    *,
    rate: Any,
    gain1: float,
    keep2: float,
    eps: float,
) -> tuple:
    mean = mean + gain1 * (g - mean)
    largest = xp.maximum(largest * keep2, abs(g) + eps)
    return p - rate * (mean / largest), mean, largest
