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
    kernel, size = kernels.array.rejection.drawer(name, given[0].dtype), made.size
    with generator.lock:
        if size <= BLOCK and _is_drawn(kernel, (*given, *tails), made, size, generator, refuse):
            return
        if refuse is not None and not (given[0] >= 0).all():
            refuse()
        left, waits = _waiting(generator)

        def draw(words: np.ndarray, at: int) -> tuple[int, int]:
            arrays, rest = [x[at:] for x in given], size - at
            status = kernel(
                *arrays, *tails, words, made[at:], waits, left, 1, rest, rest, 0, 0, len(words)
            )
            return status >> 32, status & _LOW

        until_made(size, generator, draw)
        generator.next_normal = left.item() if waits.item() else None


_LOW = 0xFFFF_FFFF


def _waiting(generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """The normal number that waits, and whether there is one, where kernels find them."""
    waiting, left, waits = generator.next_normal, generator.left, generator.waits
    if waiting is None:
        waits[0] = 0
    else:
        left[0], waits[0] = waiting, 1
    return left, waits


def _is_drawn(
    kernel: Callable[..., int], given: Sequence[np.ndarray], made: np.ndarray, size: int, generator: Generator,
    refuse: Callable[[], None] | None,
) -> bool:  # fmt: skip
    """Draw of the rest of the present block; False, and nothing drawn, where it does not suffice."""
    stream = generator.stream
    if stream is None:
        return False
    start = stream.used
    left, waits = _waiting(generator)
    status = kernel(*given, stream.block, made, waits, left, 1, size, size, 0, start, BLOCK - start)
    if status >> 32 != size:
        if status >= _WRONG and refuse is not None:
            refuse()
        return False
    stream.used = start + (status & _LOW)
    generator.next_normal = left.item() if waits.item() else None
    return True


_WRONG = 1 << 61
"""What a kernel gives at least that met a parameter out of its range."""


def rejecting(
    name: str, sample: np.ndarray, *tails: np.ndarray, refuse: Callable[[], None] | None = None
) -> Callable[..., np.ndarray] | None:
    """What draws for arrays like one, given these and a generator; None where that is not for a kernel, or takes long."""
    shape, dtype, size, empty = sample.shape, sample.dtype, sample.size, np.empty
    kernel = kernels.array.rejection.drawer(name, dtype) if 0 < size <= BLOCK else None
    if kernel is None:
        return None

    def draw(generator: Generator, *given: np.ndarray) -> np.ndarray:
        made = empty(shape, dtype)
        for x in given:
            if not x.flags.carray:
                given = tuple([np.require(y, None, "CA") for y in given])
                break
        with generator.lock:
            if not _is_drawn(kernel, (*given, *tails), made, size, generator, refuse):
                flat = [x.reshape(-1) for x in given]
                rejected(name, flat, made.reshape(-1), generator, *tails, refuse=refuse)
        return made

    return draw


def until_made(
    size: int,
    generator: Generator,
    draw: Callable[[np.ndarray, int], tuple[int, int]],
) -> None:
    """Let `draw` make `size` numbers, of which each takes as many words as it takes.

    Args:
        draw: Given words and how many numbers are made already, makes more as far as the words reach, and says how many
            these are and how many words they took. A number that lacks words is begun again with more of them.
    """
    done = used = 0
    words = before = None
    while done < size:
        blocks = (size - done) * used // max(done, 1) * 9 // (10 * BLOCK)  # rather too few
        before = generator.raw_state() if blocks > 1 else None
        if blocks > 1:
            fresh = generator.take(BLOCK * min(blocks, CHUNK // BLOCK))
        else:
            fresh = generator.take(generator.rest().size or BLOCK)
        words = fresh if words is None else np.concatenate((words, fresh))
        count, took = draw(words, done)
        done, used, words = done + count, used + took, words[took:]
    if words is None or not words.size:
        return
    if before is None:
        generator.give_back(words.size)
    else:
        generator.restore(before)
        generator.take(fresh.size - words.size)
