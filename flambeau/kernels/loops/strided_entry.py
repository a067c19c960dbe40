"""The entry point of an elementwise nest, for arrays of any strides.

Operands that lie in order, and broadcast in one place, are fitted here (`broadcast.load_fit`), which is all that small
calls wait for. All others are arranged by functions of their own (`arrangement`), which load when the first call needs
them; until then, and for what they refuse, the fallback is called.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..llvm import Module, Value, choose, larger, quotient, smaller
from ..runtime.layout import Flag
from ..runtime.vectorcall import array_field, put
from .arrangement import BLOCK, Option, Shape
from .broadcast import FULL, LEADING, TRAILING
from .entry import STRIDED, EntryPoint
from .nest import NEST
from .strided import StridedNest
from .strided_frame import MOVES, STILL, Part, Word


class StridedEntryPoint(EntryPoint):
    """Writes the entry point of a strided nest; `into`: its first arguments are what it writes to."""

    nest: StridedNest

    def __init__(self, nest: StridedNest, module: Module, into: bool):
        super().__init__(nest, module, False, False, into)

    def write(self) -> None:
        code, nest = self.code, self.nest
        layout, inputs, numbers = nest.layout, len(nest.inputs), len(nest.program.parameters)
        targets = len(nest.roots) if self.into else 0
        given = self.arguments(targets + inputs + numbers)
        self.targets, given = given[:targets], given[targets:]
        arrays = given[:inputs]
        for array in [*self.targets, *arrays]:
            self.require(self.is_a(array, "ndarray"))
        parameters = [self.parameter(x) for x in given[inputs:]]
        self.words = code.slot(f"[{layout.size} x i64]")
        for i, value in enumerate(parameters):
            put(self.words, layout.parameter + i, value)
        self.made = [code.variable(code.null) for _ in nest.roots]
        self.put_in_order(arrays)
        code.jump("walk")
        self.any_strides(arrays)
        code.jump("walk")
        code.label("walk")
        results = [made.value for made in self.made]
        if not self.into:
            self.look_out()
        rows, length, total = (
            code.load(self.words.word(word), "i64") for word in (Word.ROWS, Word.LENGTH, Word.TOTAL)
        )
        self.compute(
            NEST, self.words, rows, length, total, code.constant(1, "i64"), None,
            lambda: self.release(results),
        )  # fmt: skip
        if self.into:
            for target in self.targets:
                self.python("Py_IncRef", "void", target)
        self.give(self.targets if self.into else results)
        self.fall_back()

    # ------------------------------------------------------------------------------- in order

    def put_in_order(self, arrays: Sequence[Value]) -> None:
        """The frame of operands that lie in order; whatever else they are goes on at STRIDED."""
        code = self.code
        self.otherwise = STRIDED
        self.reference(arrays)
        total = self.total()
        forms, length = self.fitted(arrays, self.zero)
        length = choose(length.equals(0), total, length)
        rows = code.variable(choose(total.equals(0), self.zero, 1))
        lines = code.variable(1)
        with code.when(length < total):
            rows.value = quotient(total, length)
            lines.value = larger(smaller(quotient(code.integer(BLOCK), length), rows.value), 1)
        across, blocks = rows.value, code.variable(rows.value)
        with code.when(lines.value > 1):
            blocks.value = quotient(across + lines.value - 1, lines.value)
        for word, value in (
            (Word.TOTAL, total), (Word.ROWS, blocks.value), (Word.LENGTH, length),
            (Word.CHUNK, larger(length, 1)), (Word.ACROSS, across), (Word.LINES, lines.value),
            (Word.BLOCKS, larger(blocks.value, 1)), (Word.OUTER, self.zero),
        ):  # fmt: skip
            put(self.words, word, value)
        outputs, sizes = self.nest.layout.outputs, self.nest.sizes
        for i, (array, form) in enumerate(zip(arrays, forms)):
            size = sizes[outputs + i]
            moves = form.equals(FULL) | form.equals(TRAILING)
            along = choose(form.equals(LEADING), code.integer(size), self.zero)
            q = choose(form.equals(FULL), length * size, along)
            data = array_field(array, "data", "i64")
            self.place(outputs + i, data, choose(moves, code.integer(MOVES), STILL), moves, q)
        self.results(arrays, forms, total, length)
        self.otherwise = self.REFUSED

    def place(self, k: int, data: Value, kind: Value, moves: Value, q: Value) -> None:
        """An operand in the frame."""
        layout, size = self.nest.layout, self.nest.sizes[k]
        put(self.words, layout.operand(k, Part.POINTER), data)
        put(self.words, layout.operand(k, Part.KIND), kind)
        put(self.words, layout.operand(k, Part.P), choose(moves, self.code.integer(size), 0))
        put(self.words, layout.operand(k, Part.Q), q)

    def results(
        self, arrays: Sequence[Value], forms: Sequence[Value], total: Value, length: Value
    ) -> None:
        """The results, new or given, that lie in order too."""
        code, nest = self.code, self.nest
        if self.into:
            self.check_targets(arrays, forms, total)
            found = self.targets
        else:
            found = []
            for name in nest.result_names:
                made = self.new_array(self.fact(f"descr_{name}"), self.ndim, self.dims)
                self.collect(made, found)
        moves = code.constant(1, "i1")
        for k, (made, size) in enumerate(zip(found, nest.sizes)):
            data = array_field(made, "data", "i64")
            self.place(k, data, code.integer(MOVES), moves, length * size)
            self.made[k].value = made

    # ---------------------------------------------------------------------------- of any strides

    def any_strides(self, arrays: Sequence[Value]) -> None:
        """The frame of all other operands."""
        code, nest = self.code, self.nest
        code.label(STRIDED)
        arrange = self.fact("arrange")
        self.require(~arrange.is_null())
        names = [*(nest.result_names if self.into else ()), *nest.input_names]
        for i, (array, name) in enumerate(zip([*self.targets, *arrays], names)):
            descr = self.fact(f"descr_{name}")
            self.require(array_field(array, "descr").equals_pointer(descr))
            wanted = Flag.ALIGNED | (Flag.WRITEABLE if i < len(self.targets) else 0)
            flags = array_field(array, "flags", "i32")
            self.require((flags & int(wanted)).equals(int(wanted)))
        outputs = nest.layout.outputs
        listed = code.slot(f"[{nest.layout.operands} x ptr]")
        for i, array in enumerate(arrays):
            code.store(array, code.at(listed, "ptr", code.integer(outputs + i)))
        results = self.targets if self.into else self.new_results(listed)
        for k, result in enumerate(results):
            code.store(result, code.at(listed, "ptr", code.integer(k)))
            self.made[k].value = result
        options = nest.scratch << Option.SCRATCH
        options |= (0 if self.into else Option.FRESH) | (Option.NO_STILL if nest.single else 0)
        status = code.call(
            arrange, "i64", listed, code.integer(outputs), code.integer(nest.layout.operands),
            code.integer(options), self.words,
        )  # fmt: skip
        with code.when(status.differs(0)):
            if not self.into:
                self.release(results)
            code.jump(self.REFUSED)

    def new_results(self, listed: Value) -> list[Value]:
        """Arrays of the common shape, in the order of the operands' memory."""
        code, nest = self.code, self.nest
        shape = code.slot(f"[{Shape.SIZE} x i64]")
        operands = code.at(listed, "ptr", code.integer(nest.layout.outputs))
        status = code.call(
            self.fact("broadcast_strided"), "i64", operands, code.integer(len(nest.inputs)), shape
        )
        self.require(status.equals(0))
        found: list[Value] = []
        for name in nest.result_names:
            descr = self.fact(f"descr_{name}")
            made = code.call(self.fact("make_strided"), "ptr", self.table, descr, shape)
            self.collect(made, found)
        return found
