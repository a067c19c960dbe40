"""The words that the allocator's machine code and Python both read and write."""

from __future__ import annotations

from enum import IntEnum

BINS = 320
"""Lists of free blocks, one for each size."""


class Word(IntEnum):
    """The allocator's words of 64 bits."""

    LIMIT = 0  # bytes that may be kept
    KEPT = 1  # bytes of free blocks
    LIVE = 2  # bytes in use
    PEAK = 3  # the most of these
    TAKEN = 4  # blocks that were asked for,
    REUSED = 5  # and those of them that were kept ones
    FETCHED = 6  # blocks from the system
    RETURNED = 7  # blocks given back to it
    BLOCKS = 8  # blocks in use
    CURSOR = 9  # the bin where sweeping goes on
    FIRST = 16  # a word for each bin: its first free block
    ASKED = FIRST + BINS  # a word for each bin: was it asked for since the last sweep?


SIZE = Word.ASKED + BINS
"""The allocator's words."""
STATISTICS = tuple(word for word in Word if word <= Word.BLOCKS)
