"""Schedules given by functions of the epoch."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from ..optimizer import Optimizer
from .scheduler import LRScheduler


class _Functions(LRScheduler):
    """A schedule with a function for each group."""

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        groups = len(optimizer.param_groups)
        if not isinstance(lr_lambda, (list, tuple)):
            self.lr_lambdas = [lr_lambda] * groups
        elif len(lr_lambda) != groups:
            raise ValueError(f"Expected {groups} lr_lambdas, but got {len(lr_lambda)}")
        else:
            self.lr_lambdas = list(lr_lambda)
        for function in self.lr_lambdas:
            if isinstance(self, MultiplicativeLR) and not callable(function):
                raise TypeError(f"lr_lambda should be a function, but got {type(function)}")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the optimiser and plain functions; of callable objects, their attributes."""
        state = super().state_dict()
        state["lr_lambdas"] = [
            None if isinstance(f, types.FunctionType) else f.__dict__.copy()
            for f in self.lr_lambdas
        ]
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` gave; functions stay this schedule's."""
        kept = {key: value for key, value in state_dict.items() if key != "lr_lambdas"}
        self.__dict__.update(kept)
        for function, attributes in zip(self.lr_lambdas, state_dict["lr_lambdas"]):
            if attributes is not None:
                function.__dict__.update(attributes)


class LambdaLR(_Functions):
    """The first step size times a function of the epoch.

    Args:
        lr_lambda: The function, or a list with one for each group.

    Source: torch.optim.lr_scheduler.LambdaLR
    """

    def get_lr(self) -> list[Any]:
        self._check_get_lr()
        return [base * f(self.last_epoch) for f, base in zip(self.lr_lambdas, self.base_lrs)]


class MultiplicativeLR(_Functions):
    """Times a function of the epoch, every epoch.

    Args:
        lr_lambda: The function, or a list with one for each group.

    Source: torch.optim.lr_scheduler.MultiplicativeLR
    """

    def get_lr(self) -> list[Any]:
        self._check_get_lr()
        groups = self.optimizer.param_groups
        if self._is_initial or self.last_epoch <= 0:
            return [group["lr"] for group in groups]
        return [group["lr"] * f(self.last_epoch) for f, group in zip(self.lr_lambdas, groups)]
