"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked, checked_lr
from .state import number, scalar, zeros_like


class ASGD(Optimizer):
    """Gradient descent that also keeps the average of where it was (Polyak and Juditsky, 1992).

    Args:
        lr: First step size.
        lambd, alpha: The step size is lr / (1 + lambd lr t)^alpha.
        t0: When averaging starts.
        weight_decay: Adds weight_decay p to the gradient.
        maximize: Ascend.
        foreach: Chooses among PyTorch's implementations; here there is one, with the same result.
        capturable: For CUDA graphs; refused for parameters on the CPU.
        differentiable: Record the step.

    Raises:
        ValueError: An option is out of range.

    Source: torch.optim.ASGD
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        checked_lr(lr, defaults)
        checked("weight_decay value", weight_decay)
        super().__init__(params, defaults)

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "eta", "mu", "ax"

    def start(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = scalar(0.0)
        state["eta"], state["mu"] = scalar(number(group["lr"])), scalar(1.0)
        state["ax"] = zeros_like(p)

    def rule(self, group: dict[str, Any]) -> Callable[..., None]:
        lr, lambd = number(group["lr"], group["differentiable"]), group["lambd"]
        alpha, start = group["alpha"], group["t0"]

        def change(xp: Any, p: Any, g: Any, t: float, eta: Any, mu: Any, average: Any) -> None:
            p *= 1 - lambd * eta.item()
            p -= eta.item() * g
            average += mu.item() * (p - average)
            eta[...] = lr / (1 + lambd * lr * t) ** alpha
            mu[...] = 1 / max(1, t - start)

        return change
