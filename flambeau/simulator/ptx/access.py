"""Loads, stores and atomic changes of memory."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import halves, native
from .operation import Operation, Registers, Step, copied, instruction, key, unsupported
from .parser import WIDTHS, Instruction, listed, place
from .space import WINDOWS

if TYPE_CHECKING:
    from .group import Group

_SPACES = ("global", "shared", "local", "const", "param")
_PASSED = {
    "nc", "volatile", "relaxed", "acquire", "release", "acq_rel", "weak", "cta", "cluster", "gpu", "sys", "ca", "cg",
    "cs", "cv", "lu", "wb", "wt", "L1", "L2", "evict_first", "evict_last", "no_allocate", "evict_normal", "unified",
    "mmio", "cop", "L1::evict_last", "L1::no_allocate",
}  # fmt: skip
"""Modifiers that change nothing where all threads run in one order."""


def _space(i: Instruction) -> tuple[str, int]:
    """Where an access goes, "" for a generic address, and how many elements it has."""
    space, count = "", 1
    for m in i.modifiers[:-1]:
        if m.partition("::")[0] in _SPACES:
            space = m.partition("::")[0]
        elif re.fullmatch(r"v\d", m):
            count = int(m[1])
        elif m not in _PASSED:
            raise unsupported(i)
    return "global" if space == "const" else space, count


def split(address: Any) -> Iterator[tuple[str, Any, Any]]:
    """Generic addresses by the spaces that they lie in: its name, which they are, and their addresses there."""
    found = {
        space: (address >= base) & (address < base + (1 << 40)) for space, base in WINDOWS.items()
    }
    rest = np.ones(np.shape(address), bool)
    for space, where in found.items():
        rest &= ~where
        if where.any():
            yield space, None if where.all() else where, address - WINDOWS[space]
    if rest.any():
        yield "global", None if rest.all() else rest, address


def own(x: Any) -> bool:
    """Does each thread hold its own?"""
    return type(x) is np.ndarray


# ---------------------------------------------------------------------------------- loads


@instruction("ld", "ldu")
def _ld(i: Instruction) -> Iterator[Operation]:
    space, count = _space(i)
    type = i.modifiers[-1]
    out, text = i.operands
    outs = listed(out)
    base, offset = place(text)
    width = WIDTHS[type]
    if space == "param" and not base.startswith("%"):
        kind = _loaded(type)
        yield Operation([(out, kind)], [(f"{base}@{offset}", kind)], copied)
        return
    extend = np.dtype(f"{'i' if type[0] == 's' else 'u'}2") if width == 1 else None
    loaded = _loaded(type)
    stored = f"{loaded[0]}1" if width == 1 else loaded if loaded[0] != "b" else ""

    def make(kind: str, *slots: int) -> Step:
        *targets, address = slots
        read = _reader(space, stored or kind, width, count, offset, i)

        def step(r: Registers, group: Group) -> None:
            for d, value in zip(targets, read(r[address], group), strict=True):
                r[d] = value if extend is None else value.astype(extend)

        return step

    yield Operation([(x, _loaded(type)) for x in outs], [(base, "i8")], make, typed=True)


def _loaded(type: str) -> str:
    """What a load leaves in the register: bytes are extended to two; signed words know their sign where it is longer."""
    if WIDTHS[type] == 1:
        return "i2" if type[0] == "s" else "u2"
    kind = key(type)
    if type[0] == "s":
        return kind
    return f"b{kind[1]}" if kind[0] in "biu" else kind


def _reader(
    space: str, kind: str, width: int, count: int, offset: int, i: Instruction
) -> Callable[[Any, Group], list[Any]]:
    size = width * count
    away = np.int64(offset)

    def read(address: Any, group: Group) -> list[Any]:
        if offset:
            address = address + away
        if not space:
            return _read_generic(address, kind, size, count, i, group)
        return _read(space, address, kind, size, count, i, group)

    return read


def _read(
    space: str, address: Any, kind: str, size: int, count: int, i: Instruction, group: Group
) -> list[Any]:
    spaces = group.batch.spaces
    if space != "global":
        index = spaces.reach(space, address, size, i, group)
    elif own(address):
        bounds = spaces.near(int(address[0]), size, i)
        if bounds is not None:
            *words, bad = native.gather(kind, count)(address, *bounds)
            if not bad:
                return words
        index = spaces.reach(space, address, size, i, group)
    else:
        index = spaces.word(int(address), size, i, group)
    if space == "shared":
        spaces.note("at_read", index, size, i, group)
    if count == 1:
        return [spaces.words(space, kind)[index]]
    rows = spaces.rows(space, kind, count)[index]
    return (
        [rows[..., k] for k in range(count)] if rows.ndim == 1 else [*np.ascontiguousarray(rows.T)]
    )


def _read_generic(
    address: Any, kind: str, size: int, count: int, i: Instruction, group: Group
) -> list[Any]:
    made: list[Any] | None = None
    for space, where, inner in split(address):
        if where is None:
            return _read(space, inner, kind, size, count, i, group)
        if made is None:
            made = [np.empty(len(address), kind) for _ in range(count)]
        part = _read(space, inner[where], kind, size, count, i, group.part(where))
        for whole, some in zip(made, part, strict=True):
            whole[where] = some
    return made or []


# --------------------------------------------------------------------------------- stores


@instruction("st")
def _st(i: Instruction) -> Iterator[Operation]:
    space, count = _space(i)
    type = i.modifiers[-1]
    text, value = i.operands
    values = listed(value)
    base, offset = place(text)
    width = WIDTHS[type]
    kind = "u1" if width == 1 else _loaded(type)
    fixed = "" if kind[0] == "b" else kind
    size, away = width * count, np.int64(offset)

    def make(kind: str, address: int, *sources: int) -> Step:
        kind = fixed or kind

        def step(r: Registers, group: Group) -> None:
            at = r[address] + away if offset else r[address]
            given = [r[a] for a in sources]
            if space:
                _write(space, at, given, kind, size, i, group)
                return
            for where_to, where, inner in split(at):
                if where is None:
                    _write(where_to, inner, given, kind, size, i, group)
                else:
                    some = [x[where] if own(x) else x for x in given]
                    _write(where_to, inner[where], some, kind, size, i, group.part(where))

        return step

    yield Operation(
        [], [(base, "i8"), *((x, kind) for x in values)], make, typed=True, observes=True
    )


def _write(
    space: str, address: Any, values: list[Any], kind: str, size: int, i: Instruction, group: Group
) -> None:
    spaces, count = group.batch.spaces, len(values)
    if space == "global" and own(address):
        bounds = spaces.near(int(address[0]), size, i)
        words = [x if own(x) else np.full(group.count, x) for x in values]
        if bounds is not None and not native.scatter(kind, count)(address, *bounds, *words):
            return
    index = spaces.reach(space, address, size, i, group)
    if space == "shared":
        spaces.note("at_write", index, size, i, group)
    if np.ndim(index) == 0:  # all threads write there: the last one's stays
        values = [x[-1] if own(x) else x for x in values]
    if count == 1:
        spaces.words(space, kind)[index] = values[0]
        return
    rows = spaces.rows(space, kind, count)
    for k, value in enumerate(values):
        rows[index, k] = value


# -------------------------------------------------------------------------------- atomics


def _increment(old: Any, value: Any) -> Any:
    return np.where(old >= value, old.dtype.type(0), old + old.dtype.type(1))


def _decrement(old: Any, value: Any) -> Any:
    return np.where((old == 0) | (old > value), value, old - old.dtype.type(1))


_CHANGES: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "min": np.minimum,
    "max": np.maximum,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "exch": lambda old, value: value,
    "inc": _increment,
    "dec": _decrement,
    "cas": lambda old, value, new: np.where(old == value, new, old),
}


@instruction("atom", "red")
def _atom(i: Instruction) -> Iterator[Operation]:
    type = i.modifiers[-1]
    space, name = "", ""
    for m in i.modifiers[:-1]:
        if m in _SPACES:
            space = m
        elif m in _CHANGES:
            name = m
        elif m not in _PASSED and m not in ("noftz", "ftz") and not m.startswith("shared::"):
            raise unsupported(i)
    space = "shared" if any(m.startswith("shared") for m in i.modifiers) else space
    kind, change = _changed(i, type, name)
    out, text, *values = i.operands if i.name == "atom" else ["_", *i.operands]
    base, offset = place(text)
    size, away = WIDTHS[type], np.int64(offset)

    def make(*slots: int) -> Step:
        target, address, *sources = slots if i.name == "atom" else (-1, *slots)

        def step(r: Registers, group: Group) -> None:
            at = r[address] + away if offset else r[address]
            given = [np.broadcast_to(r[a], group.count) for a in sources]
            old = np.empty(group.count, kind)
            for inner_space, where, inner in [(space, None, at)] if space else split(at):
                _update(inner_space, inner, given, kind, size, change, where, old, i, group)
            if target >= 0:
                r[target] = old

        return step

    outs = [(out, kind)] if i.name == "atom" else []
    ins = [(base, "i8"), *((x, kind) for x in values)]
    yield Operation(outs, ins, make, observes=True)


def _changed(i: Instruction, type: str, name: str) -> tuple[str, Callable[..., Any]]:
    """The type that an atomic change reads memory as, and what it does."""
    if not name:
        raise unsupported(i)
    if type in ("bf16", "f16x2", "bf16x2"):
        short = halves.in_bfloat16(operator.add) if type.startswith("b") else operator.add
        if name != "add":
            raise unsupported(i)
        if type == "bf16":
            return "u2", short
        return "u4", halves.packed(short, "u2" if type.startswith("b") else "f2")
    kind = key(type).replace("b", "u")
    return kind, _CHANGES[name]


def _update(
    space: str,
    address: Any,
    values: list[Any],
    kind: str,
    size: int,
    change: Callable[..., Any],
    where: Any,
    old: Any,
    i: Instruction,
    group: Group,
) -> None:
    """Change words one thread after the other: those of different words at once."""
    if where is not None:
        address, values, group = address[where], [x[where] for x in values], group.part(where)
    spaces = group.batch.spaces
    index = np.broadcast_to(spaces.reach(space, address, size, i, group), group.count)
    if space == "shared":
        spaces.note("at_atomic", index, size, i, group)
    words = spaces.words(space, kind)
    found = np.empty(group.count, kind)
    for turn in turns(index):
        place = index[turn]
        found[turn] = words[place]
        words[place] = change(found[turn], *(x[turn] for x in values))
    if where is None:
        old[:] = found
    else:
        old[where] = found


def turns(index: Any) -> Iterator[Any]:
    """Who comes first to each word, who comes second, and so on."""
    order = np.argsort(index, kind="stable")
    ordered = index[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    if len(starts) == len(order):
        yield slice(None)
        return
    counts = np.diff(np.r_[starts, len(order)])
    rank = np.arange(len(order)) - np.repeat(starts, counts)
    by_rank = np.argsort(rank, kind="stable")
    yield from np.split(order[by_rank], np.cumsum(np.bincount(rank))[:-1])


__all__ = ["split", "turns"]
