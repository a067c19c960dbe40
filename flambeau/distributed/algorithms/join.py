"""Processes that have different numbers of batches: those that have ended take part in the collectives of the others.

Source: torch.distributed.algorithms.join
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Any

import numpy as np

from ..._caller import warn
from ..collective import start
from ..kinds import ReduceOp
from ..process_group import ProcessGroup
from ..work import Work


class JoinHook:
    """What a process that has ended does while others still work.

    Source: torch.distributed.algorithms.JoinHook
    """

    def main_hook(self) -> None:
        """Take part in one step of the others."""

    def post_hook(self, is_last_joiner: bool) -> None:
        """When all have ended."""


class _Config:
    """What an object knows of the context that it is in."""

    def __init__(self, enable: bool, throws: bool, is_first: bool, size: int) -> None:
        self.enable, self.throws, self.is_first = enable, throws, is_first
        self.active, self.first = size, 0


class Joinable(ABC):
    """An object whose collectives can be shadowed, such as DistributedDataParallel.

    Source: torch.distributed.algorithms.Joinable
    """

    @abstractmethod
    def __init__(self) -> None:
        self._join_config = _Config(False, False, False, 1)

    @abstractmethod
    def join_hook(self, **kwargs: Any) -> JoinHook:
        """What a process that has ended does."""

    @property
    @abstractmethod
    def join_device(self) -> Any:
        """Where its tensors are."""

    @property
    @abstractmethod
    def join_process_group(self) -> ProcessGroup:
        """Whose processes take part."""


class Join:
    """A context in which processes may end at different times.

    Args:
        joinables: What has collectives, in the order in which these come in a step.
        enable: False for nothing of it.
        throw_on_early_termination: Raise in all processes as soon as one has ended.
        kwargs: For the hooks of `joinables`.

    Raises:
        ValueError: There are none, or they have different groups.
        RuntimeError: On early termination, where asked for.

    Source: torch.distributed.algorithms.Join
    """

    def __init__(
        self,
        joinables: list[Any],
        enable: bool = True,
        throw_on_early_termination: bool = False,
        **kwargs: Any,
    ) -> None:
        if not joinables:
            raise ValueError("Join: there is no joinable")
        self._joinables, self._enable, self._throws = joinables, enable, throw_on_early_termination
        self._hooks = [x.join_hook(**kwargs) for x in joinables]
        groups = {id(x.join_process_group): x.join_process_group for x in joinables}
        if len(groups) > 1:
            raise ValueError("all joinables of a context belong to one process group")
        (self._group,) = groups.values()

    def __enter__(self) -> Join:
        for i, x in enumerate(self._joinables):
            x._join_config = _Config(self._enable, self._throws, i == 0, self._group.size())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._enable or kind is not None:
            self._leave()
            return
        rounds, last = 0, True
        try:
            while True:
                active, _ = _counted(self._joinables[0], False)
                if not active:
                    break
                last = False
                if self._throws:
                    raise RuntimeError(TERMINATED)
                rounds += 1
                if rounds == WARN_AFTER:
                    warn(
                        f"this process has ended {WARN_AFTER} steps before others: they have much more data than it"
                    )
                for hook in self._hooks:
                    hook.main_hook()
            for hook in self._hooks:
                hook.post_hook(last)
        finally:
            self._leave()

    def _leave(self) -> None:
        for x in self._joinables:
            x._join_config = _Config(False, False, False, 1)

    @staticmethod
    def notify_join_context(joinable: Any) -> Work | None:
        """Say at the beginning of a step that this process still works; None where no context is open, or another
        object has said it.

        Raises:
            RuntimeError: A process has ended, where that is to be raised.

        Source: torch.distributed.algorithms.Join.notify_join_context
        """
        config = joinable._join_config
        if not (config.enable and config.is_first):
            return None
        active, _ = _counted(joinable, True)
        if config.throws and active < joinable.join_process_group.size():
            raise RuntimeError(TERMINATED)
        done = Work([])
        done._finish()
        return done


WARN_AFTER = 1000
TERMINATED = "a process has come to the end of its inputs, and all were to stop then"


def _counted(joinable: Any, works: bool) -> tuple[int, int]:
    """How many processes still work, and the first of them."""
    group = joinable.join_process_group
    flags = np.zeros(group.size(), np.int32)
    flags[group.rank()] = works
    start(group, "join", False, (), [], lambda transport: transport.reduce(flags, ReduceOp(), None))
    config = joinable._join_config
    config.active = int(flags.sum())
    config.first = int(flags.argmax())
    return config.active, config.first
