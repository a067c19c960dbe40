"""Results whose elements lie elsewhere in their operands: which, is known from shapes, strides and options.

Rolling, padding, joining, repeating, cutting off triangles and the like only move elements. For a few elements the
work is done before the first is moved: dimensions are counted, slices are made, arrays are joined. So where every
element of a result comes from is written down once (`places`), and the kernel follows that.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..llvm import Code, Module, Value
from ..runtime import layout
from ..runtime.process import address_of
from ..runtime.vectorcall import Vectorcall, array_field

MOST = 1 << 11
"""Elements of a result at most: longer ones are moved by rows, in the kernels made for that."""
_SHIFT = 48
"""Of a place, the bits below the number of the operand: bytes from its first element."""
FILLED = -1
"""The place of an element that comes from no operand."""
OPERANDS = 8
_HEAD = ("count", "log_size", "ndim", "descr", "filling", "filling_high")
ELEMENTS = {1: "i8", 2: "i16", 4: "i32", 8: "i64", 16: "i128"}


def places(sources: Any, offsets: Any) -> Any:
    """The words that say where elements come from.

    Args:
        sources: The number of the operand; negative: none, the element is the filling.
        offsets: Bytes from that operand's first element.
    """
    words = sources << _SHIFT | offsets & (1 << _SHIFT) - 1
    return np.where(sources < 0, FILLED, words)


def placing(
    shape: Sequence[int], dtype: Any, words: Any, filling: bytes, operands: int
) -> Callable[..., Any] | None:
    """A function of arrays that makes an array of their elements; None where it is none for this.

    Args:
        shape, dtype: Of the result.
        words: Where each element comes from, in order; see `places`.
        filling: The bytes of elements that come from nowhere.
        operands: How many arrays there are. Their layouts are those that the places were found for.
    """
    if len(words) > MOST or not 0 < operands <= OPERANDS or dtype.itemsize not in ELEMENTS:
        return None
    log_size = dtype.itemsize.bit_length() - 1
    low, high = struct.unpack("2q", filling.ljust(16, b"\0"))
    head = len(words), log_size, len(shape), id(layout.immortal(dtype)), low, high
    own = struct.pack(f"{len(_HEAD) + len(shape)}q", *head, *shape) + words.tobytes()
    return layout.builtin("placed", address_of(_text), own)  # type: ignore[no-any-return]


class Begun(NamedTuple):
    """The beginning of ``f(*arrays)``, whose self are words.

    Attributes:
        given: The first words, by name.
        rest: Those behind the sizes of the result.
        starts: Where the operands' first elements lie.
        made: A new array for the result.
        filling: The bytes of elements that come from nowhere.
    """

    f: Vectorcall
    given: dict[str, Value]
    rest: Value
    starts: Value
    made: Value
    filling: Value


def begin(head: Sequence[str]) -> Begun:
    """Begin a function whose self begins with these words: among them "ndim", "descr", "filling"; sizes follow."""
    f = Vectorcall(Module())
    code, words = f.code, f.own_words()
    given = {name: code.load(words.word(i), "i64") for i, name in enumerate(head)}
    dims = words.word(len(head))
    starts = code.slot(f"[{OPERANDS} x i64]")
    f.require(f.count <= OPERANDS)
    with code.loop(f.zero, f.count) as i:
        array = f.argument(i)
        f.require(f.is_a(array, "ndarray"))
        code.store(array_field(array, "data", "i64"), starts.word(i))
    made = f.new_array(given["descr"].as_pointer(), given["ndim"].convert("i32"), dims)
    f.require(~made.is_null(), f.RAISED)
    return Begun(
        f, given, dims.word(given["ndim"]), starts, made, words.word(head.index("filling"))
    )


def _text() -> str:
    """``placed(*arrays)``, whose self are the words of `placing` as bytes."""
    f, given, from_places, starts, made, filling = begin(_HEAD)
    code = f.code
    target = array_field(made, "data")
    for size, element in ELEMENTS.items():
        with code.when(given["log_size"].equals(size.bit_length() - 1)):
            with code.loop(f.zero, given["count"]) as i:
                source = source_of(code, code.load(from_places.word(i), "i64"), starts, filling)
                value = code.emit(f"load {element}, ptr {source.name}, align 1", element)
                place = code.at(target, element, i)
                code.line(f"store {element} {value.name}, ptr {place.name}, align 1")
            code.give(made)
    code.give(made)
    f.bad_argument()
    return f.module.text()


def source_of(code: Code, place: Value, starts: Value, filling: Value) -> Value:
    """Where the element of a place lies."""
    start = code.load(starts.word(place.down(_SHIFT) & OPERANDS - 1), "i64")
    there = start + (place << 64 - _SHIFT >> 64 - _SHIFT)
    return place.equals(FILLED).select(filling.address(), there).as_pointer()
