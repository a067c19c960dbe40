"""Loops over neighbouring elements: several whole vectors a turn, whole vectors, and what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ..llvm import BITS, Value, element_of
from ..runtime.entry import Body
from ..runtime.process import machine

LINE = 64
"""Bytes of a cache line."""
WIDE = 4
"""Vectors a turn: all are loaded before the first is stored."""

Step = Callable[[Sequence[Value], str, Value | None], None]
"""What is done at several places: given them, the type of what is there, and which lanes count."""


def vector_loop(code: Body, element: str, begin: Value, end: Value, step: Step) -> None:
    """Take the elements from `begin` to `end`; nothing outside is touched."""
    type, lanes = code.vector(element), code.lanes
    far = begin + ((end - begin) & -(WIDE * lanes))
    near = begin + ((end - begin) & -lanes)
    with code.loop(begin, far, WIDE * lanes) as i:
        step([i + u * lanes for u in range(WIDE)], type, None)
    with code.loop(far, near, lanes) as i:
        step([i], type, None)
    if _has_masks(element):
        with code.when(near < end):
            count = code.emit(f"trunc i64 {(end - near).name} to i16", "i16")
            step([near], type, code.iota("i16") < code.splat(count))
    else:
        with code.loop(near, end) as i:
            step([i], element, None)


def _has_masks(element: str) -> bool:
    """Does the processor load and store some lanes of a vector?"""
    return machine().bits == 512 or (machine().bits == 256 and BITS[element] >= 32)


def fetch(code: Body, base: Value, at: Value, type: str, mask: Value | None = None) -> Value:
    pointer = code.at(base, element_of(type), at)
    return code.load(pointer, type) if mask is None else code.masked_load(pointer, type, mask)


def keep(code: Body, value: Value, base: Value, at: Value, mask: Value | None = None) -> None:
    pointer = code.at(base, value.element, at)
    if mask is None:
        code.store(value, pointer)
    else:
        code.masked_store(value, pointer, mask)


def copy(code: Body, target: Value, source: Value, element: str, begin: Value, end: Value) -> None:
    """The elements from `begin` to `end`."""

    def step(places: Sequence[Value], type: str, mask: Value | None) -> None:
        values = [fetch(code, source, at, type, mask) for at in places]
        for value, at in zip(values, places):
            keep(code, value, target, at, mask)

    vector_loop(code, element, begin, end, step)


def combine(
    code: Body, target: Value, other: Value, element: str, begin: Value, end: Value,
    by: Callable[[Value, Value], Value], one: bool = False,
) -> None:  # fmt: skip
    """Combine the elements from `begin` to `end` with others, or with the `one` that serves for all."""
    single = code.get(other, element, code.zero) if one else None
    many = code.splat(single) if single is not None else None

    def step(places: Sequence[Value], type: str, mask: Value | None) -> None:
        old = [fetch(code, target, at, type, mask) for at in places]
        if one:
            values = [many if type.startswith("<") else single for _ in places]
        else:
            values = [fetch(code, other, at, type, mask) for at in places]
        for at, x, y in zip(places, old, values):
            keep(code, by(x, y), target, at, mask)  # type: ignore[arg-type]

    vector_loop(code, element, begin, end, step)


def add(code: Body, target: Value, other: Value, element: str, begin: Value, end: Value) -> None:
    """Add the elements from `begin` to `end`."""
    combine(code, target, other, element, begin, end, lambda x, y: x + y)


def fill(code: Body, target: Value, value: Value, begin: Value, end: Value) -> None:
    """One value in the elements from `begin` to `end`."""
    many = code.splat(value)

    def step(places: Sequence[Value], type: str, mask: Value | None) -> None:
        for at in places:
            keep(code, many if type.startswith("<") else value, target, at, mask)

    vector_loop(code, value.type, begin, end, step)


def foresee(code: Body, address: Value, size: Value) -> None:
    """Ask for `size` bytes from memory that will be read soon. No address is wrong: none is read here."""
    name = code.declare("void", "llvm.prefetch.p0", "ptr", "i32", "i32", "i32")
    with code.loop(code.zero, size, LINE) as i:
        line = code.at(address, "i8", i)
        code.line(f"call void @{name}(ptr {line.name}, i32 0, i32 3, i32 1)")


@contextmanager
def inside(code: Body, wrong: Value) -> Iterator[None]:
    """``if not wrong:``; where it is, 1 is reported."""
    report, go, done = code.name("report"), code.name("go"), code.name("done")
    code.branch(wrong, report, go)
    code.label(report)
    code.report(code.number(1))
    code.jump(done)
    code.label(go)
    yield
    code.jump(done)
    code.label(done)
