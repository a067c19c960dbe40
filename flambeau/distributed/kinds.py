"""What groups of processes are described by: how values are joined, what carries them, and what goes wrong.

Source: torch.distributed
"""

from __future__ import annotations

import enum
import os
from datetime import timedelta
from typing import Any

default_pg_timeout = timedelta(minutes=5)
"""How long a group waits for its slowest process, unless told otherwise. (PyTorch's is 30 minutes.)"""


class RedOpType(enum.Enum):
    """How a reduction joins the values of processes.

    Source: torch.distributed.ReduceOp.RedOpType
    """

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8


class ReduceOp:
    """How a reduction joins the values of processes: ``ReduceOp.SUM``, ``AVG``, ``PRODUCT``, ``MIN``, ``MAX``, ``BAND``,
    ``BOR``, ``BXOR``; and `PREMUL_SUM`, the sum of values multiplied by a factor (see `_make_nccl_premul_sum`).

    Args:
        op: One of these.
        factor: Of PREMUL_SUM, a number or a tensor of one element.

    Source: torch.distributed.ReduceOp

    Example:
        >>> from flambeau import distributed as dist
        >>> dist.ReduceOp.SUM
        <RedOpType.SUM: 0>
        >>> dist.ReduceOp(dist.ReduceOp.MAX) == dist.ReduceOp.MAX
        True
    """

    RedOpType: Any = RedOpType
    SUM = RedOpType.SUM
    AVG = RedOpType.AVG
    PRODUCT = RedOpType.PRODUCT
    MIN = RedOpType.MIN
    MAX = RedOpType.MAX
    BAND = RedOpType.BAND
    BOR = RedOpType.BOR
    BXOR = RedOpType.BXOR
    PREMUL_SUM = RedOpType.PREMUL_SUM

    def __init__(self, op: Any = RedOpType.SUM, factor: Any = None) -> None:
        if not isinstance(op, RedOpType):
            raise TypeError(f"ReduceOp takes one of ReduceOp's members, not {op!r}")
        self.op, self.factor = op, factor

    def __eq__(self, other: object) -> bool:
        if isinstance(other, RedOpType):
            return self.op is other
        return isinstance(other, ReduceOp) and (self.op, self.factor) == (other.op, other.factor)

    def __hash__(self) -> int:
        return hash(self.op)

    def __repr__(self) -> str:
        return f"ReduceOp({self.op!r})"


def _make_nccl_premul_sum(factor: Any) -> ReduceOp:
    """The sum of values that are multiplied by `factor` first.

    Source: torch.distributed._make_nccl_premul_sum
    """
    return ReduceOp(RedOpType.PREMUL_SUM, factor)


class Backend(str):
    """The name of what carries messages, in small letters. "mpi" does; "gloo" is another name for it, for programs that
    ask for that; "nccl" is for GPUs.

    Raises:
        ValueError: No string was given.

    Source: torch.distributed.Backend
    """

    UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL, FAKE = (
        *("undefined", "gloo", "nccl", "ucc", "mpi", "xccl", "fake"),
    )
    backend_list = ["undefined", "gloo", "nccl", "xccl", "ucc", "mpi", "fake"]
    default_device_backend_map = {"cpu": GLOO, "cuda": NCCL}

    def __new__(cls, name: str) -> Backend:
        if not isinstance(name, str):
            raise ValueError(f"Backend constructor parameter must be string-ish, got {name!r}")
        return str.__new__(cls, name.lower())


class DistError(RuntimeError):
    """What goes wrong among processes."""


class DistBackendError(DistError):
    """What carries messages has failed, or somebody did not come in time."""


class DistTimeoutError(DistBackendError):
    """Somebody did not come in time."""


class DistNetworkError(DistError):
    """Another process cannot be reached."""


class DistStoreError(DistError):
    """The store by which processes find each other has failed."""


class QueueEmptyError(DistStoreError):
    """A queue of the store has nothing for somebody who does not wait."""


class DebugLevel(enum.Enum):
    """How much is checked and told: TORCH_DISTRIBUTED_DEBUG.

    Source: torch.distributed.DebugLevel
    """

    OFF = 0
    INFO = 1
    DETAIL = 2


_level: DebugLevel | None = None


def get_debug_level() -> DebugLevel:
    """How much is checked: with DETAIL, that all processes of a group call the same with operands of one shape and dtype.

    Source: torch.distributed.get_debug_level
    """
    if _level is None:
        set_debug_level_from_env()
    assert _level is not None
    return _level


def set_debug_level(level: DebugLevel) -> None:
    """Choose how much is checked.

    Source: torch.distributed.set_debug_level
    """
    global _level
    _level = level


def set_debug_level_from_env() -> None:
    """Take it from TORCH_DISTRIBUTED_DEBUG: OFF, INFO or DETAIL.

    Raises:
        RuntimeError: The variable says something else.

    Source: torch.distributed.set_debug_level_from_env
    """
    name = os.environ.get("TORCH_DISTRIBUTED_DEBUG", "OFF").upper()
    if name not in DebugLevel.__members__:
        raise RuntimeError(
            f"The value of TORCH_DISTRIBUTED_DEBUG must be OFF, INFO, or DETAIL, but it is {name!r}"
        )
    set_debug_level(DebugLevel[name])
