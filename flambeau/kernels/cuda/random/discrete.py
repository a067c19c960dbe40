"""Integers, truth values and numbers of trials."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...llvm import Value, remainder
from .. import driver
from ..thread import Thread
from . import number
from .continuous import real_type
from .distribution import BLOCK, Distribution, draw, name_of, stored
from .philox import PARAMETERS, WORDS, Stream, Take

_MANY = 1 << 28
"""From so many integers on, one is made of 64 bits."""


def _integer(x: Value, low: Value, count: Value, *, dtype: str) -> Value:
    return remainder(x, count.convert(x.type)).widen("i64") + low


INTEGER = Distribution("integer", number.words, _integer, ("i64", "i64"))


def integers_(out: Any, take: Take, low: int, count: int, long: bool | None = None) -> None:
    """Integers from low on, of which there are so many.

    Args:
        long: Make each of 64 bits? Where there are many, if None.
    """
    long = count >= _MANY if long is None else long
    draw(out, take, INTEGER, "i64" if long else "i32", low, count)


def _any_integer(x: Value, *, dtype: str) -> Value:
    return x


ANY_INTEGER = Distribution("any_integer", number.words, _any_integer)


def all_integers_(out: Any, take: Take) -> None:
    """Integers of 64 bits, all of them."""
    draw(out, take, ANY_INTEGER, "i64")


def _geometric(u: Value, p: Value, *, dtype: str) -> Value:
    below = number.logarithm(1.0 - p)
    return u.code.intrinsic("ceil", number.logarithm(u) / below)


GEOMETRIC = Distribution("geometric", number.uniform, _geometric, ("real",))


def geometric_(out: Any, take: Take, p: float) -> None:
    """How many trials of probability p there are up to the first success."""
    draw(out, take, GEOMETRIC, real_type(out), p)


def _bernoulli(u: Value, p: Value, *, dtype: str) -> Value:
    return (u < p).widen("i64")


BERNOULLI = Distribution("bernoulli", number.uniform, _bernoulli, ("real",))


def bernoulli_(out: Any, take: Take, p: float) -> None:
    """1 with probability p, else 0."""
    draw(out, take, BERNOULLI, real_type(out), p)


# ---- probabilities of their own ---------------------------------------------------------------


def bernoulli_each_(out: Any, take: Take, p: Any) -> None:
    """1 with the probability of the same element of p, else 0; thread t draws for elements 4 t to 4 t + 3.

    Args:
        out, p: Contiguous, of one shape; p is float64 where out is, else float32.
    """
    if out.size:
        kernel = _each_kernel(name_of(out.dtype), "double" if p.dtype == np.float64 else "float")
        grid = -(-out.size // (BLOCK * WORDS))
        kernel(grid, BLOCK, out, p, np.int64(out.size), *take(12).arguments())


@cache
def _each_kernel(dtype: str, type: str) -> driver.Kernel:
    code = Thread()
    out, p, count, *origin = code.takes("ptr out", "ptr p readonly", "i64 count", *PARAMETERS)
    first = code.first("i64")
    drawn = number.uniform(Stream(code, origin, first).four(), "float")
    for i, u in enumerate(drawn):
        place = first * WORDS + i
        with code.when(place < count):
            hit = u.convert(type) <= code.load(code.at(p, type, place), type)
            element = stored(hit.widen("i64"), dtype)
            code.store(element, code.at(out, element.type, place))
    name = f"bernoulli_each_{dtype}"
    return driver.Kernel(name, code.kernel(name))


__all__ = ["all_integers_", "bernoulli_", "bernoulli_each_", "geometric_", "integers_"]
