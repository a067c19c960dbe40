"""A kernel decoded: blocks of steps, registers by number, and where branches lead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .operation import Registers, Step
from .parser import Instruction
from .variable import Layout

if TYPE_CHECKING:
    from .group import Group


@dataclass(slots=True)
class Block:
    """Instructions that are executed one after the other.

    Attributes:
        last: What comes at its end: "next", "if", "table", "barrier", "trap" or "exit".
        slot: The number of the register with the predicate, or with the table's entry.
        targets: The blocks that it leads to: of "if", where the predicate holds (where not, if `negated`) and where else.
        end: The instruction at its end.
        together: The instruction for which all threads of a warp that it names must be there before the block begins;
            `mask`: the number of the register that names them, negative for all.
        touched: For each step, the registers that it writes, and those that it reads.
        reads: The registers that it reads before it writes them; `writes`: those that it writes.
    """

    steps: list[Step] = field(default_factory=list)
    last: str = "next"
    slot: int = -1
    negated: bool = False
    targets: list[int] = field(default_factory=list)
    end: Instruction | None = None
    together: Instruction | None = None
    mask: int = -1
    touched: list[tuple[list[int], list[int]]] = field(default_factory=list)
    reads: set[int] = field(default_factory=set)
    writes: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Region:
    """The blocks behind a branch.

    Attributes:
        join: The block where all threads meet: the first that each way leads to.
        live: The registers that each of its blocks needs when it begins.
        writes: The registers that it may change and that are of use later.
    """

    join: int
    live: dict[int, list[int]]
    writes: list[int]


@dataclass(slots=True)
class Plan:
    """What the grid executes.

    Attributes:
        initial: What registers hold at first: constants, and None.
        parameters: Registers of parameters: number, place, type.
        specials, symbols: Registers of what a thread is, and of addresses of the module's variables: number, name, offset.
        live: The registers that each block or those behind it may read as they are when it begins.
        bound: How many threads a block may have.
        regions, joins: What lies behind branches, and where they end, found when threads part there.
    """

    name: str
    blocks: list[Block]
    initial: list[Any]
    parameters: list[tuple[int, int, str]]
    specials: list[tuple[int, str]]
    symbols: list[tuple[int, str, int]]
    live: list[list[int]]
    layout: Layout
    bound: int
    regions: dict[int, Region | None] = field(default_factory=dict)
    joins: list[int] = field(default_factory=list)


def in_order(blocks: list[Block]) -> list[Block]:
    """The blocks so that all but loops lead onward, without those that nothing leads to: a reverse postorder.

    Where a branch parts, what stands later in the text comes later, so that a loop's threads meet before what follows it.
    """
    done: list[int] = []
    seen = {0}
    stack = [(0, iter(sorted(blocks[0].targets, reverse=True)))]
    while stack:
        k, rest = stack[-1]
        target = next((t for t in rest if t not in seen), None)
        if target is None:
            done.append(k)
            stack.pop()
        else:
            seen.add(target)
            stack.append((target, iter(sorted(blocks[target].targets, reverse=True))))
    number = {k: n for n, k in enumerate(reversed(done))}
    for k in done:
        blocks[k].targets = [number[t] for t in blocks[k].targets]
    return [blocks[k] for k in reversed(done)]


def alive(blocks: list[Block]) -> list[list[int]]:
    """The registers that are still of use when each block begins."""
    found = alive_until(blocks, range(len(blocks)), ())
    return [found[k] for k in range(len(blocks))]


def alive_until(
    blocks: list[Block], inside: Iterable[int], last: Iterable[int]
) -> dict[int, list[int]]:
    """The registers that are of use when each of some blocks begins, where `last` are when they are left."""
    order = sorted(inside, reverse=True)
    live = {k: set(blocks[k].reads) for k in order}
    last, changed = set(last), True
    while changed:
        changed = False
        for k in order:
            after = set().union(*(live.get(t, last) for t in blocks[k].targets))
            more = after - blocks[k].writes - live[k]
            if more:
                live[k] |= more
                changed = True
    return {k: sorted(found) for k, found in live.items()}


_AT_ONCE = 8
"""How many registers are forgotten together."""


def forget(block: Block, made: set[int], live: set[int]) -> None:
    """Give registers back within a block when nothing reads them any more: their memory is used again while it is near.

    Args:
        made: The registers that steps write, of which alone that is so.
        live: Those that are of use behind the block.
    """
    needed = {*live, block.slot, block.mask}
    ends: list[set[int]] = []
    for outs, ins in reversed(block.touched):
        ended = made.intersection([*outs, *ins]) - needed
        needed |= ended
        ends.append(ended)
    steps: list[Step] = []
    waiting: list[int] = []
    for step, ended in zip(block.steps, reversed(ends), strict=True):
        steps.append(step)
        waiting += ended
        if len(waiting) >= _AT_ONCE:
            steps.append(_forgetting(waiting))
            waiting = []
    block.steps, block.touched = steps, []


def _forgetting(slots: list[int]) -> Step:
    def step(r: Registers, group: Group) -> None:
        for slot in slots:
            r[slot] = None

    return step


__all__ = ["Block", "Plan", "Region", "alive", "alive_until", "forget", "in_order"]
