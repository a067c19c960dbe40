"""Python's `multiprocessing`, with tensors that processes share: what is sent is the memory, not a copy.

A tensor that goes through a queue or a pipe, or to a process as an argument, moves into shared memory first
(`Tensor.share_memory_`); both sides then see what either writes. Who sends it has to live until it was received.

Source: torch.multiprocessing
"""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing import *  # noqa: F403

from ..core import segment as _segment
from .reductions import init_reductions
from .spawn import (
    ENV_VAR_PARALLEL_START,
    ProcessContext,
    ProcessException,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

_STRATEGIES = {"file_descriptor", "file_system"} if os.path.isdir(_segment.FOLDER) else {"file_descriptor"}  # fmt: skip


def set_sharing_strategy(new_strategy: str) -> None:
    """How memory that is shared from now on goes to other processes.

    Args:
        new_strategy: "file_descriptor": as an open file, of which a process may have about a thousand; nothing
            is left behind, however a process ends. "file_system": by a name in /dev/shm; a process that is killed
            leaves its names there.

    Raises:
        AssertionError: There is no such way.

    Source: torch.multiprocessing.set_sharing_strategy
    """
    if new_strategy not in _STRATEGIES:
        raise AssertionError(
            f"invalid sharing strategy {new_strategy!r}, expected one of {_STRATEGIES}"
        )
    _segment.setting.by_name = new_strategy == "file_system"


def get_sharing_strategy() -> str:
    """How memory goes to other processes.

    Source: torch.multiprocessing.get_sharing_strategy

    Example:
        >>> import flambeau as torch
        >>> torch.multiprocessing.get_sharing_strategy()
        'file_descriptor'
    """
    return "file_system" if _segment.setting.by_name else "file_descriptor"


def get_all_sharing_strategies() -> set[str]:
    """The ways that there are.

    Source: torch.multiprocessing.get_all_sharing_strategies
    """
    return set(_STRATEGIES)


init_reductions()

__all__ = [
    "ENV_VAR_PARALLEL_START",
    "ProcessContext",
    "ProcessException",
    "ProcessExitedException",
    "ProcessRaisedException",
    "SpawnContext",
    "get_all_sharing_strategies",
    "get_sharing_strategy",
    "init_reductions",
    "set_sharing_strategy",
    "spawn",
    "start_processes",
]
__all__ += multiprocessing.__all__  # type: ignore[attr-defined]
