"""What an instruction is to the executor: which registers it reads and writes, as which types, and how a step is made of it.

Types are NumPy's, by their short names: "f4", "u8", "?" for predicates. Two are open: "n4" is a signed or unsigned integer,
whichever the register holds, and "b4" any word of four bytes. So words are seldom looked at as another type.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .parser import WIDTHS, Instruction

if TYPE_CHECKING:
    from .group import Group

Registers = list[Any]
"""A group's registers: NumPy's scalars where all threads hold the same, otherwise an element a thread."""
Step = Callable[[Registers, "Group"], None]


@dataclass(slots=True)
class Operation:
    """A step to be.

    Attributes:
        outs, ins: Registers (or, of `ins`, constants too) and the types they are written and read as.
        make: The step, of the numbers of these registers, `outs` first; `ins` of open types are all read as the type
            that the first of `outs`, or where there is none the first of `ins`, holds.
        computes: Can it make NaNs?
        typed: Does `make` want to know the open type as well? It gets its name first.
        observes: Are the bits of `ins` seen from outside, those of NaNs too?
    """

    outs: list[tuple[str, str]]
    ins: list[tuple[str, str]]
    make: Callable[..., Step]
    computes: bool = False
    typed: bool = False
    observes: bool = False


class Unsupported(NotImplementedError):
    """An instruction that the simulator does not execute."""


Handler = Callable[[Instruction], Iterable[Operation]]
INSTRUCTIONS: dict[str, Handler] = {}


def instruction(*names: str) -> Callable[[Handler], Handler]:
    """Who makes operations of the instructions with these names."""

    def enter(handler: Handler) -> Handler:
        INSTRUCTIONS.update(dict.fromkeys(names, handler))
        return handler

    return enter


def unsupported(i: Instruction) -> Unsupported:
    return Unsupported(f"the simulator does not execute {i.text!r}")


def allow(i: Instruction, allowed: Iterable[str], among: Iterable[str] | None = None) -> None:
    """Refuse an instruction with other modifiers: none is passed over."""
    if set(i.modifiers[:-1] if among is None else among) - {*allowed}:
        raise unsupported(i)


def key(type: str) -> str:
    """A PTX type's short name: "b" where any word will do."""
    if type == "pred":
        return "?"
    kind, width = re.fullmatch(r"(\D+)\d+", type), WIDTHS.get(type)
    if kind is None or width is None:
        raise Unsupported(f"the simulator has no values of type {type!r}")
    return f"{ {'bf': 'u', 's': 'i'}.get(kind[1], kind[1]) }{width}"


# ------------------------------------------------------------------------------ makers of steps


def one(op: Callable[[Any], Any]) -> Callable[..., Step]:
    """r[d] = op(r[a])."""

    def make(d: int, a: int) -> Step:
        def step(r: Registers, group: Group) -> None:
            r[d] = op(r[a])

        return step

    return make


def two(op: Callable[[Any, Any], Any]) -> Callable[..., Step]:
    """r[d] = op(r[a], r[b])."""

    def make(d: int, a: int, b: int) -> Step:
        def step(r: Registers, group: Group) -> None:
            r[d] = op(r[a], r[b])

        return step

    return make


def three(op: Callable[[Any, Any, Any], Any]) -> Callable[..., Step]:
    """r[d] = op(r[a], r[b], r[c])."""

    def make(d: int, a: int, b: int, c: int) -> Step:
        def step(r: Registers, group: Group) -> None:
            r[d] = op(r[a], r[b], r[c])

        return step

    return make


def many(op: Callable[..., tuple[Any, ...]], results: int) -> Callable[..., Step]:
    """Several results, of any number of operands."""

    def make(*slots: int) -> Step:
        outs, ins = slots[:results], slots[results:]

        def step(r: Registers, group: Group) -> None:
            for d, value in zip(outs, op(*(r[a] for a in ins)), strict=True):
                r[d] = value

        return step

    return make


MAKERS: dict[int, Callable[..., Callable[..., Step]]] = {1: one, 2: two, 3: three}


def copied(d: int, a: int) -> Step:
    """The step of a register's copy: values are never changed in place."""

    def step(r: Registers, group: Group) -> None:
        r[d] = r[a]

    return step


CARRY = "%carry"
"""The register of carries, a predicate."""
BITWISE: dict[str, Callable[..., Any]] = {
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "not": np.invert,
}
"""Logic of words and of predicates."""


def same(i: Instruction, kind: str, op: Callable[..., Any]) -> Operation:
    """An operation whose operands and result have one type."""
    out, *ins = i.operands
    step = MAKERS[len(ins)](op)
    return Operation([(out, kind)], [(x, kind) for x in ins], step, computes=kind[0] == "f")


def any_sign(kind: str) -> str:
    """An integer's type where its sign does not matter."""
    return kind if kind in ("?", "f2", "f4", "f8") else f"n{kind[1]}"


def is_float(type: str) -> bool:
    return type.startswith(("f", "bf"))


def unsigned(kind: str) -> str:
    return f"u{kind[1]}"


__all__ = [
    "BITWISE",
    "CARRY",
    "INSTRUCTIONS",
    "MAKERS",
    "Operation",
    "Registers",
    "Step",
    "Unsupported",
    "allow",
    "any_sign",
    "copied",
    "instruction",
    "is_float",
    "key",
    "many",
    "one",
    "same",
    "three",
    "two",
    "unsigned",
    "unsupported",
]
