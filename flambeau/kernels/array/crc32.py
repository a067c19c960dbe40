"""CRC-32, as in ZIP archives, by multiplication without carries.

Bytes are a polynomial over the two numbers 0 and 1, and the checksum is its remainder. 128 bits that stand d bits
before others may be replaced by the product of their halves with the remainders of x^(d + 32) and
x^(d - 32), added to those others: so four accumulators walk over the bytes, 64 at a time, and end as 16
bytes with the same remainder, which zlib finishes.

Source: V. Gopal and others, Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction (Intel, 2009).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..runtime.process import enabled, machine

if TYPE_CHECKING:
    from ..llvm import Value
    from ..runtime.entry import Body

LEAST = 1 << 14
"""Bytes from which on this is quicker than zlib."""
STEP = 64
_PAIR = "<2 x i64>"


def crc32(data: Any, value: int = 0) -> int:
    """`zlib.crc32`: of bytes, or of an object that has them, after bytes whose checksum is `value`."""
    view = memoryview(data)
    if view.nbytes < LEAST or not view.c_contiguous or not enabled():
        return zlib.crc32(data, value)
    folding = _folding()
    if folding is None:
        return zlib.crc32(data, value)
    view = view.cast("B")
    left, whole = bytearray(16), len(view) // STEP
    numbers = Numbers(whole=whole, start=(value & 0xFFFFFFFF) ^ 0xFFFFFFFF)
    folding(
        np.frombuffer(view, np.uint8), np.frombuffer(left, np.uint8), 1, 1, len(view), 0, *numbers
    )
    rest = zlib.crc32(
        memoryview(left), 0xFFFFFFFF
    )  # so zlib begins with zero, which the start is in by now
    return zlib.crc32(view[whole * STEP :], rest)


def remainder(power: int) -> int:
    """x^power modulo the checksum's polynomial, with its bits in the order of the bytes'."""
    value = 1
    for _ in range(power):
        value <<= 1
        if value >> 32:
            value ^= 0x104C11DB7
    return int(f"{value:032b}"[::-1], 2) << 1


class Numbers(NamedTuple):
    """whole: how many times 64 bytes there are, at least one; start: what the checksum begins with."""

    whole: int
    start: int


@cache
def _folding() -> Callable[..., int] | None:
    """The bytes as 16 bytes; None where the processor has no such multiplication."""
    from ..runtime.entry import kernel  # the compiler loads with the first large record

    if not machine().features.get("pclmul"):
        return None
    return kernel("crc32", ("data", "left"), Numbers, write, 2)


def write(code: Body) -> None:
    data, left = code.p["data"], code.p["left"]

    def read(block: Value, part: int) -> Value:
        at = code.at(data, "i8", block * STEP + part * 16)
        return code.emit(f"load {_PAIR}, ptr {at.name}, align 1", _PAIR)

    with code.rows():
        parts = [code.slot(_PAIR, read(code.zero, i)) for i in range(4)]
        start = code.n.start.name
        begun = code.emit(f"insertelement {_PAIR} zeroinitializer, i64 {start}, i64 0", _PAIR)
        code.store(code.load(parts[0], _PAIR) ^ begun, parts[0])
        with code.loop(code.zero + 1, code.n.whole) as block:
            for i, part in enumerate(parts):
                code.store(moved(code, code.load(part, _PAIR), 512) ^ read(block, i), part)
        total = code.load(parts[0], _PAIR)
        for part in parts[1:]:
            total = moved(code, total, 128) ^ code.load(part, _PAIR)
        code.line(f"store {_PAIR} {total.name}, ptr {left.name}, align 1")


def moved(code: Body, value: Value, bits: int) -> Value:
    """128 bits that stand so many bits further on, with the same remainder."""
    name = code.declare(_PAIR, "llvm.x86.pclmulqdq", _PAIR, _PAIR, "i8")
    by = f"<i64 {remainder(bits + 32)}, i64 {remainder(bits - 32)}>"
    low, high = (
        code.emit(f"call {_PAIR} @{name}({_PAIR} {value.name}, {_PAIR} {by}, i8 {halves})", _PAIR)
        for halves in (0x00, 0x11)
    )
    return low ^ high
