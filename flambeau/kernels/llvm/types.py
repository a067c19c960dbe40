"""Types of LLVM's language, and numbers as it writes them."""

from __future__ import annotations

import math
import struct

FLOATS = frozenset(("half", "float", "double"))
BITS = {
    "i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "i192": 192, "i256": 256,
    "half": 16, "float": 32, "double": 64,
}  # fmt: skip


def element_of(type: str) -> str:
    return type[type.index(" x ") + 3 : -1] if type.startswith("<") else type


def conversion(own: str, element: str) -> str:
    if own in FLOATS:
        if element in FLOATS:
            return "fpext" if BITS[element] > BITS[own] else "fptrunc"
        return "fptosi"
    if element in FLOATS:
        return "uitofp" if own == "i1" else "sitofp"
    if own == "i1":
        return "zext"
    return "sext" if BITS[element] > BITS[own] else "trunc"


def mangled(type: str) -> str:
    """LLVM's name for a type within an intrinsic's name."""
    short = {"float": "f32", "double": "f64"}
    element = element_of(type)
    item = short.get(element, element)
    return f"v{type[1 : type.index(' ')]}{item}" if type.startswith("<") else item


def literal(value: float, element: str) -> str:
    """A number as LLVM writes it: floats by their bits."""
    if element not in FLOATS:
        if element == "i1":
            return "true" if value else "false"
        return str(int(value))
    if element == "float":
        try:
            value = struct.unpack("f", struct.pack("f", value))[0]
        except OverflowError:
            value = math.copysign(math.inf, value)
    return f"0x{struct.unpack('Q', struct.pack('d', float(value)))[0]:016X}"
