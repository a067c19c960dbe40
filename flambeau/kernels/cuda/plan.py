"""Chooses a formula's kernels for arrays of certain shapes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ...formula.dimensions import broadcast_shapes
from ...formula.expansion import usual_args, usual_side
from ...formula.expression import POSITION, order, passes
from ..llvm import BITS
from ..loops.dispatch import rows_order
from ..loops.values import Unsupported
from . import driver, team
from .dimensions import FLAT, MOST, STILL, Steps, Ways, lying_as, steps_over
from .elementwise import Elementwise
from .formula import Facts, Formula, neighbours, widest
from .launch import Launch, Plan, Result, Staged, grid_of, new_array
from .rows import Rows
from .stages import most_together, split
from .thread import WARP
from .whole import Finish, Part, Spread, is_divisible

BLOCK = 256
"""Threads of an elementwise kernel's blocks."""
FAR = (1 << 31) - (1 << 24)
"""Indices up to here are 32 bits long; a step of the grid beyond stays within them."""
LINES = 640
"""Lines of a kernel's text at most, about: long programs take fewer elements at once, and so fewer registers."""
WORDS: dict[str, Any] = {"i32": np.int32, "i64": np.int64}


class Layout(NamedTuple):
    """How many rows of how many elements there are, and how they lie.

    Attributes:
        across: Do neighbouring rows lie nearer to each other than a row's elements?
        options, numbers: What kernels take of it: to be written, and to be launched.
    """

    rows: int
    length: int
    across: bool
    options: tuple[Ways, Ways, str, int]
    numbers: tuple[Any, ...]


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
        roots, conditions = usual_side(self.formula.roots)
        self.nodes, self.walks = len(nodes), passes([*roots, *conditions])
        self.joins_nothing = not any(x.primitive.reduces for x in order(self.formula.roots))
        self.together = most_together(self.formula.reductions)
        self.elements = [*self.formula.results, *self.formula.inputs]
        self.is_elementwise = not self.formula.reductions and not self.facts.program.rowwise
        self.is_elementwise &= all(self.roots)
        self.kernels: dict[tuple, driver.Kernel] = {}
        flat = Ways(1, (FLAT,) * len(self.elements))  # what is Unsupported is found in writing
        if self.is_elementwise:
            text = Elementwise(facts, flat, "i32", 1, BLOCK, False).text()
        else:
            text = Rows(facts, team.Team(WARP, 128), flat, flat, "i32", 1).text()
        self.lines = text.count("\n")

    def kernel(self, cls: type, *options: Any) -> driver.Kernel:
        found = self.kernels.get((cls, *options))
        if found is None:
            made = cls(self.facts, *options)
            found = driver.Kernel(made.name, made.text(), self.facts.program)
            self.kernels[(cls, *options)] = found
        return found

    @cached_property
    def stages(self) -> tuple[Planner, Planner] | None:
        """Of what comes of one walk, and of the rest."""
        both = split(self.facts, self.formula)
        return None if both is None else (Planner(both[0]), Planner(both[1]))

    def plan(
        self, arrays: Sequence[Any], axes: Sequence[int] | None, drop: bool = False
    ) -> Plan | Staged:
        """For new results.

        Raises:
            Unsupported: The arrays have more dimensions than kernels take.
            ValueError: Their shapes do not broadcast.
        """
        shape = broadcast_shapes(*(a.shape for a in arrays))
        if self.is_elementwise:
            return self.elementwise(arrays, shape)
        dims = _dims(axes, len(shape))
        return self.by_rows(arrays, shape, dims, drop) or self.staged(arrays, axes, drop)

    def staged(self, arrays: Sequence[Any], axes: Any, drop: bool) -> Staged:
        first, rest = self.stages  # type: ignore[misc]
        plan = first.plan(arrays, axes)
        return Staged(plan, rest.plan((*arrays, *plan.made()), axes, drop))

    # ---------------------------------------------------------------------------- elementwise

    def elementwise(self, arrays: Sequence[Any], shape: tuple[int, ...]) -> Plan:
        given = [steps_over(a, shape) for a in arrays]
        lies = lying_as(shape, given)
        results, steps = [], []
        for dtype in self.facts.results:
            result, its_steps = new_array(shape, dtype, lies)
            results.append(result)
            steps.append(its_steps)
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
        return Launch(kernel, grid_of(-(-steps.size // wide), BLOCK), BLOCK, tuple(numbers))

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
        while wide > 1 and wide * self.lines > LINES:
            wide //= 2
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
    ) -> Plan | None:
        """None where launches for each walk are better."""
        left = [i for i in range(len(shape)) if i not in dims]
        results, steps = self.results_of_rows(arrays, shape, dims, drop)
        every = (*steps, *(steps_over(a, shape) for a in arrays))
        largest = max((k for k, full in enumerate(self.full) if full), key=lambda k: arrays[k].size)
        main = len(steps) + largest

        def picked(places: Sequence[int]) -> Steps:
            return Steps(
                tuple(shape[i] for i in places), tuple(tuple(x[i] for i in places) for x in every)
            )

        kept, reduced = picked(left).sorted(main).merged(), picked(sorted(dims))
        reduced = reduced.merged() if self.is_placed else reduced.sorted(main).merged()
        layout = self.layout(kept, reduced, arrays, main)
        found = self.of_rows(layout)
        return None if found is None else Plan(results, *found)

    def results_of_rows(
        self, arrays: Sequence[Any], shape: tuple[int, ...], dims: Sequence[int], drop: bool
    ) -> tuple[list[Result], list[tuple[int, ...]]]:
        """The arrays to make, and the steps of each over the whole shape."""
        orders = self.formula.program.orders
        lies = None if orders else rows_order(arrays, self.full, shape, dims)
        single = tuple(1 if i in dims else n for i, n in enumerate(shape))
        results, steps = [], []
        for full, dtype in zip(self.roots, self.facts.results):
            own = shape if full else single
            result, its_steps = new_array(own, dtype, lies if full and not drop else None)
            if drop:
                result = Result(tuple(n for i, n in enumerate(shape) if i not in dims), dtype)
            results.append(result)
            steps.append(tuple(0 if n == 1 else step for step, n in zip(its_steps, own)))
        return results, steps

    def layout(self, kept: Steps, reduced: Steps, arrays: Sequence[Any], main: int) -> Layout:
        """main: The operand whose neighbours decide whether threads follow rows or lie across them."""
        rows, length, ways = kept.size, reduced.size, (kept.ways(), reduced.ways())
        self.check_dims(*ways)
        far = max(kept.reach() + reduced.reach(), rows * length)
        word = "i32" if far < FAR else "i64"
        across = rows >= WARP // 2 and length > 1
        across = across and abs(kept.operands[main][-1]) < abs(reduced.operands[main][-1])
        wide = 1 if across else self.row_vector(kept, reduced, ways[1], arrays, length)
        number = WORDS[word]
        numbers = (*kept.numbers(ways[0], number), *reduced.numbers(ways[1], number))
        return Layout(rows, length, across, (*ways, word, wide), numbers)

    def of_rows(self, layout: Layout) -> tuple[list[Launch], int] | None:
        """The launches, and the words of scratch memory that they need."""
        rows, length, across, options, numbers = layout
        word, wide = options[2:]
        sizes = WORDS[word](rows), WORDS[word](length)
        cut = team.cut(rows, length, across, wide)
        if cut is not None:
            given = (*sizes, WORDS[word](cut.pieces), WORDS[word](cut.chunk), *numbers)
            found = self.in_pieces(layout, cut, given)
            if found is not None:
                return found
            if cut.many and self.formula.reductions and self.stages:
                return None
        chosen = self.team_for(length, across, wide, options[1])
        kernel = self.kernel(Rows, chosen, *options)
        grid = grid_of(-(-rows // chosen.rows), 1)
        return [Launch(kernel, grid, chosen.block, (*sizes, *numbers))], 0

    def in_pieces(
        self, layout: Layout, cut: team.Cut, given: tuple
    ) -> tuple[list[Launch], int] | None:
        """The launches where blocks share rows; None where the program does not go so."""
        rows, options = layout.rows, layout.options
        blocks, threads = -(-rows // cut.team.rows) * cut.pieces, cut.team.block
        if self.joins_nothing and any(self.roots):
            spread = self.kernel(Spread, cut.team, *options)
            return [Launch(spread, blocks, threads, given)], 0
        if not is_divisible(self.formula):
            return None
        after = team.Team(128, 128)
        part, finish = self.kernel(Part, cut.team, *options), self.kernel(Finish, after, *options)
        launches = [Launch(part, blocks, threads, given), Launch(finish, rows, after.block, given)]
        return launches, rows * cut.pieces * len(self.formula.reductions)

    def team_for(self, length: int, across: bool, wide: int, ways: Ways) -> team.Team:
        moving = [
            k
            for k, full in enumerate(self.full)
            if full and ways.kinds[len(self.roots) + k] != STILL
        ]
        words = wide * max(1, len(moving), self.together) * max(1, BITS[self.formula.element] // 32)
        if across:
            return team.across(length, words, self.walks, self.nodes < 24)
        return team.along(length, wide, words, self.walks)

    def row_vector(
        self, kept: Steps, reduced: Steps, ways: Ways, arrays: Sequence[Any], length: int
    ) -> int:
        wide = self.vector(reduced, ways, arrays, kept.operands)
        while length % wide:
            wide //= 2
        return wide


def _dims(axes: Sequence[int] | None, ndim: int) -> list[int]:
    """The reduced dimensions, counted from the front, in order."""
    if axes is None or not ndim:
        return list(range(ndim))
    return sorted({axis % ndim for axis in axes})
