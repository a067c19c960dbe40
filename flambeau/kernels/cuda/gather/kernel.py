"""The kernels that read and write at index arrays."""

from __future__ import annotations

from functools import cache

from ...llvm import Value, choose
from ..array.launch import share, turns
from ..array.layout import Form, Walk
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


__all__ = ["adder", "checker", "claimer", "locator", "putter", "taker"]
