"""Complex numbers of two arrays: real and imaginary parts, or, for a few, lengths and angles."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..llvm import BITS, Value, external
from ..runtime.entry import Body, NoNumbers, kernel
from ..runtime.process import machine
from .zeros import allocator, turning

ELEMENTS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
"""Of the parts."""
_COS, _SIN = (external(f"double @{name}(double)") for name in ("cos", "sin"))


FEW = 256
"""Numbers of lengths and angles that are made one by one, with the C library's functions."""


def like(first: Any, second: Any, target: Any, lengths: bool = False) -> Callable | None:
    """What makes complex numbers of arrays like two; None where that is not for a kernel.

    Args:
        first, second: Real and imaginary parts, or a few lengths and angles.
        target: The complex dtype.
    """
    element = ELEMENTS.get(first.dtype)
    if element is None or first.dtype != second.dtype or not first.size or not second.size:
        return None
    kernel, empty = (_lengths if lengths else _parts)(element), allocator()
    most = FEW if lengths else first.size
    dims = sorted(range(first.ndim), key=lambda dim: -first.strides[dim])
    inside = first.transpose(dims)
    alike = first.strides == second.strides and first.shape == second.shape
    if not alike or not inside.flags.c_contiguous:
        return _of_copies(kernel, empty, np.broadcast(first, second), first.dtype, target)
    if first.size > most:
        return None
    shape, size = inside.shape, first.size
    turn = None if first.flags.c_contiguous else turning(np.argsort(dims).tolist())

    def make(x: Any, y: Any) -> Any:
        made = empty(shape, target)
        kernel(x, y, made, 1, size, size, 1)
        return made if turn is None else turn(made)

    return make


def _of_copies(kernel: Callable, empty: Callable, both: Any, dtype: Any, target: Any) -> Any:
    """The same for a few elements in any layout, which are put in order first."""
    shape, size, copy = both.shape, both.size, np.copyto
    if size > FEW:
        return None

    def spread(x: Any) -> Any:
        if x.shape == shape and x.flags.c_contiguous:
            return x
        made = empty(shape, dtype)
        copy(made, x)
        return made

    def make(x: Any, y: Any) -> Any:
        made = empty(shape, target)
        kernel(spread(x), spread(y), made, 1, size, size, 1)
        return made

    return make


@cache
def _parts(element: str) -> Callable[..., int]:
    lanes = machine().bits // BITS[element]
    order = [lane + part * lanes for lane in range(lanes) for part in (0, 1)]

    def write(code: Body) -> None:
        real, imag, made = (code.p[name] for name in ("real", "imag", "made"))
        type = code.vector(element)
        whole = code.begin + ((code.end - code.begin) & -lanes)
        with code.loop(code.begin, whole, lanes) as i:
            x, y = (code.load(code.at(part, element, i), type) for part in (real, imag))
            for half in (0, 1):
                mixed = x.shuffled(y, order[half * lanes : (half + 1) * lanes])
                code.store(mixed, code.at(made, element, i * 2 + half * lanes))
        with code.loop(whole, code.end) as i:
            code.put(code.get(real, element, i), made, i * 2)
            code.put(code.get(imag, element, i), made, i * 2 + 1)

    return kernel("parts", ("real", "imag", "made"), NoNumbers, write, lanes)


@cache
def _lengths(element: str) -> Callable[..., int]:
    def write(code: Body) -> None:
        with code.loop(code.begin, code.end) as i:
            length, angle = (
                code.get(code.p[name], element, i).convert("double") for name in ("length", "angle")
            )
            for part, function in enumerate((_COS, _SIN)):
                value: Value = length * code.run(function, angle)
                code.put(value.convert(element), code.p["made"], i * 2 + part)

    return kernel("lengths", ("length", "angle", "made"), NoNumbers, write, 1)
