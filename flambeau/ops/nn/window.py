"""Windows over the last dimensions of an array: what convolution, pooling and unfolding slide.

A window has, for each spatial dimension, a size, a stride, a dilation, and padding before and after.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from operator import is_
from typing import Any

import numpy as np

from ...core.dtype import BY_NUMPY
from ...kernels.convolution.window import Window


def padded(x: Any, window: Window, value: Any = 0) -> Any:
    """The array with the window's padding around its last dimensions."""
    if not any(window.before) and not any(window.after):
        return x
    lead = x.ndim - len(window.size)
    shape = list(x.shape)
    inside = [slice(None)] * lead
    for i, (low, high) in enumerate(zip(window.before, window.after)):
        inside.append(slice(low, low + shape[lead + i]))
        shape[lead + i] += low + high
    result = np.full(shape, value, x.dtype) if value else np.zeros(shape, x.dtype)
    result[tuple(inside)] = x
    return result


def views(x: Any, window: Window, places: Sequence[int]) -> Any:
    """A padded array's windows as a view: (..., size of the window, places)."""
    n = len(window.size)
    lead, steps = x.shape[:-n], x.strides[-n:]
    shape = (*lead, *window.size, *places)
    strides = (
        *x.strides[:-n],
        *(step * d for step, d in zip(steps, window.dilation)),
        *(step * s for step, s in zip(steps, window.stride)),
    )
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)


def columns(x: Any, window: Window) -> Any:
    """(N, C, sizes) as (N, C * elements of the window, places)."""
    n, c = x.shape[:2]
    places = window.places(x.shape[2:])
    if window.is_point:
        return x.reshape(n, c, math.prod(places))
    seen = views(padded(x, window), window, places)
    return seen.reshape(n, c * window.elements, math.prod(places))


def offsets(window: Window, places: Sequence[int]) -> Iterator[tuple[tuple[int, ...], tuple]]:
    """For each element of the window: its index, and the padded array's elements that it meets."""
    for at in np.ndindex(window.size):
        yield (
            at,
            (
                ...,
                *(
                    slice(i * d, i * d + s * (count - 1) + 1, s)
                    for i, d, s, count in zip(at, window.dilation, window.stride, places)
                ),
            ),
        )


def uncolumned(cols: Any, window: Window, sizes: Sequence[int]) -> Any:
    """The transpose of `columns`: each element summed over the windows that saw it."""
    n = cols.shape[0]
    c = cols.shape[1] // window.elements if window.elements else 0
    if window.is_point:
        return cols.reshape(n, c, *sizes)
    places = window.places(sizes)
    parts = cols.reshape(n, c, *window.size, *places)
    whole = np.zeros((n, c, *grown(window, sizes)), BY_NUMPY[cols.dtype].compute)
    for at, met in offsets(window, places):
        whole[met] += parts[(slice(None), slice(None), *at)]
    return unpadded(whole, window, sizes).astype(cols.dtype, copy=False)


def grown(window: Window, sizes: Sequence[int]) -> tuple[int, ...]:
    """The sizes with padding."""
    return tuple(n + a + b for n, a, b in zip(sizes, window.before, window.after))


def unpadded(x: Any, window: Window, sizes: Sequence[int]) -> Any:
    """The padded array without its padding."""
    if not any(window.before) and not any(window.after):
        return x
    return x[(..., *(slice(low, low + n) for low, n in zip(window.before, sizes)))]


def numbers(name: str, value: Any, n: int, function: str) -> tuple[int, ...]:
    """An option with one number a dimension; a single one counts for all.

    Raises:
        RuntimeError: A wrong number of them.
        TypeError: They are no integers.
    """
    if isinstance(value, (tuple, list)):
        if len(value) == 1:
            value = list(value) * n
        if len(value) != n:
            raise RuntimeError(
                f"{function}: expected {name} to be a single integer value or a list of {n} values, but "
                f"got {name}={list(value)}"
            )
        if any(isinstance(v, float) for v in value):
            raise TypeError(f"{function}(): argument '{name}' must be ints, not {value}")
        return tuple(int(v) for v in value)
    if isinstance(value, (float, str)):
        raise TypeError(f"{function}(): argument '{name}' must be ints, not {value!r}")
    return (int(value),) * n


def is_whole(options: Sequence[Any]) -> bool:
    """Whole numbers, tuples of them, words or None: equal ones mean the same (1.0 == 1, but is an error)."""
    for option in options:
        cls = option.__class__
        if cls is tuple:
            for value in option:
                if value.__class__ is not int:
                    return False
        elif cls is not int and cls is not str and option is not None:
            return False
    return True


class KnownWindows:
    """What was worked out for calls whose arguments were found to fit, by shapes and options: to ask again
    would take longer than to convolve a small image."""

    MOST = 4096

    def __init__(self) -> None:
        self._made: dict[tuple, tuple[Any, tuple]] = {}

    def get(self, key: tuple, options: tuple) -> Any:
        """None where there is none. Options that are the very same objects need not be looked at."""
        try:
            made, known = self._made.get((key, options), (None, ()))
        except TypeError:  # a list
            return None
        return made if all(map(is_, options, known)) or is_whole(options) else None

    def put(self, key: tuple, options: tuple, made: Any) -> None:
        if is_whole(options):
            if len(self._made) >= self.MOST:
                self._made.clear()
            self._made[key, options] = made, options


def place_of_largest(rows: Any) -> Any:
    """Where the largest element of each row is: the first of several, but the last nan, as kernels find it."""
    first = rows.argmax(-1)
    nan = rows != rows
    if not nan.any():
        return first
    last = rows.shape[-1] - 1 - nan[..., ::-1].argmax(-1)
    return np.where(nan.any(-1), last, first)
