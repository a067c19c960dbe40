"""SparseAdam: Adam for sparse gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..core.sparse import SparseTensor
from ..core.tensor import Tensor
from .optimizer import Optimizer, checked_betas, checked_lr
from .rows import step_rows
from .state import number


class SparseAdam(Optimizer):
    """Adam that steps where a sparse gradient has elements, and leaves all else as it is.

    Args:
        lr: Step size.
        betas: Of the running means of the gradient and of its square.
        eps: Added to the root of the second.
        maximize: Ascend.

    Raises:
        RuntimeError: On a step, for a dense gradient.
        ValueError: An option is out of range, or a parameter is sparse.

    Source: torch.optim.SparseAdam

    Example:
        >>> import flambeau as torch
        >>> table = torch.nn.Embedding(3, 1, sparse=True)
        >>> optimizer = torch.optim.SparseAdam(table.parameters())
        >>> table(torch.tensor([1])).sum().backward()
        >>> optimizer.step()
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
        wrong = [
            (i, j)
            for i, group in enumerate(self.param_groups)
            for j, p in enumerate(group["params"])
            if isinstance(p, SparseTensor)
        ]
        if wrong:
            raise ValueError(
                f"Sparse params at indices {wrong}: SparseAdam requires dense parameter tensors"
            )

    def slots(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def update(self, group: dict[str, Any]) -> None:
        for p in group["params"]:
            if p.grad is not None and not isinstance(p.grad, SparseTensor):
                raise RuntimeError(
                    "SparseAdam does not support dense gradients, please consider Adam instead"
                )
        super().update(group)

    def sparse_gradient(self, p: Tensor, grad: Tensor, group: dict[str, Any]) -> Tensor | None:
        step_rows(self, p, grad, group)
        return None

    def plan(self, group: dict[str, Any]) -> Callable[[Any], tuple[Callable, dict[str, Any]]]:
        lr, (first, second) = number(group["lr"], False), group["betas"]

        def numbers(t: float) -> tuple[Callable, dict[str, Any]]:
            rate = lr * math.sqrt(1 - second**t) / (1 - first**t)
            return sparse_adam, {
                "rate": rate,
                "first": first,
                "second": second,
                "eps": group["eps"],
            }

        return numbers


def sparse_adam(
    xp: Any, p: Any, g: Any, m: Any, v: Any, *, rate: Any, first: float, second: float, eps: float
) -> tuple:
    m = m + (1 - first) * (g - m)
    v = v + (1 - second) * (g * g - v)
    return p - rate * m / (xp.sqrt(v) + eps), m, v
