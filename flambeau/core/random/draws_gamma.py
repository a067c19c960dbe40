"""Gamma numbers by rejection: those of PyTorch's CPU kernel, one after the other."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ... import kernels
from . import check
from .generator import Generator, default_generator
from .rejection import rejected, rejecting

THIRD = 0.3333333432674408
"""One third as PyTorch's kernel has it: a float32."""
SQUEEZE = 0.03310000151395798
"""0.0331 as it has that."""


class _Stream:
    """Uniform and normal float64 numbers one by one."""

    def __init__(self, generator: Generator) -> None:
        self.generator = generator

    def uniform(self) -> float:
        high, low = self.generator.take(2).tolist()
        return ((high << 32 | low) & ((1 << 53) - 1)) * 2.0**-53

    def normal(self) -> float:
        waiting = self.generator.next_normal
        if waiting is not None:
            self.generator.next_normal = None
            return waiting
        u, v = self.uniform(), self.uniform()
        radius = math.sqrt(-2.0 * math.log1p(-v))
        self.generator.next_normal = radius * math.sin(2.0 * math.pi * u)
        return radius * math.cos(2.0 * math.pi * u)


def _gamma(shape: np.floating, stream: _Stream) -> float:
    scale = 1.0
    alpha = shape
    if alpha < 1:
        if alpha == 0:
            return 0.0
        scale = (1 - stream.uniform()) ** float(1 / alpha)
        alpha = alpha + type(shape)(1)
    d = float(alpha - type(shape)(THIRD))  # these few steps are in the tensor's own precision
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = stream.normal()
        y = 1.0 + c * x
        if y <= 0:
            continue
        v = y * y * y
        u = 1 - stream.uniform()
        square = x * x
        if u < 1.0 - SQUEEZE * square * square:
            return scale * d * v
        if math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
            return scale * d * v


def standard_gamma(alpha: np.ndarray, generator: Generator | None = None) -> np.ndarray:
    """Gamma numbers of given shape parameters and scale one.

    Source: torch._standard_gamma; Marsaglia and Tsang, ACM TOMS 26 (2000)
    """
    generator = generator or default_generator
    if kernels.enabled():
        rejection = kernels.array.rejection
        made = rejection.empty_like(alpha)
        rejected("gamma", (rejection.flat(alpha),), made, generator, refuse=_refuse)
        return made.reshape(alpha.shape).astype(alpha.dtype, copy=False)
    check.shapes("_standard_gamma", bool((alpha >= 0).all()))
    stream = _Stream(generator)
    with generator.lock:
        values = np.array([_gamma(a, stream) for a in alpha.ravel()])
    smallest = np.finfo(alpha.dtype).tiny
    return np.maximum(values.reshape(alpha.shape), smallest).astype(alpha.dtype, copy=False)


def _refuse() -> None:
    check.shapes("_standard_gamma", False)


def gamma_like(alpha: np.ndarray) -> Callable[..., np.ndarray] | None:
    """`standard_gamma` for parameters like these, given a generator and the parameters; None where they are not few, or not
    for kernels."""
    return rejecting("gamma", alpha, refuse=_refuse)


def dirichlet(alpha: np.ndarray, generator: Generator | None = None) -> np.ndarray:
    """Points on the simplex: gamma numbers, divided by their sum.

    Source: torch._sample_dirichlet
    """
    check.shapes("_sample_dirichlet", bool((alpha >= 0).all()))
    drawn = standard_gamma(alpha.astype(np.float64), generator)
    if drawn.size and kernels.enabled():
        return _divided(drawn, alpha.dtype)
    values = (drawn / drawn.sum(-1, keepdims=True)).astype(alpha.dtype)
    return np.maximum(values, np.finfo(alpha.dtype).tiny)


def _divided(drawn: np.ndarray, dtype: np.dtype) -> np.ndarray:
    made = np.empty(drawn.shape, dtype)
    kernels.array.rejection.simplex(drawn, made, drawn.shape[-1])
    return made


def dirichlet_like(alpha: np.ndarray) -> Callable[..., np.ndarray] | None:
    """`dirichlet` for parameters like these, likewise."""
    draw = rejecting("gamma", np.empty(alpha.shape), refuse=_refuse)
    if draw is None:
        return None
    dtype, wide = alpha.dtype, np.dtype(np.float64)
    return lambda generator, x: _divided(draw(generator, x.astype(wide, "C")), dtype)
