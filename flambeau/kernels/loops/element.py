"""How the elements of arrays look in memory, and the numbers that kernels compute with instead of them.

Bools are bytes; the small integers are computed as int32 and wrapped after each step; the half types are widened to
float32 and rounded once, when they are stored.
"""

from __future__ import annotations

from typing import Any

from ..elementary import half
from ..elementary.lower import Unsupported
from ..llvm import Value, choose
from ..runtime import layout
from ..runtime.process import machine

MEMORY = {
    "bool": "i8", "int8": "i8", "uint8": "i8", "int16": "i16", "int32": "i32", "int64": "i64",
    "float16": "i16", "bfloat16": "i16", "float32": "float", "float64": "double",
}  # fmt: skip
"""The array dtypes that kernels read and write, and LLVM's types of their elements in memory."""
NARROW = {"int8": 8, "uint8": 8, "int16": 16}
"""Integers that are computed as int32, and their bits."""


def dtype_name(dtype: Any) -> str:
    """The name of an array dtype that kernels read and write.

    Raises:
        Unsupported: They do not.
    """
    name = str(dtype.name)
    if name not in MEMORY or not dtype.isnative:
        raise Unsupported(f"elements of {dtype}")
    return name


def check_processor(dtype: Any) -> None:
    """Are there instructions for its elements here?

    Raises:
        Unsupported: Not on this processor.
    """
    name = dtype_name(dtype)
    if name == "float16" and not machine().has_half:
        raise Unsupported("float16 on a processor that does not convert it")
    if name == "bfloat16":  # its type is another package's, and known only when it is loaded
        layout.set_fact("descr_bfloat16", id(layout.immortal(dtype)))


def arithmetic_type(dtype: Any) -> str:
    """LLVM's type for arithmetic in a dtype; of bools, that of the few numbers that meet them.

    Raises:
        Unsupported: There is none.
    """
    name = dtype_name(dtype)
    if name in NARROW:
        return "i32"
    if name in ("float16", "bfloat16"):
        raise Unsupported(f"arithmetic in {dtype}")
    return MEMORY[name]


def unpacked(value: Value, name: str) -> Value:
    """The numbers in what was loaded."""
    if name == "bool":
        return value.differs(0)
    if name == "uint8":
        return value.widen("i32")
    if name in NARROW:
        return value.convert("i32")
    return half.widened(value, name) if name in half.HALF else value


def packed(value: Value, name: str) -> Value:
    """Numbers as they are stored."""
    if name == "bool":
        return value.convert("i1").convert("i8")
    if name in half.HALF:
        if value.element == "double":
            raise Unsupported("float64 rounded to a half type in one step")
        return half.rounded(value.convert("float"), name)
    if value.is_float and not name.startswith("float"):
        raise Unsupported("a float stored as an integer")
    return value.convert(MEMORY[name])


def cast(value: Value, name: str) -> Value:
    """Any number as another dtype stores it, as C casts it: floats towards zero, all but 0 to true.

    The half types are rounded once of float32 and float64 (bfloat16 by way of float32, as PyTorch does).
    """
    if name == "bool":
        return value.convert("i1").convert("i8")
    if name in ("float16", "bfloat16"):
        if value.element == "double":
            value = _to_odd(value) if name == "float16" else value.convert("float")
        return packed(value, name)
    if value.is_float and not name.startswith("float"):
        value = value.convert("i64" if name == "int64" else "i32")
    return value.convert(MEMORY[name])


def _to_odd(x: Value) -> Value:
    """float64 as float32, towards zero and with the last bit set if anything is lost: what is rounded to fewer bits from
    there is rounded once."""
    near = x.convert("float")
    back = near.convert("double")
    too_far = back.abs().compare("", "ogt", x.abs())
    bits = near.bits()
    short = choose(too_far, bits - 1, bits)
    lost = back.compare("", "one", x)
    return choose(lost, short | 1, short).cast_bits("float")


def wrapped(value: Value, name: str) -> Value:
    """An int32 within the range of a smaller integer, modulo its size."""
    if name == "uint8":
        return value & 0xFF
    by = 32 - NARROW[name]
    return (value << by) >> by
