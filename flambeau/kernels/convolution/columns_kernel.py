"""The kernels between images and what windows cover of them, by tables of places."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from ..llvm import BITS, Value, quotient, remainder, smaller
from ..matmul.matmul import ELEMENTS
from ..matmul.microkernel import within
from ..runtime.entry import Body, kernel
from ..runtime.process import machine
from .input_tile import gathered

LANES = 16
"""Numbers that tables have behind their last: a vector of them is read at once."""
SLICES = 4
"""Ranges of channels of an image that threads may share."""


class Numbers(NamedTuple):
    """What the kernels are told.

    Attributes:
        places: Of an image.
        size: Elements of an image.
        inner: Elements of a row: `channels` by `taps`.
        slices: Ranges of channels that are rows of the job.
    """

    places: int
    size: int
    inner: int
    channels: int
    taps: int
    slices: int


@cache
def gather(dtype: Any) -> Any:
    """``made[image, place, j] = x[image, begins[place] + table[j]]``; a row of the job is a place."""
    element, lanes = _form(dtype)

    def write(code: Body) -> None:
        n = code.n
        with code.rows() as row:
            image, place = quotient(row, n.places), remainder(row, n.places)
            start = image * n.size + code.get(code.p["begins"], "i64", place)
            target = code.at(code.p["made"], element, row * n.inner)
            with code.loop(code.zero, n.inner, lanes) as j:
                mask = within(code, n.inner - j)
                value = gathered(code, code.p["x"], element, start, _places(code, j), mask)
                code.masked_store(value, code.at(target, element, j), mask)

    return kernel(
        "gather_windows", ("x", "table", "begins", "made"), Numbers, write, lanes, makes=True
    )


@cache
def spread(dtype: Any) -> Any:
    """``x[image, begins[place] + table[j]] += made[image, place, j]``; a row of the job is a slice of channels."""
    element, lanes = _form(dtype)

    def write(code: Body) -> None:
        n = code.n
        each = quotient(n.channels + n.slices - 1, n.slices)
        with code.rows() as row:
            image, part = quotient(row, n.slices), remainder(row, n.slices)
            first = smaller(part * each, n.channels) * n.taps
            last = smaller((part + 1) * each, n.channels) * n.taps
            with code.loop(code.zero, n.places) as place:
                start = image * n.size + code.get(code.p["begins"], "i64", place)
                source = code.at(code.p["made"], element, (image * n.places + place) * n.inner)
                with code.loop(first, last, lanes) as j:
                    mask, index = within(code, last - j), _places(code, j)
                    more = code.masked_load(code.at(source, element, j), code.vector(element), mask)
                    old = gathered(code, code.p["x"], element, start, index, mask)
                    _scatter(code, old + more, code.p["x"], start, index, mask)

    return kernel(
        "spread_windows", ("made", "table", "begins", "x"), Numbers, write, lanes, makes=True
    )


def _form(dtype: Any) -> tuple[str, int]:
    element = ELEMENTS[dtype]
    return element, machine().bits // BITS[element]


def _places(code: Body, j: Value) -> Value:
    """A vector of the table."""
    return code.load(code.at(code.p["table"], "i32", j), code.vector("i32"))


def _scatter(
    code: Body, value: Value, base: Value, start: Value, index: Value, mask: Value
) -> None:
    """Write lanes where the table says, where the mask says so."""
    element, many = value.element, code.vector("ptr")
    first = code.at(base, element, start)
    places = code.emit(
        f"getelementptr {element}, ptr {first.name}, {index.type} {index.name}", many
    )
    short = {"float": "f32", "double": "f64"}[element]
    name = code.declare(
        "void", f"llvm.masked.scatter.v{code.lanes}{short}.v{code.lanes}p0", value.type, many,
        "i32", code.vector("i1"),
    )  # fmt: skip
    code.line(
        f"call void @{name}({value.type} {value.name}, {many} {places.name}, i32 1, "
        f"{mask.type} {mask.name})"
    )
