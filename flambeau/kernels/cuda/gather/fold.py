"""The kernels that combine values, sorted by their places, with what is there.

A rank is a number in the sorted order; those of one place follow one another. The thread of an element at the first rank
of a place combines its values in order, to the end of a chunk of ranks. What later chunks begin with is joined before, by
a thread for each, so that a place that is named very often does not wait for one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ...elementary.arithmetic import larger, smaller
from ...llvm import Value, Variable, choose, quotient, remainder
from ..array.layout import Form, Walk
from ..array.monoid import Element
from ..driver import Kernel
from ..thread import Thread

Join = Callable[[list[Value], list[Value]], list[Value]]
JOINS: dict[str, Callable[[Value, Value], Value]] = {
    "put": lambda x, y: y,
    "add": lambda x, y: x + y,
    "multiply": lambda x, y: x * y,
    "maximum": larger,
    "minimum": smaller,
}
"""How a value is combined with what was before it."""


class Fold:
    """The code that walks over ranks, in a kernel whose parameters it adds to.

    Half types are combined in float32 and rounded once.

    Args:
        element, parts: What an element is made of: one number, or two.
        form: Of the elements' number, their rank or chunk, and where they are from the place on and among the values.
    """

    def __init__(self, how: str, element: Element, parts: int, form: Form):
        self.code, self.element, self.parts, self.index = Thread(), element, parts, form.index
        self.join, index = _join(how, element, parts), form.index
        self.values, self.order, self.located, self.stopped, self.call = self.code.takes(
            "ptr values readonly", "ptr order readonly", "ptr located readonly",
            "ptr stopped readonly", "i64 call",
        )  # fmt: skip
        self.number, self.run, self.chunk = self.code.takes(
            f"{index} number", f"{index} run", f"{index} chunk"
        )
        self.walk = Walk(self.code, form)

    def position(self, rank: Value) -> Value:
        return self.code.load(self.code.at(self.order, "i64", rank), "i64")

    def place(self, rank: Value) -> Value:
        return self.code.load(self.code.at(self.located, "i64", self.position(rank)), "i64")

    def load(self, base: Value, at: Value) -> list[Value]:
        return [self.element.load(self.code, base, at * self.parts + u) for u in range(self.parts)]

    def value(self, rank: Value, value_at: Value) -> list[Value]:
        """An element of the values at a rank."""
        at = self.position(rank) * self.run.convert("i64") + value_at.convert("i64")
        return self.load(self.values, at)

    def at_chunk(self, chunk: Value, value_at: Value) -> list[Value]:
        """Where the parts are of what a chunk begins with."""
        at = chunk.convert("i64") * self.run.convert("i64") + value_at.convert("i64")
        return [at * self.parts + u for u in range(self.parts)]

    def held(self, values: list[Value]) -> list[Variable]:
        return [self.code.variable(value, value.type) for value in values]

    def take_in(self, so_far: list[Variable], values: list[Value]) -> None:
        joined = self.join([part.value for part in so_far], values)
        for part, value in zip(so_far, joined):
            part.value = value

    def chunk_on(
        self, so_far: list[Variable], rank: Variable, here: Value, value_at: Value
    ) -> None:
        """Take in the values from a rank on that are for this place, to the chunk's end at most."""
        with self.code.repeat() as loop:
            loop.stop_unless(rank.value < self.number)
            loop.stop_unless(self.place(rank.value).equals(here))
            self.take_in(so_far, self.value(rank.value, value_at))
            rank.value = rank.value + 1
            loop.next_when(remainder(rank.value, self.chunk).differs(0))
            loop.stop()

    def allowed(self) -> Value:
        return self.code.load(self.stopped, "i64").differs(self.call)


@cache
def beginner(how: str, element: Element, parts: int, form: Form) -> Kernel:
    """What each chunk but the first begins with, where that is of the place that the one before ends with."""
    fold = Fold(how, element, parts, form)
    code, index = fold.code, fold.index
    (begins,) = code.takes("ptr begins alone")
    with code.loop(code.first(index), fold.walk.count, code.threads(index)) as i:
        _, chunk, _, value_at = fold.walk.places(i)
        chunk = chunk + 1
        start = chunk * fold.chunk
        here = fold.place(start)
        with code.when(here.equals(fold.place(start - 1))):
            so_far = fold.held(fold.value(start, value_at))
            rank = code.variable(start + 1, index)
            with code.when(remainder(rank.value, fold.chunk).differs(0)):
                fold.chunk_on(so_far, rank, here, value_at)
            for part, at in zip(so_far, fold.at_chunk(chunk, value_at)):
                code.store(part.value, code.at(begins, element.number, at))
    return Kernel(f"begin_{how}", code.kernel(f"begin_{how}"))


@cache
def folder(how: str, element: Element, parts: int, form: Form) -> Kernel:
    """What is at each place, combined with all its values."""
    fold = Fold(how, element, parts, form)
    code, index = fold.code, fold.index
    begins, x = code.takes("ptr begins readonly", "ptr x")

    def whole(rank: Value, own: Value, value_at: Value) -> None:
        here = fold.place(rank)
        at = here + own.convert("i64")
        so_far, after = fold.held(fold.load(x, at)), code.variable(rank, index)
        fold.chunk_on(so_far, after, here, value_at)
        with code.repeat() as loop:
            loop.stop_unless(after.value < fold.number)
            loop.stop_unless(fold.place(after.value).equals(here))
            places = fold.at_chunk(quotient(after.value, fold.chunk), value_at)
            kinds = element.number
            fold.take_in(so_far, [code.load(code.at(begins, kinds, at), kinds) for at in places])
            after.value = after.value + fold.chunk
        for u, part in enumerate(so_far):
            element.store(code, part.value, x, at * parts + u)

    with (
        code.when(fold.allowed()),
        code.loop(code.first(index), fold.walk.count, code.threads(index)) as i,
    ):
        _, rank, own, value_at = fold.walk.places(i)
        before = fold.place(choose(rank > 0, rank - 1, rank))
        with code.when(rank.equals(0) | fold.place(rank).differs(before)):
            whole(rank, own, value_at)
    return Kernel(f"fold_{how}", code.kernel(f"fold_{how}"))


def _join(how: str, element: Element, parts: int) -> Join:
    """How elements are combined: those of two parts are complex numbers."""
    if how == "multiply" and parts == 2:
        return _complex_product
    if element.name == "bool":
        how = {"add": "maximum", "multiply": "minimum"}.get(how, how)
    if element.name == "uint64" and how in ("maximum", "minimum"):
        return lambda a, b: [_unsigned_extreme(a[0], b[0], how == "maximum")]
    return lambda a, b: [JOINS[how](x, y) for x, y in zip(a, b)]


def _complex_product(a: list[Value], b: list[Value]) -> list[Value]:
    return [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]


def _unsigned_extreme(x: Value, y: Value, largest: bool) -> Value:
    return choose(x.above(y) if largest else x.below(y), x, y)


__all__ = ["beginner", "folder"]
