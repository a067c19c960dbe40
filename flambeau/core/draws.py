"""Random fills of NumPy arrays: the numbers PyTorch's CPU kernels draw from the same stream.

A function whose name ends in an underscore fills `out` in place and returns it. Values are drawn
one by one in the order of memory, whatever the strides. An empty array draws nothing.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from .box_muller import PAIR, box_muller
from .fma import fused
from .generator import BLOCK, Generator, default_generator

_GROUP = 2 * PAIR  # normals are made sixteen at a time
_CHUNK = 48 * BLOCK  # words transformed at once: they and the scratch arrays stay in cache

# Bits of the significand, by the name of a floating dtype (bfloat16 is not NumPy's own).
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
_LARGEST = {"float16": 65504.0, "bfloat16": 3.3895313892515355e38}
_LARGEST |= {name: float(np.finfo(name).max) for name in ("float32", "float64")}
_UNSIGNED = ("uint16", "uint32", "uint64")  # PyTorch fills these from bounds only

Transform = Callable[[np.ndarray], np.ndarray]


@functools.cache  # NumPy puts the name together on each reading, which takes longer than a draw
def _name(dtype: np.dtype) -> str:
    return dtype.name


# ---- from words to numbers -------------------------------------------------------------------


def _words64(words: np.ndarray) -> np.ndarray:
    """64-bit numbers of which each has its high word first."""
    result = words[0::2].astype(np.uint64)
    result <<= np.uint64(32)
    result |= words[1::2]
    return result


def _uniform32(words: np.ndarray) -> np.ndarray:
    """float32 in [0, 1): the low 24 bits of each word."""
    result = (words & 0xFFFFFF).astype(np.float32)
    result *= np.float32(2**-24)
    return result


def _bits53(words: np.ndarray) -> np.ndarray:
    result = _words64(words)
    result &= np.uint64(2**53 - 1)
    return result.view(np.int64)


def _uniform64(words: np.ndarray) -> np.ndarray:
    """float64 in [0, 1): the low 53 bits of each pair of words."""
    return _bits53(words) * 2.0**-53


def _fused(x: np.ndarray, y: float, z: float) -> np.ndarray:
    """x * y + z with one rounding, which is no question where nothing is added or multiplied."""
    return x * y + z if z == 0 or y == 1 else fused(x, y, z)


# ---- filling an array ------------------------------------------------------------------------


def _memory_order(out: np.ndarray) -> np.ndarray:
    """A view of `out` whose C order walks through memory upwards."""
    return out if out.flags.c_contiguous else out.transpose(_memory_dims(out))


def _memory_dims(out: np.ndarray) -> list[int]:
    return sorted(range(out.ndim), key=lambda dim: -abs(out.strides[dim]))


def _narrow(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`values` ready to be stored as `dtype`: PyTorch rounds to 16 bits by way of float32."""
    if dtype.itemsize == 2 and values.dtype == np.float64 and _name(dtype) in _DIGITS:
        return values.astype(np.float32)
    return values


def _fill(
    out: np.ndarray, generator: Generator | None, words_each: int, transform: Transform
) -> np.ndarray:
    """Store transform(words) in `out`, which takes `words_each` words for each value."""
    generator = generator or default_generator
    target = _memory_order(out)
    size = out.size
    with generator.lock:
        if size * words_each <= _CHUNK:
            values = transform(generator.take(size * words_each))
            target[...] = _narrow(values, out.dtype).reshape(target.shape)
            return out
        contiguous = target.flags.c_contiguous
        flat = target.reshape(-1) if contiguous else np.empty(size, out.dtype)
        step = _CHUNK // words_each
        for start in range(0, size, step):
            stop = min(start + step, size)
            values = transform(generator.take((stop - start) * words_each))
            flat[start:stop] = _narrow(values, out.dtype)
    if not contiguous:
        target[...] = flat.reshape(target.shape)
    return out


def _real_view(out: np.ndarray) -> np.ndarray:
    """The real and imaginary parts of a complex array along a new last dimension."""
    return out[..., None].view(out.real.dtype)


def _not_implemented(kernel: str, dtype: np.dtype) -> NotImplementedError:
    return NotImplementedError(
        f'"{kernel}" not implemented for {_name(dtype)}; draw in a supported dtype and convert'
    )


def _check_floating(dtype: np.dtype, kernel: str) -> None:
    if _name(dtype) not in _DIGITS:
        raise _not_implemented(kernel, dtype)


def _check_continuous(dtype: np.dtype, name: str) -> None:
    if _name(dtype) not in _DIGITS:
        raise RuntimeError(
            f"{name} distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {_name(dtype)}"
        )


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
    if out.dtype.kind == "c":
        uniform_(_real_view(out), low, high, generator)
        return out
    name = _name(out.dtype)
    if name == "float32" and low == 0 and high == 1:
        return _fill(out, generator, 1, _uniform32)
    _check_uniform(out.dtype, low, high)
    if name == "float64":
        return _fill(out, generator, 2, lambda words: _scaled64(words, low, high))
    return _fill(out, generator, 1, lambda words: _scaled32(words, low, high, out.dtype))


def _check_uniform(dtype: np.dtype, low: float, high: float) -> None:
    _check_floating(dtype, "check_uniform_bounds")
    largest = _LARGEST[_name(dtype)]
    for name, value in (("from", low), ("to", high)):
        if not -largest <= value <= largest:
            raise RuntimeError(f"{name} is out of bounds for {_name(dtype)}: {value}")
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low} > to={high}"
        )
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= {largest}, the largest {_name(dtype)}, but found to={high} "
            f"and from={low} which result in to-from to exceed the limit"
        )


def _scaled64(words: np.ndarray, low: float, high: float) -> np.ndarray:
    values = _fused(_uniform64(words), high - low, low)
    values[values == high] = low
    return values


def _scaled32(words: np.ndarray, low: float, high: float, dtype: np.dtype) -> np.ndarray:
    start, stop = np.float32(low), np.float32(high)
    # In float64 the product is exact, so that rounding the sum to float32 is a fused step.
    values = _uniform32(words).astype(np.float64)
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
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    if out.size == 0:
        return out
    if out.dtype.kind == "c":
        normal_(_real_view(out), mean, std / math.sqrt(2), generator)
        return out
    _check_floating(out.dtype, "normal_kernel_cpu")
    generator = generator or default_generator
    with generator.lock:
        if out.size >= _GROUP and out.flags.c_contiguous:
            _normal_groups(out.reshape(-1), mean, std, generator)
        else:
            _store(out, _fused(_normal_values(out.size, generator), std, mean))
    return out


def _store(out: np.ndarray, values: np.ndarray) -> None:
    target = _memory_order(out)
    target[...] = _narrow(values, out.dtype).reshape(target.shape)


def _normal_groups(flat: np.ndarray, mean: float, std: float, generator: Generator) -> None:
    """Fill in groups of 16; what is left over is covered by a last group that ends the array."""
    size = flat.size
    whole = size // _GROUP * _GROUP
    group, words_each = (_group64, 2) if _name(flat.dtype) == "float64" else (_group32, 1)
    if whole == size:
        _fill(flat, generator, words_each, lambda words: group(words, mean, std))
        return
    alone = 0
    if size * words_each > _CHUNK:  # otherwise the last group is made together with the others
        alone = whole
        _fill(flat[:whole], generator, words_each, lambda words: group(words, mean, std))
    # PyTorch draws the left-over uniforms too before it redraws, except in 16-bit dtypes.
    drawn = size if flat.dtype.itemsize > 2 else whole
    words = generator.take((drawn - alone + _GROUP) * words_each)
    used = (words[: (whole - alone) * words_each], words[-_GROUP * words_each :])
    values = group(np.concatenate(used), mean, std)
    flat[alone:whole] = values[:-_GROUP]
    flat[-_GROUP:] = values[-_GROUP:]


def _group32(words: np.ndarray, mean: float, std: float) -> np.ndarray:
    return box_muller(_uniform32(words), mean, std)


def _group64(words: np.ndarray, mean: float, std: float) -> np.ndarray:
    pairs = _uniform64(words).reshape(-1, 2, PAIR)
    radius = np.sqrt(-2.0 * np.log(1.0 - pairs[:, 0]))
    angle = 2.0 * np.pi * pairs[:, 1]
    normal = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
    return _fused(normal.reshape(-1), std, mean)


def _normal_values(size: int, generator: Generator) -> np.ndarray:
    """`size` standard normals in float64, the waiting one first if there is one."""
    waiting = [] if generator.next_normal is None else [generator.next_normal]
    pairs = (size - len(waiting) + 1) // 2
    uniform = _uniform64(generator.take(4 * pairs)).reshape(-1, 2)
    if pairs < _GROUP:  # the C library's functions, as in PyTorch, and faster on few numbers
        drawn = [value for u, v in uniform.tolist() for value in _normal_pair(u, v)]
        values = np.array(waiting + drawn)
    else:
        radius = np.sqrt(-2.0 * np.log1p(-uniform[:, 1]))
        angle = 2.0 * np.pi * uniform[:, 0]
        drawn = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=1)
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
    if not std > 0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std}")
    if out.size == 0:
        return out
    _check_floating(out.dtype, "log_normal_cpu")
    generator = generator or default_generator
    with generator.lock, np.errstate(over="ignore"):
        _store(out, np.exp(_fused(_normal_values(out.size, generator), std, mean)))
    return out


def exponential_(
    out: np.ndarray, lambd: float = 1.0, generator: Generator | None = None
) -> np.ndarray:
    """Fill `out` with exponential numbers of rate `lambd`.

    Raises:
        RuntimeError: `lambd` is not positive, or the dtype is not floating.

    Source: torch.Tensor.exponential_.
    """
    if not lambd > 0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
    _check_continuous(out.dtype, "Exponential")
    return _fill(out, generator, 2, lambda words: -1.0 / lambd * np.log1p(-_uniform64(words)))


def cauchy_(
    out: np.ndarray, median: float = 0.0, sigma: float = 1.0, generator: Generator | None = None
) -> np.ndarray:
    """Fill `out` with Cauchy numbers around `median` with half-width `sigma`.

    Raises:
        RuntimeError: `sigma` is not positive, or the dtype is not floating.

    Source: torch.Tensor.cauchy_.
    """
    if not sigma > 0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma}")
    _check_continuous(out.dtype, "Cauchy")

    def transform(words: np.ndarray) -> np.ndarray:
        return _fused(np.tan(np.pi * (_uniform64(words) - 0.5)), sigma, median)

    with np.errstate(over="ignore"):
        return _fill(out, generator, 2, transform)


def geometric_(out: np.ndarray, p: float, generator: Generator | None = None) -> np.ndarray:
    """Fill `out` with the number of trials up to the first success of probability `p`.

    Raises:
        RuntimeError: `p` is not between 0 and 1.
        NotImplementedError: the dtype is boolean, complex or unsigned of more than 8 bits.

    Source: torch.Tensor.geometric_.
    """
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p}")
    if out.dtype.kind in "bc" or _name(out.dtype) in _UNSIGNED:
        raise _not_implemented("geometric_cpu", out.dtype)
    log_failure = math.log1p(-p)

    def transform(words: np.ndarray) -> np.ndarray:
        return np.ceil(np.log(_uniform64(words)) / log_failure)

    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return _fill(out, generator, 2, transform)


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
    if out.dtype.kind == "c" or _name(out.dtype) in _UNSIGNED:
        raise _not_implemented(
            f"bernoulli_{'tensor_cpu_self' if each else 'scalar_cpu'}_", out.dtype
        )
    if each:
        return _bernoulli_each(out, p, generator)  # type: ignore[arg-type]
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p}")
    # u < p for u = bits / 2**53 is a comparison of integers.
    threshold = math.ceil(p * 2.0**53)
    return _fill(out, generator, 2, lambda words: _bits53(words) < threshold)


def _bernoulli_each(out: np.ndarray, p: np.ndarray, generator: Generator | None) -> np.ndarray:
    if out.size == 0:
        return out
    _check_floating(p.dtype, "bernoulli_tensor_cpu_p_")
    if not np.all((p >= 0) & (p <= 1)):
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1: every probability must be in [0, 1]")
    generator = generator or default_generator
    order = _memory_dims(out)
    p = np.broadcast_to(p, out.shape).transpose(order)
    with generator.lock:
        if _name(p.dtype) == "float64":
            uniform = _uniform64(generator.take(2 * out.size))
        else:
            uniform = _uniform32(generator.take(out.size))
    out.transpose(order)[...] = uniform.reshape(p.shape) < p
    return out


def dropout_mask(
    shape: tuple[int, ...], p: float, generator: Generator | None = None
) -> np.ndarray:
    """The elements that dropout of probability `p` keeps, as booleans.

    Raises:
        RuntimeError: `p` is not between 0 and 1.

    Source: torch.nn.functional.dropout.
    """
    return bernoulli_(np.empty(shape, np.bool_), 1.0 - p, generator)
