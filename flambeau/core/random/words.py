"""From a generator's words to numbers, and how they fill an array: in the order of memory."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from ... import kernels
from ..dtype import BY_NUMPY, DTYPES, FLOAT
from .generator import BLOCK, Generator, default_generator

CHUNK = 48 * BLOCK  # words transformed at once: they and the scratch arrays stay in cache

# By the names of floating dtypes, as not all types are NumPy's own.
DIGITS = {t.name: t.fraction + 1 for t in DTYPES.values() if t.category == FLOAT}
LARGEST = {name: DTYPES[name].largest for name in DIGITS}
UNSIGNED = [
    t.name for t in DTYPES.values() if t.is_barebones
]  # PyTorch fills these from bounds only

Transform = Callable[[np.ndarray], np.ndarray]


@functools.cache  # NumPy puts the name together on each reading, which takes longer than a draw
def name_of(dtype: np.dtype) -> str:
    return dtype.name


# ---- from words to numbers -------------------------------------------------------------------


def words64(words: np.ndarray) -> np.ndarray:
    """64-bit numbers of which each has its high word first."""
    result = words[0::2].astype(np.uint64)
    result <<= np.uint64(32)
    result |= words[1::2]
    return result


def uniform32(words: np.ndarray) -> np.ndarray:
    """float32 in [0, 1): the low 24 bits of each word."""
    if kernels.enabled():
        return kernels.array.mt19937.uniform(words)
    result = (words & 0xFFFFFF).astype(np.float32)
    result *= np.float32(2**-24)
    return result


def bits53(words: np.ndarray) -> np.ndarray:
    result = words64(words)
    result &= np.uint64(2**53 - 1)
    return result.view(np.int64)


def uniform64(words: np.ndarray) -> np.ndarray:
    """float64 in [0, 1): the low 53 bits of each pair of words."""
    if len(words) and kernels.enabled():
        made = np.empty(len(words) // 2)
        kernels.array.draw.uniform(words, made)
        return made
    return bits53(words) * 2.0**-53


# ---- filling an array ------------------------------------------------------------------------


def _memory_order(out: np.ndarray) -> np.ndarray:
    """A view of `out` whose C order walks through memory upwards."""
    return out if out.flags.c_contiguous else out.transpose(memory_dims(out))


def memory_dims(out: np.ndarray) -> list[int]:
    return sorted(range(out.ndim), key=lambda dim: -abs(out.strides[dim]))


def _narrow(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`values` ready to be stored as `dtype`: PyTorch rounds to 16 bits by way of float32."""
    if dtype.itemsize < 4 and values.dtype == np.float64 and name_of(dtype) in DIGITS:
        return values.astype(np.float32)
    return values


def fill(
    out: np.ndarray, generator: Generator | None, words_each: int, transform: Transform
) -> np.ndarray:
    """Store transform(words) in `out`, which takes `words_each` words for each value."""
    generator = generator or default_generator
    target = _memory_order(out)
    size = out.size
    with generator.lock:
        if size * words_each <= CHUNK:
            values = transform(generator.take(size * words_each))
            target[...] = _narrow(values, out.dtype).reshape(target.shape)
            return out
        contiguous = target.flags.c_contiguous
        flat = target.reshape(-1) if contiguous else np.empty(size, out.dtype)
        step = CHUNK // words_each
        for start in range(0, size, step):
            stop = min(start + step, size)
            values = transform(generator.take((stop - start) * words_each))
            flat[start:stop] = _narrow(values, out.dtype)
    if not contiguous:
        target[...] = flat.reshape(target.shape)
    return out


def real_view(out: np.ndarray) -> np.ndarray:
    """The real and imaginary parts of a complex array along a new last dimension."""
    return out[..., None].view(BY_NUMPY[out.dtype].to_real().numpy)


def not_implemented(kernel: str, dtype: np.dtype) -> NotImplementedError:
    return NotImplementedError(
        f'"{kernel}" not implemented for {name_of(dtype)}; draw in a supported dtype and convert'
    )


def check_floating(dtype: np.dtype, kernel: str) -> None:
    if name_of(dtype) not in DIGITS:
        raise not_implemented(kernel, dtype)


def check_continuous(dtype: np.dtype, name: str) -> None:
    if name_of(dtype) not in DIGITS:
        raise RuntimeError(
            f"{name} distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {name_of(dtype)}"
        )


def store(out: np.ndarray, values: np.ndarray) -> None:
    target = _memory_order(out)
    target[...] = _narrow(values, out.dtype).reshape(target.shape)
