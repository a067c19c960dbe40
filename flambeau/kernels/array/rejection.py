"""Poisson, binomial and gamma numbers by rejection, one after the other, from the words of a generator.

A number takes as many uniform numbers as it takes. A kernel is given words, makes what they suffice for, and says how many
numbers that were and how many words they took; a number that lacks a word is begun again when there are more.

Source: Hörmann, Insurance: Mathematics and Economics 12 (1993), PTRS, and Knuth's products for small rates; Hörmann,
J. Statist. Comput. Simul. 46 (1993), BTRS; Marsaglia and Tsang, ACM TOMS 26 (2000).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import Value, external
from ..runtime import memory
from ..runtime.entry import Body, NoNumbers, kernel

_EXP, _LOG, _LOG1P, _COS, _SIN, _LGAMMA = (
    external(f"double @{name}(double)") for name in ("exp", "log", "log1p", "cos", "sin", "lgamma")
)
_POW = external("double @pow(double, double)")
ELEMENTS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
"""What numbers are drawn of and stored as; the others are converted."""
THIRD = 0.3333333432674408
SQUEEZE = 0.03310000151395798
"""Constants of PyTorch's kernel, which it has as float32."""


WRONG = 1 << 61
"""What a kernel gives that met a parameter out of its range, of which there are no numbers."""


def flat(x: Any) -> Any:
    """The elements of an array one after the other, as the kernels read them."""
    dtype = x.dtype if x.dtype in ELEMENTS else np.dtype(np.float64)
    return np.ascontiguousarray(x, dtype).reshape(-1)


def empty_like(x: Any) -> Any:
    """Where the kernels put as many numbers as x has elements."""
    return memory.empty((x.size,), x.dtype if x.dtype in ELEMENTS else np.dtype(np.float64))


def drawer(name: str, dtype: Any) -> Callable[..., int] | None:
    """The kernel of ``poisson``, ``binomial``, ``binomial_of`` or ``gamma``; None for dtypes that it does not read.

    Its arguments are its operands, words, the array, ``state`` (does a normal number wait?), ``left`` (which), ``1, size,
    size, 0``, the word to begin with and how many there are from there. See `counted` for what it gives.
    """
    element = ELEMENTS.get(dtype)
    return None if element is None else _drawer(_DRAWERS[name], element)


def counted(status: int) -> tuple[int, int]:
    """How many numbers were made, as far as the words reached, and how many words that took."""
    return status >> 32, status & 0xFFFF_FFFF


class Count(NamedTuple):
    """The word to begin with, and how many there are from there."""

    start: int
    count: int


@cache
def _drawer(kind: type[Drawer], element: str) -> Callable[..., int]:
    arrays = (*kind.operands, "words", "made", "state", "left")
    return kernel(kind.__name__.lower(), arrays, Count, lambda code: kind(code, element).write(), 1)


class Drawer(ABC):
    """Writes the loop over numbers. One that lacks a word is not counted as made."""

    operands: tuple[str, ...]

    def __init__(self, code: Body, element: str):
        self.code, self.element = code, element
        code.p["words"] = code.at(code.p["words"], "i32", code.n.start)
        self.at = code.variable(0)
        self.lacks = code.variable(0)
        self.wrong = code.variable(0)
        self.found = code.slot("double")
        self.waits = code.variable(code.get(code.p["state"], "i64", code.zero))
        self.left = code.slot("double", code.get(code.p["left"], "double", code.zero))

    @abstractmethod
    def number(self, i: Value) -> None:
        """Write the steps that leave number i in `found`."""

    def write(self) -> None:
        code = self.code
        done, at, waits = (code.variable(x) for x in (0, 0, self.waits.value))
        left = code.slot("double", code.load(self.left, "double"))
        with code.repeat() as each:
            each.stop_when(done.value >= code.n.length)
            code.store(code.constant(0.0, "double"), self.found)
            self.number(done.value)
            each.stop_when((self.lacks.value | self.wrong.value).differs(0))
            code.put(self.rounded(code.load(self.found, "double")), code.p["made"], done.value)
            done.value = done.value + 1
            at.value, waits.value = self.at.value, self.waits.value
            code.store(code.load(self.left, "double"), left)
        code.put(waits.value, code.p["state"], code.zero)
        code.put(code.load(left, "double"), code.p["left"], code.zero)
        code.report(done.value << 32 | at.value | self.wrong.value * WRONG)

    def rounded(self, value: Value) -> Value:
        """A number as it is stored."""
        return value.convert(self.element)

    def get(self, name: str, i: Value) -> Value:
        return self.code.get(self.code.p[name], self.element, i)

    def uniform(self) -> Value:
        """The next uniform number; one half where there is none, which is noted."""
        code = self.code
        at = self.at.value
        there = (at + 1) < code.n.count
        first = there.select(at, code.zero)
        self.lacks.value = self.lacks.value | (there ^ 1).widen("i64")
        self.at.value = at + 2
        high, low = (
            code.get(code.p["words"], "i32", k).widen("i64")
            for k in (first, there.select(at + 1, code.zero))
        )
        value = ((high << 32 | low) & (1 << 53) - 1).convert("double") * 2.0**-53
        return there.select(value, 0.5)


class Poisson(Drawer):
    """Of rates from 10 on by rejection, of smaller ones by products."""

    operands = ("rates",)

    def number(self, i: Value) -> None:
        code = self.code
        rate = self.get("rates", i).convert("double")
        self.wrong.value = ((rate >= 0.0) ^ 1).widen("i64")
        with code.when(rate > 0.0), code.either(rate < 10.0) as (small, large):
            with small:
                self.by_products(rate)
            with large:
                self.by_rejection(rate)

    def by_products(self, rate: Value) -> None:
        """How many uniform numbers can be multiplied before the product is below exp(-rate)."""
        code, found = self.code, self.found
        limit = code.run(_EXP, -rate)
        product = code.slot("double", self.uniform())
        with code.repeat() as more:
            more.stop_unless(code.load(product, "double") > limit)
            more.stop_when(self.lacks.value.differs(0))
            code.store(code.load(found, "double") + 1.0, found)
            code.store(code.load(product, "double") * self.uniform(), product)

    def by_rejection(self, rate: Value) -> None:
        code = self.code
        b = code.intrinsic("sqrt", rate) * 2.53 + 0.931
        a = b * 0.02483 + -0.059
        inverse_alpha = 1.1328 / (b - 3.4) + 1.1239
        accepted = 0.9277 - 3.6224 / (b - 2.0)
        with code.repeat() as tries:
            u = self.uniform() - 0.5
            v = self.uniform()
            tries.stop_when(self.lacks.value.differs(0))
            us = 0.5 - u.abs()
            k = code.intrinsic("floor", (a * 2.0 / us + b) * u + rate + 0.43)
            code.store(k, self.found)
            tries.stop_when((us >= 0.07) & (v <= accepted))
            tries.next_when((k < 0.0) | ((us < 0.013) & (v > us)))
            spread = code.run(_LOG, a / (us * us) + b)
            left = code.run(_LOG, v) + code.run(_LOG, inverse_alpha) - spread
            right = k * code.run(_LOG, rate) - rate - code.run(_LGAMMA, k + 1.0)
            tries.stop_when(left <= right)


class Binomial(Drawer):
    """Where ten or more successes are expected by rejection, else by waiting for each of them."""

    operands = ("trials", "prob", "tails")

    def given(self, i: Value) -> list[Value]:
        """The number of trials, the probability, the smaller of it and its opposite, and that part of the trials."""
        count, prob = self.get("trials", i), self.get("prob", i)
        p = (prob > 0.5).select(1.0 - prob, prob)
        return [count, prob, p, count * p]

    def number(self, i: Value) -> None:
        code, found = self.code, self.found
        count, prob, p, expected = (x.convert("double") for x in self.given(i))
        with code.attempt() as one:
            one.stop_when((count <= 0.0) | (prob <= 0.0))
            code.store(prob.is_nan().select(prob, count), found)
            one.stop_when((prob >= 1.0) | prob.is_nan() | count.is_nan())
            code.store(code.constant(0.0, "double"), found)
            with code.either(expected >= 10.0) as (many, few):
                with many:
                    self.by_rejection(count, p)
                with few:
                    self.by_waiting(count, p)
            hits = code.load(found, "double")
            code.store((prob <= 0.5).select(hits, count - hits), found)

    def by_waiting(self, count: Value, p: Value) -> None:
        """How many waiting times for a success fit into the trials."""
        code, found = self.code, self.found
        log_failure = code.run(_LOG1P, -p)
        waited = code.slot("double", code.constant(0.0, "double"))
        with code.repeat() as more:
            u = self.uniform()
            more.stop_when(self.lacks.value.differs(0) | (u <= 0.0))
            wait = code.intrinsic("ceil", code.run(_LOG, u) / log_failure)
            code.store(code.load(waited, "double") + wait, waited)
            more.stop_when(code.load(waited, "double") > count)
            code.store(code.load(found, "double") + 1.0, found)

    def by_rejection(self, count: Value, p: Value) -> None:
        code = self.code
        spread = code.intrinsic("sqrt", count * p * (1.0 - p))
        b = spread * 2.53 + 1.15
        a = b * 0.0248 + -0.0873 + p * 0.01
        c = count * p + 0.5
        accepted = 0.92 - 4.2 / b
        ratio = p / (1.0 - p)
        alpha = (5.1 / b + 2.83) * spread
        m = code.intrinsic("floor", (count + 1.0) * p)
        with code.repeat() as tries:
            u = self.uniform() - 0.5
            v = self.uniform()
            tries.stop_when(self.lacks.value.differs(0))
            us = 0.5 - u.abs()
            k = code.intrinsic("floor", (a * 2.0 / us + b) * u + c)
            code.store(k, self.found)
            tries.stop_when((us >= 0.07) & (v <= accepted))
            tries.next_when((k < 0.0) | (k > count))
            height = code.run(_LOG, v * alpha / (a / (us * us) + b))
            rest = count - m + 1.0
            bound = (m + 0.5) * code.run(_LOG, (m + 1.0) / (ratio * rest))
            bound = bound + (count + 1.0) * code.run(_LOG, rest / (count - k + 1.0))
            turned = ratio * (count - k + 1.0) / (k + 1.0)
            bound = bound + (k + 0.5) * code.run(_LOG, turned)
            bound = bound + self.tail(m) + self.tail(count - m) - self.tail(k)
            tries.stop_when(height <= bound - self.tail(count - k))

    def tail(self, k: Value) -> Value:
        """The error of Stirling's series for log(k!)."""
        listed = self.code.intrinsic("minnum", k, self.code.constant(9.0, "double")).convert("i64")
        square = (k + 1.0) * (k + 1.0)
        series = (1 / 12 - (1 / 360 - (1 / 1260) / square) / square) / (k + 1.0)
        return (k <= 9.0).select(self.code.get(self.code.p["tails"], "double", listed), series)


class BinomialOf(Binomial):
    """The same, where all that is given was rounded to another type."""

    operands = ("trials", "prob", "p", "expected", "tails")

    def given(self, i: Value) -> list[Value]:
        return [self.get(name, i) for name in self.operands[:-1]]


class Gamma(Drawer):
    """Of a shape parameter below one, by way of the next larger one."""

    operands = ("shapes",)

    def number(self, i: Value) -> None:
        code = self.code
        shape = self.get("shapes", i)
        self.wrong.value = ((shape >= 0.0) ^ 1).widen("i64")
        scale = code.slot("double", code.constant(1.0, "double"))
        grown = code.slot(self.element, shape)
        with code.attempt() as one:
            one.stop_when((shape > 0.0) ^ 1)
            with code.when(shape < 1.0):
                base, exponent = 1.0 - self.uniform(), (1.0 / shape).convert("double")
                code.store(code.run(_POW, base, exponent), scale)
                code.store(shape + 1.0, grown)
            # these steps are in the tensor's own precision
            d = (code.load(grown, self.element) - THIRD).convert("double")
            self.by_rejection(d)
            found = code.load(scale, "double") * d * code.load(self.found, "double")
            code.store(found, self.found)

    def rounded(self, value: Value) -> Value:
        made = value.convert(self.element)
        smallest = float(np.finfo(np.float64 if self.element == "double" else np.float32).tiny)
        return (made < smallest).select(self.code.constant(smallest, self.element), made)

    def by_rejection(self, d: Value) -> None:
        code = self.code
        c = 1.0 / code.intrinsic("sqrt", d * 9.0)
        with code.repeat() as tries:
            x = self.normal()
            y = c * x + 1.0
            tries.stop_when(self.lacks.value.differs(0))
            tries.next_when(y <= 0.0)
            v = y * y * y
            code.store(v, self.found)
            u, square = 1.0 - self.uniform(), x * x
            tries.stop_when(u < 1.0 - square * SQUEEZE * square)
            right = square * 0.5 + d * (1.0 - v + code.run(_LOG, v))
            tries.stop_when((code.run(_LOG, u) < right) | self.lacks.value.differs(0))

    def normal(self) -> Value:
        """The number that waits, or the first of a pair, whose second then waits."""
        code, left = self.code, self.left
        given = code.slot("double", code.load(left, "double"))
        with code.either(self.waits.value.differs(0)) as (one, none):
            with one:
                self.waits.value = code.zero
            with none:
                angle = self.uniform() * (2 * np.pi)
                radius = code.intrinsic("sqrt", code.run(_LOG1P, -self.uniform()) * -2.0)
                code.store(radius * code.run(_COS, angle), given)
                code.store(radius * code.run(_SIN, angle), left)
                self.waits.value = code.number(1)
        return code.load(given, "double")


_DRAWERS: dict[str, type[Drawer]] = {
    "poisson": Poisson, "binomial": Binomial, "binomial_of": BinomialOf, "gamma": Gamma,
}  # fmt: skip


def simplex(drawn: Any, made: Any, length: int) -> None:
    """Rows of so many numbers of float64, divided by their sum, as the smallest normal number at least.

    Args:
        drawn: The numbers, in order.
        made: Of float32 or float64.
    """
    rows = made.size // length
    _simplex(ELEMENTS[made.dtype])(drawn, made, rows, length, made.size, 0)


@cache
def _simplex(element: str) -> Callable[..., int]:
    smallest = float(np.finfo(np.float64 if element == "double" else np.float32).tiny)

    def write(code: Body) -> None:
        total = code.slot("double")
        with code.rows() as row:
            first = row * code.n.length
            code.store(code.constant(0.0, "double"), total)
            with code.loop(first, first + code.n.length) as i:
                number = code.get(code.p["drawn"], "double", i)
                code.store(code.load(total, "double") + number, total)
            whole = code.load(total, "double")
            with code.loop(first, first + code.n.length) as i:
                part = (code.get(code.p["drawn"], "double", i) / whole).convert(element)
                part = (part < smallest).select(code.constant(smallest, element), part)
                code.put(part, code.p["made"], i)

    return kernel("simplex", ("drawn", "made"), NoNumbers, write, 1)
