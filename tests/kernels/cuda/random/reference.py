"""PyTorch's draws on CUDA in NumPy, element by element: an independent reference for the kernels.

From Random123's definition of Philox, curand's of a thread's numbers, and `DistributionTemplates.h`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from flambeau.kernels.cuda.random.philox import Origin

BLOCK = 256


@dataclass(frozen=True)
class Chip:
    """How large a grid is at most: multiprocessors, and the threads that each holds."""

    processors: int
    resident: int


A100, H100 = Chip(108, 2048), Chip(132, 2048)
RTX_A4000 = Chip(48, 1536)
SMALL = Chip(1, 512)
"""What the tests run on: grids end after two blocks, so that short arrays go round their loops."""


class Source:
    """A generator that notes what is taken."""

    def __init__(self, seed: int = 0, offset: int = 0):
        self.seed, self.offset = seed, offset

    def __call__(self, words: int) -> Origin:
        origin = Origin(self.seed, self.offset)
        self.offset += words + -words % 4
        return origin


def philox(counter: Any, key: Any) -> np.ndarray:
    """The four words (..., 4) of counters (..., 4) under keys (..., 2)."""
    x = np.array(counter, np.uint64)
    k0, k1 = np.array(key, np.uint64).T
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = x[..., 0] * np.uint64(0xD2511F53), x[..., 2] * np.uint64(0xCD9E8D57)
        x = np.stack(
            [(b >> np.uint64(32)) ^ x[..., 1] ^ k0, b & low, (a >> np.uint64(32)) ^ x[..., 3] ^ k1, a & low], -1
        )  # fmt: skip
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & low, (k1 + np.uint64(0xBB67AE85)) & low
    return x.astype(np.uint32)


def words(seed: int, subsequence: Any, counter: Any) -> np.ndarray:
    """The four words at a place of each subsequence."""
    subsequence, counter = np.broadcast_arrays(
        np.asarray(subsequence, np.uint64), np.asarray(counter, np.uint64)
    )
    low, up = np.uint64(0xFFFFFFFF), np.uint64(32)
    parts = [counter & low, counter >> up, subsequence & low, subsequence >> up]
    return philox(np.stack(parts, -1), [seed & 0xFFFFFFFF, seed >> 32])


def place_of(index: Any, size: int, chip: Chip, each: int) -> tuple[Any, Any, Any]:
    """(thread, counter, number) of elements of an array, where a counter gives so many numbers."""
    grid = min(chip.processors * (chip.resident // BLOCK), -(-size // BLOCK))
    step = grid * BLOCK
    index = np.asarray(index)
    return index % step, index // (step * each), index // step % each


def used(size: int, chip: Chip, each: int) -> int:
    """How far the offset moves."""
    grid = min(chip.processors * (chip.resident // BLOCK), -(-size // BLOCK))
    return ((size - 1) // (BLOCK * grid * each) + 1) * 4


def of_words(seed: int, size: int, chip: Chip, offset: int = 0, index: Any = None) -> np.ndarray:
    """The word of each element."""
    thread, counter, number = place_of(np.arange(size) if index is None else index, size, chip, 4)
    return np.take_along_axis(words(seed, thread, counter + offset // 4), number[:, None], -1)[:, 0]


def of_long_words(seed: int, size: int, chip: Chip, offset: int = 0) -> np.ndarray:
    """The 64 bits of each element, as integers are made of them."""
    thread, counter, number = place_of(np.arange(size), size, chip, 2)
    four = words(seed, thread, counter + offset // 4).astype(np.uint64)
    pairs = (four[:, 0::2] << np.uint64(32)) | four[:, 1::2]
    return np.take_along_axis(pairs, number[:, None], -1)[:, 0]


def uniform(seed: int, size: int, chip: Chip, offset: int = 0, index: Any = None) -> np.ndarray:
    """float32 from (0, 1]."""
    drawn = of_words(seed, size, chip, offset, index).astype(np.float32)
    return drawn * np.float32(2.0**-32) + np.float32(2.0**-33)


def uniform64(seed: int, size: int, chip: Chip, offset: int = 0) -> np.ndarray:
    """float64 from (0, 1]."""
    thread, counter, number = place_of(np.arange(size), size, chip, 2)
    return np.take_along_axis(
        _long_uniform(words(seed, thread, counter + offset // 4)), number[:, None], -1
    )[:, 0]


def _long_uniform(four: np.ndarray) -> np.ndarray:
    wide = four.astype(np.uint64)
    return (wide[..., 0::2] ^ (wide[..., 1::2] << np.uint64(21))) * 2.0**-53 + 2.0**-54


def normal(seed: int, size: int, chip: Chip, offset: int = 0, index: Any = None) -> np.ndarray:
    """float32, of mean 0 and deviation 1; in float64 until the end."""
    thread, counter, number = place_of(np.arange(size) if index is None else index, size, chip, 4)
    four = words(seed, thread, counter + offset // 4).astype(np.float64)
    u, v = four[:, 0::2] * 2.0**-32 + 2.0**-33, four[:, 1::2] * 2.0**-32 + 2.0**-33
    radius, angle = np.sqrt(-2 * np.log(u)), 2 * np.pi * v
    pairs = np.stack([radius * np.sin(angle), radius * np.cos(angle)], -1).reshape(-1, 4)
    return np.take_along_axis(pairs, number[:, None], -1)[:, 0]


def normal64(seed: int, size: int, chip: Chip, offset: int = 0) -> np.ndarray:
    """float64, of mean 0 and deviation 1."""
    thread, counter, number = place_of(np.arange(size), size, chip, 2)
    u, v = _long_uniform(words(seed, thread, counter + offset // 4)).T
    radius = np.sqrt(-2 * np.log(u))
    pairs = np.stack([radius * np.sin(2 * np.pi * v), radius * np.cos(2 * np.pi * v)], -1)
    return np.take_along_axis(pairs, number[:, None], -1)[:, 0]
