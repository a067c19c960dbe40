"""The half types: what is stored as float32, and back, in vectors and in whole arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import Value, any_lane, choose, quotient, smaller
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine

HALF = ("float16", "bfloat16")
FLOAT32 = np.dtype(np.float32)
BLOCK, SMALL = 1 << 13, 64
"""Numbers in a row of the job, and numbers for which a kernel is not worth its call."""


def widened(value: Value, name: str) -> Value:
    """Stored numbers of 16 bits as float32."""
    if name == "float16":
        return value.cast_bits("half").convert("float")
    return (value.widen("i32") << 16).cast_bits("float")


def rounded(value: Value, name: str) -> Value:
    """float32 as it is stored."""
    return value.convert("half").cast_bits("i16") if name == "float16" else _bfloat16(value)


def _bfloat16(value: Value) -> Value:
    """The upper half of float32's bits, rounded to nearest even; nan stays nan."""
    if value.type != "<16 x float>" or not machine().features.get("avx512bf16"):
        return _upper_half(value)
    code, short = value.code, "<16 x bfloat>"
    name = code.declare(short, "llvm.x86.avx512bf16.cvtneps2bf16.512", value.type)
    made = code.emit(f"call {short} @{name}({value.type} {value.name})", short)
    result = code.slot("<16 x i16>", made.cast_to("<16 x i16>"))
    # The instruction takes subnormal numbers for 0.
    subnormal = ((value.bits() & 0x7FFFFFFF) - 1).below(0x7FFFFF)
    with code.when(any_lane(subnormal)):
        code.store(_upper_half(value), result)
    return code.load(result, "<16 x i16>")


def _upper_half(value: Value) -> Value:
    """The same by arithmetic of integers."""
    bits = value.bits()
    rounded = (bits + 0x7FFF + (bits.down(16) & 1)).down(16)
    quiet = bits.down(16) | 0x40
    return choose(value.is_nan(), quiet, rounded).convert("i16")


# --------------------------------------------------------------------------------- arrays


class Numbers(NamedTuple):
    """size: How many there are."""

    size: int


def as_type(x: Any, dtype: Any) -> Any:
    """An array of a half type as float32, or one of float32 in a half type; in the order of its memory."""
    widens = dtype is FLOAT32
    name = x.dtype.name if widens else dtype.name
    other = dtype if widens else x.dtype
    if type(x) is not np.ndarray or x.size < SMALL or name not in HALF or other != FLOAT32:
        return x.astype(dtype)
    if name == "float16" and not machine().has_half:
        return x.astype(dtype)
    order = sorted(range(x.ndim), key=lambda i: -x.strides[i])
    source = x.transpose(order)
    if not (source.flags.c_contiguous and source.flags.aligned):
        return x.astype(dtype)
    made = memory.empty(source.shape, dtype)
    converting(name, widens, machine().bits // 32)(source, made, *_told(x.size))
    return made.transpose(np.argsort(order))


@lru_cache(4096)
def _told(size: int) -> tuple[int, ...]:
    job = Job(rows=-(-size // BLOCK), length=1, weight=size // 8, divisible=False)
    return tuple(map(int, (*job, *Numbers(size))))


@cache
def converting(name: str, widens: bool, lanes: int) -> Callable[..., int]:
    """``f(source, made, *job, *Numbers)``: float32 of a half type, or the half type of float32."""

    def write(code: Body) -> None:
        types = ("i16", "float") if widens else ("float", "i16")
        convert = widened if widens else rounded

        def put(i: Value, whole: bool) -> None:
            source = code.at(code.p["source"], types[0], i)
            made = code.at(code.p["made"], types[1], i)
            if whole:
                code.store(convert(code.load(source, code.vector(types[0])), name), made)
            else:
                one = code.splat(code.load(source, types[0]))
                code.store(convert(one, name).lane(), made)

        with code.rows() as row:
            first = row * BLOCK
            end = smaller(first + BLOCK, code.n.size)
            last = first + quotient(end - first, lanes) * lanes
            with code.loop(first, last, lanes) as i:
                put(i, True)
            with code.loop(last, end) as i:
                put(i, False)

    return kernel("convert_half", ("source", "made"), Numbers, write, lanes, makes=True)
