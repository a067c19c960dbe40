"""NAdam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked, checked_betas, checked_lr
from .state import number, scalar


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
        return "mu_product", "exp_avg", "exp_avg_sq"

    def start(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        super().start(p, state, group)
        state["mu_product"] = scalar(1.0)

    def rule(self, group: dict[str, Any]) -> Callable[..., None]:
        lr, (beta1, beta2) = number(group["lr"], group["differentiable"]), group["betas"]
        eps, decay = group["eps"], group["momentum_decay"]

        def momentum(t: float) -> float:
            return beta1 * (1 - 0.5 * 0.96 ** (t * decay))

        def change(xp: Any, p: Any, g: Any, t: float, product: Any, mean: Any, square: Any) -> None:
            now, later = momentum(t), momentum(t + 1)
            product *= now
            so_far = product.item()
            mean += (1 - beta1) * (g - mean)
            square *= beta2
            square += (1 - beta2) * (g * g)
            scale = xp.sqrt(square / (1 - beta2**t)) + eps
            p -= (lr * (1 - now) / (1 - so_far)) * (g / scale)
            p -= (lr * later / (1 - so_far * later)) * (mean / scale)

        return change
