"""What a strided nest is told: the words of its frame, which entry points and the arrangement write.

The elements of the result are lines of `LENGTH` elements along the dimension in which it is dense (p); `ACROSS`
lines lie along a second dimension (q); all other dimensions are outer ones. A row of the nest's work is one place of the
outer dimensions and `LINES` lines. Steps of operands are bytes.
"""

from __future__ import annotations

from enum import IntEnum

MOST_OUTER = 6
"""Outer dimensions, once those that lie behind each other are merged."""
MOST_OPERANDS = 16
STILL, MOVES, STAGED = range(3)
"""What an operand does along p: one value for the line; the next element with each; another step, so that blocks of it
are copied to where they lie in order."""


class Word(IntEnum):
    """The first words; behind them stand the operands, and then the parameters."""

    TOTAL = 0
    ROWS = 1
    LENGTH = 2
    CHUNK = 3  # of a line, that is computed at once
    ACROSS = 4
    LINES = 5
    BLOCKS = 6  # of lines, along q
    OUTER = 7  # how many outer dimensions there are
    SIZES = 8  # theirs
    OPERANDS = 8 + MOST_OUTER


class Part(IntEnum):
    """The words of an operand; results come first."""

    POINTER = 0
    KIND = 1
    P = 2
    Q = 3
    OUTER = 4
    SIZE = 4 + MOST_OUTER


class StridedFrame:
    """Where each fact stands in the frame."""

    def __init__(self, outputs: int, inputs: int, parameters: int):
        self.outputs, self.operands = outputs, outputs + inputs
        self.parameter = Word.OPERANDS + self.operands * Part.SIZE
        self.size = self.parameter + parameters

    def operand(self, k: int, part: Part) -> int:
        """A word of operand k; results are counted first."""
        return Word.OPERANDS + k * Part.SIZE + part


SCRATCH = 1 << 14
"""Bytes for the block of one operand, at most."""


def scratch(operands: int) -> int:
    """Bytes for the block of each operand, so that all fit into the first cache beside what is read in place."""
    return min(SCRATCH, (1 << 16) // operands & -1024)
