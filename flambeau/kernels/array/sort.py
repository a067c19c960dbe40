"""The order of the elements of each row: stable radix sorts, ranks in short rows, the first few by insertion.

An element becomes a key, an unsigned integer that stands in the order of the elements: all nan are equal
and the largest, zeros of both signs are equal. Keys of up to 32 bits share a 64-bit word with their place.
A row is sorted byte by byte from the lowest, without the bytes that all its keys have in common. In a short row
each key is compared with all others, many at a time, and the number of those before it is its rank.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ...formula.dimensions import along
from ..llvm import BITS, Value, choose
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import enabled, machine
from .copy import in_order

SMALL = 64
"""Elements up to which NumPy takes less time."""
SHORT = 64
"""Elements of a row that is sorted by ranks."""
FEW = 64
"""How many first elements are found by insertion."""
INFINITY = {"float16": 0x7C00, "bfloat16": 0x7F80, "float32": 0x7F80_0000, "float64": 0x7FF << 52}
"""The bits of infinity: above them, but for the sign, is nan."""


def order(x: Any, dim: int, descending: bool = False) -> Any:
    """The indices (int64) that sort a dimension, equal elements in their order; nan is the largest."""
    if not _native(x, dim):
        return _order_by_numpy(x, dim, descending)
    n = x.shape[dim]
    return _run(x, dim, n, descending, "ranks" if n <= SHORT else "order")


def first(x: Any, k: int, dim: int, descending: bool = False) -> Any:
    """The first `k` of `order`."""
    n = x.shape[dim]
    if not _native(x, dim):
        return _first_by_numpy(x, k, dim, descending)
    if n <= SHORT:
        return _run(x, dim, k, descending, "ranks")
    if k > FEW or 4 * k > n:
        return in_order(order(x, dim, descending)[(*(slice(None),) * dim, slice(k))])
    return _run(x, dim, k, descending, "first")


def _native(x: Any, dim: int) -> bool:
    return (
        x.size > SMALL
        and x.__class__ is np.ndarray
        and (x.dtype.kind in "biuf" or x.dtype.name in INFINITY)  # a name takes long to find
        and x.dtype.isnative
        and x.shape[dim] < 1 << 31
        and enabled()
    )


def _run(x: Any, dim: int, k: int, descending: bool, how: str) -> Any:
    last = dim == x.ndim - 1
    rows = in_order(x if last else np.moveaxis(x, dim, -1))
    made = memory.empty((*rows.shape[:-1], k), memory.INT64)
    if k:
        n = rows.shape[-1]
        function, given = _plan(x.dtype, descending, how, rows.size // n, n, k)
        function(rows, made, *given)
    return made if last else in_order(np.moveaxis(made, -1, dim))


class Numbers(NamedTuple):
    """k: how many of a row are wanted."""

    k: int


@lru_cache(1024)
def _plan(
    dtype: Any, descending: bool, how: str, rows: int, n: int, k: int
) -> tuple[Callable[..., int], tuple[int, ...]]:
    """The function, and what it is told."""
    job = Job(rows=rows, length=n, weight=rows * n, divisible=False)
    return _sorter(dtype, descending, how), (*job, *Numbers(k=k))


def _order_by_numpy(x: Any, dim: int, descending: bool) -> Any:
    if x.dtype.isbuiltin == 2:  # such as bfloat16, which NumPy does not sort with nan at the end
        x = x.astype(np.float32)
    if not descending:
        return along(_stable_order, x, dim)
    # Reversing twice keeps equal elements in their order.
    back = np.flip(along(_stable_order, np.flip(x, dim), dim), dim)
    return x.shape[dim] - 1 - back


def _stable_order(x: Any, axis: int) -> Any:
    return np.argsort(x, axis, kind="stable")


def _first_by_numpy(x: Any, k: int, dim: int, descending: bool) -> Any:
    index = _order_by_numpy(x, dim, descending)
    return np.ascontiguousarray(index[(*(slice(None),) * dim, slice(k))])


@cache
def _sorter(dtype: Any, descending: bool, how: str) -> Callable[..., int]:
    element = f"i{dtype.itemsize * 8}"
    infinity = INFINITY.get(dtype.name)
    lanes = machine().bits // (BITS[element] if how == "first" else 64)

    def write(code: Body) -> None:
        keys = Keys(code, element, infinity, dtype.kind in "bu", descending)
        {"first": First, "order": Order, "ranks": Ranks}[how](code, keys).write()

    return kernel(how, ("x", "index"), Numbers, write, lanes, makes=True)


class Keys:
    """Writes the keys of elements, and words of a key and a place."""

    def __init__(
        self, code: Body, element: str, infinity: int | None, unsigned: bool, descending: bool
    ):
        self.code, self.element = code, element
        self.infinity, self.unsigned, self.descending = infinity, unsigned, descending
        self.bits = BITS[element]
        self.packed = self.bits <= 32

    def key(self, x: Value) -> Value:
        top = 1 << (self.bits - 1)
        if self.infinity is not None:
            size = x & (top - 1)
            x = choose(size.equals(0), x.like(0), x)
            key = x ^ ((x >> (self.bits - 1)) | top)
            key = choose(size > self.infinity, x.like(-1), key)
        else:
            key = x if self.unsigned else x ^ top
        return key ^ -1 if self.descending else key

    def at(self, row: Value, i: Value) -> Value:
        """The key of element i of a row, as 64 bits."""
        x = self.code.load_once(self.code.at(row, self.element, i), self.element)
        return self.key(x).widen("i64")

    def word(self, key: Value, place: Value) -> Value:
        return (key << 32) | place if self.packed else key


class Words:
    """Writes access to a list of words; where a key leaves no room for its place, places lie beside."""

    def __init__(self, code: Body, keys: Keys, memory: Value, room: Value):
        self.code, self.keys = code, keys
        self.memory = memory
        self.places = None if keys.packed else code.at(memory, "i64", room)

    def word(self, i: Value) -> Value:
        return self.code.get(self.memory, "i64", i)

    def place(self, i: Value) -> Value:
        if self.places is None:
            return self.word(i) & 0xFFFF_FFFF
        return self.code.get(self.places, "i64", i)

    def put(self, i: Value, word: Value, place: Value) -> None:
        self.code.put(word, self.memory, i)
        if self.places is not None:
            self.code.put(place, self.places, i)

    def move(self, i: Value, other: Words, j: Value) -> None:
        """Word j of another list to i."""
        self.put(i, other.word(j), other.place(j) if self.places is not None else i)


class First:
    """The first k of a row, kept in order while the row is walked; most elements are passed by in vectors."""

    def __init__(self, code: Body, keys: Keys):
        self.code, self.keys = code, keys

    def write(self) -> None:
        code, k = self.code, self.code.n.k
        memory = code.scratch((k + 1) * 16)
        self.list = Words(code, self.keys, memory, k + 1)
        self.count = code.slot("i64")
        n = code.n.length
        with code.rows() as row:
            self.row = code.at(code.p["x"], self.keys.element, row * n)
            code.store(code.zero, self.count)
            with code.loop(code.zero, k) as i:
                self.insert(i, self.keys.at(self.row, i))
            self.walk(k, n)
            with code.loop(code.zero, k) as i:
                code.put(self.list.place(i), code.p["index"], row * k + i)
        code.free(memory)

    def walk(self, start: Value, stop: Value) -> None:
        code, lanes = self.code, self.code.lanes
        whole = start + ((stop - start) & -lanes)
        type = code.vector(self.keys.element)
        with code.loop(start, whole, lanes) as i:
            x = code.load(code.at(self.row, self.keys.element, i), type)
            last = self.list.word(code.n.k - 1)
            last = last.down(32) if self.keys.packed else last
            limit = code.splat(last.convert(self.keys.element))
            smaller = self.keys.key(x).below(limit).cast_to(f"i{lanes}").widen("i64")
            self.offer_each(smaller, i)
        with code.loop(whole, stop) as i:
            self.offer(i)

    def offer_each(self, which: Value, start: Value) -> None:
        """Offer the elements whose bits are set."""
        code = self.code
        left = code.slot("i64", which)
        head, body, done = code.name("more"), code.name("offer"), code.name("none")
        code.jump(head)
        code.label(head)
        now = code.load(left, "i64")
        code.branch(now.differs(0), body, done)
        code.label(body)
        code.store(now & (now - 1), left)
        self.offer(start + code.intrinsic("cttz", now, code.constant(1, "i1")))
        code.jump(head)
        code.label(done)

    def offer(self, i: Value) -> None:
        code = self.code
        key = self.keys.at(self.row, i)
        last = self.list.word(code.n.k - 1)
        with code.when(key.below(last.down(32) if self.keys.packed else last)):
            code.store(code.n.k - 1, self.count)
            self.insert(i, key)

    def insert(self, place: Value, key: Value) -> None:
        """Behind the words of the list that are not larger."""
        code = self.code
        word = self.keys.word(key, place)
        count = code.load(self.count, "i64")
        at = code.slot("i64")
        code.store(count, at)
        head, look, move, done = (code.name(x) for x in ("insert", "look", "shift", "found"))
        code.jump(head)
        code.label(head)
        j = code.load(at, "i64")
        code.branch(j > 0, look, done)
        code.label(look)
        code.branch(word.below(self.list.word(j - 1)), move, done)
        code.label(move)
        self.list.move(j, self.list, j - 1)
        code.store(j - 1, at)
        code.jump(head)
        code.label(done)
        self.list.put(code.load(at, "i64"), word, place)
        code.store(count + 1, self.count)


class Ranks:
    """A whole short row; the first k of its order are written."""

    def __init__(self, code: Body, keys: Keys):
        self.code, self.keys = code, keys

    def write(self) -> None:
        code, n, lanes = self.code, self.code.n.length, self.code.lanes
        words, ranks = (code.slot(f"[{SHORT + 2 * lanes} x i64]") for _ in range(2))
        with code.rows() as row:
            source = code.at(code.p["x"], self.keys.element, row * n)
            with code.loop(code.zero, n) as i:
                # Signed comparison is what all vectors have.
                word = self.keys.word(self.keys.at(source, i), i) ^ -(1 << 63)
                code.put(word, words, i)
            with code.loop(code.zero, n, 2 * lanes) as i:
                self.rank(words, ranks, i)
            with code.loop(code.zero, n) as i:
                code.put(i, words, code.get(ranks, "i64", i))
            with code.loop(code.zero, code.n.k) as i:
                code.put(code.get(words, "i64", i), code.p["index"], row * code.n.k + i)

    def rank(self, words: Value, ranks: Value, i: Value) -> None:
        """The ranks of two vectors of words."""
        code, type = self.code, self.code.vector("i64")
        zero = code.constant(0, type)
        starts = [i, i + code.lanes]
        own = [code.load(code.at(words, "i64", start), type) for start in starts]
        places = [code.splat(start) + code.iota() for start in starts]
        counts = [code.slot(type, zero) for _ in starts]
        with code.loop(code.zero, code.n.length) as j:
            other = code.splat(code.get(words, "i64", j))
            for word, place, count in zip(own, places, counts):
                before = other < word
                if not self.keys.packed:
                    before = before | (other.equals(word) & (code.splat(j) < place))
                so_far = code.load(count, type)
                code.store(choose(before, so_far + 1, so_far), count)
        for start, count in zip(starts, counts):
            code.store(code.load(count, type), code.at(ranks, "i64", start))


class Order:
    """A whole row, byte by byte."""

    def __init__(self, code: Body, keys: Keys):
        self.code, self.keys = code, keys
        self.bytes = keys.bits // 8
        self.shift = 32 if keys.packed else 0

    def write(self) -> None:
        code, n = self.code, self.code.n.length
        memory = code.scratch(n * (16 if self.keys.packed else 32))
        counts = code.slot(f"[{self.bytes * 256} x i64]")
        half = code.at(memory, "i64", n if self.keys.packed else n * 2)
        here, there = code.slot("ptr"), code.slot("ptr")

        def give_up() -> None:
            code.free(memory)

        with code.rows() as row:
            code.store(memory, here)
            code.store(half, there)
            self.count(row, Words(code, self.keys, memory, n), counts, give_up)
            with code.loop(code.zero, code.number(self.bytes)) as byte:
                own = code.at(counts, "i64", byte * 256)
                source = Words(code, self.keys, code.load(here, "ptr"), n)
                digit = self.digit(source.word(code.zero), byte)
                common = code.get(own, "i64", digit).equals(n)
                with code.when(common ^ 1):
                    target = Words(code, self.keys, code.load(there, "ptr"), n)
                    self.starts(own)
                    self.spread(source, target, own, byte, give_up)
                    code.store(source.memory, there)
                    code.store(target.memory, here)
            final = Words(code, self.keys, code.load(here, "ptr"), n)
            with code.long_loop(n, give_up) as i:
                code.put(final.place(i), code.p["index"], row * n + i)
        code.free(memory)

    def digit(self, word: Value, byte: Value) -> Value:
        return word.down(byte * 8 + self.shift) & 255

    def count(self, row: Value, words: Words, counts: Value, give_up: Callable[[], None]) -> None:
        """The row's words, and how often each value of each byte occurs."""
        code, n = self.code, self.code.n.length
        source = code.at(code.p["x"], self.keys.element, row * n)
        with code.loop(code.zero, code.number(self.bytes * 256)) as i:
            code.put(code.zero, counts, i)
        with code.long_loop(n, give_up) as i:
            key = self.keys.at(source, i)
            word = self.keys.word(key, i)
            words.put(i, word, i)
            for byte in range(self.bytes):
                at = code.at(counts, "i64", (key.down(8 * byte) & 255) + 256 * byte)
                code.store(code.load(at, "i64") + 1, at)

    def starts(self, counts: Value) -> None:
        """From counts to where each value's words begin."""
        code = self.code
        total = code.slot("i64", code.zero)
        with code.loop(code.zero, code.number(256), 4) as i:
            for k in range(4):
                at = code.at(counts, "i64", i + k)
                now = code.load(total, "i64")
                code.store(now + code.load(at, "i64"), total)
                code.store(now, at)

    def spread(
        self, source: Words, target: Words, starts: Value, byte: Value, give_up: Callable[[], None]
    ) -> None:
        code = self.code
        shift = byte * 8 + self.shift
        with code.long_loop(code.n.length, give_up) as i:
            word = source.word(i)
            at = code.at(starts, "i64", word.down(shift) & 255)
            to = code.load(at, "i64")
            code.store(to + 1, at)
            target.put(to, word, source.place(i) if target.places is not None else i)
