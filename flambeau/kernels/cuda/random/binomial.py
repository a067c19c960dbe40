"""Binomial numbers: by waiting times where few successes are expected, by transformed rejection elsewhere.

Source: Hörmann, J. Statist. Comput. Simul. 46 (1993), BTRS
"""

from __future__ import annotations

from ...elementary.exponential import log, log1p
from ...llvm import Value, choose
from ..thread import Thread
from . import number
from .philox import Stream
from .poisson import stirling_tail


def binomial(code: Thread, stream: Stream, count: Value, prob: Value) -> Value:
    """How many of `count` trials succeed, a float64; nan where the probability is."""
    p = choose(prob > 0.5, 1.0 - prob, prob)
    certain = choose(prob >= 1.0, count, count.like(0.0))
    made = code.variable(choose(prob.is_nan(), prob, certain), "double")
    with code.when((count > 0.0) & (p > 0.0)):
        hits = code.variable(code.constant(0.0, "double"))
        with code.either(count * p >= 10.0) as (many, few):
            with many:
                hits.value = _by_rejection(code, stream, count, p)
            with few:
                hits.value = _by_waiting(code, stream, count, p)
        made.value = choose(prob > 0.5, count - hits.value, hits.value)
    return made.value


def _by_waiting(code: Thread, stream: Stream, count: Value, p: Value) -> Value:
    """How many waiting times for a success fit into the trials."""
    log_failure = log1p(-p)
    waited, hits = (code.variable(code.constant(0.0, "double")) for _ in range(2))
    with code.repeat() as more:
        for u in number.uniform(stream.four(), "double"):
            waits = code.intrinsic("ceil", log(u) / log_failure)
            waited.value = waited.value + choose(waits < 1.0, waits.like(1.0), waits)
            more.stop_unless(waited.value <= count)
            hits.value = hits.value + 1.0
    return hits.value


def _by_rejection(code: Thread, stream: Stream, count: Value, p: Value) -> Value:
    spread = number.root(count * p * (1.0 - p))
    b = spread * 2.53 + 1.15
    a = b * 0.0248 - 0.0873 + p * 0.01
    accepted, ratio = 0.92 - 4.2 / b, p / (1.0 - p)
    alpha = (5.1 / b + 2.83) * spread
    m = code.intrinsic("floor", (count + 1.0) * p)
    top = (
        (m + 0.5) * log((m + 1.0) / (ratio * (count - m + 1.0)))
        + stirling_tail(m)
        + stirling_tail(count - m)
    )
    k = code.variable(code.constant(0.0, "double"))
    with code.repeat() as trial:
        u, v = number.uniform(stream.four(), "double")
        u = u - 0.5
        us = 0.5 - u.abs()
        k.value = code.intrinsic("floor", (a * 2.0 / us + b) * u + count * p + 0.5)
        trial.stop_when((us >= 0.07) & (v <= accepted))
        with code.when((k.value >= 0.0) & (k.value <= count)):
            left = log(v * alpha / (a / (us * us) + b))
            trial.stop_when(left <= top + _log_share(count, m, ratio, k.value))
    return k.value


def _log_share(count: Value, m: Value, ratio: Value, k: Value) -> Value:
    """What is left of the logarithm of k's probability over that of the mode m."""
    rest = count - k + 1.0
    return (
        (count + 1.0) * log((count - m + 1.0) / rest)
        + (k + 0.5) * log(ratio * rest / (k + 1.0))
        - stirling_tail(k)
        - stirling_tail(count - k)
    )


__all__ = ["binomial"]
