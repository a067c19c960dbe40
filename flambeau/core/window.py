"""Window functions, as NumPy arrays: `count` points of each, at the distances of a window of `size`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def cosines(count: int, size: int, a: Sequence[float]) -> np.ndarray:
    """a_0 - a_1 cos(x) + a_2 cos(2x) - ..., x from 0 to 2 pi over the window."""
    x = 2 * np.pi * np.arange(count) / max(size - 1, 1)
    return sum((-1) ** i * weight * np.cos(i * x) for i, weight in enumerate(a)) + 0 * x


def bartlett(count: int, size: int) -> np.ndarray:
    """A triangle with zeros at its ends."""
    return 1 - np.abs(2 * np.arange(count) / max(size - 1, 1) - 1)


def cosine(count: int, size: int) -> np.ndarray:
    """Half a period of a sine, sampled between its zeros."""
    return np.sin(np.pi * (np.arange(count) + 0.5) / size)


def exponential(count: int, center: float, tau: float) -> np.ndarray:
    """exp(-|n - center| / tau)."""
    return np.exp(-np.abs(np.arange(count) - center) / tau)


def gaussian(count: int, size: int, std: float) -> np.ndarray:
    """A normal distribution's density, 1 in the middle."""
    return np.exp(-(((np.arange(count) - (size - 1) / 2) / std) ** 2) / 2)


def kaiser(count: int, size: int, beta: float) -> np.ndarray:
    """I0(beta sqrt(1 - x^2)) / I0(beta), x from -1 to 1 over the window."""
    x = 2 * np.arange(count) / max(size - 1, 1) - 1
    return np.i0(beta * np.sqrt(np.maximum(1 - x * x, 0))) / np.i0(beta)


BLACKMAN = (0.42, 0.5, 0.08)
NUTTALL = (0.3635819, 0.4891775, 0.1365995, 0.0106411)
