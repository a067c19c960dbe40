"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked, checked_betas, checked_lr
from .state import number, root, step_size


class Adam(Optimizer):
    """Steps by running means of the gradient and of its square (Kingma and Ba, 2015).

    Args:
        lr: Step size.
        betas: How much of the running means a step keeps.
        eps: Added to the root of the mean square.
        weight_decay: Adds weight_decay p to the gradient (AdamW: shrinks p itself).
        amsgrad: Divide by the largest mean square so far (Reddi et al., 2018).
        maximize: Ascend.
        foreach, fused: Choose among PyTorch's implementations; here there is one, with the same result.
        capturable: Keep counts of steps, and the step size if it is a tensor, on the device, so that a CUDA graph can record
            the step; refused for parameters on the CPU.
        differentiable: Record the step.
        decoupled_weight_decay: Decay as AdamW does.

    Raises:
        ValueError: An option is out of range.

    Source: torch.optim.Adam

    Example:
        >>> import flambeau as torch
        >>> p = torch.nn.Parameter(torch.ones(1))
        >>> (p * 2).sum().backward()
        >>> torch.optim.Adam([p], lr=0.1).step()
        >>> p.data
        tensor([0.9000])
    """

    _lists = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "step")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        checked_lr(lr, defaults)
        checked("epsilon value", eps)
        checked_betas(betas)
        checked("weight_decay value", weight_decay)
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError("betas must be either both floats or both Tensors")
        if isinstance(betas[0], Tensor) and foreach and not capturable:
            raise ValueError(
                "betas[0] as a Tensor is not supported for capturable=False and foreach=True"
            )
        super().__init__(params, defaults)

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if group["amsgrad"] else ()))

    def plan(self, group: dict[str, Any]) -> Callable[[Any], tuple[Callable, dict[str, Any]]]:
        lr, eps = step_size(group), group["eps"]
        beta1, beta2 = (number(beta) for beta in group["betas"])

        def numbers(t: float) -> tuple[Callable, dict[str, Any]]:
            return adam, {
                "rate": lr / (1 - beta1**t),
                "correction": root(1 - beta2**t),
                "gain1": 1 - beta1,
                "keep2": beta2,
                "gain2": 1 - beta2,
                "eps": eps,
            }

        return numbers


def adam(
    xp: Any,
    p: Any,
    g: Any,
    mean: Any,
    square: Any,
    largest: Any = None,
    *,
    rate: Any,
    correction: float,
    gain1: float,
    keep2: float,
    gain2: float,
    eps: float,
) -> tuple:
    """Kingma and Ba's step; with the largest mean square so far, Reddi et al.'s."""
    mean = mean + gain1 * (g - mean)
    square = keep2 * square + gain2 * (g * g)
    if largest is None:
        return p - rate * (mean / (xp.sqrt(square) / correction + eps)), mean, square
    largest = xp.maximum(largest, square)
    return p - rate * (mean / (xp.sqrt(largest) / correction + eps)), mean, square, largest


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019).

    Source: torch.optim.AdamW
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float | Tensor, float | Tensor] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
