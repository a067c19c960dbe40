"""When a profiler records: actions of steps, and what becomes of a finished trace."""

from __future__ import annotations

import enum
import os
import socket
import time
from collections.abc import Callable
from typing import Any


class ProfilerAction(enum.Enum):
    """What a profiler does in a step.

    Source: torch.profiler.ProfilerAction
    """

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


class ProfilerActivity(enum.Enum):
    """What a profiler looks at.

    Source: torch.profiler.ProfilerActivity
    """

    CPU = 0
    XPU = 1
    CUDA = 2
    HPU = 3
    MTIA = 4
    PrivateUse1 = 5


def supported_activities() -> set[ProfilerActivity]:
    """What a profiler can look at here.

    Source: torch.profiler.supported_activities
    """
    return {ProfilerActivity.CPU}


def schedule(
    *,
    wait: int,
    warmup: int,
    active: int,
    repeat: int = 0,
    skip_first: int = 0,
    skip_first_wait: int = 0,
) -> Callable[[int], ProfilerAction]:
    """A schedule of steps for `profile`: cycles of waiting, warming up and recording.

    Args:
        wait: Steps of a cycle in which nothing happens.
        warmup: Steps in which events are recorded and thrown away.
        active: Steps that are recorded.
        repeat: How many cycles; 0 for no end.
        skip_first: Steps before the first cycle.
        skip_first_wait: If not 0, the first cycle does not wait.

    Raises:
        AssertionError: A number is negative, or there is no active step.

    Source: torch.profiler.schedule

    Example:
        >>> from flambeau.profiler import schedule
        >>> plan = schedule(wait=1, warmup=1, active=1)
        >>> [plan(step).name for step in range(4)]
        ['NONE', 'WARMUP', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active < 1:
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got wait={wait} (need >= 0), warmup={warmup} (need >= 0), "
            f"active={active} (need > 0), repeat={repeat} (need >= 0), skip_first={skip_first} (need >= 0)."
        )

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
        step -= skip_first
        if step < 0:
            return ProfilerAction.NONE
        if skip_first_wait:
            step += wait
        cycle = wait + warmup + active
        number, place = divmod(step, cycle)
        if (repeat and number >= repeat) or place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == cycle - 1 else ProfilerAction.RECORD

    return action


def always(step: int) -> ProfilerAction:
    """The schedule of a profiler that was given none."""
    return ProfilerAction.RECORD


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[Any], None]:
    """A function for ``on_trace_ready`` that writes each trace into a folder.

    Args:
        dir_name: The folder, made if it is not there.
        worker_name: The first part of the files' names; the host and the process if None.
        use_gzip: Compress them?

    Raises:
        RuntimeError: The folder cannot be made.

    Source: torch.profiler.tensorboard_trace_handler
    """

    def handler_fn(prof: Any) -> None:
        try:
            os.makedirs(dir_name, exist_ok=True)
        except OSError as error:
            raise RuntimeError(f"Can't create directory: {dir_name} ({error.strerror})") from error
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        ending = ".gz" if use_gzip else ""
        name = f"{worker}.{time.time_ns()}.pt.trace.json{ending}"
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handler_fn
