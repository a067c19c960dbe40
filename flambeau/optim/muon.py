"""Muon."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.location import count_writes
from ..core.tensor import Tensor
from ..core.twin import around
from .optimizer import Optimizer
from .state import zeros_like


class Muon(Optimizer):
    """Steps whose matrix is made orthogonal, for the weights of hidden layers (Jordan et al., 2024).

    Args:
        lr: Step size.
        weight_decay: Shrinks p.
        momentum, nesterov: Of the direction.
        ns_coefficients, ns_steps: Of the Newton-Schulz iteration that makes the step orthogonal.
        eps: Smallest norm that the step is divided by.
        adjust_lr_fn: "original" or "match_rms_adamw": how the shape changes the step size.

    Raises:
        ValueError: A parameter is no matrix, or an option is out of range.

    Source: torch.optim.Muon
    """

    def __init__(
        self,
        params: Any,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{p.size()}"
                    )

    def update(self, group: dict[str, Any]) -> None:
        for p in group["params"]:
            if p.grad is not None:
                with around((p,)):
                    self.update_one(p, p.grad, group)

    def update_one(self, p: Tensor, g: Any, group: dict[str, Any]) -> None:
        lr, momentum, state = float(group["lr"]), group["momentum"], self.state[p]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = zeros_like(g)
        kept = state["momentum_buffer"]
        kept.lerp_(g, 1 - momentum)
        step = g.lerp(kept, momentum) if group["nesterov"] else kept
        step = orthogonal(step, group["ns_coefficients"], group["ns_steps"], group["eps"])
        p._array *= 1 - lr * group["weight_decay"]
        rate = lr * _shape_factor(p._array.shape, group["adjust_lr_fn"])
        p._array -= rate * step._array.astype(p._kind.numpy)
        count_writes((p,), self._writer)


def _shape_factor(shape: tuple[int, int], name: str | None) -> float:
    rows, columns = shape
    if name == "match_rms_adamw":
        return 0.2 * max(rows, columns) ** 0.5
    return max(1.0, rows / columns) ** 0.5


def orthogonal(
    x: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """The nearest matrix with orthogonal rows or columns, roughly, computed in bfloat16.

    Raises:
        ValueError: Too many steps, or x is no matrix, or there are not three coefficients.
    """
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(x.shape) != 2:
        raise ValueError("Input tensor gradient must be a 2D matrix")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = (float(np.float32(factor)) for factor in coefficients)
    y = x.bfloat16()
    tall = y.shape[0] > y.shape[1]
    if tall:
        y = y.T
    y = y / y.norm().clamp(min=eps)
    for _ in range(steps):  # products in float32; each sum is rounded once
        wide = y.float()
        gram = (wide @ wide.T).bfloat16().float()
        mixed = _sum(gram, b, gram @ gram, c).float()
        y = _sum(wide, a, mixed @ wide, 1.0)
    return y.T if tall else y


def _sum(x: Tensor, a: float, y: Tensor, b: float) -> Tensor:
    """a x + b y in bfloat16."""
    return (a * x.double() + b * y.double()).bfloat16()
