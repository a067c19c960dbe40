"""Routines of NumPy's LAPACK for each matrix of a stack.

NumPy keeps most of its LAPACK to itself. All arguments of a Fortran routine are addresses, so one kernel calls any of
them: a table says of each argument in which array it lies, where there, and how far apart those of two matrices are.
Threads share the matrices of a stack; one large matrix is the library's to share.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import Value
from ..runtime.entry import Body, Job, kernel
from ..runtime.threads import blas_library

MOST, ARRAYS = 14, 5
"""Arguments of a routine, and arrays that it is given, at most."""
OF_TABLE, OF_SCRATCH = 0, ARRAYS + 1
"""Where an argument lies that is a constant in the table itself, or workspace that nobody looks at."""
WORDS = 3
"""Of an argument in the table: in which array it lies, so many bytes from its start, so many from matrix to matrix."""


class Numbers(NamedTuple):
    """function: The routine's address; scratch: bytes of workspace."""

    function: int
    scratch: int


@cache
def calling() -> Callable[..., int]:
    """``f(table, *arrays, *job, *Numbers)``: a row is a matrix."""

    def write(code: Body) -> None:
        names = ("table", *(f"a{i}" for i in range(ARRAYS)))
        bases = code.slot(f"[{ARRAYS + 2} x i64]")
        space = code.scratch(code.n.scratch)
        for i, pointer in enumerate([*(code.p[name] for name in names), space]):
            address = code.emit(f"ptrtoint ptr {pointer.name} to i64", "i64")
            code.put(address, bases, code.number(i))
        function = code.emit(f"inttoptr i64 {code.n.function.name} to ptr", "ptr")
        table = code.p["table"]

        def argument(i: int, row: Value) -> Value:
            source, offset, step = (
                code.get(table, "i64", code.number(WORDS * i + word)) for word in range(WORDS)
            )
            address = code.get(bases, "i64", source) + offset + row * step
            return code.emit(f"inttoptr i64 {address.name} to ptr", "ptr")

        with code.rows() as row:
            code.call(function, "void", *(argument(i, row) for i in range(MOST)))
        code.free(space)

    arrays = ("table", *(f"a{i}" for i in range(ARRAYS)))
    return kernel("lapack", arrays, Numbers, write, 1)


@cache
def address(name: str) -> int:
    """Where a routine is, as in "sgetrf"; 0 where NumPy's library is none that has it under a known name."""
    library = blas_library()
    for known in (f"scipy_{name}_64_", f"{name}_64_", f"scipy_{name}_", f"{name}_"):
        if library is not None and hasattr(library, known):
            return ctypes.cast(getattr(library, known), ctypes.c_void_p).value or 0
    return 0


@cache
def integer() -> Any:
    """The dtype of the library's integers."""
    library = blas_library()
    wide = library is not None and hasattr(library, "scipy_sgetrf_64_")
    return np.dtype(np.int64 if wide or hasattr(library, "sgetrf_64_") else np.int32)


class Array:
    """An argument that is an array of the call, by its place among these: one of `A` to `E`, which calls look up by
    identity."""

    def __init__(self, place: int):
        self.place = place


class Space(NamedTuple):
    """An argument that is workspace of so many elements."""

    size: int


def _table(given: tuple[Any, ...], item: int, steps: tuple[int, ...]) -> tuple[np.ndarray, int]:
    """The table of a call of a routine, and how many bytes of workspace it needs."""
    words = np.zeros(WORDS * MOST + MOST, np.int64)
    scratch = 64
    for i, value in enumerate(given):
        place = WORDS * MOST + i
        found = (OF_TABLE, 8 * place, 0)
        if isinstance(value, Array):
            found = (1 + value.place, 0, steps[value.place])
        elif isinstance(value, Space):
            found = (OF_SCRATCH, scratch, 0)
            scratch += -(-value.size * max(item, 8) // 64) * 64
        elif isinstance(value, str):
            words[place] = ord(value)
        elif isinstance(value, float):
            dtype = np.float32 if item == 4 else np.float64
            words[place : place + 1].view(dtype)[0] = value
        else:
            words[place] = value
        words[WORDS * i : WORDS * i + WORDS] = found
    return words, scratch


A, B, C, D, E = map(Array, range(ARRAYS))


def call(name: str, arrays: tuple[np.ndarray, ...], given: tuple[Any, ...], work: int) -> bool:
    """Call a routine for each matrix of stacks; False where there is none of this name.

    Args:
        name: Without its first letter, which says the dtype: that of the first array.
        arrays: Stacks, whose first dimension is the same and whose others are side by side.
        given: The arguments: letters, integers, floats, `Array` or `Space`.
        work: About how many multiplications there are for one matrix.
    """
    first = arrays[0]
    steps = tuple([x.strides[0] for x in arrays])
    told = _told(name, given, first.itemsize, steps, len(first), work)
    if told is None:
        return False
    table, rest = told
    calling()(table, *arrays, *(first,) * (ARRAYS - len(arrays)), *rest)
    return True


@lru_cache(2048)
def _told(
    name: str, given: tuple[Any, ...], item: int, steps: tuple[int, ...], count: int, work: int
) -> tuple[np.ndarray, tuple[int, ...]] | None:
    """What the kernel is told besides arrays: the table and the numbers."""
    function = address(("s" if item == 4 else "d") + name)
    if not function:
        return None
    table, scratch = _table(given, item, steps)
    job = Job(rows=count, length=1, weight=count * (work + 256), divisible=False)
    return table, (*job, *Numbers(function=function, scratch=scratch))
