"""How processes find each other: what a launcher says in the environment, and that nobody listens."""

from __future__ import annotations

import os

NO_GROUPS = (
    "flambeau has no groups of processes yet: torch.distributed.is_available() is False. Run one process, and guard "
    "what needs several by is_available()"
)


def environment_number(name: str) -> int | None:
    """What a launcher has given this process: its rank, or how many there are; None without one."""
    value = os.environ.get(name)
    return None if value is None else int(value)
