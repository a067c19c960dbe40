"""Where the windows of fractional pooling lie: one random number for each dimension of each plane says it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np

from ..array.copy import in_order
from ..convolution.plan import axes, three
from ..matmul.matmul import ELEMENTS
from ..runtime.entry import Body, Job, kernel


class Numbers(NamedTuple):
    """Of each dimension.

    Attributes:
        u0, u1, u2: How many windows there are.
        n0, n1, n2: Their sizes.
        e0, e1, e2: Where the last one starts.
        c0, c1, c2: Which of a plane's random numbers is its own.
        numbers: How many of them a plane has.
    """

    u0: int
    u1: int
    u2: int
    n0: int
    n1: int
    n2: int
    e0: int
    e1: int
    e2: int
    c0: int
    c1: int
    c2: int
    numbers: int


@lru_cache(256)
def bounds(
    dtype: Any,
    planes: int,
    sizes: tuple[int, ...],
    windows: tuple[int, ...],
    counts: tuple[int, ...],
) -> Callable[[Any], Any] | None:
    """A function of random numbers that gives the starts and the ends of windows for each plane, of one of three
    dimensions after the other (int32).

    The numbers are (planes, dimensions), of which the first belongs to the width of an image, but to the depth of a
    volume. None for numbers of types that the arithmetic is not made for.

    Args:
        sizes, windows, counts: Of a plane, of windows, and how many of them.
    """
    element = ELEMENTS.get(dtype)
    if element is None:
        return None
    n = len(sizes)
    own = [n - 1 - i if n == 2 else i for i in range(n)]
    last = [m - k for m, k in zip(sizes, windows)]
    shape = planes, 2 * (sum(counts) + 3 - n)
    numbers = Numbers(
        **axes("u", three(counts, 1)), **axes("n", three(windows, 1)), **axes("e", three(last, 0)),
        **axes("c", three(own, 0)), numbers=n,
    )  # fmt: skip
    given = *Job(rows=planes, length=1, weight=math.prod(shape), divisible=False), *numbers
    kernel = _kernel(element)

    def place(samples: Any) -> Any:
        made = np.empty(shape, np.int32)
        kernel(in_order(samples), made, *given)
        return made

    return place


@cache
def _kernel(element: str) -> Callable[..., int]:
    def write(code: Body) -> None:
        n = code.n
        width = (n.u0 + n.u1 + n.u2) * 2
        with code.rows() as row:
            start = row * width
            for i in range(3):
                count, last, size, own = (getattr(n, f"{k}{i}") for k in "uenc")
                u = code.get(code.p["samples"], element, row * n.numbers + own)
                step = last.convert(element) / (count - 1).convert(element)
                before = (u * step).convert("i64")
                with code.loop(code.zero, count) as j:
                    inner = ((j.convert(element) + u) * step).convert("i64") - before
                    at = (j + 1).equals(count).select(last, inner)
                    for place, value in ((start + j, at), (start + count + j, at + size)):
                        code.put(value.convert("i32"), code.p["made"], place)
                start = start + count * 2

    return kernel("fractional", ("samples", "made"), Numbers, write, 1, makes=True)
