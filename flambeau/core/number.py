"""Python numbers on their way into tensors: what they are, and whether a dtype can hold them."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..formula.quiet import quiet
from .dtype import BOOL, COMPLEX, FLOAT, INTEGER, bool_, dtype, iinfo, int64, state
from .kind import INT64_MAX, INT64_MIN, UINT64_MAX, Kind, check_bits
from .tensor import Tensor, wrap


def number(value: Any, function: str, argument: str, position: int) -> Any:
    """A number that a user passed, as a Python one: a 0-d tensor or NumPy scalar gives its value.

    Raises:
        TypeError: It is no number, or a tensor that requires grad or has dimensions.
    """
    kind = value.__class__
    if kind is int or kind is float or kind is bool or kind is complex:
        return value
    if isinstance(value, Tensor):
        if value._array.ndim == 0 and value._node is None:
            return value.item()
    elif isinstance(value, np.generic) and value.dtype.kind in "biufc":
        return value.item()
    elif isinstance(value, (int, float, complex)):
        return value
    raise TypeError(
        f"{function}(): argument '{argument}' (position {position}) must be Number, "
        f"not {kind.__name__}"
    )


def integer(value: Any, function: str, argument: str, position: int) -> int:
    """An int that a user passed: a 0-d integer tensor or NumPy integer serves too.

    Raises:
        TypeError: It is no integer.
    """
    if value.__class__ is int:
        return value
    if value.__class__ is not bool:
        try:
            return value.__index__()
        except (AttributeError, TypeError):
            pass
    raise TypeError(
        f"{function}(): argument '{argument}' (position {position}) must be int, "
        f"not {type(value).__name__}"
    )


def inferred(value: Any) -> dtype:
    """The dtype that a Python number stands for."""
    if isinstance(value, bool):
        return bool_
    if isinstance(value, int):
        return int64
    return state.default_complex if isinstance(value, complex) else state.default


def is_held(value: float) -> bool:
    """Is it in the range of every float type that is computed with as it is, or no finite number, as masks often have?"""
    return -3e38 < value < 3e38 or value - value != 0


def converted(value: Any, target: dtype, single: bool = False) -> Any:
    """A Python number as one that `target` can hold; negative integers wrap into unsigned types.

    single: It is for a tensor of one element, where PyTorch lets 16-bit types become infinite.

    Raises:
        RuntimeError: It cannot be held: too large, NaN for an integer, complex for a real type.
        OverflowError: It is an int of more than 64 bits.
    """
    category = target.category
    if isinstance(value, int):
        check_bits(value)
    if category == BOOL:
        return bool(value)
    if isinstance(value, int):
        if category < FLOAT:
            return _whole(value, target)
        _check_range(value, target, single, abs(value))
        return value if value <= INT64_MAX else float(value)  # ml_dtypes takes no larger ones
    if isinstance(value, complex):
        if category == COMPLEX:
            _check_range(value, target, single, abs(value.real), abs(value.imag))
            return value
        if value.imag:
            raise _overflow(value, target)
        value = value.real
    if category < FLOAT:
        lowest, largest = _bounds(target)
        if not lowest <= value <= largest:  # NaN is refused as well
            raise _overflow(value, target)
        return int(value)
    _check_range(value, target, single, abs(value))
    return value


def assigned(value: Any, kind: Kind) -> Tensor:
    """A number that is written over some elements of a tensor, as ``x[0] = value`` does.

    Raises:
        ValueError: It is an int of more bits than int64 has, and than the dtype.
        RuntimeError, OverflowError: As `converted`.
    """
    largest = UINT64_MAX if kind.dtype.name == "uint64" else INT64_MAX
    if isinstance(value, int) and not INT64_MIN <= value <= largest:
        raise ValueError(
            f"Overflow when unpacking long long: {value} has more than 64 bits, use a float in its place"
        )
    return number_for(value, kind, single=True)


def number_for(value: Any, kind: Kind, single: bool = False) -> Tensor:
    """A number as a 0-d tensor of `kind`, if its dtype can hold it; see `converted`."""
    held = converted(value.item() if isinstance(value, np.generic) else value, kind.dtype, single)
    with quiet():
        if kind.xp is np or not kind.has_elements:
            return wrap(kind.xp.asarray(held).astype(kind.numpy), kind)
        return wrap(kind.xp.full((), held, kind.numpy), kind)  # without a copy from the host


@functools.cache
def _bounds(target: dtype) -> tuple[int, int]:
    limits = iinfo(target)
    return limits.min, limits.max


def _whole(value: int, target: dtype) -> int:
    lowest, largest = _bounds(target)
    if target.is_signed:
        if not lowest <= value <= largest:
            raise _overflow(value, target)
        return value
    if not -largest <= value <= largest:
        raise _overflow(value, target)
    return value % (largest + 1)


def _check_range(value: Any, target: dtype, single: bool, *parts: float) -> None:
    real = target.to_real()
    if real.itemsize < 8 and not (real.is_reduced and single):
        limit = _limit(real)
        if any(limit <= part < math.inf for part in parts):
            raise _overflow(value, target)


@functools.cache
def _limit(real: dtype) -> float:
    """The least number that rounds to infinity: half a step above the largest."""
    return real.largest / (2 - 2.0**-real.fraction) * (2 - 2.0 ** -(real.fraction + 1))


def _overflow(value: Any, target: dtype) -> RuntimeError:
    sized = target.category == INTEGER and target.c_name != "int"  # PyTorch says int64_t, but int
    name = f"{target.name}_t" if sized else target.c_name
    return RuntimeError(
        f"value cannot be converted to type {name} without overflow: {value!r} does not fit a "
        f"{target} tensor"
    )
