"""Draws on CUDA devices: what stands there for the functions of `draws.py`, `draws_integer.py` and their neighbours.

They take the same arguments. A seed gives the numbers that it gives in PyTorch on the same GPU, but for the roundings of
elementary functions; Poisson, binomial and gamma numbers are others.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...kernels.cuda import driver
from ...kernels.cuda.random import continuous, discrete, permutation, rejection
from ...kernels.cuda.random import dropout as dropping
from ...kernels.cuda.random import multinomial as categories
from ...kernels.cuda.random.philox import Take
from ..dtype import is_complex
from . import check, check_integer
from .default import default_at
from .generator import Generator
from .philox import PhiloxGenerator
from .words import check_floating, name_of


def _generator(where: int, generator: Generator | None) -> PhiloxGenerator:
    """The generator to draw from for an array on a device.

    Raises:
        RuntimeError: It is another device's.
    """
    made = generator or default_at("cuda", where)
    if not isinstance(made, PhiloxGenerator):
        raise RuntimeError(
            f"Expected a 'cuda' device type for generator but found '{made.device.type}': draw with a generator of the "
            f"device where the tensor is, torch.Generator('cuda')"
        )
    return made


def _take(x: Any, generator: Generator | None) -> Take:
    return _generator(x.device.id, generator).origin


def _there(function: Callable) -> Callable:
    """A draw for an array, with the array's device as the current one."""

    @functools.wraps(function)
    def call(x: Any, *given: Any, **options: Any) -> Any:
        if driver.device() == x.device.id:
            return function(x, *given, **options)
        with x.device:
            return function(x, *given, **options)

    return call


def _wide(x: Any) -> Any:
    """Floats of 16 bits as float32: CuPy does not compute with all of them."""
    return x.astype(np.float32) if x.itemsize == 2 else x


# ---- continuous distributions ----------------------------------------------------------------


@_there
def uniform_(
    out: Any, low: float = 0.0, high: float = 1.0, generator: Generator | None = None
) -> Any:
    """Fill `out` with uniform numbers from [low, high)."""
    if is_complex(out.dtype):
        return _parts(out, lambda real: uniform_(real, low, high, generator))
    check.uniform(out.dtype, low, high)
    continuous.uniform_(out, _take(out, generator), low, high)
    return out


@_there
def normal_(
    out: Any, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Any:
    """Fill `out` with normal numbers."""
    check.normal(std)
    if is_complex(out.dtype):
        return _parts(out, lambda real: normal_(real, mean, std / math.sqrt(2), generator))
    check_floating(out.dtype, "normal_kernel_cuda")
    continuous.normal_(out, _take(out, generator), mean, std)
    return out


def _parts(out: Any, fill: Any) -> Any:
    """A complex array, whose parts are filled as neighbours."""
    flat = driver.cupy().empty(2 * out.size, np.float32 if out.itemsize == 8 else np.float64)
    fill(flat)
    out[...] = flat.view(out.dtype).reshape(out.shape)
    return out


@_there
def log_normal_(
    out: Any, mean: float = 1.0, std: float = 2.0, generator: Generator | None = None
) -> Any:
    """Fill `out` with numbers whose logarithm is normal."""
    check.log_normal(std)
    check_floating(out.dtype, "log_normal_cuda")
    continuous.log_normal_(out, _take(out, generator), mean, std)
    return out


@_there
def exponential_(out: Any, lambd: float = 1.0, generator: Generator | None = None) -> Any:
    """Fill `out` with exponential numbers of rate `lambd`."""
    check.exponential(out.dtype, lambd)
    continuous.exponential_(out, _take(out, generator), lambd)
    return out


@_there
def cauchy_(
    out: Any, median: float = 0.0, sigma: float = 1.0, generator: Generator | None = None
) -> Any:
    """Fill `out` with Cauchy numbers around `median` with half-width `sigma`."""
    check.cauchy(out.dtype, sigma)
    continuous.cauchy_(out, _take(out, generator), median, sigma)
    return out


# ---- discrete ones ---------------------------------------------------------------------------


@_there
def geometric_(out: Any, p: float, generator: Generator | None = None) -> Any:
    """Fill `out` with the number of trials up to the first success of probability `p`."""
    check.geometric(out.dtype, p, "geometric_cuda")
    discrete.geometric_(out, _take(out, generator), p)
    return out


@_there
def bernoulli_(out: Any, p: Any = 0.5, generator: Generator | None = None) -> Any:
    """Fill `out` with 1 with probability `p`, a number or an array of them, else 0."""
    take = _take(out, generator)
    if not isinstance(p, driver.cupy().ndarray):
        if getattr(p, "ndim", 0):
            raise RuntimeError(
                "bernoulli_: the probabilities are on the CPU and the tensor on a CUDA device: move them there"
            )
        check.bernoulli(out.dtype, float(p), "bernoulli_scalar_cuda_")
        discrete.bernoulli_(out, take, float(p))
        return out
    check.bernoulli(out.dtype, None, "bernoulli_tensor_cuda_self_")
    check_floating(p.dtype, "bernoulli_tensor_cuda_p_")
    cupy, p = driver.cupy(), p.astype(np.float64 if out.dtype == np.float64 else np.float32)
    if driver.can_look():
        check.probabilities(bool(((p >= 0) & (p <= 1)).all()))
    each = cupy.ascontiguousarray(cupy.broadcast_to(p, out.shape))
    drawn = out if out.flags.c_contiguous else cupy.empty(out.shape, out.dtype)
    discrete.bernoulli_each_(drawn, take, each)
    if drawn is not out:
        out[...] = drawn
    return out


@_there
def random_(
    out: Any, low: int | None = None, high: int | None = None, generator: Generator | None = None
) -> Any:
    """Fill `out` with uniform integers: see `draws_integer.random_`."""
    take = _take(out, generator)
    if low is None:
        check_integer.any_integer(out.dtype, "random_kernel_cuda")
        count = check_integer.largest_integer(out.dtype) + 1
        discrete.integers_(out, take, 0, count, name_of(out.dtype) in ("int64", "float64"))
    elif high is None and low == check_integer.INT64_MIN:
        check_integer.full_range(out.dtype, "random_full_64_bits_range_kernel_cuda")
        discrete.all_integers_(out, take)
    else:
        low, stop = check_integer.bounds(out.dtype, low, high)
        discrete.integers_(out, take, low, stop - low)
    return out


@_there
def permutation_like(x: Any, generator: Generator | None = None) -> Any:
    """The integers below x's size in random order, of its dtype."""
    check_integer.permutation(x.size, x.dtype)
    return permutation.randperm(x.size, x.dtype, _take(x, generator))


@_there
def multinomial(
    probs: Any, num_samples: int, replacement: bool = False, generator: Generator | None = None
) -> Any:
    """Indices of categories, drawn with probability proportional to `probs`."""
    check_integer.multinomial(probs, num_samples, replacement)
    rows = probs.reshape(-1, probs.shape[-1])
    shape = (*probs.shape[:-1], num_samples)
    cupy = driver.cupy()
    if not rows.shape[0]:
        return cupy.empty(shape, np.int64)
    wide, take = _wide(rows), _take(probs, generator)
    if driver.can_look():
        check_integer.weights(wide)
        if not replacement:
            check_integer.supply(wide, num_samples)
    if replacement and num_samples > 1:
        return categories.with_replacement(wide, num_samples, take).reshape(shape)
    race = cupy.empty(rows.shape, rows.dtype)
    continuous.exponential_(race, take, 1.0)
    race = _wide((wide / _wide(race)).astype(rows.dtype))  # rounded as the rows are
    race = cupy.where(wide > 0, race, wide.dtype.type(-1))
    if num_samples == 1:
        return race.argmax(axis=1).reshape(shape)
    return cupy.argsort(-race, axis=1, kind="stable")[:, :num_samples].reshape(shape)


@_there
def poisson(rate: Any, generator: Generator | None = None) -> Any:
    """Poisson numbers of given rates."""
    check_floating(rate.dtype, "poisson_cuda")
    if driver.can_look():
        check.rates(bool((_wide(rate) >= 0).all()))
    return rejection.poisson(rate, _take(rate, generator))


@_there
def binomial(count: Any, prob: Any, generator: Generator | None = None) -> Any:
    """Binomial numbers of given numbers of trials and probabilities."""
    count, prob = driver.cupy().broadcast_arrays(count, prob)
    return rejection.binomial(count, prob.astype(count.dtype), _take(count, generator))


@_there
def standard_gamma(alpha: Any, generator: Generator | None = None) -> Any:
    """Gamma numbers of given shape parameters and scale one."""
    return rejection.standard_gamma(alpha, _take(alpha, generator))


# ---- within neural networks ------------------------------------------------------------------


@_there
def dropout(x: Any, keep: float, generator: Generator | None = None) -> Any:
    """x with elements kept with a probability and divided by it, the others zero; and which were kept."""
    check_floating(x.dtype, "fused_dropout")
    return dropping.dropout(x, keep, _take(x, generator))


@_there
def leaky_slopes(x: Any, low: float, high: float) -> Any:
    """1 where x is positive, uniform numbers elsewhere: see `draws.leaky_slopes`."""
    drawn = _wide(uniform_(driver.cupy().empty(x.shape, x.dtype), low, high))
    return driver.cupy().where(_wide(x) > 0, drawn.dtype.type(1), drawn).astype(x.dtype)


__all__ = [
    *("bernoulli_", "binomial", "cauchy_", "dropout", "exponential_", "geometric_", "leaky_slopes"),
    *("log_normal_", "multinomial", "normal_", "permutation_like", "poisson", "random_"),
    *("standard_gamma", "uniform_"),
]
