"""Numbers that are drawn until one is accepted: Poisson, binomial, gamma. A thread draws those of an element.

Element i has subsequence i. These are not the numbers that PyTorch's CUDA kernels draw from a seed, of which some come
from inside curand; they have the distributions, and are the same each time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ...llvm import Value
from ...loops.element import MEMORY, unpacked
from .. import driver
from ..thread import Thread
from .binomial import binomial as draw_binomial
from .distribution import BLOCK, name_of, policy, stored
from .gamma import gamma as draw_gamma
from .philox import PARAMETERS, WORDS, Stream, Take
from .poisson import poisson as draw_poisson

_COUNTERS = 64
"""What an element may use: that a draw takes more has a probability of less than 1e-15."""


def poisson(rate: Any, take: Take) -> Any:
    """Poisson numbers of given rates, an array of any floating dtype."""
    return _drawn("poisson", take, rate)


def binomial(count: Any, prob: Any, take: Take) -> Any:
    """Binomial numbers of given numbers of trials and probabilities: contiguous arrays of one shape and floating dtype."""
    return _drawn("binomial", take, count, prob)


def standard_gamma(alpha: Any, take: Take) -> Any:
    """Gamma numbers of given shape parameters, and scale one."""
    return _drawn("gamma", take, alpha)


_DRAWS: dict[str, tuple[Callable[..., Value], int, bool]] = {
    "poisson": (draw_poisson, 1, True),
    "binomial": (draw_binomial, 2, True),
    "gamma": (draw_gamma, 1, False),
}
"""What makes an element's number of a stream and parameters, how many of these, and whether it computes in float64."""


def _drawn(name: str, take: Take, *parameters: Any) -> Any:
    made = driver.cupy().empty(parameters[0].shape, parameters[0].dtype)
    if made.size:
        given = [driver.cupy().ascontiguousarray(x) for x in parameters]
        kernel = rejection_kernel(name, name_of(made.dtype))
        grid, _ = policy(made.size, WORDS)
        origin = take(_COUNTERS * WORDS)
        kernel(grid, BLOCK, *given, made, np.int64(made.size), *origin.arguments())
    return made


@cache
def rejection_kernel(name: str, dtype: str) -> driver.Kernel:
    """The kernel for arrays of this dtype."""
    draw, parameters, in_double = _DRAWS[name]
    type = "double" if in_double or dtype == "float64" else "float"
    code = Thread()
    arrays = code.takes(*(f"ptr x{i} readonly" for i in range(parameters)))
    made, count, *origin = code.takes("ptr made alone", "i64 count", *PARAMETERS)
    with code.loop(code.first("i64"), count, code.threads("i64")) as i:
        given = [
            unpacked(code.load(code.at(x, MEMORY[dtype], i), MEMORY[dtype]), dtype) for x in arrays
        ]
        value = draw(code, Stream(code, origin, i), *(x.convert(type) for x in given))
        element = stored(value if dtype == "float64" else value.convert("float"), dtype)
        code.store(element, code.at(made, MEMORY[dtype], i))
    name = f"{name}_{dtype}"
    return driver.Kernel(name, code.kernel(name))


__all__ = ["binomial", "poisson", "rejection_kernel", "standard_gamma"]
