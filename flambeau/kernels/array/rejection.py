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
from ..runtime.entry import Body, kernel

_EXP, _LOG, _LOG1P, _COS, _SIN, _LGAMMA = (
    external(f"double @{name}(double)") for name in ("exp", "log", "log1p", "cos", "sin", "lgamma")
)
_POW = external("double @pow(double, double)")
ELEMENTS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
"""What numbers are drawn of and stored as; the others are converted."""
THIRD = 0.3333333432674408
SQUEEZE = 0.03310000151395798
"""Constants of PyTorch's kernel, which it has as float32."""


class Waiting:
    """A normal number that the last pair left over, if any, and the words that were made use of."""

    def __init__(self, normal: float | None = None):
        self.state = np.array([0, 0, normal is not None], np.int64)
        self.left = np.array([normal or 0.0])

    @property
    def normal(self) -> float | None:
        return float(self.left[0]) if self.state[2] else None


def flat(x: Any) -> Any:
    """The elements of an array one after the other, as the kernels read them."""
    dtype = x.dtype if x.dtype in ELEMENTS else np.dtype(np.float64)
    return np.ascontiguousarray(x, dtype).reshape(-1)


def empty_like(x: Any) -> Any:
    """Where the kernels put as many numbers as x has elements."""
    return memory.empty((x.size,), x.dtype if x.dtype in ELEMENTS else np.dtype(np.float64))


def poisson(rates: Any, words: Any, made: Any) -> tuple[int, int]:
    """Numbers of given rates, as far as the words reach.

    Returns: How many are made, and how many words that took.
    """
    return _run(_drawer(Poisson, ELEMENTS[made.dtype]), (rates,), words, made, Waiting())


def binomial(
    count: Any, prob: Any, p: Any, expected: Any, tails: Any, words: Any, made: Any
) -> tuple[int, int]:
    """How many of `count` trials succeed, of float64.

    Args:
        p, expected: The smaller of the probabilities of success and failure, and its part of `count`.
        tails: The error of Stirling's series for log(k!), k = 0 .. 9.
    """
    given = (count, prob, p, expected, tails)
    return _run(_drawer(Binomial, "double"), given, words, made, Waiting())


def gamma(shapes: Any, words: Any, made: Any, waiting: Waiting) -> tuple[int, int]:
    """Numbers of given shape parameters and scale one."""
    return _run(_drawer(Gamma, ELEMENTS[made.dtype]), (shapes,), words, made, waiting)


def _run(
    drawer: Callable[..., int], given: tuple, words: Any, made: Any, waiting: Waiting
) -> tuple[int, int]:
    state, size = waiting.state, made.size
    drawer(*given, words, made, state, waiting.left, 1, size, size, 0, len(words))
    return int(state[0]), int(state[1])


class Count(NamedTuple):
    """How many words there are."""

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
        self.at = code.variable(0)
        self.lacks = code.variable(0)
        self.found = code.slot("double")
        self.waits = code.variable(code.get(code.p["state"], "i64", code.number(2)))
        self.left = code.slot("double", code.get(code.p["left"], "double", code.zero))

    @abstractmethod
    def number(self, i: Value) -> None:
        """Write the steps that leave number i in `found`."""

    def write(self) -> None:
        code, state = self.code, self.code.p["state"]
        done = code.variable(0)
        code.put(code.zero, state, code.number(1))
        with code.repeat() as each:
            each.stop_when(done.value >= code.n.length)
            code.store(code.constant(0.0, "double"), self.found)
            self.number(done.value)
            each.stop_when(self.lacks.value.differs(0))
            made = code.load(self.found, "double").convert(self.element)
            code.put(made, code.p["made"], done.value)
            done.value = done.value + 1
            code.put(self.at.value, state, code.number(1))
            code.put(self.waits.value, state, code.number(2))
            code.put(code.load(self.left, "double"), code.p["left"], code.zero)
        code.put(done.value, state, code.number(0))

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
        with code.when(rate.differs(0.0)), code.either(rate < 10.0) as (small, large):
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

    operands = ("trials", "prob", "p", "expected", "tails")

    def number(self, i: Value) -> None:
        code, found = self.code, self.found
        count, prob, p = (self.get(name, i) for name in ("trials", "prob", "p"))
        with code.attempt() as one:
            one.stop_when((count <= 0.0) | (prob <= 0.0))
            code.store(prob.is_nan().select(prob, count), found)
            one.stop_when((prob >= 1.0) | prob.is_nan() | count.is_nan())
            code.store(code.constant(0.0, "double"), found)
            with code.either(self.get("expected", i) >= 10.0) as (many, few):
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
        return (k <= 9.0).select(self.get("tails", listed), series)


class Gamma(Drawer):
    """Of a shape parameter below one, by way of the next larger one."""

    operands = ("shapes",)

    def number(self, i: Value) -> None:
        code = self.code
        shape = self.get("shapes", i)
        scale = code.slot("double", code.constant(1.0, "double"))
        grown = code.slot(self.element, shape)
        with code.attempt() as one:
            one.stop_when(shape.equals(0.0))
            with code.when(shape < 1.0):
                base, exponent = 1.0 - self.uniform(), (1.0 / shape).convert("double")
                code.store(code.run(_POW, base, exponent), scale)
                code.store(shape + 1.0, grown)
            # these steps are in the tensor's own precision
            d = (code.load(grown, self.element) - THIRD).convert("double")
            self.by_rejection(d)
            found = code.load(scale, "double") * d * code.load(self.found, "double")
            code.store(found, self.found)

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
