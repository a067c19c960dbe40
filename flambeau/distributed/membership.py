"""Joining and leaving groups.

Source: torch.distributed.distributed_c10d
"""

from __future__ import annotations

import atexit
import itertools
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from . import lifeline
from .agreement import LEAVING, agree
from .bootstrap import world as mpi_world
from .kinds import Backend, default_pg_timeout
from .process_group import GroupMember, ProcessGroup, chosen, groups, world
from .rendezvous import rendezvous, told_local_ranks
from .store import PrefixStore, Store
from .transport.alone import Alone

SERVED = ("mpi", "gloo", "nccl", "undefined")
"""Names of backends. MPI serves them; with "nccl", tensors on GPUs go by NCCL."""
_numbers = itertools.count()


def is_nccl_available() -> bool:
    """Is there a GPU, and NCCL for it?

    Source: torch.distributed.is_nccl_available
    """
    from ..kernels.cuda import driver

    if driver.why_not():
        return False
    from ..cuda.nccl import version

    return version() is not None


def backend_of(name: Any) -> Backend:
    """A backend by what a program passes: a name, or names of devices with theirs.

    Raises:
        ValueError: There is no such backend.
    """
    if name is None:
        return Backend("undefined")
    text = Backend(name)
    parts = dict(p.split(":", 1) for p in text.split(",")) if ":" in text else {"": text}
    for part in parts.values():
        if part == "nccl" and not is_nccl_available():
            raise ValueError(
                'backend "nccl" needs a GPU and a CuPy that finds NCCL: pass "gloo" or "mpi", which take tensors of every '
                "device by way of the host"
            )
        if part not in SERVED:
            raise ValueError(f'Unknown backend type {part}: "mpi", "gloo" (served by MPI) or None')
    return text


def init_process_group(
    backend: str | None = None,
    init_method: str | None = None,
    timeout: timedelta | None = None,
    world_size: int = -1,
    rank: int = -1,
    store: Store | None = None,
    group_name: str = "",
    pg_options: Any = None,
    device_id: Any = None,
) -> None:
    """Join the group of all processes of the run. One process needs nobody; more need MPI: ``flambeau[mpi]``.

    Args:
        backend: "mpi"; "gloo" is the same; None chooses.
        init_method: How they find each other: "env://" (as launchers say it in the environment), "tcp://host:port",
            "file:///path".
        timeout: How long to wait for the others, at first and in every collective (5 minutes).
        world_size, rank: How many there are, and which this is, where the environment does not say.
        store: Instead of `init_method`.
        group_name, pg_options, device_id: Not used.

    Raises:
        ValueError: There is a group already, or something is not said.
        RuntimeError: MPI is not installed.

    Source: torch.distributed.init_process_group

    Example:
        >>> from flambeau import distributed as dist
        >>> dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
        >>> dist.get_rank(), dist.get_world_size()
        (0, 1)
        >>> dist.destroy_process_group()
    """
    if GroupMember.WORLD is not None:
        raise ValueError("trying to initialize the default process group twice!")
    named, limit = backend_of(backend), default_pg_timeout if timeout is None else timeout
    if not isinstance(limit, timedelta):
        raise TypeError(
            f"Expected timeout argument to be of type datetime.timedelta, got {timeout}"
        )
    if store is not None:
        if init_method is not None:
            raise AssertionError("Cannot specify both init_method and store.")
        if rank < 0 or world_size < 1:
            raise AssertionError("world_size must be positive and rank non-negative if using store")
    else:
        store, rank, world_size = next(
            iter(rendezvous(init_method or "env://", rank, world_size, timeout=limit))
        )
        store.set_timeout(limit)
    if not 0 <= rank < world_size:
        raise ValueError(f"rank {rank} is none of a world of {world_size}")
    number = next(_numbers)
    _join(PrefixStore(f"world {number}", store), rank, world_size, named, limit)


def _join(store: Store, rank: int, size: int, backend: Backend, timeout: timedelta) -> None:
    transport: Any = Alone()
    if size > 1:
        from .transport.mpi import Mpi

        if not mpi_world.is_installed():
            raise RuntimeError(mpi_world.MISSING)
        host = _host(store)
        line = lifeline.Lifeline(rank, size, store, host, "lifeline")
        transport = Mpi(mpi_world.joined(rank, size, store, host), line)
        lifeline.begin(line)
    GroupMember.WORLD = ProcessGroup(
        transport,
        range(size),
        "default",
        backend,
        PrefixStore("default", store),
        timeout,
        "default_pg",
    )
    groups["default"] = GroupMember.WORLD
    if size > 1:
        from ..nn.batch_norm import SyncBatchNorm
        from .sync_batch_norm import normalised

        SyncBatchNorm._together = staticmethod(normalised)
        _share_cores(GroupMember.WORLD)
        atexit.unregister(_finish)
        atexit.register(_finish)


def _host(store: Any) -> str:
    """Where rank 0 can be reached: where its store is, else on this machine."""
    while isinstance(store, PrefixStore):
        store = store.underlying_store
    return getattr(store, "host", "localhost")


def _share_cores(group: ProcessGroup) -> None:
    """Give this process its part of the machine's cores, unless somebody has said how many threads to use."""
    from ..kernels import get_num_threads, set_num_threads

    local = told_local_ranks()
    here = local[1] if local is not None else group._transport.neighbours()
    if "OMP_NUM_THREADS" not in os.environ and here > 1:
        set_num_threads(max(1, min(get_num_threads(), (os.cpu_count() or 1) // here)))


def _finish() -> None:
    """At the end of a process that has lived well: wait for the others, and let MPI finish."""
    line = lifeline.current
    if lifeline.has_failed or (line is not None and line.failure):
        return
    if GroupMember.WORLD is not None:
        destroy_process_group()
    mpi_world.finish()


def new_group(
    ranks: Sequence[int] | None = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    use_local_synchronization: bool = False,
    group_desc: str | None = None,
    device_id: Any = None,
    sort_ranks: bool = True,
) -> Any:
    """Make a group of some processes. All of the run call this, in the same order, also those that are not in it.

    Args:
        ranks: The members; None for all.
        timeout: How long its members wait for each other; None as the whole run does.
        backend: As of `init_process_group`; None as the whole run's.
        use_local_synchronization: Only the members call it.
        group_desc: What to call it.
        sort_ranks: Number the members by rank, not in the order given.

    Returns:
        The group; for others `GroupMember.NON_GROUP_MEMBER`.

    Raises:
        ValueError: There are more ranks than processes, one of them twice, or one that is none.

    Source: torch.distributed.new_group
    """
    whole = world()
    size = whole.size()
    members = list(range(size)) if ranks is None else [int(r) for r in ranks]
    if sort_ranks:
        members.sort()
    if len(members) > size:
        raise ValueError("the new group is larger than the run that init_process_group has joined")
    if len(set(members)) < len(members):
        raise ValueError(f"a group has every rank once: {members}")
    if any(not 0 <= r < size for r in members):
        raise ValueError("a rank of the new group is none of the run")
    named = whole._backend if backend is None else backend_of(backend)
    limit = whole._timeout if timeout is None else timeout
    name = f"group {next(_numbers)}" if not use_local_synchronization else f"members {members}"
    if use_local_synchronization and whole.rank() not in members:
        return GroupMember.NON_GROUP_MEMBER
    if not use_local_synchronization:
        agree(whole, "new_group", (tuple(members),))
    transport = whole._transport.split(members, not use_local_synchronization)
    if transport is None:
        return GroupMember.NON_GROUP_MEMBER
    made = ProcessGroup(
        transport,
        members,
        name,
        named,
        PrefixStore(name, whole._store),
        limit,
        group_desc or "undefined",
    )
    groups[name] = made
    return made


def new_subgroups(
    group_size: int | None = None,
    group: Any = None,
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple[Any, list[Any]]:
    """Cut a group into groups of equal size: this process' own, and all of them.

    Raises:
        ValueError: The size does not divide the group's.

    Source: torch.distributed.new_subgroups
    """
    ranks = list((group or world()).ranks)
    if group_size is None:
        local = told_local_ranks()
        group_size = local[1] if local is not None else len(ranks)
    if group_size <= 0:
        raise ValueError(f"group_size={group_size}: a group has one member at least")
    if len(ranks) < group_size:
        raise ValueError(f"group_size={group_size}: there are {len(ranks)} processes")
    if len(ranks) % group_size:
        raise ValueError(f"group_size={group_size} does not divide {len(ranks)} processes evenly")
    parts = [ranks[i : i + group_size] for i in range(0, len(ranks), group_size)]
    return new_subgroups_by_enumeration(parts, timeout, backend, pg_options, group_desc)


def new_subgroups_by_enumeration(
    ranks_per_subgroup_list: Sequence[Sequence[int]],
    timeout: timedelta | None = None,
    backend: str | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
) -> tuple[Any, list[Any]]:
    """Make groups of the given ranks: this process' own, and all of them.

    Raises:
        ValueError: A rank is in two of them, or there are none.

    Source: torch.distributed.new_subgroups_by_enumeration
    """
    if not ranks_per_subgroup_list:
        raise ValueError("ranks_per_subgroup_list names no group")
    every = [rank for ranks in ranks_per_subgroup_list for rank in ranks]
    if len(set(every)) < len(every):
        raise ValueError("a rank is in two subgroups")
    made = [
        new_group(r, timeout, backend, pg_options, group_desc=group_desc)
        for r in ranks_per_subgroup_list
    ]
    mine = [g for g in made if isinstance(g, ProcessGroup)]
    return (mine[0] if mine else None), made


def split_group(
    parent_pg: Any = None,
    split_ranks: Sequence[Sequence[int]] | None = None,
    timeout: timedelta | None = None,
    pg_options: Any = None,
    group_desc: str | None = None,
    backend: str | None = None,
) -> Any:
    """Cut a group into the given parts (ranks of that group): this process' own; None if it is in none.

    Source: torch.distributed.split_group
    """
    parent = parent_pg or world()
    if not split_ranks:
        raise ValueError("split_ranks names no part")
    parts = [[parent.ranks[i] for i in part] for part in split_ranks]
    return new_subgroups_by_enumeration(parts, timeout, backend, pg_options, group_desc)[0]


def destroy_process_group(group: Any = None) -> None:
    """Leave a group; without one, all groups, after a last wait for the others.

    Raises:
        AssertionError: This process is in no group.

    Source: torch.distributed.destroy_process_group
    """
    if group is GroupMember.NON_GROUP_MEMBER:
        return
    found: ProcessGroup | None = GroupMember.WORLD if group is None else group
    if found is None:
        raise AssertionError("Process group cannot be None")
    if found is not GroupMember.WORLD:
        found._order.close()
        groups.pop(found.group_name, None)
        return
    for one in list(groups.values()):
        one._order.close()
    whole = found
    groups.clear()
    GroupMember.WORLD = None
    if whole.size() > 1:
        _part(whole)


def _part(group: ProcessGroup) -> None:
    """Let everybody come to the end before MPI and the lifeline are let go: who is early would be missed."""
    line = lifeline.current
    try:
        if line is not None and not line.failure:
            agree(group, LEAVING, ())
    finally:
        lifeline.end()


def monitored_barrier(
    group: Any = None, timeout: timedelta | None = None, wait_all_ranks: bool = False
) -> None:
    """A barrier that names those who do not come.

    Args:
        timeout: How long to wait; None for as long as the group waits.
        wait_all_ranks: Name all of them, not the first alone.

    Raises:
        RuntimeError: Somebody did not come in time.

    Source: torch.distributed.monitored_barrier
    """
    found = chosen(group, "monitored_barrier")
    if found is None or found.size() == 1:
        return
    limit = found.seconds if timeout is None else timeout.total_seconds()
    found._count += 1
    key = f"monitored barrier {found._count}"
    store = found._store
    store.set(f"{key}/{found.rank()}", b"")
    missing = _missing_after(store, key, found.size(), limit)
    if missing:
        shown = missing if wait_all_ranks else missing[:1]
        names = ", ".join(str(found.ranks[i]) for i in shown)
        raise RuntimeError(
            f"[Rank {found.rank()}]: Ranks {names} failed to pass monitoredBarrier in {limit * 1000:.0f} ms"
        )


def _missing_after(store: Store, key: str, size: int, limit: float) -> list[int]:
    from .kinds import DistStoreError

    try:
        store.wait([f"{key}/{i}" for i in range(size)], timedelta(seconds=limit))
    except DistStoreError:
        return [i for i in range(size) if not store.check([f"{key}/{i}"])]
    return []


__all__ = [
    "destroy_process_group",
    "init_process_group",
    "monitored_barrier",
    "new_group",
    "new_subgroups",
    "new_subgroups_by_enumeration",
    "split_group",
]
