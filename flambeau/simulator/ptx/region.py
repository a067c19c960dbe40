"""What lies between a branch and the block where its threads meet again.

Threads that part are run through it on their own, with the registers that it reads, and leave those that it wrote. The
others need not be touched.
"""

from __future__ import annotations

from .plan import Block, Region, alive_until


def joins(blocks: list[Block]) -> list[int]:
    """For each block the next one that all ways from it lead to, -1 where there is none: immediate postdominators."""
    n = len(blocks)
    every = (1 << n) - 1
    behind = [every if block.targets else 1 << k for k, block in enumerate(blocks)]
    changed = True
    while changed:
        changed = False
        for k in range(n - 1, -1, -1):
            if blocks[k].targets:
                both = every
                for target in blocks[k].targets:
                    both &= behind[target]
                both |= 1 << k
                changed |= both != behind[k]
                behind[k] = both
    found: dict[int, int] = {}
    for k in range(n):
        found.setdefault(behind[k], k)
    return [found.get(behind[k] & ~(1 << k), -1) for k in range(n)]


def region(blocks: list[Block], live: list[list[int]], branch: int, join: int) -> Region | None:
    """What is between a block's branch and the block where it ends; None where threads wait for others on the way."""
    if join < 0:
        return None
    inside: set[int] = set()
    stack = [target for target in blocks[branch].targets if target != join]
    while stack:
        k = stack.pop()
        if k in inside:
            continue
        inside.add(k)
        if blocks[k].together is not None or blocks[k].last == "barrier":
            return None
        stack += [target for target in blocks[k].targets if target != join]
    written = set().union(*(blocks[k].writes for k in inside))
    kept = written.intersection(live[join])
    return Region(join, alive_until(blocks, inside, kept), sorted(kept))


__all__ = ["joins", "region"]
