"""Races for shared memory: two threads at one place without a barrier between them, one of which writes.

On a GPU the result depends on which warp comes first; here it would not, since all run in step. So every place remembers who
wrote and who read it since when. Threads of one warp are no exception: since Volta they run apart too, and need
`bar.warp.sync` between a write and a read of another's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .group import Group


class Races:
    """Who was at which place of a batch's shared memory.

    What is remembered of a place is one number: the interval between barriers, times `several` + 1, plus who it was: the
    thread that wrote last, the warp that read last, or `several`.

    Args:
        places: How many places there are.
        blocks, threads, warps: How many there are in the batch.
    """

    def __init__(self, places: int, blocks: int, threads: int, warps: int):
        self.writer = np.full(places, -1, np.int64)
        self.reader = np.full(places, -1, np.int64)
        self.in_warp = np.zeros(
            places, np.int32
        )  # when, in intervals between barriers of the warp, it was written
        self.several = threads
        self.intervals = np.zeros(blocks, np.int64)
        self.warp_intervals = np.zeros(warps, np.int32)

    def pass_barrier(self, blocks: Any) -> None:
        """All threads of these blocks have met."""
        self.intervals[blocks] += self.several + 1

    def pass_warp_barrier(self, warps: Any) -> None:
        self.warp_intervals[warps] += 1

    def at_read(self, place: Any, group: Group) -> Any:
        """Note that threads read, each its place; give those that another one has just written for, or None."""
        now, warp = self.intervals[group.blocks()], group.warps()
        bad = self._written_by_others(place, now, group)
        own, before = now + warp, self.reader[place]
        mixed = (before >= now) & (before != own)
        if mixed.any():
            own = np.where(mixed, now + self.several, own)
        self.reader[place] = own
        lost = self.reader[place] != own  # two warps at one place in this very instruction
        if lost.any():
            self.reader[place[lost]] = (now + self.several)[lost]
        return bad

    def at_write(self, place: Any, group: Group) -> Any:
        """Note that threads write, each its place; give those that come upon another one, or None."""
        now = self.intervals[group.blocks()]
        bad = _either(
            self._written_by_others(place, now, group), self._read_by_others(place, now, group)
        )
        own = now + group.threads()
        self.writer[place] = own
        self.in_warp[place] = self.warp_intervals[group.warps()]
        lost = self.writer[place] != own
        return _either(bad, lost) if lost.any() else bad

    def at_atomic(self, place: Any, group: Group) -> Any:
        """Note that threads change their places one after the other: only those who just read or write come in between."""
        now = self.intervals[group.blocks()]
        bad = self._written_by_others(place, now, group)
        if bad is not None:
            bad &= self.writer[place] != now + self.several
        bad = _either(bad, self._read_by_others(place, now, group))
        self.writer[place] = now + self.several
        return bad

    def _written_by_others(self, place: Any, now: Any, group: Group) -> Any:
        writer = self.writer[place]
        recent = writer >= now
        if not recent.any():
            return None
        thread = writer - now
        other = recent & (thread != group.threads())
        warps = group.batch.geometry.warp
        near = np.where(recent & (thread < self.several), thread, 0)
        same = (warps[near] == group.warps()) & (thread < self.several)
        parted = self.in_warp[place] != self.warp_intervals[group.warps()]
        return other & ~(same & parted)

    def _read_by_others(self, place: Any, now: Any, group: Group) -> Any:
        reader = self.reader[place]
        recent = reader >= now
        return recent & (reader != now + group.warps()) if recent.any() else None


def _either(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return b if a is None else a
    return a | b


__all__ = ["Races"]
