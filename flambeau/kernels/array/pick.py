"""Results whose elements are picked by index arrays: where each begins to look, and which index says how far on.

The counterpart of `placement` for reading at indices: what shapes, strides and options say is written down once, and the
kernel looks at the indices. It gives None where one is out of range, and the call is made anew, which says so.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..llvm import Module
from ..runtime import layout
from ..runtime.process import address_of
from ..runtime.vectorcall import Vectorcall, array_field
from .placement import MOST

_ELEMENTS = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}
_HEAD = ("count", "log_size", "ndim", "descr", "indices")
MOST_INDICES = 4


class Reach(NamedTuple):
    """What an index array means.

    Attributes:
        size: Indices are below it.
        step: Bytes from one to the next.
        wraps: May they be negative, and count from the end?
        narrow: Are they int32?
    """

    size: int
    step: int
    wraps: bool
    narrow: bool


def picking(
    shape: Sequence[int], dtype: Any, starts: Any, reaches: Sequence[Reach], places: Sequence[Any]
) -> Callable[..., Any] | None:
    """A function of an array and index arrays that makes an array of the elements there; None where it is none for this.

    Args:
        shape, dtype: Of the result.
        starts: For each element, where index 0 lies: bytes from the array's first element.
        reaches: Of each index array.
        places: For each index array, and each element, where its index lies: bytes from the first one.
    """
    if len(starts) > MOST or len(reaches) > MOST_INDICES or dtype.itemsize not in _ELEMENTS:
        return None
    head = (
        len(starts), dtype.itemsize.bit_length() - 1, len(shape), id(layout.immortal(dtype)), len(reaches),
    )  # fmt: skip
    numbers = [*head, *shape, *(n for reach in reaches for n in reach)]
    own = struct.pack(f"{len(numbers)}q", *numbers) + starts.tobytes()
    own += b"".join(at.tobytes() for at in places)
    return layout.builtin("picked", address_of(_text), own)  # type: ignore[no-any-return]


def _text() -> str:
    """``picked(array, *indices)``, whose self are the words of `picking` as bytes."""
    f = Vectorcall(Module())
    code, words = f.code, f.own_words()
    given = {name: code.load(words.word(i), "i64") for i, name in enumerate(_HEAD)}
    count, indices = given["count"], given["indices"]
    dims = words.word(len(_HEAD))
    reaches = dims.word(given["ndim"])
    starts = reaches.word(indices * len(Reach._fields))
    f.require(f.count.equals(indices + 1))
    f.require(indices <= MOST_INDICES)
    data = code.slot(f"[{MOST_INDICES + 1} x i64]")
    with code.loop(f.zero, f.count) as i:
        array = f.argument(i)
        f.require(f.is_a(array, "ndarray"))
        code.store(array_field(array, "data", "i64"), data.word(i))
    made = f.new_array(given["descr"].as_pointer(), given["ndim"].convert("i32"), dims)
    f.require(~made.is_null(), f.RAISED)
    target, first = array_field(made, "data"), code.load(data, "i64")
    with code.loop(f.zero, count) as i:
        at = code.variable(first + code.load(starts.word(i), "i64"))
        with code.loop(f.zero, indices) as k:
            size, step, wraps, narrow = (
                code.load(reaches.word(k * len(Reach._fields) + j), "i64") for j in range(4)
            )
            place = code.load(starts.word((k + 1) * count + i), "i64")
            source = (code.load(data.word(k + 1), "i64") + place).as_pointer()
            index = code.variable(0)
            with code.either(narrow.differs(0)) as (short, long):
                with short:
                    word = code.emit(f"load volatile i32, ptr {source.name}, align 1", "i32")
                    index.value = code.emit(f"sext i32 {word.name} to i64", "i64")
                with long:
                    index.value = code.emit(f"load volatile i64, ptr {source.name}, align 1", "i64")
            with code.when(wraps.differs(0) & (index.value < 0)):
                index.value = index.value + size
            with code.unless(index.value.below(size)):
                f.python("Py_DecRef", "void", made)
                none = f.fact("None")
                f.python("Py_IncRef", "void", none)
                code.give(none)
            at.value = at.value + index.value * step
        source = at.value.as_pointer()
        for width, element in _ELEMENTS.items():
            with code.when(given["log_size"].equals(width.bit_length() - 1)):
                value = code.emit(f"load {element}, ptr {source.name}, align 1", element)
                place = code.at(target, element, i)
                code.line(f"store {element} {value.name}, ptr {place.name}, align 1")
    code.give(made)
    f.bad_argument()
    return f.module.text()
