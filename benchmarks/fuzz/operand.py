"""Arrays for operands: of every dtype, with values that are hard, and lying in memory in every way."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from numpy.lib.stride_tricks import as_strided

from .draw import Draw

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = {
    name: BFLOAT16 if name == "bfloat16" else np.dtype(name)
    for name in (
        *("bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"),
        *("float16", "bfloat16", "float32", "float64", "complex64", "complex128"),
    )
}
REAL = ("float32", "float32", "float32", "float64", "float16", "bfloat16")
COMPLEX = ("complex64", "complex128")
INTEGER = ("int64", "int32", "uint8", "int8", "int16")
SIGNED = ("int64", "int32", "int8", "int16")
UNSIGNED = ("uint16", "uint32", "uint64")
ANY = (*REAL, *REAL, *INTEGER, "bool", *COMPLEX)
POISON = 0x5A


def is_floating(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype == BFLOAT16


class Operand:
    """An array in a block of memory, some of which is not its own.

    Attributes:
        block: The memory, one-dimensional.
        shape, strides, offset: How the array lies there, in elements.
    """

    def __init__(
        self, block: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...], offset: int = 0
    ):
        self.block, self.shape, self.strides, self.offset = block, shape, strides, offset

    @property
    def dtype(self) -> np.dtype:
        return self.block.dtype

    def within(self, block: np.ndarray) -> np.ndarray:
        """The array as it lies in a copy of its block."""
        size = block.itemsize
        steps = tuple(s * size for s in self.strides)
        return as_strided(block[self.offset :], self.shape, steps)

    @property
    def array(self) -> np.ndarray:
        return self.within(self.block)

    def beside(self, block: np.ndarray) -> np.ndarray:
        """The elements of a copy of the block that do not belong to the array."""
        own = np.zeros(block.shape, bool)
        self.within(own)[...] = True
        return block[~own]

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Of another process: an array that is read from a pickle has a copy of its dtype, unlike those that users make."""
        self.__dict__.update(state)
        self.block = self.block.view(DTYPES[self.block.dtype.name])

    def __repr__(self) -> str:
        values = f" = {self.array.tolist()!r}" if self.array.size <= 6 else ""
        return (
            f"{self.dtype.name}{list(self.shape)} strides {list(self.strides)} "
            f"offset {self.offset}{values}"
        )


def plain(array: np.ndarray) -> Operand:
    """An operand of its own memory, in order."""
    array = np.ascontiguousarray(array) if array.ndim else array.copy()
    strides = tuple(s // array.itemsize for s in array.strides)
    return Operand(array.reshape(-1), array.shape, strides)


# ---------------------------------------------------------------------------------------- values


def floats(draw: Draw, count: int, kind: str, dtype: np.dtype) -> np.ndarray:
    """Numbers with a fraction: "normal", "unit" (0 to 1), "positive", or "eighths" (exact sums)."""
    rng, facts = draw.rng, ml_dtypes.finfo(dtype)
    if kind == "unit":
        values = rng.uniform(0.02, 0.98, count)
    elif kind == "positive":
        values = rng.uniform(0.1, 4, count)
    elif kind == "eighths":
        values = rng.integers(-32, 33, count) / 8
    else:
        values = rng.normal(0, draw.one((0.3, 1.0, 3.0)), count)
    if draw.has("wide", 0.05):
        top = 0.45 * np.log10(float(facts.max))
        power = rng.uniform(-top, top, count if draw.chance(0.5) else 1)
        values = values * 10.0**power
    if draw.has("special", 0.12):
        largest, tiny = float(facts.max), float(facts.smallest_subnormal)
        pool = [np.nan, np.inf, -np.inf, 0.0, -0.0, tiny, -tiny, float(facts.tiny), largest,
                -largest, 1.0, -1.0, float(facts.eps), 0.5, 2.0**31, 1e5]  # fmt: skip
        few = [pool[i] for i in rng.integers(0, len(pool), 3)]
        values = np.where(rng.random(count) < draw.one((0.05, 0.5)), rng.choice(few, count), values)
    return values


def values(draw: Draw, count: int, dtype: np.dtype, kind: str = "normal") -> np.ndarray:
    """So many random elements of a dtype."""
    rng = draw.rng
    with np.errstate(all="ignore"):
        if dtype.kind == "b":
            return rng.random(count) < 0.5
        if dtype.kind in "iu":
            facts = np.iinfo(dtype)
            if draw.has("special", 0.1):
                return rng.integers(facts.min, facts.max, count, dtype, endpoint=True)
            low = 1 if kind in ("unit", "positive") else max(facts.min, -9)
            return rng.integers(low, 10, count).astype(dtype)
        if dtype.kind == "c":
            part = np.dtype(np.float32 if dtype.itemsize == 8 else np.float64)
            real, imaginary = (floats(draw, count, kind, part) for _ in range(2))
            return real.astype(part) + imaginary.astype(part) * dtype.type(1j)
        return floats(draw, count, kind, dtype).astype(dtype)


# --------------------------------------------------------------------------------------- layouts


def strides_of(draw: Draw, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of an array whose elements each have a place of their own."""
    strides, run = [0] * len(shape), draw.one((1, 1, 1, 2, 3))
    order = list(range(len(shape)))[::-1]
    if draw.chance(0.5):
        order = [int(d) for d in draw.rng.permutation(len(shape))]
    backwards = draw.chance(0.25)
    for d in order:
        strides[d] = -run if backwards and draw.chance(0.5) else run
        run = run * max(shape[d], 1) * (draw.integer(1, 3) if draw.chance(0.15) else 1)
    if run > 1_000_000:
        return contiguous(shape)
    return tuple(strides)


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, run = [], 1
    for n in shape[::-1]:
        strides.append(run)
        run *= max(n, 1)
    return tuple(strides[::-1])


def overlapping(draw: Draw, shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of an array that is expanded, or whose rows overlap as windows do."""
    step = draw.one((0, 0, 1))
    return tuple(step if draw.chance(0.5) else s for s in strides)


def operand(
    draw: Draw, shape: tuple[int, ...], dtype: np.dtype, kind: str = "normal", own: bool = False
) -> Operand:
    """A random array of this shape. `own`: its elements do not share memory."""
    strides, offset = contiguous(shape), 0
    if draw.has("layout", 0.5):
        strides, offset = strides_of(draw, shape), draw.one((0, 0, 1, 3, 64))
    if not own and draw.has("overlap", 0.12):
        strides = overlapping(draw, shape, strides)
    spans = [(n - 1) * s for n, s in zip(shape, strides)] if 0 not in shape else []
    offset -= sum(s for s in spans if s < 0)
    length = offset + sum(s for s in spans if s > 0) + draw.one((1, 1, 2, 17))
    return Operand(values(draw, length, dtype, kind), shape, strides, offset)


def fresh(draw: Draw, like: np.ndarray) -> Operand:
    """A place for a result, full of garbage."""
    made = operand(draw, like.shape, like.dtype, own=True)
    made.block.view(np.uint8)[...] = POISON if like.dtype.kind != "b" else 1
    return made


def with_values(draw: Draw, array: Any, own: bool = False) -> Operand:
    """An operand with these values that lies somehow."""
    array = np.asarray(array)
    made = operand(draw, array.shape, array.dtype, own=True)
    made.array[...] = array
    return made
