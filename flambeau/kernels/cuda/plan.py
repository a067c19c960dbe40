"""What a call comes to for arrays of certain shapes: which kernels are launched how, and with which numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...formula.dimensions import broadcast_shapes
from ...formula.expansion import usual_args
from ...formula.expression import POSITION, order, passes
from ..llvm import BITS
from ..loops.dispatch import memory_order, rows_order
from ..loops.values import Unsupported
from . import driver
from .dimensions import FLAT, MOST, STILL, Steps, Ways, steps_over
from .elementwise import Elementwise
from .formula import Facts, Formula, neighbours, widest
from .rows import Rows, Team
from .thread import WARP
from .whole import Finish, Part, is_divisible

BLOCK = 256
"""Threads of an elementwise kernel's blocks."""
WAVES = 32
"""Blocks for each multiprocessor at most: kernels go on to other elements in steps of the whole grid."""
FAR = (1 << 31) - (1 << 24)
"""Indices up to here are 32 bits long; a step of the grid beyond stays within them."""
TEAMS = (4, 8, 16, WARP, 128, 512)
KEPT = 16
"""Words of a row that a thread keeps in registers at most."""
PIECE, PIECES = 4096, 1024
"""A long row is cut in pieces of so many elements or more, and a launch in no more than so many."""
FEW = 128
"""Rows that are cut when they are long take fewer blocks than this."""
WORDS: dict[str, Any] = {"i32": np.int32, "i64": np.int64}


class Launch(NamedTuple):
    """A kernel with all that is known before the arrays' addresses are."""

    kernel: driver.Kernel
    grid: int
    block: int
    numbers: tuple[Any, ...]


class Result(NamedTuple):
    """An array to make: its shape, and the order of dimensions back from the one in which it lies."""

    shape: tuple[int, ...]
    dtype: Any
    back: tuple[int, ...] | None = None

    def empty(self) -> Any:
        return driver.cupy().empty(self.shape, self.dtype)

    def seen(self, made: Any) -> Any:
        return made if self.back is None else made.transpose(self.back)


class Plan:
    """Launches one after the other, with the memory that they share.

    Attributes:
        results: What they make.
        launches: The kernels.
        scratch: Words of 64 bits that the first leaves for the second; 0 if there is one only.
    """

    __slots__ = ("launches", "results", "scratch")

    def __init__(self, results: Sequence[Result], launches: Sequence[Launch], scratch: int = 0):
        self.results, self.launches, self.scratch = tuple(results), tuple(launches), scratch

    def __call__(self, arrays: Sequence[Any], numbers: Sequence[float]) -> Any:
        made = [result.empty() for result in self.results]
        self.run(made, arrays, numbers)
        if len(made) == 1:
            return self.results[0].seen(made[0])
        return tuple([result.seen(x) for result, x in zip(self.results, made)])

    def run(self, made: Sequence[Any], arrays: Sequence[Any], numbers: Sequence[float]) -> None:
        """Write the results into arrays."""
        if self.scratch:
            scratch = driver.cupy().empty(self.scratch, np.int64)
            for kernel, grid, block, given in self.launches:
                rows, length, *rest = given
                kernel(grid, block, *made, *arrays, rows, length, scratch, *rest, *numbers)
            return
        for kernel, grid, block, given in self.launches:
            kernel(grid, block, *made, *arrays, *given, *numbers)


class Planner:
    """Chooses kernels for a program with certain dtypes, and keeps those that were made.

    Raises:
        Unsupported: The program has no native form.
    """

    def __init__(self, facts: Facts):
        self.facts = facts
        self.formula = Formula(facts)
        self.full = [x.full for x in facts.program.inputs]
        self.roots = [x.full for x in self.formula.roots]
        nodes = order(self.formula.roots, usual_args)
        self.is_placed = any(x.primitive is POSITION for x in nodes)
        self.nodes, self.passes = len(nodes), passes(self.formula.roots)
        self.elements = [*self.formula.results, *self.formula.inputs]
        self.is_elementwise = not self.formula.reductions and not self.facts.program.rowwise
        self.is_elementwise &= all(self.roots)
        self.kernels: dict[tuple, driver.Kernel] = {}
        flat = Ways(1, (FLAT,) * len(self.elements))  # what is Unsupported is found in writing
        if self.is_elementwise:
            Elementwise(facts, flat, "i32", 1, BLOCK, False).text()
        else:
            Rows(facts, Team(WARP, 128), flat, flat, "i32", 1).text()

    def kernel(self, cls: type, *options: Any) -> driver.Kernel:
        found = self.kernels.get((cls, *options))
        if found is None:
            made = cls(self.facts, *options)
            found = self.kernels[(cls, *options)] = driver.Kernel(made.name, made.text())
        return found

    def plan(self, arrays: Sequence[Any], axes: Sequence[int] | None, drop: bool) -> Plan:
        """For new results.

        Raises:
            Unsupported: The arrays have more dimensions than kernels take.
            ValueError: Their shapes do not broadcast.
        """
        shape = broadcast_shapes(*(a.shape for a in arrays))
        if self.is_elementwise:
            return self.elementwise(arrays, shape)
        return self.by_rows(arrays, shape, _dims(axes, len(shape)), drop)

    # ---------------------------------------------------------------------------- elementwise

    def elementwise(self, arrays: Sequence[Any], shape: tuple[int, ...]) -> Plan:
        lies = memory_order(arrays, shape)
        results, steps = [], []
        for dtype in self.facts.results:
            result, its_steps = _new(shape, dtype, lies)
            results.append(result)
            steps.append(its_steps)
        given = [steps_over(a, shape) for a in arrays]
        return Plan(results, [self.over(Steps(shape, (*steps, *given)), arrays, False)])

    def into(self, targets: Sequence[Any], arrays: Sequence[Any]) -> Plan:
        """An elementwise program whose results are written to arrays of the common shape."""
        shape = targets[0].shape
        steps = Steps(shape, tuple(steps_over(a, shape) for a in (*targets, *arrays)))
        return Plan((), [self.over(steps, (*targets, *arrays), True)])

    def over(self, steps: Steps, arrays: Sequence[Any], changes: bool) -> Launch:
        """The launch for operands of these steps, results first; `arrays` are the last of them."""
        steps = steps.sorted(0).merged()
        ways = steps.ways()
        self.check_dims(ways)
        wide = self.vector(steps, ways, arrays, ())
        word = "i32" if max(steps.reach(), steps.size) < FAR else "i64"
        kernel = self.kernel(Elementwise, ways, word, wide, BLOCK, changes)
        numbers = [WORDS[word](steps.size), *steps.numbers(ways, WORDS[word])]
        return Launch(kernel, _grid(-(-steps.size // wide), BLOCK, word), BLOCK, tuple(numbers))

    def check_dims(self, *ways: Ways) -> None:
        if any(x.dims > MOST for x in ways):
            raise Unsupported(f"arrays of more than {MOST} dimensions that do not merge")

    def vector(
        self, steps: Steps, ways: Ways, arrays: Sequence[Any], kept: Sequence[Sequence[int]]
    ) -> int:
        """How many neighbouring elements a thread takes at once: where each operand has them, aligned.

        kept: The steps of each operand from row to row, which must be multiples of it too.
        """
        near = neighbours(ways)
        wide = widest([self.elements[k] for k in near])
        first = len(self.elements) - len(arrays)
        while wide > 1:
            bytes_of = {k: min(16, wide * BITS[self.elements[k]] // 8) for k in near}
            fits = all(
                arrays[k - first].data.ptr % n == 0 for k, n in bytes_of.items() if k >= first
            )
            apart = any(step % wide for k in near if kept for step in kept[k])
            if fits and not apart and steps.divides(wide):
                return wide
            wide //= 2
        return 1

    # ----------------------------------------------------------------------------------- rows

    def by_rows(
        self, arrays: Sequence[Any], shape: tuple[int, ...], dims: Sequence[int], drop: bool
    ) -> Plan:
        left = [i for i in range(len(shape)) if i not in dims]
        single = tuple(1 if i in dims else n for i, n in enumerate(shape))
        lies = rows_order(arrays, self.full, shape, dims)
        results, steps = [], []
        for full, dtype in zip(self.roots, self.facts.results):
            result, its_steps = _new(shape if full else single, dtype, lies)
            if drop:
                result, its_steps = (
                    Result(tuple(shape[i] for i in left), dtype),
                    _new(single, dtype)[1],
                )
            results.append(result)
            steps.append(
                tuple(0 if n == 1 else s for s, n in zip(its_steps, shape if full else single))
            )
        given = [steps_over(a, shape) for a in arrays]
        every = (*steps, *given)
        main = len(steps) + max(
            (k for k, full in enumerate(self.full) if full), key=lambda k: arrays[k].size
        )

        def picked(places: Sequence[int]) -> Steps:
            return Steps(
                tuple(shape[i] for i in places), tuple(tuple(x[i] for i in places) for x in every)
            )

        kept, reduced = picked(left).sorted(main).merged(), picked(sorted(dims))
        reduced = reduced.merged() if self.is_placed else reduced.sorted(main).merged()
        launches, scratch = self.of_rows(kept, reduced, arrays, main)
        return Plan(results, launches, scratch)

    def of_rows(
        self, kept: Steps, reduced: Steps, arrays: Sequence[Any], main: int
    ) -> tuple[list[Launch], int]:
        rows, length = kept.size, reduced.size
        ways = kept.ways(), reduced.ways()
        self.check_dims(*ways)
        far = max(kept.reach() + reduced.reach(), rows * max(1, length))
        word = "i32" if far < FAR else "i64"
        number = WORDS[word]
        across = rows >= WARP // 2 and length > 1
        across = across and abs(kept.operands[main][-1]) < abs(reduced.operands[main][-1])
        wide = 1 if across else self.row_vector(kept, reduced, ways[1], arrays, length)
        moving = sum(
            full and ways[1].kinds[len(self.roots) + k] != STILL for k, full in enumerate(self.full)
        )
        numbers = [*kept.numbers(ways[0], number), *reduced.numbers(ways[1], number)]
        sizes = number(rows), number(length)
        cut = self.cut(rows, length, across, wide)
        if cut is not None:
            team, pieces, chunk = cut
            more = number(pieces), number(chunk)
            blocks = -(-rows // team.rows) * pieces
            part = self.kernel(Part, team, *ways, word, wide)
            after = Team(128, 128)
            finish = self.kernel(Finish, after, *ways, word, wide)
            return [
                Launch(part, blocks, team.block, (*sizes, *more, *numbers)),
                Launch(finish, rows, after.block, (*sizes, *more, *numbers)),
            ], rows * pieces * len(self.formula.reductions)
        team = self.team(length, across, wide, moving)
        kernel = self.kernel(Rows, team, *ways, word, wide)
        grid = _grid(-(-rows // team.rows), 1, word)
        return [Launch(kernel, grid, team.block, (*sizes, *numbers))], 0

    def row_vector(
        self, kept: Steps, reduced: Steps, ways: Ways, arrays: Sequence[Any], length: int
    ) -> int:
        wide = self.vector(reduced, ways, arrays, kept.operands)
        while length % wide:
            wide //= 2
        return wide

    def team(self, length: int, across: bool, wide: int, moving: int) -> Team:
        """Which threads share a row of a length.

        A row that is walked more than once stays in registers where it fits; one that is walked once needs only
        threads enough.
        """
        vectors = -(-length // wide)
        words = wide * max(1, moving) * max(1, BITS[self.formula.element] // 32)
        most = max(1, KEPT // words)
        if across:
            size = 16 if length >= 64 else 4
            block, chunks = WARP * size, -(-length // size)
            light = self.nodes < 24
            ahead = 4 if light and chunks >= 4 else 1
            if self.passes > 1 and chunks <= most:
                return Team(size, block, True, _power(chunks))
            return Team(size, block, True, 0, ahead)
        for size in TEAMS:
            few = most if size == TEAMS[-1] else max(1, most // 2)
            if self.passes > 1 and -(-vectors // size) <= few:
                return Team(size, max(128, size), False, _power(-(-vectors // size)))
            if self.passes <= 1 and -(-vectors // size) <= 8:
                break
        return Team(size, max(128, size))

    def cut(self, rows: int, length: int, across: bool, wide: int) -> tuple[Team, int, int] | None:
        """How few long rows are cut: the team of a piece, how many there are of a row, and how long one is."""
        if not is_divisible(self.formula):
            return None
        team = Team(16, 16 * WARP, True, 0, 4) if across else Team(BLOCK, BLOCK)
        blocks = -(-rows // team.rows)
        if blocks >= FEW:
            return None
        least = 16 * team.size if across else PIECE
        pieces = min(-(-length // least), PIECES // blocks)
        if pieces < 2:
            return None
        chunk = -(-length // pieces)
        chunk = -(-chunk // (team.size * wide)) * team.size * wide
        return team, -(-length // chunk), chunk


def _dims(axes: Sequence[int] | None, ndim: int) -> list[int]:
    """The reduced dimensions, counted from the front, in order."""
    if axes is None or not ndim:
        return list(range(ndim))
    return sorted({axis % ndim for axis in axes})


def _new(
    shape: tuple[int, ...], dtype: Any, lies: Sequence[int] | None = None
) -> tuple[Result, tuple[int, ...]]:
    """A new array of a shape, which lies in memory in this order of its dimensions, and its steps."""
    lies = range(len(shape)) if lies is None else lies
    steps, step = [0] * len(shape), 1
    for i in reversed(lies):
        steps[i], step = step, step * shape[i]
    if list(lies) == list(range(len(shape))):
        return Result(shape, dtype), tuple(steps)
    back = tuple(int(i) for i in np.argsort(lies))
    return Result(tuple(shape[i] for i in lies), dtype, back), tuple(steps)


def _power(n: int) -> int:
    """The power of two from n on."""
    return 1 << (n - 1).bit_length()


def _grid(items: int, block: int, word: str) -> int:
    """Blocks for so many items, a thread or (`block` 1) a block each."""
    device = driver.cupy().cuda.runtime.getDevice()
    return max(1, min(-(-items // block), driver.processors(device) * WAVES))
