"""Adafactor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.location import count_writes
from ..core.tensor import Tensor, wrap
from ..core.twin import around
from .optimizer import Optimizer, checked, checked_lr
from .state import number, scalar, zeros_like


class Adafactor(Optimizer):
    """Steps by a mean square kept as one row and one column a matrix (Shazeer and Stern, 2018).

    Args:
        lr: Largest relative step size.
        beta2_decay: Exponent of the mean's decay, negative.
        eps: Smallest mean square (None: the dtype's epsilon), and smallest scale of a parameter.
        d: Where steps are clipped.
        weight_decay: Shrinks p.
        foreach: Chooses among PyTorch's implementations; here there is one, with the same result.
        maximize: Ascend.

    Raises:
        ValueError: An option is out of range.

    Source: torch.optim.Adafactor
    """

    def __init__(
        self,
        params: Any,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        checked_lr(lr)
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        checked("weight_decay value", weight_decay)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def start(self, p: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        state["step"] = scalar(0.0)
        if p.ndim < 2:
            state["variance"] = zeros_like(p)
        else:
            state["row_var"] = wrap(p._array[..., :1] * 0, p._kind)
            state["col_var"] = wrap(p._array[..., :1, :] * 0, p._kind)

    def update(self, group: dict[str, Any]) -> None:
        change = self.rule(group)
        for p in group["params"]:
            if p.grad is not None:
                with around((p,)):
                    self.update_one(p, group, change)

    def update_one(self, p: Tensor, group: dict[str, Any], change: Callable[..., None]) -> None:
        state = self.state[p]
        if not state:
            self.start(p, state, group)
        state["step"]._array += 1
        g = p.grad._array  # type: ignore[union-attr]
        kept = [state[name]._array for name in state if name != "step"]
        change(p._kind.xp, p._array, -g if group["maximize"] else g, state["step"].item(), *kept)
        count_writes((p,), self._writer)

    def rule(self, group: dict[str, Any]) -> Callable[..., None]:
        lr, (low, scale), limit = number(group["lr"]), group["eps"], group["d"]
        decay, exponent = group["weight_decay"], group["beta2_decay"]

        def size(xp: Any, x: Any) -> float:
            return float(xp.sqrt((x * x).sum())) / x.size**0.5

        def change(xp: Any, p: Any, g: Any, t: float, *kept: Any) -> None:
            eps = float(xp.finfo(p.dtype).eps) if low is None else low
            rate, new = min(lr, 1 / t**0.5) * max(scale, size(xp, p)), t**exponent
            p *= 1 - lr * decay
            if len(kept) == 2:
                rows, columns = kept
                rows += new * ((g * g).mean(-1, keepdims=True) - rows)
                columns += new * ((g * g).mean(-2, keepdims=True) - columns)
                square = rows * columns / xp.maximum(rows.mean(-2, keepdims=True), eps)
            else:
                square = kept[0]
                square += new * (g * g - square)
            step = g / xp.sqrt(xp.maximum(square, eps * eps))
            p -= (rate / max(1.0, size(xp, step) / limit)) * step

        return change
