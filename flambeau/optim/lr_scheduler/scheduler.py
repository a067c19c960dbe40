"""What all schedules share."""

from __future__ import annotations

from copy import copy
from typing import Any

from ..._caller import warn
from ...core.tensor import Tensor
from ..optimizer import Optimizer

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler: its own count says the epoch."
)


class LRScheduler:
    """Base class: subclasses write `get_lr`, which gives every group's step size.

    Args:
        optimizer: Whose groups' "lr" is changed; each group keeps where it began as "initial_lr".
        last_epoch: The epoch that was done before, to go on from there; -1 to begin.

    Raises:
        TypeError: It is no Optimizer.
        KeyError: last_epoch is given, and a group does not know its "initial_lr".

    Source: torch.optim.lr_scheduler.LRScheduler
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.optimizer = optimizer
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", copied(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"param 'initial_lr' is not specified in param_groups[{i}] when resuming an "
                    "optimizer: load its state_dict first, or leave last_epoch out"
                )
        self.base_lrs = [copied(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._first_step()

    def _first_step(self) -> None:
        self.optimizer._opt_called = False
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """The step sizes set last."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """The next step sizes, for `step`."""
        raise NotImplementedError(f"{type(self).__name__} has no get_lr()")

    def _check_get_lr(self) -> None:
        if not self._get_lr_called_within_step:
            warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`: get_lr() is what step() calls.",
                UserWarning,
            )

    def step(self, epoch: Any = None) -> None:
        """Go on to the next epoch (or, deprecated, to `epoch`)."""
        self._check_order()
        self._step_count += 1
        if epoch is not None:
            warn(EPOCH_DEPRECATION_WARNING, UserWarning)
        self._update(epoch)

    def _check_order(self) -> None:
        """Warn of a schedule that steps before its optimiser did: the first step size is lost."""
        if self._step_count == 1 and not self.optimizer._opt_called:
            warn(
                "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the "
                "opposite order: `optimizer.step()` before `lr_scheduler.step()`. Failure to do this "
                "will result in skipping the first value of the learning rate schedule.",
                UserWarning,
            )

    def _update(self, epoch: Any = None) -> None:
        self._get_lr_called_within_step = True
        try:
            closed = getattr(self, "_get_closed_form_lr", None)
            self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
            values = self.get_lr() if epoch is None or closed is None else closed()
        finally:
            self._get_lr_called_within_step = False
        self._set(values)

    def _set(self, values: list[Any]) -> None:
        for group, value in zip(self.optimizer.param_groups, values):
            set_option(group, "lr", value)
        self._last_lr = self._current()

    def _current(self) -> list[Any]:
        """The groups' step sizes as they are."""
        return [copied(group["lr"]) for group in self.optimizer.param_groups]


def copied(value: Any) -> Any:
    """A number, or a copy of a tensor that will be written to."""
    return value.clone() if isinstance(value, Tensor) else copy(value)


def set_option(group: dict[str, Any], name: str, value: Any) -> None:
    """Set an option of a group; one that is a tensor is written to."""
    if isinstance(group[name], Tensor):
        group[name].fill_(value.item() if isinstance(value, Tensor) else value)
    else:
        group[name] = value


def one_for_each(optimizer: Optimizer, name: str, value: Any) -> list[Any]:
    """An option as a list with one entry a group.

    Raises:
        ValueError: A list of another length.
    """
    count = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"expected {count} values for {name}, got {len(value)}")
    return list(value)
