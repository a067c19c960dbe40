"""Groups of processes, and what their members do together: torch.distributed's interface, on MPI.

One process needs nothing; several need ``flambeau[mpi]``. `python -m flambeau.distributed.run` starts them.

    process_group, membership    who is in a group; joining and leaving
    collective, message, objects what members do together
    agreement, lifeline          that they do the same; that one has failed
    store, rendezvous            how they find each other
    bootstrap, transport         how they become one MPI world; what carries arrays

Source: torch.distributed
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from .collective import (
    all_gather,
    all_gather_coalesced,
    all_gather_into_tensor,
    all_gather_single,
    all_reduce,
    all_reduce_coalesced,
    all_to_all,
    all_to_all_single,
    barrier,
    broadcast,
    gather,
    reduce,
    reduce_scatter,
    reduce_scatter_single,
    reduce_scatter_tensor,
    scatter,
)
from .kinds import (
    Backend,
    DebugLevel,
    DistBackendError,
    DistError,
    DistNetworkError,
    DistStoreError,
    QueueEmptyError,
    ReduceOp,
    _make_nccl_premul_sum,
    default_pg_timeout,
    get_debug_level,
    set_debug_level,
    set_debug_level_from_env,
)
from .membership import (
    destroy_process_group,
    init_process_group,
    is_nccl_available,
    monitored_barrier,
    new_group,
    new_subgroups,
    new_subgroups_by_enumeration,
    split_group,
)
from .message import P2POp, batch_isend_irecv, irecv, isend, recv, send
from .objects import (
    all_gather_object,
    broadcast_object_list,
    gather_object,
    recv_object_list,
    scatter_object_list,
    send_object_list,
)
from .process_group import (
    GroupMember,
    ProcessGroup,
    get_backend,
    get_global_rank,
    get_group_rank,
    get_pg_count,
    get_process_group_ranks,
    get_rank,
    get_world_size,
    is_initialized,
)
from .rendezvous import environment_number, register_rendezvous_handler, rendezvous
from .store import FileStore, HashStore, PrefixStore, Store, TCPStore
from .work import Work

group = GroupMember
reduce_op = ReduceOp


def is_available() -> bool:
    """Can processes form groups? Yes; several of them need MPI (`is_mpi_available`).

    Source: torch.distributed.is_available

    Example:
        >>> import flambeau as torch
        >>> torch.distributed.is_available() and torch.distributed.is_initialized()
        False
    """
    return True


def is_mpi_available() -> bool:
    """Is MPI there?

    Source: torch.distributed.is_mpi_available
    """
    from .bootstrap.world import is_installed

    return is_installed()


def is_gloo_available() -> bool:
    """Is what programs mean by "gloo" there? It is served by MPI.

    Source: torch.distributed.is_gloo_available
    """
    return is_mpi_available()


def is_ucc_available() -> bool:
    """Is UCC there? No.

    Source: torch.distributed.is_ucc_available
    """
    return False


def is_xccl_available() -> bool:
    """Is XCCL there? No.

    Source: torch.distributed.is_xccl_available
    """
    return False


def is_backend_available(backend: str) -> bool:
    """Is there a backend of this name?

    Source: torch.distributed.is_backend_available
    """
    name = backend.lower()
    return is_nccl_available() if name == "nccl" else name in ("mpi", "gloo") and is_mpi_available()


def supports_complex(reduceOp: Any) -> bool:
    """Can complex numbers be joined so?

    Source: torch.distributed.supports_complex
    """
    op = reduceOp.op if isinstance(reduceOp, ReduceOp) else reduceOp
    return op in (ReduceOp.SUM, ReduceOp.AVG, ReduceOp.PREMUL_SUM)


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


def __getattr__(name: str) -> Any:
    if name in (
        "_composable",
        "_functional_collectives",
        "_tensor",
        "algorithms",
        "checkpoint",
        "constants",
        "device_mesh",
        "distributed_c10d",
        "elastic",
        "fsdp",
        "launch",
        "nn",
        "optim",
        "pipelining",
        "rpc",
        "run",
        "tensor",
    ):
        return import_module(f"{__name__}.{name}")
    if name in ("DeviceMesh", "init_device_mesh"):
        return getattr(import_module(f"{__name__}.device_mesh"), name)
    if name in ("GradBucket", "Reducer"):
        return getattr(import_module(f"{__name__}.reducer"), name)
    raise AttributeError(f"module 'torch.distributed' has no attribute '{name}'")
