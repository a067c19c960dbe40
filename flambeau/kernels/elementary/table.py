"""Tables of sixteen numbers that lie in registers: AVX-512 picks from them by an index in one instruction."""

from __future__ import annotations

from ..llvm import Value
from ..runtime.process import machine

SEGMENTS = 16
_VECTORS = ("<16 x float>", "<8 x double>", "<16 x double>")


def has_tables(x: Value) -> bool:
    """Can numbers be picked for the lanes of this vector?"""
    return x.type in _VECTORS and machine().bits == 512


def picked(like: Value, row: tuple[float, ...], index: Value) -> Value:
    """For each lane the number of the row at its index, modulo sixteen."""
    if like.type == "<16 x double>":
        parts = [index.shuffled(index, range(i, i + 8)) for i in (0, 8)]
        found = [picked(part.cast_to("<8 x double>"), row, part) for part in parts]
        return found[0].shuffled(found[1], range(16))
    code, type, element = like.code, like.type, like.element
    words = [f"{element} {code.constant(x, element).name}" for x in row]
    place = f"{index.type} {index.name}"
    if element == "float":
        name = code.declare(type, "llvm.x86.avx512.permvar.sf.512", type, index.type)
        return code.emit(f"call {type} @{name}({type} <{', '.join(words)}>, {place})", type)
    name = code.declare(type, "llvm.x86.avx512.vpermi2var.pd.512", type, index.type, type)
    first, second = (f"{type} <{', '.join(half)}>" for half in (words[:8], words[8:]))
    return code.emit(f"call {type} @{name}({first}, {place}, {second})", type)
