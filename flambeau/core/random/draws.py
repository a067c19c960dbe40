"""Random fills of NumPy arrays: the numbers PyTorch's CPU kernels draw from the same stream.

A function whose name ends in an underscore fills `out` in place and returns it. Values are drawn
one by one in the order of memory, whatever the strides. An empty array draws nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ... import kernels
from ..dtype import is_complex
from . import check
from .box_muller import CONSTANTS, PAIR, box_muller
from .fma import fused
from .generator import Generator, default_generator
from .libm import cos_sin, each
from .straight import GROUP, few, few_below
from .words import (
    CHUNK,
    bits53,
    check_floating,
    fill,
    memory_dims,
    name_of,
    real_view,
    store,
    uniform32,
    uniform64,
)


def _fused(x: np.ndarray, y: float, z: float) -> np.ndarray:
    """x * y + z with one rounding, which is no question where nothing is added or multiplied."""
    if z == 0 or y == 1:
        return x * y + z
    by = kernels.array.libm.fused if x.size > 64 and kernels.enabled() else fused
    return by(x, y, z)  # type: ignore[no-any-return]


def _double(fast: Callable, exact: Callable[[float], float], dtype: np.dtype) -> Callable:
    """The C library's function for float64, whose last bit shows; NumPy's for narrower types."""
    return partial(each, exact) if dtype.itemsize == 8 else fast


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


# ---- continuous distributions ----------------------------------------------------------------


def uniform_(
    out: np.ndarray, low: float = 0.0, high: float = 1.0, generator: Generator | None = None
) -> np.ndarray:
    """Fill `out` with uniform numbers from [low, high).

    Args:
        out: a floating or complex array of any strides.
        low: the smallest value.
        high: the end of the range, never drawn.
        generator: the stream to draw from; the default one if None.

    Raises:
        RuntimeError: the bounds are out of order or do not fit the dtype.
        NotImplementedError: the dtype is neither floating nor complex.

    Source: torch.Tensor.uniform_.
    """
    if few(out, generator, "uniform_", low, high):
        return out
    if is_complex(out.dtype):
        uniform_(real_view(out), low, high, generator)
        return out
    name = name_of(out.dtype)
    if name == "float32" and low == 0 and high == 1:
        return fill(out, generator, 1, uniform32)
    check.uniform(out.dtype, low, high)
    if name == "float64":
        return fill(out, generator, 2, lambda words: _scaled64(words, low, high))
    return fill(out, generator, 1, lambda words: _scaled32(words, low, high, out.dtype))


def _scaled64(words: np.ndarray, low: float, high: float) -> np.ndarray:
    values = _fused(uniform64(words), high - low, low)
    values[values == high] = low
    return values


def _scaled32(words: np.ndarray, low: float, high: float, dtype: np.dtype) -> np.ndarray:
    start, stop = np.float32(low), np.float32(high)
    # In float64 the product is exact, so that rounding the sum to float32 is a fused step.
    values = uniform32(words).astype(np.float64)
    values *= float(stop - start)
    values += float(start)
    values = values.astype(np.float32).astype(dtype)
    values[values == dtype.type(high)] = dtype.type(low)
    return values


def normal_(
    out: np.ndarray, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> np.ndarray:
    """Fill `out` with normal numbers.

    A contiguous array of 16 or more is made in groups of 16. Any other is made value by value in
    float64, two values from four words, of which the second waits for the next such draw.

    Args:
        out: a floating or complex array of any strides.
        mean: the mean.
        std: the standard deviation; for a complex array, of the complex number as a whole.
        generator: the stream to draw from; the default one if None.

    Raises:
        RuntimeError: `std` is negative.
        NotImplementedError: the dtype is neither floating nor complex.

    Source: torch.Tensor.normal_; Box and Muller, Ann. Math. Statist. 29 (1958).
    """
    if few(out, generator, "normal_", mean, std):
        return out
    check.normal(std)
    if out.size == 0:
        return out
    if is_complex(out.dtype):
        normal_(real_view(out), mean, std / math.sqrt(2), generator)
        return out
    check_floating(out.dtype, "normal_kernel_cpu")
    generator = generator or default_generator
    with generator.lock:
        if out.size >= GROUP and out.flags.c_contiguous:
            _normal_groups(out.reshape(-1), mean, std, generator)
        else:
            store(out, _fused(_normal_values(out.size, generator), std, mean))
    return out


def _normal_groups(flat: np.ndarray, mean: float, std: float, generator: Generator) -> None:
    """Fill in groups of 16; what is left over is covered by a last group that ends the array."""
    size = flat.size
    whole = size // GROUP * GROUP
    group, words_each = (_group64, 2) if name_of(flat.dtype) == "float64" else (_group32, 1)
    if whole == size:
        fill(flat, generator, words_each, lambda words: group(words, mean, std))
        return
    alone = 0
    if size * words_each > CHUNK:  # otherwise the last group is made together with the others
        alone = whole
        fill(flat[:whole], generator, words_each, lambda words: group(words, mean, std))
    # PyTorch draws the left-over uniforms too before it redraws, except in 16-bit dtypes.
    drawn = size if flat.dtype.itemsize > 2 else whole
    words = generator.take((drawn - alone + GROUP) * words_each)
    used = (words[: (whole - alone) * words_each], words[-GROUP * words_each :])
    values = group(np.concatenate(used), mean, std)
    flat[alone:whole] = values[:-GROUP]
    flat[-GROUP:] = values[-GROUP:]


def _group32(words: np.ndarray, mean: float, std: float) -> np.ndarray:
    if kernels.enabled():
        return kernels.array.mt19937.normal(words, mean, std, CONSTANTS)
    return box_muller(uniform32(words), mean, std)


def _group64(words: np.ndarray, mean: float, std: float) -> np.ndarray:
    pairs = uniform64(words).reshape(-1, 2, PAIR)
    radius = np.sqrt(-2.0 * each(math.log, 1.0 - pairs[:, 0]))
    cos, sin = cos_sin(2.0 * np.pi * pairs[:, 1])
    normal = np.stack((radius * cos, radius * sin), axis=1)
    return _fused(normal.reshape(-1), std, mean)


def _normal_values(size: int, generator: Generator) -> np.ndarray:
    """`size` standard normals in float64, the waiting one first if there is one."""
    waiting = [] if generator.next_normal is None else [generator.next_normal]
    pairs = (size - len(waiting) + 1) // 2
    uniform = uniform64(generator.take(4 * pairs)).reshape(-1, 2)
    if pairs < GROUP:  # faster on few numbers
        drawn = [value for u, v in uniform.tolist() for value in _normal_pair(u, v)]
        values = np.array(waiting + drawn)
    else:
        radius = np.sqrt(-2.0 * each(math.log1p, -uniform[:, 1]))
        cos, sin = cos_sin(2.0 * np.pi * uniform[:, 0])
        drawn = np.stack((radius * cos, radius * sin), axis=1)
        values = np.concatenate((waiting, drawn.reshape(-1)))  # type: ignore[arg-type]
    generator.next_normal = float(values[size]) if values.size > size else None
    return values[:size]


def _normal_pair(u: float, v: float) -> tuple[float, float]:
    radius = math.sqrt(-2.0 * math.log1p(-v))
    angle = 2.0 * math.pi * u
    return radius * math.cos(angle), radius * math.sin(angle)


def log_normal_(
    out: np.ndarray, mean: float = 1.0, std: float = 2.0, generator: Generator | None = None
) -> np.ndarray:
    """Fill `out` with numbers whose logarithm is normal with `mean` and `std`.

    Raises:
        RuntimeError: `std` is not positive.
        NotImplementedError: the dtype is not floating.

    Source: torch.Tensor.log_normal_.
    """
    if few(out, generator, "log_normal_", mean, std):
        return out
    check.log_normal(std)
    if out.size == 0:
        return out
    check_floating(out.dtype, "log_normal_cpu")
    generator = generator or default_generator
    with generator.lock, np.errstate(over="ignore"):
        values = _fused(_normal_values(out.size, generator), std, mean)
        store(out, _double(np.exp, _exp, out.dtype)(values))
    return out


def exponential_(
    out: np.ndarray, lambd: float = 1.0, generator: Generator | None = None
) -> np.ndarray:
    """Fill `out` with exponential numbers of rate `lambd`.

    Raises:
        RuntimeError: `lambd` is not positive, or the dtype is not floating.

    Source: torch.Tensor.exponential_.
    """
    if few(out, generator, "exponential_", lambd):
        return out
    check.exponential(out.dtype, lambd)
    log1p = _double(np.log1p, math.log1p, out.dtype)
    return fill(out, generator, 2, lambda words: -1.0 / lambd * log1p(-uniform64(words)))


def cauchy_(
    out: np.ndarray, median: float = 0.0, sigma: float = 1.0, generator: Generator | None = None
) -> np.ndarray:
    """Fill `out` with Cauchy numbers around `median` with half-width `sigma`.

    Raises:
        RuntimeError: `sigma` is not positive, or the dtype is not floating.

    Source: torch.Tensor.cauchy_.
    """
    if few(out, generator, "cauchy_", median, sigma):
        return out
    check.cauchy(out.dtype, sigma)
    tan = _double(np.tan, math.tan, out.dtype)

    def transform(words: np.ndarray) -> np.ndarray:
        return _fused(tan(np.pi * (uniform64(words) - 0.5)), sigma, median)

    with np.errstate(over="ignore"):
        return fill(out, generator, 2, transform)


def geometric_(out: np.ndarray, p: float, generator: Generator | None = None) -> np.ndarray:
    """Fill `out` with the number of trials up to the first success of probability `p`.

    Raises:
        RuntimeError: `p` is not between 0 and 1.
        NotImplementedError: the dtype is boolean, complex or unsigned of more than 8 bits.

    Source: torch.Tensor.geometric_.
    """
    if few(out, generator, "geometric_", p):
        return out
    check.geometric(out.dtype, p, "geometric_cpu")
    log_failure = math.log1p(-p)

    def transform(words: np.ndarray) -> np.ndarray:
        return np.ceil(np.log(uniform64(words)) / log_failure)

    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return fill(out, generator, 2, transform)


# ---- truth values ----------------------------------------------------------------------------


def bernoulli_(
    out: np.ndarray, p: float | np.ndarray = 0.5, generator: Generator | None = None
) -> np.ndarray:
    """Fill `out` with 1 with probability `p`, else 0.

    Args:
        out: a real or boolean array of any strides.
        p: one probability, or an array of them that broadcasts to `out`.
        generator: the stream to draw from; the default one if None.

    Raises:
        RuntimeError: a probability is not between 0 and 1.
        NotImplementedError: the dtype of `out` or `p` is not supported.

    Source: torch.Tensor.bernoulli_.
    """
    each = isinstance(p, np.ndarray)
    if each:
        check.bernoulli(out.dtype, None, "bernoulli_tensor_cpu_self_")
        return _bernoulli_each(out, p, generator)  # type: ignore[arg-type]
    if few(out, generator, "bernoulli_", p):
        return out
    check.bernoulli(out.dtype, p, "bernoulli_scalar_cpu_")  # type: ignore[arg-type]
    # u < p for u = bits / 2**53 is a comparison of integers.
    threshold = math.ceil(p * 2.0**53)
    return fill(out, generator, 2, lambda words: bits53(words) < threshold)


def dropout(x: np.ndarray, keep: float, generator: Generator | None = None) -> Any:
    """x with elements kept with a probability and divided by it, the others zero; and which were kept.

    NotImplemented on the CPU, where `bernoulli_` draws what x is multiplied with.
    """
    return NotImplemented


def leaky_slopes(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """1 where x is positive, uniform numbers elsewhere: only there they are drawn."""
    slopes = np.ones_like(x)
    negative = x <= 0
    slopes[negative] = uniform_(np.empty(int(negative.sum())), low, high)
    return slopes


def _bernoulli_each(out: np.ndarray, p: np.ndarray, generator: Generator | None) -> np.ndarray:
    if out.size == 0:
        return out
    check_floating(p.dtype, "bernoulli_tensor_cpu_p_")
    generator = generator or default_generator
    if few_below(out, p, generator):
        return out
    check.probabilities(bool(np.all((p >= 0) & (p <= 1))))
    order = memory_dims(out)
    p = np.broadcast_to(p, out.shape).transpose(order)
    with generator.lock:
        if name_of(p.dtype) == "float64":
            uniform = uniform64(generator.take(2 * out.size))
        else:
            uniform = uniform32(generator.take(out.size))
    out.transpose(order)[...] = uniform.reshape(p.shape) < p
    return out
