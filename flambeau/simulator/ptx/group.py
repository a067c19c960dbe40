"""Threads that are at the same block of instructions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .fault import Fault
from .geometry import WARP, Geometry
from .parser import Instruction

if TYPE_CHECKING:
    from typing import Protocol

    class Batch(Protocol):
        """Whose threads they are."""

        name: str
        geometry: Geometry
        count: int
        initial: list[Any]
        spaces: Any


class Group:
    """Threads that are at the same block.

    Attributes:
        at: The block's number.
        lanes: Which threads of the batch they are, in order; None for all.
        r: Their registers.
    """

    __slots__ = ("at", "batch", "count", "kept", "lanes", "r", "stuck")

    def __init__(self, batch: Batch, at: int, lanes: Any, r: list[Any]):
        self.batch, self.at, self.lanes, self.r = batch, at, lanes, r
        self.count = batch.count if lanes is None else len(lanes)
        self.kept: dict[str, Any] = {}
        self.stuck = False

    def of(self, name: str) -> Any:
        """One of the geometry's arrays for these threads."""
        whole = getattr(self.batch.geometry, name)
        if self.lanes is None:
            return whole
        found = self.kept.get(name)
        if found is None:
            found = self.kept[name] = whole[self.lanes]
        return found

    def threads(self) -> Any:
        return self.of("thread")

    def blocks(self) -> Any:
        return self.of("blocks")

    def warps(self) -> Any:
        return self.of("warp")

    def lane(self) -> Any:
        return self.of("lane")

    def lane_bits(self) -> Any:
        return self.of("lane").astype(np.uint32)

    def numbers(self, threads: Any) -> Any:
        """Which of these threads those of the batch are."""
        return threads if self.lanes is None else np.searchsorted(self.lanes, threads)

    def part(self, where: Any) -> Group:
        """Some of these threads, without registers."""
        return Group(self.batch, self.at, self.threads()[where], [])

    def split(self, where: Any, target: int, live: list[int]) -> Group:
        """Some of these threads, at another block, with the registers that are still of use there."""
        r, own = self.batch.initial.copy(), self.r
        for slot in live:
            value = own[slot]
            r[slot] = value[where] if type(value) is np.ndarray else value
        return Group(self.batch, target, self.threads()[where], r)

    # ----------------------------------------------------------------------------------- warps

    def starts(self) -> tuple[Any, Any]:
        """Where each warp begins among these threads, and which of them each thread belongs to."""
        found = self.kept.get("starts")
        if found is None:
            warps = self.warps()
            first = np.r_[True, warps[1:] != warps[:-1]]
            found = self.kept["starts"] = (np.flatnonzero(first), np.cumsum(first) - 1)
        return found

    def over_warps(self, join: np.ufunc, values: Any) -> Any:
        """Values joined over each warp, for each of its threads."""
        starts, own = self.starts()
        return join.reduceat(values, starts, dtype=values.dtype)[own]

    def each_warp(self) -> Iterator[slice]:
        starts, _ = self.starts()
        for start, stop in zip(starts, [*starts[1:], self.count], strict=True):
            yield slice(start, stop)

    def present(self) -> Any:
        """The threads of each thread's warp that are here, as bits."""
        found = self.kept.get("present")
        if found is None:
            bits = np.uint32(1) << self.lane_bits()
            found = self.kept["present"] = self.over_warps(np.bitwise_or, bits)
        return found

    def places(self, lane: Any, i: Instruction) -> Any:
        """Where among these threads those lanes of each thread's warp are."""
        wanted = self.threads() - self.lane() + lane
        if self.lanes is None:
            if self.batch.geometry.size % WARP:
                bad = np.flatnonzero(lane > self.lane() + self.room())
                if bad.size:
                    self.fault(i, int(bad[0]), "it reads a thread that the block does not have")
            return wanted
        found = np.minimum(np.searchsorted(self.lanes, wanted), self.count - 1)
        bad = np.flatnonzero(self.lanes[found] != wanted)
        if bad.size:
            self.fault(i, int(bad[0]), "it reads a thread that is not there")
        return found

    def room(self) -> Any:
        """How many threads of its block stand behind each."""
        size = self.batch.geometry.size
        return size - 1 - self.threads() % size

    # ---------------------------------------------------------------------------------- faults

    def fault(self, i: Instruction | None, which: int, what: str) -> NoReturn:
        """Stop: one of these threads did what it must not.

        Raises:
            Fault: Always.
        """
        thread = int(self.threads()[min(which, self.count - 1)])
        where = self.batch.geometry.shown(thread)
        at = f" at {i.text!r}" if i is not None else ""
        raise Fault(f"kernel {self.batch.name}{at}, {where}: {what}")


__all__ = ["Group"]
