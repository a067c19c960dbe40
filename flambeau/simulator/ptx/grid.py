"""A kernel's launch: threads as elements of arrays, in groups that are at the same block.

All threads of some blocks run in step. Where they part at a branch their group parts too, and the one that is furthest
behind goes first, so that they meet again. A barrier waits for all threads of its blocks, an exchange for all of its warps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..memory import Memory
from .geometry import WARP, Dimensions, Geometry, geometry
from .group import Group
from .plan import Block, Plan, Region
from .region import joins, region
from .space import Spaces

TOGETHER = 8192
"""How many threads run in step at most, unless a block has more."""
LIMIT = 2_000_000
"""How many blocks of instructions threads may execute before they are taken to run for ever."""
_EVERY = np.uint32(0xFFFFFFFF)


class Batch:
    """Some blocks of a launch, from their first instruction to their last."""

    def __init__(
        self,
        plan: Plan,
        memory: Memory,
        geometry: Geometry,
        initial: list[Any],
        parameters: np.ndarray,
        dynamic: int,
    ):
        self.plan, self.geometry, self.count = plan, geometry, geometry.count
        self.name = plan.name
        layout = plan.layout
        variables = layout.shared
        if layout.is_dynamic and dynamic:
            variables = [*variables, (layout.shared_size, layout.shared_size + dynamic)]
        shared = -(-(layout.shared_size + dynamic) // 16) * 16
        self.spaces = Spaces(
            memory,
            geometry.count // geometry.size,
            geometry.size,
            shared,
            layout.local_size,
            variables,
            layout.grain,
        )
        self.spaces.bytes["param"] = parameters
        self.initial = initial.copy()
        sizes = {"%dynamic_smem_size": dynamic, "%total_smem_size": shared}
        for slot, name in plan.specials:
            known = name in sizes
            self.initial[slot] = np.uint32(sizes[name]) if known else geometry.special(name)
        self.running = [Group(self, 0, None, self.initial.copy())]
        self.waiting: list[Group] = []
        self.within: Region | None = None
        self.left = LIMIT

    def run(self) -> None:
        while self.running or self.waiting:
            if self.running:
                self.advance(self.next())
            else:
                self.release()

    def next(self) -> Group:
        """Who goes on: those furthest behind, together."""
        ready = [group.at for group in self.running if not group.stuck]
        if not ready:
            group = self.running[0]
            block = self.plan.blocks[group.at]
            group.fault(block.together, 0, "not all threads of the warp that it names come here")
        at = min(ready)
        here = [group for group in self.running if group.at == at]
        self.running = [group for group in self.running if group.at != at]
        return here[0] if len(here) == 1 else self.merged(here)

    def merged(self, groups: list[Group]) -> Group:
        """Groups at one block as one."""
        at = groups[0].at
        lanes = np.sort(np.concatenate([group.threads() for group in groups]))
        whole = len(lanes) == self.count
        made = Group(self, at, None if whole else lanes, self.initial.copy())
        places = [made.numbers(group.threads()) for group in groups]
        for slot in self.within.live[at] if self.within is not None else self.plan.live[at]:
            made.r[slot] = _joined([group.r[slot] for group in groups], places, len(lanes))
        return made

    def advance(self, group: Group) -> bool:
        """Let a group run until it ends, parts, waits or is ahead of another one; does it come to the region's end?"""
        blocks, running = self.plan.blocks, self.running
        join = -1 if self.within is None else self.within.join
        while True:
            block = blocks[group.at]
            self.left -= 1
            if self.left < 0:
                group.fault(
                    block.end, 0, f"it does not end: {LIMIT:,} blocks of instructions were executed"
                )
            if block.together is not None:
                found = self.assembled(group, block)
                if found is None:
                    return False
                group = found
            r = group.r
            for step in block.steps:
                step(r, group)
            if block.last == "next":
                group.at = block.targets[0]
            elif not self.turn(group, block):
                return False
            if group.at == join:
                return True
            if running and group.at >= min(other.at for other in running):
                running.append(group)
                return False

    def turn(self, group: Group, block: Block) -> bool:
        """What comes at a block's end; does the group go on as it is?"""
        if block.last == "if":
            return self.branch(group, block)
        if block.last == "barrier":
            return self.meet(group, block)
        if block.last == "table":
            return self.choose(group, block)
        if block.last == "trap":
            group.fault(block.end, 0, "a trap")
        return False

    def branch(self, group: Group, block: Block) -> bool:
        taken = group.r[block.slot]
        target, onward = block.targets
        if type(taken) is not np.ndarray:
            group.at = target if bool(taken) != block.negated else onward
            return True
        count = np.count_nonzero(taken)
        if count in (0, group.count):
            group.at = target if bool(count) != block.negated else onward
            return True
        taken = ~taken if block.negated else taken
        region = self.region(group.at)
        if region is None:
            live = self.plan.live
            self.running += [
                group.split(taken, target, live[target]),
                group.split(~taken, onward, live[onward]),
            ]
            return False
        for where, start in ((taken, target), (~taken, onward)):
            if start != region.join:
                self.run_through(region, group, where, start)
        group.at = region.join
        return True

    def region(self, branch: int) -> Region | None:
        plan = self.plan
        if branch not in plan.regions:
            plan.joins = plan.joins or joins(plan.blocks)
            plan.regions[branch] = region(plan.blocks, plan.live, branch, plan.joins[branch])
        return plan.regions[branch]

    def run_through(self, region: Region, group: Group, where: Any, start: int) -> None:
        """Run some threads of a group to where the others wait, and take over what they wrote."""
        before = self.running, self.within
        self.running, self.within = [group.split(where, start, region.live[start])], region
        arrived: list[Group] = []
        while self.running:
            found = self.next()
            if found.at != region.join and not self.advance(found):
                continue
            arrived.append(found)
        self.running, self.within = before
        written: dict[int, Any] = {}
        for some in arrived:
            whole = len(arrived) == 1 and some.count == np.count_nonzero(where)
            places = where if whole else group.numbers(some.threads())
            for slot in region.writes:
                value = some.r[slot]
                if value is None:
                    continue
                if slot not in written:
                    written[slot] = _copied(group.r[slot], value, group.count)
                written[slot][places] = value
        for slot, value in written.items():
            group.r[slot] = value

    def choose(self, group: Group, block: Block) -> bool:
        """`brx`: a branch by number."""
        which = np.broadcast_to(group.r[block.slot], group.count)
        bad = np.flatnonzero(which >= len(block.targets))
        if bad.size:
            group.fault(block.end, int(bad[0]), f"entry {which[bad[0]]} of {len(block.targets)}")
        for k in np.unique(which).tolist():
            target = block.targets[k]
            self.running.append(group.split(which == k, target, self.plan.live[target]))
        return False

    # --------------------------------------------------------------------------------- meetings

    def meet(self, group: Group, block: Block) -> bool:
        """A barrier of whole blocks."""
        if group.lanes is not None:
            self.waiting.append(group)
            return False
        self.pass_barrier(group)
        group.at = block.targets[0]
        return True

    def pass_barrier(self, group: Group) -> None:
        if self.spaces.races is not None:
            blocks = slice(None) if group.lanes is None else np.unique(group.blocks())
            self.spaces.races.pass_barrier(blocks)

    def release(self) -> None:
        """Nobody else can come: those who wait must be whole blocks, at one barrier each."""
        waiting, self.waiting = self.waiting, []
        for at in sorted({group.at for group in waiting}):
            here = [group for group in waiting if group.at == at]
            group = here[0] if len(here) == 1 else self.merged(here)
            blocks, counts = np.unique(group.blocks(), return_counts=True)
            if (counts != self.geometry.size).any():
                few = counts[counts != self.geometry.size][0]
                which = int(np.flatnonzero(group.blocks() == blocks[counts == few][0])[0])
                what = f"{few} of {self.geometry.size} threads of the block come to this barrier; the others do not"
                group.fault(self.plan.blocks[at].end, which, what)
            self.pass_barrier(group)
            group.at = self.plan.blocks[at].targets[0]
            self.running.append(group)

    def assembled(self, group: Group, block: Block) -> Group | None:
        """Those of a group whose warps are complete; the others wait for who is missing."""
        mask = group.r[block.mask] if block.mask >= 0 else _EVERY
        if group.lanes is None and type(mask) is not np.ndarray and mask == _EVERY:
            return group
        bits = np.uint32(1) << group.lane_bits()
        unnamed = np.flatnonzero((bits & mask) == 0)
        if unnamed.size:
            group.fault(block.together, int(unnamed[0]), "its mask does not name the thread itself")
        if group.lanes is None:
            return group
        exists = np.minimum(group.room() + group.lane() + 1, WARP).astype(np.uint64)
        there = ((np.uint64(1) << exists) - np.uint64(1)).astype(np.uint32)
        missing = (mask & there & ~group.present()) != 0
        if not missing.any():
            return group
        live = self.plan.live[group.at]
        stays = group.split(missing, group.at, live)
        stays.stuck = True
        self.running.append(stays)
        return None if missing.all() else group.split(~missing, group.at, live)


def _joined(values: list[Any], places: list[Any], count: int) -> Any:
    """A register of several groups that have met."""
    first = values[0]
    if all(value is first for value in values[1:]):
        return first
    dtype = next(value.dtype for value in values if value is not None)
    if not any(isinstance(value, np.ndarray) or value is None for value in values):
        words = {value.tobytes() for value in values}
        if len(words) == 1:
            return first
    made = np.zeros(count, dtype)
    for value, where in zip(values, places, strict=True):
        if value is not None:
            made[where] = value
    return made


def _copied(old: Any, new: Any, count: int) -> Any:
    """A register of which some threads' words will change."""
    made = np.empty(count, new.dtype)
    if old is not None:
        made[:] = old
    return made


def launch(
    plan: Plan,
    memory: Memory,
    symbols: dict[str, int],
    grid: Dimensions,
    block: Dimensions,
    parameters: np.ndarray,
    dynamic: int = 0,
) -> None:
    """Run a kernel.

    Args:
        symbols: Addresses of the module's variables.
        parameters: The arguments' bytes, as they lie in parameter memory.
        dynamic: Bytes of a block's shared memory beyond what the kernel declares.
    """
    initial = plan.initial.copy()
    for slot, name, offset in plan.symbols:
        initial[slot] = np.int64(symbols[name] + offset)
    for slot, offset, kind in plan.parameters:
        size = np.dtype(kind).itemsize
        initial[slot] = parameters[offset : offset + size].view(kind)[0]
    total = grid[0] * grid[1] * grid[2]
    together = max(1, TOGETHER // (block[0] * block[1] * block[2]))
    with np.errstate(all="ignore"):
        for first in range(0, total, together):
            threads = geometry(grid, block, first, min(together, total - first))
            Batch(plan, memory, threads, initial, parameters, dynamic).run()


__all__ = ["LIMIT", "TOGETHER", "Batch", "launch"]
