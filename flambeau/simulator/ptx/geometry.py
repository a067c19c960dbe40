"""Who the threads of some blocks are: their numbers, in the grid, the block and the warp."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np

WARP = 32
Dimensions = tuple[int, int, int]
_ONE = np.uint32(1)


class Geometry:
    """Threads of neighbouring blocks, one after the other.

    Args:
        grid, block: How many blocks and threads there are in each direction.
        first, count: Which of the blocks.

    Attributes:
        size, count: How many threads a block has, and all blocks.
        thread, blocks, warp, lane: Of each thread: its number, its block's and warp's among these, its place in the warp.
        warps: How many warps there are.
        kept: What exchanges between lanes are known to read.
    """

    def __init__(self, grid: Dimensions, block: Dimensions, first: int, count: int):
        self.grid, self.block, self.first = grid, block, first
        size = block[0] * block[1] * block[2]
        self.size, self.count = size, size * count
        self.thread = np.arange(self.count)
        self.blocks, self.inside = np.divmod(self.thread, size)
        within, lane = np.divmod(self.inside, WARP)
        each = -(-size // WARP)
        self.lane, self.warp, self.warps = (
            lane.astype(np.int32),
            self.blocks * each + within,
            count * each,
        )
        self.kept: dict[Any, Any] = {}
        self._specials: dict[str, Any] = {}

    def special(self, name: str) -> Any:
        """A special register: a scalar where all threads have the same."""
        found = self._specials.get(name)
        if found is None:
            found = self._specials[name] = self._special(name)
        return found

    def _special(self, name: str) -> Any:
        stem, _, axis = name[1:].partition(".")
        if axis:
            flat = {"tid": self.inside, "ctaid": self.blocks + self.first}
            sizes = self.block if stem.endswith("tid") else self.grid
            if stem.startswith("n"):
                return np.uint32(sizes["xyz".index(axis)])
            return list(places(flat[stem], sizes))["xyz".index(axis)]
        return _SPECIALS[stem](self)

    def shown(self, thread: int) -> str:
        """A thread as messages name it."""
        block, inside = divmod(thread, self.size)
        names = (("block", block + self.first, self.grid), ("thread", inside, self.block))
        return ", ".join(
            f"{name} {tuple(int(x) for x in places(np.array(flat), sizes))}"
            for name, flat, sizes in names
        )


def places(flat: Any, sizes: Dimensions) -> Iterator[Any]:
    """Numbers along three dimensions, the first one fastest: scalars where all are 0."""
    for n in sizes:
        yield np.uint32(0) if n == 1 else (flat % n).astype(np.uint32)
        flat = flat // n


def _below(threads: Geometry) -> Any:
    return (_ONE << threads.lane.astype(np.uint32)) - _ONE


_SPECIALS: dict[str, Callable[[Geometry], Any]] = {
    "laneid": lambda threads: threads.lane.astype(np.uint32),
    "warpid": lambda threads: (threads.inside // WARP).astype(np.uint32),
    "nwarpid": lambda threads: np.uint32(32),
    "smid": lambda threads: (threads.blocks + threads.first).astype(np.uint32),
    "nsmid": lambda threads: np.uint32(threads.grid[0] * threads.grid[1] * threads.grid[2]),
    "gridid": lambda threads: np.uint32(0),
    "clock": lambda threads: np.uint32(0),
    "clock64": lambda threads: np.uint64(0),
    "globaltimer": lambda threads: np.uint64(0),
    "lanemask_eq": lambda threads: _below(threads) + _ONE,
    "lanemask_lt": _below,
    "lanemask_le": lambda threads: _below(threads) * np.uint32(2) + _ONE,
    "lanemask_gt": lambda threads: ~(_below(threads) * np.uint32(2) + _ONE),
    "lanemask_ge": lambda threads: ~_below(threads),
}

geometry = lru_cache(256)(Geometry)
"""The threads of some blocks, remembered: launches repeat."""

__all__ = ["WARP", "Dimensions", "Geometry", "geometry"]
