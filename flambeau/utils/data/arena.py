"""Shared memory of a worker and the main process, used again and again: fresh pages cost more than the copy.

The worker's `Arena` has segments and copies blocks into free ones; the main process's `Tenant` maps each once, hands
out leases of it, and gives it back when the last array on it has died. A segment under lease is never written to.
"""

from __future__ import annotations

import ctypes
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple
from weakref import WeakSet

import numpy as np

from ...core import segment
from ...core.segment import Mapping

STEPS = 4
"""Sizes of segments to each doubling: nearly equal blocks find the same one."""
NEW = 16
"""New segments of one message at most: the system bounds how many open files are under way."""
KEPT = 2
"""Free segments are kept for so many of the largest message."""


class Segment(NamedTuple):
    """A segment, as a message names it."""

    number: int
    size: int
    is_new: bool


class Returned(NamedTuple):
    """What the main process looks at no longer.

    Attributes:
        free: Segments to use again.
        given_up: Those to drop: a forked process may have them in sight.
    """

    free: list[int]
    given_up: list[int]


# ----------------------------------------------------------------------------------- in the worker


@dataclass
class _Sharing:
    """What of a message went into segments.

    Attributes:
        handles: Files of new segments.
        refusal: Why there is no shared memory for the rest.
    """

    arena: Arena
    handles: list[int] = field(default_factory=list)
    refusal: str = ""
    size: int = 0

    def copy(self, address: int, size: int, lead: int) -> Segment | None:
        """Bytes in a segment, behind `lead` others; None where that cannot be."""
        found = self.arena.find(lead + size) or self._new(lead + size)
        if found is not None:
            self.size += size
            ctypes.memmove(self.arena.segments[found.number].address + lead, address, size)
        return found

    def _new(self, size: int) -> Segment | None:
        if not segment.POSSIBLE or self.refusal or len(self.handles) == NEW:
            return None
        try:
            found, handle = self.arena.create(size)
        except OSError as error:
            self.refusal = str(error)
            return None
        self.handles.append(handle)
        return found


class Arena:
    """A worker's segments. `free` has the numbers of those that may be written to, oldest first."""

    def __init__(self) -> None:
        self.segments: dict[int, Mapping] = {}
        self.free: list[int] = []
        self.dropped: list[int] = []
        self.count = self.largest = 0

    @contextmanager
    def message(self) -> Iterator[_Sharing]:
        """What is copied within becomes one message."""
        sharing = _Sharing(self)
        yield sharing
        self.largest = max(self.largest, sharing.size)

    def find(self, size: int) -> Segment | None:
        """A free segment that fits, which is free no longer."""
        fitting = [k for k in self.free if size <= self.segments[k].size <= 2 * size]
        if not fitting:
            return None
        number = min(fitting, key=lambda k: self.segments[k].size)
        self.free.remove(number)
        return Segment(number, self.segments[number].size, False)

    def create(self, size: int) -> tuple[Segment, int]:
        """A new segment and its file.

        Raises:
            OSError: There is no memory for it.
        """
        size = _rounded(size)
        handle = segment.create(size)
        try:
            mapping = Mapping(handle, size)
        except OSError:
            os.close(handle)
            raise
        self.count += 1
        self.segments[self.count] = mapping
        return Segment(self.count, size, True), handle

    def accept(self, returned: Returned) -> None:
        """Have segments back. Of many, those that were free for longest are dropped."""
        self.free += returned.free
        for number in returned.given_up:
            self._drop(number)
        excess = sum(self.segments[k].size for k in self.free) - KEPT * self.largest
        while self.free and excess > 0:
            excess -= self.segments[self.free[0]].size
            self._drop(self.free.pop(0))

    def _drop(self, number: int) -> None:
        del self.segments[number]
        self.dropped.append(number)

    def take_dropped(self) -> list[int]:
        """Those of which the main process is to be told."""
        dropped, self.dropped = self.dropped, []
        return dropped


def _rounded(size: int) -> int:
    """Up to the next of `STEPS` sizes a doubling."""
    step = max(1 << size.bit_length() - 1, STEPS) // STEPS
    return -(-size // step) * step


# ----------------------------------------------------------------------------- in the main process


class Lease:
    """Memory of a segment, until the last array on it has died."""

    __slots__ = ("__array_interface__", "mapping", "number", "tenant")

    def __init__(self, tenant: Tenant, number: int, mapping: Mapping) -> None:
        self.tenant, self.number, self.mapping = tenant, number, mapping
        self.__array_interface__ = {
            "version": 3,
            "shape": (mapping.size,),
            "typestr": "|u1",
            "data": (mapping.address, False),
        }

    def __del__(self) -> None:
        self.tenant.give_back(self.number)


class Tenant:
    """The main process's part of a worker's arena.

    Attributes:
        leased: The numbers of segments in use, each with whether it may be used again.
    """

    def __init__(self) -> None:
        self.mappings: dict[int, Mapping] = {}
        self.copies: dict[int, np.ndarray] = {}
        self.leased: dict[int, bool] = {}
        self.back: deque[tuple[int, bool]] = deque()
        _tenants.add(self)

    def add(self, new: Segment, handle: int) -> None:
        """Map a new segment."""
        try:
            self.mappings[new.number] = Mapping(handle, new.size)
        except OSError:
            self.copies[new.number] = segment.content(handle, new.size)
        finally:
            os.close(handle)

    def lease(self, of: Segment) -> np.ndarray:
        """The memory of a segment, as bytes."""
        copy = self.copies.pop(of.number, None)
        if copy is not None:
            self.back.append((of.number, False))
            return copy
        self.leased[of.number] = True
        return np.asarray(Lease(self, of.number, self.mappings[of.number]))

    def give_back(self, number: int) -> None:
        """Called by the garbage collector in any thread at any time, so it only takes a note."""
        self.back.append((number, self.leased.pop(number)))

    def take_returned(self) -> Returned:
        """What was given back since the last time."""
        returned = Returned([], [])
        while self.back:
            number, again = self.back.popleft()
            (returned.free if again else returned.given_up).append(number)
        return returned

    def forget(self, dropped: list[int]) -> None:
        """The worker has dropped these. Leases keep what they need."""
        for number in dropped:
            self.mappings.pop(number, None)

    def seal(self) -> None:
        """A forked process sees what is leased now: that must stay as it is."""
        for number in list(self.leased):
            self.leased[number] = False


_tenants: WeakSet[Tenant] = WeakSet()


def _seal_all() -> None:
    for tenant in list(_tenants):
        tenant.seal()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_seal_all)
