"""Rprop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked_lr
from .state import number, zeros_like


class Rprop(Optimizer):
    """Steps by the gradient's sign alone, each element with its own size (Riedmiller and Braun, 1993).

    Args:
        lr: First step size.
        etas: Factors of the step size when the sign changed, and when it did not.
        step_sizes: Smallest and largest.
        maximize: Ascend.
        foreach: Chooses among PyTorch's implementations; here there is one, with the same result.
        capturable: For CUDA graphs; refused for parameters on the CPU.
        differentiable: Record the step.

    Raises:
        ValueError: An option is out of range.

    Source: torch.optim.Rprop
    """

    _lists = ("prev", "step_size", "step")

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        checked_lr(lr, defaults)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        super().__init__(params, defaults)

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return "prev", "step_size"

    def start(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        super().start(p, state, group)
        lr = number(group["lr"])
        state["step_size"] = zeros_like(p, complex(lr, lr) if p.is_complex() else lr)

    def plan(self, group: dict[str, Any]) -> Callable[[Any], tuple[Callable, dict[str, Any]]]:
        (shrink, grow), (low, high) = group["etas"], group["step_sizes"]
        numbers = {"shrink": shrink, "grow": grow, "low": low, "high": high}
        return lambda t: (rprop, dict(numbers))


def rprop(
    xp: Any,
    p: Any,
    g: Any,
    last: Any,
    size: Any,
    *,
    shrink: float,
    grow: float,
    low: float,
    high: float,
) -> tuple:
    agreed = xp.sign(g * last)
    size = size * xp.where(agreed > 0, grow, xp.where(agreed < 0, shrink, 1.0))
    size = xp.where(size < low, low, xp.where(size > high, high, size))
    g = xp.where(agreed < 0, 0.0, g)  # after a jump over a minimum: wait, and forget the sign
    return p - xp.sign(g) * size, g, size
