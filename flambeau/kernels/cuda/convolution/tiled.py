"""Sums by tiles: a block computes a tile of rows and columns from stretches of steps in shared memory.

Each thread fetches its share of the next stretch into registers while it multiplies the present one.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from ...llvm import BITS, Value, choose, quotient, remainder, smaller
from ...loops.element import MEMORY
from ..driver import Kernel
from .sums import Form, Sums

AT_ONCE = 4
"""Numbers that a thread reads of shared memory together: 16 bytes of float32."""


class Tile(NamedTuple):
    """A block's tile.

    Attributes:
        rows, columns, deep: Of it, and the steps of a stretch.
        down, across: The rows and columns of a thread.
    """

    rows: int
    columns: int
    deep: int
    down: int
    across: int

    @property
    def threads(self) -> int:
        return self.rows // self.down * (self.columns // self.across)


LARGE, SMALL, FLAT = Tile(128, 128, 8, 8, 8), Tile(64, 64, 16, 4, 4), Tile(16, 128, 16, 4, 4)


class Tiled(Sums):
    """One thread's code."""

    def __init__(self, form: Form, tile: Tile):
        super().__init__(form)
        self.tile = tile

    def text(self, name: str) -> str:
        code, tile, n = self.code, self.tile, self.n
        self.me = code.special("tid")
        layer = code.special("ctaid", axis="z")
        self.split = remainder(layer, n.splits)
        self.begin(quotient(layer, n.splits))
        self.top = code.special("ctaid", axis="y") * tile.rows
        self.left = code.special("ctaid") * tile.columns
        kind = self.form.compute
        room = tile.deep * (tile.rows + AT_ONCE), tile.deep * (tile.columns + AT_ONCE)
        self.near_a, self.near_b = (code.shared(kind, size) for size in room)
        self.prepare()
        self.multiply()
        self.finish()
        return code.kernel(name)

    # -------------------------------------------------------------------- what a thread fetches

    def prepare(self) -> None:
        """Which rows, columns and steps of a stretch the thread fetches: those of a are along the steps, which are
        neighbours in memory; those of b too if steps are places, and else along the columns."""
        code, tile, n = self.code, self.tile, self.n
        me, threads = self.me, tile.threads
        self.ka, row = remainder(me, tile.deep), quotient(me, tile.deep)
        self.rows_a = [row + i for i in range(0, tile.rows, threads // tile.deep)]
        last = n.rows - 1
        self.from_a = [smaller(self.top + r, last) * n.a_row for r in self.rows_a]
        if self.form.outer:
            self.columns_b = [row + i for i in range(0, tile.columns, threads // tile.deep)]
            self.steps_b = [self.ka]
        else:
            self.columns_b = [remainder(me, tile.columns)]
            first = quotient(me, tile.columns)
            self.steps_b = [first + i for i in range(0, tile.deep, threads // tile.columns)]
        self.from_b = [self.column(smaller(self.left + j, n.wide - 1)) for j in self.columns_b]
        self.begins = self.split * n.part
        self.ends = smaller(self.begins + n.part, n.total)
        zero = code.constant(0, self.element)
        self.held_a = [code.variable(zero) for _ in self.rows_a]
        self.held_b = [code.variable(zero) for _ in range(len(self.columns_b) * len(self.steps_b))]

    def fetch(self, first: Value) -> None:
        """The thread's share of the stretch of steps from `first` on, into registers."""
        a = first + self.ka
        there = a < self.ends
        found = self.step(choose(there, a, self.begins))
        pointer, _, _, factor = found
        for held, row in zip(self.held_a, self.from_a):
            held.value = self.fetched(pointer, row + factor, there)
        place = iter(self.held_b)
        for k in self.steps_b:
            if k is not self.ka:
                there = first + k < self.ends
                found = self.step(choose(there, first + k, self.begins))
            for column in self.from_b:
                next(place).value = self.second(column, found, there)

    def spread(self) -> None:
        """What is held, into shared memory: one step's rows and columns side by side."""
        code, tile, kind = self.code, self.tile, self.form.compute
        for held, row in zip(self.held_a, self.rows_a):
            code.store(
                self.number(held.value),
                code.at(self.near_a, kind, self.ka * (tile.rows + AT_ONCE) + row),
            )
        place = iter(self.held_b)
        for k in self.steps_b:
            for column in self.columns_b:
                at = code.at(self.near_b, kind, k * (tile.columns + AT_ONCE) + column)
                code.store(self.number(next(place).value), at)

    # -------------------------------------------------------------------------- what it sums up

    def multiply(self) -> None:
        """All stretches."""
        code, tile, kind = self.code, self.tile, self.form.compute
        wide = tile.columns // tile.across
        self.mine_down = self.spots(quotient(self.me, wide), tile.rows, tile.down)
        self.mine_across = self.spots(remainder(self.me, wide), tile.columns, tile.across)
        zero = code.constant(0.0, kind)
        self.sums = [[code.variable(zero) for _ in range(tile.across)] for _ in range(tile.down)]
        self.fetch(self.begins)
        with code.loop(self.begins, self.ends, tile.deep) as first:
            code.barrier()
            self.spread()
            code.barrier()
            self.fetch(first + tile.deep)
            for k in range(tile.deep):
                self.one_step(k)

    def spots(self, which: Value, whole: int, own: int) -> list[Value]:
        """Where the thread's rows or columns lie: in runs, as far apart as all threads' runs are long."""
        return [which * AT_ONCE + i * (whole // own * AT_ONCE) for i in range(own // AT_ONCE)]

    def one_step(self, k: int) -> None:
        """The products of one step's rows and columns."""
        code, tile = self.code, self.tile
        a = self.near(self.near_a, k * (tile.rows + AT_ONCE), self.mine_down)
        b = self.near(self.near_b, k * (tile.columns + AT_ONCE), self.mine_across)
        for line, x in zip(self.sums, a):
            for total, y in zip(line, b):
                total.value = code.intrinsic("fma", x, y, total.value)

    def near(self, pointer: Value, begin: int, spots: list[Value]) -> list[Value]:
        """The thread's numbers of a step, out of shared memory."""
        code, kind, found = self.code, self.form.compute, []
        at_once = min(AT_ONCE, 128 // BITS[kind])
        for spot in spots:
            for i in range(0, AT_ONCE, at_once):
                place = code.at(pointer, kind, spot + (begin + i))
                found += code.several(place, kind, at_once)
        return found

    def finish(self) -> None:
        """Store the tile's results that there are."""
        code, n = self.code, self.n
        runs = range(AT_ONCE)
        columns = [self.left + spot + i for spot in self.mine_across for i in runs]
        rows = [self.top + spot + i for spot in self.mine_down for i in runs]
        for c, column in enumerate(columns):
            with code.when(column < n.wide):
                begin = self.target(code.constant(0, "i32"), column, self.split)
                for row, line in zip(rows, self.sums):
                    with code.when(row < n.rows):
                        place = code.at(
                            begin, MEMORY[self.form.result], row.widen("i64") * self.long.c_row
                        )
                        self.put(self.biased(line[c].value, row), place)


@cache
def kernel(form: Form, tile: Tile) -> Kernel:
    """The kernel of a form, with blocks of `tile.threads`: a grid of columns' tiles, rows' tiles, groups times splits."""
    name = "convolution"
    return Kernel(name, Tiled(form, tile).text(name))


__all__ = ["FLAT", "LARGE", "SMALL", "Tile", "kernel"]
