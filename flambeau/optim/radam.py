"""RAdam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked, checked_betas, checked_lr
from .state import root, step_size


class RAdam(Optimizer):
    """Adam that waits until its mean square can be trusted (Liu et al., 2020).

    Args:
        lr: Step size.
        betas: How much of the running means a step keeps.
        eps: Added to the root of the mean square.
        weight_decay: Adds weight_decay p to the gradient, or (decoupled) shrinks p.
        decoupled_weight_decay: Decay as AdamW does.
        maximize: Ascend.
        foreach: Chooses among PyTorch's implementations; here there is one, with the same result.
        capturable: For CUDA graphs; refused for parameters on the CPU.
        differentiable: Record the step.

    Raises:
        ValueError: An option is out of range.

    Source: torch.optim.RAdam
    """

    _lists = ("exp_avg", "exp_avg_sq", "step")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        checked_lr(lr, defaults)
        checked("epsilon value", eps)
        checked_betas(betas)
        checked("weight_decay value", weight_decay)
        super().__init__(params, defaults)

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "exp_avg", "exp_avg_sq"

    def plan(self, group: dict[str, Any]) -> Callable[[Any], tuple[Callable, dict[str, Any]]]:
        lr, (beta1, beta2) = step_size(group), group["betas"]
        limit = 2 / (1 - beta2) - 1

        def numbers(t: float) -> tuple[Callable, dict[str, Any]]:
            left1, left2 = 1 - beta1**t, 1 - beta2**t
            length = limit - 2 * t * beta2**t / left2  # of the average that the mean square is
            given = {"gain1": 1 - beta1, "keep2": beta2, "gain2": 1 - beta2, "rate": lr / left1}
            if isinstance(length, Tensor):  # which nobody looks at
                return either, {**given, **_trust(length, limit, left2), "eps": group["eps"]}
            if length <= 5:
                return distrusting, given
            trust = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
            return trusting, {**given, "trust": (trust * left2) ** 0.5, "eps": group["eps"]}

        return numbers


def _trust(length: Any, limit: float, left2: Any) -> dict[str, Any]:
    """Is the mean square trusted, and how far? Of a tensor of lengths."""
    usable = length.clamp(min=5)
    trust = (usable - 4) * (usable - 2) * limit / ((limit - 4) * (limit - 2) * usable)
    return {"trusted": (length > 5).double(), "trust": root(trust * left2)}


def distrusting(
    xp: Any,
    p: Any,
    g: Any,
    mean: Any,
    square: Any,
    *,
    rate: Any,
    gain1: float,
    keep2: float,
    gain2: float,
) -> tuple:
    """A step by the mean alone."""
    mean = mean + gain1 * (g - mean)
    return p - rate * mean, mean, keep2 * square + gain2 * (g * g)


def trusting(
    xp: Any, p: Any, g: Any, mean: Any, square: Any, *, rate: Any, gain1: float, keep2: float, gain2: float,
    trust: float, eps: float,
) -> tuple:  # fmt: skip
    mean = mean + gain1 * (g - mean)
    square = keep2 * square + gain2 * (g * g)
    return p - rate * mean * trust / (xp.sqrt(square) + eps), mean, square


def either(
    xp: Any, p: Any, g: Any, mean: Any, square: Any, *, trusted: Any, **numbers: Any
) -> tuple:
    """A step by the mean square where it is trusted, else by the mean alone."""
    apart = {name: x for name, x in numbers.items() if name not in ("trust", "eps")}
    far, *_ = trusting(xp, p, g, mean, square, **numbers)
    near, *kept = distrusting(xp, p, g, mean, square, **apart)
    return xp.where(trusted > 0, far, near), *kept
