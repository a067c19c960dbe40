"""What random integers, permutations and draws of categories can be asked for, on every device."""

from __future__ import annotations

import numpy as np

from ..._caller import warn
from ..dtype import DTYPES, INTEGER, is_complex
from .words import DIGITS, LARGEST, UNSIGNED, name_of, not_implemented

_MOST_CATEGORIES = 1 << 24
_SURE = 1 << 24
"""Integers that every type of 32 bits holds."""
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
FULL_RANGE = (
    "int64",
    *(n for n in DIGITS if LARGEST[n] > 2**63),
)
"""Dtypes that are filled from all 64-bit integers."""
_PERMUTED = [t.name for t in DTYPES.values() if t.category == INTEGER and not t.is_barebones]
_PERMUTED += DIGITS


# ---- uniform integers ------------------------------------------------------------------------


def any_integer(dtype: np.dtype, kernel: str) -> None:
    """Raises NotImplementedError for a dtype that cannot be filled without bounds."""
    if is_complex(dtype) or name_of(dtype) in UNSIGNED:
        raise not_implemented(kernel, dtype)


def full_range(dtype: np.dtype, kernel: str) -> None:
    """Raises RuntimeError for a dtype that cannot be filled from all 64-bit integers."""
    if name_of(dtype) not in FULL_RANGE:
        raise RuntimeError(
            f"{kernel} handles only {', '.join(FULL_RANGE)}, not {name_of(dtype)}; pass a `from` that the dtype can hold"
        )


def largest_integer(dtype: np.dtype) -> int:
    if name_of(dtype) in DIGITS:
        return 1 << DIGITS[name_of(dtype)]
    return 1 if dtype.kind == "b" else min(int(np.iinfo(dtype).max), INT64_MAX)


def bounds(dtype: np.dtype, low: int, high: int | None) -> tuple[int, int]:
    """The first integer and the end of the range, moved inwards to what a float can represent."""
    if high is not None and 0 <= low < high <= _SURE and dtype.itemsize > 2 and dtype.kind in "if":
        return low, high
    if is_complex(dtype):
        raise RuntimeError(
            "check_random_bounds handles only integral, floating-point and boolean types"
        )
    floating = name_of(dtype) in DIGITS
    if high is not None and low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    stop = largest_integer(dtype) + 1 if high is None else high
    if floating:
        low = _representable_low(dtype, low)
        stop = stop if high is None else _representable_high(dtype, stop)
        if low >= stop:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but "
                f"got from={low} >= to={stop}"
            )
    _check_range(dtype, low, stop - 1)
    return low, stop


def _as_stored(dtype: np.dtype, value: int) -> int:
    return int(np.float32(value).astype(dtype)) if dtype.itemsize < 4 else int(dtype.type(value))


def _spacing(dtype: np.dtype, value: int) -> int:
    return 1 << max(abs(value).bit_length() - DIGITS[name_of(dtype)], 0)


def _representable_low(dtype: np.dtype, low: int) -> int:
    stored = _as_stored(dtype, low + 1)
    return stored + _spacing(dtype, low + 1) if stored < low else low


def _representable_high(dtype: np.dtype, high: int) -> int:
    stored = _as_stored(dtype, high - 1)
    return stored - _spacing(dtype, high - 1) if stored >= high else high


def _check_range(dtype: np.dtype, low: int, last: int) -> None:
    floating = name_of(dtype) in DIGITS
    largest = LARGEST[name_of(dtype)] if floating else largest_integer(dtype)
    smallest = -largest if floating else 0 if dtype.kind in "bu" else np.iinfo(dtype).min
    for name, value in (("from", low), ("to - 1", last)):
        if not smallest <= value <= largest:
            raise RuntimeError(f"{name} is out of bounds for {name_of(dtype)}: {value}")
        if floating and abs(value) > 1 << DIGITS[name_of(dtype)]:
            digits = DIGITS[name_of(dtype)]
            warn(
                f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision "
                f"limitations {name_of(dtype)} can support discrete uniform distribution only within "
                "this range.",
                UserWarning,
            )


# ---- permutations ----------------------------------------------------------------------------


def permutation(n: int, dtype: np.dtype) -> None:
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if n >= 1 << 32:
        raise RuntimeError(f"randperm: n = {n} is too large, it must be below 2**32")
    if name_of(dtype) not in _PERMUTED:
        raise not_implemented("randperm", dtype)
    largest = 1 << DIGITS[name_of(dtype)] if name_of(dtype) in DIGITS else int(np.iinfo(dtype).max)
    if n > largest + 1:
        raise RuntimeError(
            f"value cannot be converted to type {name_of(dtype)} without overflow: randperm of {n} "
            f"needs integers up to {n - 1}; use a wider dtype"
        )


# ---- categories ------------------------------------------------------------------------------


def multinomial(probs: np.ndarray, num_samples: int, replacement: bool) -> None:
    if probs.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, but it has {probs.ndim}")
    if name_of(probs.dtype) not in DIGITS:
        raise RuntimeError(
            f"multinomial only supports floating-point dtypes for input, got: {name_of(probs.dtype)}"
        )
    if num_samples <= 0:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got {num_samples}")
    categories = probs.shape[-1]
    if not replacement and num_samples > categories:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement, got "
            f"{num_samples} > {categories}"
        )
    if categories > _MOST_CATEGORIES:
        raise RuntimeError(f"number of categories cannot exceed 2^24, got {categories}")


def weights(rows: np.ndarray) -> bool:
    """Are all above zero?"""
    if rows.shape[1] == 0:
        raise RuntimeError("multinomial: cannot draw from a distribution with no categories")
    if np.minimum.reduce(rows, None) > 0 and np.maximum.reduce(rows, None) < np.inf:
        return True
    high = rows.max(1)
    if not np.all(rows.min(1) >= 0) or not np.all(np.isfinite(high)):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not np.all(high > 0):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    return False


def supply(rows: np.ndarray, num_samples: int) -> None:
    """Raises RuntimeError where a row has fewer weights above zero than are to be drawn."""
    supply = int(np.count_nonzero(rows, axis=1).min())
    if supply < num_samples:
        raise RuntimeError(
            f"cannot draw {num_samples} samples without replacement from a row with only {supply} "
            "weights above zero: draw fewer, or with replacement=True"
        )
