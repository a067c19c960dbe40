"""One elementwise program over many groups of arrays in one call, changing some of them in place.

An optimiser's step is such a program over every parameter with its gradient and state. The door reads all
arrays where they lie and makes a frame of each group. The groups stand one behind the other on one long line, which
the pool cuts into pieces as it cuts the row of one large array: many small parameters share a piece, and
a large one is shared by the threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..formula.program import Program
from .code import BITS, Code, Value, choose
from .copying import contiguous
from .entry import LARGE, Entry
from .nest import ARGUMENTS, FULL, Nest, Unsupported
from .process import machine
from .recipe import Recipe, noted
from .runtime import builtin

GAP = 64
"""Places on the line are multiples of it: pieces end where a group's cache lines end."""
_IN_ROWS, _IN_COLUMNS, _ALIGNED, _WRITABLE = 0x1, 0x2, 0x100, 0x400  # NumPy's flags

FIND = """
declare void @qsort(ptr, i64, i64, ptr)

; The group that holds a place of the line: the last of those that begin there or before.
define internal i64 @group(ptr %table, i64 %place) {
entry:
  %count = load i64, ptr %table
  br label %search
search:
  %low = phi i64 [0, %entry], [%low1, %look]
  %high = phi i64 [%count, %entry], [%high1, %look]
  %size = sub i64 %high, %low
  %found = icmp ule i64 %size, 1
  br i1 %found, label %done, label %look
look:
  %half = lshr i64 %size, 1
  %middle = add i64 %low, %half
  %word = add i64 %middle, 1
  %begin_at = getelementptr i64, ptr %table, i64 %word
  %begin = load i64, ptr %begin_at
  %after = icmp ule i64 %begin, %place
  %low1 = select i1 %after, i64 %middle, i64 %low
  %high1 = select i1 %after, i64 %high, i64 %middle
  br label %search
done:
  ret i64 %low
}

define internal i32 @earlier(ptr %a, ptr %b) {
  %x = load i64, ptr %a
  %y = load i64, ptr %b
  %less = icmp ult i64 %x, %y
  %more = icmp ugt i64 %x, %y
  %up = zext i1 %more to i32
  %down = zext i1 %less to i32
  %order = sub i32 %up, %down
  ret i32 %order
}

; Do no two memory ranges (begin, end, written) meet, of which one is written? Sorts them.
define internal i1 @apart(ptr %ranges, i64 %count) {
entry:
  call void @qsort(ptr %ranges, i64 %count, i64 24, ptr @earlier)
  br label %head
head:
  %i = phi i64 [0, %entry], [%i1, %fine]
  %any_end = phi i64 [0, %entry], [%any_end1, %fine]
  %written_end = phi i64 [0, %entry], [%written_end1, %fine]
  %more = icmp ult i64 %i, %count
  br i1 %more, label %body, label %yes
body:
  %at = getelementptr [3 x i64], ptr %ranges, i64 %i
  %end_at = getelementptr i64, ptr %at, i64 1
  %kind_at = getelementptr i64, ptr %at, i64 2
  %begin = load i64, ptr %at
  %end = load i64, ptr %end_at
  %kind = load i64, ptr %kind_at
  %written = icmp ne i64 %kind, 0
  %limit = select i1 %written, i64 %any_end, i64 %written_end
  %clear = icmp ule i64 %limit, %begin
  br i1 %clear, label %fine, label %no
fine:
  %i1 = add i64 %i, 1
  %any_longer = icmp ugt i64 %end, %any_end
  %any_end1 = select i1 %any_longer, i64 %end, i64 %any_end
  %counts = select i1 %written, i64 %end, i64 0
  %written_longer = icmp ugt i64 %counts, %written_end
  %written_end1 = select i1 %written_longer, i64 %counts, i64 %written_end
  br label %head
yes:
  ret i1 true
no:
  ret i1 false
}
"""


class ManyEntry(Entry):
    """The door: ``f(*first inputs, *second inputs, ..., *numbers)``.

    The program's first inputs, as many as it has results, are changed to these. The table that the pool hands to
    `many_text`'s function: the number of groups, where each begins on the line and where the last ends, a frame for each.
    """

    def text(self) -> str:
        code, nest = self.code, self.nest
        self.table = code.load(Value(code, f"@runtime_{self.symbol}", "ptr"), "ptr")
        self.args, count = Value(code, "%args", "ptr"), Value(code, "%count", "i64")
        self.width, self.changed = len(nest.inputs), len(nest.roots)
        numbers = len(nest.program.parameters)
        arrays = count - numbers
        groups = self.groups = arrays / self.width
        self.require((groups > 0) & (groups * self.width).equals(arrays))
        given = [self.argument(arrays + i) for i in range(numbers)]
        parameters = [self.number(x) for x in given]
        total = code.slot("i64", self.zero)
        with code.loop(self.zero, groups) as i:
            size = self.checked(i)
            code.store(code.load(total, "i64") + size, total)
        self.run_all(parameters, code.load(total, "i64"))
        none = self.fact("None")
        code.call(self.fact("Py_IncRef"), "void", none)
        code.line(f"ret ptr {none.name}")
        self.slow()
        return code.function(f"@{self.symbol}(ptr %self, ptr %args, i64 %count)", "ptr")

    def argument(self, i: Value) -> Value:
        return self.code.load(self.code.at(self.args, "ptr", i), "ptr")

    def group(self, i: Value) -> list[Value]:
        """The arrays of group i."""
        return [self.argument(self.groups * j + i) for j in range(self.width)]

    def size(self, array: Value) -> Value:
        code = self.code
        product = code.slot("i64")
        code.store(code.constant(1, "i64"), product)
        ndim = code.emit(f"sext i32 {self.field(array, 'ndim', 'i32').name} to i64", "i64")
        dims = self.field(array, "dims", "ptr")
        with code.loop(self.zero, ndim) as d:
            code.store(
                code.load(product, "i64") * code.load(code.at(dims, "i64", d), "i64"), product
            )
        return code.load(product, "i64")

    def checked(self, i: Value) -> Value:
        """The size of group i, whose arrays must have one shape and lie in one order, apart from each other."""
        code, nest = self.code, self.nest
        arrays = self.group(i)
        first = arrays[0]
        flags = code.constant(_IN_ROWS | _IN_COLUMNS | _ALIGNED, "i32")
        for j, array in enumerate(arrays):
            self.require(self.type_of(array).equals_pointer(self.fact("ndarray")))
            descr = self.fact(f"descr_{nest.input_names[j]}")
            self.require(self.field(array, "descr", "ptr").equals_pointer(descr))
            own = self.field(array, "flags", "i32")
            flags = flags & own
            if j < self.changed:
                self.require((own & _WRITABLE).differs(0))
            if j:
                self.same_shape(first, array)
        self.require((flags & _ALIGNED).differs(0) & (flags & (_IN_ROWS | _IN_COLUMNS)).differs(0))
        size = self.size(first)
        begins = [self.address(x) for x in arrays]
        ends = [x + size * self.bytes(j) for j, x in enumerate(begins)]
        for j in range(self.changed):
            for k in range(j + 1, self.width):
                self.require((ends[j] <= begins[k]) | (ends[k] <= begins[j]))
        return size

    def bytes(self, j: int) -> int:
        return BITS[self.nest.inputs[j]] // 8

    def same_shape(self, a: Value, b: Value) -> None:
        code = self.code
        ndim = self.field(a, "ndim", "i32")
        self.require(ndim.equals(self.field(b, "ndim", "i32")))
        x, y = self.field(a, "dims", "ptr"), self.field(b, "dims", "ptr")
        with code.loop(self.zero, code.emit(f"sext i32 {ndim.name} to i64", "i64")) as d:
            mine, other = code.load(code.at(x, "i64", d), "i64"), code.at(y, "i64", d)
            self.require(mine.equals(code.load(other, "i64")))

    # -------------------------------------------------------------------------------- the work

    def run_all(self, parameters: Sequence[Value], total: Value) -> None:
        """Make the table, and compute; to the fallback, if arrays of two groups share memory that threads would race for."""
        code, groups = self.code, self.groups
        frames = groups + 2
        ranges = frames + groups * self.nest.frame.size
        words = ranges + groups * (3 * self.width)
        table = code.call(self.fact("PyMem_RawMalloc"), "ptr", words * 8)
        self.require(table.equals_pointer(Value(code, "null", "ptr")) ^ 1)
        code.store(groups, table)
        end = code.slot("i64", self.zero)
        apart = code.slot("i1", code.constant(1, "i1"))
        with code.loop(self.zero, groups) as i:
            begin = code.load(end, "i64")
            arrays = self.group(i)
            size = self.size(arrays[0])
            code.store(begin, code.at(table, "i64", i + 1))
            code.store(begin + ((size + (GAP - 1)) & -GAP), end)
            self.fill(
                code.at(table, "i64", frames + i * self.nest.frame.size), arrays, size, parameters
            )
            self.note(code.at(table, "i64", ranges + i * (3 * self.width)), arrays, size)
        length = code.load(end, "i64")
        code.store(length, code.at(table, "i64", groups + 1))
        large = total > LARGE
        with code.when(large):
            listed, count = code.at(table, "i64", ranges), groups * self.width
            code.store(
                code.emit(f"call i1 @apart(ptr {listed.name}, i64 {count.name})", "i1"), apart
            )
        fine, refused = code.name("apart"), code.name("shared")
        code.branch(code.load(apart, "i1"), fine, refused)
        code.label(refused)
        code.call(self.fact("PyMem_RawFree"), "void", table)
        code.jump("slow")
        code.label(fine)
        self.compute(table, length, total, large)
        code.call(self.fact("PyMem_RawFree"), "void", table)

    def fill(self, frame: Value, arrays: Sequence[Value], size: Value, parameters: Sequence[Value]) -> None:  # fmt: skip
        layout = self.nest.frame
        one = size.like(1)
        for index, value in ((layout.rows, one), (layout.length, size), (layout.width, one)):
            self.put(frame, index, value)
        for j, array in enumerate(arrays):
            data = self.field(array, "data", "ptr")
            self.put(frame, layout.input + j, data)
            self.put(frame, layout.form + j, size.like(FULL))
            if j < self.changed:
                self.put(frame, layout.output + j, data)
        for j, value in enumerate(parameters):
            self.put(frame, layout.parameter + j, value)

    def note(self, ranges: Value, arrays: Sequence[Value], size: Value) -> None:
        """The memory of a group's arrays, for `apart`."""
        for j, array in enumerate(arrays):
            begin = self.address(array)
            self.put(ranges, 3 * j, begin)
            self.put(ranges, 3 * j + 1, begin + size * self.bytes(j))
            self.put(ranges, 3 * j + 2, size.like(int(j < self.changed)))

    def compute(self, table: Value, length: Value, total: Value, large: Value) -> None:
        code, many = self.code, Value(self.code, "@many", "ptr")
        shared, alone, done = code.name("large"), code.name("small"), code.name("computed")
        serial = f"call void @many(ptr {table.name}, i64 0, i64 1, i64 0, i64 {length.name})"
        code.branch(large, shared, alone)
        code.label(alone)
        code.line(serial)
        code.jump(done)
        code.label(shared)
        state = code.call(self.fact("PyEval_SaveThread"), "ptr")
        pool_run, one = self.fact("pool_run"), length.like(1)
        without = pool_run.equals_pointer(Value(code, "null", "ptr"))
        with code.when(without):
            code.line(serial)
        with code.when(without ^ 1):
            code.call(
                pool_run, "void", self.fact("pool"), many, table, one, length, total, one
            )  # fmt: skip
        code.call(self.fact("PyEval_RestoreThread"), "void", state)
        code.jump(done)
        code.label(done)


def many_text(nest: Nest, code: Code) -> str:
    """``void @many(ptr table, ...)``: the nest over each group that has places between %begin and %end of the line."""
    table = Value(code, "%frame", "ptr")
    begin, end = Value(code, "%begin", "i64"), Value(code, "%end", "i64")
    some = code.name("some")
    code.branch(begin < end, some, "none")
    code.label(some)
    frames = code.load(table, "i64") + 2
    first = code.emit(f"call i64 @group(ptr {table.name}, i64 {begin.name})", "i64")
    last = code.emit(f"call i64 @group(ptr {table.name}, i64 {(end - 1).name})", "i64")
    with code.loop(first, last + 1) as i:
        start = code.load(code.at(table, "i64", i + 1), "i64")
        frame = code.at(table, "i64", frames + i * nest.frame.size)
        size = code.load(code.at(frame, "i64", code.constant(nest.frame.length, "i64")), "i64")
        low, high = begin - start, end - start
        low = choose(low < 0, low.like(0), low)
        high = choose(size < high, size, high)
        with code.when(low < high):
            code.line(
                f"call void @nest(ptr {frame.name}, i64 0, i64 1, i64 {low.name}, i64 {high.name})"
            )
    code.jump("none")
    code.label("none")
    code.line("ret void")
    return code.function(f"@many({ARGUMENTS})", "internal void")


class ManyRecipe(Recipe):
    """Of a kernel over many groups of `width` arrays, which changes the first of them."""

    __slots__ = ("numbers", "width")
    updates = True

    def __init__(self, text: Callable, nest: Callable, changed: int, width: int, numbers: int):
        super().__init__(text, nest, changed)
        self.width, self.numbers = width, numbers

    def written(self, given: Sequence[Any]) -> int:
        return self.targets * ((len(given) - self.numbers) // self.width)

    def extent(self, given: Sequence[Any]) -> tuple[int, int]:
        groups = (len(given) - self.numbers) // self.width
        return 1, sum(x.size for x in given[:groups])


def build(program: Program, dtype: Any, name: str, interpreter: Callable) -> Callable | None:
    """A function ``f(*first inputs, *second inputs, ..., *numbers)`` that changes the first inputs.

    Args:
        program: Elementwise; its results are the new values of its first inputs.
        dtype: Of all arrays and of the arithmetic.
        name: What the function is called in tracebacks and reports.
        interpreter: Computes the program with NumPy, for arrays that the machine code is not made for.

    Returns:
        The function; None where the program has no native form.
    """
    dtype, width, changed = np.dtype(dtype), len(program.inputs), len(program.roots)
    dtypes, numbers = [dtype] * width, len(program.parameters)

    def nest() -> Nest:
        return Nest(program, dtypes, dtype, dtypes[:changed], machine().bits, False)

    try:
        address = machine().address(_module(nest()))
    except Unsupported:
        return None
    recipe = ManyRecipe(lambda: _module(nest()), nest, changed, width, numbers)
    one = builtin(name, address, noted(_written(interpreter, changed), recipe))
    each = builtin(name, address, noted(_one_by_one(one, width, numbers), recipe))
    return builtin(name, address, noted(_in_order(each, changed, width, numbers), recipe))


def _module(nest: Nest) -> str:
    inner = Code(nest.lanes)
    body = nest.text(inner) + many_text(nest, Code(nest.lanes, inner.declarations))
    door = ManyEntry(nest, Code(nest.lanes, inner.declarations), "SYMBOL", False).text()
    declarations = "\n".join(sorted(inner.declarations))
    return f"@runtime_SYMBOL = global ptr null\n{declarations}\n{FIND}\n{body}\n{door}"


def _in_order(door: Callable, changed: int, width: int, numbers: int) -> Callable:
    """Arrays that are only read, as gradients are, are copied into the order of the first ones."""

    def fallback(*given: Any) -> Any:
        count, rest = divmod(len(given) - numbers, width)
        if count < 1 or rest:
            raise TypeError(
                f"{door.__name__} takes {width} arrays for each group and then {numbers} numbers, "
                f"but got {len(given)} arguments"
            )
        firsts = given[:count]
        listed = list(given)
        for i in range(changed * count, width * count):
            listed[i] = _like(listed[i], firsts[i % count])
        return door(*listed)

    return fallback


def _like(array: Any, first: Any) -> Any:
    if array.shape != first.shape or array.strides == first.strides:
        return array
    if first.flags.c_contiguous:
        return contiguous(array)
    return contiguous(array.T).T if first.flags.f_contiguous else array


def _one_by_one(door: Callable, width: int, numbers: int) -> Callable:
    """Groups that share memory step one after the other."""

    def fallback(*given: Any) -> None:
        count = (len(given) - numbers) // width
        for i in range(count):
            door(*given[i : count * width : count], *given[count * width :])

    return fallback


def _written(interpreter: Callable, changed: int) -> Callable:
    """One group by NumPy: whatever its arrays share, all values are computed before the first is written."""

    def fallback(*given: Any) -> None:
        with np.errstate(all="ignore"):
            values = interpreter(*given)
        for target, value in zip(given, values if changed > 1 else (values,)):
            np.copyto(target, value, casting="unsafe")

    return fallback
