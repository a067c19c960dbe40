"""The entry point of a loop nest: a function that Python calls with arrays, as fast as it calls anything.

It reads NumPy's array objects where they lie. Whatever it is not made for (another type, dtype or layout) it
hands, with the same arguments, to the Python function that it was given as its fallback. It writes into
arrays that it made, or was given to write into.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..llvm import BITS, Code, Value, choose, quotient
from ..runtime.layout import TUPLE_ITEMS
from ..runtime.vectorcall import Vectorcall, array_field, length_of, put
from . import split_reduction
from .broadcast import FORM, FULL, ROWS, SCALAR, TRAILING
from .nest import Nest

PLAIN_WRITABLE = 0x1 | 0x100 | 0x400
"""NumPy's flags of an array that lies in order, aligned, and may be written to."""


class EntryPoint(Vectorcall):
    """Writes the entry point of a nest.

    Args:
        rows: Is its last argument the axes of rows?
        drop: Do reduced dimensions vanish from the results, instead of keeping size 1?
        into: Are its first arguments the arrays that the results are written to?
    """

    def __init__(
        self, nest: Nest, code: Code, rows: bool, drop: bool = False, into: bool = False
    ):  # fmt: skip
        super().__init__(code)
        self.nest, self.rows, self.drop, self.into = nest, rows, drop, into

    def text(self) -> str:
        inputs, numbers = len(self.nest.inputs), len(self.nest.program.parameters)
        targets = len(self.nest.roots) if self.into else 0
        given = self.arguments(targets + inputs + numbers + self.rows)
        self.targets, given = given[:targets], given[targets:]
        arrays = given[:inputs]
        for array in [*self.targets, *arrays]:
            self.require(self.is_a(array, "ndarray"))
        parameters = [self.number(x) for x in given[inputs : inputs + numbers]]
        self.reference(arrays)
        total = self.total()
        row_length = self.row_length(given[-1], total) if self.rows else self.zero
        forms, row_length = self.fitted(arrays, row_length)
        row_length = choose(row_length.equals(0), total, row_length)
        rows = total / choose(row_length.equals(0), row_length.like(1), row_length)
        frame = self.frame(arrays, forms, parameters, rows, row_length)
        results = (
            self.into_targets(frame, arrays, forms, total) if self.into else self.allocate(frame)
        )
        self.run(frame, rows, row_length, total)
        self.give(results)
        self.fall_back()
        return self.function()

    # ---------------------------------------------------------------------------------- shapes

    def reference(self, arrays: Sequence[Value]) -> None:
        """The shape that the others broadcast to: that of the full operand with most dimensions."""
        full = [a for a, x in zip(arrays, self.nest.program.inputs) if x.full]
        best = full[0]
        size = array_field(best, "ndim", "i32")
        for other in full[1:]:
            other_size = array_field(other, "ndim", "i32")
            more = other_size > size
            best, size = choose(more, other, best), choose(more, other_size, size)
        self.ndim, self.ndim_long = size, size.convert("i64")
        self.dims = array_field(best, "dims")

    def total(self) -> Value:
        code = self.code
        product = code.slot("i64", code.constant(1, "i64"))
        with code.loop(self.zero, self.ndim_long) as i:
            code.store(
                code.load(product, "i64") * code.load(code.at(self.dims, "i64", i), "i64"), product
            )
        return code.load(product, "i64")

    def row_length(self, axes: Value, total: Value) -> Value:
        """Rows are everything (axes is None) or lie along the last dimensions (-1,), (-2, -1), ..."""
        code = self.code
        place, gone = code.slot("i64", total), code.slot("i64", self.ndim_long)
        self.require(self.ndim > 0)
        some, done = code.name("some"), code.name("rows")
        code.branch(axes.equals_pointer(self.fact("None")), done, some)
        code.label(some)
        self.require(self.is_a(axes, "tuple"))
        size = length_of(axes)
        self.require((size > 0) & (size <= self.ndim_long))
        code.store(size.like(1), place)
        strange = code.slot("i1", code.constant(0, "i1"))
        items = code.at(axes, "i8", code.constant(TUPLE_ITEMS, "i64"))
        with code.loop(self.zero, size) as i:
            item = code.load(code.at(items, "ptr", i), "ptr")
            is_int = self.is_a(item, "int")
            code.store(code.load(strange, "i1") | ~is_int, strange)
            with code.when(is_int):
                axis = self.python("PyLong_AsLongLong", "i64", item)
                code.store(code.load(strange, "i1") | axis.differs(i - size), strange)
                length = code.load(code.at(self.dims, "i64", self.ndim_long - size + i), "i64")
                code.store(code.load(place, "i64") * length, place)
        self.python("PyErr_Clear", "void")  # of an integer beyond all bounds
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
        forms = []
        for i, (array, x) in enumerate(zip(arrays, self.nest.program.inputs)):
            descr = self.fact(f"descr_{self.nest.input_names[i]}")
            dims = self.dims if x.full else self.row_dims()
            word = self.fit(array, descr, dims)
            self.require(word >= 0)
            form, period = word & FORM, word >> ROWS
            if self.nest.single:
                self.require(form.equals(FULL))
            if not x.full:
                self.require(form.differs(TRAILING))  # that is no value a row
            fits = period.equals(0) | row_length.equals(0) | period.equals(row_length)
            self.require(fits)
            row_length = choose(period.equals(0), row_length, period)
            forms.append(form)
        return forms, row_length

    def fit(self, array: Value, descr: Value, dims: Value) -> Value:
        return self.code.call(
            Value(self.code, "@fit", "ptr"), "i64", array, descr, self.ndim_long, dims
        )

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
        put(frame, layout.rows, rows)
        put(frame, layout.length, length)
        put(frame, layout.width, length.like(1))
        for i, (array, form) in enumerate(zip(arrays, forms)):
            put(frame, layout.input + i, array_field(array, "data"))
            put(frame, layout.form + i, form)
        for i, value in enumerate(parameters):
            put(frame, layout.parameter + i, value)
        return frame

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
            result = self.new_array(self.fact(f"descr_{nest.result_names[i]}"), size, dims)
            onward, undo = code.name("made"), code.name("undo")
            code.branch(self.is_null(result), undo, onward)
            code.label(undo)
            for made in results:
                self.python("Py_DecRef", "void", made)
            code.line("ret ptr null")
            code.label(onward)
            put(frame, nest.frame.output + i, array_field(result, "data"))
            results.append(result)
        return results

    def new_array(self, descr: Value, size: Value, dims: Value) -> Value:
        """An array in the kernels' own memory, or in NumPy's where there is none (see `memory`)."""
        code, null = self.code, self.null
        place = code.slot("ptr", null)
        make = self.fact("new_array")
        lacking = self.is_null(make)
        with code.when(lacking ^ 1):
            code.store(code.call(make, "ptr", self.table, descr, size, dims), place)
        with code.when(lacking):
            self.python("Py_IncRef", "void", descr)
            made = self.python(
                "PyArray_NewFromDescr", "ptr", self.fact("ndarray"), descr, size,
                dims, null, null, code.constant(0, "i32"), null,
            )  # fmt: skip
            code.store(made, place)
        return code.load(place, "ptr")

    def into_targets(
        self, frame: Value, arrays: Sequence[Value], forms: Sequence[Value], total: Value
    ) -> list[Value]:
        """The arrays to write into: of the result's shape, in order, and not overlapping with each other,
        nor with an operand unless it is that operand."""
        nest = self.nest
        taken: list[tuple[Value, Value]] = []
        for i, (target, element) in enumerate(zip(self.targets, nest.results)):
            descr = self.fact(f"descr_{nest.result_names[i]}")
            self.require(array_field(target, "ndim", "i32").equals(self.ndim))
            self.require(self.fit(target, descr, self.dims).equals(FULL))
            flags = array_field(target, "flags", "i32")
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
            put(frame, nest.frame.output + i, array_field(target, "data"))
        for target in self.targets:
            self.python("Py_IncRef", "void", target)
        return self.targets

    def address(self, array: Value) -> Value:
        return array_field(array, "data", "i64")

    def dropped_dims(self) -> tuple[Value, Value]:
        """The number and sizes of the dimensions that are not reduced."""
        left = self.ndim_long - self.gone
        return left.convert("i32"), self.dims

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
        in_pieces = split_reduction.is_divisible(self.nest)
        divisible = self.code.constant(self.divisible, "i64")
        self.compute(
            "@nest", frame, rows, length, total, divisible,
            (lambda: self.run_in_pieces(frame, rows, length)) if in_pieces else None,
        )  # fmt: skip

    def run_in_pieces(self, frame: Value, rows: Value, length: Value) -> None:
        """One long row that becomes single values (see `split_reduction`); other shapes go on behind this."""
        code, layout = self.code, self.nest.frame
        with code.when(rows.equals(1) & (length >= split_reduction.LONG)):
            share = (length + 65535) >> 10 & -64  # of a thousand pieces, in whole cache lines
            chunk = choose(share > split_reduction.PIECE, share, share.like(split_reduction.PIECE))
            pieces = quotient(length + chunk - 1, chunk)
            size = pieces * (len(self.nest.reductions) * split_reduction.SLOT)
            scratch = self.python("PyMem_RawMalloc", "ptr", size)
            with code.when(self.is_null(scratch) ^ 1):
                put(frame, layout.chunk, chunk)
                put(frame, layout.scratch, scratch)
                self.share("@part", frame, pieces, self.zero, length, self.zero)
                code.call(Value(code, "@finish", "ptr"), "void", frame, pieces)
                self.python("PyMem_RawFree", "void", scratch)
                onward = code.name("onward")
                code.jump("joined")
                code.label(onward)

    @property
    def divisible(self) -> bool:
        """May threads share one row?"""
        return not self.nest.reductions
