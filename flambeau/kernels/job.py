"""Heavy kernels called from Python: a frame of words, and rows of work that threads share.

A kernel is ``void @kernel(ptr frame, i64 first, i64 last, i64, i64)``: it computes the rows from
`first` to `last`. What a row is, its own text says; rows do not depend on each other, nor on how
they are shared out. A call costs about two microseconds, so this is for work of tens of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from .code import Code, Value
from .machine import machine
from .runtime import ARRAY, INDEX

DOOR = f"""
define void @SYMBOL(ptr %frame, i64 %rows, i64 %weight) {{
entry:
  %table = load ptr, ptr @runtime_SYMBOL
  %run_at = getelementptr ptr, ptr %table, i64 {INDEX["pool_run"]}
  %pool_at = getelementptr ptr, ptr %table, i64 {INDEX["pool"]}
  %run = load ptr, ptr %run_at
  %pool = load ptr, ptr %pool_at
  %alone = icmp eq ptr %run, null
  br i1 %alone, label %serial, label %shared
serial:
  call void @kernel(ptr %frame, i64 0, i64 %rows, i64 0, i64 1)
  ret void
shared:
  call void %run(ptr %pool, ptr @kernel, ptr %frame, i64 %rows, i64 1, i64 %weight, i64 0)
  ret void
}}
"""
SIGNATURE = "@kernel(ptr %frame, i64 %row_begin, i64 %row_end, i64 %begin, i64 %end)"
FAILED = 0
"""The frame's first word: not zero after a call that found no memory or an index outside of its
array."""
NO_MEMORY, OUTSIDE = 1, 2


class Job:
    """A compiled kernel.

    Args:
        functions: The texts of its functions, `@kernel` among them.
        declarations: What they need from outside.
    """

    def __init__(self, functions: Sequence[str], declarations: set[str]):
        self.text = "\n".join(
            ["@runtime_SYMBOL = global ptr null", *sorted(declarations), *functions, DOOR]
        )
        address = machine().address(self.text)
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
        self.function = kind(address)

    def __call__(self, words: Sequence[int], rows: int, weight: int) -> bool:
        """Compute `rows` rows that take about `weight` elementary steps in all.

        Args:
            words: The frame after its first word: numbers, and the `id` of arrays that the
                caller keeps.

        Returns:
            Did it meet an index outside of its array? Then the result is not whole.

        Raises:
            MemoryError: The kernel found no memory to work in.
        """
        frame = (ctypes.c_int64 * (len(words) + 1))(0, *words)
        self.function(ctypes.addressof(frame), rows, weight)
        if frame[FAILED] == NO_MEMORY:
            raise MemoryError("a kernel found no memory for its working space")
        return bool(frame[FAILED])


class Frame:
    """The words of a frame by their names, in the order in which they are named."""

    def __init__(self, *names: str):
        self.index = {name: i + 1 for i, name in enumerate(names)}

    def load(self, code: Code) -> Frame.Words:
        """All words, loaded where this is called."""
        return Frame.Words(self, code)

    class Words:
        """Words as values: numbers as attributes, the data of arrays through `array`."""

        def __init__(self, layout: Frame, code: Code):
            self.layout, self.code = layout, code
            self.frame = Value(code, "%frame", "ptr")
            self.known: dict[str, Value] = {name: self.word(name, "i64") for name in layout.index}

        def word(self, name: str, kind: str) -> Value:
            index = self.code.constant(self.layout.index[name], "i64")
            return self.code.load(self.code.at(self.frame, "i64", index), kind)

        def __getattr__(self, name: str) -> Value:
            return self.known[name]

        def array(self, name: str) -> Value:
            """Where the elements of an array object begin."""
            code = self.code
            item = self.word(name, "ptr")
            return code.load(code.at(item, "i8", code.constant(ARRAY["data"], "i64")), "ptr")


@contextmanager
def working_space(code: Code, size: Value) -> Iterator[Value]:
    """`size` bytes for the block below, on a cache line; if there are none, the frame says so.

    The block's code runs only where there is memory, and what follows it runs in any case.
    """
    code.declare("ptr", "malloc", "i64")
    code.declare("void", "free", "ptr")
    given = code.emit(f"call ptr @malloc(i64 {(size + 64).name})", "ptr")
    missing = given.equals_pointer(Value(code, "null", "ptr"))
    with code.when(missing):
        code.store(code.constant(NO_MEMORY, "i64"), Value(code, "%frame", "ptr"))
    with code.when(missing ^ 1):
        number = code.emit(f"ptrtoint ptr {given.name} to i64", "i64")
        gap = (code.constant(0, "i64") - number) & 63
        yield code.at(given, "i8", gap)
        code.line(f"call void @free(ptr {given.name})")


def smaller(x: Value, y: object) -> Value:
    """The smaller of two integers."""
    return x.code.intrinsic("smin", x, x.like(y))


def larger(x: Value, y: object) -> Value:
    """The larger of two integers."""
    return x.code.intrinsic("smax", x, x.like(y))


def quotient(x: Value, y: object) -> Value:
    """x / y rounded down, for x >= 0 and y > 0."""
    other = x.like(y)
    return x.code.emit(f"udiv i64 {x.name}, {other.name}", "i64")


def remainder(x: Value, y: object) -> Value:
    """x modulo y, for x >= 0 and y > 0."""
    other = x.like(y)
    return x.code.emit(f"urem i64 {x.name}, {other.name}", "i64")
