"""Philox 4x32-10, the generator of curand and of PyTorch on CUDA: four words for a counter, under a key.

A stream is named by a seed (the key), a subsequence (the counter's upper half, as a rule the thread's number) and an
offset in words (the lower half, in fours). Nothing else is kept, so that any thread finds its place at once.

Source: Salmon, Moraes, Dror and Shaw, Parallel random numbers: as easy as 1, 2, 3 (SC 2011)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ...llvm import Value
from ..thread import Thread

MULTIPLIERS = 0xD2511F53, 0xCD9E8D57
WEYL = 0x9E3779B9, 0xBB67AE85
"""What the key moves on by from round to round."""
ROUNDS = 10
WORDS = 4


class Origin(NamedTuple):
    """Where a kernel's numbers begin.

    Attributes:
        seed: The key, of 64 bits.
        offset: Words to leave out, a multiple of four.
        captured: 0, or the address of two 64-bit integers on the device, the seed and what to add to the offset: those of
            the replay, where the launch is captured in a graph.
    """

    seed: int
    offset: int
    captured: int = 0

    def arguments(self) -> tuple[np.uint64, np.uint64, np.uint64]:
        """What a kernel that takes `PARAMETERS` is given."""
        return np.uint64(self.seed), np.uint64(self.offset), np.uint64(self.captured)


Take = Callable[[int], Origin]
"""A generator: so many words of each subsequence, to be used once."""

PARAMETERS = "i64 seed", "i64 offset", "i64 captured"


class Stream:
    """The words of one subsequence, four at a time, in the code of a thread.

    Args:
        origin: The kernel's `PARAMETERS`.
        subsequence: Its number, of type i64.
    """

    def __init__(self, code: Thread, origin: Sequence[Value], subsequence: Value):
        seed, offset, captured = origin
        key, self.counter = code.variable(seed), code.variable(offset)
        with code.when(captured.differs(0)):
            place = captured.as_pointer()
            key.value = code.load(place, "i64")
            self.counter.value = offset + code.load(place.word(1), "i64")
        self.key = halves(key.value)
        self.upper = halves(subsequence)
        self.counter.value = self.counter.value.down(2)

    def four(self) -> list[Value]:
        """The next four words."""
        counter = self.counter.value
        self.counter.value = counter + 1
        return block([*halves(counter), *self.upper], self.key)


def halves(x: Value) -> list[Value]:
    """The lower and the upper word of an i64."""
    return [x.convert("i32"), x.down(32).convert("i32")]


def joined(low: Value, high: Value) -> Value:
    """An i64 of two words."""
    return (high.widen("i64") << 32) | low.widen("i64")


def block(counter: Sequence[Value], key: Sequence[Value]) -> list[Value]:
    """The four words of a counter of four words, under a key of two."""
    x, k = list(counter), list(key)
    for _ in range(ROUNDS):
        (low, high), (low2, high2) = (
            halves(x[i].widen("i64") * by) for i, by in zip((0, 2), MULTIPLIERS)
        )
        x = [high2 ^ x[1] ^ k[0], low2, high ^ x[3] ^ k[1], low]
        k = [word + signed(step) for word, step in zip(k, WEYL)]
    return x


def signed(word: int) -> int:
    """The integer of the same 32 bits, as LLVM writes it."""
    return word - (1 << 32) if word >> 31 else word


__all__ = ["PARAMETERS", "WORDS", "Origin", "Stream", "Take", "block", "halves", "joined"]
