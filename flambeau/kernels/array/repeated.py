"""Arrays that hold one value, made or written over as others of their layout were: what is decided once for each.

They are filled by the kernel of `fill.py`, whose work threads share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..runtime.process import LIMIT, enabled
from .fill import filling
from .zeros import allocator, turning


def like(sample: Any) -> Callable[[], Any] | None:
    """What makes arrays like one that holds one value; None where its elements do not lie without gaps, or are too many."""
    if sample.__class__ is not np.ndarray or not 0 < sample.nbytes <= LIMIT or not enabled():
        return None
    dims = _outermost_first(sample)
    inside = sample.transpose(dims)
    if not inside.flags.c_contiguous:
        return None
    make = _in_order(inside)
    if make is None or dims == list(range(sample.ndim)):
        return make
    turn = turning(np.argsort(dims).tolist())
    return lambda: turn(make())


def _in_order(sample: Any) -> Callable[[], Any] | None:
    shape, dtype, size = sample.shape, sample.dtype, sample.size
    value, kernel = sample.reshape(-1)[:1].copy().reshape(()), filling(dtype)
    if kernel is None:
        return None
    empty = allocator()

    def make() -> Any:
        array = empty(shape, dtype)
        kernel(array, value, 1, size, size, 1)
        return array

    return make


def writing(sample: Any, value: Any) -> Callable[[Any], Any] | None:
    """What fills arrays of a layout with a value of their dtype; None for those whose memory is not walked through at once.

    Where a stride is 0, the element that is seen several times is written once.
    """
    if sample.__class__ is not np.ndarray or not sample.size or not enabled():
        return None
    seen_once = tuple(slice(0, 1) if step == 0 else slice(None) for step in sample.strides)
    repeats = any(step == 0 and n > 1 for step, n in zip(sample.strides, sample.shape))
    inside = sample[seen_once] if repeats else sample
    dims = _outermost_first(inside)
    ordered, size = inside.transpose(dims).flags.c_contiguous, inside.size
    given, kernel = np.array(value, sample.dtype), filling(sample.dtype)
    if not ordered or kernel is None:
        return (lambda x: x[seen_once].fill(given)) if repeats else lambda x: x.fill(given)
    if repeats:
        return lambda x: kernel(x[seen_once], given, 1, size, size, 1)
    return lambda x: kernel(x, given, 1, size, size, 1)


def _outermost_first(x: Any) -> list[int]:
    return sorted(range(x.ndim), key=lambda dim: -x.strides[dim])
