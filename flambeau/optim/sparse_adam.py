"""SparseAdam: Adam for sparse gradients, which flambeau has none of."""

from __future__ import annotations

from typing import Any

from ..core.tensor import Tensor
from .optimizer import Optimizer, checked_betas, checked_lr


class SparseAdam(Optimizer):
    """Adam that steps where a sparse gradient has elements.

    Raises:
        RuntimeError: On a step, for a dense gradient; flambeau's gradients are dense.
        ValueError: An option is out of range.

    Source: torch.optim.SparseAdam
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        if not lr > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        checked_lr(lr)
        checked_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

    def update(self, group: dict[str, Any]) -> None:
        if any(p.grad is not None for p in group["params"]):
            raise RuntimeError(
                "SparseAdam does not support dense gradients, please consider Adam instead"
            )
