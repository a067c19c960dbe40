"""Kernels that fill an array with numbers of one distribution, in the order in which PyTorch's CUDA kernels draw them.

Thread t has subsequence t. A step makes four numbers (two of 64 bits) of one counter, which go to elements that are as far
apart as the grid has threads; so the grid's size, that is the GPU's, decides what a large array is filled with, as there.

Source: PyTorch, aten/src/ATen/native/cuda/DistributionTemplates.h and aten/src/ATen/core/TransformationHelper.h
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ...llvm import Value
from ...loops.element import packed
from .. import driver
from ..array.monoid import MEMORY
from ..floats import SUMS
from ..thread import Thread
from .number import Numbers
from .philox import PARAMETERS, WORDS, Stream, Take

BLOCK = 256
"""Threads of a block."""
LIMIT = 1 << 31
"""Bytes that an array is drawn at once within."""


@dataclass(frozen=True, eq=False)
class Distribution:
    """What is drawn.

    Attributes:
        name: Its name, within that of its kernels.
        numbers: What is made of a counter's words.
        transform: From such a number, the parameters and the name of the array's dtype to an element: a float, or an i64.
        parameters: Types of its parameters; "real" is the numbers' own.
    """

    name: str
    numbers: Numbers
    transform: Callable[..., Value]
    parameters: tuple[str, ...] = ()


def draw(
    out: Any, take: Take, distribution: Distribution, type: str, *parameters: float | int
) -> None:
    """Fill an array.

    Args:
        out: Of any strides; elements are drawn in the order of memory.
        take: The generator.
        type: LLVM's type of the numbers that are made: float, double, i32 or i64.
        parameters: Those of the distribution.
    """
    if not out.size:
        return
    target = out if out.flags.c_contiguous else out.transpose(memory_dims(out))
    flat = target if target.flags.c_contiguous else driver.cupy().empty(target.shape, out.dtype)
    kernel = fill_kernel(distribution, name_of(out.dtype), type)
    given = [_as(kind, type, value) for kind, value in zip(distribution.parameters, parameters)]
    for piece in (flat,) if fits(flat) else _pieces(flat.reshape(-1), take, type):
        grid, words = policy(piece.size, per_counter(type))
        kernel(grid, BLOCK, piece, np.int64(piece.size), *take(words).arguments(), *given)
    if flat is not target:
        target[...] = flat


@cache  # NumPy puts it together on each reading
def name_of(dtype: Any) -> str:
    """A dtype's name."""
    return str(dtype.name)


def memory_dims(x: Any) -> list[int]:
    """The dimensions in the order in which memory is walked through."""
    return sorted(range(x.ndim), key=lambda dim: -abs(x.strides[dim]))


def per_counter(type: str) -> int:
    """How many numbers one counter makes."""
    return 2 if type in ("double", "i64") else WORDS


def policy(size: int, numbers: int) -> tuple[int, int]:
    """How many blocks fill so many elements, and how many words of its subsequence a thread may use for that."""
    device = driver.device()
    grid = min(driver.processors(device) * (driver.resident(device) // BLOCK), -(-size // BLOCK))
    return grid, -(-size // (BLOCK * grid * numbers)) * WORDS


def fits(x: Any) -> bool:
    """Can 31 bits count an array's bytes?"""
    return bool((x.size - 1) * x.itemsize + 1 < LIMIT)


def _pieces(flat: Any, take: Take, type: str) -> Iterator[Any]:
    """The parts of a larger array, in turn; before them it takes words itself, which nobody uses."""
    take(policy(flat.size, per_counter(type))[1])
    yield from _halved(flat)


def _halved(flat: Any) -> Iterator[Any]:
    if fits(flat):
        yield flat
        return
    middle = flat.size // 2
    yield from _halved(flat[:middle])
    yield from _halved(flat[middle:])


def _as(kind: str, type: str, value: float | int) -> Any:
    if kind == "i64":
        return np.uint64(int(value) % (1 << 64))
    return np.float64(value) if type == "double" else np.float32(value)


@cache
def fill_kernel(distribution: Distribution, dtype: str, type: str) -> driver.Kernel:
    """The kernel for arrays of this dtype, from numbers of this type."""
    code = Thread()
    own = [type if kind == "real" else kind for kind in distribution.parameters]
    out, count, *origin = code.takes("ptr out", "i64 count", *PARAMETERS)
    parameters = code.takes(*(f"{kind} p{i}" for i, kind in enumerate(own)))
    first, step = code.first("i64"), code.threads("i64")
    stream = Stream(code, origin, first)
    with code.loop(first, count, step * per_counter(type)) as start:
        place = start
        for number in distribution.numbers(stream.four(), type):
            with code.when(place < count):
                element = stored(distribution.transform(number, *parameters, dtype=dtype), dtype)
                code.store(element, code.at(out, element.type, place))
            place = place + step
    name = f"{distribution.name}_{dtype}_{type}"
    return driver.Kernel(name, code.kernel(name))


def stored(value: Value, dtype: str) -> Value:
    """A float or an i64 as an element of this dtype."""
    if dtype in SUMS:
        wide = "double" if dtype == "float64" else "float"
        return packed(value.convert(wide), dtype)
    if value.is_float:
        made = f"llvm.fptosi.sat.i64.f{64 if value.type == 'double' else 32}"
        value.code.declare("i64", made, value.type)
        value = value.code.emit(f"call i64 @{made}({value.type} {value.name})", "i64")
    return packed(value, dtype) if dtype == "bool" else value.convert(MEMORY[dtype])


__all__ = [
    *(
        "BLOCK",
        "Distribution",
        "draw",
        "fill_kernel",
        "memory_dims",
        "name_of",
        "per_counter",
        "policy",
    ),
    "stored",
]
