"""The machine code of a program over many groups of arrays: its entry point, and the loop over groups.

The entry point makes a table on the heap, which the pool hands to `foreach`. In 64-bit words: the number of groups; where
each group begins on the line, and where the last one ends; a frame of the nest for each group; and, for
`apart`, where each array begins and ends in memory, and whether it is written.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..llvm import (
    BITS,
    Code,
    Function,
    Module,
    Value,
    choose,
    external,
    larger,
    smaller,
)
from ..runtime.layout import Flag
from ..runtime.vectorcall import LARGE, PIECE, Vectorcall, array_field, of_pieces, put
from .broadcast import FULL
from .nest import NEST, Nest

GAP = 64
"""Places on the line are multiples of it: pieces end where a group's cache lines end."""
FOREACH = of_pieces("foreach")
GROUP = Function("i64", "group", ("ptr", "i64"))
APART = Function("i1", "apart", ("ptr", "i64"))
_RANGE = 3
"""Words of a range of memory: begin, end, is it written?"""
_QSORT = external("void @qsort(ptr, i64, i64, ptr)")


def module_text(nest: Nest) -> str:
    module = Module()
    define_group(module)
    define_apart(module)
    module.add(nest.text(Code(nest.lanes, module.declarations)))
    define_foreach(module, nest)
    ForeachEntryPoint(nest, module).write()
    return module.text()


def _word(table: Value, i: Value) -> Value:
    return table.code.load(table.code.at(table, "i64", i), "i64")


def define_group(module: Module) -> None:
    """The group that holds a place of the line: the last of those that begin there or before."""
    code = module.define("internal i64 @group(ptr %table, i64 %place)")
    table, place = code.parameters
    low, high = code.variable(0), code.variable(code.load(table, "i64"))
    with code.repeat() as search:
        first, size = low.value, high.value - low.value
        search.stop_when(size <= 1)
        middle = first + size.down(1)
        with code.either(_word(table, middle + 1) <= place) as (here, before):
            with here:
                low.value = middle
            with before:
                high.value = middle
    code.give(low.value)


def define_apart(module: Module) -> None:
    """Do no two ranges of memory meet of which one is written? Sorts them."""
    order = module.define("internal i32 @earlier(ptr %a, ptr %b)")
    x, y = (order.load(place, "i64") for place in order.parameters)
    order.give(y.below(x).convert("i32") - x.below(y).convert("i32"))
    code = module.define("internal i1 @apart(ptr %ranges, i64 %count)")
    ranges, count = code.parameters
    code.run(_QSORT, ranges, count, 8 * _RANGE, Value(code, "@earlier", "ptr"))
    any_end, written_end = code.variable(0), code.variable(0)
    with code.loop(code.integer(0), count) as i:
        begin, end, written = (_word(ranges, i * _RANGE + k) for k in range(_RANGE))
        is_written = written.differs(0)
        with code.when(begin.below(choose(is_written, any_end.value, written_end.value))):
            code.give(code.constant(0, "i1"))
        any_end.value = larger(any_end.value, end)
        written_end.value = larger(written_end.value, choose(is_written, end, 0))
    code.give(code.constant(1, "i1"))


def define_foreach(module: Module, nest: Nest) -> None:
    """The nest over each group that has places between %begin and %end of the line."""
    code = module.define(f"internal void @foreach({PIECE})")
    table, _, _, begin, end = code.parameters
    with code.when(begin < end):
        frames = code.load(table, "i64") + 2
        first, last = code.run(GROUP, table, begin), code.run(GROUP, table, end - 1)
        with code.loop(first, last + 1) as i:
            start = _word(table, i + 1)
            frame = code.at(table, "i64", frames + i * nest.frame.size)
            low = larger(begin - start, 0)
            high = smaller(end - start, _word(frame, code.integer(nest.frame.length)))
            with code.when(low < high):
                code.run(NEST, frame, 0, 1, low, high)
    code.give()


class ForeachEntryPoint(Vectorcall):
    """Writes ``f(*first inputs, *second inputs, ..., *numbers)``.

    The program's first inputs, as many as it has results, are changed to these.
    """

    def __init__(self, nest: Nest, module: Module):
        super().__init__(module)
        self.nest, self.width, self.changed = nest, len(nest.inputs), len(nest.roots)

    def write(self) -> None:
        code = self.code
        numbers = len(self.nest.program.parameters)
        arrays = self.count - numbers
        groups = self.groups = arrays / self.width
        self.require((groups > 0) & (groups * self.width).equals(arrays))
        given = [self.argument(arrays + i) for i in range(numbers)]
        parameters = [self.number(x) for x in given]
        total = code.variable(0)
        with code.loop(self.zero, groups) as i:
            total.value = total.value + self.checked(i)
        self.run(parameters, total.value)
        none = self.fact("None")
        self.python("Py_IncRef", "void", none)
        self.give([none])
        self.fall_back()

    def group(self, i: Value) -> list[Value]:
        """The arrays of group i."""
        return [self.argument(self.groups * j + i) for j in range(self.width)]

    def size(self, array: Value) -> Value:
        code = self.code
        product = code.variable(1)
        ndim = array_field(array, "ndim", "i32").convert("i64")
        dims = array_field(array, "dims")
        with code.loop(self.zero, ndim) as d:
            product.value = product.value * _word(dims, d)
        return product.value

    def checked(self, i: Value) -> Value:
        """The size of group i, whose arrays must have one shape and lie in one order, apart from each other."""
        nest, arrays = self.nest, self.group(i)
        first = arrays[0]
        in_order = Flag.C_CONTIGUOUS | Flag.F_CONTIGUOUS
        flags = self.code.constant(in_order | Flag.ALIGNED, "i32")
        for j, array in enumerate(arrays):
            self.require(self.is_a(array, "ndarray"))
            descr = self.fact(f"descr_{nest.input_names[j]}")
            self.require(array_field(array, "descr").equals_pointer(descr))
            own = array_field(array, "flags", "i32")
            flags = flags & own
            if j < self.changed:
                self.require((own & Flag.WRITEABLE).differs(0))
            if j:
                self.require_shape(first, array)
        self.require((flags & Flag.ALIGNED).differs(0) & (flags & in_order).differs(0))
        size = self.size(first)
        ranges = [self.range_of(array, j, size) for j, array in enumerate(arrays)]
        for j in range(self.changed):
            begin, end = ranges[j]
            for low, high in ranges[j + 1 :]:
                self.require((end <= low) | (high <= begin))
        return size

    def range_of(self, array: Value, j: int, size: Value) -> tuple[Value, Value]:
        """Where a group's array j begins and ends in memory."""
        begin = array_field(array, "data", "i64")
        return begin, begin + size * (BITS[self.nest.inputs[j]] // 8)

    def require_shape(self, a: Value, b: Value) -> None:
        """Require that two arrays have the same."""
        code = self.code
        ndim = array_field(a, "ndim", "i32")
        self.require(ndim.equals(array_field(b, "ndim", "i32")))
        x, y = array_field(a, "dims"), array_field(b, "dims")
        with code.loop(self.zero, ndim.convert("i64")) as d:
            self.require(_word(x, d).equals(_word(y, d)))

    # -------------------------------------------------------------------------------- the work

    def run(self, parameters: Sequence[Value], total: Value) -> None:
        """Make the table, and compute; refuse, if arrays of two groups share memory that threads would race for."""
        code, groups = self.code, self.groups
        frames = groups + 2
        ranges = frames + groups * self.nest.frame.size
        words = ranges + groups * (_RANGE * self.width)
        table = self.python("PyMem_RawMalloc", "ptr", words * 8)
        self.require(~table.is_null())
        code.store(groups, table)
        end, apart = code.variable(0), code.variable(1, "i1")
        with code.loop(self.zero, groups) as i:
            begin, arrays = end.value, self.group(i)
            size = self.size(arrays[0])
            code.store(begin, code.at(table, "i64", i + 1))
            end.value = begin + ((size + (GAP - 1)) & -GAP)
            frame = code.at(table, "i64", frames + i * self.nest.frame.size)
            self.fill(frame, arrays, size, parameters)
            self.note(code.at(table, "i64", ranges + i * (_RANGE * self.width)), arrays, size)
        length = end.value
        code.store(length, code.at(table, "i64", groups + 1))
        with code.when(total > LARGE):
            apart.value = code.run(APART, code.at(table, "i64", ranges), groups * self.width)
        with code.unless(apart.value):
            self.python("PyMem_RawFree", "void", table)
            code.jump(self.REFUSED)
        one = code.integer(1)
        self.compute(FOREACH, table, one, length, total, one)
        self.python("PyMem_RawFree", "void", table)

    def fill(
        self, frame: Value, arrays: Sequence[Value], size: Value, parameters: Sequence[Value]
    ) -> None:
        """A group's frame."""
        layout = self.nest.frame
        one = size.like(1)
        for index, value in ((layout.rows, one), (layout.length, size), (layout.width, one)):
            put(frame, index, value)
        for j, array in enumerate(arrays):
            data = array_field(array, "data")
            put(frame, layout.input + j, data)
            put(frame, layout.form + j, size.like(FULL))
            if j < self.changed:
                put(frame, layout.output + j, data)
        for j, value in enumerate(parameters):
            put(frame, layout.parameter + j, value)

    def note(self, ranges: Value, arrays: Sequence[Value], size: Value) -> None:
        """The memory of a group's arrays, for `apart`."""
        for j, array in enumerate(arrays):
            begin, end = self.range_of(array, j, size)
            for k, value in enumerate((begin, end, size.like(int(j < self.changed)))):
                put(ranges, _RANGE * j + k, value)
