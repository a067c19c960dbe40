"""Poisson numbers by rejection, one after the other, from a list of uniform numbers.

Source: Hörmann, Insurance: Mathematics and Economics 12 (1993), PTRS; Knuth's products for small rates.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import Value, external
from ..runtime.entry import Body, kernel

_EXP, _LOG, _LGAMMA = (external(f"double @{name}(double)") for name in ("exp", "log", "lgamma"))


def drawn(rates: Any, uniform: Any, made: Any) -> tuple[int, int]:
    """Numbers of float64 rates, in order, as far as the uniform numbers reach.

    Returns: How many are made, and how many uniform numbers that took.
    """
    state = np.zeros(2, np.int64)
    _drawer()(rates, uniform, made, state, 1, made.size, made.size, 0, len(uniform))
    return int(state[0]), int(state[1])


class Count(NamedTuple):
    """How many uniform numbers there are."""

    count: int


@cache
def _drawer() -> Callable[..., int]:
    return kernel(
        "poisson",
        ("rates", "uniform", "made", "state"),
        Count,
        lambda code: Drawer(code).write(),
        1,
    )


class Drawer:
    """Writes the loop over rates. A number that lacks a uniform one is not counted as made."""

    def __init__(self, code: Body):
        self.code = code
        self.at = code.variable(0)
        self.lacks = code.variable(0)

    def write(self) -> None:
        code, state = self.code, self.code.p["state"]
        done, used, going = code.variable(0), code.variable(0), code.variable(1)
        with code.repeat() as each:
            each.stop_when(going.value.equals(0) | (done.value >= code.n.length))
            rate = code.get(code.p["rates"], "double", done.value)
            found = code.slot("double", code.constant(0.0, "double"))
            with code.when(rate.differs(0.0)), code.either(rate < 10.0) as (small, large):
                with small:
                    self.by_products(rate, found)
                with large:
                    self.by_rejection(rate, found)
            with code.either(self.lacks.value.differs(0)) as (short, whole):
                with short:
                    going.value = code.zero
                with whole:
                    code.put(code.load(found, "double"), code.p["made"], done.value)
                    done.value = done.value + 1
                    used.value = self.at.value
        code.put(done.value, state, code.number(0))
        code.put(used.value, state, code.number(1))

    def next(self) -> Value:
        """The next uniform number; 0 where there is none, which is noted."""
        code = self.code
        at = self.at.value
        there = at < code.n.count
        last = there.select(at, code.zero)
        self.lacks.value = self.lacks.value | (there ^ 1).widen("i64")
        self.at.value = at + 1
        value = code.get(code.p["uniform"], "double", last)
        return there.select(value, 0.0)

    def by_products(self, rate: Value, found: Value) -> None:
        """How many uniform numbers can be multiplied before the product is below exp(-rate)."""
        code = self.code
        limit = code.run(_EXP, -rate)
        product = code.slot("double", self.next())
        with code.repeat() as more:
            more.stop_unless(code.load(product, "double") > limit)
            code.store(code.load(found, "double") + 1.0, found)
            code.store(code.load(product, "double") * self.next(), product)

    def by_rejection(self, rate: Value, found: Value) -> None:
        code = self.code
        b = code.intrinsic("sqrt", rate) * 2.53 + 0.931
        a = b * 0.02483 + -0.059
        inverse_alpha = 1.1328 / (b - 3.4) + 1.1239
        accepted = 0.9277 - 3.6224 / (b - 2.0)
        with code.repeat() as tries:
            u = self.next() - 0.5
            v = self.next()
            tries.stop_when(self.lacks.value.differs(0))
            us = 0.5 - u.abs()
            k = code.intrinsic("floor", (a * 2.0 / us + b) * u + rate + 0.43)
            code.store(k, found)
            tries.stop_when((us >= 0.07) & (v <= accepted))
            tries.next_when((k < 0.0) | ((us < 0.013) & (v > us)))
            spread = code.run(_LOG, a / (us * us) + b)
            left = code.run(_LOG, v) + code.run(_LOG, inverse_alpha) - spread
            right = k * code.run(_LOG, rate) - rate - code.run(_LGAMMA, k + 1.0)
            tries.stop_when(left <= right)
