"""Pooling of arrays: the largest element of each window and where it is, means of windows, and their
transposes; over windows that slide, and over the parts that an image is cut into.

Windows are as in `convolution`. Each function gives NotImplemented for arrays that it is not
made for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..array.copy import in_order
from ..array.half import HALF
from ..convolution.plan import axes, three
from ..llvm import BITS
from ..loops.convert import converted
from ..matmul.matmul import ELEMENTS
from ..runtime import memory
from ..runtime.entry import Job
from ..runtime.process import machine
from . import fractional, pooling_kernel, pooling_parts
from .pooling_kernel import PartNumbers, Parts, PlaceNumbers, WindowNumbers, Windows

LARGEST = 1 << 31
"""Elements of a plane: places within it are counted with 32 bits."""


def _element(x: Any) -> str | None:
    return ELEMENTS.get(x.dtype) if type(x) is np.ndarray and x.size else None


def _fits(sizes: Sequence[int], counts: Sequence[int]) -> bool:
    return 0 < math.prod(sizes) < LARGEST and 0 < math.prod(counts) < LARGEST


@lru_cache(1024)
def _window(shape: Sequence[int], counts: Sequence[int], window: Any) -> tuple[int, ...] | None:
    """What a kernel is told of windows over an array of that shape; None for what does not fit."""
    sizes = shape[len(shape) - len(counts) :]
    if not _fits(sizes, counts):
        return None
    size, stride, dilation, before, _ = window
    planes = math.prod(shape) // math.prod(sizes)
    work = planes * (math.prod(counts) * math.prod(size) + math.prod(sizes) // 8)
    job = Job(rows=planes, length=1, weight=work, divisible=False)
    numbers = WindowNumbers(
        **axes("x", three(sizes, 1)), **axes("u", three(counts, 1)), **axes("n", three(size, 1)),
        **axes("s", three(stride, 1)), **axes("d", three(dilation, 1)),
        **axes("p", three(before, 0)),
    )  # fmt: skip
    return *job, *numbers


@lru_cache(1024)
def _parts(
    shape: Sequence[int], counts: Sequence[int], window: Any = None
) -> tuple[Any, Any, tuple[int, ...], int] | None:
    """The bounds of the parts, the elements of each, what a kernel is told of them, and the rows of the largest.

    window: What places see are windows that are not dilated, without what lies outside of the image.
    """
    sizes = shape[len(shape) - len(counts) :]
    if not _fits(sizes, counts):
        return None
    three_sizes, three_counts = three(sizes, 1), three(counts, 1)
    if window is None:
        cut = [bounds(m, k) for m, k in zip(three_sizes, three_counts)]
    else:
        size, stride, _, before, _ = window
        starts = zip(three_counts, three(stride, 1), three(before, 0))
        low = [np.arange(k) * s - p for k, s, p in starts]
        high = [at + k for at, k in zip(low, three(size, 1))]
        cut = [(a.clip(0), b.clip(0, m)) for a, b, m in zip(low, high, three_sizes)]
    every = np.concatenate([np.concatenate(pair) for pair in cut]).astype(np.int32)
    lengths = [high - low for low, high in cut]
    divisors = lengths[0][:, None, None] * lengths[1][:, None] * lengths[2]
    planes = math.prod(shape) // math.prod(sizes)
    work = planes * (int(divisors.sum()) + math.prod(sizes) // 8)
    longest = int(lengths[2].max())
    told = _told_of_parts(planes, work, three_sizes, three_counts, longest)
    return every, divisors, told, int(lengths[0].max()) * int(lengths[1].max())


@lru_cache(1024)
def _wide_parts(
    shape: Sequence[int], counts: Sequence[int], window: Any, element: str
) -> tuple[Any, Any, tuple[int, ...], int] | None:
    """`_parts`, if vectors should walk along them."""
    if window is not None and set(window[2]) != {1}:
        return None
    found = _parts(shape, counts, window)
    if found is None or not _are_wide(found[3], found[2][_LONGEST], counts[-1], element):
        return None
    return found


_LONGEST = len(Job._fields) + PartNumbers._fields.index("longest")


def _told_of_parts(
    planes: int,
    work: int,
    sizes: Sequence[int],
    counts: Sequence[int],
    longest: int,
    apart: int = 0,
) -> tuple[int, ...]:
    job = Job(rows=planes, length=1, weight=work, divisible=False)
    sides = {**axes("x", sizes), **axes("u", counts)}
    return *job, *PartNumbers(**sides, longest=longest, apart=apart)


def _are_wide(rows: int, longest: int, places: int, element: str) -> bool:
    """Is it less work to walk along each part, and join lanes at its end, than to gather what neighbouring places see?

    Args:
        rows, longest: Of a part.
        places: Of a row of the result.
    """
    lanes = machine().bits // BITS[element]
    walked = places * (rows * -(-longest // lanes) * WALKING + JOINING)
    return walked < -(-places // lanes) * rows * longest * GATHERING


WALKING, JOINING, GATHERING = 6, 60, 10
"""About how many cycles it takes to look at a vector of neighbours, to join a vector's lanes, to gather a vector."""


def bounds(size: int, count: int) -> tuple[Any, Any]:
    """Where the parts that a dimension is cut into begin and end; they overlap if sizes do not divide."""
    i = np.arange(count, dtype=np.int64)
    return i * size // count, -(-(i + 1) * size // count)


Plan = Callable[..., Any]
"""A function of an array of the dtype and shape that it was made for."""


def _in_single(plan: Plan | None, dtype: Any) -> Plan | None:
    """The plan for a half type, of one for float32."""
    if plan is None:
        return None
    return lambda x, *divisors: _rounded(
        plan(_single(x), *(d.astype(np.float32) for d in divisors)), dtype
    )


def _single(x: Any) -> Any:
    return _cast(x, memory.FLOAT32)


def _cast(x: Any, dtype: Any) -> Any:
    made = converted(x, dtype)
    return x.astype(dtype) if made is None else made


def _rounded(made: Any, dtype: Any) -> Any:
    """Results of float32 in a half type; places stay."""
    if made is NotImplemented:
        return NotImplemented
    if isinstance(made, tuple):
        return _cast(made[0], dtype), *made[1:]
    return _cast(made, dtype)


def largest(x: Any, window: Any, counts: tuple[int, ...]) -> Any:
    """The maximum of each window, and where it is in the flattened spatial dimensions; of several
    nan, the last one."""
    plan = maxima(x.dtype, x.shape, counts, window) if x.__class__ is np.ndarray else None
    return NotImplemented if plan is None else plan(x)


def largest_of_parts(x: Any, counts: tuple[int, ...]) -> Any:
    """The maximum of each part, and where it is in the flattened spatial dimensions."""
    plan = maxima(x.dtype, x.shape, counts, None) if x.__class__ is np.ndarray else None
    return NotImplemented if plan is None else plan(x)


@lru_cache(1024)
def maxima(dtype: Any, shape: tuple[int, ...], counts: tuple[int, ...], window: Any) -> Plan | None:
    """`largest`, or `largest_of_parts` where there is no window, of arrays of this layout."""
    if dtype.name in HALF:
        return _in_single(maxima(memory.FLOAT32, shape, counts, window), dtype)
    element, bits = ELEMENTS.get(dtype), machine().bits
    if element is None or 0 in shape:
        return None
    found = _wide_parts(shape, counts, window, element)
    if found is not None:
        kernel = pooling_parts.maxima(element, bits)
    else:
        kernel = pooling_kernel.maxima(element, bits, Parts if window is None else Windows)
        found = _parts(shape, counts) if window is None else None
    given: tuple | None = None
    if found is not None:
        given = (found[0], *found[2])
    elif window is not None:
        given = _window(shape, counts, window)
    if given is None:
        return None
    made = (*shape[: len(shape) - len(counts)], *counts)

    def plan(x: Any) -> tuple[Any, Any]:
        y, places = memory.empty(made, dtype), memory.empty(made, memory.INT64)
        kernel(in_order(x), y, places, *given)
        return y, places

    return plan


def largest_at_random(
    x: Any, samples: Any, windows: tuple[int, ...], counts: tuple[int, ...]
) -> Any:
    """The maximum of each window, and where it is, of windows that start where random numbers say.

    Args:
        x: (batch, channels, sizes)
        samples: (batch, channels, dimensions), of x's dtype.
    """
    plan = _at_random(x.dtype, x.shape, windows, counts) if x.__class__ is np.ndarray else None
    return NotImplemented if plan is None else plan(x, samples)


@lru_cache(256)
def _at_random(
    dtype: Any, shape: tuple[int, ...], windows: tuple[int, ...], counts: tuple[int, ...]
) -> Plan | None:
    """`largest_at_random` of arrays of this layout."""
    sizes, planes, element = shape[2:], shape[0] * shape[1], ELEMENTS.get(dtype)
    if element is None or 0 in shape or not _fits(sizes, counts):
        return None
    place = fractional.bounds(dtype, planes, sizes, windows, counts)
    work = planes * (math.prod(counts) * math.prod(windows) + math.prod(sizes) // 8)
    told, apart = (three(sizes, 1), three(counts, 1)), 2 * (sum(counts) + 3 - len(counts))
    numbers = _told_of_parts(planes, work, *told, windows[-1], apart)
    if _are_wide(math.prod(windows[:-1]), windows[-1], counts[-1], element):
        kernel = pooling_parts.maxima(element, machine().bits)
    else:
        kernel = pooling_kernel.maxima(element, machine().bits, Parts)
    made = (*shape[:2], *counts)

    def plan(x: Any, samples: Any) -> tuple[Any, Any]:
        y, places = memory.empty(made, dtype), memory.empty(made, memory.INT64)
        kernel(in_order(x), y, places, place(samples), *numbers)
        return y, places

    return plan


def taken(x: Any, places: Any) -> Any:
    """The elements of rows at places that count from 0; NotImplemented if one lies outside."""
    element = _element(x)
    if element is None or not _same_rows(x, places):
        return NotImplemented
    result = memory.empty(places.shape, x.dtype)
    outside = pooling_kernel.taken(element)(
        in_order(x), in_order(places), result,
        *_told_of_places(x.size // x.shape[-1], places.size, x.shape[-1], places.shape[-1]),
    )  # fmt: skip
    return NotImplemented if outside else result


@lru_cache(1024)
def _told_of_places(rows: int, work: int, size: int, count: int) -> tuple[int, ...]:
    job = Job(rows=rows, length=1, weight=work, divisible=False)
    return *job, *PlaceNumbers(size=size, count=count)


def spread(g: Any, places: Any, sizes: Sequence[int], window: Any = None) -> Any:
    """Arrays of the given last sizes with the elements of g added, in their order, at places of these
    sizes' elements counted as one row.

    Args:
        window: What the places are maxima of, where that is known: it does not matter here.
    """
    if g.dtype.name in HALF:
        return _rounded(spread(_single(g), places, sizes, window), g.dtype)
    element, lead = _element(g), g.shape[: g.ndim - len(sizes)]
    known = type(places) is np.ndarray and places.dtype == np.int64 and places.shape == g.shape
    if element is None or not known:
        return NotImplemented
    result = memory.empty((*lead, *sizes), g.dtype)
    rows, size = math.prod(lead), math.prod(sizes)
    outside = pooling_kernel.spread(element)(
        in_order(g), in_order(places), result,
        *_told_of_places(rows, g.size + result.size // 8, size, g.size // rows),
    )  # fmt: skip
    return NotImplemented if outside else result


def _same_rows(x: Any, places: Any) -> bool:
    return (
        type(places) is np.ndarray
        and places.dtype == np.int64
        and places.size > 0
        and x.ndim == places.ndim
        and x.shape[:-1] == places.shape[:-1]
    )


def averaged(x: Any, window: Any, counts: tuple[int, ...], divisor: Any) -> Any:
    """Sums over the windows, divided by a number or by one for each place."""
    if x.__class__ is not np.ndarray:
        return NotImplemented
    plan = means(x.dtype, x.shape, counts, window)
    return NotImplemented if plan is None else plan(x, _divisors(divisor, counts, x.dtype))


def averaged_of_parts(x: Any, counts: tuple[int, ...]) -> Any:
    """The means of the parts."""
    plan = means_of_parts(x.dtype, x.shape, counts) if x.__class__ is np.ndarray else None
    return NotImplemented if plan is None else plan(x)


@lru_cache(1024)
def means(
    dtype: Any, shape: tuple[int, ...], counts: tuple[int, ...], window: Any
) -> Callable | None:
    """`averaged` of arrays of this layout, as a function of them and of the divisors."""
    if dtype.name in HALF:
        return _in_single(means(memory.FLOAT32, shape, counts, window), dtype)
    element, numbers = ELEMENTS.get(dtype), _window(shape, counts, window)
    if element is None or numbers is None or 0 in shape:
        return None
    found = _wide_parts(shape, counts, window, element)
    if found is not None:
        kernel, given = pooling_parts.means(element, machine().bits), (found[0], *found[2])
    else:
        kernel, given = pooling_kernel.means(element, machine().bits, Windows), numbers
    made = (*shape[: len(shape) - len(counts)], *counts)

    def plan(x: Any, divisors: Any) -> Any:
        y = memory.empty(made, dtype)
        kernel(in_order(x), y, divisors, *given)
        return y

    return plan


@lru_cache(1024)
def means_of_parts(dtype: Any, shape: tuple[int, ...], counts: tuple[int, ...]) -> Plan | None:
    """`averaged_of_parts` of arrays of this layout."""
    if dtype.name in HALF:
        return _in_single(means_of_parts(memory.FLOAT32, shape, counts), dtype)
    found = _parts(shape, counts)
    if dtype not in ELEMENTS or found is None or 0 in shape:
        return None
    every, divisors, numbers, _ = found
    shares = divisors.astype(dtype)
    element, bits = ELEMENTS[dtype], machine().bits
    if _wide_parts(shape, counts, None, element) is not None:
        kernel = pooling_parts.means(element, bits)
    else:
        kernel = pooling_kernel.means(element, bits, Parts)
    made = (*shape[: len(shape) - len(counts)], *counts)

    def plan(x: Any) -> Any:
        y = memory.empty(made, dtype)
        kernel(in_order(x), y, shares, every, *numbers)
        return y

    return plan


def shared(g: Any, window: Any, counts: tuple[int, ...], divisor: Any, sizes: Any) -> Any:
    """Each window's value, divided, added to what it saw: the transpose of `averaged`."""
    if g.dtype.name in HALF:
        return _rounded(shared(_single(g), window, counts, divisor, sizes), g.dtype)
    element, dilation = _element(g), window[2]
    if element is None or set(dilation) != {1}:
        return NotImplemented
    found = _seeing(g.shape, counts, tuple(sizes), tuple(map(tuple, window)))
    if found is None:
        return NotImplemented
    return _shared(g, sizes, _divisors(divisor, counts, g.dtype), *found)


def shared_of_parts(g: Any, counts: tuple[int, ...], sizes: Any) -> Any:
    """Each part's value, divided, added to what it saw: the transpose of `averaged_of_parts`."""
    if g.dtype.name in HALF:
        return _rounded(shared_of_parts(_single(g), counts, sizes), g.dtype)
    parts = _parts((*g.shape[: g.ndim - len(counts)], *sizes), counts)
    if _element(g) is None or parts is None:
        return NotImplemented
    found = _seeing(g.shape, counts, tuple(sizes), None)
    if found is None:
        return NotImplemented
    return _shared(g, sizes, parts[1].astype(g.dtype), *found)


def _shared(g: Any, sizes: Any, divisors: Any, every: Any, numbers: tuple[int, ...]) -> Any:
    x = memory.empty((*g.shape[: g.ndim - len(sizes)], *sizes), g.dtype)
    kernel = pooling_kernel.shares(ELEMENTS[g.dtype], machine().bits)
    kernel(in_order(g), x, divisors, every, *numbers)
    return x


@lru_cache(1024)
def _seeing(
    shape: Sequence[int], counts: Sequence[int], sizes: Sequence[int], window: Any
) -> tuple[Any, tuple[int, ...]] | None:
    """Which places see each element of a dimension, as bounds; and what a kernel is told of them.

    window: None for parts.
    """
    if not _fits(sizes, counts):
        return None
    cut = []
    for i, (m, k) in enumerate(zip(sizes, counts)):
        if window is None:
            low, high = bounds(m, k)
        else:
            low = np.arange(k) * window[1][i] - window[3][i]
            high = low + window[0][i]
        element = np.arange(m)  # both bounds of the places grow with the place
        cut.append(
            (np.searchsorted(high, element, "right"), np.searchsorted(low, element, "right"))
        )
    one = np.zeros(1, np.int64), np.ones(1, np.int64)
    middle = [one] * (3 - len(cut))
    cut = [*middle, *cut] if len(cut) == 1 else [cut[0], *middle, *cut[1:]]
    every = np.concatenate([np.concatenate(pair) for pair in cut]).astype(np.int32)
    spans = [int((high - low).clip(0).sum()) for low, high in cut]
    planes = math.prod(shape) // math.prod(counts)
    lengths = (cut[2][1] - cut[2][0]).clip(0)
    work = planes * (math.prod(spans) + math.prod(sizes))
    longest = int(lengths.max())
    return every, _told_of_parts(planes, work, three(counts, 1), three(sizes, 1), longest)


def _divisors(divisor: Any, counts: tuple[int, ...], dtype: Any) -> Any:
    if divisor.dtype is dtype and divisor.shape == counts and divisor.flags.c_contiguous:
        return divisor
    if divisor.shape != counts:
        divisor = np.broadcast_to(divisor, counts)
    return np.ascontiguousarray(divisor, dtype)
