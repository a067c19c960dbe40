"""States of the threads of a block, joined: to one, or to what each has with all before it."""

from __future__ import annotations

from ...llvm import Value, choose, quotient, remainder
from ..thread import WARP, Thread
from .monoid import Monoid, State


class Block:
    """A block of threads, with memory for a state of each warp.

    All threads of the block must come to each of its functions.
    """

    def __init__(self, code: Thread, monoid: Monoid, threads: int):
        self.code, self.monoid, self.threads = code, monoid, threads
        self.thread = code.special("tid")
        self.lane, self.warp = remainder(self.thread, WARP), quotient(self.thread, WARP)
        several = threads > WARP
        self.kept = [code.shared(type, threads // WARP) for type in monoid.types if several]

    def total(self, state: State) -> State:
        """All threads' states joined, in each thread."""
        by = WARP // 2
        while by:
            state = self.monoid.join(state, self._from(state, "down", by))
            by //= 2
        return self._warps(state, 0)[0]

    def running(self, state: State) -> tuple[State, State]:
        """The states of all threads before each joined, and those of all."""
        monoid, own, by = self.monoid, state, 1
        while by < WARP:
            joined = monoid.join(self._from(own, "up", by), own)
            own = self._where(self.lane >= by, joined, own)
            by *= 2
        total, before = self._warps(own, WARP - 1)
        nothing = monoid.nothing(self.code)
        behind = self._where(self.lane > 0, self._from(own, "up", 1), nothing)
        before = self._where(self.warp > 0, before, nothing)
        return monoid.join(before, behind), total

    def _warps(self, state: State, lane: int) -> tuple[State, State]:
        """The states of all warps joined, which lane `lane` of each has, and of those before the thread's own."""
        code, monoid = self.code, self.monoid
        if self.threads == WARP:
            return self._from(state, "idx", lane), monoid.nothing(code)
        with code.when(self.lane.equals(lane)):
            for x, place in zip(state, self._kept(self.warp)):
                code.store(x, place)
        code.barrier()
        total = before = self._read(0)
        for w in range(1, self.threads // WARP):
            before = self._where(self.warp > w - 1, total, before)
            total = monoid.join(total, self._read(w))
        code.barrier()
        return total, before

    def _kept(self, warp: Value) -> list[Value]:
        return [self.code.at(m, t, warp) for m, t in zip(self.kept, self.monoid.types)]

    def _read(self, warp: int) -> State:
        places = self._kept(self.code.constant(warp, "i32"))
        return [self.code.load(p, t) for p, t in zip(places, self.monoid.types)]

    def _from(self, state: State, how: str, by: int) -> State:
        return [self.code.exchanged(x, how, by) for x in state]

    def _where(self, condition: Value, x: State, y: State) -> State:
        return [choose(condition, a, b) for a, b in zip(x, y)]


__all__ = ["Block"]
