"""Random integers, permutations and category draws: the numbers of PyTorch's CPU kernels."""

from __future__ import annotations

import numpy as np

from ... import kernels
from . import check_integer
from .check_integer import INT64_MIN
from .draws import exponential_
from .generator import Generator, default_generator
from .straight import LARGE_RANGE, few
from .words import fill, name_of, uniform64, words64

_LARGE_PERMUTATION = (2**32 - 1) // 20  # likewise; such permutations are made another way, too


_FEW = 1 << 12


# ---- uniform integers ------------------------------------------------------------------------


def random_(
    out: np.ndarray,
    low: int | None = None,
    high: int | None = None,
    generator: Generator | None = None,
) -> np.ndarray:
    """Fill `out` with uniform integers.

    Args:
        out: a real or boolean array of any strides.
        low: the smallest integer; without it, the range is [0, largest], and for a floating dtype
            the integers from 0 to 2**digits.
        high: the end of the range, never drawn; without it, the range ends at the dtype's largest.
        generator: the stream to draw from; the default one if None.

    Raises:
        RuntimeError: the range is empty or does not fit the dtype.
        NotImplementedError: the dtype is not supported.

    Source: torch.Tensor.random_.
    """
    if few(out, generator, "random_", low, high):
        return out
    if low is None:
        return _random_nonnegative(out, generator)
    if high is None and low == INT64_MIN:
        return _random_all64(out, generator)
    low, stop = check_integer.bounds(out.dtype, low, high)
    return between(out, low, stop - low, generator)


def randint(
    low: int,
    high: int,
    shape: tuple[int, ...],
    dtype: np.dtype | type = np.int64,
    generator: Generator | None = None,
) -> np.ndarray:
    """A new array of uniform integers from [low, high).

    Raises:
        RuntimeError: the range is empty or does not fit the dtype.

    Source: torch.randint.
    """
    return random_(np.empty(shape, dtype), low, high, generator)


def _random_nonnegative(out: np.ndarray, generator: Generator | None) -> np.ndarray:
    dtype = out.dtype
    if out.size == 0:
        return out
    check_integer.any_integer(dtype, "random_kernel_cpu")
    count = check_integer.largest_integer(dtype) + 1
    if name_of(dtype) in ("int64", "float64"):
        return fill(out, generator, 2, lambda words: _remainder64(words, count))
    return fill(out, generator, 1, lambda words: _remainder32(words, count))


def _remainder64(words: np.ndarray, count: int) -> np.ndarray:
    """Numbers of two words, modulo up to 2**63."""
    if count & (count - 1) == 0:
        numbers = words64(words)
        numbers &= np.uint64(count - 1)
        return numbers.view(np.int64)
    if not kernels.enabled():
        return (words64(words) % np.uint64(count)).view(np.int64)
    made = np.empty(len(words) // 2, np.int64)
    kernels.array.draw.integers64(words, made, 0, count)
    return made


def _random_all64(out: np.ndarray, generator: Generator | None) -> np.ndarray:
    if out.size:
        check_integer.full_range(out.dtype, "random_full_64_bits_range_kernel_cpu")
    return fill(out, generator, 2, lambda words: words64(words).view(np.int64))


def _remainder32(words: np.ndarray, count: int) -> np.ndarray:
    """words % count: by floor division, which NumPy vectorises, as remainder it does not."""
    if count & (count - 1) == 0:
        return words & np.uint32(count - 1)
    divisor = np.uint32(count)
    quotient = words // divisor
    quotient *= divisor
    return np.subtract(words, quotient, out=quotient)


def between(
    out: np.ndarray, low: int, count: int, generator: Generator | None = None
) -> np.ndarray:
    """`random_` of so many integers from `low` on, which the dtype holds."""
    if few(out, generator, "between", low, count):
        return out
    dtype = np.dtype(np.int64)
    if count >= LARGE_RANGE:
        return fill(
            out,
            generator,
            2,
            lambda words: _remainder64(words, count) + dtype.type(low),
        )
    if low == 0:
        return fill(out, generator, 1, lambda words: _remainder32(words, count))
    return fill(
        out, generator, 1, lambda words: _remainder32(words, count).astype(dtype) + dtype.type(low)
    )


# ---- permutations ----------------------------------------------------------------------------


def randperm(
    n: int, dtype: np.dtype | type = np.int64, generator: Generator | None = None
) -> np.ndarray:
    """A random order of the integers from 0 to `n` - 1.

    Args:
        n: how many; below 2**32.
        dtype: of the result.
        generator: the stream to draw from; the default one if None.

    Raises:
        RuntimeError: `n` is negative, too large, or more than the dtype can count to.
        NotImplementedError: the dtype is not supported.

    Source: torch.randperm; Fisher and Yates (Durstenfeld, Algorithm 235, CACM 7, 1964).
    """
    dtype = np.dtype(dtype)
    check_integer.permutation(n, dtype)
    if n < 2:
        return np.arange(n).astype(dtype)
    draw = _small_permutation if n < _LARGE_PERMUTATION else _large_permutation
    return draw(n, generator or default_generator).astype(dtype, copy=False)


def permutation_like(x: np.ndarray, generator: Generator | None = None) -> np.ndarray:
    """`randperm` of as many integers as x has elements, of its dtype and where it is."""
    return randperm(x.size, x.dtype, generator)


def _small_permutation(n: int, generator: Generator) -> np.ndarray:
    with generator.lock:
        words = generator.take(n - 1)
    if n <= _FEW and kernels.enabled():
        made = np.empty(n, np.int64)
        kernels.array.draw.permutation(words, made)
        return made
    return _swapped(words % np.arange(n, 1, -1))


def _large_permutation(n: int, generator: Generator) -> np.ndarray:
    """Position i, from 0 on, swaps with one not above it, which is drawn from 64 bits.

    Counted from the other end, the same swaps in the opposite order are those of _swapped, and
    swaps in the opposite order make the inverse permutation.
    """
    with generator.lock:
        numbers = words64(generator.take(2 * n))
    time = np.arange(n, dtype=np.uint64)
    numbers %= time + np.uint64(1)
    backwards = _swapped((time - numbers)[:0:-1].view(np.int64))
    inverse = n - 1 - backwards[::-1]
    result = np.empty(n, np.int64)
    result[inverse] = np.arange(n)
    return result


def _swapped(offset: np.ndarray) -> np.ndarray:
    """0 .. n-1 after swapping position i with position i + offset[i], for i = 0 .. n-2 in turn.

    Note: positions as chains. The swap at time i moves what was at position i to its target, and
    takes what was there: left by the latest earlier swap with the same target, if any. So sorting
    the swaps by target puts each after that swap. And what was at position i at time i was left
    there by the last swap with target i, which brought it from its own position: a chain down to
    a position that no swap had aimed at. Halving the chains finds all their ends.
    """
    count = offset.size
    if count < 200:
        return _swapped_in_turn(offset.tolist())
    if kernels.enabled():
        return kernels.array.mt19937.swapped(offset)
    target, time = _sorted_with_index(offset + np.arange(count))
    moved = time < target
    origin = np.arange(count + 1)
    origin[target[moved]] = time[moved]  # the last of equal targets is the latest
    while not np.array_equal(further := origin.take(origin), origin):
        origin = further
    taken = target.copy()
    np.copyto(taken[1:], origin.take(time[:-1]), where=target[1:] == target[:-1])
    result = np.empty(count + 1, np.int64)
    result[time] = taken
    result[count] = origin[count]
    return result


def _sorted_with_index(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Keys below 2**32 in order, and their indices: several times faster than a stable argsort."""
    packed = keys.astype(np.uint64)
    packed <<= np.uint64(32)
    packed |= np.arange(keys.size, dtype=np.uint64)
    packed.sort()
    index = packed & np.uint64(2**32 - 1)
    packed >>= np.uint64(32)
    return packed.view(np.int64), index.view(np.int64)


def _swapped_in_turn(offset: list[int]) -> np.ndarray:
    items = list(range(len(offset) + 1))
    for i, step in enumerate(offset):
        items[i], items[i + step] = items[i + step], items[i]
    return np.array(items)


# ---- categories ------------------------------------------------------------------------------


def multinomial(
    probs: np.ndarray,
    num_samples: int,
    replacement: bool = False,
    generator: Generator | None = None,
) -> np.ndarray:
    """Indices of categories, drawn with probability proportional to `probs`.

    Args:
        probs: one row of weights, or several rows; they need not sum to 1.
        num_samples: how many indices to draw from each row.
        replacement: whether an index can be drawn more than once.
        generator: the stream to draw from; the default one if None.

    Raises:
        RuntimeError: the weights or the number of samples are not usable.

    Source: torch.multinomial.
    """
    probs = np.asarray(probs)
    check_integer.multinomial(probs, num_samples, replacement)
    rows = probs.reshape(-1, probs.shape[-1])
    shape = (*probs.shape[:-1], num_samples)
    if rows.shape[0] == 0:
        return np.empty(shape, np.int64)
    full = check_integer.weights(rows)
    if not (replacement or full):
        check_integer.supply(rows, num_samples)
    draw = _with_replacement if replacement and num_samples > 1 else _without_replacement
    return draw(rows, num_samples, generator or default_generator).reshape(shape)


def _first_largest(
    race: np.ndarray, dim: int, first: int, count: int, descending: bool
) -> tuple[None, np.ndarray]:
    return None, kernels.array.sort.first(race, count, dim, descending)


_ordered = kernels.Native("array.few", "ordered", _first_largest)


def _without_replacement(rows: np.ndarray, num_samples: int, generator: Generator) -> np.ndarray:
    """The largest of weight / exponential: an exponential race (Gumbel's trick, exponentiated)."""
    race = exponential_(np.empty_like(rows), 1.0, generator)  # in the memory order of rows
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        race = np.where(rows > 0, rows / race, -1)  # tiny weights may lose to nobody but zeros
    if num_samples == 1:
        return race.argmax(axis=1)
    made: np.ndarray = _ordered(race, 1, 0, num_samples, True)[1]
    return made


def _with_replacement(rows: np.ndarray, num_samples: int, generator: Generator) -> np.ndarray:
    work = np.float64 if rows.dtype == np.float64 else np.float32
    weights = rows.astype(work)
    if weights.max() > np.finfo(work).max / rows.shape[1]:
        weights /= rows.shape[1]  # the sum could overflow
    with generator.lock:
        uniform = uniform64(generator.take(2 * rows.shape[0] * num_samples))
    uniform = np.maximum(uniform, np.finfo(np.float64).smallest_subnormal)  # 0 would take weight 0
    return _places(weights, uniform.reshape(-1, num_samples))


def _places(weights: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Where numbers fall among the running sums of their row, which are divided by its total."""
    if kernels.enabled():
        found = kernels.array.multinomial.drawn(weights, uniform)
        if found is not NotImplemented:
            return found  # type: ignore[no-any-return]
    cumulative = np.cumsum(weights, axis=1, dtype=weights.dtype)
    cumulative /= cumulative[:, -1:].copy()
    cumulative[:, -1] = 1
    pairs = zip(cumulative, uniform, strict=True)
    return np.stack([np.searchsorted(steps.astype(np.float64), drawn) for steps, drawn in pairs])
