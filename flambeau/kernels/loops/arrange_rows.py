"""How the rows of one array of any strides are walked: decided by machine code, with each call (see `arrangement`).

Dimensions that lie behind each other are merged, those of a row and those that stay each on their own. A row may then be
lines of elements that lie together, or lie across memory beside its neighbours; at most two dimensions are left of either.
"""

from __future__ import annotations

from ..llvm import Code, Module, Value, choose
from ..runtime.layout import DESCRIPTION
from ..runtime.vectorcall import array_field, field

DIMS = 16


class RowWord:
    """The first words of a nest's frame. Steps are bytes; row i begins at
    ``i // INNER * ROW_STEP + i % INNER * INNER_STEP``, and has lines that are LINE_STEP apart."""

    ROWS, LENGTH, WIDTH = 0, 1, 2
    INNER, LINES, ROW_STEP, INNER_STEP, LINE_STEP = 5, 6, 7, 8, 9


class RowOption:
    """What is told besides: bits."""

    DROP = 1  # the result loses the dimensions of the rows
    ACROSS = 2  # rows lie across memory
    IN_ORDER = 4  # the places of elements within their row matter
    ONE_LINE = 8  # rows of several lines will not do
    LAST = 16  # rows must run along the last dimensions: results are written as they lie


def define_arrange_rows(module: Module) -> None:
    """``i64 arrange_rows(ptr array, i64 reduced, i64 options, ptr frame, ptr shape)``.

    reduced: A bit for each dimension of the rows. shape: Gets the result's dimensions, their number first. It gives 0, or
    something else for an array that lies in another way.
    """
    _Rows(module)


class _Dims:
    """Some dimensions of the array, outermost first: sizes and steps."""

    def __init__(self, code: Code):
        self.sizes, self.steps = (code.slot(f"[{DIMS} x i64]") for _ in range(2))
        self.count = code.variable(0)

    def size(self, i: Value) -> Value:
        return i.code.load(self.sizes.word(i), "i64")

    def step(self, i: Value) -> Value:
        return i.code.load(self.steps.word(i), "i64")

    def put(self, i: Value, size: Value, step: Value) -> None:
        i.code.store(size, self.sizes.word(i))
        i.code.store(step, self.steps.word(i))

    def add(self, size: Value, step: Value) -> None:
        """One more; a part of the last one if it lies behind that."""
        count = self.count.value
        last = count - 1
        merges = count.code.variable(0, "i1")
        with count.code.when(count > 0):
            merges.value = self.step(last).equals(step * size)
            with count.code.when(merges.value):
                self.put(last, self.size(last) * size, step)
        with count.code.unless(merges.value):
            self.put(count, size, step)
            self.count.value = count + 1


class _Rows:
    def __init__(self, module: Module):
        code = self.code = module.define(
            "i64 @rows_SYMBOL(ptr %array, i64 %reduced, i64 %options, ptr %frame, ptr %shape)"
        )
        self.array, self.reduced, self.options, self.frame, self.shape = code.parameters
        self.zero = code.integer(0)
        self.width = field(array_field(self.array, "descr"), DESCRIPTION["elsize"], "i64")
        self.row, self.kept = _Dims(code), _Dims(code)
        self.read()
        self.refuse_when(self.kept.count.value > 2)
        self.refuse_when(self.row.count.value > 2)
        with code.either(self.option(RowOption.ACROSS)) as (across, along):
            with across:
                self.across()
            with along:
                self.along()
        code.give(self.zero)

    def option(self, bit: int) -> Value:
        return (self.options & bit).differs(0)

    def refuse_when(self, condition: Value) -> None:
        with self.code.when(condition):
            self.code.give(self.code.integer(1))

    def read(self) -> None:
        """The dimensions of both sorts, and the result's shape."""
        code = self.code
        ndim = array_field(self.array, "ndim", "i32").convert("i64")
        dims, strides = (array_field(self.array, name) for name in ("dims", "strides"))
        self.refuse_when((ndim > DIMS) | ndim.equals(0))
        plain = _Dims(code)
        left = code.variable(0)
        with code.loop(self.zero, ndim) as d:
            size, step = (code.load(x.word(d), "i64") for x in (dims, strides))
            self.refuse_when(size.equals(0))
            is_row = code.emit(f"lshr i64 {self.reduced.name}, {d.name}", "i64") & 1
            with code.either(is_row.differs(0)) as (rows, stays):
                with rows:
                    with code.when(size.differs(1)):
                        plain.put(plain.count.value, size, step)
                        plain.count.value += 1
                    with code.unless(self.option(RowOption.DROP)):
                        code.store(code.integer(1), self.shape.word(left.value + 1))
                        left.value += 1
                with stays:
                    with code.when(size.differs(1)):
                        seen = plain.count.value > 0
                        self.refuse_when(seen & self.option(RowOption.LAST))
                        self.kept.add(size, step)
                    code.store(size, self.shape.word(left.value + 1))
                    left.value += 1
        code.store(left.value, self.shape)
        with code.unless(self.option(RowOption.IN_ORDER)):
            self.sort(plain)
        with code.loop(self.zero, plain.count.value) as i:
            self.row.add(plain.size(i), plain.step(i))

    def sort(self, dims: _Dims) -> None:
        """By steps, the largest first, but what stays in place before all: the order of a row's elements does not matter."""
        code = self.code
        with code.loop(code.integer(1), dims.count.value) as i:
            place = code.variable(i)
            with code.repeat() as search:
                at = place.value
                search.stop_unless(at > 0)
                before = at - 1
                a, b = dims.step(before), dims.step(at)
                search.stop_unless((a - 1).below(b - 1))
                x, y = dims.size(before), dims.size(at)
                dims.put(before, y, b)
                dims.put(at, x, a)
                place.value = before

    def set(self, word: int, value: Value | int) -> None:
        self.code.store(self.code.integer(value), self.frame.word(word))

    def last(self, dims: _Dims) -> tuple[Value, Value]:
        """The size and step of the innermost; one element, if there is none."""
        code = self.code
        size, step = code.variable(1), code.variable(self.width)
        with code.when(dims.count.value > 0):
            at = dims.count.value - 1
            size.value, step.value = dims.size(at), dims.step(at)
        return size.value, step.value

    def first_of_two(self, dims: _Dims) -> tuple[Value, Value]:
        code = self.code
        size, step = code.variable(1), code.variable(0)
        with code.when(dims.count.value.equals(2)):
            size.value, step.value = dims.size(self.zero), dims.step(self.zero)
        return size.value, step.value

    def along(self) -> None:
        """Rows are lines of elements that lie together."""
        length, step = self.last(self.row)
        self.refuse_when(step.differs(self.width))
        lines, line_step = self.first_of_two(self.row)
        self.refuse_when((lines > 1) & self.option(RowOption.ONE_LINE))
        inner, inner_step = self.last(self.kept)
        outer, outer_step = self.first_of_two(self.kept)
        several = outer > 1
        self.set(RowWord.ROWS, outer * inner)
        self.set(RowWord.LENGTH, length)
        self.set(RowWord.WIDTH, 1)
        self.set(RowWord.INNER, choose(several, inner, 1))
        self.set(RowWord.ROW_STEP, choose(several, outer_step, inner_step))
        self.set(RowWord.INNER_STEP, inner_step)
        self.set(RowWord.LINES, lines)
        self.set(RowWord.LINE_STEP, line_step)

    def across(self) -> None:
        """Rows have one dimension; their neighbours lie together."""
        width, step = self.last(self.kept)
        self.refuse_when(step.differs(self.width) | (self.row.count.value > 1))
        blocks, block_step = self.first_of_two(self.kept)
        length, row_step = self.last(self.row)
        self.set(RowWord.ROWS, blocks)
        self.set(RowWord.LENGTH, length)
        self.set(RowWord.WIDTH, width)
        self.set(RowWord.INNER, 1)
        self.set(RowWord.LINES, 1)
        self.set(RowWord.ROW_STEP, block_step)
        self.set(RowWord.INNER_STEP, 0)
        self.set(RowWord.LINE_STEP, row_step)
