"""What runs along rows: sums, products, logarithms of sums, extremes with their places. Each joins two states to one.

A state is a few values: the result so far and, for an extreme, where it stood. Joining is associative and knows a state that
changes nothing, so that pieces of a row can be joined in any grouping. The grouping is fixed by shapes, so that floats have
the same bits every time.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from ...elementary.arithmetic import larger, smaller
from ...elementary.exponential import exp, log1p
from ...llvm import BITS, FLOATS, Value, choose
from ...loops import element
from ...loops.element import packed, unpacked
from ..floats import HALF
from ..thread import Thread

State = list[Value]
_FAR = (1 << 63) - 1


class Element(NamedTuple):
    """The elements of an array, by the name of their dtype."""

    name: str

    @property
    def memory(self) -> str:
        """LLVM's type of them in memory."""
        return MEMORY[self.name]

    @property
    def number(self) -> str:
        """LLVM's type of numbers that hold and compare them."""
        if self.name in HALF:
            return "float"
        if self.memory in FLOATS:
            return self.memory
        return "i64" if self.name in ("uint32", "int64", "uint64") else "i32"

    @property
    def is_float(self) -> bool:
        return self.number in FLOATS

    def load(self, code: Thread, base: Value, at: Value) -> Value:
        value = code.load(code.at(base, self.memory, at), self.memory)
        if self.name in ("uint16", "uint32"):
            return value.widen(self.number)
        value = unpacked(value, self.name) if self.name in _UNPACKED else value
        return value.widen("i32") if self.name == "bool" else value

    def store(self, code: Thread, value: Value, base: Value, at: Value) -> None:
        if self.name in HALF:
            value = packed(value, self.name)
        code.store(value.convert(self.memory), code.at(base, self.memory, at))


MEMORY = element.MEMORY | {"uint16": "i16", "uint32": "i32", "uint64": "i64"}
"""The dtypes of elements that have kernels, and LLVM's types of them in memory."""
_UNPACKED = {*HALF, "bool", "int8", "uint8", "int16"}


def is_known(dtype: Any) -> bool:
    """Are there kernels for elements of this dtype?"""
    return str(dtype.name) in MEMORY and dtype.isnative


class Monoid(NamedTuple):
    """A way to join.

    Attributes:
        name: "sum", "product", "logsumexp", "xor"; "largest" and "smallest", of which the last place counts; "argmax"
            and "argmin", of which the first does.
        element: What it is of.
    """

    name: str
    element: Element

    @property
    def has_place(self) -> bool:
        return self.name not in ("sum", "product", "logsumexp", "xor")

    @property
    def work(self) -> str:
        """The type of the values: an extreme is an element; the others are made wider and rounded at the end."""
        if self.has_place or self.element.name in HALF:
            return self.element.number
        return "double" if self.element.is_float else "i64"

    @property
    def types(self) -> tuple[str, ...]:
        """The types of a state's values."""
        return (self.work, "i64") if self.has_place else (self.work,)

    def nothing(self, code: Thread) -> State:
        """The state that changes no other."""
        value = {"sum": 0, "product": 1, "logsumexp": -math.inf, "xor": 0}.get(self.name)
        if value is not None:
            return [code.constant(value, self.work)]
        place = _FAR if self.name.startswith("arg") else -1
        return [code.constant(self._worst(), self.work), code.constant(place, "i64")]

    def _worst(self) -> float:
        high = self.name in ("smallest", "argmin")
        if self.element.is_float:
            return math.inf if high else -math.inf
        bits = BITS[self.work]
        if self.element.name == "uint64":
            return -1 if high else 0
        return (1 << (bits - 1)) - 1 if high else -(1 << (bits - 1))

    def of(self, value: Value, place: Value) -> State:
        """The state of one element."""
        wide = value.convert(self.work)
        return [wide, place.convert("i64")] if self.has_place else [wide]

    def join(self, a: State, b: State) -> State:
        if self.has_place:
            won = self._wins(b, a)
            return [choose(won, y, x) for x, y in zip(a, b)]
        x, y = a[0], b[0]
        if self.name == "logsumexp":
            return [log_sum(x, y)]
        if self.name == "xor":
            return [x ^ y]
        return [x * y if self.name == "product" else x + y]

    def _wins(self, b: State, a: State) -> Value:
        """Does b take the place of a? The better one does, nan for good, and of equal ones one place."""
        (x, i), (y, j) = a, b
        if self.name in ("largest", "argmax"):
            x, y = y, x  # below, the smaller wins; the roles are exchanged
            better = x.above(y) if self.element.name == "uint64" else x > y
        else:
            better = y.below(x) if self.element.name == "uint64" else y < x
        same, nearer = x.equals(y), j < i if self.name.startswith("arg") else j > i
        if not self.element.is_float:
            return better | (same & nearer)
        old, new = a[0].is_nan(), b[0].is_nan()
        return choose(new, ~old | nearer, ~old & (better | (same & nearer)))


def log_sum(x: Value, y: Value) -> Value:
    """log(exp(x) + exp(y)): the larger, and what the smaller adds to it."""
    high, low = larger(x, y), smaller(x, y)
    same = high.equals(low)  # both infinite too, where the difference would be nan
    distance = choose(same, low.like(0), low - high)
    return high + log1p(exp(distance))


__all__ = ["Element", "Monoid", "State", "is_known"]
