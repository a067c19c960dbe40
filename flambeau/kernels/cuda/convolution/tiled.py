"""Sums by tiles: a block computes a tile of rows and columns from stretches of steps in shared memory.

Each thread fetches its share of the next stretch into registers while it multiplies the present one.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from ...llvm import BITS, Value, Variable, choose, quotient, remainder, smaller
from ...loops.element import MEMORY
from ..driver import Kernel
from ..tensor_core import COLUMNS, ROWS, STEPS, Lane, left, multiply_add, places, right
from ..thread import WARP
from .sums import Form, Sums

AT_ONCE = 4
"""Numbers that a thread reads of shared memory together: 16 bytes of float32."""


class Tile(NamedTuple):
    """A block's tile.

    Attributes:
        rows, columns, deep: Of it, and the steps of a stretch.
        threads: Of a block.
        down, across: The rows and columns of a thread, or of a warp where tensor cores multiply.
    """

    rows: int
    columns: int
    deep: int
    threads: int
    down: int
    across: int


LARGE = Tile(128, 128, 8, 256, 8, 8)
SMALL = Tile(64, 64, 16, 256, 4, 4)
FLAT = Tile(16, 128, 16, 128, 4, 4)
HALF_LARGE = Tile(128, 128, 32, 256, 64, 32)
HALF_SMALL = Tile(64, 64, 32, 128, 32, 32)


class Tiled(Sums):
    """One thread's code, but for how it multiplies.

    Attributes:
        me: The thread's number in its block.
        top, left, split: The tile's first row and column, and the number of its split.
        results: The sums that the thread holds, by columns: (column, [(row, sum)]).
    """

    def __init__(self, form: Form, tile: Tile):
        super().__init__(form)
        self.tile = tile
        self.results: list[tuple[Value, list[tuple[Value, Variable]]]] = []

    def text(self, name: str) -> str:
        code, tile, n = self.code, self.tile, self.n
        self.me = code.special("tid")
        layer = code.special("ctaid", axis="z")
        self.split = remainder(layer, n.splits)
        self.begin(quotient(layer, n.splits))
        self.top = code.special("ctaid", axis="y") * tile.rows
        self.left = code.special("ctaid") * tile.columns
        self.prepare()
        self.arrange()
        self.fetch(self.begins)
        with code.loop(self.begins, self.ends, tile.deep) as first:
            code.barrier()
            self.spread()
            code.barrier()
            self.fetch(first + tile.deep)
            self.multiply()
        self.finish()
        return code.kernel(name)

    def arrange(self) -> None:
        """Shared memory, and the sums that the thread holds."""
        raise NotImplementedError

    def lay(self, held: Value, which: int, line: Value, step: Value) -> None:
        """Put an element of the left (0) or right (1) factor into shared memory: of a row or column, and a step."""
        raise NotImplementedError

    def multiply(self) -> None:
        """Add the products of the stretch in shared memory."""
        raise NotImplementedError

    # -------------------------------------------------------------------- what a thread fetches

    def prepare(self) -> None:
        """Which rows, columns and steps of a stretch the thread fetches: those of a are along the steps, which are
        neighbours in memory; those of b too if steps are places, and else along the columns."""
        code, tile, n = self.code, self.tile, self.n
        me, together = self.me, tile.threads // tile.deep
        self.ka, row = remainder(me, tile.deep), quotient(me, tile.deep)
        self.rows_a = [row + i for i in range(0, tile.rows, together)]
        last = n.rows - 1
        self.from_a = [smaller(self.top + r, last) * n.a_row for r in self.rows_a]
        if self.form.outer:
            self.columns_b = [row + i for i in range(0, tile.columns, together)]
            self.steps_b = [self.ka]
        else:
            self.columns_b = [remainder(me, tile.columns)]
            first = quotient(me, tile.columns)
            self.steps_b = [first + i for i in range(0, tile.deep, tile.threads // tile.columns)]
        self.from_b = [self.column(smaller(self.left + j, n.wide - 1)) for j in self.columns_b]
        self.begins = self.split * n.part
        self.ends = smaller(self.begins + n.part, n.total)
        zero = code.constant(0, self.element)
        self.held_a = [code.variable(zero) for _ in self.rows_a]
        self.held_b = [code.variable(zero) for _ in range(len(self.columns_b) * len(self.steps_b))]

    def fetch(self, first: Value) -> None:
        """The thread's share of the stretch of steps from `first` on, into registers; 0 beyond the last."""
        there = first + self.ka < self.ends
        found = self.step(choose(there, first + self.ka, self.begins))
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
        """What is held, into shared memory."""
        for held, row in zip(self.held_a, self.rows_a):
            self.lay(held.value, 0, row, self.ka)
        place = iter(self.held_b)
        for k in self.steps_b:
            for column in self.columns_b:
                self.lay(next(place).value, 1, column, k)

    def finish(self) -> None:
        """Store the results that there are."""
        code, n = self.code, self.n
        for column, line in self.results:
            with code.when(column < n.wide):
                begin = self.target(code.constant(0, "i32"), column, self.split)
                for row, total in line:
                    with code.when(row < n.rows):
                        far = row.widen("i64") * self.long.c_row
                        place = code.at(begin, MEMORY[self.form.result], far)
                        self.put(self.biased(total.value, row), place)


class Scalar(Tiled):
    """Products by fused multiplications and additions: a thread has some runs of rows and of columns."""

    def arrange(self) -> None:
        code, tile, kind = self.code, self.tile, self.form.compute
        self.pitch = tile.rows + AT_ONCE, tile.columns + AT_ONCE
        self.near = [code.shared(kind, tile.deep * pitch) for pitch in self.pitch]
        wide = tile.columns // tile.across
        down = self.runs(quotient(self.me, wide), tile.rows, tile.down)
        across = self.runs(remainder(self.me, wide), tile.columns, tile.across)
        zero = code.constant(0.0, kind)
        self.spots = down, across
        self.sums = [[code.variable(zero) for _ in range(tile.across)] for _ in range(tile.down)]
        rows = [self.top + spot + i for spot in down for i in range(AT_ONCE)]
        columns = [self.left + spot + i for spot in across for i in range(AT_ONCE)]
        for c, column in enumerate(columns):
            line = [(row, sums[c]) for row, sums in zip(rows, self.sums)]
            self.results.append((column, line))

    def runs(self, which: Value, whole: int, own: int) -> list[Value]:
        """Where the thread's runs begin: as far apart as all threads' runs are long together."""
        return [which * AT_ONCE + i * (whole // own * AT_ONCE) for i in range(own // AT_ONCE)]

    def lay(self, held: Value, which: int, line: Value, step: Value) -> None:
        place = step * self.pitch[which] + line
        place = self.code.at(self.near[which], self.form.compute, place)
        self.code.store(self.number(held), place)

    def multiply(self) -> None:
        for k in range(self.tile.deep):
            a, b = (self.numbers(which, k) for which in (0, 1))
            for line, x in zip(self.sums, a):
                for total, y in zip(line, b):
                    total.value = self.code.intrinsic("fma", x, y, total.value)

    def numbers(self, which: int, k: int) -> list[Value]:
        """The thread's rows or columns of a step, out of shared memory."""
        code, kind, found = self.code, self.form.compute, []
        at_once = min(AT_ONCE, 128 // BITS[kind])
        for spot in self.spots[which]:
            for i in range(0, AT_ONCE, at_once):
                place = code.at(self.near[which], kind, spot + (k * self.pitch[which] + i))
                found += code.several(place, kind, at_once)
        return found


class Tensor(Tiled):
    """Products of a half type on tensor cores: a warp has some small matrices of sums."""

    def arrange(self) -> None:
        code, tile = self.code, self.tile
        self.pitch = tile.deep + 8  # the rows that a warp reads together lie in different banks
        self.near = [code.shared("i16", n * self.pitch) for n in (tile.rows, tile.columns)]
        self.lane, warp = Lane.of(self.me), quotient(self.me, WARP)
        wide = tile.columns // tile.across
        self.begins_at = quotient(warp, wide) * tile.down, remainder(warp, wide) * tile.across
        zero = code.constant(0.0, "float")
        self.sums = {
            (i, j): [code.variable(zero) for _ in range(4)]
            for j in range(0, tile.across, COLUMNS)
            for i in range(0, tile.down, ROWS)
        }
        for j in range(0, tile.across, COLUMNS):
            for side in (0, 1):
                column, line = self.left + self.begins_at[1] + j, []
                for i in range(0, tile.down, ROWS):
                    row = self.top + self.begins_at[0] + i
                    held = list(zip(places(self.lane), self.sums[i, j]))[side::2]
                    line += [(row + down, total) for (down, _), total in held]
                self.results.append((column + places(self.lane)[side][1], line))

    def lay(self, held: Value, which: int, line: Value, step: Value) -> None:
        place = line * self.pitch + step
        self.code.store(held, self.code.at(self.near[which], "i16", place))

    def multiply(self) -> None:
        tile, pitch = self.tile, self.pitch
        down, across = self.begins_at
        for k in range(0, tile.deep, STEPS):
            a = {
                i: left(self.code, self.near[0], (down + i) * pitch + k, pitch, self.lane)
                for i in range(0, tile.down, ROWS)
            }
            for j in range(0, tile.across, COLUMNS):
                b = right(self.code, self.near[1], (across + j) * pitch + k, pitch, self.lane)
                for i, x in a.items():
                    sums = self.sums[i, j]
                    values = [total.value for total in sums]
                    made = multiply_add(self.code, self.form.dtype, x, b, values)
                    for total, value in zip(sums, made):
                        total.value = value


@cache
def kernel(form: Form, tile: Tile) -> Kernel:
    """The kernel of a form, with blocks of `tile.threads`: a grid of columns' tiles, rows' tiles, groups times splits."""
    kind = Tensor if tile in (HALF_LARGE, HALF_SMALL) else Scalar
    return Kernel("convolution", kind(form, tile).text("convolution"))


__all__ = ["FLAT", "HALF_LARGE", "HALF_SMALL", "LARGE", "SMALL", "Tile", "kernel"]
