"""Which threads share a row: chosen by the sizes alone, so that a result has the same bits on every GPU."""

from __future__ import annotations

from typing import NamedTuple

from .thread import WARP

SIZES = (4, 8, 16, WARP, 128, 512)
KEPT, CHUNKS = 16, 8
"""Words of a row that a thread keeps in registers at most, and vectors."""
PIECE, PIECES = 4096, 1024
"""A long row is cut in pieces of so many elements or more, and a launch in no more than so many."""
FEW = 128
"""Rows that are cut when they are long take fewer blocks than this."""
LONG = 16
"""Pieces of a row from which on launches for each walk of it are worth their time."""


class Team(NamedTuple):
    """Which threads share a row.

    Attributes:
        size: How many: a power of two, within a warp or whole warps.
        block: The threads of a block.
        across: Do the threads of a warp belong to neighbouring rows? Else they follow one row.
        chunks: How many vectors of the row each thread keeps in registers, so that memory is read once; 0 where rows are
            too long for it and are read again for each walk.
        ahead: How many vectors a thread that keeps none asks for before it needs the first.
    """

    size: int
    block: int
    across: bool = False
    chunks: int = 0
    ahead: int = 1

    @property
    def rows(self) -> int:
        """Rows of a block."""
        return self.block // self.size


def along(length: int, wide: int, words: int, walks: int) -> Team:
    """A team whose threads follow the row.

    A row that is walked more than once stays in registers where it fits; one that is walked once needs only threads
    enough.

    Args:
        length: Of a row.
        wide: Elements of a vector.
        words: What a vector takes of registers, in all operands or in all reductions of a walk.
        walks: How often a row is walked.
    """
    vectors, most = -(-length // wide), min(CHUNKS, max(1, KEPT // words))
    for size in SIZES:
        each = -(-vectors // size)
        if walks > 1 and each <= (most if size == SIZES[-1] else max(1, most // 2)):
            return Team(size, max(128, size), False, _power(each))
        if walks <= 1 and each <= 8:
            break
    return Team(size, max(128, size))


def across(length: int, words: int, walks: int, is_light: bool) -> Team:
    """A team whose warps each hold the same neighbouring rows. `is_light`: is there little to compute for an element?"""
    size = 16 if length >= 64 else 4
    each = -(-length // size)
    if walks > 1 and each <= min(CHUNKS, KEPT // words):
        return Team(size, WARP * size, True, _power(each))
    return Team(size, WARP * size, True, 0, 4 if is_light and each >= 4 else 1)


class Cut(NamedTuple):
    """How rows are cut: a team for each piece, how many pieces a row has, how long they are; and are they many?"""

    team: Team
    pieces: int
    chunk: int
    many: bool


def cut(rows: int, length: int, is_across: bool, wide: int) -> Cut | None:
    """How few long rows are cut; None for others."""
    team = Team(16, 16 * WARP, True, 0, 4) if is_across else Team(256, 256)
    blocks = -(-rows // team.rows)
    # Threads of neighbouring rows ask for 4 bytes at a time: it takes more of them to keep the memory busy.
    few = 4 * FEW if is_across and length >= 128 * team.size else FEW
    if blocks >= few:
        return None
    whole = -(-length // (16 * team.size if is_across else PIECE))
    pieces = min(whole, PIECES // blocks)
    if pieces < 2:
        return None
    chunk = -(-length // pieces)
    chunk = -(-chunk // (team.size * wide)) * team.size * wide
    return Cut(team, -(-length // chunk), chunk, whole >= LONG and blocks < FEW // 4)


def _power(n: int) -> int:
    """The power of two from n on."""
    return 1 << (n - 1).bit_length()
