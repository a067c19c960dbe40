"""Numbers of which each takes as many words as it takes, by the kernels of `kernels/array/rejection.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ... import kernels
from .generator import BLOCK, Generator
from .words import CHUNK


def rejected(
    name: str, given: Sequence[np.ndarray], made: np.ndarray, generator: Generator, *tails: np.ndarray,
    refuse: Callable[[], None] | None = None,
) -> None:  # fmt: skip
    """Fill an array in order with numbers of a kernel.

    Args:
        name: The kernel's.
        given: Arrays in order of one dtype, with an element for each number.
        tails: Further arrays.
        refuse: Raises an error for a parameter below 0, before anything is drawn.
    """
    kernel = kernels.array.rejection.drawer(name, given[0].dtype)
    with generator.lock:
        _draw(kernel, given, tails, made, made.size, generator, refuse)


_LOW = 0xFFFF_FFFF


def _waiting(generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """The normal number that waits, and whether there is one, where kernels find them."""
    waiting, left, waits = generator.next_normal, generator.left, generator.waits
    if waiting is None:
        waits[0] = 0
    else:
        left[0], waits[0] = waiting, 1
    return left, waits


def _draw(
    kernel: Callable[..., int], given: Sequence[np.ndarray], tails: tuple[np.ndarray, ...], made: np.ndarray,
    size: int, generator: Generator, refuse: Callable[[], None] | None,
) -> None:  # fmt: skip
    """Draw of the rest of the present block; if that does not suffice all anew with the next block too, and so on."""
    stream = generator.stream or generator.started()
    start = stream.used
    rest = BLOCK - start
    left, waits = _waiting(generator)
    if rest > 1:
        status = kernel(
            *given, *tails, stream.block, made, waits, left, 1, size, size, 0, start, rest
        )
        if status >= _WRONG and refuse is not None:
            refuse()
        if status >> 32 == size:
            stream.used = start + (status & _LOW)
            generator.next_normal = left.item() if waits.item() else None
            return
        left, waits = _waiting(generator)
    if refuse is not None and not (given[0] >= 0).all():
        refuse()
    words = generator.take(rest + BLOCK)
    status = kernel(*given, *tails, words, made, waits, left, 1, size, size, 0, 0, rest + BLOCK)
    if status >> 32 == size:
        stream.used = (status & _LOW) - rest
        generator.next_normal = left.item() if waits.item() else None
        return
    used = status & _LOW

    def draw(words: np.ndarray, at: int) -> tuple[int, int]:
        arrays, rest = [x[at:] for x in given], size - at
        status = kernel(
            *arrays, *tails, words, made[at:], waits, left, 1, rest, rest, 0, 0, len(words)
        )
        return status >> 32, status & _LOW

    _until_made(size, generator, draw, status >> 32, used, words[used:])
    generator.next_normal = left.item() if waits.item() else None


_WRONG = 1 << 61
"""What a kernel gives at least that met a parameter out of its range."""


def rejecting(
    name: str, sample: np.ndarray, *tails: np.ndarray, refuse: Callable[[], None] | None = None
) -> Callable[..., np.ndarray] | None:
    """What draws for arrays like one, given these and a generator; None where that is not for a kernel, or takes long."""
    if not kernels.enabled():
        return None
    shape, dtype, size = sample.shape, sample.dtype, sample.size
    kernel = kernels.array.rejection.drawer(name, dtype) if 0 < size <= BLOCK else None
    if kernel is None:
        return None
    empty = kernels.array.zeros.allocator()
    normal, one = name == "gamma", not tails and sample.flags.c_contiguous

    def draw(generator: Generator, *given: np.ndarray) -> np.ndarray:
        made = empty(shape, dtype)
        if not (one or all(x.flags.carray for x in given)):
            given = tuple([x.copy() for x in given])
        lock = generator.lock
        lock.acquire()
        try:
            stream = generator.stream
            if normal or stream is None or (rest := BLOCK - (start := stream.used)) < 2:
                _draw(kernel, given, tails, made, size, generator, refuse)
                return made
            left, waits = generator.left, generator.waits
            status = kernel(
                *given, *tails, stream.block, made, waits, left, 1, size, size, 0, start, rest
            )
            if status >> 32 == size:
                stream.used = start + (status & _LOW)
            else:
                _draw(kernel, given, tails, made, size, generator, refuse)
        finally:
            lock.release()
        return made

    return draw


def _until_made(
    size: int, generator: Generator, draw: Callable[[np.ndarray, int], tuple[int, int]], done: int, used: int,
    words: np.ndarray,
) -> None:  # fmt: skip
    """Let `draw` make `size` numbers, of which each takes as many words as it takes.

    Args:
        draw: Given words and how many numbers are made already, makes more as far as the words reach, and says how many
            these are and how many words they took. A number that lacks words is begun again with more of them.
        done, used: How many are made, and what words that took.
        words: Those that are left of them.
    """
    before = None
    while done < size:
        blocks = (size - done) * used // max(done, 1) * 9 // (10 * BLOCK)  # rather too few
        blocks = min(max(blocks, 1), CHUNK // BLOCK)
        before = generator.raw_state() if blocks > 1 else None
        fresh = generator.take(BLOCK * blocks)
        words = np.concatenate((words, fresh))
        count, took = draw(words, done)
        done, used, words = done + count, used + took, words[took:]
    if not words.size:
        return
    if before is None:
        generator.give_back(words.size)
    else:
        generator.restore(before)
        generator.take(fresh.size - words.size)
