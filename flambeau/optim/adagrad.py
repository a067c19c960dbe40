"""Adagrad."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked, checked_lr
from .rows import step_rows
from .state import scalar, step_size, zeros_like


class Adagrad(Optimizer):
    """Steps divided by the root of the sum of all squares so far (Duchi et al., 2011).

    Args:
        lr, lr_decay: The step size is lr / (1 + (t - 1) lr_decay).
        weight_decay: Adds weight_decay p to the gradient.
        initial_accumulator_value: Where the sums start.
        eps: Added to the root.
        maximize: Ascend.
        foreach: Chooses among PyTorch's implementations; here there is one, with the same result.
        differentiable: Record the step.

    Raises:
        ValueError: An option is out of range.

    Source: torch.optim.Adagrad
    """

    _lists = ("sum", "step")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        checked_lr(lr)
        checked("lr_decay value", lr_decay)
        checked("weight_decay value", weight_decay)
        checked("initial_accumulator_value value", initial_accumulator_value)
        checked("epsilon value", eps)
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                self.start(p, self.state[p], group)

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def start(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        first = group["initial_accumulator_value"]
        state["step"] = scalar(0.0)
        state["sum"] = zeros_like(p, complex(first, first) if p.is_complex() else first)

    def share_memory(self) -> None:
        """Move the sums and counts of steps to memory that processes share.

        Source: torch.optim.Adagrad.share_memory
        """
        for group in self.param_groups:
            for p in group["params"]:
                for value in self.state[p].values():
                    value.share_memory_()

    def sparse_gradient(self, p: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor | None:
        """Only the rows that the gradient has step."""
        if group["weight_decay"]:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients: use 0")
        if group["differentiable"]:
            return grad.to_dense()
        step_rows(self, p, grad, group)
        return None

    def plan(self, group: dict[str, Any]) -> Callable[[Any], tuple[Callable, dict[str, Any]]]:
        lr = step_size(group)

        def numbers(t: float) -> tuple[Callable, dict[str, Any]]:
            return adagrad, {"rate": lr / (1 + (t - 1) * group["lr_decay"]), "eps": group["eps"]}

        return numbers


def adagrad(xp: Any, p: Any, g: Any, total: Any, *, rate: Any, eps: float) -> tuple:
    total = total + g * g
    return p - rate * (g / (xp.sqrt(total) + eps)), total
