"""The kernels that read and write at index arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from ...elementary.arithmetic import larger, smaller
from ...llvm import Value, choose
from ..array.launch import share, turns
from ..array.layout import Form, Walk
from ..array.monoid import Element
from ..array.move import Item, Words
from ..driver import Kernel
from ..thread import Thread
from .lookup import Indices, Lookup


@cache
def taker(size: int, form: Form, indices: Indices) -> Kernel:
    """``made[...] = x[indices]``, of elements of so many bytes. Of a wrong index zeros are made."""
    code, item = Thread(), Item(size)
    x, made = code.takes("ptr x readonly", "ptr made alone")
    look, walk = Lookup(code, indices, form.index), Walk(code, form)
    along = form.moves[1]

    def fetch(i: Value) -> tuple[Value, Words]:
        to, at, *places = walk.places(i)
        valid, (at,) = look.moved([at], places)
        words = item.fetch(code, x, at, form.pack, along)
        return to, [choose(valid, word, 0) for word in words]

    def put(found: tuple[Value, Words]) -> None:
        item.put(code, found[1], made, found[0])

    share(code, walk.count, turns(size * form.pack), fetch, put)
    return Kernel("take", code.kernel("take"))


@cache
def claimer(form: Form, indices: Indices) -> Kernel:
    """Each place keeps the number, from 1, of the last position in the key's order that names it."""
    code = Thread()
    (claims,) = code.takes("ptr claims")
    look, walk = Lookup(code, indices, form.index), Walk(code, form)
    with code.loop(code.first(form.index), walk.count, code.threads(form.index)) as i:
        position, at, *places = walk.places(i)
        valid, (at,) = look.moved([at], places)
        with code.when(valid):
            code.atomic("max", code.at(claims, "i64", at), position.convert("i64") + 1)
    return Kernel("claim", code.kernel("claim"))


@cache
def putter(size: int, form: Form, indices: Indices, claimed: bool) -> Kernel:
    """``x[indices] = values``, of elements of so many bytes; `claimed`: where the position has its place."""
    code, item = Thread(), Item(size)
    x, values = code.takes("ptr x", "ptr values readonly")
    claims = code.takes("ptr claims readonly") if claimed else []
    look, walk = Lookup(code, indices, form.index, 1 + claimed), Walk(code, form)

    def fetch(i: Value) -> tuple[Value, Value, Words]:
        _, at, value_at, *rest = walk.places(i)
        (number, claim), places = (rest[:2], rest[2:]) if claimed else ([at, at], rest)
        valid, found = look.moved([at, claim] if claimed else [at], places)
        if claimed:
            owner = code.load(code.at(claims[0], "i64", found[1]), "i64")
            valid = valid & owner.equals(number.convert("i64") + 1)
        along = form.moves[2]
        return valid, found[0], item.fetch(code, values, value_at, form.pack, along)

    def put(found: tuple[Value, Value, Words]) -> None:
        valid, at, words = found
        with code.when(valid):
            item.put(code, words, x, at)

    with code.when(look.allowed()):
        share(code, walk.count, turns(size * form.pack), fetch, put)
    return Kernel("put", code.kernel("put"))


@cache
def adder(type: str, form: Form, indices: Indices) -> Kernel:
    """``x[indices] += values`` by atomic instructions."""
    code, item = Thread(), Item(8 if type in ("double", "i64") else 4)
    x, values = code.takes("ptr x", "ptr values readonly")
    look, walk = Lookup(code, indices, form.index), Walk(code, form)
    operation = "add" if type.startswith("i") else "fadd"

    def fetch(i: Value) -> tuple[Value, Value, Words]:
        _, at, value_at, *places = walk.places(i)
        valid, (at,) = look.moved([at], places)
        return valid, at, item.fetch(code, values, value_at, form.pack, form.moves[2])

    def put(found: tuple[Value, Value, Words]) -> None:
        valid, at, words = found
        with code.when(valid):
            for u, word in enumerate(words):
                place = code.at(x, type, at + u)
                code.atomic(operation, place, word if word.type == type else word.cast_to(type))

    with code.when(look.allowed()):
        share(code, walk.count, turns(item.size * form.pack), fetch, put)
    return Kernel("add", code.kernel("add"))


@cache
def checker(form: Form, indices: Indices) -> Kernel:
    """Are all indices in range?"""
    code = Thread()
    look, walk = Lookup(code, indices, form.index), Walk(code, form)
    with code.loop(code.first(form.index), walk.count, code.threads(form.index)) as i:
        _, at, *places = walk.places(i)
        look.moved([at], places)
    return Kernel("check", code.kernel("check"))


@cache
def locator(form: Form, indices: Indices) -> Kernel:
    """For each position, where in x the elements of its indices begin."""
    code = Thread()
    (made,) = code.takes("ptr made alone")
    look, walk = Lookup(code, indices, form.index), Walk(code, form)
    with code.loop(code.first(form.index), walk.count, code.threads(form.index)) as i:
        position, at, *places = walk.places(i)
        _, (at,) = look.moved([at], places)
        code.store(at.convert("i64"), code.at(made, "i64", position))
    return Kernel("locate", code.kernel("locate"))


Join = Callable[[list[Value], list[Value]], list[Value]]
JOINS: dict[str, Callable[[Value, Value], Value]] = {
    "put": lambda x, y: y,
    "add": lambda x, y: x + y,
    "multiply": lambda x, y: x * y,
    "maximum": larger,
    "minimum": smaller,
}
"""How a value is combined with what is there."""


@cache
def folder(how: str, element: Element, parts: int, form: Form) -> Kernel:
    """Positions sorted by their places: the first of each place combines the values of all, in their order, with x.

    Half types are combined in float32 and rounded once.

    element, parts: What an element is made of: one number, or two.
    """
    code, index = Thread(), form.index
    x, values, order, located, stopped, call, number, run = code.takes(
        "ptr x", "ptr values readonly", "ptr order readonly", "ptr located readonly",
        "ptr stopped", "i64 call", f"{index} number", f"{index} run",
    )  # fmt: skip
    walk, join = Walk(code, form), _join(how, element, parts)

    def position(rank: Value) -> Value:
        return code.load(code.at(order, "i64", rank), "i64")

    def place(rank: Value) -> Value:
        return code.load(code.at(located, "i64", position(rank)), "i64")

    def load(base: Value, at: Value) -> list[Value]:
        return [element.load(code, base, at * parts + u) for u in range(parts)]

    def whole(rank: Value, own: Value, value_at: Value) -> None:
        """Combine an element's values, of which those at this rank are the first."""
        here = place(rank)
        at = here + own.convert("i64")
        so_far = [code.variable(part, element.number) for part in load(x, at)]
        after = code.variable(rank, index)
        with code.repeat() as loop:
            source = position(after.value) * run.convert("i64") + value_at.convert("i64")
            joined = join([part.value for part in so_far], load(values, source))
            for part, value in zip(so_far, joined):
                part.value = value
            after.value = after.value + 1
            loop.stop_unless(after.value < number)
            loop.next_when(place(after.value).equals(here))
            loop.stop()
        for u, part in enumerate(so_far):
            element.store(code, part.value, x, at * parts + u)

    allowed = code.load(stopped, "i64").differs(call)
    with (
        code.when(allowed),
        code.loop(code.first(index), walk.count, code.threads(index)) as i,
    ):
        _, rank, own, value_at = walk.places(i)
        before = place(choose(rank > 0, rank - 1, rank))
        with code.when(rank.equals(0) | place(rank).differs(before)):
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


__all__ = ["adder", "checker", "claimer", "folder", "locator", "putter", "taker"]
