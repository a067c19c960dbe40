"""Euclidean distances of rows of many elements by a product of the matrices: |x|^2 + |y|^2 - 2 x.y.

That difference loses digits where rows lie close together beside their lengths. Such pairs are summed up again from their
differences, and where they are many all is left to `distance`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..array.copy import in_order
from ..llvm import BITS, Value, across_lanes, any_lane, quotient
from ..matmul.matmul import ELEMENTS, product
from ..matmul.microkernel import within
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from ..runtime.process import machine

LEAST_TERMS, LEAST_WORK = 48, 1 << 21
"""Elements of a row, and multiplications, from which a product takes less time than differences."""
CLOSE = 1 / 8
"""Squares of distances below this part of the sum of both squares are summed up again: others have lost three bits."""
MANY = 8
"""One in so many pairs of a row may be close."""
SOME = 16
"""Rows that are looked at before."""
RANGE = {"float": (1e-30, 1e37), "double": (1e-280, 1e300)}
"""Where sums of squares have lost nothing."""


class Numbers(NamedTuple):
    """Rows of both matrices of a pair, and how many elements each has."""

    m: int
    n: int
    k: int


def between(x: Any, y: Any) -> Any:
    """(..., m, n) of matrices (..., m, k) and (..., n, k) of one dtype; None where it is not made for them."""
    (m, k), n = x.shape[-2:], y.shape[-2]
    if k < LEAST_TERMS or x.size * n < LEAST_WORK or _are_close(x, y):
        return None
    made = product(x, y.swapaxes(-1, -2))
    if made is NotImplemented or not made.flags.c_contiguous:
        return None
    x, y, element = in_order(x), in_order(y), ELEMENTS[x.dtype]
    squares = [_squares(a, element) for a in (x, y)]
    job = Job(rows=x.size // k, length=1, weight=made.size * 4, divisible=False)
    wrong = _kernel(element)(x, y, *squares, made, *job, *Numbers(m, n, k))
    return None if wrong else made


def _are_close(x: Any, y: Any) -> bool:
    """Do many of a few rows lie close together, so that most would be summed up again?"""
    x, y = (a[..., :: -(-a.shape[-2] // SOME), :] for a in (x, y))
    with np.errstate(all="ignore"):
        both = (x * x).sum(-1)[..., :, None] + (y * y).sum(-1)[..., None, :]
        near = both - 2 * (x @ y.swapaxes(-1, -2)) < both * CLOSE
    return bool(np.count_nonzero(near) * MANY > near.size)


def _squares(x: Any, element: str) -> Any:
    """The sums of squares of rows."""
    made, (rows, k) = memory.empty(x.shape[:-1], x.dtype), (x.size // x.shape[-1], x.shape[-1])
    job = Job(rows=rows, length=1, weight=x.size, divisible=False)
    _summing(element)(x, made, *job, *Numbers(rows, 0, k))
    return made


@cache
def _summing(element: str) -> Callable[..., int]:
    def write(code: Body) -> None:
        k = code.n.k
        with code.rows() as row:
            x = code.at(code.p["x"], element, row * k)
            code.put(_sum(code, element, k, lambda at, rest: _read(code, x, element, at, rest)),
                     code.p["made"], row)  # fmt: skip

    return kernel(
        "squares", ("x", "made"), Numbers, write, machine().bits // BITS[element], makes=True
    )


def _read(code: Body, base: Value, element: str, at: Value, rest: Value) -> Value:
    return code.masked_load(code.at(base, element, at), code.vector(element), rest)


def _sum(code: Body, element: str, count: Value, value: Callable[[Value, Value], Value]) -> Value:
    """The sum of squares of what `value` gives for a place and the lanes that count."""
    total = code.slot(code.vector(element))
    code.store(code.constant(0.0, code.vector(element)), total)
    with code.loop(code.zero, count, code.lanes) as at:
        x = value(at, within(code, count - at))
        code.store(x.fma(x, code.load(total, code.vector(element))), total)
    return across_lanes(code.load(total, code.vector(element)), lambda a, b: a + b).lane()


@cache
def _kernel(element: str) -> Callable[..., int]:
    lanes, (low, high) = machine().bits // BITS[element], RANGE[element]

    def write(code: Body) -> None:
        n = code.n
        with code.rows() as row:
            pair = quotient(row, n.m)
            x = code.at(code.p["x"], element, row * n.k)
            y = code.at(code.p["y"], element, pair * n.n * n.k)
            lengths = code.at(code.p["ys"], element, pair * n.n)
            made = code.at(code.p["made"], element, row * n.n)
            own = code.splat(code.get(code.p["xs"], element, row))
            close, wrong = code.variable(0), code.variable(0)
            with code.loop(code.zero, n.n, lanes) as at:
                rest = within(code, n.n - at)
                both = own + _read(code, lengths, element, at, rest)
                square = both - _read(code, made, element, at, rest) * 2.0
                outside = rest & (both.equals(0.0) ^ 1) & ((both > low) & (both < high) ^ 1)
                wrong.value = wrong.value | any_lane(outside).widen("i64")
                code.masked_store(code.intrinsic("sqrt", square), code.at(made, element, at), rest)
                near = rest & ((square >= both * CLOSE) ^ 1)
                with code.when(any_lane(near)):
                    again(code, x, y, made, near, at, close)
            code.report(wrong.value | (close.value * MANY > n.n).widen("i64"))

    def again(
        code: Body, x: Value, y: Value, made: Value, near: Value, first: Value, close: Any
    ) -> None:
        """The distances of the lanes that are near, from differences."""
        n, flags = code.n, code.slot(code.vector("i8"))
        code.store(near.widen("i8"), flags)
        with code.loop(code.zero, code.number(lanes)) as lane:
            wanted = code.get(flags, "i8", lane).differs(0) & (close.value * MANY <= n.n)
            with code.when(wanted):
                other = code.at(y, element, (first + lane) * n.k)
                total = _sum(
                    code, element, n.k,
                    lambda at, rest: _read(code, x, element, at, rest) - _read(code, other, element, at, rest),
                )  # fmt: skip
                code.put(code.intrinsic("sqrt", total), made, first + lane)
                close.value = close.value + 1

    return kernel(
        "distances_by_product", ("x", "y", "xs", "ys", "made"), Numbers, write, lanes, makes=True
    )
