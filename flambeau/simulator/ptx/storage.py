"""Which type of words each register holds, so that steps seldom look at words as another type."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np

from .body import SPECIAL
from .operation import Operation, Unsupported

NANS = {2: 0x7FFF, 4: 0x7FFFFFFF, 8: 0xFFF8000000000000}
"""The NaN that a GPU's arithmetic makes, by the bytes of its type."""


@cache
def is_register(text: str) -> bool:
    """Is an operand a register that instructions write to?"""
    return text[0] == "%" and not SPECIAL.match(text)


class Storage:
    """The types of a body's registers: those that most of the instructions that use them have.

    Copies and choices take any type; registers that they connect are of one.

    Args:
        widths: Bytes of registers, by their names without number.
    """

    def __init__(self, operations: Iterable[Operation], widths: dict[str, int]):
        self.widths = widths
        self.votes: dict[str, dict[str, int]] = {}
        self.parent: dict[str, str] = {}
        self.computed: set[str] = set()
        self.kept: dict[str, str] = {}
        operations = list(operations)
        for operation in operations:
            self.vote(operation)
        self.spread(operations)

    def kind(self, text: str) -> str:
        """The type of what a register holds."""
        found = self.kept.get(text)
        if found is None:
            found = self.kept[text] = self.chosen(text)
        return found

    def is_computed(self, text: str) -> bool:
        """May it hold a float that arithmetic made, with the NaN of the processor that runs the simulator?"""
        return text in self.computed and self.kind(text)[0] == "f"

    def vote(self, operation: Operation) -> None:
        first = ""
        for text, kind in (*operation.outs, *operation.ins):
            if kind == "?" or not is_register(text):
                continue
            if kind[0] == "b":
                if first:
                    self.join(first, text)
                first = first or text
            else:
                votes = self.votes.setdefault(self.root(text), {})
                name, weight = (f"u{kind[1]}", 1) if kind[0] == "n" else (kind, 2)
                votes[name] = votes.get(name, 0) + weight

    def root(self, text: str) -> str:
        while (up := self.parent.get(text, text)) != text:
            text = up
        return text

    def join(self, a: str, b: str) -> None:
        a, b = self.root(a), self.root(b)
        if a != b and self.width(a) == self.width(b):
            self.parent[b] = a
            votes = self.votes.setdefault(a, {})
            for kind, count in self.votes.pop(b, {}).items():
                votes[kind] = votes.get(kind, 0) + count

    def spread(self, operations: list[Operation]) -> None:
        """Find the floats that arithmetic made, and copies of them."""
        copies = []
        for o in operations:
            if o.computes:
                self.computed.update(text for text, _ in o.outs)
            elif o.outs and o.outs[0][1][0] == "b":
                copies.append((o.outs[0][0], [text for text, kind in o.ins if kind[0] == "b"]))
        count = -1
        while count != len(self.computed):
            count = len(self.computed)
            self.computed.update(out for out, ins in copies if self.computed.intersection(ins))

    def width(self, text: str) -> int:
        for name in (text, text.rstrip("0123456789")):
            if name in self.widths:
                return self.widths[name]
        raise Unsupported(f"the simulator does not know the register {text}")

    def chosen(self, text: str) -> str:
        width = self.width(text)
        if width == 1:
            return "?"
        votes = self.votes.get(self.root(text), {})
        fitting = [(count, kind) for kind, count in votes.items() if int(kind[1:]) == width]
        return max(fitting)[1] if fitting else f"u{width}"


@cache
def cast(held: str, wanted: str, settles: bool) -> Callable[[Any], Any]:
    """Words of one type as another; longer ones are extended by the sign of what they were.

    Args:
        settles: A NaN becomes the GPU's.
    """
    source, target = np.dtype(held), np.dtype(wanted)
    change: Callable[[Any], Any]
    if source == target:
        change = lambda x: x  # noqa: E731
    elif source.itemsize == target.itemsize:
        change = lambda x: x.view(target)  # noqa: E731
    else:
        short = np.dtype(f"{'i' if source.kind == 'i' else 'u'}{source.itemsize}")
        long = np.dtype(f"{short.kind}{target.itemsize}")
        change = lambda x: x.view(short).astype(long).view(target)  # noqa: E731
    if not settles or source.kind != "f":
        return change
    nan = np.array(NANS[source.itemsize], f"u{source.itemsize}").view(source)[()]

    def settle(x: Any) -> Any:
        odd = x != x
        if odd.any():
            x = np.where(odd, nan, x)[()]
        return change(x)

    return settle


__all__ = ["Storage", "cast", "is_register"]
