"""Draws of categories with replacement: a thread a draw, by halving the running sums of its row.

Source: PyTorch, aten/src/ATen/native/cuda/MultinomialKernel.cu
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ...llvm import choose
from .. import driver
from ..thread import Thread
from . import number
from .philox import PARAMETERS, WORDS, Stream, Take

_BLOCK = 128
_ROWS = 65535
"""The largest grid across rows."""
_SMALL = 2.0**-24
"""One over the most categories; products with it are exact."""


def with_replacement(weights: Any, samples: int, take: Take) -> Any:
    """Indices (rows, samples) drawn in proportion to weights (rows, categories), of float32 or float64."""
    cupy = driver.cupy()
    rows, categories = weights.shape
    share = _shares(weights)
    sums = cupy.cumsum(share, axis=1)
    drawn = cupy.empty((rows, samples), np.int64)
    grid = -(-samples // _BLOCK), min(rows, _ROWS)
    origin = take(-(-rows // grid[1]) * WORDS)
    _kernel("double" if weights.dtype == np.float64 else "float")(
        grid, _BLOCK, drawn, sums, share, np.int64(rows), np.int64(samples), np.int64(categories), *origin.arguments()
    )  # fmt: skip
    return drawn


def _shares(weights: Any) -> Any:
    """Weights over their sums, which may be larger than any number of the dtype."""
    if weights.dtype == np.float64:
        weights = weights * _SMALL
        return weights / weights.sum(axis=1, keepdims=True)
    total = weights.sum(axis=1, keepdims=True, dtype=np.float64)
    return (weights / total).astype(np.float32)


@cache
def _kernel(type: str) -> driver.Kernel:
    code = Thread()
    drawn, sums, share, rows, samples, categories, *origin = code.takes(
        "ptr drawn alone", "ptr sums readonly", "ptr share readonly", "i64 rows", "i64 samples", "i64 categories",
        *PARAMETERS,
    )  # fmt: skip
    sample, first = code.first("i64"), code.special("ctaid", "i64", "y")
    stream = Stream(code, origin, first * code.threads("i64") + sample)
    with (
        code.when(sample < samples),
        code.loop(first, rows, code.special("nctaid", "i64", "y")) as row,
    ):
        u = number.uniform(stream.four(), "float")[0].convert(type)
        start = row * categories
        found = _found(code, code.at(sums, type, start), code.at(share, type, start), categories, u)
        code.store(found, code.at(drawn, "i64", row * samples + sample))
    name = f"multinomial_{type}"
    return driver.Kernel(name, code.kernel(name))


def _found(code: Thread, sums: Any, share: Any, count: Any, u: Any) -> Any:
    """The first category whose running sum reaches u, or the last before it that has a weight."""
    low, high = code.variable(0), code.variable(count)
    with code.repeat() as halving:
        halving.stop_unless(low.value < high.value)
        middle = (low.value + high.value).down(1)
        below = code.load(code.at(sums, u.type, middle), u.type) < u
        low.value, high.value = (
            choose(below, middle + 1, low.value),
            choose(below, high.value, middle),
        )
    low.value = choose(low.value.equals(count), count - 1, low.value)
    with code.repeat() as back:
        back.stop_unless(low.value > 0)
        back.stop_unless(code.load(code.at(share, u.type, low.value), u.type).equals(0.0))
        low.value = low.value - 1
    return low.value


__all__ = ["with_replacement"]
