"""Results that are made of long runs of their operands' elements; `placement` is for those of single elements.

Joining, padding, rolling, flipping or stacking a few thousand elements takes less time than finding out what is to be
done. So the runs are written down once, and the kernel copies one after the other.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..llvm import Value
from ..runtime import layout
from ..runtime.process import address_of
from ..runtime.vectorcall import array_field
from .placement import ELEMENTS, FILLED, OPERANDS, begin, source_of

MOST = 1 << 16
"""Elements of a result at most: longer ones are worth a thread, or a kernel of their own."""
LEAST = 12
"""Elements of a run on average at least."""
_HEAD = ("runs", "log_size", "ndim", "descr", "step", "filling", "filling_high")
_LANES = 16


def moving(
    shape: Sequence[int], dtype: Any, words: Any, filling: bytes, operands: int
) -> Callable[..., Any] | None:
    """A function of arrays that makes an array of their elements; None where it is none for this.

    The arguments are those of `placement.placing`.
    """
    if not 1 < len(words) <= MOST or not 0 < operands <= OPERANDS or dtype.itemsize not in ELEMENTS:
        return None
    step, starts = _runs(words)
    if len(starts) * LEAST > len(words):
        return None
    counts = np.diff(starts, append=len(words))
    log_size = dtype.itemsize.bit_length() - 1
    low, high = struct.unpack("2q", filling.ljust(16, b"\0"))
    head = len(starts), log_size, len(shape), id(layout.immortal(dtype)), step, low, high
    listed = np.stack([words[starts], counts], 1)
    own = struct.pack(f"{len(_HEAD) + len(shape)}q", *head, *shape) + listed.tobytes()
    return layout.builtin("moved", address_of(_text), own)  # type: ignore[no-any-return]


def _runs(words: Any) -> tuple[int, Any]:
    """The step in bytes that most elements of an array follow their neighbours by, and where others begin a run."""
    steps = np.diff(words)
    filled = words == FILLED
    both, one = filled[1:] & filled[:-1], filled[1:] | filled[:-1]
    found, counts = np.unique(steps[~one], return_counts=True)
    step = int(found[counts.argmax()]) if len(found) else 0
    follows = both | ((steps == step) & ~one)
    return step, np.concatenate([[0], np.flatnonzero(~follows) + 1])


def _text() -> str:
    """``moved(*arrays)``, whose self are the words of `moving` as bytes."""
    f, given, runs, starts, made, filling = begin(_HEAD)
    code = f.code
    target = code.variable(array_field(made, "data", "i64"))
    for size, element in ELEMENTS.items():
        with code.when(given["log_size"].equals(size.bit_length() - 1)):
            with code.loop(f.zero, given["runs"]) as i:
                place, count = (code.load(runs.word(i * 2 + k), "i64") for k in (0, 1))
                source, to = source_of(code, place, starts, filling), target.value.as_pointer()
                _copy_run(place.equals(FILLED), to, source, count, given["step"], size, element)
                target.value = target.value + count * size
            code.give(made)
    code.give(made)
    f.bad_argument()
    return f.module.text()


def _copy_run(
    is_filling: Value,
    target: Value,
    source: Value,
    count: Value,
    step: Value,
    size: int,
    element: str,
) -> None:
    """Write one run: neighbours, neighbours from the last to the first, or what lies a step apart."""
    code = target.code
    with code.either(step.equals(size) & (is_filling ^ 1)) as (dense, other):
        with dense:
            code.copy_bytes(target, source, count * size)
        with other:
            along = is_filling.select(step.like(0), step)
            wide = is_filling | step.equals(-size)
            whole = wide.select(count & -_LANES, step.like(0))
            with (
                code.loop(whole.like(0), whole, _LANES) as i,
                code.either(is_filling) as (filling, backwards),
            ):
                with filling:
                    _fill(target, source, i, element)
                with backwards:
                    _reverse(target, source, i, size, element)
            with code.loop(whole, count) as i:
                value = code.emit(
                    f"load {element}, ptr {source.byte(i * along).name}, align 1", element
                )
                to = code.at(target, element, i)
                code.line(f"store {element} {value.name}, ptr {to.name}, align 1")


def _fill(target: Value, source: Value, i: Value, element: str) -> None:
    """Sixteen times one element."""
    code, type = target.code, f"<{_LANES} x {element}>"
    value = code.emit(f"load {element}, ptr {source.name}, align 1", element)
    first = code.emit(f"insertelement {type} poison, {element} {value.name}, i32 0", type)
    many, to = first.shuffled(first, [0] * _LANES), code.at(target, element, i)
    code.line(f"store {type} {many.name}, ptr {to.name}, align 1")


def _reverse(target: Value, source: Value, i: Value, size: int, element: str) -> None:
    """Sixteen elements that lie before each other in the source."""
    code, type = target.code, f"<{_LANES} x {element}>"
    first = source.byte((-i - (_LANES - 1)) * size)
    value = code.emit(f"load {type}, ptr {first.name}, align 1", type)
    turned = value.shuffled(value, range(_LANES - 1, -1, -1))
    to = code.at(target, element, i)
    code.line(f"store {type} {turned.name}, ptr {to.name}, align 1")
