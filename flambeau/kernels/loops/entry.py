"""The door of a kernel: a function that Python calls with arrays, as fast as it calls anything.

It follows CPython's vectorcall convention and reads NumPy's array objects where they lie. Whatever it is not made
for (another type, dtype or layout) it hands, with the same arguments, to the Python function that it was
given as its fallback. It never writes outside the arrays that it made itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..llvm import BITS, Code, Value, choose
from ..runtime.layout import ARRAY, INDEX, OBJECT_TYPE, TUPLE_ITEMS
from . import split_reduction
from .nest import FULL, SCALAR, TRAILING, Nest

LARGE = 1 << 15
"""Elements above which other Python threads may run meanwhile."""

PLAIN_WRITABLE = 0x1 | 0x100 | 0x400
"""NumPy's flags of an array that lies in order, aligned, and may be written to."""

FIT = """
; How the array %a meets the shape %dims: SCALAR, FULL, TRAILING or LEADING in the low 3 bits, above them the length
; of the rows it was broadcast over or repeats; -1 if it has another dtype, layout or pattern.
define internal i64 @fit(ptr %a, ptr %descr, i32 %nd, ptr %dims) {
entry:
  %descr_at = getelementptr i8, ptr %a, i64 DESCR
  %own_descr = load ptr, ptr %descr_at
  %same_descr = icmp eq ptr %own_descr, %descr
  br i1 %same_descr, label %typed, label %unfit
typed:
  %flags_at = getelementptr i8, ptr %a, i64 FLAGS
  %flags = load i32, ptr %flags_at
  %nd_at = getelementptr i8, ptr %a, i64 NDIM
  %own_nd = load i32, ptr %nd_at
  %dims_at = getelementptr i8, ptr %a, i64 DIMS
  %own_dims = load ptr, ptr %dims_at
  %strides_at = getelementptr i8, ptr %a, i64 STRIDES
  %strides = load ptr, ptr %strides_at
  %missing = sub i32 %nd, %own_nd
  %enough = icmp sge i32 %missing, 0
  br i1 %enough, label %layout, label %unfit
layout:
  %wanted = and i32 %flags, 257
  %plain = icmp eq i32 %wanted, 257
  br i1 %plain, label %walk, label %spread
spread: ; not contiguous: one value expanded everywhere will do too
  %aligned = and i32 %flags, 256
  %is_aligned = icmp ne i32 %aligned, 0
  br i1 %is_aligned, label %spread_head, label %unfit
spread_head:
  %k = phi i32 [0, %spread], [%k1, %spread_next]
  %k_more = icmp slt i32 %k, %own_nd
  br i1 %k_more, label %spread_body, label %spread_done
spread_body:
  %stride_at = getelementptr i64, ptr %strides, i32 %k
  %stride = load i64, ptr %stride_at
  %still = icmp eq i64 %stride, 0
  br i1 %still, label %spread_next, label %unfit
spread_next:
  %k1 = add i32 %k, 1
  br label %spread_head
spread_done:
  %same_nd = icmp eq i32 %missing, 0
  br i1 %same_nd, label %spread_dims, label %unfit
spread_dims:
  %j = phi i32 [0, %spread_done], [%j1, %spread_dim]
  %j_more = icmp slt i32 %j, %nd
  br i1 %j_more, label %spread_dim, label %scalar
spread_dim:
  %p = getelementptr i64, ptr %own_dims, i32 %j
  %q = getelementptr i64, ptr %dims, i32 %j
  %pv = load i64, ptr %p
  %qv = load i64, ptr %q
  %j1 = add i32 %j, 1
  %pq_same = icmp eq i64 %pv, %qv
  %pq_one = icmp eq i64 %pv, 1
  %pq = or i1 %pq_same, %pq_one
  br i1 %pq, label %spread_dims, label %unfit
scalar:
  ret i64 0
walk:
  br label %head
head: ; state: 0 nothing seen, 1 last dimension equal, 2 last dimension broadcast
  %i = phi i32 [0, %walk], [%i1, %next]
  %state = phi i64 [0, %walk], [%state1, %next]
  %turns = phi i64 [0, %walk], [%turns1, %next]
  %run = phi i64 [1, %walk], [%run1, %next]
  %more = icmp slt i32 %i, %nd
  br i1 %more, label %dim, label %done
dim:
  %target_at = getelementptr i64, ptr %dims, i32 %i
  %target = load i64, ptr %target_at
  %at = sub i32 %i, %missing
  %outside = icmp slt i32 %at, 0
  br i1 %outside, label %absent, label %present
present:
  %size_at = getelementptr i64, ptr %own_dims, i32 %at
  %size_found = load i64, ptr %size_at
  br label %sized
absent:
  br label %sized
sized:
  %size = phi i64 [%size_found, %present], [1, %absent]
  %equal = icmp eq i64 %size, %target
  %one = icmp eq i64 %size, 1
  %fits = or i1 %equal, %one
  br i1 %fits, label %judge, label %unfit
judge:
  %neutral = icmp eq i64 %target, 1
  %now = select i1 %equal, i64 1, i64 2
  %turned_raw = icmp ne i64 %now, %state
  %started = icmp ne i64 %state, 0
  %turned = and i1 %turned_raw, %started
  %turn = zext i1 %turned to i64
  %turns_new = add i64 %turns, %turn
  %run_base = select i1 %turned, i64 1, i64 %run
  %run_new = mul i64 %run_base, %target
  %state1 = select i1 %neutral, i64 %state, i64 %now
  %turns1 = select i1 %neutral, i64 %turns, i64 %turns_new
  %run1 = select i1 %neutral, i64 %run, i64 %run_new
  br label %next
next:
  %i1 = add i32 %i, 1
  br label %head
done:
  %broadcast = icmp eq i64 %state, 2
  %flat = select i1 %broadcast, i64 0, i64 1
  %shifted = shl i64 %run, 3
  %kind = select i1 %broadcast, i64 3, i64 2
  %mixed = or i64 %shifted, %kind
  %no_turn = icmp eq i64 %turns, 0
  %one_turn = icmp eq i64 %turns, 1
  %mixed_or = select i1 %one_turn, i64 %mixed, i64 -1
  %answer = select i1 %no_turn, i64 %flat, i64 %mixed_or
  ret i64 %answer
unfit:
  ret i64 -1
}
"""


def fit_text() -> str:
    text = FIT
    for name in ("DESCR", "FLAGS", "NDIM", "DIMS", "STRIDES"):
        text = text.replace(f"i64 {name}\n", f"i64 {ARRAY[name.lower()]}\n")
    return text


class Entry:
    """Writes a kernel's door."""

    def __init__(
        self, nest: Nest, code: Code, symbol: str, rows: bool, drop: bool = False,
        into: bool = False,
    ):  # fmt: skip
        self.nest, self.code, self.symbol, self.rows = nest, code, symbol, rows
        self.drop, self.into = drop, into
        self.zero = code.constant(0, "i64")

    def text(self) -> str:
        code, nest = self.code, self.nest
        args, count = Value(code, "%args", "ptr"), Value(code, "%count", "i64")
        self.table = code.load(Value(code, f"@runtime_{self.symbol}", "ptr"), "ptr")
        inputs = len(nest.inputs)
        targets = len(nest.roots) if self.into else 0
        expected = targets + inputs + len(nest.program.parameters) + self.rows
        self.require(count.equals(expected))
        given = [
            code.load(code.at(args, "ptr", code.constant(i, "i64")), "ptr") for i in range(expected)
        ]
        self.targets, given = given[:targets], given[targets:]
        for target in self.targets:
            self.require(self.type_of(target).equals_pointer(self.fact("ndarray")))
        arrays = given[:inputs]
        self.numbers = given[inputs : inputs + len(nest.program.parameters)]
        for array in arrays:
            self.require(self.type_of(array).equals_pointer(self.fact("ndarray")))
        parameters = [self.number(x) for x in self.numbers]
        self.reference(arrays)
        total = self.total()
        row_length = self.row_length(given[-1], total) if self.rows else self.zero
        forms, row_length = self.fitted(arrays, row_length)
        row_length = choose(row_length.equals(0), total, row_length)
        nothing = row_length.equals(0)
        count_rows = code.emit(
            f"sdiv i64 {total.name}, {choose(nothing, row_length.like(1), row_length).name}", "i64"
        )
        frame = self.frame(arrays, forms, parameters, count_rows, row_length)
        results = self.given(frame, arrays, forms, total) if self.into else self.allocate(frame)
        self.run(frame, count_rows, row_length, total)
        self.give(results)
        self.slow()
        return code.function(f"@{self.symbol}(ptr %self, ptr %args, i64 %count)", "ptr")

    # ------------------------------------------------------------------------ small vocabulary

    def require(self, condition: Value) -> None:
        """Go on if it holds, else to the fallback."""
        onward = self.code.name("ok")
        self.code.branch(condition, onward, "slow")
        self.code.label(onward)

    def fact(self, name: str) -> Value:
        """An address from the runtime's table."""
        index = self.code.constant(INDEX[name], "i64")
        return self.code.load(self.code.at(self.table, "ptr", index), "ptr")

    def field(self, array: Value, name: str, type: str) -> Value:
        return self.code.load(
            self.code.at(array, "i8", self.code.constant(ARRAY[name], "i64")), type
        )

    def type_of(self, item: Value) -> Value:
        return self.code.load(
            self.code.at(item, "i8", self.code.constant(OBJECT_TYPE, "i64")), "ptr"
        )

    def number(self, item: Value) -> Value:
        """A Python float or int as a double."""
        code = self.code
        place = code.slot("double", code.constant(0.0, "double"))
        type = self.type_of(item)
        is_float = type.equals_pointer(self.fact("float"))
        is_int = type.equals_pointer(self.fact("int"))
        self.require(is_float | is_int)
        value_at = code.at(item, "i8", code.constant(OBJECT_TYPE + 8, "i64"))
        with code.when(is_float):
            code.store(code.load(value_at, "double"), place)
        with code.when(is_int):
            code.store(code.call(self.fact("PyLong_AsDouble"), "double", item), place)
        value = code.load(place, "double")
        # An int too large for a double: the error is the fallback's to raise.
        error = code.slot("ptr", Value(code, "null", "ptr"))
        with code.when(value.equals(-1.0)):
            code.store(code.call(self.fact("PyErr_Occurred"), "ptr"), error)
            code.call(self.fact("PyErr_Clear"), "void")
        self.require(code.load(error, "ptr").equals_pointer(Value(code, "null", "ptr")))
        return value

    # ---------------------------------------------------------------------------------- shapes

    def reference(self, arrays: Sequence[Value]) -> None:
        """The shape that the others broadcast to: that of the full operand with most dimensions."""
        code = self.code
        full = [a for a, x in zip(arrays, self.nest.program.inputs) if x.full]
        best = full[0]
        size = self.field(best, "ndim", "i32")
        for other in full[1:]:
            other_size = self.field(other, "ndim", "i32")
            more = other_size > size
            best = code.emit(f"select i1 {more.name}, ptr {other.name}, ptr {best.name}", "ptr")
            size = choose(more, other_size, size)
        self.ndim = size
        self.dims = self.field(best, "dims", "ptr")

    def total(self) -> Value:
        code = self.code
        product = code.slot("i64", code.constant(1, "i64"))
        stop = code.emit(f"sext i32 {self.ndim.name} to i64", "i64")
        self.ndim_long = stop
        with code.loop(self.zero, stop) as i:
            code.store(
                code.load(product, "i64") * code.load(code.at(self.dims, "i64", i), "i64"), product
            )
        return code.load(product, "i64")

    def row_length(self, axes: Value, total: Value) -> Value:
        """Rows are everything (axes is None) or lie along the last dimensions (-1,), (-2, -1), ..."""
        code = self.code
        place, gone = code.slot("i64", total), code.slot("i64", self.ndim_long)
        whole = axes.equals_pointer(self.fact("None"))
        self.require(self.ndim > 0)
        some, done = code.name("some"), code.name("rows")
        code.branch(whole, done, some)
        code.label(some)
        self.require(self.type_of(axes).equals_pointer(self.fact("tuple")))
        size = code.load(code.at(axes, "i8", code.constant(OBJECT_TYPE + 8, "i64")), "i64")
        self.require((size > 0) & (size <= self.ndim_long))
        code.store(size.like(1), place)
        strange = code.slot("i1", code.constant(0, "i1"))
        items = code.at(axes, "i8", code.constant(TUPLE_ITEMS, "i64"))
        with code.loop(self.zero, size) as i:
            item = code.load(code.at(items, "ptr", i), "ptr")
            is_int = self.type_of(item).equals_pointer(self.fact("int"))
            code.store(code.load(strange, "i1") | ~is_int, strange)
            with code.when(is_int):
                axis = code.call(self.fact("PyLong_AsLongLong"), "i64", item)
                code.store(code.load(strange, "i1") | axis.differs(i - size), strange)
                length = code.load(code.at(self.dims, "i64", self.ndim_long - size + i), "i64")
                code.store(code.load(place, "i64") * length, place)
        code.call(self.fact("PyErr_Clear"), "void")  # of an integer beyond all bounds
        self.require(code.load(strange, "i1") ^ 1)
        code.store(size, gone)
        code.jump(done)
        code.label(done)
        self.gone = code.load(gone, "i64")
        length = code.load(place, "i64")
        self.require(length > 0)
        self.require(total > 0)
        return length

    def fitted(self, arrays: Sequence[Value], row_length: Value) -> tuple[list[Value], Value]:
        """Each operand's form, and the length of rows if a broadcast sets one."""
        code = self.code
        forms = []
        for i, (array, x) in enumerate(zip(arrays, self.nest.program.inputs)):
            descr = self.fact(f"descr_{self.nest.input_names[i]}")
            dims = self.dims if x.full else self.row_dims()
            answer = code.emit(
                f"call i64 @fit(ptr {array.name}, ptr {descr.name}, i32 {self.ndim.name}, "
                f"ptr {dims.name})",
                "i64",
            )
            self.require(answer >= 0)
            form, period = answer & 7, answer >> 3
            if self.nest.single:
                self.require(form.equals(FULL))
            if not x.full:
                self.require(form.differs(TRAILING))  # that is no value a row
            fits = period.equals(0) | row_length.equals(0) | period.equals(row_length)
            self.require(fits)
            row_length = choose(period.equals(0), row_length, period)
            forms.append(form)
        return forms, row_length

    def row_dims(self) -> Value:
        """The shape that an operand with one value a row is compared with."""
        return self.dims

    # ------------------------------------------------------------------------- arrays and calls

    def frame(
        self, arrays: Sequence[Value], forms: Sequence[Value], parameters: Sequence[Value],
        rows: Value, length: Value,
    ) -> Value:  # fmt: skip
        code, layout = self.code, self.nest.frame
        frame = code.slot(f"[{layout.size} x i64]")
        self.put(frame, layout.rows, rows)
        self.put(frame, layout.length, length)
        self.put(frame, layout.width, length.like(1))
        for i, (array, form) in enumerate(zip(arrays, forms)):
            self.put(frame, layout.input + i, self.field(array, "data", "ptr"))
            self.put(frame, layout.form + i, form)
        for i, value in enumerate(parameters):
            self.put(frame, layout.parameter + i, value)
        return frame

    def put(self, frame: Value, index: int, value: Value) -> None:
        self.code.store(value, self.code.at(frame, "i64", self.code.constant(index, "i64")))

    def allocate(self, frame: Value) -> list[Value]:
        """New arrays for the results; reduced dimensions stay with size 1, unless they are dropped."""
        code, nest = self.code, self.nest
        reduced: tuple[Value, Value] | None = None
        results: list[Value] = []
        for i, root in enumerate(nest.roots):
            size, dims = self.ndim, self.dims
            if not root.full:
                reduced = reduced or (self.dropped_dims() if self.drop else self.reduced_dims())
                size, dims = reduced
            null = Value(code, "null", "ptr")
            result = self.new_array(self.fact(f"descr_{nest.result_names[i]}"), size, dims)
            failed = result.equals_pointer(null)
            onward, undo = code.name("made"), code.name("undo")
            code.branch(failed, undo, onward)
            code.label(undo)
            for made in results:
                code.call(self.fact("Py_DecRef"), "void", made)
            code.line("ret ptr null")
            code.label(onward)
            self.put(frame, nest.frame.output + i, self.field(result, "data", "ptr"))
            results.append(result)
        return results

    def new_array(self, descr: Value, size: Value, dims: Value) -> Value:
        """An array in the kernels' own memory, or in NumPy's where there is none (see `memory`)."""
        code, null = self.code, Value(self.code, "null", "ptr")
        place = code.slot("ptr", null)
        make = self.fact("new_array")
        lacking = make.equals_pointer(null)
        with code.when(lacking ^ 1):
            code.store(code.call(make, "ptr", self.table, descr, size, dims), place)
        with code.when(lacking):
            code.call(self.fact("Py_IncRef"), "void", descr)
            made = code.call(
                self.fact("PyArray_NewFromDescr"), "ptr", self.fact("ndarray"), descr, size,
                dims, null, null, code.constant(0, "i32"), null,
            )  # fmt: skip
            code.store(made, place)
        return code.load(place, "ptr")

    def given(
        self, frame: Value, arrays: Sequence[Value], forms: Sequence[Value], total: Value
    ) -> list[Value]:
        """The arrays to write into: of the result's shape, in order, and not overlapping with each other,
        nor with an operand unless it is that operand."""
        code, nest = self.code, self.nest
        taken: list[tuple[Value, Value]] = []
        for i, (target, element) in enumerate(zip(self.targets, nest.results)):
            descr = self.fact(f"descr_{nest.result_names[i]}")
            self.require(self.field(target, "ndim", "i32").equals(self.ndim))
            form = code.emit(
                f"call i64 @fit(ptr {target.name}, ptr {descr.name}, i32 {self.ndim.name}, "
                f"ptr {self.dims.name})",
                "i64",
            )
            self.require(form.equals(FULL))
            flags = self.field(target, "flags", "i32")
            self.require((flags & PLAIN_WRITABLE).equals(PLAIN_WRITABLE))
            begin = self.address(target)
            end = begin + total * (BITS[element] // 8)
            for low, high in taken:
                self.require((high <= begin) | (end <= low))
            taken.append((begin, end))
            for array, form, own in zip(arrays, forms, nest.inputs):
                low = self.address(array)
                high = low + choose(form.equals(SCALAR), total.like(1), total) * (BITS[own] // 8)
                apart = (high <= begin) | (end <= low)
                if own == element:
                    apart = apart | (form.equals(FULL) & low.equals(begin))
                self.require(apart)
            self.put(frame, nest.frame.output + i, self.field(target, "data", "ptr"))
        for target in self.targets:
            code.call(self.fact("Py_IncRef"), "void", target)
        return self.targets

    def address(self, array: Value) -> Value:
        return self.field(array, "data", "i64")

    def dropped_dims(self) -> tuple[Value, Value]:
        """The number and sizes of the dimensions that are not reduced."""
        left = self.ndim_long - self.gone
        return self.code.emit(f"trunc i64 {left.name} to i32", "i32"), self.dims

    def reduced_dims(self) -> tuple[Value, Value]:
        """The same with reduced dimensions of size 1."""
        code = self.code
        dims = code.slot("[64 x i64]")
        with code.loop(self.zero, self.ndim_long) as i:
            size = code.load(code.at(self.dims, "i64", i), "i64")
            stays = i < self.ndim_long - self.gone
            code.store(choose(stays, size, size.like(1)), code.at(dims, "i64", i))
        return self.ndim, dims

    def run(self, frame: Value, rows: Value, length: Value, total: Value) -> None:
        code = self.code
        alone, large, done = code.name("small"), code.name("large"), code.name("computed")
        code.branch(total > LARGE, large, alone)
        code.label(alone)
        facts = f"ptr {frame.name}, i64 0, i64 {rows.name}, i64 0, i64 {length.name}"
        code.line(f"call void @nest({facts})")
        code.jump(done)
        code.label(large)
        state = code.call(self.fact("PyEval_SaveThread"), "ptr")
        if split_reduction.is_divisible(self.nest):
            self.run_in_pieces(frame, rows, length, state, done)
        pool_run = self.fact("pool_run")
        with code.when(pool_run.equals_pointer(Value(code, "null", "ptr"))):
            code.line(f"call void @nest({facts})")
        with code.when(pool_run.equals_pointer(Value(code, "null", "ptr")) ^ 1):
            code.call(
                pool_run, "void", self.fact("pool"), Value(code, "@nest", "ptr"), frame, rows,
                length, total, code.constant(self.divisible, "i64"),
            )  # fmt: skip
        code.call(self.fact("PyEval_RestoreThread"), "void", state)
        code.jump(done)
        code.label(done)

    def run_in_pieces(
        self, frame: Value, rows: Value, length: Value, state: Value, done: str
    ) -> None:
        """One long row that becomes single values (see `whole`); other shapes go on behind this."""
        code, layout, null = self.code, self.nest.frame, Value(self.code, "null", "ptr")
        with code.when(rows.equals(1) & (length >= split_reduction.LONG)):
            share = (length + 65535) >> 10 & -64  # of a thousand pieces, in whole cache lines
            chunk = choose(share > split_reduction.PIECE, share, share.like(split_reduction.PIECE))
            pieces = code.emit(f"udiv i64 {(length + chunk - 1).name}, {chunk.name}", "i64")
            size = pieces * (len(self.nest.reductions) * split_reduction.SLOT)
            scratch = code.call(self.fact("PyMem_RawMalloc"), "ptr", size)
            with code.when(scratch.equals_pointer(null) ^ 1):
                self.put(frame, layout.chunk, chunk)
                self.put(frame, layout.scratch, scratch)
                pool_run = self.fact("pool_run")
                part, zero = Value(code, "@part", "ptr"), self.zero
                with code.when(pool_run.equals_pointer(null)):
                    code.line(
                        f"call void @part(ptr {frame.name}, i64 0, i64 {pieces.name}, i64 0, i64 0)"
                    )
                with code.when(pool_run.equals_pointer(null) ^ 1):
                    code.call(
                        pool_run, "void", self.fact("pool"), part, frame, pieces, zero, length, zero
                    )
                code.line(f"call void @finish(ptr {frame.name}, i64 {pieces.name})")
                code.call(self.fact("PyMem_RawFree"), "void", scratch)
                code.call(self.fact("PyEval_RestoreThread"), "void", state)
                onward = code.name("onward")
                code.jump(done)
                code.label(onward)

    @property
    def divisible(self) -> bool:
        """May threads share one row?"""
        return not self.nest.reductions

    def give(self, results: list[Value]) -> None:
        code = self.code
        if len(results) == 1:
            code.line(f"ret ptr {results[0].name}")
            return
        group = code.call(self.fact("PyTuple_New"), "ptr", code.constant(len(results), "i64"))
        for i, result in enumerate(results):
            code.call(self.fact("PyTuple_SetItem"), "i32", group, code.constant(i, "i64"), result)
        code.line(f"ret ptr {group.name}")

    def slow(self) -> None:
        code = self.code
        code.label("slow")
        call = self.fact("PyObject_Vectorcall")
        answer = code.emit(
            f"tail call ptr {call.name}(ptr %self, ptr %args, i64 %count, ptr null)",
            "ptr",
        )
        code.line(f"ret ptr {answer.name}")
