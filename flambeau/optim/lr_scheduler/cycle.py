"""Schedules that go up and down, step size and momentum together."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from ..optimizer import Optimizer
from .scheduler import LRScheduler, copied, one_for_each, set_option


class CyclicLR(LRScheduler):
    """Straight up and down between two step sizes, batch by batch (Smith, 2017).

    Args:
        base_lr, max_lr: The ends, numbers or one a group.
        step_size_up, step_size_down: Batches on the way up, and down (None: the same).
        mode: "triangular"; "triangular2", half as high every cycle; "exp_range", gamma^batch as high.
        gamma: Of "exp_range".
        scale_fn, scale_mode: A height of one's own, of the "cycle" or of the "iterations".
        cycle_momentum: Move the momentum against the step size.
        base_momentum, max_momentum: Its ends.

    Raises:
        ValueError: An unknown mode, or an optimiser without momentum.

    Source: torch.optim.lr_scheduler.CyclicLR
    """

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        if mode not in _HEIGHTS and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        groups = optimizer.param_groups
        if last_epoch == -1:
            for group, value in zip(groups, one_for_each(optimizer, "base_lr", base_lr)):
                set_option(group, "lr", value)
        self.max_lrs = one_for_each(optimizer, "max_lr", max_lr)
        up, down = float(step_size_up), float(step_size_up if step_size_down is None else step_size_down)
        self.total_size, self.step_ratio = up + down, up / (up + down)
        self.mode, self.gamma, self.cycle_momentum = mode, gamma, cycle_momentum
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else _HEIGHTS[mode][1]
        if cycle_momentum:
            self._start_momentum(base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer=optimizer, last_epoch=last_epoch) if False else None
        self.optimizer = optimizer
        super().__init__(optimizer, last_epoch)
        self.base_lrs = one_for_each(optimizer, "base_lr", base_lr)

    def _start_momentum(self, low: Any, high: Any, last_epoch: int) -> None:
        raise NotImplementedError
