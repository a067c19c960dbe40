"""The order of the elements of each row.

An element becomes a key, an unsigned integer that stands in the order of the elements: all nan are equal and the largest,
zeros of both signs are equal. A row of up to `SHORT` elements is sorted in a block's memory (Batcher's bitonic sort, 1968),
with each key's place below it, so that equal ones keep their order. The first few of a longer row are found in pieces: the
first few of each are candidates, among which it goes on. Keys of longer rows are sorted whole by CuPy's stable sort.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from ...array.sort import INFINITY, Keys
from ...llvm import Value, choose, quotient, remainder, smaller
from .. import driver
from ..driver import Kernel
from ..thread import Thread
from .copy import converted, in_order
from .launch import THREADS, blocks, share, turns

SHORT = 1024
"""Elements of a row, or of a piece of one, that a block sorts."""
FEW = 128
"""How many first elements of a long row are found in pieces."""


def order(x: Any, dim: int, descending: bool = False) -> Any:
    """The indices (int64) that sort a dimension, equal elements in their order; nan is the largest."""
    return first(x, x.shape[dim], dim, descending)


def first(x: Any, k: int, dim: int, descending: bool = False) -> Any:
    """The first `k` of `order`.

    Raises:
        TypeError: Elements of this dtype have no order.
    """
    if x.dtype.kind not in "biu" and x.dtype.name not in INFINITY:
        if x.dtype.kind == "c":
            raise TypeError(f"elements of {x.dtype} are not sorted")
        x = converted(x, np.float32)  # the types of eight bits
    xp, is_last = driver.cupy(), dim in (-1, x.ndim - 1)
    rows = in_order(x if is_last else xp.moveaxis(x, dim, -1))
    n = rows.shape[-1]
    if not rows.size or not k:
        made = xp.empty((*rows.shape[:-1], k), np.int64)
    elif n <= SHORT or k <= FEW:
        made = _by_blocks(rows, k, descending)
    else:
        made = xp.argsort(_keys(rows, descending), -1)[..., :k]
    return in_order(made if is_last else xp.moveaxis(made, -1, dim))


def _by_blocks(rows: Any, k: int, descending: bool) -> Any:
    """The first k of each row: of pieces, and then of what comes of those."""
    n, among = rows.shape[-1], None
    while n > SHORT:
        pieces = -(-n // SHORT)
        among = _pieces(rows, among, n, pieces, k, descending)
        n = among.shape[-1]
    return _pieces(rows, among, n, 1, k, descending)


def _pieces(rows: Any, among: Any, n: int, pieces: int, k: int, descending: bool) -> Any:
    """The first k of each piece of a row, one after the other; of a piece with fewer, all.

    among: The indices that take part, n for each row; None for all of its n elements.
    """
    length = -(-n // pieces)
    pieces = -(-n // length)
    kept = min(k, length)
    last = min(kept, n - (pieces - 1) * length)
    lead = rows.shape[:-1]
    made = driver.cupy().empty((*lead, (pieces - 1) * kept + last), np.int64)
    padded = max(2, 1 << (length - 1).bit_length())
    threads = max(THREADS, padded // 2)
    units = math.prod(lead) * pieces
    grid = blocks(-(-units // (threads // (padded // 2))) * threads, threads)
    kernel = _sorter(rows.dtype, descending, padded, threads, among is not None)
    places = [rows] if among is None else [rows, among]
    counts = map(np.int64, (units, pieces, rows.shape[-1], n, made.shape[-1]))
    kernel(grid, threads, *places, made, *counts, np.int32(length), np.int32(kept))
    return made


def _keys_of(code: Thread, dtype: Any, descending: bool) -> Keys:
    element, infinity = f"i{8 * dtype.itemsize}", INFINITY.get(dtype.name)
    return Keys(code, element, infinity, dtype.kind in "bu", descending)  # type: ignore[arg-type]


def _keys(x: Any, descending: bool) -> Any:
    """The keys of an array in order."""
    made = driver.cupy().empty(x.shape, f"u{x.itemsize}")
    kernel = _keyer(x.dtype, descending)
    kernel(blocks(x.size // turns(x.itemsize)), THREADS, x, made, np.int64(x.size))
    return made


@cache
def _keyer(dtype: Any, descending: bool) -> Kernel:
    code = Thread()
    x, made, count = code.takes("ptr x readonly", "ptr made alone", "i64 count")
    keys = _keys_of(code, dtype, descending)

    def fetch(i: Value) -> tuple[Value, Value]:
        return i, keys.key(code.load(code.at(x, keys.element, i), keys.element))

    def put(found: tuple[Value, Value]) -> None:
        code.store(found[1], code.at(made, keys.element, found[0]))

    share(code, count, turns(dtype.itemsize), fetch, put)
    return Kernel("keys", code.kernel("keys"))


@cache
def _sorter(dtype: Any, descending: bool, padded: int, threads: int, among: bool) -> Kernel:
    return Sorter(dtype, descending, padded, threads, among).kernel()


class Sorter:
    """The code of a block that sorts pieces of up to `padded` elements, a power of two: as many as it has threads for.

    among: Is there a list of the indices that take part?
    """

    def __init__(self, dtype: Any, descending: bool, padded: int, threads: int, among: bool):
        code = self.code = Thread()
        self.keys = _keys_of(code, dtype, descending)
        self.half, self.teams = padded // 2, threads // (padded // 2)
        (self.x,) = code.takes("ptr x readonly")
        self.among = code.takes("ptr among readonly")[0] if among else None
        self.made, self.units, self.pieces, self.width, self.n, self.row = code.takes(
            "ptr made alone", *(f"i64 {name}" for name in ("units", "pieces", "width", "n", "row"))
        )
        self.length, self.k = code.takes("i32 length", "i32 k")
        size = self.teams * padded
        self.words = code.shared("i64", size)
        self.places = None if self.keys.packed else code.shared("i32", size)
        thread = code.special("tid")
        self.member, self.team = remainder(thread, self.half), quotient(thread, self.half)
        self.start = self.team * padded

    def kernel(self) -> Kernel:
        code, teams = self.code, self.teams
        groups = quotient(self.units + (teams - 1), teams)
        with code.loop(
            code.special("ctaid", "i64"), groups, code.special("nctaid", "i64")
        ) as group:
            unit = group * teams + self.team.convert("i64")
            exists = unit < self.units
            self.begin(choose(exists, unit, 0))
            for i in (self.member, self.member + self.half):
                self.read(i)
            self.sort()
            for i in (self.member, self.member + self.half):
                with code.when(exists & (i < self.k) & (i < self.count)):
                    self.write(i)
            code.barrier()
        return Kernel("sort", code.kernel("sort"))

    def begin(self, unit: Value) -> None:
        """Where a piece is: its row, its first place in that, and how many elements it has."""
        self.outer, self.piece = quotient(unit, self.pieces), remainder(unit, self.pieces)
        self.first = self.piece * self.length.convert("i64")
        self.count = smaller(self.n - self.first, self.length.convert("i64")).convert("i32")

    def index(self, i: Value) -> Value:
        """Which element of the row is at a place of the piece."""
        place = self.first + i.convert("i64")
        if self.among is None:
            return place
        return self.code.load(self.code.at(self.among, "i64", self.outer * self.n + place), "i64")

    def read(self, i: Value) -> None:
        """An element's key and place; behind the piece's end, what stands behind all others."""
        code, keys = self.code, self.keys
        inside = i < self.count
        at = self.outer * self.width + self.index(choose(inside, i, 0))
        key = keys.key(code.load(code.at(self.x, keys.element, at), keys.element)).widen("i64")
        key = choose(inside, key, (1 << keys.bits) - 1 if keys.packed else -1)
        self.put(i, keys.word(key, i.widen("i64")), i)

    def write(self, i: Value) -> None:
        """The index of the element that comes at this place of the order."""
        at = self.outer * self.row + self.piece * self.k.convert("i64") + i.convert("i64")
        self.code.store(self.index(self.place(i)), self.code.at(self.made, "i64", at))

    def sort(self) -> None:
        """Runs of 2, 4, 8 ... are merged: one goes up and its neighbour down, so that both are one bitonic run."""
        run = 2
        while run <= 2 * self.half:
            by = run // 2
            while by:
                self.code.barrier()
                self.exchange(run, by)
                by //= 2
            run *= 2
        self.code.barrier()

    def exchange(self, run: int, by: int) -> None:
        """Put two elements, `by` apart, in the order of their run."""
        code = self.code
        low = quotient(self.member, by) * (2 * by) + remainder(self.member, by)
        high = low + by
        (a, i), (b, j) = self.get(low), self.get(high)
        wrong = b.below(a)
        if self.places is not None:
            wrong = wrong | (b.equals(a) & (j < i))
        descends = (low & run).differs(0)
        with code.when(wrong ^ descends):
            self.put(low, b, j)
            self.put(high, a, i)

    def get(self, i: Value) -> tuple[Value, Value]:
        word = self.code.load(self._at(self.words, "i64", i), "i64")
        if self.places is None:
            return word, i
        return word, self.code.load(self._at(self.places, "i32", i), "i32")

    def put(self, i: Value, word: Value, place: Value) -> None:
        self.code.store(word, self._at(self.words, "i64", i))
        if self.places is not None:
            self.code.store(place, self._at(self.places, "i32", i))

    def place(self, i: Value) -> Value:
        word, place = self.get(i)
        return (word & 0xFFFF_FFFF).convert("i32") if self.places is None else place

    def _at(self, memory: Value, type: str, i: Value) -> Value:
        return self.code.at(memory, type, self.start + i)


__all__ = ["first", "order"]
