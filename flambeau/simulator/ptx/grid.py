"""A kernel's launch: threads as elements of arrays, in groups that are at the same block.

All threads of some blocks run in step. Where they part at a branch their group parts too, and the one that is furthest
behind goes first, so that they meet again. A barrier waits for all threads of its blocks, an exchange for all of its warps.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np

from ..memory import Memory
from .fault import Fault
from .parser import Instruction
from .plan import Block, Plan
from .region import Region, joins, region
from .space import Spaces

WARP = 32
TOGETHER = 8192
"""How many threads run in step at most, unless a block has more."""
LIMIT = 2_000_000
"""How many blocks of instructions threads may execute before they are taken to run for ever."""
Dimensions = tuple[int, int, int]
_EVERY = np.uint32(0xFFFFFFFF)


class Geometry:
    """Who the threads of some blocks are."""

    def __init__(self, grid: Dimensions, block: Dimensions, first: int, count: int):
        self.grid, self.block, self.first = grid, block, first
        size = block[0] * block[1] * block[2]
        self.size, self.count = size, size * count
        self.thread = np.arange(self.count)
        inside = self.thread % size
        self.blocks = self.thread // size
        self.lane = (inside % WARP).astype(np.int32)
        self.warps_of_block = -(-size // WARP)
        self.warp = self.blocks * self.warps_of_block + inside // WARP
        self.warps = count * self.warps_of_block
        self.sources: dict[Any, Any] = {}
        self.special = {
            **{f"%ntid.{a}": np.uint32(n) for a, n in zip("xyz", block, strict=True)},
            **{f"%nctaid.{a}": np.uint32(n) for a, n in zip("xyz", grid, strict=True)},
            **dict(zip(("%tid.x", "%tid.y", "%tid.z"), _places(inside, block), strict=True)),
            **dict(
                zip(
                    ("%ctaid.x", "%ctaid.y", "%ctaid.z"),
                    _places(self.blocks + first, grid),
                    strict=True,
                )
            ),
            "%laneid": self.lane.astype(np.uint32),
            "%warpid": (inside // WARP).astype(np.uint32),
            "%nwarpid": np.uint32(32),
            "%smid": (self.blocks + first).astype(np.uint32),
            "%nsmid": np.uint32(grid[0] * grid[1] * grid[2]),
            "%gridid": np.uint32(0),
        }
        one, lane = np.uint32(1), self.lane.astype(np.uint32)
        below = (one << lane) - one
        self.special |= {
            "%lanemask_eq": one << lane,
            "%lanemask_lt": below,
            "%lanemask_le": below | one << lane,
            "%lanemask_gt": ~(below | one << lane),
            "%lanemask_ge": ~below,
        }


def _places(flat: Any, dimensions: Dimensions) -> Iterator[Any]:
    """Numbers along three dimensions, the first one fastest: scalars where all are 0."""
    for n in dimensions:
        yield np.uint32(0) if n == 1 else (flat % n).astype(np.uint32)
        flat = flat // n


_geometry = lru_cache(256)(Geometry)


class Group:
    """Threads that are at the same block.

    Attributes:
        at: The block's number.
        lanes: Which threads of the batch they are, in order; None for all.
        r: Their registers.
    """

    __slots__ = ("at", "batch", "count", "kept", "lanes", "r", "stuck")

    def __init__(self, batch: Batch, at: int, lanes: Any, r: list[Any]):
        self.batch, self.at, self.lanes, self.r = batch, at, lanes, r
        self.count = batch.count if lanes is None else len(lanes)
        self.kept: dict[str, Any] = {}
        self.stuck = False

    def of(self, name: str) -> Any:
        """One of the geometry's arrays for these threads."""
        whole = getattr(self.batch.geometry, name)
        if self.lanes is None:
            return whole
        found = self.kept.get(name)
        if found is None:
            found = self.kept[name] = whole[self.lanes]
        return found

    def threads(self) -> Any:
        return self.of("thread")

    def blocks(self) -> Any:
        return self.of("blocks")

    def warps(self) -> Any:
        return self.of("warp")

    def lane(self) -> Any:
        return self.of("lane")

    def lane_bits(self) -> Any:
        return self.of("lane").astype(np.uint32)

    def numbers(self, threads: Any) -> Any:
        """Which of these threads those of the batch are."""
        return threads if self.lanes is None else np.searchsorted(self.lanes, threads)

    def part(self, where: Any) -> Group:
        """Some of these threads, without registers."""
        return Group(self.batch, self.at, self.threads()[where], [])

    def split(self, where: Any, target: int, live: list[int]) -> Group:
        """Some of these threads, at another block, with the registers that are still of use there."""
        r, own = self.batch.initial.copy(), self.r
        for slot in live:
            value = own[slot]
            r[slot] = value[where] if type(value) is np.ndarray else value
        return Group(self.batch, target, self.threads()[where], r)

    # ----------------------------------------------------------------------------------- warps

    def starts(self) -> tuple[Any, Any]:
        """Where each warp begins among these threads, and which of them each thread belongs to."""
        found = self.kept.get("starts")
        if found is None:
            warps = self.warps()
            first = np.r_[True, warps[1:] != warps[:-1]]
            found = self.kept["starts"] = (np.flatnonzero(first), np.cumsum(first) - 1)
        return found

    def over_warps(self, join: np.ufunc, values: Any) -> Any:
        """Values joined over each warp, for each of its threads."""
        starts, own = self.starts()
        return join.reduceat(values, starts)[own]

    def each_warp(self) -> Iterator[slice]:
        starts, _ = self.starts()
        for start, stop in zip(starts, [*starts[1:], self.count], strict=True):
            yield slice(start, stop)

    def present(self) -> Any:
        """The threads of each thread's warp that are here, as bits."""
        found = self.kept.get("present")
        if found is None:
            bits = np.uint32(1) << self.lane_bits()
            found = self.kept["present"] = self.over_warps(np.bitwise_or, bits)
        return found

    def places(self, lane: Any, i: Instruction) -> Any:
        """Where among these threads those lanes of each thread's warp are."""
        wanted = self.threads() - self.lane() + lane
        if self.lanes is None:
            if self.batch.geometry.size % WARP:
                bad = np.flatnonzero(lane > self.lane() + self.room())
                if bad.size:
                    self.fault(i, int(bad[0]), "it reads a thread that the block does not have")
            return wanted
        found = np.minimum(np.searchsorted(self.lanes, wanted), self.count - 1)
        bad = np.flatnonzero(self.lanes[found] != wanted)
        if bad.size:
            self.fault(i, int(bad[0]), "it reads a thread that is not there")
        return found

    def room(self) -> Any:
        """How many threads of its block stand behind each."""
        size = self.batch.geometry.size
        return size - 1 - self.threads() % size

    # ---------------------------------------------------------------------------------- faults

    def fault(self, i: Instruction | None, which: int, what: str) -> None:
        """Stop: one of these threads did what it must not.

        Raises:
            Fault: Always.
        """
        thread = int(self.threads()[min(which, self.count - 1)])
        geometry = self.batch.geometry
        inside, block = thread % geometry.size, thread // geometry.size + geometry.first
        where = f"block {_shown(block, geometry.grid)}, thread {_shown(inside, geometry.block)}"
        at = f" at {i.text!r}" if i is not None else ""
        raise Fault(f"kernel {self.batch.plan.name}{at}, {where}: {what}")


def _shown(flat: int, dimensions: Dimensions) -> tuple[int, ...]:
    return tuple(int(x) for x in _places(np.array(flat), dimensions))


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
        self.warps = geometry.warps
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
        for slot, name in plan.specials:
            self.initial[slot] = (
                geometry.special[name] if name in geometry.special else _other(name, dynamic, plan)
            )
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


def _other(name: str, dynamic: int, plan: Plan) -> Any:
    if name == "%dynamic_smem_size":
        return np.uint32(dynamic)
    if name == "%total_smem_size":
        return np.uint32(dynamic + plan.layout.shared_size)
    return np.uint64(0) if "64" in name or "global" in name else np.uint32(0)


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
            geometry = _geometry(grid, block, first, min(together, total - first))
            Batch(plan, memory, geometry, initial, parameters, dynamic).run()


__all__ = ["LIMIT", "TOGETHER", "WARP", "Batch", "Geometry", "Group", "launch"]
