"""What an allocator has done on one GPU, in figures."""

from __future__ import annotations


class Figure:
    """A quantity that rises and falls: now, at its highest, and how much was taken and given back in all.

    The interpreter lets other threads run at calls and jumps only, so each change here is one for them.
    """

    __slots__ = ("allocated", "current", "freed", "peak")

    def __init__(self) -> None:
        self.current = self.peak = self.allocated = self.freed = 0

    def rise(self, amount: int) -> None:
        self.allocated += amount
        now = self.current = self.current + amount
        if now > self.peak:
            self.peak = now

    def fall(self, amount: int) -> None:
        self.freed += amount
        self.current -= amount

    def items(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("current", "peak", "allocated", "freed")}


class Ledger:
    """The figures of one GPU. A block is what an array has, a segment what the driver gave."""

    __slots__ = (
        "block_bytes",
        "blocks",
        "failures",
        "requested",
        "retries",
        "segment_bytes",
        "segments",
    )

    def __init__(self) -> None:
        self.blocks, self.block_bytes, self.requested = Figure(), Figure(), Figure()
        self.segments, self.segment_bytes = Figure(), Figure()
        self.retries = self.failures = 0

    def take(self, size: int, requested: int) -> None:
        """A block is in use."""
        self.blocks.rise(1)
        self.block_bytes.rise(size)
        self.requested.rise(requested)

    def give(self, size: int, requested: int) -> None:
        """A block is not in use any more."""
        self.blocks.fall(1)
        self.block_bytes.fall(size)
        self.requested.fall(requested)

    def figures(self) -> tuple[Figure, ...]:
        return self.blocks, self.block_bytes, self.requested, self.segments, self.segment_bytes

    def reset_peak(self) -> None:
        """Let the highest begin again at what is in use."""
        for figure in self.figures():
            figure.peak = figure.current

    def reset_accumulated(self) -> None:
        """Let what was taken and given back begin again at 0."""
        for figure in self.figures():
            figure.allocated = figure.freed = 0
        self.retries = self.failures = 0


__all__ = ["Figure", "Ledger"]
