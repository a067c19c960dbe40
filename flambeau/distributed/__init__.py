"""Groups of processes, as far as a single one can be asked: there are none.

`is_available` says so, and programs that ask it take their way for one process. Where PyTorch was built without
distributed, the other names are absent; here those that programs mention are present, and raise what PyTorch
raises before a group is made.

Source: torch.distributed
"""

from __future__ import annotations

import enum
import os
from datetime import timedelta
from importlib import import_module
from typing import Any, NoReturn

from .rendezvous import NO_GROUPS, environment_number

_COLLECTIVES = (
    *("all_gather", "all_gather_coalesced", "all_gather_into_tensor", "all_gather_object"),
    *("all_reduce", "all_reduce_coalesced", "all_to_all", "all_to_all_single", "barrier"),
    *("batch_isend_irecv", "broadcast", "broadcast_object_list", "gather", "gather_object"),
    *("get_backend", "get_global_rank", "get_group_rank", "get_process_group_ranks"),
    *("get_rank", "get_world_size", "irecv", "isend", "monitored_barrier", "new_group"),
    *("new_subgroups", "new_subgroups_by_enumeration", "recv", "recv_object_list", "reduce"),
    *("reduce_scatter", "reduce_scatter_tensor", "scatter", "scatter_object_list", "send"),
    *("send_object_list", "split_group"),
)


def is_available() -> bool:
    """Can processes form groups? Not yet.

    Source: torch.distributed.is_available

    Example:
        >>> import flambeau as torch
        >>> torch.distributed.is_available() and torch.distributed.is_initialized()
        False
    """
    return False


def is_initialized() -> bool:
    """Does this process belong to a group? It cannot.

    Source: torch.distributed.is_initialized
    """
    return False


def _unavailable(name: str) -> Any:
    def is_backend_there() -> bool:
        return False

    is_backend_there.__name__ = is_backend_there.__qualname__ = f"is_{name}_available"
    is_backend_there.__doc__ = f"Is {name} there? No.\n\n    Source: torch.distributed"
    return is_backend_there


is_gloo_available = _unavailable("gloo")
is_mpi_available = _unavailable("mpi")
is_nccl_available = _unavailable("nccl")
is_ucc_available = _unavailable("ucc")
is_xccl_available = _unavailable("xccl")


def is_backend_available(backend: str) -> bool:
    """Is there a backend of this name? There is none.

    Source: torch.distributed.is_backend_available
    """
    return False


def is_torchelastic_launched() -> bool:
    """Was this process started by torchrun, which tells it so by its environment?

    Source: torch.distributed.is_torchelastic_launched
    """
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """The number that a launcher gave this process among those of its machine (LOCAL_RANK).

    Args:
        fallback_rank: What it is without a launcher.

    Raises:
        RuntimeError: There was no launcher, and no fallback.

    Source: torch.distributed.get_node_local_rank
    """
    found = environment_number("LOCAL_RANK")
    if found is None and fallback_rank is None:
        raise RuntimeError(
            "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to "
            "work, assuming you are not running in a multi-device context and want the code to run locally instead."
        )
    return int(fallback_rank if found is None else found)  # type: ignore[arg-type]


def init_process_group(*args: Any, **kwargs: Any) -> NoReturn:
    """Join a group.

    Raises:
        RuntimeError: Always; there are none.

    Source: torch.distributed.init_process_group
    """
    raise RuntimeError(NO_GROUPS)


def destroy_process_group(group: Any = None) -> NoReturn:
    """Leave a group.

    Raises:
        AssertionError: Always; this process is in none.

    Source: torch.distributed.destroy_process_group
    """
    raise AssertionError("Process group cannot be None: this process is in no group")


def _of_a_group(name: str) -> Any:
    def collective(*args: Any, **kwargs: Any) -> NoReturn:
        raise ValueError(
            "Default process group has not been initialized, please make sure to call init_process_group. "
            f"({NO_GROUPS})"
        )

    collective.__name__ = collective.__qualname__ = name
    collective.__doc__ = (
        f"Something that the processes of a group do together, or ask of it.\n\n    Raises:\n        ValueError: "
        f"Always; this process is in none.\n\n    Source: torch.distributed.{name}"
    )
    return collective


for _name in _COLLECTIVES:
    globals()[_name] = _of_a_group(_name)


class ReduceOp(enum.Enum):
    """How a reduction joins the values of processes.

    Source: torch.distributed.ReduceOp
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

    @property
    def RedOpType(self) -> type[ReduceOp]:
        """The class of these values."""
        return ReduceOp


class Backend(str):
    """The name of what carries messages, in small letters; none of them is there.

    Source: torch.distributed.Backend
    """

    UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL = "undefined", "gloo", "nccl", "ucc", "mpi", "xccl"
    backend_list = ("undefined", "gloo", "nccl", "xccl", "ucc", "mpi")

    def __new__(cls, name: str) -> Backend:
        if not isinstance(name, str):
            raise ValueError("Backend constructor parameter must be string-ish")
        return str.__new__(cls, name.lower())


class DistError(RuntimeError):
    """What goes wrong among processes."""


class DistBackendError(DistError):
    """A backend has failed."""


class DistNetworkError(DistError):
    """The network has failed."""


class DistStoreError(DistError):
    """The store by which processes find each other has failed."""


class _OfGroups:
    """Base of what only groups of processes have: there is none, so nothing can be made."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError(f"{type(self).__name__}: {NO_GROUPS}")


class P2POp(_OfGroups):
    """A message that `batch_isend_irecv` sends or waits for."""


class ProcessGroup(_OfGroups):
    """A group of processes."""


class Work(_OfGroups):
    """A collective operation that is under way."""


class Store(_OfGroups):
    """What processes find each other by."""


class TCPStore(Store):
    """A store at an address."""


class FileStore(Store):
    """A store in a file."""


class HashStore(Store):
    """A store within a process."""


class PrefixStore(Store):
    """Part of a store."""


class GroupMember:
    """The group that calls mean which name none, and what a process outside of a group is given.

    Attributes:
        WORLD: None: there is no group.
    """

    WORLD: ProcessGroup | None = None
    NON_GROUP_MEMBER = -100


group = GroupMember
default_pg_timeout = timedelta(minutes=30)


def __getattr__(name: str) -> Any:
    if name in ("device_mesh", "rpc", "tensor"):
        return import_module(f"{__name__}.{name}")
    if name in ("DeviceMesh", "init_device_mesh"):
        return getattr(import_module(f"{__name__}.device_mesh"), name)
    raise AttributeError(f"module 'torch.distributed' has no attribute '{name}'")
