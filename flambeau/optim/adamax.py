"""Adamax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked, checked_betas, checked_lr
from .state import number


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

    def rule(self, group: dict[str, Any]) -> Callable[..., None]:
        lr, (beta1, beta2) = number(group["lr"], group["differentiable"]), group["betas"]
        eps = group["eps"]

        def change(xp: Any, p: Any, g: Any, t: float, mean: Any, largest: Any) -> None:
            mean += (1 - beta1) * (g - mean)
            largest[...] = xp.maximum(largest * beta2, abs(g) + eps)
            p -= (lr / (1 - beta1**t)) * (mean / largest)

        return change
