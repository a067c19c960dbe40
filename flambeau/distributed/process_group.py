"""Groups of processes: who belongs to one, what carries their arrays, and the groups that this process knows.

Source: torch.distributed.ProcessGroup
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from .._caller import warn
from .kinds import Backend
from .store import Store
from .work import Order

NOT_MADE = (
    "Default process group has not been initialized, please make sure to call init_process_group."
)


class ProcessGroup:
    """Processes that do things together.

    `init_process_group` and `new_group` make them.

    Attributes:
        group_name: What all members call it.
        ranks: The members, by their rank in the whole run.

    Source: torch.distributed.ProcessGroup
    """

    def __init__(
        self,
        transport: Any,
        ranks: Sequence[int],
        name: str,
        backend: Backend,
        store: Store,
        timeout: timedelta,
        description: str = "",
    ) -> None:
        self._transport, self.ranks, self.group_name = transport, tuple(ranks), name
        self._backend, self._store, self._timeout = backend, store, timeout
        self.group_desc = description or "undefined"
        self._order, self._count = Order(name), 0
        self.has_nccl = "nccl" in backend
        self._on_devices: Any = None  # what carries arrays of GPUs, from the first on

    def rank(self) -> int:
        """This process' rank in the group."""
        return int(self._transport.rank)

    def size(self) -> int:
        """How many members it has."""
        return len(self.ranks)

    def name(self) -> str:
        """The backend's name."""
        return str(self._backend)

    def get_group_store(self) -> Store:
        """The store of its members."""
        return self._store

    def set_timeout(self, timeout: timedelta) -> None:
        """Wait so long for the others."""
        self._timeout = timeout

    @property
    def seconds(self) -> float:
        """How long it waits for the others."""
        return self._timeout.total_seconds()

    def position(self, rank: int) -> int:
        """The rank in the group of a rank of the run.

        Raises:
            ValueError: It is no member.
        """
        try:
            return self.ranks.index(rank)
        except ValueError:
            raise ValueError(
                f"Global rank {rank} is not part of group {self.group_name} of ranks {list(self.ranks)}"
            ) from None

    def __repr__(self) -> str:
        return f"<ProcessGroup {self.group_name}: rank {self.rank()} of {self.size()}, {self._backend}>"


class NonMember:
    """What `new_group` gives to processes that are not in the group."""

    _instance: NonMember | None = None

    def __new__(cls) -> NonMember:
        if cls._instance is None:
            cls._instance = super().__new__(cls)
        return cls._instance

    def __repr__(self) -> str:
        return "<no member of this group>"


class GroupMember:
    """The group that calls mean which name none, and what a process outside of a group is given.

    Attributes:
        WORLD: The group of all; None before `init_process_group`.

    Source: torch.distributed.GroupMember
    """

    NON_GROUP_MEMBER = NonMember()
    WORLD: ProcessGroup | None = None


groups: dict[str, ProcessGroup] = {}
"""The groups that this process is in, by name."""


def world() -> ProcessGroup:
    """The group of all.

    Raises:
        ValueError: There is none yet.
    """
    if GroupMember.WORLD is None:
        raise ValueError(NOT_MADE)
    return GroupMember.WORLD


def chosen(group: Any, what: str) -> ProcessGroup | None:
    """The group that a call means; None, with a warning, if this process is not in it."""
    if group is None:
        return world()
    if group is GroupMember.NON_GROUP_MEMBER or not isinstance(group, ProcessGroup):
        if group is not GroupMember.NON_GROUP_MEMBER:
            raise TypeError(f"Invalid group: {group!r} is no ProcessGroup")
        rank = world().rank()
        warn(
            f"Running {what} on global rank {rank} which does not belong to the given process group."
        )
        return None
    return group


def get_rank(group: Any = None) -> int:
    """This process' rank in a group, from 0; -1 if it is no member.

    Raises:
        ValueError: There is no group yet.

    Source: torch.distributed.get_rank
    """
    whole = world()
    if group is GroupMember.NON_GROUP_MEMBER:
        return -1
    return (group or whole).rank()


def get_world_size(group: Any = None) -> int:
    """How many processes a group has; -1 if this one is no member.

    Raises:
        ValueError: There is no group yet.

    Source: torch.distributed.get_world_size
    """
    whole = world()
    if group is GroupMember.NON_GROUP_MEMBER:
        return -1
    return (group or whole).size()


def get_backend(group: Any = None) -> Backend:
    """The name of what carries a group's messages.

    Raises:
        ValueError: This process is no member.

    Source: torch.distributed.get_backend
    """
    whole = world()
    if group is GroupMember.NON_GROUP_MEMBER:
        raise ValueError("Invalid process group specified")
    return (group or whole)._backend


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The rank in the run of a rank in a group.

    Raises:
        ValueError: The group has no such rank.

    Source: torch.distributed.get_global_rank
    """
    if not 0 <= group_rank < group.size():
        raise ValueError(f"Group rank {group_rank} is not part of group {group.group_name}")
    return group.ranks[group_rank]


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The rank in a group of a rank in the run.

    Raises:
        ValueError: It is no member.

    Source: torch.distributed.get_group_rank
    """
    return group.position(global_rank)


def get_process_group_ranks(group: ProcessGroup | None = None) -> list[int]:
    """The ranks in the run of a group's members.

    Source: torch.distributed.get_process_group_ranks
    """
    return list((group or world()).ranks)


def get_pg_count() -> int:
    """How many groups this process is in.

    Source: torch.distributed.get_pg_count
    """
    return len(groups)


def is_initialized() -> bool:
    """Does this process belong to a group?

    Source: torch.distributed.is_initialized
    """
    return GroupMember.WORLD is not None


def place(rank: int | None, group_rank: int | None, group: ProcessGroup, what: str) -> int:
    """The member that a call names, by its rank in the run or in the group, as rank in the group.

    Raises:
        ValueError: Both or none were given, or it is no member.
    """
    if (rank is None) is (group_rank is None):
        raise ValueError(f"Must specify either {what} or group_{what}, and not both")
    if group_rank is None:
        return group.position(int(rank))  # type: ignore[arg-type]
    get_global_rank(group, group_rank)
    return group_rank
