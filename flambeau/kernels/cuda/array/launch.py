"""How many threads do a piece of work, and the loop in which each takes its share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...llvm import Value, choose
from ..launch import grid_of
from ..thread import Thread

THREADS = 256
"""Threads of a block."""
WAVES = 8
"""Blocks for each multiprocessor: as many as it holds of this size, with all its registers in use."""


def blocks(count: int, threads: int = THREADS) -> int:
    """The blocks of a grid-stride loop over `count` elements, of which there is at least one."""
    return grid_of(count, threads, WAVES)


def turns(size: int) -> int:
    """How many elements of so many bytes a thread has under way at once, for memory to be busy."""
    return max(1, min(4, 16 // size))


def share(
    code: Thread,
    total: Value,
    count: int,
    fetch: Callable[[Value], Any],
    put: Callable[[Any], None],
) -> None:
    """A thread's share of `total` elements: it fetches `count` of them, then it puts those.

    Of what is fetched for elements behind the last one, nothing is put.
    """
    threads = code.threads(total.type)
    with code.loop(code.first(total.type), total, threads * count) as i:
        held = []
        for u in range(count):
            at = i + threads * u if u else i
            inside = at < total if u else None
            held.append((inside, fetch(at if inside is None else choose(inside, at, i))))
        for inside, found in held:
            if inside is None:
                put(found)
            else:
                with code.when(inside):
                    put(found)
