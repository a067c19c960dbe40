"""Schedules made of schedules."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from ..optimizer import Optimizer
from .plateau import ReduceLROnPlateau
from .scheduler import LRScheduler, copied, set_option


class _Combined(LRScheduler):
    """A schedule that leaves the work to others."""

    _schedulers: list[LRScheduler]

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser, the schedules by their states."""
        state = {k: v for k, v in self.__dict__.items() if k not in ("optimizer", "_schedulers")}
        state["_schedulers"] = [scheduler.state_dict() for scheduler in self._schedulers]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.__dict__.update({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for scheduler, state in zip(self._schedulers, state_dict["_schedulers"]):
            scheduler.load_state_dict(state)


def _checked(schedulers: Sequence[Any], optimizer: Optimizer, name: str) -> None:
    for i, scheduler in enumerate(schedulers):
        if not hasattr(scheduler, "optimizer"):
            raise TypeError(
                f"{name} at index {i} should have `optimizer` as its attribute: {scheduler} is no schedule"
            )
        if isinstance(scheduler, ReduceLROnPlateau):
            raise ValueError(
                f"{name} does not support `ReduceLROnPlateau` scheduler as it requires additional kwargs "
                f"to be specified when calling `step`, but got one at index {i} in the given schedulers "
                "sequence."
            )
        if scheduler.optimizer is not optimizer:
            raise ValueError(
                f"{name} expects all schedulers to belong to the same optimizer, but got scheduler "
                f"{type(scheduler).__name__} at index {i} with another one than expected"
            )


class SequentialLR(_Combined):
    """Schedules one after the other, each from its milestone on.

    Args:
        schedulers: In order.
        milestones: The epochs at which the second, third, ... one takes over.
        last_epoch: The epoch to go on from, as `last_epoch` says after so many steps; -1 to begin.

    Raises:
        ValueError: Their numbers do not fit, or they belong to different optimisers.

    Source: torch.optim.lr_scheduler.SequentialLR
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        if len(schedulers) < 1:
            raise ValueError(
                f"{type(self).__name__} expects at least one scheduler, but got no scheduler."
            )
        _checked(schedulers, optimizer, type(self).__name__)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                "Sequential Schedulers expects number of schedulers provided to be one more than the "
                f"number of milestone points, but got number of schedulers {len(schedulers)} and the "
                f"number of milestones to be equal to {len(milestones)}"
            )
        self._schedulers, self._milestones = schedulers, milestones
        self.last_epoch, self.optimizer = 0, optimizer
        for group in optimizer.param_groups:
            set_option(group, "lr", copied(group["initial_lr"]))
        for scheduler in schedulers:  # making them stepped each of them once: undo that
            _undo(scheduler)
        first = schedulers[bisect_right(milestones, 0)]
        first._first_step()
        self._last_lr = first.get_last_lr()
        self._go_on(last_epoch)

    def _go_on(self, epochs: int) -> None:
        """So many steps, of which the optimiser did its part before."""
        self.optimizer._opt_called = epochs > 0
        for _ in range(epochs):
            self.step()
        self.optimizer._opt_called = False

    def step(self) -> None:  # type: ignore[override]
        """Go on to the next epoch."""
        self.last_epoch += 1
        index = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[index]
        if index > 0 and self._milestones[index - 1] == self.last_epoch:
            scheduler._update(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


def _undo(scheduler: Any) -> None:
    for inner in getattr(scheduler, "_schedulers", ()):
        _undo(inner)
    if hasattr(scheduler, "last_epoch") and not isinstance(scheduler, ChainedScheduler):
        scheduler.last_epoch -= 1


class ChainedScheduler(_Combined):
    """Schedules that all step, each changing what the ones before it left.

    Raises:
        ValueError: There are none, or they belong to different optimisers.

    Source: torch.optim.lr_scheduler.ChainedScheduler
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if len(schedulers) < 1:
            raise ValueError(
                f"{type(self).__name__} expects at least one scheduler to be chained, but got no scheduler."
            )
        owner = optimizer or schedulers[0].optimizer
        _checked(schedulers, owner, type(self).__name__)
        self._schedulers, self.optimizer = list(schedulers), owner
        self._last_lr = self._current()

    def _first_step(self) -> None:
        for scheduler in self._schedulers:
            scheduler._first_step()

    def step(self) -> None:  # type: ignore[override]
        """Step all of them."""
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self._current()
