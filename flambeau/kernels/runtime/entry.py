"""Kernels that Python calls with arrays and numbers which it has checked.

Such a kernel makes no array and has no fallback: a function of this folder looks at dtypes, layouts and
bounds, makes the result, and hands all of it over. Its loops run over `rows`, which threads share by the
sizes alone, and the number that it gives back is 0 unless a row said otherwise (`Body.report`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

from ..llvm import Code, Module, Value, choose
from .layout import builtin
from .process import machine
from .recipe import Recipe
from .vectorcall import PIECE, Vectorcall, array_field, fact, of_pieces, put, table


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


HEAD = ("status", "watch")
"""The first words of a frame."""


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
        if not set(arrays).isdisjoint(numbers):
            raise ValueError(f"an array and a number have one name among {arrays} and {numbers}")
        words = [*HEAD, *Job._fields, *numbers, *arrays]
        self.words, self.size = {name: i for i, name in enumerate(words)}, len(words)
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

    @contextmanager
    def long_loop(self, count: Value, give_up: Callable[[], None]) -> Iterator[Value]:
        """``for i in range(count)``, where that may take longer than somebody who pressed Ctrl-C wants to wait.

        Args:
            give_up: Writes what is to be done before the piece ends in the midst.
        """
        with self.loop(self.zero, count, BLOCK) as first:
            with self.when(first.differs(0)), self.when(self._is_given_up()):
                give_up()
                self.line("ret void")
            last = first + BLOCK
            with self.loop(first, choose(last < count, last, count)) as i:
                yield i

    def _is_given_up(self) -> Value:
        """Has a signal's handler raised? See `interrupt`."""
        poll = self.fact("poll")
        found = self.variable(0)
        with self.unless(poll.is_null()):
            found.value = self.call(poll, "i64", self._word("watch", "ptr"))
        return found.value.differs(0)

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

    def fact(self, name: str) -> Value:
        """An address from the runtime's table."""
        return fact(table(self), name)


NO_MEMORY = 1 << 62
BLOCK = 1 << 17
"""Steps of a long loop between two looks."""


def kernel(
    name: str,
    arrays: Sequence[str],
    numbers: type[NamedTuple],
    write: Callable[[Body], None],
    lanes: int,
    makes: bool = False,
) -> Callable[..., int]:
    """A function ``f(*arrays, *job, *numbers) -> int``, of a `Job` and one of the class `numbers`.

    Args:
        name: What it is called in tracebacks.
        arrays: Names of the arrays that it is given.
        numbers: A NamedTuple class of further integers, declared beside what reads them.
        write: Writes the loops.
        lanes: Elements of its vectors.
        makes: Does it write only into arrays that nobody else has seen yet? Then Ctrl-C may end it in the midst.

    The pool cuts `rows` into pieces by `weight`, the elements in all; where `divisible` is 1 and
    there is one row, `length` instead. Raises MemoryError where a piece found no memory.
    """
    names = numbers._fields
    body, text = _written(arrays, names, write, lanes, makes)
    recipe = Recipe(lambda: _written(arrays, names, write, lanes, makes)[1])
    call = builtin(name, machine().address(text), recipe)

    def run(*given: Any) -> int:
        status = call(*given)
        if status == NO_MEMORY:
            raise MemoryError(f"{name}: no memory for intermediate values")
        return status

    return run if body.allocates else call


def _written(
    arrays: Sequence[str],
    numbers: Sequence[str],
    write: Callable[[Body], None],
    lanes: int,
    makes: bool,
) -> tuple[Body, str]:
    """A kernel's loops, and the text of its module."""
    body = Body(lanes, arrays, numbers)
    write(body)
    body.give()
    module = Module(body.declarations)
    module.add(*body.functions, body.function(f"@body({PIECE})", "internal void", "noinline"))
    _add_entry_point(module, body, len(arrays), len(Job._fields) + len(numbers), makes)
    return body, module.text()


def _add_entry_point(module: Module, body: Body, arrays: int, numbers: int, makes: bool) -> None:
    """The function that Python calls: arguments into a frame, the frame to the pool."""
    f = Vectorcall(module)
    code = f.code
    frame = code.slot(f"[{body.size} x i64]")
    given = f.arguments(arrays + numbers)
    if makes:
        f.look_out()
    put(frame, body.words["status"], f.zero)
    put(frame, body.words["watch"], f.watch)
    first = len(HEAD)
    for i, item in enumerate(given[:arrays]):
        f.require(f.is_a(item, "ndarray"))
        put(frame, first + numbers + i, array_field(item, "data"))
    integers = [f.python("PyLong_AsLongLong", "i64", item) for item in given[arrays:]]
    for i, integer in enumerate(integers):
        put(frame, first + i, integer)
    f.require(f.python("PyErr_Occurred", "ptr").is_null(), f.RAISED)
    rows, length, weight, divisible = integers[: len(Job._fields)]
    f.compute(of_pieces("body"), frame, rows, length, weight, divisible)
    f.give([f.python("PyLong_FromLongLong", "ptr", code.load(frame, "i64"))])
    f.bad_argument()
