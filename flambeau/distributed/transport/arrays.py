"""Arrays as MPI takes them: which it can add up itself, which as float32, and which are bytes to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..kinds import RedOpType, ReduceOp


def is_half(dtype: np.dtype) -> bool:
    """Is it a half type? These are added up as float32 and rounded once: MPI has not all of them, and sums lose digits."""
    return dtype.itemsize == 2 and dtype.kind not in "iu"


_WHOLE = (RedOpType.BAND, RedOpType.BOR, RedOpType.BXOR)


def check(dtype: np.dtype, op: ReduceOp) -> None:
    """Raises RuntimeError if values of a dtype cannot be joined so."""
    kind, name = dtype.kind, op.op.name
    if kind == "c" and op.op not in (RedOpType.SUM, RedOpType.AVG, RedOpType.PREMUL_SUM):
        raise RuntimeError(f"ReduceOp.{name} is not defined for complex numbers")
    if op.op in _WHOLE and kind not in "iub":
        raise RuntimeError(f"Cannot use ReduceOp.{name} with floating-point tensors: {dtype.name}")
    if dtype.itemsize == 1 and kind not in "iub":
        raise RuntimeError(f"ReduceOp.{name} does not take {dtype.name}: convert to float32 first")


def as_bytes(array: np.ndarray) -> np.ndarray:
    """The memory of a contiguous array."""
    return array.reshape(-1).view(np.uint8)


def plan(array: np.ndarray, op: ReduceOp, size: int) -> tuple[np.ndarray, Callable[[], None]]:
    """What is to be reduced in an array's place, and what makes the array of the result."""
    multiplied(array, op) if op.op is RedOpType.PREMUL_SUM else None
    work = array.astype(np.float32) if is_half(array.dtype) else array

    def finish() -> None:
        if op.op is RedOpType.AVG:
            if work.dtype.kind in "iu":
                np.floor_divide(work, size, out=work)
            else:
                np.divide(work, size, out=work)
        if work is not array:
            np.copyto(array, work, casting="unsafe")

    return work, finish


def multiplied(array: np.ndarray, op: ReduceOp) -> None:
    """Multiply by the factor that comes before a sum."""
    if op.op is RedOpType.PREMUL_SUM and op.factor is not None:
        factor: Any = op.factor
        factor = factor.item() if hasattr(factor, "item") else factor
        if not math.isfinite(factor) or factor != 1:
            np.multiply(array, array.dtype.type(factor), out=array)
