"""Do all members of a group do the same? Asked before every collective, with the wait for the slowest.

MPI's own calls spin while they wait, cannot be left, and where members disagree about shapes they hang or write what is
wrong. So a collective begins with a sum of its description's bits over all members, which is polled: whoever waits sleeps,
hears Ctrl-C, hears of members that have failed, and gives up in the end; and whoever disagrees is named.
"""

from __future__ import annotations

import time
import zlib
from functools import lru_cache
from typing import Any

import numpy as np

from .kinds import DebugLevel, DistBackendError, DistTimeoutError, get_debug_level
from .process_group import ProcessGroup

LEAVING = "destroy_process_group"
"""What a member does that leaves, also at the end of its program: others miss it, and it is not their fault."""
_ASKING = 2.0
"""Seconds in which those who have waited for too long find out for whom."""
_LONGEST = 512
"""Bytes of a description that members show each other."""


@lru_cache(maxsize=4096)
def mark(what: str, told: Any) -> int:
    """A number for a description: equal ones have equal numbers in every process."""
    return zlib.crc32(described(what, told).encode())


def described(what: str, told: Any) -> str:
    """What a member does, for people."""
    parts = ", ".join(str(x) for x in told)
    return f"{what}({parts})"


def agree(group: ProcessGroup, what: str, told: Any) -> None:
    """Wait until all members have come to a collective, and see that it is the same.

    Args:
        what: Its name.
        told: What must be the same for all: shapes, dtypes, options.

    Raises:
        DistBackendError: A member failed, or did not come in time.
        RuntimeError: The members do not do the same.
    """
    transport = group._transport
    group._count += 1
    if transport.size == 1:
        return
    number = mark(what, told)
    try:
        ends = transport.ends(number, what, group.seconds)
    except DistTimeoutError as error:
        raise DistTimeoutError(f"{error}. {_late(group, what)}") from None
    if ends[0] == ends[1]:
        if get_debug_level() is DebugLevel.DETAIL:
            _tell(group, described(what, told))
        return
    text = _differences(group, described(what, told))
    raise (DistBackendError if LEAVING in text else RuntimeError)(text)


def _late(group: ProcessGroup, what: str) -> str:
    """Who has not come, as far as those who wait can tell each other by the store."""
    store, key, size = group._store, f"late {what} {group._count}", group.size()
    store.set(f"{key}/{group.rank()}", b"")
    end = time.monotonic() + _ASKING
    while time.monotonic() < end:
        missing = [i for i in range(size) if not store.check([f"{key}/{i}"])]
        if not missing:
            return "All have come by now: they are too slow for the limit."
        time.sleep(0.1)
    names = _ranks([group.ranks[i] for i in missing])
    return (
        f"{names[0].upper()}{names[1:]} did not come: hung, or busy with something else. (init_process_group(timeout=...) "
        "sets the limit.)"
    )


def _differences(group: ProcessGroup, mine: str) -> str:
    """Who does what, where they do not do the same."""
    transport = group._transport
    line = np.zeros(_LONGEST, np.uint8)
    text = f"#{group._count} {mine}".encode()[:_LONGEST]
    line[: len(text)] = np.frombuffer(text, np.uint8)
    lines = np.zeros((transport.size, _LONGEST), np.uint8)
    transport.all_gather(lines, line)
    told: dict[str, list[int]] = {}
    for i, row in enumerate(lines):
        told.setdefault(row.tobytes().rstrip(b"\0").decode(errors="replace"), []).append(
            group.ranks[i]
        )
    parts = "; ".join(f"{_ranks(ranks)}: {text}" for text, ranks in told.items())
    return (
        f"Detected mismatch between collectives on ranks of group {group.group_name} (number and call): {parts}. All "
        "members of a group call the same collectives in the same order, with tensors of one shape and dtype."
    )


def _ranks(ranks: list[int]) -> str:
    return ("rank " if len(ranks) == 1 else "ranks ") + ", ".join(map(str, ranks))


def _tell(group: ProcessGroup, text: str) -> None:
    import sys

    print(
        f"[rank {group.ranks[group.rank()]}] {group.group_name} #{group._count} {text}",
        file=sys.stderr,
    )
