"""Functions that CPython calls by its vectorcall convention (METH_FASTCALL), written in LLVM's language.

Such a function reads the objects that it is given where they lie in memory, by offsets that `layout` knows and
`layout_check` has looked at, and finds Python's and NumPy's own functions in the runtime's table of addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..llvm import Code, Value
from .layout import ARRAY, INDEX, OBJECT_TYPE

LARGE = 1 << 15
"""Elements above which threads share the work and other Python threads run meanwhile."""
_TABLE = "@runtime_SYMBOL"
_NUMBER = OBJECT_TYPE + 8
"""Where a float has its value, and a tuple its length."""


def module(functions: Iterable[str], declarations: Iterable[str] = ()) -> str:
    """The text of a module: the place of the runtime's table, what it declares, what it defines."""
    return "\n".join([f"{_TABLE} = global ptr null", *sorted(declarations), *functions])


def table(code: Code) -> Value:
    """The runtime's table of addresses."""
    return code.load(Value(code, _TABLE, "ptr"), "ptr")


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


def length_of(group: Value) -> Value:
    """How many items a tuple has."""
    return field(group, _NUMBER, "i64")


def put(frame: Value, index: int, value: Value) -> None:
    """Write a 64-bit word of a frame."""
    code = frame.code
    code.store(value, code.at(frame, "i64", code.constant(index, "i64")))


class Vectorcall:
    """Writes ``PyObject *f(PyObject *self, PyObject *const *args, Py_ssize_t count)``.

    What `require` does not find goes on behind the label REFUSED, which `fall_back` or `bad_argument` writes.

    Attributes:
        own: The function's self, as `layout.builtin` was given it.
        args, count: Where its arguments are, and how many.
    """

    REFUSED = "refused"

    def __init__(self, code: Code):
        self.code = code
        self.own, self.args = Value(code, "%self", "ptr"), Value(code, "%args", "ptr")
        self.count, self.null = Value(code, "%count", "i64"), Value(code, "null", "ptr")
        self.zero = code.constant(0, "i64")
        self.table = table(code)

    def function(self) -> str:
        """The text of the function whose lines were written."""
        return self.code.function("@SYMBOL(ptr %self, ptr %args, i64 %count)", "ptr")

    # ------------------------------------------------------------------------------- arguments

    def argument(self, i: Value | int) -> Value:
        code = self.code
        index = i if isinstance(i, Value) else code.constant(i, "i64")
        return code.load(code.at(self.args, "ptr", index), "ptr")

    def arguments(self, count: int) -> list[Value]:
        """The arguments, of which there must be so many."""
        self.require(self.count.equals(count))
        return [self.argument(i) for i in range(count)]

    def require(self, condition: Value) -> None:
        """Go on if it holds; else the call is refused."""
        onward = self.code.name("ok")
        self.code.branch(condition, onward, self.REFUSED)
        self.code.label(onward)

    def is_a(self, item: Value, name: str) -> Value:
        """Is it of just this type of the runtime's table?"""
        return type_of(item).equals_pointer(self.fact(name))

    def is_null(self, pointer: Value) -> Value:
        return pointer.equals_pointer(self.null)

    def number(self, item: Value) -> Value:
        """A Python float or int as a double."""
        code = self.code
        place = code.slot("double", code.constant(0.0, "double"))
        type = type_of(item)
        is_float = type.equals_pointer(self.fact("float"))
        is_int = type.equals_pointer(self.fact("int"))
        self.require(is_float | is_int)
        with code.when(is_float):
            code.store(field(item, _NUMBER, "double"), place)
        with code.when(is_int):
            code.store(self.python("PyLong_AsDouble", "double", item), place)
        value = code.load(place, "double")
        # An int too large for a double: the error is the fallback's to raise.
        error = code.slot("ptr", self.null)
        with code.when(value.equals(-1.0)):
            code.store(self.python("PyErr_Occurred", "ptr"), error)
            self.python("PyErr_Clear", "void")
        self.require(self.is_null(code.load(error, "ptr")))
        return value

    # ---------------------------------------------------------------------- Python's functions

    def fact(self, name: str) -> Value:
        """An address from the runtime's table."""
        return fact(self.table, name)

    def python(self, name: str, result: str, *given: Value) -> Value:
        """Call a function that the runtime's table has."""
        return self.code.call(self.fact(name), result, *given)

    # ------------------------------------------------------------------------------------ ends

    def give(self, results: Sequence[Value]) -> None:
        """Return an object, or the tuple of several; its references become the caller's."""
        code = self.code
        if len(results) == 1:
            code.line(f"ret ptr {results[0].name}")
            return
        group = self.python("PyTuple_New", "ptr", code.constant(len(results), "i64"))
        for i, result in enumerate(results):
            self.python("PyTuple_SetItem", "i32", group, code.constant(i, "i64"), result)
        code.line(f"ret ptr {group.name}")

    def fall_back(self) -> None:
        """A refused call goes, with the same arguments, to the function that is the self of this one."""
        code = self.code
        code.label(self.REFUSED)
        call = self.fact("PyObject_Vectorcall")
        answer = code.emit(
            f"tail call ptr {call.name}(ptr %self, ptr %args, i64 %count, ptr null)", "ptr"
        )
        code.line(f"ret ptr {answer.name}")

    def bad_argument(self) -> None:
        """A refused call is a TypeError. "raised" is the label of calls that have an exception already."""
        code = self.code
        code.label(self.REFUSED)
        self.python("PyErr_BadArgument", "i32")
        code.jump("raised")
        code.label("raised")
        code.line("ret ptr null")

    # ------------------------------------------------------------------------------- computing

    def compute(
        self, function: str, frame: Value, rows: Value, length: Value, weight: Value,
        divisible: Value, instead: Callable[[], None] | None = None,
    ) -> None:  # fmt: skip
        """Let a function compute rows from a frame: here, or, what is large, by the pool and without Python's lock.

        Args:
            function: ``void f(ptr frame, i64 row_begin, i64 row_end, i64 begin, i64 end)``.
            weight: The elements in all.
            divisible: May threads share one row?
            instead: Writes another way to compute what is large, which ends with a jump to "joined".
        """
        code = self.code
        code.branch(weight > LARGE, "large", "small")
        code.label("small")
        self.alone(function, frame, rows, length)
        code.jump("computed")
        code.label("large")
        state = self.python("PyEval_SaveThread", "ptr")
        if instead is not None:
            instead()
        self.share(function, frame, rows, length, weight, divisible)
        code.jump("joined")
        code.label("joined")
        self.python("PyEval_RestoreThread", "void", state)
        code.jump("computed")
        code.label("computed")

    def alone(self, function: str, frame: Value, rows: Value, length: Value) -> None:
        """All rows by this thread."""
        self.code.call(
            Value(self.code, function, "ptr"), "void", frame, self.zero, rows, self.zero, length
        )

    def share(
        self, function: str, frame: Value, rows: Value, length: Value, weight: Value,
        divisible: Value,
    ) -> None:  # fmt: skip
        """All rows by the pool, or, where there is none, by this thread."""
        code = self.code
        pool_run = self.fact("pool_run")
        lacking = self.is_null(pool_run)
        with code.when(lacking):
            self.alone(function, frame, rows, length)
        with code.when(lacking ^ 1):
            code.call(
                pool_run, "void", self.fact("pool"), Value(code, function, "ptr"), frame, rows,
                length, weight, divisible,
            )  # fmt: skip
