"""What the threads of a warp do together: exchanges, votes, matches, reductions.

The grid lets none of these begin before all threads that the mask names have come to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .operation import Operation, Registers, Step, instruction, unsupported
from .parser import Instruction

if TYPE_CHECKING:
    from .group import Group

MASKS = {
    "shfl": -1,
    "vote": -1,
    "match": -1,
    "redux": -1,
    "bar": 0,
    "barrier": 0,
    "mma": None,
    "ldmatrix": None,
}
"""Which operand names the threads that must be there; None: all of the warp."""


@instruction("shfl")
def _shfl(i: Instruction) -> Iterator[Operation]:
    if i.modifiers[0] != "sync" or i.modifiers[-1] != "b32":
        raise unsupported(i)
    out, a, b, c, _ = i.operands
    d, _, p = out.partition("|")
    mode = i.modifiers[1]

    def make(kind: str, *slots: int) -> Step:
        target, *within, value, by, edge = slots

        def step(r: Registers, group: Group) -> None:
            x = r[value]
            places, inside = _places(mode, r[by], r[edge], i, group)
            r[target] = x[places] if type(x) is np.ndarray else x
            if within:
                r[within[0]] = inside

        return step

    outs = [(d, "b4")] + [(p, "?")] * bool(p)
    yield Operation(outs, [(a, "b4"), (b, "u4"), (c, "u4")], make, typed=True)


def _places(mode: str, by: Any, edge: Any, i: Instruction, group: Group) -> tuple[Any, Any]:
    """Which of the group's threads each one reads, and whether that is within its part of the warp."""
    if group.lanes is not None or type(by) is np.ndarray or type(edge) is np.ndarray:
        lane, inside = _source(mode, by, edge, group)
        return group.places(lane, i), inside
    kept, key = group.batch.geometry.kept, (mode, int(by), int(edge))
    if key not in kept:
        lane, inside = _source(mode, by, edge, group)
        kept[key] = group.places(lane, i), inside
    return kept[key]


def _source(mode: str, by: Any, edge: Any, group: Group) -> tuple[Any, Any]:
    """Which lane each thread reads."""
    own = group.lane()
    by, clamp, segment = (np.asarray(x).astype(np.int32) for x in (by, edge, edge >> 8))
    by, clamp, segment = by & 31, clamp & 31, segment & 31
    last = (own & segment) | (clamp & ~segment)
    if mode == "up":
        lane = own - by
        inside = lane >= last
    else:
        lane = {"down": own + by, "bfly": own ^ by, "idx": (own & segment) | (by & ~segment)}[mode]
        inside = lane <= last
    return np.where(inside, lane, own), inside


@instruction("vote")
def _vote(i: Instruction) -> Iterator[Operation]:
    if i.modifiers[0] != "sync":
        raise unsupported(i)
    out, a, _ = i.operands
    mode = i.modifiers[1]
    negated = a.startswith("!")

    def make(d: int, p: int) -> Step:
        def step(r: Registers, group: Group) -> None:
            said = np.broadcast_to(r[p] ^ negated, group.count)
            yes = group.over_warps(
                np.bitwise_or, np.where(said, np.uint32(1) << group.lane_bits(), 0)
            )
            if mode == "ballot":
                r[d] = yes
                return
            all_ = yes == group.present()
            r[d] = {"all": all_, "any": yes != 0, "uni": all_ | (yes == 0)}[mode]

        return step

    yield Operation([(out, "u4" if mode == "ballot" else "?")], [(a.lstrip("!"), "?")], make)


@instruction("activemask")
def _activemask(i: Instruction) -> Iterator[Operation]:
    def make(d: int) -> Step:
        def step(r: Registers, group: Group) -> None:
            r[d] = group.present()

        return step

    yield Operation([(i.operands[0], "u4")], [], make)


@instruction("match")
def _match(i: Instruction) -> Iterator[Operation]:
    """Which threads of the warp hold the same word."""
    out, a, _ = i.operands
    d, _, p = out.partition("|")
    kind, all_ = f"u{int(i.modifiers[-1][1:]) // 8}", i.modifiers[0] == "all"

    def make(*slots: int) -> Step:
        target, *whether, value = slots

        def step(r: Registers, group: Group) -> None:
            x = np.broadcast_to(r[value], group.count)
            found = np.empty(group.count, np.uint32)
            bits = np.uint32(1) << group.lane_bits()
            for part in group.each_warp():
                same = x[part][:, None] == x[part]
                found[part] = np.where(same, bits[part], 0).sum(1).astype(np.uint32)
            if all_:
                agreed = found == group.present()
                found = np.where(agreed, found, 0).astype(np.uint32)
                for slot in whether:
                    r[slot] = agreed
            r[target] = found

        return step

    yield Operation([(d, "u4")] + [(p, "?")] * bool(p), [(a, kind)], make)


_JOINS = {
    "add": np.add,
    "min": np.minimum,
    "max": np.maximum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}


@instruction("redux")
def _redux(i: Instruction) -> Iterator[Operation]:
    if len(i.modifiers) != 3 or i.modifiers[-1] not in ("u32", "s32", "b32"):
        raise unsupported(i)
    join, kind = _JOINS[i.modifiers[1]], "i4" if i.modifiers[-1] == "s32" else "u4"

    def make(d: int, a: int) -> Step:
        def step(r: Registers, group: Group) -> None:
            r[d] = group.over_warps(join, np.broadcast_to(r[a], group.count))

        return step

    yield Operation([(i.operands[0], kind)], [(i.operands[1], kind)], make)


@instruction("bar", "barrier")
def _warp_barrier(i: Instruction) -> Iterator[Operation]:
    if "warp" not in i.modifiers:
        raise unsupported(i)

    def make() -> Step:
        def step(r: Registers, group: Group) -> None:
            if group.batch.spaces.races is not None:
                group.batch.spaces.races.pass_warp_barrier(np.unique(group.warps()))

        return step

    yield Operation([], [], make)


@instruction("membar", "fence", "nanosleep", "prefetch", "prefetchu", "discard", "applypriority")
def _nothing(i: Instruction) -> Iterator[Operation]:
    """Threads see one another's writes here in the order in which they are made."""
    yield from ()


__all__ = ["MASKS"]
