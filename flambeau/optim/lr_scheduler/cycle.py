"""Schedules that go up and down, step size and momentum together."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from ..optimizer import Optimizer
from .scheduler import LRScheduler, one_for_each, set_option


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
        if mode not in _HEIGHTS and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        low = one_for_each(optimizer, "base_lr", base_lr)
        self.max_lrs = one_for_each(optimizer, "max_lr", max_lr)
        if last_epoch == -1:
            for group, value in zip(optimizer.param_groups, low):
                set_option(group, "lr", value)
        up = float(step_size_up)
        self.total_size = up + float(step_size_up if step_size_down is None else step_size_down)
        self.step_ratio = up / self.total_size
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        self.scale_mode = scale_mode if scale_fn is not None else _HEIGHTS[mode][1]
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums = one_for_each(optimizer, "base_momentum", base_momentum)
            self.max_momentums = one_for_each(optimizer, "max_momentum", max_momentum)
            self.use_beta1 = start_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = low

    def scale_fn(self, x: float) -> float:
        """How high cycle (or batch) x is."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        return _HEIGHTS[self.mode][0](x, self.gamma)

    def get_lr(self) -> list[Any]:
        self._check_get_lr()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        up = x <= self.step_ratio
        height = x / self.step_ratio if up else (x - 1) / (self.step_ratio - 1)
        height *= self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            for group in self.optimizer.param_groups:
                high = group["max_momentum"]
                set_momentum(group, high - (high - group["base_momentum"]) * height)
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs)]


_HEIGHTS: dict[str, tuple[Callable[[float, float], float], Literal["cycle", "iterations"]]] = {
    "triangular": (lambda x, gamma: 1.0, "cycle"),
    "triangular2": (lambda x, gamma: 1 / (2.0 ** (x - 1)), "cycle"),
    "exp_range": (lambda x, gamma: gamma**x, "iterations"),
}


def start_momentum(optimizer: Optimizer, low: Any, high: Any, last_epoch: int) -> bool:
    """Set every group's momentum to its higher end; is it a beta?

    Raises:
        ValueError: The optimiser has none.
    """
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled: choose one "
            "that has it, or pass cycle_momentum=False"
        )
    if last_epoch == -1:
        lows = one_for_each(optimizer, "base_momentum", low)
        highs = one_for_each(optimizer, "max_momentum", high)
        for group, least, most in zip(optimizer.param_groups, lows, highs):
            set_momentum(group, most)
            group["max_momentum"], group["base_momentum"] = most, least
    return "betas" in optimizer.defaults


def set_momentum(group: dict[str, Any], value: float) -> None:
    if "betas" in group:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


class OneCycleLR(LRScheduler):
    """Up to a large step size and down to a tiny one, in one cycle (Smith and Topin, 2019).

    Args:
        max_lr: The largest step size, a number or one a group.
        total_steps: Batches of the cycle; or else epochs times steps_per_epoch.
        pct_start: The share of the cycle that goes up.
        anneal_strategy: "cos" or "linear".
        cycle_momentum, base_momentum, max_momentum: Move the momentum against the step size.
        div_factor: It starts at max_lr / div_factor, and ends at that / final_div_factor.
        three_phase: Come down as one went up before going to the end.

    Raises:
        ValueError: The number of steps is not known, or an option is out of range.

    Source: torch.optim.lr_scheduler.OneCycleLR
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._anneal_func_type = anneal_strategy
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        if last_epoch == -1:
            tops = one_for_each(optimizer, "max_lr", max_lr)
            for group, top in zip(optimizer.param_groups, tops):
                group["initial_lr"] = top / div_factor
                group["max_lr"] = top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = start_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._check_get_lr()
        at = self.last_epoch
        if at > self.total_steps:
            raise ValueError(
                f"Tried to step {at} times. The specified number of total steps is {self.total_steps}: "
                "a cycle ends there; make total_steps larger, or stop stepping the schedule"
            )
        start, phase = 0.0, self._schedule_phases[-1]
        for phase in self._schedule_phases:
            if at <= phase["end_step"]:
                break
            if phase is not self._schedule_phases[-1]:
                start = phase["end_step"]
        share = (at - start) / (phase["end_step"] - start)
        groups = self.optimizer.param_groups
        if self.cycle_momentum:
            for group in groups:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                set_momentum(group, self._between(*ends, share))
        return [self._between(g[phase["start_lr"]], g[phase["end_lr"]], share) for g in groups]

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return start + (end - start) * share
        return end + (start - end) / 2.0 * (1 + math.cos(math.pi * share))


def _total(total: int | None, epochs: int | None, steps: int | None) -> int:
    if total is not None:
        if total <= 0 or not isinstance(total, int):
            raise ValueError(f"Expected positive integer total_steps, but got {total}")
        return total
    if epochs is None or steps is None:
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    for name, value in (("epochs", epochs), ("steps_per_epoch", steps)):
        if value <= 0 or not isinstance(value, int):
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return epochs * steps


def _phases(total: int, share: float, three: bool) -> list[dict[str, Any]]:
    """Where each phase ends, and between which options of a group it goes."""

    def phase(end: float, lr: tuple[str, str], momentum: tuple[str, str]) -> dict[str, Any]:
        return {
            "end_step": end,
            "start_lr": lr[0],
            "end_lr": lr[1],
            "start_momentum": momentum[0],
            "end_momentum": momentum[1],
        }

    low, high = "base_momentum", "max_momentum"
    up = phase(float(share * total) - 1, ("initial_lr", "max_lr"), (high, low))
    if not three:
        return [up, phase(total - 1, ("max_lr", "min_lr"), (low, high))]
    return [
        up,
        phase(float(2 * share * total) - 2, ("max_lr", "initial_lr"), (low, high)),
        phase(total - 1, ("initial_lr", "min_lr"), (high, high)),
    ]
