"""Where addresses lead: global memory by the list of allocations, shared memory by block, local memory by thread.

Every access is checked as no GPU does: it must lie within one allocation or variable, and be aligned to its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..memory import FIRST, GARBAGE, Memory
from .race import Races

if TYPE_CHECKING:
    from .group import Group
    from .parser import Instruction

WINDOWS = {"shared": 1 << 40, "local": 1 << 41, "param": 1 << 42}
"""Where these spaces lie among the generic addresses; the rest is global memory."""


class Spaces:
    """The memories of some blocks that run together.

    Args:
        memory: The GPU's.
        blocks, threads: How many blocks, and threads in each.
        shared: Bytes of a block's shared memory.
        local: Bytes of a thread's local memory.
        variables: Where the variables in shared memory begin and end.
        grain: Bytes of the smallest access to shared memory.
    """

    def __init__(
        self,
        memory: Memory,
        blocks: int,
        threads: int,
        shared: int,
        local: int,
        variables: list[tuple[int, int]],
        grain: int,
    ):
        self.memory, self.base = memory, memory.base
        self.shared, self.local, self.variables, self.grain = shared, local, variables, grain
        self.blocks, self.threads = blocks, threads
        self.found = (0, 0)
        self.bounds: dict[int, tuple[Any, ...]] = {}
        self.delta = np.int64(memory.bytes.ctypes.data - memory.base)
        self.kept: dict[tuple[str, str], np.ndarray] = {}
        self.bytes: dict[str, np.ndarray] = {}
        self.races: Races | None = None

    def words(self, space: str, key: str) -> np.ndarray:
        """All of a space's memory as elements of a type."""
        found = self.kept.get((space, key))
        if found is None:
            whole = self.memory.bytes if space == "global" else self._own(space)
            found = self.kept[space, key] = whole.view(key)
        return found

    def rows(self, space: str, key: str, count: int) -> np.ndarray:
        """The same, `count` elements a row."""
        return self.words(space, key).reshape(-1, count)

    def _own(self, space: str) -> np.ndarray:
        if space not in self.bytes:
            size = {
                "shared": self.blocks * self.shared,
                "local": self.blocks * self.threads * self.local,
            }[space]
            self.bytes[space] = np.full(size, GARBAGE, np.uint8)
        return self.bytes[space]

    # ------------------------------------------------------------------------- places of addresses

    def reach(self, space: str, address: Any, size: int, i: Instruction, group: Group) -> Any:
        """Which words, `size` bytes each, addresses mean: their numbers within `words` of the space."""
        if size > 1:
            low = np.bitwise_or.reduce(address) if type(address) is np.ndarray else address
            if low & (size - 1):
                bad = np.flatnonzero(np.atleast_1d(address) & (size - 1))[0]
                group.fault(i, bad, f"address {self._at(address, bad)} is no multiple of {size}")
        if space == "global":
            return self._global(address, size, i, group)
        if space == "shared":
            return self._shared(address, size, i, group)
        if space == "param":
            return self._parameter(address, size, i, group)
        return self._local(address, size, i, group)

    def _at(self, address: Any, which: int) -> str:
        return f"{int(address[which] if np.ndim(address) else address) & 2**64 - 1:#x}"

    def _global(self, address: Any, size: int, i: Instruction, group: Group) -> Any:
        if type(address) is np.ndarray:
            low, high = int(address.min()), int(address.max())
        else:
            low = high = int(address)
        start, stop = self.found
        if low < start or high + size > stop:
            start, stop = self.found = self.memory.holding(low)
            if not stop or high + size > stop:
                self._global_each(address, size, i, group)
        return (address - self.base) >> size.bit_length() - 1

    def word(self, address: int, size: int, i: Instruction, group: Group) -> int:
        """`reach` of the one address of all threads."""
        if address & (size - 1) or self.near(address, size, i) is None:
            return int(self.reach("global", np.int64(address), size, i, group))
        return (address - self.base) >> size.bit_length() - 1

    def near(self, address: int, size: int, i: Instruction) -> tuple[Any, ...] | None:
        """The allocation that an access lies in, as `native.gather` takes it; None if it is not in one."""
        found = self.bounds.get(id(i))
        if found is None or not found[0] <= address <= found[0] + found[1]:
            start, stop = self.memory.holding(address)
            limit = stop - start - size
            if address > start + limit:
                return None
            found = (np.int64(start), np.int64(limit), np.int64(size - 1), self.delta)
            self.bounds[id(i)] = found
        return found

    def _global_each(self, address: Any, size: int, i: Instruction, group: Group) -> None:
        """Addresses in several allocations, or outside of any."""
        starts = np.array(self.memory.starts, np.int64)
        sizes = np.array([self.memory.sizes[a] for a in self.memory.starts], np.int64)
        address = np.atleast_1d(address)
        if starts.size:
            nearest = np.maximum(np.searchsorted(starts, address, "right") - 1, 0)
            inside = (address >= starts[nearest]) & (
                address + size <= starts[nearest] + sizes[nearest]
            )
        else:
            inside = np.zeros(address.shape, bool)
        if not inside.all():
            bad = int(np.flatnonzero(~inside)[0])
            group.fault(i, bad, self._foreign(int(address[bad]), size))

    def _foreign(self, address: int, size: int) -> str:
        text = f"{size} bytes at {address & 2**64 - 1:#x} are in no allocation of this GPU"
        below = [a for a in self.memory.starts if a <= address]
        if below and address - below[-1] < 1 << 20:
            past = address - below[-1] - self.memory.sizes[below[-1]]
            text += f": they begin {past} bytes behind the end of one of {self.memory.sizes[below[-1]]} bytes"
        elif address >= FIRST and address // FIRST != self.base // FIRST:
            text += f": they are GPU {address // FIRST - 1}'s"
        elif address < 4096:
            text += ": a null pointer"
        return text

    def _shared(self, address: Any, size: int, i: Instruction, group: Group) -> Any:
        if type(address) is np.ndarray:
            low, high = int(address.min()), int(address.max()) + size
        else:
            low, high = int(address), int(address) + size
        if not any(start <= low and high <= stop for start, stop in self.variables):
            self._shared_each(np.atleast_1d(address), size, i, group)
        return (address + group.of("blocks") * self.shared) >> size.bit_length() - 1

    def _shared_each(self, address: Any, size: int, i: Instruction, group: Group) -> None:
        """Addresses in several variables, or outside of any."""
        inside = np.zeros(address.shape, bool)
        for start, stop in self.variables:
            inside |= (address >= start) & (address + size <= stop)
        if not inside.all():
            bad = int(np.flatnonzero(~inside)[0])
            ends = " ".join(f"{start}..{stop}" for start, stop in self.variables)
            where = f"at {int(address[bad])} of shared memory are in no variable of it ({ends or 'none'})"
            group.fault(i, bad, f"{size} bytes {where}")

    def _local(self, address: Any, size: int, i: Instruction, group: Group) -> Any:
        inside = np.atleast_1d((address >= 0) & (address + size <= self.local))
        if not inside.all():
            bad = int(np.flatnonzero(~inside)[0])
            group.fault(
                i,
                bad,
                f"{size} bytes at {self._at(address, bad)} of {self.local} bytes of local memory",
            )
        return (address + group.threads() * self.local) // size

    def _parameter(self, address: Any, size: int, i: Instruction, group: Group) -> Any:
        inside = np.atleast_1d((address >= 0) & (address + size <= self.bytes["param"].size))
        if not inside.all():
            group.fault(i, int(np.flatnonzero(~inside)[0]), "an address outside of the parameters")
        return address // size

    # ------------------------------------------------------------------------------------ races

    def note(self, how: str, index: Any, size: int, i: Instruction, group: Group) -> None:
        """An access to shared memory."""
        races = self.races
        if races is None:
            places = self.blocks * self.shared // self.grain
            threads = self.blocks * self.threads
            races = self.races = Races(places, self.blocks, threads, group.batch.geometry.warps)
        note, several = getattr(races, how), size // self.grain
        for k in range(several):
            bad = note(index * several + k if several > 1 else index, group)
            if bad is not None and bad.any():
                which = int(np.flatnonzero(bad)[0])
                what = "another thread was at this place of shared memory since the last barrier"
                group.fault(i, which, what)


__all__ = ["WINDOWS", "Spaces"]
