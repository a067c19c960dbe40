"""Row programs: a team of threads for each row, which joins what its threads find in an order that is always the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from ...formula.expression import Expression
from ..llvm import Value, choose, quotient, remainder
from ..loops.values import RULES, check_reductions
from .dimensions import Walk, Ways
from .formula import Facts, Formula, Place
from .team import Team
from .thread import WARP


class Rows(Formula):
    """A program with reductions.

    The kernel takes the results, the operands, how many rows there are and how many elements they have, and the numbers of
    the `Steps` of the kept dimensions and then of the reduced ones.

    Args:
        team: How rows are shared.
        kept, reduced: How the results and then the operands are walked from row to row, and within a row.
    """

    shape = "rows"

    def __init__(
        self, facts: Facts, team: Team, kept: Ways, reduced: Ways, word: str, wide: int
    ):  # fmt: skip
        super().__init__(facts, word, wide, team.block)
        check_reductions(self.reductions)
        self.team, self.kept, self.reduced = team, kept, reduced
        self.inside: Value | None = None
        self.held: list[tuple[Place, Value]] = []

    def way(self, k: int) -> int:
        return self.reduced.kinds[len(self.results) + k]

    def text(self) -> str:
        code = self.begin()
        self.tables: dict[tuple[int, str], Value] = {}
        self.rows, self.length = self.take("rows"), self.take("length")
        self.take_more()
        self.kept_walk = Walk(code, self.kept, self.word, "kept")
        self.row_walk = Walk(code, self.reduced, self.word, "row")
        self.take_numbers()
        self.find_thread()
        self.body()
        return code.kernel(self.name, self.block)

    def take_more(self) -> None:
        """What else the kernel takes."""

    def find_thread(self) -> None:
        """Which row of its block a thread works at, and which member of its team it is."""
        thread = self.code.special("tid", self.word)
        if self.team.across:
            self.own_row, self.member = remainder(thread, WARP), quotient(thread, WARP)
        else:
            self.own_row = quotient(thread, self.team.size)
            self.member = remainder(thread, self.team.size)
        self.start, self.stop = self.zero, self.length

    def body(self) -> None:
        code, each = self.code, self.team.rows
        block, blocks = code.special("ctaid", self.word), code.special("nctaid", self.word)
        with code.loop(block * each, self.rows, blocks * each) as first:
            self.enter(first + self.own_row)
            self.resolve(self.roots)
            self.store_full([i for i, x in enumerate(self.roots) if x.full])
            self.store_reduced()

    def enter(self, row: Value) -> None:
        """Begin a row. Threads whose row is not there compute the last one and write nothing: all meet at barriers."""
        self.forget()
        self.inside = None if self.team.rows == 1 else row < self.rows
        row = row if self.inside is None else choose(self.inside, row, self.rows - 1)
        self.bases = self.kept_walk.offsets(row)
        self.held = self.hold()
        for i, x in enumerate(self.program.inputs):
            if not x.full:
                at = self.code.at(
                    self.pointers[i], self.inputs[i], self.bases[len(self.results) + i]
                )
                self.row[x] = self.loaded(self.code.load(at, self.inputs[i]), i, x)

    def hold(self) -> list[tuple[Place, Value]]:
        """The places that a thread keeps, and whether they are within the row."""
        found = []
        for c in range(self.team.chunks):
            column = (self.member + c * self.team.size) * self.wide
            inside = column < self.length
            found.append((self.place(choose(inside, column, column.like(0))), inside))
        return found

    def place(self, column: Value) -> Place:
        offsets = self.row_walk.offsets(column)
        return Place([a + b for a, b in zip(self.bases, offsets)], self.wide, column)

    def walk(self, each: Callable[[Place, Value | None], None]) -> None:
        """Go over this thread's part of the row; a place comes with whether it is in the row, where that is not known."""
        for place, inside in self.held:
            each(place, inside)
        if self.team.chunks:
            return
        step = self.team.size * self.wide
        first = self.start + self.member * self.wide
        with self.code.loop(first, self.stop, step * self.team.ahead) as column:
            if self.team.ahead == 1:
                each(self.place(column), None)
                return
            for place, inside in [self.ahead_at(column, u * step) for u in range(self.team.ahead)]:
                each(place, inside)

    def ahead_at(self, column: Value, further: int) -> tuple[Place, Value]:
        """A place further on, whose operands are asked for at once; the first one's where it is not in the row."""
        onward = column + further
        inside = onward < self.stop
        place = self.place(choose(inside, onward, column))
        return place, inside

    # ----------------------------------------------------------------------------- reductions

    def reduce(self, items: list[Expression]) -> None:
        rules, kinds, starts = self.rules(items)
        totals = [[self.code.variable(start) for _ in range(self.wide)] for start in starts]
        args = [x.args[0] for x in items]

        def join(place: Place, inside: Value | None) -> None:
            for u in range(place.width):
                values = self.found(args, place, u)
                for k, (rule, kind, value) in enumerate(zip(rules, kinds, values)):
                    value = value.convert(kind)
                    value = value if inside is None else choose(inside, value, starts[k])
                    totals[k][u].value = rule.join(totals[k][u].value, value)

        self.walk(join)
        joined = [self.tree(rule, [x.value for x in group]) for rule, group in zip(rules, totals)]
        self.row.update(zip(items, self.across_team(rules, joined)))

    def rules(self, items: Sequence[Expression]) -> tuple[list[Any], list[str], list[Value]]:
        """How reductions join, the types in which they do, and what they begin with."""
        kinds = [self.accumulator(x) for x in items]
        return [RULES[x.primitive] for x in items], kinds, self.starts(items)

    def tree(self, rule: Any, values: list[Value]) -> Value:
        while len(values) > 1:
            values = [rule.join(a, b) for a, b in zip(values[::2], values[1::2])]
        return values[0]

    def across_team(self, rules: Sequence[Any], values: list[Value]) -> list[Value]:
        """What all threads of the team join to: the same bits in each, in an order that is always the same."""
        team = self.team
        if not team.across:
            values = [self.across_lanes(rule, x) for rule, x in zip(rules, values)]
            if team.size <= WARP:
                return values
        code, warps = self.code, team.block // WARP
        thread = code.special("tid")
        lane, warp = remainder(thread, WARP), quotient(thread, WARP)
        width = WARP if team.across else 1
        tables = [self.table(k, x.type, warps * width) for k, x in enumerate(values)]
        code.barrier()  # what stood there has been read
        with nullcontext() if team.across else code.when(lane.equals(0)):
            for table, x in zip(tables, values):
                at = warp * width + lane if team.across else warp
                code.store(self.in_memory(x), code.at(table, self.in_memory_type(x.type), at))
        code.barrier()
        joined = []
        for rule, table, x in zip(rules, tables, values):
            parts = []
            for w in range(warps):
                at = lane + w * width if team.across else code.constant(w, "i32")
                kind = self.in_memory_type(x.type)
                parts.append(code.load(code.at(table, kind, at), kind).convert(x.type))
            joined.append(self.in_order(rule, parts))
        return joined

    def in_order(self, rule: Any, parts: list[Value]) -> Value:
        total = parts[0]
        for part in parts[1:]:
            total = rule.join(total, part)
        return total

    def across_lanes(self, rule: Any, value: Value) -> Value:
        by = min(self.team.size, WARP) // 2
        while by:
            value, by = rule.join(value, self.code.exchanged(value, "bfly", by)), by // 2
        # Of 0.0 and -0.0 lanes may have taken either: all take what the team's first lane has.
        if self.team.size >= WARP:
            return self.code.exchanged(value, "idx", 0)
        lane = remainder(self.code.special("tid"), WARP)
        return self.code.exchanged(value, "idx", lane & -self.team.size)

    def table(self, k: int, kind: str, count: int) -> Value:
        """Memory of the block for the parts of a reduction; later stages use it again."""
        key = k, self.in_memory_type(kind)
        if key not in self.tables:
            self.tables[key] = self.code.shared(key[1], count)
        return self.tables[key]

    def in_memory_type(self, kind: str) -> str:
        return "i32" if kind == "i1" else kind

    def in_memory(self, x: Value) -> Value:
        return x.convert("i32") if x.type == "i1" else x

    # -------------------------------------------------------------------------------- choices

    def anywhere(self, condition: Value) -> Value:
        """For a thread of the warp: what follows is done by whole warps, and by all that meet at a barrier."""
        if not self.team.across and self.team.size >= WARP:
            return condition  # one row, and so one answer
        found = condition
        for by in (16, 8, 4, 2, 1):
            found = found | self.code.exchanged(found, "bfly", by)
        return found

    @contextmanager
    def aside(self) -> Iterator[None]:
        known = [[dict(values) for values in place.known] for place, _ in self.held]
        read = [dict(place.loaded) for place, _ in self.held]
        with super().aside():
            yield
        for (place, _), values, loaded in zip(self.held, known, read):
            place.known, place.loaded = values, loaded

    # -------------------------------------------------------------------------------- results

    def store_full(self, which: list[int]) -> None:
        if not which:
            return
        roots = [self.roots[i] for i in which]
        self.prepare(roots)

        def store(place: Place, inside: Value | None) -> None:
            values = [self.found(roots, place, u) for u in range(place.width)]
            with self.where(self.inside, inside):
                self.write(which, place, values)

        self.walk(store)

    def store_reduced(self) -> None:
        which = [i for i, x in enumerate(self.roots) if not x.full]
        if not which:
            return
        self.prepare([self.roots[i] for i in which])
        values = [self.stored(self.row_value(self.roots[i]), i) for i in which]
        with self.where(self.inside, self.member.equals(0)):
            for i, value in zip(which, values):
                self.code.store(
                    value, self.code.at(self.outputs[i], self.results[i], self.bases[i])
                )

    @contextmanager
    def where(self, *conditions: Value | None) -> Iterator[None]:
        """Where all hold of those that are asked."""
        held = [x for x in conditions if x is not None]
        if not held:
            yield
            return
        both = held[0] if len(held) == 1 else held[0] & held[1]
        with self.code.when(both):
            yield
