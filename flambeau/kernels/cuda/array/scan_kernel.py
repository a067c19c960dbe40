"""Walks along the rows of A blocks of R rows of B columns: what all join to, or what each joins to with those before.

Where B is 1 a block of threads takes a row, some elements for each thread at a time. Else, and where rows are very short,
a thread takes a column, so that neighbours read neighbouring memory. Rows are cut into chunks where there are too few of
them to keep a GPU busy: one launch joins each chunk, the next walks over those, and the last walks through each chunk from
where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from ...llvm import Value, choose, quotient, remainder, smaller
from ..driver import Kernel
from ..thread import Thread
from .block import Block
from .monoid import Monoid, State

EACH = 4
"""Elements that a thread takes at a time."""


class Walk:
    """The code of one kind of walk.

    Args:
        wide: Does a thread take a column?
        states: Is x an array of states, as an earlier walk leaves it?
    """

    def __init__(self, monoid: Monoid, wide: bool, states: bool):
        self.code, self.monoid, self.wide, self.states = Thread(), monoid, wide, states
        count = len(monoid.types) if states else 1
        self.x = self.code.takes(*(f"ptr x{k} readonly" for k in range(count)))

    def shape(self) -> None:
        """The parameters that say how large all is."""
        names = ("units", "length", "breadth", "chunk", "chunks")
        listed = self.code.takes(*(f"i64 {name}" for name in names))
        self.units, self.length, self.breadth, self.chunk, self.chunks = listed

    @contextmanager
    def each(self) -> Iterator[None]:
        """Loop over chunks: of a row for each block, or of a column for each thread."""
        code = self.code
        if self.wide:
            first, step = code.first("i64"), code.threads("i64")
        else:
            first, step = code.special("ctaid", "i64"), code.special("nctaid", "i64")
        with code.loop(first, self.units, step) as unit:
            upper = quotient(unit, self.breadth) if self.wide else unit
            self.unit, self.column = unit, remainder(unit, self.breadth)
            self.row, self.number = quotient(upper, self.chunks), remainder(upper, self.chunks)
            self.begin = self.number * self.chunk
            self.end = smaller(self.begin + self.chunk, self.length)
            yield

    def at(self, place: Value) -> Value:
        """Where an element of the row is."""
        return (self.row * self.length + place) * self.breadth + self.column

    def element(self, place: Value) -> State:
        code, monoid = self.code, self.monoid
        if self.states:
            at = self.at(place)
            return [code.load(code.at(x, t, at), t) for x, t in zip(self.x, monoid.types)]
        return monoid.of(monoid.element.load(code, self.x[0], self.at(place)), place)

    def several(self, place: Value, step: int) -> list[tuple[Value, State]]:
        """Elements of the chunk from `place` on, so many apart: whether each is there, and what it is, or nothing. All are
        on their way before the first is looked at."""
        found = []
        for u in range(EACH):
            at = place + step * u
            inside = at < self.end
            found.append((inside, self.element(choose(inside, at, self.begin))))
        nothing = self.monoid.nothing(self.code)
        return [
            (inside, [choose(inside, x, none) for x, none in zip(state, nothing)])
            for inside, state in found
        ]

    def held(self, state: State) -> list:
        return [self.code.variable(x, x.type) for x in state]

    def kernel(self, name: str) -> Kernel:
        return Kernel(name, self.code.kernel(name))


def _joined(monoid: Monoid, given: list[tuple[Value, State]]) -> list[tuple[Value, State]]:
    """What neighbours join to with those before them."""
    found = given[:1]
    for inside, state in given[1:]:
        found.append((inside, monoid.join(found[-1][1], state)))
    return found


def _put(slots: list, state: State) -> None:
    for slot, x in zip(slots, state):
        slot.value = x


@cache
def total(monoid: Monoid, threads: int, states: bool, only_place: bool) -> Kernel:
    """What each chunk joins to: all of its state, or the place alone.

    threads: Of a block, which takes a row; 0 where threads take columns.
    """
    walk = Walk(monoid, not threads, states)
    code, kinds = walk.code, monoid.types[1:] if only_place else monoid.types
    made = code.takes(*(f"ptr made{k} alone" for k in range(len(kinds))))
    walk.shape()
    block = Block(code, monoid, threads) if threads else None

    def save(state: State) -> None:
        for x, target in zip(state[-len(kinds) :], made):
            code.store(x, code.at(target, x.type, walk.unit))

    with walk.each():
        so_far = walk.held(monoid.nothing(code))
        apart = threads or 1
        with code.loop(walk.begin, walk.end, EACH * apart) as r:
            first = r if block is None else r + block.thread.convert("i64")
            for _, found in walk.several(first, apart):
                _put(so_far, monoid.join([s.value for s in so_far], found))
        if block is None:
            save([s.value for s in so_far])
        else:
            whole = block.total([s.value for s in so_far])
            with code.when(block.thread.equals(0)):
                save(whole)
    return walk.kernel(f"total_{monoid.name}")


@cache
def running(monoid: Monoid, threads: int, states: bool, carried: bool, result: str) -> Kernel:
    """What each element joins to with those before it.

    threads: Of a block, which takes a row; 0 where threads take columns.
    carried: There is, for each chunk, what all up to its end join to.
    result: The dtype of the result; "" for arrays of states.
    """
    walk = Walk(monoid, not threads, states)
    code, types = walk.code, monoid.types
    made = code.takes(*(f"ptr made{k} alone" for k in range(len(types))))
    carry = code.takes(*(f"ptr carry{k} readonly" for k in range(len(types)))) if carried else []
    walk.shape()
    block = Block(code, monoid, threads) if threads else None

    def start() -> State:
        nothing = monoid.nothing(code)
        if not carried:
            return nothing
        is_first = walk.number.equals(0)
        before = choose(is_first, walk.unit, walk.unit - walk.breadth)
        found = [code.load(code.at(c, t, before), t) for c, t in zip(carry, types)]
        return [choose(is_first, none, x) for x, none in zip(found, nothing)]

    def save(state: State, place: Value) -> None:
        at = walk.at(place)
        for k, (x, target) in enumerate(zip(state, made)):
            if k or not result:
                code.store(x, code.at(target, x.type, at))
            else:
                monoid.element._replace(name=result).store(code, x, target, at)

    with walk.each():
        so_far = walk.held(start())
        apart = threads or 1
        with code.loop(walk.begin, walk.end, EACH * apart) as r:
            first = r if block is None else r + block.thread.convert("i64") * EACH
            before = [s.value for s in so_far]
            upto = _joined(monoid, walk.several(first, 1))
            onward = before
            if block is not None:
                behind, whole = block.running(upto[-1][1])
                onward, before = before, monoid.join(before, behind)
            for u, (inside, state) in enumerate(upto):
                with code.when(inside):
                    save(monoid.join(before, state), first + u)
            _put(so_far, monoid.join(onward, upto[-1][1] if block is None else whole))
    return walk.kernel(f"running_{monoid.name}")


__all__ = ["running", "total"]
