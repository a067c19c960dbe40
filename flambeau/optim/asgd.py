"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .capturable import listed, write
from .optimizer import Optimizer, checked, checked_lr
from .state import home, number, scalar, step_size, zeros_like


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

    _lists = ("mu", "ax", "eta", "step")

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
        return ("ax",)

    def start(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        place = home(p, group)
        state["step"] = scalar(0.0, place)
        state["eta"], state["mu"] = scalar(number(group["lr"]), place), scalar(1.0, place)
        state["ax"] = zeros_like(p)

    def count(self, state: dict[str, Any], group: dict[str, Any]) -> Any:
        """The step size, and the weight of this step in the average; those of the next one are kept."""
        t, lr = super().count(state, group), number(group["lr"])
        eta, mu = state["eta"]._array, state["mu"]._array
        now = eta.item(), mu.item()
        eta.fill(lr / (1 + group["lambd"] * lr * t) ** group["alpha"])
        mu.fill(1 / max(1, t - group["t0"]))
        return now

    def clock(self, states: list[dict[str, Any]], group: dict[str, Any]) -> Any:
        t, lr = super().clock(states, group), step_size(group)
        etas, mus = ([state[name] for state in states] for name in ("eta", "mu"))
        now = listed(etas), listed(mus)
        write(etas, lr / (1 + group["lambd"] * lr * t) ** group["alpha"])
        write(mus, 1 / (t - group["t0"]).clamp(min=1))
        return now

    def plan(self, group: dict[str, Any]) -> Callable[[Any], tuple[Callable, dict[str, Any]]]:
        def numbers(clock: tuple[float, float]) -> tuple[Callable, dict[str, Any]]:
            eta, mu = clock
            return asgd, {"eta": eta, "keep": 1 - group["lambd"] * eta, "mu": mu}

        return numbers


def asgd(xp: Any, p: Any, g: Any, average: Any, *, eta: float, keep: float, mu: float) -> tuple:
    p = p * keep - eta * g
    return p, average + mu * (p - average)
