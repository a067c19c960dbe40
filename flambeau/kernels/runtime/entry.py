"""Kernels that Python calls with arrays and numbers which it has checked.

Such a kernel makes no array and has no fallback: a function of this folder looks at dtypes, layouts and
bounds, makes the result, and hands all of it over. Its loops run over `rows`, which threads share by the
sizes alone, and the number that it gives back is 0 unless a row said otherwise (`Body.report`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from ..llvm import Code, Value
from .layout import ARRAY, INDEX, OBJECT_TYPE, builtin
from .process import machine
from .recipe import Recipe

LARGE = 1 << 15
"""Elements above which threads share the work and other Python threads run meanwhile."""


class Job(NamedTuple):
    """What the pool is told.

    Attributes:
        rows: How many there are to share.
        length: Elements of one, or what else is counted in it.
        weight: About how many elementary steps there are in all.
        divisible: May one row be shared too?
    """

    rows: int
    length: int
    weight: int
    divisible: bool


class NoNumbers(NamedTuple):
    """Those of a kernel that needs none but what the pool is told."""


class Body(Code):
    """The lines of a kernel, and its arguments by name: `p` of arrays (pointers), `n` of numbers.

    `n` has what the pool is told, too, except where a number of the kernel's own has the same name.

    `row_begin`, `row_end`, `begin` and `end` are the piece to do: rows, and, where the caller said that
    one row is divisible, the part of it.
    """

    def __init__(self, lanes: int, arrays: Sequence[str], numbers: Sequence[str]):
        super().__init__(lanes)
        words = ["status", *Job._fields, *numbers, *arrays]
        self.words = {name: i for i, name in enumerate(words)}
        self.p = {name: self._word(name, "ptr") for name in arrays}
        given = {name: self._word(name, "i64") for name in (*Job._fields, *numbers)}
        self.n = SimpleNamespace(**given)
        names = ("row_begin", "row_end", "begin", "end")
        self.row_begin, self.row_end, self.begin, self.end = (
            Value(self, f"%{name}", "i64") for name in names
        )
        self.zero = self.number(0)
        self.allocates = False
        self.functions: list[str] = []  # of its own, which its loops call

    def number(self, value: int) -> Value:
        return self.constant(value, "i64")

    def _place(self, name: str) -> Value:
        return self.at(Value(self, "%frame", "ptr"), "i64", self.number(self.words[name]))

    def _word(self, name: str, type: str) -> Value:
        return self.load(self._place(name), type)

    def rows(self) -> Any:
        """``for row in this piece``."""
        return self.loop(self.row_begin, self.row_end)

    def report(self, value: Value) -> None:
        """Let the call give `value`, if it is not 0; the largest that any piece reports is given."""
        self.line(f"%{self.name('told')} = atomicrmw max ptr {self._place('status').name}, "
                  f"i64 {value.name} monotonic")  # fmt: skip

    def get(self, base: Value, element: str, index: Value) -> Value:
        return self.load(self.at(base, element, index), element)

    def put(self, value: Value, base: Value, index: Value) -> None:
        self.store(value, self.at(base, value.element, index))

    def smaller(self, x: Value, y: Value) -> Value:
        """The smaller of two integers."""
        return self.intrinsic("smin", x, y)

    def scratch(self, size: Value) -> Value:
        """Memory of the piece, to be given to `free`; where there is none the piece reports -1 and ends."""
        memory = self.call(self.fact("PyMem_RawMalloc"), "ptr", size)
        self.allocates = True
        none, some = self.name("none"), self.name("some")
        self.branch(memory.equals_pointer(Value(self, "null", "ptr")), none, some)
        self.label(none)
        self.report(self.number(NO_MEMORY))
        self.line("ret void")
        self.label(some)
        return memory

    def free(self, memory: Value) -> None:
        self.call(self.fact("PyMem_RawFree"), "void", memory)

    def copy_bytes(self, target: Value, source: Value, size: Value) -> None:
        name = self.declare("void", "llvm.memcpy.p0.p0.i64", "ptr", "ptr", "i64", "i1")
        self.line(
            f"call void @{name}(ptr {target.name}, ptr {source.name}, i64 {size.name}, i1 false)"
        )

    def fact(self, name: str) -> Value:
        """An address from the runtime's table."""
        table = self.load(Value(self, "@runtime_SYMBOL", "ptr"), "ptr")
        return self.load(self.at(table, "ptr", self.number(INDEX[name])), "ptr")


NO_MEMORY = 1 << 62


def kernel(
    name: str,
    arrays: Sequence[str],
    numbers: type[NamedTuple],
    write: Callable[[Body], None],
    lanes: int,
) -> Callable[..., int]:
    """A function ``f(*arrays, *job, *numbers) -> int``, of a `Job` and one of the class `numbers`.

    Args:
        name: What it is called in tracebacks.
        arrays: Names of the arrays that it is given.
        numbers: A NamedTuple class of further integers, declared beside what reads them.
        write: Writes the loops.
        lanes: Elements of its vectors.

    The pool cuts `rows` into pieces by `weight`, the elements in all; where `divisible` is 1 and
    there is one row, `length` instead. Raises MemoryError where a piece found no memory.
    """
    names = numbers._fields
    body, text = _written(arrays, names, write, lanes)
    recipe = Recipe(lambda: _written(arrays, names, write, lanes)[1])
    call = builtin(name, machine().address(text), recipe)

    def run(*given: Any) -> int:
        status = call(*given)
        if status == NO_MEMORY:
            raise MemoryError(f"{name}: no memory for intermediate values")
        return status

    return run if body.allocates else call


def _written(
    arrays: Sequence[str], numbers: Sequence[str], write: Callable[[Body], None], lanes: int
) -> tuple[Body, str]:
    """A kernel's loops, and the text of its module."""
    body = Body(lanes, arrays, numbers)
    write(body)
    body.line("ret void")
    inner = body.function(
        "@body(ptr %frame, i64 %row_begin, i64 %row_end, i64 %begin, i64 %end)",
        "internal void",
        "noinline",
    )
    door = Door(body, len(arrays), len(numbers)).text()
    declarations = "\n".join(sorted(body.declarations))
    parts = ["@runtime_SYMBOL = global ptr null", declarations, *body.functions, inner, door]
    return body, "\n".join(parts)


class Door:
    """Writes the function that CPython calls: arguments into a frame, the frame to the pool."""

    def __init__(self, body: Body, arrays: int, numbers: int):
        self.body, self.arrays, self.numbers = body, arrays, numbers + len(Job._fields)
        self.code = Code(1, body.declarations)

    def text(self) -> str:
        code = self.code
        args, count = Value(code, "%args", "ptr"), Value(code, "%count", "i64")
        self.table = code.load(Value(code, "@runtime_SYMBOL", "ptr"), "ptr")
        self.null = Value(code, "null", "ptr")
        self.frame = code.slot(f"[{len(self.body.words)} x i64]")
        self.require(count.equals(self.arrays + self.numbers))
        given = [
            code.load(code.at(args, "ptr", code.constant(i, "i64")), "ptr")
            for i in range(self.arrays + self.numbers)
        ]
        self.put(0, code.constant(0, "i64"))
        for i, item in enumerate(given[: self.arrays]):
            type = code.load(code.at(item, "i8", code.constant(OBJECT_TYPE, "i64")), "ptr")
            self.require(type.equals_pointer(self.fact("ndarray")))
            data = code.load(code.at(item, "i8", code.constant(ARRAY["data"], "i64")), "ptr")
            self.put(1 + self.numbers + i, data)
        numbers = []
        for i, item in enumerate(given[self.arrays :]):
            numbers.append(code.call(self.fact("PyLong_AsLongLong"), "i64", item))
            self.put(1 + i, numbers[-1])
        error = code.call(self.fact("PyErr_Occurred"), "ptr")
        code.branch(error.equals_pointer(self.null), "run", "raised")
        code.label("run")
        self.run(*numbers[: len(Job._fields)])
        status = code.load(self.frame, "i64")
        result = code.call(self.fact("PyLong_FromLongLong"), "ptr", status)
        code.line(f"ret ptr {result.name}")
        code.label("wrong")
        code.call(self.fact("PyErr_BadArgument"), "i32")
        code.jump("raised")
        code.label("raised")
        code.line("ret ptr null")
        return code.function("@SYMBOL(ptr %self, ptr %args, i64 %count)", "ptr")

    def require(self, condition: Value) -> None:
        onward = self.code.name("ok")
        self.code.branch(condition, onward, "wrong")
        self.code.label(onward)

    def fact(self, name: str) -> Value:
        index = self.code.constant(INDEX[name], "i64")
        return self.code.load(self.code.at(self.table, "ptr", index), "ptr")

    def put(self, word: int, value: Value) -> None:
        self.code.store(value, self.code.at(self.frame, "i64", self.code.constant(word, "i64")))

    def run(self, rows: Value, length: Value, weight: Value, divisible: Value) -> None:
        code = self.code
        facts = f"ptr {self.frame.name}, i64 0, i64 {rows.name}, i64 0, i64 {length.name}"
        code.branch(weight > LARGE, "large", "small")
        code.label("small")
        code.line(f"call void @body({facts})")
        code.jump("computed")
        code.label("large")
        state = code.call(self.fact("PyEval_SaveThread"), "ptr")
        pool_run = self.fact("pool_run")
        code.branch(pool_run.equals_pointer(self.null), "alone", "shared")
        code.label("alone")
        code.line(f"call void @body({facts})")
        code.jump("joined")
        code.label("shared")
        body = Value(code, "@body", "ptr")
        code.call(pool_run, "void", self.fact("pool"), body, self.frame, rows, length, weight,
                  divisible)  # fmt: skip
        code.jump("joined")
        code.label("joined")
        code.call(self.fact("PyEval_RestoreThread"), "void", state)
        code.jump("computed")
        code.label("computed")
