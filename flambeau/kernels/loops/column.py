"""Row programs whose rows lie across memory, as in a sum over the first dimension.

The arrays are A blocks of R rows of B elements; the program's rows run over R. The lanes of a vector then belong to
neighbouring rows of the program, and nothing is joined across lanes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...formula.expansion import usual_args
from ...formula.expression import Expression, order
from ..llvm import BITS, Value, choose
from ..runtime.vectorcall import item_of, put, size_of
from .arrange_rows import RowOption, RowWord
from .broadcast import FULL, SCALAR
from .entry import EntryPoint
from .nest import BLOCK, Nest, blocks_of_blocks
from .values import RULES, check_reductions


class ColumnNest(Nest):
    """The loops: blocks, then groups of neighbouring columns, then the program's stages over R."""

    @property
    def few(self) -> int:  # each lane has a row of its own
        return self.lanes

    def one_row(self, row: Value) -> None:
        code = self.code
        self.block = row
        self.start = row * self.length * self.width
        self.forget()
        self.begin_row(row, self.start)
        nodes = order(self.roots, usual_args)
        walked = [x for x in nodes if x.full or x.primitive.reduces]
        wide = 8 if len(nodes) < 6 else 4 if len(walked) < 24 else 1
        step = wide * self.lanes
        begin, end = Value(code, "%begin", "i64"), Value(code, "%end", "i64")
        whole = begin + (code.emit(f"sdiv i64 {(end - begin).name}, {step}", "i64") * step)
        with code.loop(begin, whole, step) as column:
            self.columns(column, wide, None)
        with code.loop(whole, end, self.lanes) as column:
            self.columns(column, 1, self.mask(column, end))

    def columns(self, column: Value, wide: int, mask: Value | None) -> None:
        """All stages for `wide` neighbouring vectors of columns."""
        code = self.code
        self.places = [column + u * self.lanes for u in range(wide)]
        self.groups = [{} for _ in range(wide)]
        self.edge = mask
        self.memo.clear()
        for group, place in zip(self.groups, self.places):
            self.row = group
            for i, x in enumerate(self.program.inputs):
                if not x.full:
                    group[x] = self.column_input(i, x, place)
        self.resolve(self.roots)
        self.store_columns([i for i, x in enumerate(self.roots) if x.full])
        self.prepare([x for x in self.roots if not x.full])
        for group, place in zip(self.groups, self.places):
            self.row = group
            for i, x in enumerate(self.roots):
                if not x.full:
                    at = code.at(self.outputs[i], self.results[i], self.block * self.width + place)
                    self.put(self.stored(self.row_value(x), i), at)

    def put(self, value: Value, place: Value) -> None:
        if self.edge is None:
            self.code.store(value, place)
        else:
            self.code.masked_store(value, place, self.edge)

    def column_input(self, i: int, x: Expression, place: Value) -> Value:
        """An operand with one value for each column of a block."""
        code, type = self.code, self.code.vector(self.inputs[i])
        single = code.slot(type)
        scalar = self.forms[i].equals(SCALAR)
        with code.when(scalar):
            value = code.load(self.pointers[i], self.inputs[i])
            code.store(code.splat(value), single)
        there = code.at(self.pointers[i], self.inputs[i], self.block * self.width + place)
        source = self.select(scalar, single, there)
        value = (
            code.load(source, type)
            if self.edge is None
            else code.masked_load(source, type, self.edge)
        )
        return self.loaded(value, i, x)

    def position(self, i: Value) -> Value:
        return self.code.splat(self.across)

    def read(self, k: int, x: Expression, i: Value, mask: Value | None) -> Value:
        if not self.alone:
            return super().read(k, x, i, mask)
        code, type = self.code, self.code.vector(self.inputs[k])
        offset = self.across * self.line_step + self.column * (BITS[self.inputs[k]] // 8)
        place = code.at(self.bases[k], "i8", choose(self.moving[k], offset, 0))
        value = code.load(place, type) if mask is None else code.masked_load(place, type, mask)
        return self.loaded(value, k, x)

    def each_group(self) -> list[tuple[dict[Expression, Value], Value]]:
        return list(zip(self.groups, self.places))

    def prepare(self, items: Sequence[Expression]) -> None:
        for group in self.groups:
            self.row = group
            super().prepare(items)

    def reduce(self, items: list[Expression]) -> None:
        code = self.code
        check_reductions(items)
        args = [x.args[0] for x in items]
        later = {} if self.seldom else self.left_for_later(items)
        rules = [RULES[x.primitive] for x in items]
        kinds = [code.vector(self.accumulator(x)) for x in items]
        starts = [code.constant(rule.start(type), type) for rule, type in zip(rules, kinds)]
        totals = [
            [code.variable(self.wide(x, s)) for x, s in zip(items, starts)] for _ in self.groups
        ]
        parts = [[code.slot(type) for type in kinds] for _ in self.groups]
        zero, count = code.constant(0, "i64"), len(self.groups)
        facts = [rule.join for rule in rules] * count, [t for group in totals for t in group]
        with blocks_of_blocks(code, zero, self.length, 1, *facts, starts * count) as (
            first,
            middle,
        ):
            for group in parts:
                for place, start in zip(group, starts):
                    code.store(start, place)
            after = first + BLOCK
            with code.loop(first, choose(after < self.length, after, self.length)) as r:
                self.across = r
                for (row, place), slots in zip(self.each_group(), parts):
                    self.row, self.column = row, place
                    index = r * self.width + place
                    values = self.lanes_at([*args, *later], index, self.edge)
                    for k, value in zip(later.values(), values[len(args) :]):
                        self.leave(k, value, index, self.edge)
                    for x, value, rule, slot, type in zip(items, values, rules, slots, kinds):
                        value = value.convert(self.accumulator(x))
                        code.store(rule.join(code.load(slot, type), value), slot)
            places = iter(middle)
            for group in parts:
                for place, rule, type in zip(group, rules, kinds):
                    total = next(places)
                    code.store(rule.join(code.load(total, type), code.load(place, type)), total)
        for row, sums in zip(self.groups, totals):
            for x, total in zip(items, sums):
                row[x] = total.value.convert(self.accumulator(x))
        self.memo.update(later)

    def store_columns(self, which: list[int]) -> None:
        if not which:
            return
        code = self.code
        roots = [self.roots[i] for i in which]
        self.prepare(roots)
        with code.loop(code.constant(0, "i64"), self.length) as r:
            self.across = r
            for row, place in self.each_group():
                self.row, self.column = row, place
                index = r * self.width + place
                for k, value in zip(which, self.lanes_at(roots, index, self.edge)):
                    at = code.at(self.outputs[k], self.results[k], self.start + index)
                    self.put(self.stored(value, k), at)


class ColumnEntryPoint(EntryPoint):
    """Arrays reduced over neighbouring dimensions that are not the last: axes (-3,), (-4, -3), ..."""

    def row_length(self, axes: Value, total: Value) -> Value:
        code, ndim = self.code, self.ndim_long
        self.require(self.is_a(axes, "tuple"))
        self.gone = size_of(axes)
        self.require((self.gone > 0) & (self.gone < ndim) & (total > 0))
        begin, strange = code.variable(0), code.variable(0, "i1")
        with code.loop(self.zero, self.gone) as i:
            item = item_of(axes, i)
            is_int = self.is_a(item, "int")
            strange.value = strange.value | ~is_int
            with code.when(is_int):
                place = self.python("PyLong_AsLongLong", "i64", item) + ndim
                first = choose(i.equals(0), place, begin.value)
                strange.value = strange.value | place.differs(first + i)
                begin.value = first
        self.python("PyErr_Clear", "void")  # of an integer beyond all bounds
        self.begin = begin.value
        self.end = self.begin + self.gone
        self.require(~strange.value & (self.begin >= 0) & (self.end < ndim))
        self.depth = self.elements(self.begin, self.end)
        self.breadth = self.elements(self.end, ndim)
        self.kept = code.slot("[64 x i64]")
        with code.loop(self.zero, ndim) as i:
            size = self.size(i)
            stays = (i < self.begin) | (i >= self.end)
            code.store(choose(stays, size, size.like(1)), code.at(self.kept, "i64", i))
        return self.depth * self.breadth

    def elements(self, begin: Value, end: Value) -> Value:
        """Of some of the dimensions."""
        product = self.code.variable(1)
        with self.code.loop(begin, end) as i:
            product.value = product.value * self.size(i)
        return product.value

    def fitted(self, arrays: Sequence[Value], row_length: Value) -> tuple[list[Value], Value]:
        """Each operand has a value an element (a row, if it is one value a row), or one for all."""
        forms, row_length = super().fitted(arrays, row_length)
        for form in forms:
            self.require(form.equals(FULL) | form.equals(SCALAR))
        return forms, row_length

    @property
    def divisible(self) -> bool:
        return True

    def row_dims(self) -> Value:
        return self.kept

    def reduced_dims(self) -> tuple[Value, Value]:
        return self.ndim, self.kept

    def dropped_dims(self) -> tuple[Value, Value]:
        code = self.code
        dims = code.slot("[64 x i64]")
        with code.loop(self.zero, self.begin) as i:
            code.store(self.size(i), code.at(dims, "i64", i))
        with code.loop(self.end, self.ndim_long) as i:
            code.store(self.size(i), code.at(dims, "i64", i - self.gone))
        return (self.ndim_long - self.gone).convert("i32"), dims

    def frame(
        self, arrays: Sequence[Value], forms: Sequence[Value], rows: Value, length: Value
    ) -> None:
        super().frame(arrays, forms, rows, self.depth)
        put(self.words, RowWord.WIDTH, self.breadth)
        if self.nest.alone:
            size = self.breadth * (BITS[self.nest.inputs[0]] // 8)
            put(self.words, RowWord.ROW_STEP, size * self.depth)
            put(self.words, RowWord.LINE_STEP, size)

    def work(self) -> tuple[Value, Value, Value]:
        rows, _, total = super().work()
        breadth = self.code.load(self.words.word(RowWord.WIDTH), "i64")
        # Threads that share a block take at least 256 columns each: fewer would read scattered memory.
        wide = (breadth >> 8) << 14
        single = rows.equals(1) & (wide < total)
        return rows, breadth, choose(single, wide, total)

    strided_option = RowOption.ACROSS

    @property
    def takes_strides(self) -> bool:
        return super().takes_strides and not any(x.full for x in self.nest.roots)
