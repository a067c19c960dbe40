"""NAdam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .capturable import listed, multiply
from .optimizer import Optimizer, checked, checked_betas, checked_lr
from .state import home, scalar, step_size, zeros_like


class NAdam(Optimizer):
    """Adam with Nesterov's momentum (Dozat, 2016).

    Args:
        lr: Step size.
        betas: How much of the running means a step keeps.
        eps: Added to the root of the mean square.
        weight_decay: Adds weight_decay p to the gradient, or (decoupled) shrinks p.
        momentum_decay: How fast the momentum grows to beta1.
        decoupled_weight_decay: Decay as AdamW does.
        maximize: Ascend.
        foreach: Chooses among PyTorch's implementations; here there is one, with the same result.
        capturable: For CUDA graphs; refused for parameters on the CPU.
        differentiable: Record the step.

    Raises:
        ValueError: An option is out of range.

    Source: torch.optim.NAdam
    """

    _lists = ("exp_avg", "exp_avg_sq", "mu_product", "step")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        checked_lr(lr, defaults)
        checked("epsilon value", eps)
        checked_betas(betas)
        checked("weight_decay value", weight_decay)
        checked("momentum_decay value", momentum_decay)
        super().__init__(params, defaults)

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq"

    def start(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        place = home(p, group)
        state["step"], state["mu_product"] = scalar(0.0, place), scalar(1.0, place)
        state |= {name: zeros_like(p) for name in self.slots(group)}

    def count(self, state: dict[str, Any], group: dict[str, Any]) -> Any:
        """The step's number, and the product of all momenta."""
        t, product = super().count(state, group), state["mu_product"]._array
        product *= momentum(t, group)
        return t, product.item()

    def clock(self, states: list[dict[str, Any]], group: dict[str, Any]) -> Any:
        t = super().clock(states, group)
        products = [state["mu_product"] for state in states]
        multiply(products, momentum(t, group))
        return t, listed(products)

    def plan(self, group: dict[str, Any]) -> Callable[[Any], tuple[Callable, dict[str, Any]]]:
        lr, (beta1, beta2) = step_size(group), group["betas"]

        def numbers(clock: tuple[float, float]) -> tuple[Callable, dict[str, Any]]:
            t, so_far = clock
            now, later = momentum(t, group), momentum(t + 1, group)
            return nadam, {
                "rate": lr * (1 - now) / (1 - so_far),
                "ahead": lr * later / (1 - so_far * later),
                "correction": 1 - beta2**t,
                "gain1": 1 - beta1,
                "keep2": beta2,
                "gain2": 1 - beta2,
                "eps": group["eps"],
            }

        return numbers


def momentum(t: Any, group: dict[str, Any]) -> Any:
    return group["betas"][0] * (1 - 0.5 * 0.96 ** (t * group["momentum_decay"]))


def nadam(
    xp: Any, p: Any, g: Any, mean: Any, square: Any, *, rate: Any, ahead: Any, correction: float, gain1: float,
    keep2: float, gain2: float, eps: float,
) -> tuple:  # fmt: skip
    mean = mean + gain1 * (g - mean)
    square = keep2 * square + gain2 * (g * g)
    scale = xp.sqrt(square / correction) + eps
    return p - rate * (g / scale) - ahead * (mean / scale), mean, square
