"""The memory of simulated GPUs: an arena for each, with its own addresses, and a list of what lives there.

Addresses are not those of the host, as on most GPUs: who takes one for a host's pointer finds nothing there. Every
allocation is known by its place and size, so that an access outside of it is found, and memory that nobody has written, or
that was given back, reads as 0xCD.
"""

from __future__ import annotations

import os
from bisect import bisect_right, insort
from functools import cache
from threading import RLock

import numpy as np

SIZE = 2 << 30
"""Bytes of a simulated GPU's memory; the host gives what is touched."""
ALIGNMENT = 512
FIRST = 1 << 44
"""Where the first GPU's memory begins; the next one's begins so much further on."""
GARBAGE = 0xCD


class OutOfMemoryError(MemoryError):
    """A simulated GPU's memory is full: CuPy's error of this name."""

    def __init__(self, size: int, total: int, limit: int = 0):
        limited = f", limit set to: {limit:,} bytes" if limit else ""
        super().__init__(
            f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes{limited})."
        )


class Memory:
    """One GPU's memory.

    Attributes:
        base: The address of its first byte.
        size: How many bytes there are.
        used: How many of them live allocations hold, rounded up to `ALIGNMENT`.
    """

    def __init__(self, base: int, size: int = SIZE):
        self.base, self.size, self.used = base, size, 0
        self.bytes = np.empty(size, np.uint8)  # the host commits pages as they are touched
        self.sizes: dict[int, int] = {}
        self.rooms: dict[int, int] = {}
        self.starts: list[int] = []
        self.spare: dict[int, list[int]] = {}
        self.top = base
        self.lock = RLock()

    def allocate(self, nbytes: int) -> int:
        """The address of `nbytes` bytes of garbage, a multiple of 512.

        Raises:
            OutOfMemoryError: There is no such piece left.
        """
        room = -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT
        with self.lock:
            spare = self.spare.get(room)
            address = spare.pop() if spare else self._carve(room)
            if address is None:
                address = self._fit(room)
            if address is None:
                raise OutOfMemoryError(nbytes, self.used)
            self.sizes[address], self.rooms[address] = nbytes, room
            insort(self.starts, address)
            self.used += room
        return address

    def free(self, address: int) -> None:
        """Give an allocation back. What it held is garbage at once.

        Raises:
            ValueError: Nothing was allocated at this address, or it was given back before.
        """
        with self.lock:
            nbytes = self.sizes.pop(address, None)
            if nbytes is None:
                raise ValueError(f"nothing is allocated at {address:#x} to be given back")
            room = self.rooms.pop(address)
            del self.starts[bisect_right(self.starts, address) - 1]
            self.used -= room
            self.view(address, nbytes)[:] = GARBAGE
            self.spare.setdefault(room, []).append(address)

    def narrow(self, address: int, nbytes: int) -> None:
        """Let only the first bytes of an allocation be in use, as a pool does that keeps the rest; they are garbage."""
        with self.lock:
            self.view(address, self.rooms[address])[:] = GARBAGE
            self.sizes[address] = nbytes

    def view(self, address: int, nbytes: int) -> np.ndarray:
        """These bytes, as NumPy's array over the arena."""
        start = address - self.base
        return self.bytes[start : start + nbytes]

    def holding(self, address: int) -> tuple[int, int]:
        """Where the live allocation around an address begins, and behind which byte it ends; (0, 0) if there is none."""
        starts = self.starts
        i = bisect_right(starts, address)
        if not i:
            return 0, 0
        start = starts[i - 1]
        stop = start + self.sizes[start]
        return (start, stop) if address < stop else (0, 0)

    def _carve(self, room: int) -> int | None:
        address = self.top
        if address + room > self.base + self.size:
            return None
        self.top = address + room
        self.view(address, room)[:] = GARBAGE
        return address

    def _fit(self, room: int) -> int | None:
        """A place among the pieces given back, neighbours joined; what stays of them is spare again."""
        pieces = sorted((a, n) for n, places in self.spare.items() for a in places)
        pieces.append((self.top, self.base + self.size - self.top))
        self.top = self.base + self.size
        self.spare, found = {}, None
        joined: list[tuple[int, int]] = []
        for address, length in pieces:
            if joined and sum(joined[-1]) == address:
                address, length = joined[-1][0], joined.pop()[1] + length
            joined.append((address, length))
        for address, length in joined:
            if found is None and length >= room:
                found, address, length = address, address + room, length - room
            if length:
                self.spare.setdefault(length, []).append(address)
        return found


def count() -> int:
    """How many GPUs FLAMBEAU_CUDA_SIMULATOR asks for.

    Raises:
        ValueError: It says no number.
    """
    asked = os.environ.get("FLAMBEAU_CUDA_SIMULATOR", "") or "0"
    if not asked.isdecimal():
        raise ValueError(
            f"FLAMBEAU_CUDA_SIMULATOR={asked!r}: give the number of GPUs to simulate, such as 1"
        )
    return int(asked)


@cache
def device(index: int) -> Memory:
    """The memory of the GPU with this number."""
    return Memory(FIRST * (index + 1))


__all__ = ["ALIGNMENT", "GARBAGE", "SIZE", "Memory", "OutOfMemoryError", "count", "device"]
