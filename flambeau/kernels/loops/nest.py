"""Loop nests: a program over arrays of A rows of R elements, one function of machine code.

What the function is told stands in a frame, an array of 64-bit words on its caller's stack (`Frame`). Rows are
independent; a program without reductions can also be cut within a row. Each operand has one of four forms:
    SCALAR   one value for all
    FULL     a value an element
    TRAILING a row that serves for every row (a bias, a weight)
    LEADING  one value a row
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import reduce
from operator import and_
from typing import Any

from ...formula.expansion import usual_args
from ...formula.expression import INPUT, POSITION, Domain, Expression, order
from ...formula.primitive import add
from ...formula.program import Program
from ..llvm import (
    BITS,
    FLOATS,
    Code,
    Value,
    Variable,
    across_lanes,
    choose,
    element_of,
    quotient,
    smaller,
)
from ..runtime.vectorcall import PIECE, of_pieces
from .arrange_rows import RowWord
from .broadcast import FULL, LEADING, SCALAR, TRAILING
from .element import check_processor
from .values import RULES, Values, check_reductions, full_args

ALL_MOVE, FIRST_MOVES, ANY = "all", "first", "any"
"""Styles of loops: all operands move on with the elements, the first does and the others stay, or each may do either."""
BLOCK = 32
"""Additions into one accumulator before it is added to another: float32 sums stay accurate."""


NEST = of_pieces("nest")


class Frame:
    """Where each fact stands in the frame."""

    def __init__(self, outputs: int, inputs: int, parameters: int):
        self.rows, self.length, self.width = RowWord.ROWS, RowWord.LENGTH, RowWord.WIDTH
        self.chunk, self.scratch = (
            3,
            4,
        )  # of a row that is reduced in pieces (see split_reduction.py)
        self.output = 10  # behind the words of `RowWord`
        self.input = self.output + outputs
        self.form = self.input + inputs
        self.parameter = self.form + inputs
        self.size = self.parameter + parameters


class Nest(Values):
    """A program with the dtypes of its arrays, ready to be written as LLVM's intermediate language.

    Raises:
        Unsupported: Something in it has no native form.
    """

    def __init__(
        self, program: Program, inputs: Sequence[Any], compute: Any,
        results: Sequence[Any], bits: int, rows: bool,
    ):  # fmt: skip
        for dtype in (*inputs, *results):
            check_processor(dtype)
        super().__init__(program, inputs, compute, results, rows)
        self.lanes = bits // BITS[self.element]
        self.rowwise = rows
        self.frame = Frame(len(self.results), len(self.inputs), len(program.parameters))

    # ---------------------------------------------------------------------------- the function

    def text(self, code: Code) -> str:
        """``void @nest(ptr frame, i64 row_begin, i64 row_end, i64 begin, i64 end)``."""
        self.begin(code)
        first, last = Value(code, "%row_begin", "i64"), Value(code, "%row_end", "i64")
        with code.loop(first, last) as row:
            self.one_row(row)
        code.line("ret void")
        return code.function(f"@nest({PIECE})", "internal void", "noinline")

    def begin(self, code: Code) -> None:
        """Read the frame."""
        self.code = code
        frame = self.facts = Value(code, "%frame", "ptr")
        self.length = self.word(frame, self.frame.length)
        self.width = self.word(frame, self.frame.width)
        self.outputs = [
            self.word(frame, self.frame.output + i, "ptr") for i in range(len(self.results))
        ]
        self.pointers = [
            self.word(frame, self.frame.input + i, "ptr") for i in range(len(self.inputs))
        ]
        self.forms = [self.word(frame, self.frame.form + i) for i in range(len(self.inputs))]
        if self.alone:
            self.inner, self.lines, self.row_step, self.inner_step, self.line_step = (
                self.word(frame, word)
                for word in (
                    RowWord.INNER, RowWord.LINES, RowWord.ROW_STEP, RowWord.INNER_STEP,
                    RowWord.LINE_STEP,
                )
            )  # fmt: skip
        self.splats = [
            code.slot(code.vector(element)) if x.full else None
            for x, element in zip(self.program.inputs, self.inputs)
        ]
        self.numbers: dict[str, Value] = {}
        for i, name in enumerate(self.program.parameters):
            self.numbers[name] = code.splat(self.word(frame, self.frame.parameter + i, "double"))
        for i, form in enumerate(self.forms):
            if self.splats[i] is not None:
                with code.when(form.equals(SCALAR)):
                    self.spread(i, code.constant(0, "i64"))

    def word(self, frame: Value, index: int, type: str = "i64") -> Value:
        return self.code.load(self.code.at(frame, "i64", self.code.constant(index, "i64")), type)

    def spread(self, i: int, index: Value) -> None:
        """Fill an operand's stack vector with one of its elements."""
        code, element = self.code, self.inputs[i]
        value = code.load(code.at(self.pointers[i], element, index), element)
        code.store(code.splat(value), self.splats[i])  # type: ignore[arg-type]

    def one_row(self, row: Value) -> None:
        start = self.start = row * self.length
        self.forget()
        self.begin_row(row, start)
        for i, x in enumerate(self.program.inputs):
            if not x.full:
                self.row[x] = self.row_input(i, x, row)
        self.resolve(self.roots)
        full = [i for i, x in enumerate(self.roots) if x.full]
        if full:
            self.store_full(full, start)
        self.store_reduced(row)

    def forget(self) -> None:
        super().forget()
        self.memo: dict[Expression, int] = {}
        self.narrowed: dict[Expression, Value] = {}
        """Values of the row in few lanes."""

    @contextmanager
    def aside(self) -> Iterator[None]:
        known = dict(self.narrowed)
        with super().aside():
            yield
        self.narrowed = known

    def begin_row(self, row: Value, start: Value) -> None:
        """Where each full operand's row begins, and whether it moves on with the elements or stays on the stack."""
        code = self.code
        self.moving: dict[int, Value] = {}
        self.bases: dict[int, Value] = {}
        self.still: dict[int, Value] = {}
        for i, x in enumerate(self.program.inputs):
            if not x.full:
                continue
            with code.when(self.forms[i].equals(LEADING)):
                self.spread(i, row)
            self.moving[i] = self.forms[i].equals(FULL) | self.forms[i].equals(TRAILING)
            if self.alone:
                there = self.own_row(row)
            else:
                offset = choose(self.forms[i].equals(FULL), start, start.like(0))
                there = code.at(self.pointers[i], self.inputs[i], offset)
            self.bases[i] = self.select(self.moving[i], there, self.splats[i])  # type: ignore[arg-type]
        self.style = ANY

    @property
    def alone(self) -> bool:
        """Is there one operand, whose rows may lie in strides?"""
        return self.rowwise and len(self.program.inputs) == 1

    @property
    def row_size(self) -> Value:
        return self.length * self.lines if self.alone else self.length

    def own_row(self, row: Value) -> Value:
        """Where a row of the one operand begins."""
        code = self.code
        offset = code.variable(row * self.row_step)
        with code.when(self.inner > 1):
            outer = quotient(row, self.inner)
            within = (row - outer * self.inner) * self.inner_step
            offset.value = outer * self.row_step + within
        return code.at(self.pointers[0], "i8", offset.value)

    @contextmanager
    def each_line(self) -> Iterator[None]:
        """The lines of which a row of the one operand is made."""
        if not self.alone or any(x.full for x in self.roots):
            yield
            return
        code, base = self.code, self.bases[0]
        with code.loop(code.constant(0, "i64"), self.lines) as line:
            self.bases[0] = code.at(base, "i8", line * choose(self.moving[0], self.line_step, 0))
            yield
        self.bases[0] = base

    def select(self, condition: Value, x: Value, y: Value) -> Value:
        return self.code.emit(f"select i1 {condition.name}, ptr {x.name}, ptr {y.name}", "ptr")

    def row_input(self, i: int, x: Expression, row: Value) -> Value:
        code, element = self.code, self.inputs[i]
        index = choose(self.forms[i].equals(SCALAR), row.like(0), row)
        value = code.splat(code.load(code.at(self.pointers[i], element, index), element))
        return self.loaded(value, i, x)

    # ---------------------------------------------------------------------------- values of a row

    @property
    def few(self) -> int:
        """The lanes in which a row's own values are computed: all are alike, and a division takes the longer the more
        there are."""
        return min(self.lanes, 128 // BITS[self.element]) if self.reductions else self.lanes

    def row_value(self, x: Expression) -> Value:
        if x in self.row or self.few == self.lanes or not self.is_plain(x):
            return super().row_value(x)
        value = self.narrow_value(x)
        found = self.row[x] = value.shuffled(value, [0] * self.lanes)
        return found

    def is_plain(self, x: Expression) -> bool:
        """Is it a number, made of others by arithmetic?"""
        return bool(x.args) and not x.primitive.costly and self.elements[x.domain] in FLOATS

    def narrow_value(self, x: Expression) -> Value:
        """The same in few lanes."""
        found = self.narrowed.get(x)
        if found is None:
            if x not in self.row and (self.is_plain(x) or x.domain is Domain.BOOL):
                self.code.lanes = self.few
                found = self.compute(x, self.narrow_value)
                self.code.lanes = self.lanes
            else:
                wide = self.row_value(x)
                found = wide.shuffled(wide, range(self.few))
            self.narrowed[x] = found
        return found

    # --------------------------------------------------------------------------------- values

    def lanes_at(self, items: Sequence[Expression], i: Value, mask: Value | None) -> list[Value]:
        """The values of full expressions in the lanes that begin at element i of the row."""
        known: dict[Expression, Value] = {}
        for item in order(items, full_args):
            if item.primitive is INPUT:
                known[item] = self.read(self.index[item], item, i, mask)
            elif item in self.memo:
                known[item] = self.recalled(self.memo[item], i, mask)
            elif item.primitive is POSITION:
                known[item] = self.position(i)
            else:
                known[item] = self.compute(
                    item, lambda arg: known[arg] if arg.full else self.row_value(arg)
                )
        return [known[item] for item in items]

    def recalled(self, k: int, i: Value, mask: Value | None) -> Value:
        """What an earlier stage left in the place of result k."""
        code, type = self.code, self.code.vector(self.results[k])
        place = code.at(self.outputs[k], self.results[k], self.start + i)
        return code.load(place, type) if mask is None else code.masked_load(place, type, mask)

    def left_for_later(self, items: Sequence[Expression]) -> dict[Expression, int]:
        """Costly values of this stage that the results need again, and the results in whose place they wait.

        So the exponentials of softmax are computed once: they stand where its result will.
        """
        found: dict[Expression, int] = {}
        for k, root in enumerate(self.roots):
            if not root.full or self.results[k] != self.elements.get(Domain.REAL):
                continue
            needed = set(order([root]))
            for item in reversed(order([x.args[0] for x in items])):
                if (
                    item in needed
                    and item is not root
                    and item.domain is Domain.REAL
                    and item.primitive.costly
                    and item not in self.memo
                    and item not in found
                    and k not in self.memo.values()
                ):
                    found[item] = k
                    break
        return found

    def leave(self, k: int, value: Value, i: Value, mask: Value | None) -> None:
        place = self.code.at(self.outputs[k], self.results[k], self.start + i)
        if mask is None:
            self.code.store(value, place)
        else:
            self.code.masked_store(value, place, mask)

    def position(self, i: Value) -> Value:
        """The places within the row of the lanes that begin at element i."""
        return self.code.splat(i) + self.code.iota()

    def read(self, k: int, x: Expression, i: Value, mask: Value | None) -> Value:
        code = self.code
        if k in self.still:
            return self.still[k]
        index = i if self.style is not ANY else choose(self.moving[k], i, i.like(0))
        place = code.at(self.bases[k], self.inputs[k], index)
        type = code.vector(self.inputs[k])
        value = code.load(place, type) if mask is None else code.masked_load(place, type, mask)
        return self.loaded(value, k, x)

    # ---------------------------------------------------------------------------------- loops

    def in_styles(self, styles: Sequence[str], write: Callable[[], None]) -> None:
        """Write loops once for each style: what is known of the operands makes them short."""
        code, first = self.code, min(self.moving)
        moving = [self.moving[k] for k in self.moving if k != first]
        holds = {
            ALL_MOVE: reduce(and_, moving, self.moving[first]),
            FIRST_MOVES: reduce(and_, [~x for x in moving], self.moving[first]),
        }
        done = code.name("written")
        for self.style in styles:
            onward = code.name("style")
            if self.style is not styles[-1]:
                here = code.name("style")
                code.branch(holds[self.style], here, onward)
                code.label(here)
            if self.style is FIRST_MOVES:
                for k in self.moving:
                    if k != first:
                        type = code.vector(self.inputs[k])
                        value = code.load(self.splats[k], type)  # type: ignore[arg-type]
                        self.still[k] = self.loaded(value, k, self.program.inputs[k])
            write()
            self.still.clear()
            code.jump(done)
            if self.style is not styles[-1]:
                code.label(onward)
        code.label(done)
        self.style = ANY

    @property
    def single(self) -> bool:
        """Is there one operand, which cannot but have the shape of the result?"""
        return not self.reductions and len(self.program.inputs) == 1

    def store_reduced(self, row: Value) -> None:
        """The results that are one value a row."""
        for i, x in enumerate(self.roots):
            if not x.full:
                self.prepare([x])
                place = self.code.at(self.outputs[i], self.results[i], row)
                self.code.store(self.stored(self.row_value(x), i).lane(), place)

    def store_full(self, which: list[int], start: Value) -> None:
        self.prepare([self.roots[i] for i in which])
        targets = [self.code.at(self.outputs[i], self.results[i], start) for i in which]
        zero = self.code.constant(0, "i64")
        begin = zero if self.reductions else Value(self.code, "%begin", "i64")
        end = self.length if self.reductions else Value(self.code, "%end", "i64")
        self.write_elements(which, targets, begin, end)

    def write_elements(
        self, which: list[int], targets: Sequence[Value], begin: Value, end: Value
    ) -> None:
        """The results `which` from element `begin` of the row to `end`; targets: where the row's results begin."""
        code, lanes, roots = self.code, self.lanes, [self.roots[i] for i in which]
        done = code.slot("i64")

        def write() -> None:
            # Several vectors at once keep more loads under way where there is little to compute.
            copies = 4 if len(order(roots, usual_args)) < 8 and self.style is not ANY else 1
            whole = begin + ((end - begin) & -(copies * lanes))
            with code.loop(begin, whole, copies * lanes) as i:
                indices = [i + u * lanes for u in range(copies)]
                for index, values in zip(indices, [self.lanes_at(roots, n, None) for n in indices]):
                    for k, target, value in zip(which, targets, values):
                        code.store(self.stored(value, k), code.at(target, self.results[k], index))
            code.store(whole, done)

        several = [ALL_MOVE, FIRST_MOVES, ANY] if len(self.moving) > 1 else [ALL_MOVE, ANY]
        self.in_styles([ALL_MOVE] if self.single else several, write)
        with code.loop(code.load(done, "i64"), end, lanes) as i:
            mask = self.mask(i, end)
            for k, target, value in zip(which, targets, self.lanes_at(roots, i, mask)):
                place = code.at(target, self.results[k], i)
                code.masked_store(self.stored(value, k), place, mask)

    def mask(self, i: Value, end: Value) -> Value:
        """The lanes before the end."""
        count = smaller(end - i, self.lanes).convert("i32")
        return self.code.iota("i32") < self.code.splat(count)

    def reduce(self, items: list[Expression]) -> None:
        later = {} if self.seldom else self.left_for_later(items)
        totals = self.walk(items, later, self.code.constant(0, "i64"), self.length)
        for x, total in zip(items, totals):
            self.row[x] = self.across_lanes(x, total.convert(self.accumulator(x)))
        self.memo.update(later)

    def across_lanes(self, x: Expression, value: Value) -> Value:
        """What all lanes join to, in every lane."""
        return across_lanes(value, RULES[x.primitive].join)

    def walk(
        self, items: list[Expression], later: dict[Expression, int], begin: Value, end: Value
    ) -> list[Value]:
        """One walk over elements of the row; the lanes of what each reduction comes to.

        Four accumulators keep the processor busy. They are added to the totals after `BLOCK` steps.
        """
        check_reductions(items)
        code, lanes = self.code, self.lanes
        args, starts = [x.args[0] for x in items], self.starts(items)
        rules, kinds = [RULES[x.primitive] for x in items], [x.type for x in starts]
        joins = [rule.joining(type) for rule, type in zip(rules, kinds)]
        seen = {k: self.nothing_seen() for k, rule in enumerate(rules) if rule.watches(kinds[k])}
        copies = 1 if self.seldom else 4 if len(order(args, usual_args)) < 24 else 2
        totals = [code.variable(self.wide(x, start)) for x, start in zip(items, starts)]
        parts = [[code.slot(type) for _ in range(copies)] for type in kinds]

        def values_at(i: Value, mask: Value | None) -> list[Value]:
            values = self.lanes_at([*args, *later], i, mask)
            for k, value in zip(later.values(), values[len(args) :]):
                self.leave(k, value, i, mask)
            found = [v.convert(self.accumulator(x)) for v, x in zip(values, items)]
            return found if mask is None else [choose(mask, v, s) for v, s in zip(found, starts)]

        def watch(several: list[list[Value]]) -> None:
            """Note lanes with a nan; one comparison looks at two values."""
            for k, place in seen.items():
                for values, others in zip(several[::2], several[1::2] or several):
                    found = values[k].compare("", "uno", others[k])
                    code.store(code.load(place, found.type) | found, place)

        step = copies * lanes
        whole = begin + ((end - begin) & -step)

        def write() -> None:
            with blocks_of_blocks(code, begin, whole, step, joins, totals, starts) as (
                block,
                middle,
            ):
                add_block(block, middle)

        def add_block(block: Value, middle: list[Value]) -> None:
            for start, group in zip(starts, parts):
                for place in group:
                    code.store(start, place)
            after = block + BLOCK * step
            stop = choose(after < whole, after, whole)
            with code.loop(block, stop, step) as i:
                several = [values_at(i + u * lanes, None) for u in range(copies)]
                for u, values in enumerate(several):
                    for join, value, group, type in zip(joins, values, parts, kinds):
                        code.store(join(code.load(group[u], type), value), group[u])
                watch(several)
            for join, total, group, type in zip(joins, middle, parts, kinds):
                values = [code.load(place, type) for place in group]
                while len(values) > 1:
                    values = [join(a, b) for a, b in zip(values[::2], values[1::2])]
                code.store(join(code.load(total, type), values[0]), total)

        with self.each_line():
            self.in_styles([ANY] if self.seldom else [ALL_MOVE, ANY], write)
            with code.loop(whole, end, lanes) as i:
                values = values_at(i, self.mask(i, end))
                for join, value, total in zip(joins, values, totals):
                    add_to(total, join, value)
                watch([values])
        found = [total.value for total in totals]
        for k, place in seen.items():
            strange = code.load(place, code.vector("i1"))
            found[k] = choose(strange, found[k].like(float("nan")), found[k])
        return found

    def wide(self, x: Expression, value: Value) -> Value:
        """A reduction's value as the type in which its totals are: float32 sums are rounded once in the end."""
        adds = x.primitive.joins is add and value.element == "float"
        return value.convert("double") if adds else value

    def nothing_seen(self) -> Value:
        type = self.code.vector("i1")
        return self.code.slot(type, self.code.constant(0, type))


@contextmanager
def blocks_of_blocks(
    code: Code, begin: Value, end: Value, step: int,
    joins: Sequence[Any], totals: Sequence[Variable], starts: Sequence[Value],
) -> Iterator[tuple[Value, list[Value]]]:  # fmt: skip
    """A loop over blocks of `BLOCK` steps, and where each adds what it comes to.

    `BLOCK` blocks add into places of their own, which are then added to the totals.
    """
    middle = [code.slot(start.type) for start in starts]
    with code.loop(begin, end, BLOCK * BLOCK * step) as first:
        for place, start in zip(middle, starts):
            code.store(start, place)
        after = first + BLOCK * BLOCK * step
        with code.loop(first, choose(after < end, after, end), BLOCK * step) as block:
            yield block, middle
        for join, total, place, start in zip(joins, totals, middle, starts):
            add_to(total, join, code.load(place, start.type))


def add_to(total: Variable, join: Any, value: Value) -> None:
    total.value = join(total.value, value.convert(element_of(total.type)))
