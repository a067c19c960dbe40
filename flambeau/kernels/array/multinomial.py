"""Categories drawn with replacement: where uniform numbers fall among the running sums of a row of weights.

A sum waits for the one before it, so a few rows are added up side by side. Sums are not divided by their total but
where they are looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from ..llvm import BITS, choose
from ..runtime import memory
from ..runtime.entry import Body, Job, kernel
from .copy import in_order

TOGETHER = 8
"""Rows that are added up side by side."""
MOST = 1 << 16
"""Weights of a row whose sums stay near."""
ELEMENTS = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}


class Numbers(NamedTuple):
    """Rows, weights of one, and numbers that are drawn for each."""

    count: int
    size: int
    drawn: int


def drawn(weights: Any, uniform: Any) -> Any:
    """(rows, drawn) categories, int64; NotImplemented for what this is not made for.

    Args:
        weights: (rows, categories), whose sums have their dtype, added up from the first on.
        uniform: float64 (rows, drawn).
    """
    element = ELEMENTS.get(weights.dtype) if weights.__class__ is np.ndarray else None
    if element is None or weights.shape[1] > MOST:
        return NotImplemented
    made = memory.empty(uniform.shape, memory.INT64)
    groups = -(-len(weights) // TOGETHER)
    job = Job(rows=groups, length=1, weight=2 * weights.size, divisible=False)
    numbers = Numbers(count=len(weights), size=weights.shape[1], drawn=uniform.shape[1])
    _kernel(element)(in_order(weights), in_order(uniform), made, *job, *numbers)
    return made


@cache
def _kernel(element: str) -> Callable[..., int]:
    def write(code: Body) -> None:
        n, p = code.n, code.p
        sums = code.scratch(n.size * (TOGETHER * BITS[element] // 8))
        with code.rows() as group:
            # The last row serves where there is none any more.
            rows = [code.smaller(group * TOGETHER + k, n.count - 1) for k in range(TOGETHER)]
            weights = [code.at(p["weights"], element, row * n.size) for row in rows]
            totals = [code.slot(element, code.constant(0.0, element)) for _ in rows]
            with code.loop(code.zero, n.size) as i:
                for k, (own, total) in enumerate(zip(weights, totals)):
                    value = code.load(total, element) + code.get(own, element, i)
                    code.store(value, total)
                    code.put(value, sums, i * TOGETHER + k)
            for k, (row, total) in enumerate(zip(rows, totals)):
                whole = code.load(total, element)
                with code.loop(code.zero, n.drawn) as j:
                    wanted = code.get(p["uniform"], "double", row * n.drawn + j)
                    low, high = code.variable(0), code.variable(n.size - 1)  # the last one is 1
                    with code.repeat() as halves:
                        halves.stop_unless(low.value < high.value)
                        middle = (low.value + high.value).down(1)
                        share = code.get(sums, element, middle * TOGETHER + k) / whole
                        less = share.convert("double") < wanted
                        now = low.value
                        low.value = choose(less, middle + 1, now)
                        high.value = choose(less, high.value, middle)
                    code.put(low.value, p["made"], row * n.drawn + j)
        code.free(sums)

    return kernel("multinomial", ("weights", "uniform", "made"), Numbers, write, 1, makes=True)
