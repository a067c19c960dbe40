"""Dropout in one pass: the numbers are drawn, applied, and kept as a mask of a byte an element.

Where it can, a thread takes a counter's four numbers for neighbouring elements (two of float64), as PyTorch does; other
arrays are drawn for as in `distribution.py`. What PyTorch draws for half types differs from version to version.

Source: PyTorch, aten/src/ATen/native/cuda/Dropout.cu
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...llvm import Value
from ...loops.element import MEMORY, packed, unpacked
from .. import driver
from ..thread import Thread
from . import number
from .distribution import BLOCK, memory_dims, name_of, policy
from .philox import PARAMETERS, WORDS, Stream, Take


def dropout(x: Any, keep: float, take: Take) -> tuple[Any, Any]:
    """x with elements kept with a probability and divided by it, the others zero; and which were kept.

    Args:
        x: Of a floating dtype, not empty. Where it has no gaps, results lie in memory as it does.
        keep: The probability, above 0.
    """
    if x.flags.c_contiguous:
        return _dropped(x, keep, take)
    order = memory_dims(x)
    y, mask = _dropped(driver.cupy().ascontiguousarray(x.transpose(order)), keep, take)
    back = sorted(range(x.ndim), key=order.__getitem__)
    return y.transpose(back), mask.transpose(back)


def _dropped(x: Any, keep: float, take: Take) -> tuple[Any, Any]:
    cupy = driver.cupy()
    y, mask = cupy.empty(x.shape, x.dtype), cupy.empty(x.shape, np.bool_)
    wide = x.dtype == np.float64
    several = _neighbours(x, 2 if wide else WORDS)
    grid, words = policy(x.size, WORDS)
    if several > 1:  # a step uses one counter, however many numbers of it
        words = max(words, -(-x.size // (grid * BLOCK * several)) * WORDS)
    share = np.float64(keep) if wide else np.float32(keep)
    scale = type(share)(1.0 / float(share))
    kernel = dropout_kernel(name_of(x.dtype), several)
    kernel(grid, BLOCK, y, mask, x, np.int64(x.size), *take(words).arguments(), share, scale)
    return y, mask


def _neighbours(x: Any, most: int) -> int:
    """How many neighbouring elements a thread can take at once."""
    while most > 1 and (x.size % most or x.data.ptr % (most * x.itemsize)):
        most //= 2
    return most


@cache
def dropout_kernel(dtype: str, several: int) -> driver.Kernel:
    """The kernel for arrays of this dtype, whose threads take so many neighbours at once; 1, elements far apart."""
    code = Thread()
    type, stored = "double" if dtype == "float64" else "float", MEMORY[dtype]
    y, mask, x, count, *origin, keep, scale = code.takes(
        *("ptr y alone", "ptr mask alone", "ptr x readonly", "i64 count", *PARAMETERS),
        *(f"{type} keep", f"{type} scale"),
    )
    first, step = code.first("i64"), code.threads("i64")
    stream = Stream(code, origin, first)

    def applied(value: Value, u: Value) -> tuple[Value, Value]:
        kept = u.convert(type) < keep
        dropped = unpacked(value, dtype) * kept.convert(type) * scale
        return packed(dropped, dtype), kept.widen("i8")

    if several > 1:
        with code.loop(first * several, count, step * several) as start:
            drawn = number.uniform(stream.four(), "float")
            values = code.several(code.at(x, stored, start), stored, several)
            made = [applied(value, u) for value, u in zip(values, drawn)]
            code.several(code.at(y, stored, start), stored, several, [a for a, _ in made])
            code.several(code.at(mask, "i8", start), "i8", several, [b for _, b in made])
    else:
        with code.loop(first, count, step * WORDS) as start:
            place = start
            for u in number.uniform(stream.four(), "float"):
                with code.when(place < count):
                    value, kept = applied(code.load(code.at(x, stored, place), stored), u)
                    code.store(value, code.at(y, stored, place))
                    code.store(kept, code.at(mask, "i8", place))
                place = place + step
    name = f"dropout_{dtype}_{several}"
    return driver.Kernel(name, code.kernel(name))


__all__ = ["dropout", "dropout_kernel"]
