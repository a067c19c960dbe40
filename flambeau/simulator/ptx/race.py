"""Races for shared memory: two threads at one place without a barrier between them, one of which writes.

On a GPU the result depends on which warp comes first; here it would not, since all run in step. So every place remembers who
wrote and who read it since when. Threads of one warp are no exception: since Volta they run apart too, and need
`bar.warp.sync` between.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_NOBODY, _SEVERAL, _ATOMIC = -1, -2, -3


class Races:
    """Who was at which place of a batch's shared memory.

    Args:
        places: How many places there are.
        blocks, warps: How many blocks and warps.
    """

    def __init__(self, places: int, blocks: int, warps: int):
        self.writer = np.full(places, _NOBODY, np.int32)
        self.written = np.full(places, -1, np.int32)  # in which interval between barriers
        self.written_in_warp = np.full(places, -1, np.int32)
        self.reader = np.full(places, _NOBODY, np.int32)
        self.read = np.full(places, -1, np.int32)
        self.intervals = np.zeros(blocks, np.int32)
        self.warp_intervals = np.zeros(warps, np.int32)

    def pass_barrier(self, blocks: Any) -> None:
        """All threads of these blocks have met."""
        self.intervals[blocks] += 1

    def pass_warp_barrier(self, warps: Any) -> None:
        self.warp_intervals[warps] += 1

    def at_read(self, place: Any, thread: Any, warp: Any, block: Any) -> Any:
        """Note that threads read, each its place; give which of them another thread may not have written for yet."""
        now = self.intervals[block]
        bad = self._written_by_others(place, thread, warp, now)
        before = self.reader[place]
        mixed = (self.read[place] == now) & (before != warp)
        noted = np.where(mixed, _SEVERAL, warp)
        self.reader[place], self.read[place] = noted, now
        lost = self.reader[place] != noted  # two warps at one place in this very instruction
        if lost.any():
            self.reader[place[lost]] = _SEVERAL
        return bad

    def at_write(self, place: Any, thread: Any, warp: Any, block: Any) -> Any:
        """Note that threads write, each its place; give which of them do so while another thread is there."""
        now = self.intervals[block]
        bad = self._written_by_others(place, thread, warp, now) | self._read_by_others(
            place, warp, now
        )
        self.writer[place], self.written[place] = thread, now
        self.written_in_warp[place] = self.warp_intervals[warp]
        return bad | (self.writer[place] != thread)

    def at_atomic(self, place: Any, thread: Any, warp: Any, block: Any) -> Any:
        """Note that threads change their places, where other such changes do not matter."""
        now = self.intervals[block]
        plain = self._written_by_others(place, thread, warp, now) & (self.writer[place] != _ATOMIC)
        bad = plain | self._read_by_others(place, warp, now)
        self.writer[place], self.written[place] = _ATOMIC, now
        self.written_in_warp[place] = self.warp_intervals[warp]
        return bad

    def _written_by_others(self, place: Any, thread: Any, warp: Any, now: Any) -> Any:
        writer = self.writer[place]
        others = (self.written[place] == now) & (writer != thread)
        if not others.any():
            return others
        alien = (writer < 0) | (self._warp_of(writer) != warp)
        return others & (alien | (self.written_in_warp[place] == self.warp_intervals[warp]))

    def _read_by_others(self, place: Any, warp: Any, now: Any) -> Any:
        return (self.read[place] == now) & (self.reader[place] != warp)

    def _warp_of(self, thread: Any) -> Any:
        return self.warps[thread]

    warps: Any = None
    """The warp of each thread of the batch."""


__all__ = ["Races"]
