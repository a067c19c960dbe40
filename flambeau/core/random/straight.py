"""Draws of few numbers, each decided once for its distribution, dtype, size and parameters.

What is decided is a kernel of `kernels/array/draw.py`, and how many words it takes. Then a draw is one call of it, on the
words of the generator's present block where they reach. Locks are taken by hand: `with` takes twice as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ... import kernels
from ..dtype import is_complex
from . import check, check_integer
from .generator import BLOCK, Generator, default_generator
from .words import CHUNK, DIGITS, memory_dims, name_of

GROUP = 16
"""So many normal numbers are made at a time, where there are as many, in order."""
LARGE_RANGE = 1 << 28
"""Of so many integers, one is drawn with 64 bits instead of 32."""

Fill = Callable[[np.ndarray, Generator], None]


def few(out: np.ndarray, generator: Generator | None, name: str, *given: Any) -> bool:
    """Fill an array of few elements in the order of memory; False, and nothing drawn, where there is no kernel for it.

    Args:
        out: A NumPy array of any strides.
        name: Of the function in `draws.py` or `draws_integer.py`, ``uniform_``.
        given: Its parameters.

    Raises:
        RuntimeError: A parameter is out of its range.
    """
    if not 0 < out.size <= CHUNK or not kernels.enabled():
        return False
    fill = filling(name, out.dtype, out.size, out.flags.c_contiguous, *given)
    if fill is None:
        return False
    generator = generator or default_generator
    if generator.device_type != "cpu":
        return False  # the general way says why not
    if out.flags.carray:
        fill(out, generator)
    else:
        _in_memory_order(out, memory_dims(out), fill, generator)
    return True


def few_below(out: np.ndarray, p: np.ndarray, generator: Generator) -> bool:
    """1 with the probabilities of an array of the same shape and dtype, else 0; False, and nothing drawn, where there is
    no kernel for it.

    Raises:
        RuntimeError: An element is no probability.
    """
    if not kernels.enabled() or not out.flags.behaved or out.dtype != p.dtype:
        return False
    fill = below(out, p)
    if fill is not None:
        fill(p, out, generator)
    return fill is not None


def below(
    out: np.ndarray, p: np.ndarray
) -> Callable[[np.ndarray, np.ndarray, Generator], None] | None:
    """What `few_below` does for arrays like these, given p first; None where there is no kernel for it."""
    if out.shape != p.shape or out.dtype != p.dtype or not out.flags.c_contiguous:
        return None
    if not kernels.enabled():
        return None
    return _below(out.dtype, out.size, p.flags.c_contiguous)


@lru_cache(256)
def _below(dtype: np.dtype, size: int, in_order: bool) -> Any:
    kernel, words = kernels.array.draw.below_each_of(dtype), size * (dtype.itemsize == 8) + size
    if kernel is None or not 0 < words <= CHUNK:
        return None

    def fill(p: np.ndarray, out: np.ndarray, generator: Generator) -> None:
        if not (in_order and p.flags.aligned):
            p = p.copy()
        if kernel(p, p, p, 1, size, size, 0, 0, 0, 0):
            check.probabilities(False)
        lock = generator.lock
        lock.acquire()
        try:
            stream = generator.stream
            if stream is None or (stop := (start := stream.used) + words) > BLOCK:
                kernel(generator.take(words), out, p, 1, size, size, 0, 0, 1, 0)
            else:
                stream.used = stop
                kernel(stream.block, out, p, 1, size, size, 0, start, 1, 0)
        finally:
            lock.release()

    return fill


def _in_memory_order(out: np.ndarray, dims: Any, fill: Fill, generator: Generator) -> None:
    target = out.transpose(dims)
    if target.flags.carray:
        fill(target, generator)
    else:
        made = np.empty(target.shape, out.dtype)
        fill(made, generator)
        np.copyto(target, made)


def of_layout(array: np.ndarray, name: str, given: tuple[Any, ...]) -> Fill | None:
    """What fills arrays of these sizes and strides, which may be written to; None where there is no kernel for it."""
    if not 0 < array.size <= CHUNK or not kernels.enabled():
        return None
    in_order = array.flags.c_contiguous
    fill = filling(name, array.dtype, array.size, in_order, *given)
    if fill is None or in_order:
        return fill
    dims = memory_dims(array)
    inside = array.transpose(dims)
    if inside.flags.c_contiguous and min(array.strides) > 0:
        return fill  # which writes where the memory begins, whatever the strides
    shape, dtype, empty, copy = (
        inside.shape,
        array.dtype,
        kernels.array.zeros.allocator(),
        np.copyto,
    )
    turned = dims != list(range(array.ndim))

    def fill_apart(out: np.ndarray, generator: Generator) -> None:
        made = empty(shape, dtype)
        fill(made, generator)
        copy(out.transpose(dims) if turned else out, made)

    return fill_apart


def making(sample: np.ndarray, name: str, *given: Any) -> Callable[[Generator], np.ndarray] | None:
    """What makes arrays like one, whose elements lie without gaps; None where there is no kernel for it."""
    size = sample.size
    if not 0 < size <= CHUNK or not kernels.enabled():
        return None
    fill = filling(name, sample.dtype, size, sample.flags.c_contiguous, *given)
    if fill is None:
        return None
    shape, dtype, empty = sample.shape, sample.dtype, kernels.array.zeros.allocator()
    if sample.flags.c_contiguous:

        def make(generator: Generator) -> np.ndarray:
            array = empty(shape, dtype)
            fill(array, generator)
            return array

        return make
    dims = memory_dims(sample)
    inside, turn = (
        tuple(shape[d] for d in dims),
        kernels.array.zeros.turning(np.argsort(dims).tolist()),
    )

    def make_across(generator: Generator) -> np.ndarray:
        array = empty(inside, dtype)
        fill(array, generator)
        return turn(array)

    return make_across


@lru_cache(1024)
def filling(name: str, dtype: np.dtype, size: int, in_order: bool, *given: Any) -> Fill | None:
    """What fills arrays in order; None where there is no kernel for it. `in_order` is said of the array that is drawn for.

    Raises:
        RuntimeError: A parameter is out of its range.
    """
    if name in ("normal_", "log_normal_"):
        return _normal(name, dtype, size, in_order, *given)
    found = _FOUND[name](dtype, *given)
    if found is None or found[1] * size > CHUNK:
        return None
    kernel, each, first, second = found
    words = size * each

    def fill(out: np.ndarray, generator: Generator) -> None:
        lock = generator.lock
        lock.acquire()
        try:
            stream = generator.stream
            if stream is None or (stop := (start := stream.used) + words) > BLOCK:
                kernel(generator.take(words), out, 1, size, size, 0, 0, first, second)
            else:
                stream.used = stop
                kernel(stream.block, out, 1, size, size, 0, start, first, second)
        finally:
            lock.release()

    return fill


def permuting(count: int) -> Callable[[Generator], np.ndarray] | None:
    """What makes the int64 below `count` in random order; None where they are not few."""
    if not 1 < count <= BLOCK or not kernels.enabled():
        return None
    kernel, words, empty = (
        kernels.array.draw.permutation,
        count - 1,
        kernels.array.zeros.allocator(),
    )
    shape, dtype = (count,), np.dtype(np.int64)

    def make(generator: Generator) -> np.ndarray:
        made = empty(shape, dtype)
        lock = generator.lock
        lock.acquire()
        try:
            kernel(generator.take(words), made)
        finally:
            lock.release()
        return made

    return make


def _normal(
    name: str, dtype: np.dtype, size: int, in_order: bool, mean: float, std: float
) -> Fill | None:
    """Numbers of pairs, of which the one that is left over waits for the next such draw."""
    draw, logarithmic = kernels.array.draw, name == "log_normal_"
    (check.log_normal if logarithmic else check.normal)(std)
    kernel = (draw.log_normals if logarithmic else draw.normals)(dtype)
    if kernel is None or (in_order and size >= GROUP and not logarithmic) or 2 * size > CHUNK:
        return None
    first, second = draw.parameters(mean, std)

    def fill(out: np.ndarray, generator: Generator) -> None:
        lock = generator.lock
        lock.acquire()
        try:
            waiting = generator.next_normal
            if waiting is None:
                pairs, waits, left = size + 1 >> 1, 0, generator.left
            else:
                pairs, waits, left = size >> 1, 1, generator.left
                left[0] = waiting
            stream = generator.stream
            if stream is None or (stop := (start := stream.used) + 4 * pairs) > BLOCK:
                given, start = generator.take(4 * pairs), 0
            else:
                stream.used, given = stop, stream.block
            kernel(given, out, left, 1, pairs, size, 0, start, first, second, size, waits)
            generator.next_normal = left.item() if 2 * pairs + waits > size else None
        finally:
            lock.release()

    return fill


def _uniform(dtype: np.dtype, low: float, high: float) -> Any:
    if is_complex(dtype):
        return None
    check.uniform(dtype, low, high)
    return kernels.array.draw.straight("uniform", dtype, (low, high))


def _exponential(dtype: np.dtype, rate: float) -> Any:
    check.exponential(dtype, rate)
    return kernels.array.draw.straight("exponential", dtype, (-1.0 / rate,))


def _cauchy(dtype: np.dtype, median: float, sigma: float) -> Any:
    check.cauchy(dtype, sigma)
    return kernels.array.draw.straight("cauchy", dtype, (median, sigma))


def _geometric(dtype: np.dtype, p: float) -> Any:
    check.geometric(dtype, p, "geometric_cpu")
    return kernels.array.draw.straight("geometric", dtype, (math.log1p(-p),))


def _bernoulli(dtype: np.dtype, p: float) -> Any:
    check.bernoulli(dtype, p, "bernoulli_scalar_cpu_")
    # u < p for u = bits / 2**53 is a comparison of integers.
    return kernels.array.draw.straight("below", dtype, (math.ceil(p * 2.0**53),))


def _random(dtype: np.dtype, low: int | None, high: int | None) -> Any:
    """Integers from `low` on; without bounds the dtype's own from 0 on."""
    if low is None:
        check_integer.any_integer(dtype, "random_kernel_cpu")
        count = check_integer.largest_integer(dtype) + 1
        words = 2 if name_of(dtype) in ("int64", "float64") else 1
        return kernels.array.draw.straight_integers(dtype, 0, count, words)
    if high is None:
        return None
    exact = DIGITS.get(name_of(dtype))
    if exact is not None and not -(1 << exact) <= low < high <= 1 << exact:
        return None  # bounds that such a float lacks are moved, or warned of
    first, stop = check_integer.bounds(dtype, low, high)
    return _between(dtype, first, stop - first)


def _between(dtype: np.dtype, low: int, count: int) -> Any:
    words = 1 if count < LARGE_RANGE else 2
    return kernels.array.draw.straight_integers(dtype, low, count, words)


_FOUND: dict[str, Callable[..., Any]] = {
    "uniform_": _uniform,
    "exponential_": _exponential,
    "cauchy_": _cauchy,
    "geometric_": _geometric,
    "bernoulli_": _bernoulli,
    "random_": _random,
    "between": _between,
}
"""Kernels, words for a number and parameters, of checked arguments."""
