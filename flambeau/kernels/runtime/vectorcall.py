"""Functions that CPython calls by its vectorcall convention (METH_FASTCALL), written in LLVM's language.

Such a function reads the objects that it is given where they lie in memory, by offsets that `layout` knows and
`layout_check` has looked at, and finds Python's and NumPy's own functions in the runtime's table of addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..llvm import Code, Function, Module, Value
from .layout import (
    ARRAY,
    BYTES_CONTENT,
    FLOAT_VALUE,
    INDEX,
    OBJECT_TYPE,
    TUPLE_ITEMS,
    TUPLE_SIZE,
    Watch,
)

LARGE = 1 << 15
"""Elements above which threads share the work and other Python threads run meanwhile."""
PIECE = "ptr %frame, i64 %row_begin, i64 %row_end, i64 %begin, i64 %end"
"""What a function is given that computes a piece of the rows, or of one row, that a frame describes."""


def of_pieces(name: str) -> Function:
    """Such a function."""
    return Function("void", name, ("ptr", "i64", "i64", "i64", "i64"))


def table(code: Code) -> Value:
    """The runtime's table of addresses."""
    return code.load(Value(code, "@runtime_SYMBOL", "ptr"), "ptr")


def fact(table: Value, name: str) -> Value:
    """An address from the runtime's table."""
    code = table.code
    return code.load(code.at(table, "ptr", code.constant(INDEX[name], "i64")), "ptr")


def field(item: Value, offset: int, type: str = "ptr") -> Value:
    """What an object has so many bytes behind its beginning."""
    code = item.code
    return code.load(code.at(item, "i8", code.constant(offset, "i64")), type)


def array_field(array: Value, name: str, type: str = "ptr") -> Value:
    return field(array, ARRAY[name], type)


def type_of(item: Value) -> Value:
    return field(item, OBJECT_TYPE)


def size_of(group: Value) -> Value:
    """How many items a tuple has."""
    return field(group, TUPLE_SIZE, "i64")


def item_of(group: Value, i: Value) -> Value:
    """An item of a tuple."""
    code = group.code
    items = code.at(group, "i8", code.constant(TUPLE_ITEMS, "i64"))
    return code.load(code.at(items, "ptr", i), "ptr")


def new_array(table: Value, descr: Value, ndim: Value, dims: Value) -> Value:
    """An array in the kernels' own memory, or in NumPy's where there is none (see `memory`)."""
    code = table.code
    made = code.variable(code.null)
    own = fact(table, "new_array")
    with code.either(own.is_null()) as (lacking, there):
        with lacking:
            code.call(fact(table, "Py_IncRef"), "void", descr)
            made.value = code.call(
                fact(table, "PyArray_NewFromDescr"), "ptr", fact(table, "ndarray"), descr, ndim,
                dims, code.null, code.null, code.constant(0, "i32"), code.null,
            )  # fmt: skip
        with there:
            made.value = code.call(own, "ptr", table, descr, ndim, dims)
    return made.value


def put(frame: Value, index: int, value: Value) -> None:
    """Write a 64-bit word of a frame."""
    code = frame.code
    code.store(value, code.at(frame, "i64", code.constant(index, "i64")))


class Vectorcall:
    """Writes ``PyObject *f(PyObject *self, PyObject *const *args, Py_ssize_t count)``.

    A call that is not what `require` says goes on at the label REFUSED, which `fall_back` or `bad_argument` writes.

    Attributes:
        own: The function's self, as `layout.builtin` was given it.
        args, count: Where its arguments are, and how many.
    """

    REFUSED, RAISED = "refused", "raised"

    def __init__(self, module: Module):
        self.module = module
        code = self.code = module.define("ptr @SYMBOL(ptr %self, ptr %args, i64 %count)")
        self.own, self.args, self.count = code.parameters
        self.zero = code.constant(0, "i64")
        self.table = table(code)
        self.watch = code.null

    # ------------------------------------------------------------------------------- arguments

    def own_words(self) -> Value:
        """Where the words begin of a self that is a bytes object."""
        code = self.code
        return code.at(self.own, "i8", code.integer(BYTES_CONTENT))

    def argument(self, i: Value | int) -> Value:
        code = self.code
        return code.load(code.at(self.args, "ptr", code.integer(i)), "ptr")

    def arguments(self, count: int) -> list[Value]:
        """The arguments, of which there must be so many."""
        self.require(self.count.equals(count))
        return [self.argument(i) for i in range(count)]

    def require(self, condition: Value, otherwise: str = REFUSED) -> None:
        """Go on if it holds; else at a label: where nothing else is said the call is refused."""
        onward = self.code.name("ok")
        self.code.branch(condition, onward, otherwise)
        self.code.label(onward)

    def is_a(self, item: Value, name: str) -> Value:
        """Is it of just this type of the runtime's table?"""
        return type_of(item).equals_pointer(self.fact(name))

    def number(self, item: Value) -> Value:
        """A Python float or int as a double."""
        code = self.code
        number = code.variable(code.constant(0.0, "double"))
        type = type_of(item)
        is_float = type.equals_pointer(self.fact("float"))
        is_int = type.equals_pointer(self.fact("int"))
        self.require(is_float | is_int)
        with code.when(is_float):
            number.value = field(item, FLOAT_VALUE, "double")
        with code.when(is_int):
            number.value = self.python("PyLong_AsDouble", "double", item)
        value = number.value
        # An int too large for a double: the error is the fallback's to raise.
        error = code.variable(code.null)
        with code.when(value.equals(-1.0)):
            error.value = self.python("PyErr_Occurred", "ptr")
            self.python("PyErr_Clear", "void")
        self.require(error.value.is_null())
        return value

    # ---------------------------------------------------------------------- Python's functions

    def fact(self, name: str) -> Value:
        """An address from the runtime's table."""
        return fact(self.table, name)

    def python(self, name: str, result: str, *given: Value) -> Value:
        """Call a function that the runtime's table has."""
        return self.code.call(self.fact(name), result, *given)

    # ------------------------------------------------------------------------------- results

    def release(self, results: Sequence[Value]) -> None:
        for made in results:
            self.python("Py_DecRef", "void", made)

    def new_array(self, descr: Value, size: Value, dims: Value) -> Value:
        """An array in the kernels' own memory, or in NumPy's where there is none (see `memory`)."""
        return new_array(self.table, descr, size, dims)

    def collect(self, made: Value, others: list[Value]) -> None:
        """Add a new array to others, which are given up if there was no memory for it: the call raises then."""
        code = self.code
        onward, undo = code.name("made"), code.name("undo")
        code.branch(made.is_null(), undo, onward)
        code.label(undo)
        self.release(others)
        code.give(code.null)
        code.label(onward)
        others.append(made)

    # ------------------------------------------------------------------------------------ ends

    def give(self, results: Sequence[Value]) -> None:
        """Return an object, or the tuple of several; its references become the caller's."""
        code = self.code
        if len(results) == 1:
            code.give(results[0])
            return
        group = self.python("PyTuple_New", "ptr", code.constant(len(results), "i64"))
        for i, result in enumerate(results):
            self.python("PyTuple_SetItem", "i32", group, code.constant(i, "i64"), result)
        code.give(group)

    def fall_back(self) -> None:
        """A refused call goes, with the same arguments, to the function that is the self of this one."""
        code = self.code
        code.label(self.REFUSED)
        call = self.fact("PyObject_Vectorcall").name
        # A tail call leaves no frame on the stack; it is allowed, for the callee sees no memory of this function.
        code.give(
            code.emit(f"tail call ptr {call}(ptr %self, ptr %args, i64 %count, ptr null)", "ptr")
        )

    def bad_argument(self) -> None:
        """A refused call is a TypeError. Calls that have an exception already come to the label RAISED."""
        code = self.code
        code.label(self.REFUSED)
        self.python("PyErr_BadArgument", "i32")
        code.jump(self.RAISED)
        code.label(self.RAISED)
        code.give(code.null)

    # ------------------------------------------------------------------------------- computing

    def look_out(self) -> None:
        """Have a `Watch` from here on: `compute` may be given up when Python's handler of a signal raises.

        For calls whose results are not yet anybody's.
        """
        code = self.code
        self.watch = code.slot(f"[{len(Watch)} x i64]")
        code.store(code.null, self.watch.word(Watch.OWNER))
        code.store(self.zero, self.watch.word(Watch.STOPPED))

    def compute(
        self, function: Function, frame: Value, rows: Value, length: Value, weight: Value,
        divisible: Value, instead: Callable[[], None] | None = None,
        undo: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """Let a function compute rows from a frame: here, or, what is large, by the pool and without Python's lock.

        Args:
            function: One `of_pieces`.
            weight: The elements in all.
            divisible: May threads share one row?
            instead: Writes another way to compute what is large, which ends with a jump to "joined".
            undo: Writes what is to be done before the call raises a handler's exception (see `look_out`).
        """
        code = self.code
        code.branch(weight > LARGE, "large", "small")
        code.label("small")
        self.alone(function, frame, rows, length)
        code.jump("computed")
        code.label("large")
        state = self.python("PyEval_SaveThread", "ptr")
        if self.is_watched:
            code.store(state, self.watch.word(Watch.STATE))
        if instead is not None:
            instead()
        self.share(function, frame, rows, length, weight, divisible)
        code.jump("joined")
        code.label("joined")
        self.python("PyEval_RestoreThread", "void", state)
        if self.is_watched:
            with code.when(code.load(self.watch.word(Watch.STOPPED), "i64").differs(0)):
                if undo is not None:
                    undo()
                code.give(code.null)
        code.jump("computed")
        code.label("computed")

    @property
    def is_watched(self) -> bool:
        return self.watch.name != self.code.null.name

    def alone(self, function: Function, frame: Value, rows: Value, length: Value) -> None:
        """All rows by this thread."""
        self.code.run(function, frame, 0, rows, 0, length)

    def share(
        self, function: Function, frame: Value, rows: Value, length: Value, weight: Value,
        divisible: Value,
    ) -> None:  # fmt: skip
        """All rows by the pool, or, where there is none, by this thread."""
        code = self.code
        run = self.fact("pool_run")
        with code.either(run.is_null()) as (lacking, there):
            with lacking:
                self.alone(function, frame, rows, length)
            with there:
                address = Value(code, f"@{function.name}", "ptr")
                code.call(run, "void", self.fact("pool"), address, frame, rows, length, weight,
                          divisible, self.watch)  # fmt: skip
