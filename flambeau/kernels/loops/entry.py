"""The entry point of a loop nest: a function that Python calls with arrays, as fast as it calls anything.

It reads NumPy's array objects where they lie. Whatever it is not made for (another type, dtype or layout) it
hands, with the same arguments, to the Python function that it was given as its fallback. It writes into
arrays that it made, or was given to write into.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...formula.expression import POSITION, order
from ..llvm import BITS, Module, Value, Variable, choose, quotient
from ..runtime.layout import Flag
from ..runtime.vectorcall import Vectorcall, array_field, item_of, put, size_of
from . import split_reduction
from .arrange_rows import RowOption, RowWord
from .broadcast import FORM, FULL, ROWS, SCALAR, TRAILING
from .nest import NEST, Nest

SHORT, MANY = 32, 1 << 13
"""Bytes of a row up to which it takes longer than its part of a column, if there are so many elements in all."""
STRIDED = "strided"
"""Where a call goes on whose operands do not lie in order."""


class EntryPoint(Vectorcall):
    """Writes the entry point of a nest.

    Args:
        rows: Is its last argument the axes of rows?
        drop: Do reduced dimensions vanish from the results, instead of keeping size 1?
        into: Are its first arguments the arrays that the results are written to?
        turns: Does it refuse many rows of few elements, because its fallback turns them into columns?
    """

    def __init__(
        self, nest: Nest, module: Module, rows: bool, drop: bool = False, into: bool = False,
        turns: bool = False,
    ):  # fmt: skip
        super().__init__(module)
        self.nest, self.rows, self.drop, self.into = nest, rows, drop, into
        self.turns = turns
        self.otherwise = self.REFUSED

    def write(self) -> None:
        inputs, numbers = len(self.nest.inputs), len(self.nest.program.parameters)
        targets = len(self.nest.roots) if self.into else 0
        given = self.arguments(targets + inputs + numbers + self.rows)
        self.targets, given = given[:targets], given[targets:]
        arrays = given[:inputs]
        for array in [*self.targets, *arrays]:
            self.require(self.is_a(array, "ndarray"))
        parameters = [self.parameter(x) for x in given[inputs : inputs + numbers]]
        self.words = self.code.slot(f"[{self.nest.frame.size} x i64]")
        for i, value in enumerate(parameters):
            put(self.words, self.nest.frame.parameter + i, value)
        self.reference(arrays)
        find = self.either_way if self.takes_strides else self.in_order
        results = find(arrays, given[-1])
        if not self.into:
            self.look_out()
        self.run(results)
        self.give(results)
        self.fall_back()

    def parameter(self, item: Value) -> Value:
        """A number of the program; of a program of integers one that their dtype holds, and that a double holds exactly."""
        value = self.number(item)
        bounds = self.nest.whole_bounds
        if bounds is not None:
            whole = self.code.intrinsic("trunc", value)
            self.require((value >= bounds[0]) & (value <= bounds[1]) & whole.equals(value))
        return value

    @property
    def takes_strides(self) -> bool:
        """May its one operand lie in strides?"""
        return self.nest.alone and not self.into

    def either_way(self, arrays: Sequence[Value], axes: Value) -> list[Value]:
        """What lies in order first, which is all that small calls wait for."""
        code = self.code
        made = [code.variable(code.null) for _ in self.nest.roots]
        self.otherwise = STRIDED
        self.keep(made, self.in_order(arrays, axes))
        self.otherwise = self.REFUSED
        code.label(STRIDED)
        self.keep(made, self.in_strides(arrays[0], axes))
        code.label("walk")
        return [variable.value for variable in made]

    def keep(self, made: Sequence[Variable], results: Sequence[Value]) -> None:
        for variable, result in zip(made, results):
            variable.value = result
        self.code.jump("walk")

    def require(self, condition: Value, otherwise: str = "") -> None:
        super().require(condition, otherwise or self.otherwise)

    def in_order(self, arrays: Sequence[Value], axes: Value) -> list[Value]:
        """The results, once the frame describes operands that lie in order."""
        total = self.total()
        row_length = self.row_length(axes, total) if self.rows else self.zero
        if self.turns:
            short = SHORT // (BITS[self.nest.inputs[0]] // 8)
            self.require((row_length > short) | (total < MANY), self.REFUSED)
        forms, row_length = self.fitted(arrays, row_length)
        row_length = choose(row_length.equals(0), total, row_length)
        rows = total / choose(row_length.equals(0), row_length.like(1), row_length)
        self.frame(arrays, forms, rows, row_length)
        if self.into:
            return self.into_targets(arrays, forms, total)
        return self.allocate(lambda: self.dropped_dims() if self.drop else self.reduced_dims())

    def in_strides(self, array: Value, axes: Value) -> list[Value]:
        """The same of one operand that lies in strides (see `arrange_rows`)."""
        code, nest = self.code, self.nest
        arrange = self.fact("rows_strided")
        self.require(~arrange.is_null())
        descr = self.fact(f"descr_{nest.input_names[0]}")
        self.require(array_field(array, "descr").equals_pointer(descr))
        flags = array_field(array, "flags", "i32")
        self.require((flags & Flag.ALIGNED).differs(0) & (self.ndim > 0))
        places = any(x.primitive is POSITION for x in order(nest.roots))
        writes = any(x.full for x in nest.roots)
        options = self.strided_option | (RowOption.DROP if self.drop else 0)
        options |= RowOption.IN_ORDER | RowOption.ONE_LINE if places or writes else 0
        options |= RowOption.LAST if writes else 0
        shape = code.slot("[64 x i64]")
        status = code.call(
            arrange, "i64", array, self.reduced_bits(axes), code.integer(options), self.words, shape
        )
        self.require(status.equals(0))
        layout = nest.frame
        put(self.words, layout.input, array_field(array, "data"))
        put(self.words, layout.form, code.integer(FULL))
        return self.allocate(lambda: (code.load(shape, "i64").convert("i32"), shape.word(1)))

    strided_option = 0

    def reduced_bits(self, axes: Value) -> Value:
        """A bit for each dimension of the rows."""
        code = self.code
        bits = code.variable(code.integer(-1))
        with code.unless(axes.equals_pointer(self.fact("None"))):
            self.require(self.is_a(axes, "tuple"))
            bits.value = self.zero
            strange = code.variable(0, "i1")
            with code.loop(self.zero, size_of(axes)) as i:
                item = item_of(axes, i)
                is_int = self.is_a(item, "int")
                strange.value = strange.value | ~is_int
                with code.when(is_int):
                    place = self.python("PyLong_AsLongLong", "i64", item) + self.ndim_long
                    strange.value = strange.value | ~place.below(self.ndim_long)
                    bits.value = bits.value | (code.integer(1) << (place & 63))
            self.python("PyErr_Clear", "void")  # of an integer beyond all bounds
            self.require(~strange.value)
        return bits.value

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
        product = code.variable(1)
        with code.loop(self.zero, self.ndim_long) as i:
            product.value = product.value * self.size(i)
        return product.value

    def size(self, i: Value) -> Value:
        """Of a dimension."""
        return self.code.load(self.code.at(self.dims, "i64", i), "i64")

    def row_length(self, axes: Value, total: Value) -> Value:
        """Rows are everything (axes is None) or lie along the last dimensions (-1,), (-2, -1), ..."""
        code = self.code
        length, gone = code.variable(total), code.variable(self.ndim_long)
        self.require(self.ndim > 0)
        with code.unless(axes.equals_pointer(self.fact("None"))):
            self.require(self.is_a(axes, "tuple"))
            count = size_of(axes)
            self.require((count > 0) & (count <= self.ndim_long))
            length.value = count.like(1)
            strange = code.variable(0, "i1")
            with code.loop(self.zero, count) as i:
                item = item_of(axes, i)
                is_int = self.is_a(item, "int")
                strange.value = strange.value | ~is_int
                with code.when(is_int):
                    axis = self.python("PyLong_AsLongLong", "i64", item)
                    strange.value = strange.value | axis.differs(i - count)
                    length.value = length.value * self.size(self.ndim_long - count + i)
            self.python("PyErr_Clear", "void")  # of an integer beyond all bounds
            self.require(~strange.value)
            gone.value = count
        self.gone, found = gone.value, length.value
        self.require(found > 0)
        self.require(total > 0)
        return found

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
        return self.code.call(self.fact("fit"), "i64", array, descr, self.ndim_long, dims)

    def row_dims(self) -> Value:
        """The shape that an operand with one value a row is compared with."""
        return self.dims

    # ------------------------------------------------------------------------- arrays and calls

    def frame(
        self, arrays: Sequence[Value], forms: Sequence[Value], rows: Value, length: Value
    ) -> None:
        frame, layout = self.words, self.nest.frame
        put(frame, layout.rows, rows)
        put(frame, layout.length, length)
        put(frame, layout.width, length.like(1))
        put(frame, RowWord.LINES, length.like(1))
        if self.nest.alone:
            put(frame, RowWord.INNER, length.like(1))
            put(frame, RowWord.ROW_STEP, length * (BITS[self.nest.inputs[0]] // 8))
            put(frame, RowWord.INNER_STEP, self.zero)
            put(frame, RowWord.LINE_STEP, self.zero)
        for i, (array, form) in enumerate(zip(arrays, forms)):
            put(frame, layout.input + i, array_field(array, "data"))
            put(frame, layout.form + i, form)

    def allocate(self, reduced_dims: Callable[[], tuple[Value, Value]]) -> list[Value]:
        """New arrays for the results.

        reduced_dims: Gives the number and the sizes of the dimensions of those that are one value a row.
        """
        nest = self.nest
        reduced: tuple[Value, Value] | None = None
        results: list[Value] = []
        for i, root in enumerate(nest.roots):
            size, dims = self.ndim, self.dims
            if not root.full:
                reduced = reduced or reduced_dims()
                size, dims = reduced
            result = self.new_array(self.fact(f"descr_{nest.result_names[i]}"), size, dims)
            self.collect(result, results)
            put(self.words, nest.frame.output + i, array_field(result, "data"))
        return results

    def into_targets(
        self, arrays: Sequence[Value], forms: Sequence[Value], total: Value
    ) -> list[Value]:
        """The arrays to write into."""
        self.check_targets(arrays, forms, total)
        for i, target in enumerate(self.targets):
            put(self.words, self.nest.frame.output + i, array_field(target, "data"))
            self.python("Py_IncRef", "void", target)
        return self.targets

    def check_targets(self, arrays: Sequence[Value], forms: Sequence[Value], total: Value) -> None:
        """Require that targets have the result's shape, lie in order, and do not overlap with each other, nor with an
        operand unless they are that operand."""
        nest = self.nest
        taken: list[tuple[Value, Value]] = []
        for i, (target, element) in enumerate(zip(self.targets, nest.results)):
            descr = self.fact(f"descr_{nest.result_names[i]}")
            self.require(array_field(target, "ndim", "i32").equals(self.ndim))
            self.require(self.fit(target, descr, self.dims).equals(FULL))
            flags = array_field(target, "flags", "i32")
            self.require((flags & Flag.CARRAY).equals(Flag.CARRAY))
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
            size = self.size(i)
            stays = i < self.ndim_long - self.gone
            code.store(choose(stays, size, size.like(1)), code.at(dims, "i64", i))
        return self.ndim, dims

    def run(self, results: Sequence[Value]) -> None:
        rows, length, total = self.work()
        in_pieces = split_reduction.is_divisible(self.nest)
        divisible = self.code.constant(self.divisible, "i64")
        self.compute(
            NEST, self.words, rows, length, total, divisible,
            (lambda: self.run_in_pieces(self.words, rows, length)) if in_pieces else None,
            lambda: self.release(results),
        )  # fmt: skip

    def work(self) -> tuple[Value, Value, Value]:
        """The rows, what of one may be cut, and the elements in all, as the frame has them."""
        rows, length, width, lines = (
            self.code.load(self.words.word(word), "i64")
            for word in (RowWord.ROWS, RowWord.LENGTH, RowWord.WIDTH, RowWord.LINES)
        )
        return rows, length, rows * length * width * lines

    def run_in_pieces(self, frame: Value, rows: Value, length: Value) -> None:
        """One long row that becomes single values (see `split_reduction`); other shapes go on behind this."""
        code, layout = self.code, self.nest.frame
        single = rows.equals(1) & code.load(self.words.word(RowWord.LINES), "i64").equals(1)
        with code.when(single & (length >= split_reduction.LONG)):
            share = (length + 65535) >> 10 & -64  # of a thousand pieces, in whole cache lines
            chunk = choose(share > split_reduction.SHARE, share, share.like(split_reduction.SHARE))
            pieces = quotient(length + chunk - 1, chunk)
            size = pieces * (len(self.nest.reductions) * split_reduction.SLOT)
            scratch = self.python("PyMem_RawMalloc", "ptr", size)
            with code.unless(scratch.is_null()):
                put(frame, layout.chunk, chunk)
                put(frame, layout.scratch, scratch)
                self.share(split_reduction.PART, frame, pieces, self.zero, length, self.zero)
                code.run(split_reduction.FINISH, frame, pieces)
                self.python("PyMem_RawFree", "void", scratch)
                code.jump("joined")

    @property
    def divisible(self) -> bool:
        """May threads share one row?"""
        return not self.nest.reductions
