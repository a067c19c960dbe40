"""Poisson and binomial numbers by rejection: those of PyTorch's CPU kernels, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ... import kernels
from ...formula.dimensions import broadcast_arrays
from . import check
from .generator import Generator, default_generator
from .rejection import rejected, rejecting
from .words import check_floating, uniform64

Uniform = Callable[[], float]

# The error of Stirling's series for log(k!), k = 0 .. 9.
_TAIL = (
    *(0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509),
    *(0.0166446911898211, 0.0138761288230707, 0.0118967099458917, 0.0104112652619720),
    *(0.00925546218271273, 0.00833056343336287),
)
_TAILS = np.array(_TAIL)
_AHEAD = 128  # words looked at together


class _Uniforms:
    """Uniform float64 numbers one by one; closing takes the words of those that were asked for."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator
        self.values: list[float] = []
        self.at = 0
        self.seen_ahead = False

    def __call__(self) -> float:
        if self.at == len(self.values):
            self.close()
            words = self.generator.rest()[:_AHEAD]
            words = words[: len(words) & ~1]
            self.seen_ahead = len(words) > 0
            if not self.seen_ahead:  # a pair that begins a block, or lies in two
                words = self.generator.take(2)
            self.values, self.at = uniform64(words).tolist(), 0
        self.at += 1
        return self.values[self.at - 1]

    def close(self) -> None:
        if self.seen_ahead:
            self.generator.take(2 * self.at)
            self.seen_ahead = False


def _each(
    draw: Callable[[tuple[float, ...], Uniform], float],
    arrays: Sequence[np.ndarray],
    generator: Generator | None,
) -> list[float]:
    generator = generator or default_generator
    with generator.lock:
        uniform = _Uniforms(generator)
        try:
            return [draw(values, uniform) for values in zip(*(a.ravel().tolist() for a in arrays))]
        finally:
            uniform.close()


def poisson(rate: np.ndarray, generator: Generator | None = None) -> np.ndarray:
    """Poisson numbers of given rates.

    Raises:
        RuntimeError: a rate is negative.
        NotImplementedError: the dtype is not floating.

    Source: torch.poisson; Hörmann, Insurance: Mathematics and Economics 12 (1993), PTRS.
    """
    check_floating(rate.dtype, "poisson_cpu")
    if kernels.enabled():
        rejection = kernels.array.rejection
        made = rejection.empty_like(rate)
        rejected(
            "poisson", (rejection.flat(rate),), made, generator or default_generator, refuse=_refuse
        )
        return made.reshape(rate.shape).astype(rate.dtype, copy=False)
    check.rates(bool((rate >= 0).all()))
    wide = rate.astype(np.float64)
    values = _each(lambda rates, uniform: _poisson(rates[0], uniform), (wide,), generator)
    return np.array(values, np.float64).reshape(rate.shape).astype(rate.dtype)


def _refuse() -> None:
    check.rates(False)


def poisson_like(rate: np.ndarray) -> Callable[..., np.ndarray] | None:
    """`poisson` for rates like these, given a generator and the rates; None where they are not few, or not for kernels."""
    return rejecting("poisson", rate, refuse=_refuse)


def binomial_like(count: np.ndarray, prob: np.ndarray) -> Callable[..., np.ndarray] | None:
    """`binomial` for arrays like these, given a generator and both; None likewise."""
    if count.shape != prob.shape or count.dtype != prob.dtype:
        return None
    return rejecting("binomial", count, _TAILS)


def _poisson(rate: float, uniform: Uniform) -> float:
    if rate == 0:
        return 0
    if rate < 10:
        return _poisson_by_products(math.exp(-rate), uniform)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    accepted = 0.9277 - 3.6224 / (b - 2)
    while True:
        u, v = uniform() - 0.5, uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= accepted:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        left = math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if left <= -rate + k * math.log(rate) - math.lgamma(k + 1):
            return k


def _poisson_by_products(limit: float, uniform: Uniform) -> int:
    """How many uniform numbers can be multiplied before the product is below the limit (Knuth)."""
    count, product = 0, uniform()
    while product > limit:
        count += 1
        product *= uniform()
    return count


def binomial(count: np.ndarray, prob: np.ndarray, generator: Generator | None = None) -> np.ndarray:
    """Binomial numbers of given numbers of trials and probabilities.

    Source: torch.binomial; Hörmann, J. Statist. Comput. Simul. 46 (1993), BTRS.
    """
    if count.shape != prob.shape:
        count, prob = broadcast_arrays(count, prob)
    if kernels.enabled() and count.dtype == prob.dtype and count.itemsize > 2:
        return _binomial_many("binomial", (count, prob), generator or default_generator)
    p = np.where(prob > 0.5, 1 - prob, prob).astype(count.dtype)
    hits = count * p  # rounded to the dtype, as PyTorch has it
    wide = [x.astype(np.float64) for x in (count, prob, p, hits)]
    if kernels.enabled():
        drawn = _binomial_many("binomial_of", wide, generator or default_generator)
        return drawn.astype(count.dtype)
    values = _each(lambda x, uniform: _binomial(x[0], x[1], x[2], x[3], uniform), wide, generator)
    return np.array(values, np.float64).reshape(count.shape).astype(count.dtype)


def _binomial_many(name: str, arrays: Sequence[np.ndarray], generator: Generator) -> np.ndarray:
    """Binomial numbers by a kernel."""
    rejection = kernels.array.rejection
    made = rejection.empty_like(arrays[0])
    rejected(name, [rejection.flat(x) for x in arrays], made, generator, _TAILS)
    return made.reshape(arrays[0].shape)  # type: ignore[no-any-return]


def _binomial(count: float, prob: float, p: float, expected: float, uniform: Uniform) -> float:
    if count <= 0 or prob <= 0:
        return 0
    if prob >= 1:
        return count
    if prob != prob or count != count:
        return math.nan
    draw = _by_rejection if expected >= 10 else _by_waiting
    hits = draw(count, p, uniform)
    return hits if prob <= 0.5 else count - hits


def _by_waiting(count: float, p: float, uniform: Uniform) -> int:
    """How many waiting times for a success fit into the trials."""
    log_failure = math.log1p(-p)
    waited, hits = 0.0, 0
    while True:
        u = uniform()
        waited += math.ceil(math.log(u) / log_failure) if u > 0 else math.inf
        if waited > count:
            return hits
        hits += 1


def _by_rejection(count: float, p: float, uniform: Uniform) -> float:
    spread = math.sqrt(count * p * (1 - p))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c = count * p + 0.5
    accepted = 0.92 - 4.2 / b
    ratio = p / (1 - p)
    alpha = (2.83 + 5.1 / b) * spread
    m = math.floor((count + 1) * p)
    while True:
        u, v = uniform() - 0.5, uniform()
        us = 0.5 - abs(u)
        k = math.floor((2 * a / us + b) * u + c)
        if us >= 0.07 and v <= accepted:
            return k
        if k < 0 or k > count:
            continue
        v = math.log(v * alpha / (a / (us * us) + b))
        bound = (
            (m + 0.5) * math.log((m + 1) / (ratio * (count - m + 1)))
            + (count + 1) * math.log((count - m + 1) / (count - k + 1))
            + (k + 0.5) * math.log(ratio * (count - k + 1) / (k + 1))
            + _tail(m)
            + _tail(count - m)
            - _tail(k)
            - _tail(count - k)
        )
        if v <= bound:
            return k


def _tail(k: float) -> float:
    if k <= 9:
        return _TAIL[int(k)]
    square = (k + 1) ** 2
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)
